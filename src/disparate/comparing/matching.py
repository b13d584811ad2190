"""Rows matched by id: what does not fit is refused with its values, or counted where that was allowed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from disparate.comparing.answers import Answers
from disparate.errors import BadInput
from disparate.groups import Attribute

SHOWN = 3
SINGLE = 1e-6
"""Numbers this close to each other, relatively, are one number in two precisions."""
Column = Attribute | NDArray[Any]
pc: Any = pyarrow.compute


@dataclass(frozen=True, kw_only=True, slots=True)
class Matched:
    """Tables over the same examples in the same order, those of the reference.

    Args:
        answers: The tables.
        left_out: Table to how many of its rows have no partner in every other table.
        spelled_alike: Ids that are one number in two spellings, such as ``007`` and ``7``; at most a few.
    """

    answers: tuple[Answers, ...]
    left_out: dict[str, int] = field(default_factory=dict[str, int])
    spelled_alike: tuple[str, ...] = ()


def match(tables: Sequence[Answers], *, allow_partial: bool) -> Matched:
    """Bring tables into the order of the first one.

    Args:
        tables: The tables, the reference's first.
        allow_partial: Whether examples that are not in all tables may be left out.

    Returns:
        The tables over the examples they share.

    Raises:
        BadInput: An id occurs twice, is on one side only, or its target or group differs between tables.
    """
    for table in tables:
        _require_unique(table)
    first = tables[0]
    places = [_places(first, table) for table in tables[1:]]
    shared = np.all([place >= 0 for place in places], axis=0) if places else np.ones(len(first), dtype=np.bool_)
    rows = np.flatnonzero(shared)
    if not allow_partial:
        for table, place in zip(tables[1:], places, strict=True):
            _require_all(first, table, place)
    if not rows.size:
        raise BadInput(
            f"no id is in all tables: {first.called} has {some(first.ids)}, {tables[1].called} has "
            f"{some(tables[1].ids)}. Rows are matched by id; name the column with --id."
        )
    taken = [first if len(rows) == len(first) else first.take(rows)]
    for table, place in zip(tables[1:], places, strict=True):
        taken.append(table if _is_order(place, len(table)) else table.take(place[rows]))
    for table in taken[1:]:
        require_same(taken[0], table)
    left_out = {table.called: len(table) - len(rows) for table in tables if len(table) > len(rows)}
    return Matched(
        answers=tuple(taken), left_out=left_out, spelled_alike=spelled_alike([table.ids for table in tables])
    )


def require_same(first: Answers, other: Answers, *, multiplicity: NDArray[np.int64] | None = None) -> None:
    """Refuse two tables, row by row about the same, whose targets, groups, weights or clusters differ.

    Args:
        first: A table.
        other: Another one in the same order; what it does not hold is not compared.
        multiplicity: How many ids a row stands for, where its own is one of several.

    Raises:
        BadInput: Something differs; the message shows the id and both values.
    """
    groups = [(f"group '{name}'", first.groups.get(name), found) for name, found in other.groups.items()]
    pairs: list[tuple[str, Column | None, Column | None]] = [
        ("target", first.target, other.target),
        ("target", first.target_number, other.target_number),
        *groups,
        ("weight", first.weight, other.weight),
        ("cluster", first.cluster, other.cluster),
    ]
    for what, one, two in pairs:
        if one is None or two is None or not (rows := _apart(one, two)).size:
            continue
        ids = len(rows) if multiplicity is None else int(multiplicity[rows].sum())
        raise BadInput(
            f"id '{first.ids[rows[0]]}': {what} is '{_cell(one, rows[0])}' in {first.called} and "
            f"'{_cell(two, rows[0])}' in {other.called} ({ids:,} such ids); both have to agree."
        )


def spelled_alike(columns: Sequence[pa.Array]) -> tuple[str, ...]:
    """Return a few ids that differ from another id by leading zeros alone; ids compare as text, so they do not match.

    Example:
        >>> spelled_alike([pa.array(["007", "8"]), pa.array([7, 8])])
        ('007',)
    """
    padded = [
        pc.unique(pc.filter(ids, pc.match_substring_regex(ids, r"^0[0-9]+$"))) for ids in columns if _is_text(ids)
    ]
    candidates = {text for column in padded for text in column.to_pylist()}
    if not candidates:
        return ()
    plain = pa.array(sorted({text.lstrip("0") or "0" for text in candidates}), pa.string())
    found = [pc.filter(plain, pc.is_in(plain, value_set=_texts(ids))).to_pylist() for ids in columns]
    both = {text for texts in found for text in texts}
    return tuple(sorted(text for text in candidates if (text.lstrip("0") or "0") in both)[:SHOWN])


def some(ids: pa.Array | pa.ChunkedArray) -> str:
    """Return the first few ids, in quotes.

    Example:
        >>> some(pa.array([1, 2, 3, 4]))
        "'1', '2', '3'"
    """
    return ", ".join(f"'{value}'" for value in ids[:SHOWN].to_pylist())


def _require_unique(table: Answers) -> None:
    if pc.count_distinct(table.ids).as_py() == len(table):
        return
    counted = pc.value_counts(table.ids)
    counts = counted.field("counts").to_numpy(zero_copy_only=False)
    worst = int(np.argmax(counts))
    raise BadInput(
        f"{table.called}: id '{counted.field('values')[worst]}' is there {counts[worst]} times, and "
        f"{int((counts > 1).sum())} ids occur more than once; one row per example was expected. Files of several seeds "
        "are named with {seed} in the path, not with *."
    )


def _places(first: Answers, other: Answers) -> NDArray[np.int64]:
    if first.ids.equals(other.ids):
        return np.arange(len(first))
    one, two = (first.ids, other.ids) if first.ids.type == other.ids.type else (_texts(first.ids), _texts(other.ids))
    return pc.fill_null(pc.index_in(one, value_set=two), -1).to_numpy(zero_copy_only=False).astype(np.int64)


def _require_all(first: Answers, other: Answers, places: NDArray[np.int64]) -> None:
    absent = np.flatnonzero(places < 0)
    extra = np.setdiff1d(np.arange(len(other)), places[places >= 0], assume_unique=True)
    if not absent.size and not extra.size:
        return
    told = [
        f"{len(rows):,} of {len(table):,} ids of {table.called} are not in {against.called}, such as "
        f"{some(table.ids.take(pa.array(rows[:SHOWN])))}"
        for rows, table, against in ((absent, first, other), (extra, other, first))
        if rows.size
    ]
    raise BadInput(f"{'; '.join(told)}. Compare the same examples, or allow it with --allow-partial.")


def _apart(one: Column, two: Column) -> NDArray[np.intp]:
    if isinstance(one, Attribute) and isinstance(two, Attribute):
        places = {name: place for place, name in enumerate(one.names)}
        recoded = np.array([places.get(name, -1) for name in two.names], dtype=np.int32)[two.codes]
        return np.flatnonzero(one.codes != recoded)
    left, right = np.asarray(one), np.asarray(two)
    if left.dtype.kind == "f":  # a file of single precision is no other data
        return np.flatnonzero(~np.isclose(left, right, rtol=SINGLE, atol=0.0))
    return np.flatnonzero(left != right)


def _cell(column: Column, row: int) -> object:
    return column.names[column.codes[row]] if isinstance(column, Attribute) else column[row]


def _is_order(places: NDArray[np.int64], rows: int) -> bool:
    return len(places) == rows and bool((places == np.arange(rows)).all())


def _is_text(ids: pa.Array) -> bool:
    return not pa.types.is_integer(ids.type)


def _texts(ids: pa.Array) -> pa.Array:
    return pc.cast(ids, pa.string())
