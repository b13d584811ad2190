"""Files that exist entirely or not at all."""

import os
import secrets
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Generator[Path]:
    """Give a temporary path; what is written there becomes ``path`` when the block ends without an error.

    The temporary file lies in the same folder, is flushed to the disk and then renamed, so whoever reads ``path``,
    at any moment and after any crash, finds the old file, the new file or none.

    Args:
        path: The file to be written; its folder is created where it is absent.

    Yields:
        The path to write to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        yield temporary
        _flush(temporary)
        temporary.replace(path)
        _flush(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
