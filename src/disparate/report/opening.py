"""Where a result lies: a JSON file, or a folder that holds ``result.json``."""

from pathlib import Path

from disparate.errors import BadInput
from disparate.findings import Result

FILE = "result.json"


def result_file(path: Path) -> Path:
    """Return the file of a result.

    Args:
        path: A file, or a folder that holds ``result.json``.

    Returns:
        The file.

    Raises:
        BadInput: The folder holds no result.
    """
    if not path.is_dir():
        return path
    if not (path / FILE).is_file():
        raise BadInput(f"folder '{path}' holds no {FILE}; give the file, or a folder that an audit wrote.")
    return path / FILE


def open_result(path: Path) -> Result:
    """Read a result from a file or from a folder that holds one.

    Args:
        path: A file, or a folder that holds ``result.json``.

    Returns:
        The result.

    Raises:
        BadInput: There is no result, or it is not of this schema.
    """
    return Result.read(result_file(path))
