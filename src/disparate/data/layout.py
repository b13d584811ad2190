"""Where data lies: the folder a user names, and the published layout expected in it."""

import os
from collections.abc import Sequence
from pathlib import Path

from disparate.errors import BadInput

VARIABLE = "DISPARATE_DATA"


def resolve_root(root: Path | None) -> Path:
    """Return the folder that holds the data sets.

    Args:
        root: As given in a recipe or in Python; a relative path is looked for in the folder that ``--data`` or
            ``DISPARATE_DATA`` names, then in the current one.

    Returns:
        The folder; ``DISPARATE_DATA`` itself where no root was given.

    Raises:
        BadInput: Neither a root nor ``DISPARATE_DATA`` is given, or the folder does not exist.
    """
    named = os.environ.get(VARIABLE)
    if root is None and not named:
        raise BadInput(f"no data folder is given. Name it with --data or set {VARIABLE}.")
    folder = Path(named or ".") if root is None else root.expanduser()
    below = Path(named or ".") / ("." if root is None else folder)  # an absolute folder stays what it is
    for place in (below, folder):
        if place.is_dir():
            return place
    where = f", neither in '{named}' nor here" if named and below != folder else ""
    raise BadInput(f"data folder '{folder}' does not exist{where}. Name another with --data or set {VARIABLE}.")


def find_folder(root: Path, name: str, *, holds: str, layout: str) -> Path:
    """Return the folder of a data set: ``root/name``, or the root itself where it holds the files.

    Args:
        root: Folder that holds data sets, or this one.
        name: Name of the data set's folder as published.
        holds: A pattern of files, such as ``"*.jpg"``, that tells the data set's own folder.
        layout: The expected layout, in words of the message.

    Returns:
        The folder.

    Raises:
        BadInput: Neither is there; the message names the folder, how to set it, and the layout.
    """
    if (root / name).is_dir():
        return root / name
    if next(root.glob(holds), None) is not None:
        return root
    raise BadInput(
        f"data folder '{root / name}' was looked for and does not exist. "
        f"Name the folder above it with --data or set {VARIABLE}. Expected layout: {layout}."
    )


def find_file(root: Path, name: str, *, wanted_for: str) -> Path:
    """Return a file below the root.

    Args:
        root: Folder the name is relative to.
        name: Relative path of the file.
        wanted_for: What asks for it, such as ``"setting table"``.

    Returns:
        The path.

    Raises:
        BadInput: There is no such file, or the name leads out of the root.
    """
    path = root / name
    if not is_inside(name):
        raise BadInput(f"{wanted_for}: '{name}' leads out of the data folder '{root}'; a path inside it was expected.")
    if not path.is_file():
        raise BadInput(
            f"{wanted_for}: file '{path}' was looked for and does not exist. "
            f"Name the folder that '{name}' lies in with --data or set {VARIABLE}."
        )
    return path


def first_of(folder: Path, names: Sequence[str], *, layout: str) -> Path:
    """Return the first of these files that the folder holds.

    Args:
        folder: Folder of the data set.
        names: Names that the file is published under, the preferred first.
        layout: The expected layout, in words of the message.

    Returns:
        The path.

    Raises:
        BadInput: There is none of them.
    """
    found = next((folder / name for name in names if (folder / name).is_file()), None)
    if found is None:
        raise BadInput(f"data folder '{folder}' holds none of {', '.join(names)}. Expected layout: {layout}.")
    return found


def is_inside(name: str) -> bool:
    """Return whether a relative path stays below the folder it is relative to.

    Example:
        >>> is_inside("a/../b.jpg"), is_inside("../b.jpg"), is_inside("/b.jpg")
        (True, False, False)
    """
    return not os.path.isabs(name) and os.path.normpath(name).split(os.sep)[0] != os.pardir
