"""From the words of a recipe to the objects they name."""

import importlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from disparate.errors import BadInput, suggestion

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


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

    def build(self, name: str, settings: Mapping[str, Any]) -> Any:
        """Return the frozen value of a name with these settings, checked strictly: ``"0.5"`` is no number.

        Args:
            name: A known name; of a dataclass.
            settings: Setting to value, as a recipe's table holds them.

        Returns:
            The value.

        Raises:
            BadInput: No such name, or a setting is unknown, missing, of a wrong type or out of range. All wrong
                settings are reported together, one per line.
        """
        from pydantic import TypeAdapter, ValidationError

        kind = self.load(name)
        known = list(kind.__dataclass_fields__)
        unknown = [
            f"unknown key '{key}' (found {value!r}).{suggestion(key, known) if known else ' It has no settings.'}"
            for key, value in settings.items()
            if key not in known
        ]
        try:
            value = TypeAdapter(kind).validate_json(json.dumps(dict(settings), default=str), strict=True)
        except ValidationError as error:
            wrong = [_problem(item) for item in error.errors() if not _is_named_above(item)]
            raise BadInput(self._lines(name, wrong + unknown)) from error
        except BadInput as error:
            raise BadInput(self._lines(name, [str(error), *unknown])) from error
        if unknown:
            raise BadInput(self._lines(name, unknown))
        return value

    def _lines(self, name: str, problems: list[str]) -> str:
        return "\n".join(f"{self.family.removesuffix('s')} '{name}': {problem}" for problem in problems)

    def _foreign(self) -> Mapping[str, str]:
        return _added(f"disparate.{self.family}")


@cache
def _added(group: str) -> Mapping[str, str]:
    """Return what other packages add to a group; read once, as a file of every installed package is opened for it."""
    return {point.name: point.value for point in entry_points(group=group)}


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


def _is_named_above(item: "ErrorDetails") -> bool:
    return item["type"] == "unexpected_keyword_argument" and len(item["loc"]) == 1


def _problem(item: "ErrorDetails") -> str:
    key = ".".join(str(part) for part in item["loc"])
    if item["type"] == "missing":
        return f"key '{key}' is missing."
    if item["type"] == "unexpected_keyword_argument":
        return f"unknown key '{key}' (found {item['input']!r})."
    expected = item["msg"].removeprefix("Input should be ")
    return f"key '{key}' is {item['input']!r}; {expected} was expected.{_literal_hint(item)}"


def _literal_hint(item: "ErrorDetails") -> str:
    words = item.get("ctx", {}).get("expected", "").split("'")[1::2]
    near = suggestion(str(item["input"]), words) if words else ""
    return near if near.startswith(" Did") else ""
