"""Recipes that come along: TOML files, each an audit that runs as it stands."""

from importlib.resources import files
from pathlib import Path

from disparate.errors import BadInput, suggestion


def shipped() -> dict[str, Path]:
    """Return the file of every recipe that comes along, by name."""
    folder = Path(str(files("disparate.recipes")))
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def find_recipe(name: str) -> Path:
    """Return a recipe's file, by path or by the name of one that comes along.

    Args:
        name: A path, or a name that :func:`shipped` knows.

    Returns:
        The file.

    Raises:
        BadInput: There is neither such a file nor such a recipe.
    """
    known = shipped()
    if name in known:
        return known[name]
    path = Path(name)
    if path.exists() or path.suffix == ".toml":
        return path
    raise BadInput(f"there is no recipe file '{name}' and no recipe of that name.{suggestion(name, known)}")
