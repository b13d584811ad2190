"""Files called by their content: the same bytes are kept once, and a changed byte is noticed."""

import hashlib
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from disparate.errors import BadInput
from disparate.store.atomic import replacing

_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Blobs:
    """A folder of files, each named by the SHA-256 of its content; ``ab/<sha256>`` where the digest starts with ``ab``.

    Args:
        root: The folder.
    """

    root: Path

    def put(self, source: Path | bytes) -> str:
        """Keep a file or some bytes.

        Args:
            source: A file, which stays as it is, or its content.

        Returns:
            The SHA-256 of the content. Putting the same content again changes nothing, except that a damaged copy is
            replaced.

        Raises:
            BadInput: The file does not exist.
        """
        if isinstance(source, Path) and not source.is_file():
            raise BadInput(f"file {source} does not exist; a file to keep was expected.")
        digest = hashlib.sha256(source).hexdigest() if isinstance(source, bytes) else _digest(source)
        if not self.intact(digest):
            with replacing(self._path(digest)) as temporary:
                _copy(source, temporary)
        return digest

    def get(self, digest: str) -> Path:
        """Return where the content with this digest lies.

        Args:
            digest: SHA-256 of the content, 64 hexadecimal digits.

        Returns:
            The file; it must not be written to.

        Raises:
            BadInput: The digest is none, or there is no such content.
        """
        path = self._path(digest)
        if not path.is_file():
            raise BadInput(f"blob {digest} is absent: {path} does not exist. Run the audit again: its job is repeated.")
        return path

    def verify(self, digest: str) -> None:
        """Read the content with this digest and refuse it where it is not what it was.

        Args:
            digest: SHA-256 of the content.

        Raises:
            BadInput: The content is absent or damaged.
        """
        path = self.get(digest)
        if (found := _digest(path)) != digest:
            raise BadInput(
                f"blob {digest} is damaged: {path} has the digest {found}. Run the audit again: its job is repeated."
            )

    def intact(self, digest: str) -> bool:
        """Return whether the content with this digest is there and undamaged."""
        path = self._path(digest)
        return path.is_file() and _digest(path) == digest

    def _path(self, digest: str) -> Path:
        if not _DIGEST.fullmatch(digest):
            raise BadInput(f"'{digest}' names no blob; 64 hexadecimal digits (a SHA-256) were expected.")
        return self.root / digest[:2] / digest


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _copy(source: Path | bytes, target: Path) -> None:
    if isinstance(source, bytes):
        target.write_bytes(source)
    else:
        shutil.copyfile(source, target)
