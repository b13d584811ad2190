"""Files here and in object stores, read in the same way.

A plain path is a :class:`~pathlib.Path`. Anything with a scheme, such as ``s3://bucket/x.parquet``, is a
:class:`Remote`: it is asked of pyarrow's own file systems, or of fsspec's where pyarrow has none. Nothing is fetched
that was not named.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar
from urllib.parse import SplitResult, unquote, urlsplit

import pyarrow as pa
from pyarrow import fs

from disparate.errors import BadInput, DisparateError
from disparate.extras import require

SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.\-]+://")
OF_PYARROW = frozenset({"s3", "gs", "gcs", "abfs", "abfss", "hdfs", "viewfs"})
CONTAINED = frozenset({"abfs", "abfss"})
"""Schemes whose addresses name a container in the place of a user."""
UNLISTED = frozenset({"http", "https"})
Found = TypeVar("Found")


@dataclass(frozen=True, kw_only=True, slots=True)
class Remote:
    """A file that is not on this machine.

    Args:
        shown: What messages and reports call it: its address without passwords, keys and signatures.
        path: Where it is in its file system.
        system: The file system.
    """

    shown: str
    path: str
    system: Any = field(compare=False, repr=False)

    def __str__(self) -> str:
        return self.shown

    @property
    def suffix(self) -> str:
        """Ending of its name, such as ``".parquet"``."""
        return PurePosixPath(self.shown).suffix


File = Path | Remote
"""A file, wherever it is."""


def is_remote(text: str) -> bool:
    """Return whether a text is an address with a scheme and not a path.

    Example:
        >>> is_remote("s3://bucket/x.parquet"), is_remote("runs/x.parquet"), is_remote("C://x.parquet")
        (True, False, False)
    """
    return SCHEME.match(text) is not None


def located(address: str) -> File:
    """Return the file an address means.

    Args:
        address: Such as ``"s3://bucket/x.parquet?region=eu-west-1"``; ``file:///x`` is a path.

    Returns:
        The file; whether it exists is not asked.

    Raises:
        BadInput: The file system cannot be reached, or is unknown.
        MissingExtra: What reads it is not installed.
    """
    parts = _parts(address)
    if parts.scheme.lower() == "file":
        return Path(unquote(parts.path))
    shown = shown_as(address)
    system, path = _reached(shown, lambda: _system(address))
    return Remote(shown=shown, path=path, system=system)


def beside(address: str) -> tuple[Remote, list[Remote]]:
    """Return an address that holds placeholders as it stands, and all files below its fixed part.

    Args:
        address: With ``*`` or ``{seed}`` after its first folder.

    Returns:
        The address, and the files.

    Raises:
        BadInput: The file system cannot be reached or cannot list files.
    """
    pattern = located(address)
    if not isinstance(pattern, Remote):
        raise BadInput(f"'{address}' is a path; an address in an object store was expected.")
    if _parts(address).scheme.lower() in UNLISTED:
        raise BadInput(
            f"'{pattern}': files cannot be listed over {_parts(address).scheme}; single files were expected. Name "
            "each, or copy them here."
        )
    folder, shown = (re.split(r"[*{]", text, maxsplit=1)[0].rpartition("/")[0] for text in (pattern.path, str(pattern)))
    recursive = "/" in pattern.path[len(folder) + 1 :]
    selector = fs.FileSelector(folder, recursive=recursive, allow_not_found=True)
    found = _reached(str(pattern), lambda: pattern.system.get_file_info(selector))
    files = [
        Remote(shown=shown + item.path[len(folder) :], path=item.path, system=pattern.system)
        for item in found
        if item.type == fs.FileType.File
    ]
    return pattern, sorted(files, key=str)


def stream(file: File) -> pa.NativeFile:
    """Return a file, opened for reading at any place.

    Args:
        file: The file.

    Returns:
        The open file, to be closed by whoever asked.

    Raises:
        BadInput: A remote file cannot be opened.
    """
    if isinstance(file, Path):
        return pa.OSFile(str(file))
    return _reached(str(file), lambda: file.system.open_input_file(file.path))


def size(file: File) -> int | None:
    """Return the bytes of a file; None where there is none.

    Args:
        file: The file.

    Returns:
        The bytes; None for a folder and for what does not exist.

    Raises:
        BadInput: The file system cannot be reached.
    """
    if isinstance(file, Path):
        return file.stat().st_size if file.is_file() else None
    found = _reached(str(file), lambda: file.system.get_file_info(file.path))
    return (found.size or 0) if found.type == fs.FileType.File else None


def is_folder(file: File) -> bool:
    """Return whether there is a folder in a file's place."""
    if isinstance(file, Path):
        return file.is_dir()
    return _reached(str(file), lambda: file.system.get_file_info(file.path)).type == fs.FileType.Directory


def shown_as(address: str) -> str:
    """Return an address without what may be secret: user, password, query.

    Example:
        >>> shown_as("https://me:secret@host/x.parquet?signature=abc")
        'https://host/x.parquet'
    """
    parts = _parts(address)
    user, at, host = parts.netloc.rpartition("@")
    kept = user + at if parts.scheme.lower() in CONTAINED and ":" not in user else ""
    return f"{parts.scheme}://{kept}{host}{parts.path}"


def _parts(address: str) -> SplitResult:
    return urlsplit(address, allow_fragments=False)


def _system(address: str) -> tuple[Any, str]:
    parts = _parts(address)
    scheme = parts.scheme.lower()
    if scheme in OF_PYARROW:
        system, base = _of_pyarrow(f"{scheme}://{parts.netloc}" + (f"?{parts.query}" if parts.query else ""))
        return system, f"{base.rstrip('/')}{parts.path}"
    if scheme in UNLISTED:
        require("aiohttp", wanted_for=f"'{shown_as(address)}'")
    fsspec = require("fsspec.core", wanted_for=f"'{shown_as(address)}'")
    system, path = fsspec.url_to_fs(address)
    return fs.PyFileSystem(fs.FSSpecHandler(system)), path


@lru_cache(maxsize=16)
def _of_pyarrow(address: str) -> tuple[Any, str]:
    return fs.FileSystem.from_uri(address)


def _reached(shown: str, call: Callable[[], Found]) -> Found:
    try:
        return call()
    except Exception as error:  # file systems of others raise whatever they like
        if isinstance(error, DisparateError):
            raise
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        reason = re.sub(r"\?\S+", "?…", re.sub(r"//\S+@", "//…@", reason))
        raise BadInput(
            f"'{shown}' cannot be reached ({reason}); an address that this user may read was expected. Are the name, "
            "the region, the network and the credentials right? They are those of the environment, such as "
            "AWS_ACCESS_KEY_ID, AWS_PROFILE and AWS_DEFAULT_REGION."
        ) from error
