"""Memory and disk that counting may use: how much it may need is known before it begins."""

import re
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from disparate.errors import BadInput
from disparate.store.workspaces import new_workspace, sweep

PREFIX = "disparate-spill-"
SIZE = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[KMGT]?)(?P<binary>i?)B", re.IGNORECASE)
POWERS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}


@dataclass(frozen=True, kw_only=True, slots=True)
class Room:
    """What counting may use.

    Args:
        memory: Memory, such as ``"1GB"`` or ``"500MiB"``.
        threads: Threads.
        folder: Folder for what does not fit into memory; that for temporary files where not given.
    """

    memory: str = "1GB"
    threads: int = 2
    folder: Path | None = None

    def __post_init__(self) -> None:
        if SIZE.fullmatch(self.memory.strip()) is None:
            raise BadInput(f"memory is '{self.memory}'; a number with its unit was expected, such as 1GB or 500MB.")

    @property
    def memory_bytes(self) -> int:
        """Memory in bytes.

        Example:
            >>> Room(memory="1.5 GB").memory_bytes, Room(memory="2KiB").memory_bytes
            (1500000000, 2048)
        """
        found = SIZE.fullmatch(self.memory.strip())
        if found is None:
            return 0
        power = POWERS[found["unit"].upper()]
        return int(float(found["number"]) * (1024 if found["binary"] else 1000) ** power)

    @property
    def place(self) -> Path:
        """The folder in which another one is made for what does not fit into memory."""
        return self.folder or Path(tempfile.gettempdir())


@contextmanager
def spill_folder(room: Room) -> Generator[Path]:
    """Give an empty folder for what does not fit into memory; what killed processes left there is removed first.

    Args:
        room: Where it is made.

    Yields:
        The folder; it is removed when the block ends.

    Raises:
        BadInput: It cannot be made.
    """
    if not room.place.is_dir():
        raise BadInput(f"'{room.place}' is no folder; one for what does not fit into memory was expected.")
    sweep(room.place, prefix=PREFIX)
    try:
        folder = new_workspace(room.place, prefix=PREFIX)
    except OSError as error:
        raise BadInput(
            f"nothing can be written to '{room.place}' ({error.strerror}); name another folder with --spill."
        ) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def disk_needed(size: int, room: Room) -> str:
    """Return how much disk may be needed, in words; nothing where all fits into memory.

    Args:
        size: Bytes that have to be held at once.
        room: What may be used.

    Returns:
        A phrase such as ``"up to 6.4 GB on disk in '/tmp', where 72.1 GB are free"``, or an empty text.

    Raises:
        BadInput: There is not that much.

    Example:
        >>> disk_needed(1000, Room())
        ''
    """
    if size <= room.memory_bytes // 2:
        return ""
    free = shutil.disk_usage(room.place).free
    if size > free:
        raise BadInput(
            f"matching rows by id may need up to {in_words(size)} on disk, and '{room.place}' has {in_words(free)} "
            "free; a folder with enough was expected. Name one with --spill, give more --memory, or write both files "
            "as Parquet in the order of whole-number ids: then nothing is written."
        )
    return f"up to {in_words(size)} on disk in '{room.place}', where {in_words(free)} are free"


def in_words(size: int) -> str:
    """Return a size in words.

    Example:
        >>> in_words(6_400_000_000), in_words(20_000_000)
        ('6.4 GB', '20 MB')
    """
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"
