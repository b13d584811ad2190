"""The cache folder, and how an entry is written whole or not at all."""

import os
import shutil
import time
import uuid
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from disparate.errors import BadInput

PARTIAL = ".partial"
STALE = 24 * 3600.0
"""Age in seconds after which what a killed process left behind is removed."""


def cache_folder() -> Path:
    """Return the folder for decoded images: ``DISPARATE_CACHE``, or ``disparate`` in the user's cache folder."""
    named = os.environ.get("DISPARATE_CACHE")
    if named:
        return Path(named).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "disparate"


@contextmanager
def written_atomically(folder: Path, *, need: int, is_whole: Callable[[], bool]) -> Generator[Path]:
    """Give a folder to write into, which takes its place when all is written and on the disk.

    A process that finds a whole entry in the place when it is done leaves that one.

    Args:
        folder: The place of the entry.
        need: Bytes that have to be free.
        is_whole: Whether a whole entry stands in the place.

    Yields:
        The folder to be filled, beside the place; gone if the block raises.

    Raises:
        BadInput: It cannot be written, or there is too little space.
    """
    partial = folder.with_name(f"{folder.name}.{uuid.uuid4().hex}{PARTIAL}")
    try:
        _begin(partial, need)
        yield partial
        _sync(partial)
        _move(partial, folder, is_whole)
    except OSError as error:
        raise BadInput(f"cache '{folder.parent}' cannot be written: {error}. Set DISPARATE_CACHE.") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _begin(partial: Path, need: int) -> None:
    partial.mkdir(parents=True)
    for left in partial.parent.glob(f"*{PARTIAL}"):
        if time.time() - left.stat().st_mtime > STALE:
            shutil.rmtree(left, ignore_errors=True)
    free = shutil.disk_usage(partial).free
    if free < need:
        raise OSError(f"{need / 2**20:.0f} MiB are needed and {free / 2**20:.0f} MiB are free")


def _sync(folder: Path) -> None:
    for path in (*folder.iterdir(), folder):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _move(partial: Path, folder: Path, is_whole: Callable[[], bool]) -> None:
    if folder.exists() and not is_whole():
        shutil.rmtree(folder)
    try:
        partial.rename(folder)
    except OSError:
        if not is_whole():
            raise
