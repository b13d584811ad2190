"""Space: the values that a variant's choices are tried with, as a recipe writes them."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from disparate.choice import Choice, Variant
from disparate.choices import build_choice
from disparate.errors import BadInput, suggestion

SEARCH = "search"
"""The key of a table that stands in the place of a value to be searched."""
DIGITS = 3
"""Significant digits of a value drawn from a range, so that recipes stay legible and equal trials are equal."""
RANGE = ("low", "high", "log", "points")
FORM = "{ search = [0.3, 0.5] } or { search = { low = 0.001, high = 1.0, log = true, points = 4 } }"


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """A dimension whose values are written down.

    Args:
        name: How it is called.
        values: Numbers, texts, truth values, lists, or whole choices as tables; an empty table is no choice.
    """

    name: str
    values: tuple[Any, ...]

    def grid(self) -> tuple[Any, ...]:
        """Return every value."""
        return self.values


@dataclass(frozen=True, kw_only=True, slots=True)
class Range:
    """A dimension of numbers between two ends.

    Args:
        name: How it is called.
        low: Smallest value.
        high: Largest value.
        log: Whether the logarithm is what is spread evenly.
        points: How many values a grid takes, the ends included.
        whole: Whether its values are whole numbers.
    """

    name: str
    low: float
    high: float
    log: bool = False
    points: int | None = None
    whole: bool = False

    def grid(self) -> tuple[Any, ...]:
        """Return the values of a grid, both ends included.

        Raises:
            BadInput: It is not said how many points there are.

        Example:
            >>> Range(name="strength", low=0.01, high=1.0, log=True, points=3).grid()
            (0.01, 0.1, 1.0)
        """
        if self.points is None:
            raise BadInput(
                f"range '{self.name}' has no points; a grid needs their number, such as points = 4. "
                "Methods 'tpe' and 'nsga2' need none."
            )
        spread = np.geomspace if self.log else np.linspace
        return tuple(dict.fromkeys(self.rounded(value) for value in spread(self.low, self.high, self.points).tolist()))

    def rounded(self, value: float) -> float | int:
        """Return a value with three significant digits, inside the range.

        Example:
            >>> Range(name="rate", low=0.0, high=1.0).rounded(0.123456)
            0.123
        """
        if self.whole:
            return round(min(max(value, self.low), self.high))
        return min(max(float(f"{value:.{DIGITS}g}"), self.low), self.high)


Dimension = Listed | Range
Settings = Mapping[str, Any]
"""A value for every dimension, by its name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a dimension's value goes.

    Args:
        name: Name of the dimension.
    """

    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Template:
    """A variant of a recipe with places for the values that are tried.

    Args:
        name: Name of the variant in the recipe.
        choices: Its choices as tables; a place stands for a value, or for a whole choice.
        dimensions: What is tried; none for a variant that is judged as it is.
    """

    name: str
    choices: tuple[Any, ...]
    dimensions: tuple[Dimension, ...]

    def at(self, settings: Settings) -> Variant:
        """Return the variant with values in its places.

        Args:
            settings: A value for every dimension.

        Returns:
            The variant; its name says the values.

        Raises:
            BadInput: A choice cannot be made with them, or none is left.
        """
        tables = [table for table in (_filled(table, settings) for table in self.choices) if table]
        name = self.name_at(settings)
        if not tables:
            raise BadInput(
                f"[[variant]] '{name}': no choice is left; leave the empty variant out, it is the reference."
            )
        return Variant(name=name, choices=tuple(_built(table, name) for table in tables))

    def name_at(self, settings: Settings) -> str:
        """Return what the variant is called with values in its places.

        Example:
            >>> Template(name="pruned", choices=(), dimensions=(Listed(name="rate", values=(0.5,)),)).name_at(
            ...     {"rate": 0.5})
            'pruned, rate 0.5'
        """
        return ", ".join([self.name, *(f"{one.name} {written(settings[one.name])}" for one in self.dimensions)])

    @property
    def kinds(self) -> frozenset[str]:
        """Names of the choices that it can hold."""
        listed = [value for one in self.dimensions if isinstance(one, Listed) for value in one.values]
        return frozenset(str(table["choice"]) for table in (*self.choices, *listed) if _is_choice(table))

    def first(self) -> dict[str, Any]:
        """Return the settings that stand first: the first of listed values, the lower end of ranges."""
        return {one.name: one.values[0] if isinstance(one, Listed) else _end(one, one.low) for one in self.dimensions}


def written(value: Any) -> str:
    """Return a value as it stands in a variant's name.

    Example:
        >>> written(0.30), written({}), written({"choice": "fine_tune", "epochs": 1}), written(["a", "b"])
        ('0.3', 'none', 'fine_tune epochs=1', 'a+b')
    """
    if isinstance(value, Mapping):
        rest = [f"{key}={written(item)}" for key, item in value.items() if key != "choice"]
        return " ".join([str(value.get("choice", "")), *rest]).strip() or "none"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "+".join(written(item) for item in value)
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def template_of(name: str, choices: Sequence[Any], *, source: str) -> Template:
    """Read a variant of a recipe whose choices may hold places to be searched.

    Args:
        name: Name of the variant.
        choices: Its choices as tables.
        source: What messages call the recipe.

    Returns:
        The template; every value that is listed, and both ends of every range, make choices that can be made.

    Raises:
        BadInput: A place cannot be read, two of one name differ, or a value makes no choice.
    """
    place = f"{source}, [[variant]] '{name}'"
    found = [_Found.of(path, table, place) for path, table in _places(choices, ())]
    names = _names(found, place)
    template = Template(
        name=name,
        choices=tuple(_marked(table, (position,), names) for position, table in enumerate(choices)),
        dimensions=tuple({names[one.path]: one.dimension(names[one.path]) for one in found}.values()),
    )
    try:
        for settings in _corners(template):
            template.at(settings)
    except BadInput as error:
        raise BadInput(f"{source}: {error}") from error
    return template


Path = tuple[str | int, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Found:
    """A place to be searched, before it has a name."""

    path: Path
    values: tuple[Any, ...] | None
    ends: Mapping[str, Any] | None
    given: str | None
    short: str
    long: str

    @classmethod
    def of(cls, path: Path, table: Mapping[str, Any], place: str) -> "_Found":
        unknown = [key for key in table if key not in {SEARCH, "name"}]
        if unknown:
            hint = suggestion(unknown[0], [SEARCH, "name"])
            raise BadInput(f"{place}: a place to be searched has the unknown key '{unknown[0]}'; {FORM}.{hint}")
        asked, given = table[SEARCH], table.get("name")
        listed = isinstance(asked, Sequence) and not isinstance(asked, str)
        if listed:
            _require_values(asked, place)
        elif isinstance(asked, Mapping):
            _require_range(asked, place)
        else:
            raise BadInput(f"{place}: search is {asked!r}; {FORM} was expected.")
        keys = [part for part in path[1:] if isinstance(part, str)]
        return cls(
            path=path,
            values=tuple(asked) if listed else None,
            ends=None if listed else dict(asked),
            given=None if given is None else str(given),
            short=keys[-1] if keys else f"choice {int(path[0]) + 1}",
            long=f"{'.'.join(keys)} of choice {int(path[0]) + 1}",
        )

    def dimension(self, name: str) -> Dimension:
        if self.values is not None:
            return Listed(name=name, values=self.values)
        ends: dict[str, Any] = dict(self.ends or {})
        whole = all(isinstance(ends[key], int) for key in ("low", "high"))
        return Range(name=name, whole=whole, **ends)


def _places(value: Any, path: Path) -> list[tuple[Path, Mapping[str, Any]]]:
    if isinstance(value, Mapping):
        if SEARCH in value:
            return [(path, value)]
        return [found for key, item in value.items() for found in _places(item, (*path, str(key)))]
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [found for position, item in enumerate(value) for found in _places(item, (*path, position))]
    return []


def _names(found: Sequence[_Found], place: str) -> dict[Path, str]:
    """Return a name for every place: the one given, else its key, else its key with the number of its choice."""
    keys = [one.short for one in found if one.given is None]
    names = {one.path: one.given or (one.short if keys.count(one.short) == 1 else one.long) for one in found}
    for one in found:
        for other in found:
            same = names[one.path] == names[other.path]
            if same and (one.values, one.ends) != (other.values, other.ends):
                raise BadInput(
                    f"{place}: two places are called '{names[one.path]}' and are searched differently; places of one "
                    "name have one value. Give each a name: { search = [...], name = '...' }."
                )
    return names


def _marked(value: Any, path: Path, names: Mapping[Path, str]) -> Any:
    if path in names:
        return Place(name=names[path])
    if isinstance(value, Mapping):
        return {key: _marked(item, (*path, str(key)), names) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_marked(item, (*path, position), names) for position, item in enumerate(value)]
    return value


def _filled(value: Any, settings: Settings) -> Any:
    if isinstance(value, Place):
        return settings[value.name]
    if isinstance(value, Mapping):
        return {key: _filled(item, settings) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, settings) for item in value]
    return value


def _built(table: Any, name: str) -> Choice:
    if not isinstance(table, Mapping):
        raise BadInput(
            f"[[variant]] '{name}': a choice is {table!r}; a table such as {{ choice = 'prune' }} was expected."
        )
    try:
        return build_choice(table)
    except BadInput as error:
        raise BadInput(f"[[variant]] '{name}': {error}") from error


def _is_choice(value: Any) -> bool:
    return isinstance(value, Mapping) and "choice" in value


def _corners(template: Template) -> list[dict[str, Any]]:
    """Return settings in which every value that is known beforehand occurs, the others as they stand first."""
    first = template.first()
    return [{**first, one.name: value} for one in template.dimensions for value in _known(one)] or [first]


def _known(dimension: Dimension) -> tuple[Any, ...]:
    if isinstance(dimension, Listed):
        return dimension.values
    return tuple(_end(dimension, end) for end in (dimension.low, dimension.high))


def _end(dimension: Range, end: float) -> float | int:
    return int(end) if dimension.whole else float(end)


def _require_values(values: Sequence[Any], place: str) -> None:
    if not values:
        raise BadInput(f"{place}: search = [] lists no value; at least one was expected.")
    if nested := [value for value in values if _places(value, ())]:
        raise BadInput(
            f"{place}: {nested[0]} lies within a list that is searched; a place within a place has no meaning."
        )
    seen = [json.dumps(value, sort_keys=True, default=str) for value in values]
    if twice := [value for value, text in zip(values, seen, strict=True) if seen.count(text) > 1]:
        raise BadInput(f"{place}: search lists {twice[0]!r} twice; different values were expected.")


def _require_range(table: Mapping[str, Any], place: str) -> None:
    unknown = [key for key in table if key not in RANGE]
    if unknown:
        raise BadInput(f"{place}: a range has the unknown key '{unknown[0]}'.{suggestion(unknown[0], RANGE)}")
    low, high = (_number(table.get(key)) for key in ("low", "high"))
    if low is None or high is None or low >= high:
        raise BadInput(f"{place}: a range is {dict(table)}; two numbers, low and high, the lower first, were expected.")
    if not isinstance(table.get("log", False), bool) or (table.get("log") and low <= 0):
        raise BadInput(
            f"{place}: a range from {low} with log = {table['log']}; positive ends and log = true, or neither."
        )
    points = table.get("points")
    if points is not None and (not isinstance(points, int) or isinstance(points, bool) or points < 2):
        raise BadInput(f"{place}: a range with points = {points}; a whole number from 2 on was expected.")


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return value if is_number else None
