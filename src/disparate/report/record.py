"""What the run record holds, read with care: every part may be absent, and a file may hold anything."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from disparate.report.wording import plain, shortened

LONGEST = 400
DEEPEST = 6
PICTURE = re.compile(r"data:image/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/=]+")
LEFT_OUT = frozenset({"groups", "reference_groups", "exemplars", "problems", "predictions", "curves", "targets"})
"""Parts of the record that the report shows elsewhere, or that only programs read."""


def mapping(value: Any) -> Mapping[str, Any]:
    """Return the value where it is a table, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def tables(value: Any) -> list[Mapping[str, Any]]:
    """Return the tables of a list; anything else in it, or no list at all, gives none."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        return []
    return [item for item in value if isinstance(item, Mapping)]


def recipe(run: Mapping[str, Any], table: str) -> Mapping[str, Any]:
    """Return one table of the recipe as it was resolved, such as ``"audit"`` or ``"reference"``; empty without one."""
    return mapping(mapping(run.get("audit")).get(table))


def is_of_files(run: Mapping[str, Any]) -> bool:
    """Return whether the record is that of a comparison of files, which has no recipe.

    Example:
        >>> is_of_files({"tables": []}), is_of_files({"training": []})
        (True, False)
    """
    return "tables" in run


def group_sizes(run: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    """Return the number of test examples by attribute and group.

    Example:
        >>> group_sizes({"groups": {"sex": {"f": 3, "m": 5}}})
        {'sex': {'f': 3, 'm': 5}}
    """
    found: dict[str, dict[str, int]] = {}
    for by, entry in mapping(run.get("groups")).items():
        sizes = mapping(entry).items()
        found[str(by)] = {str(name): n for name, n in sizes if isinstance(n, int) and not isinstance(n, bool)}
    return found


def reference_group(run: Mapping[str, Any], by: str) -> str | None:
    """Return the reference group of an attribute: the one named in the record, else the largest; None if unknown.

    Example:
        >>> reference_group({"groups": {"sex": {"f": 3, "m": 5}}}, "sex")
        'm'
        >>> reference_group({"groups": {"sex": {"f": 3, "m": 5}}, "reference_groups": {"sex": "f"}}, "sex")
        'f'
    """
    named = mapping(run.get("reference_groups")).get(by)
    if isinstance(named, str):
        return named
    sizes = group_sizes(run).get(by, {})
    return max(sizes, key=lambda name: sizes[name]) if sizes else None


def problems(run: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return what is wrong with the data as (what, found, action)."""
    return [
        (plain(item.get("what", "")), plain(item.get("found", "")), plain(item.get("action", "")))
        for item in tables(run.get("problems"))
    ]


def profiles(run: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the tables of the profiles, each with a name."""
    return [item for item in tables(run.get("profiles")) if item.get("name") is not None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Answered:
    """How often two populations of models give one label to an example.

    Args:
        label: The label.
        right: Whether it is the target; None where no target is known.
        reference: Share of the reference's models that give it, from 0 to 1.
        variant: Share of the variant's models.
        reference_models: Number of the reference's models that give it.
        variant_models: Number of the variant's models.
    """

    label: str
    right: bool | None
    reference: float
    variant: float
    reference_models: int
    variant_models: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Exemplar:
    """One example whose answer a variant changes.

    Args:
        example_id: Id of the example.
        group: Its group.
        target: Its target; empty where none is known.
        variant: The variant that answers otherwise.
        reference_predicted: What the reference answers, per seed.
        variant_predicted: What the variant answers, per seed.
        thumbnail: The picture as a ``data:`` address; None without one.
        distance: Taxicab distance of the label distributions of two populations; None where it is not about any.
        modal: Whether the modal label differs.
        tied: Whether a modal label ties with another, so that chance decided.
    """

    example_id: str
    group: str
    target: str
    variant: str
    reference_predicted: tuple[str, ...]
    variant_predicted: tuple[str, ...]
    thumbnail: str | None
    distance: float | None = None
    modal: bool = False
    tied: bool = False

    @property
    def histogram(self) -> tuple[Answered, ...]:
        """Both populations' answers, the label that the reference gives most often first."""
        counts = [Counter(given) for given in (self.reference_predicted, self.variant_predicted)]
        sizes = [max(1, len(given)) for given in (self.reference_predicted, self.variant_predicted)]
        labels = sorted(set().union(*counts), key=lambda label: (-counts[0][label], -counts[1][label], label))
        return tuple(
            Answered(
                label=label,
                right=label == self.target if self.target else None,
                reference=counts[0][label] / sizes[0],
                variant=counts[1][label] / sizes[1],
                reference_models=counts[0][label],
                variant_models=counts[1][label],
            )
            for label in labels
        )


def exemplars(run: Mapping[str, Any]) -> list[Exemplar]:
    """Return the exemplars; a thumbnail that is no PNG, JPEG, GIF or WebP in base64 is left out."""
    return [_exemplar(item) for item in tables(run.get("exemplars"))]


def _exemplar(item: Mapping[str, Any]) -> Exemplar:
    thumbnail = item.get("thumbnail")
    distance = item.get("distance")
    is_number = isinstance(distance, int | float) and not isinstance(distance, bool) and 0 <= distance <= 2
    is_picture = isinstance(thumbnail, str) and PICTURE.fullmatch(thumbnail) is not None
    return Exemplar(
        **{name: plain(item.get(name) or "") for name in ("example_id", "group", "target", "variant")},
        reference_predicted=_answers(item.get("reference_predicted")),
        variant_predicted=_answers(item.get("variant_predicted")),
        thumbnail=thumbnail if is_picture else None,
        distance=distance if is_number else None,
        modal=item.get("modal") is True,
        tied=item.get("tied") is True,
    )


def _answers(value: Any) -> tuple[str, ...]:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(plain(answer) for answer in value)
    return () if value is None else (plain(value),)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sheet:
    """A part of the run record as a table of texts.

    Args:
        title: Name of the part.
        columns: Heads of the columns; empty for a list of settings with their values.
        rows: Texts, a tuple per row.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def sheets(run: Mapping[str, Any]) -> list[Sheet]:
    """Return the run record part by part, but for what the report shows elsewhere.

    Example:
        >>> sheets({"cores": 2, "versions": {"numpy": "2.1"}})[1].rows
        (('numpy', '2.1'),)
    """
    parts = {str(name): part for name, part in run.items() if name not in LEFT_OUT and part is not None}
    loose = {name: part for name, part in parts.items() if not isinstance(part, Mapping | list)}
    found = [Sheet(title="run", columns=(), rows=_settings(loose))] if loose else []
    return found + [_sheet(name, part) for name, part in parts.items() if name not in loose and part]


def _sheet(title: str, part: Any) -> Sheet:
    rows = tables(part)
    if rows and len(rows) == len(part):
        columns = tuple(dict.fromkeys(str(name) for row in rows for name in row))
        return Sheet(title=title, columns=columns, rows=tuple(_row(row, columns) for row in rows))
    return Sheet(title=title, columns=(), rows=_settings(part))


def _row(row: Mapping[str, Any], columns: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_inline(row.get(name)) for name in columns)


def _settings(part: Any) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    waiting: list[tuple[str, Any, int]] = [("", part, 0)]
    while waiting:
        path, value, depth = waiting.pop()
        children = _children(value) if depth < DEEPEST else []
        if not children:
            found.append((path, _inline(value)))
        waiting.extend((f"{path}.{key}" if path else key, child, depth + 1) for key, child in reversed(children))
    return tuple((plain(path), text) for path, text in found)


def _children(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, Mapping):
        return [(str(key), child) for key, child in value.items()]
    if isinstance(value, list) and any(isinstance(child, Mapping | list) for child in value):
        return [(str(position), child) for position, child in enumerate(value)]
    return []


def _inline(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return shortened(plain(", ".join(f"{key}={_inline(child)}" for key, child in value.items())), LONGEST)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return shortened(plain(", ".join(_inline(child) for child in value)), LONGEST)
    return shortened(plain(value), LONGEST)
