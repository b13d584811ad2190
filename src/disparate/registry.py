"""From the words of a recipe to the objects they name."""

import importlib
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any

from disparate.errors import BadInput, suggestion


@dataclass(frozen=True, kw_only=True, slots=True)
class Registry:
    """A family of things that text can name: one visible table, plus what other packages add.

    Another package adds to a family with an entry point in the group ``disparate.<family>``.
    Python users pass objects and never meet a registry.

    Args:
        family: Plural noun of the family, such as ``"choices"``.
        entries: Name to ``"module:attribute"``; nothing is imported before it is asked for.

    Example:
        >>> family = Registry(family="examples", entries={"ordered": "collections:OrderedDict"})
        >>> family.load("ordered").__name__
        'OrderedDict'
        >>> family.load("orderd")
        Traceback (most recent call last):
        ...
        disparate.errors.BadInput: unknown name 'orderd' among the examples. Did you mean 'ordered'?
    """

    family: str
    entries: dict[str, str]

    def names(self) -> list[str]:
        """Return every known name, sorted, those of other packages included."""
        return sorted({*self.entries, *self._foreign()})

    def load(self, name: str) -> Any:
        """Import and return what ``name`` stands for.

        Args:
            name: A known name.

        Returns:
            The object behind the name.

        Raises:
            BadInput: No such name; the message suggests the nearest.
        """
        target = self.entries.get(name) or self._foreign().get(name)
        if target is None:
            raise BadInput(f"unknown name '{name}' among the {self.family}.{suggestion(name, self.names())}")
        return import_object(target)

    def _foreign(self) -> dict[str, str]:
        return {point.name: point.value for point in entry_points(group=f"disparate.{self.family}")}


def import_object(target: str) -> Any:
    """Return the object at ``"module:attribute"``.

    Args:
        target: Importable path, module and attribute separated by a colon.

    Returns:
        The object.

    Raises:
        BadInput: The text has no colon, the module does not import, or it has no such attribute.
    """
    module_name, colon, attribute = target.partition(":")
    if not colon:
        raise BadInput(f"'{target}' names no object: 'module:attribute' was expected.")
    try:
        found: Any = importlib.import_module(module_name)
        for part in attribute.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise BadInput(f"'{target}' cannot be loaded: {error}.") from error
    return found
