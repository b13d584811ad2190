"""Plain values: what may stand in a key, in a record and in the index."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

from disparate.errors import BadInput


def plain(value: object, what: str) -> Any:
    """Return a value as JSON would give it back: tuples become lists, mappings become dictionaries.

    Args:
        value: None, a bool, a number, a text, or lists, tuples and mappings of these.
        what: What the value is called in a message.

    Returns:
        An equal value made of ``None``, ``bool``, ``int``, ``float``, ``str``, ``list`` and ``dict``.

    Raises:
        BadInput: Something inside is of another type, is NaN or infinite, or a mapping has a key that is no text.

    Example:
        >>> plain({"rate": 0.5, "layers": ("a", "b")}, "arguments")
        {'rate': 0.5, 'layers': ['a', 'b']}
        >>> plain({"loss": float("nan")}, "record")
        Traceback (most recent call last):
        ...
        disparate.errors.BadInput: record['loss'] is nan; a finite number was expected. Leave it out or use None.
    """
    if value is None or isinstance(value, bool | str | int):
        return value
    if isinstance(value, float):
        return _finite(value, what)
    if isinstance(value, Mapping):
        return _table(cast("Mapping[object, object]", value), what)
    if isinstance(value, list | tuple):
        return [plain(item, f"{what}[{place}]") for place, item in enumerate(cast("Sequence[object]", value))]
    raise BadInput(
        f"{what} is a {type(value).__module__}.{type(value).__qualname__}; a plain value was expected: None, bool, "
        "int, float, str, or lists and dictionaries of these. Convert it first (an array: .item() or .tolist())."
    )


def _finite(value: float, what: str) -> float:
    if not math.isfinite(value):
        raise BadInput(f"{what} is {value}; a finite number was expected. Leave it out or use None.")
    return value


def _table(value: Mapping[object, object], what: str) -> dict[str, Any]:
    for key in value:
        if not isinstance(key, str):
            raise BadInput(f"{what} has the key {key!r}; a text was expected. Use str(...).")
    return {str(key): plain(item, f"{what}[{key!r}]") for key, item in value.items()}
