"""Described: what the columns of a table say of its rows: id, target, groups, split, cluster."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from disparate.data.columns import Texts, attribute, labels, required_texts, texts
from disparate.data.grouped import SPLITS, Problem
from disparate.errors import BadInput, suggestion
from disparate.groups import Attribute

NO_BINS: Mapping[str, Sequence[float]] = {}


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Described:
    """The rows of a table that have a target, with what is known of each.

    Args:
        rows: Position of each row in the table, rising.
        example_id: Id per row.
        target: Label index per row.
        label_names: Name of every label.
        attributes: Group attributes by name.
        published: The split as published, where there is a column for it.
        cluster_id: What several rows share, where there is a column for it.
        problems: The rows that were set aside.
    """

    rows: NDArray[np.intp]
    example_id: NDArray[np.str_]
    target: NDArray[np.int64]
    label_names: tuple[str, ...]
    attributes: Mapping[str, Attribute]
    published: NDArray[np.str_] | None
    cluster_id: NDArray[np.str_] | None
    problems: tuple[Problem, ...]


def described(
    table: pa.Table,
    *,
    target: str,
    groups: Sequence[str],
    id: str,
    split: str,
    cluster: str,
    bins: Mapping[str, Sequence[float]],
    missing: Sequence[str],
) -> Described:
    """Return what the named columns say; rows without a target are set aside.

    Args:
        table: The table.
        target: Column with the label.
        groups: Columns with group attributes.
        id: Column with the id; the row's number, from 0, where empty.
        split: Column with the published split; none where empty.
        cluster: Column with what several rows share; none where empty.
        bins: Inner edges by group column.
        missing: Texts that stand for a missing value.

    Returns:
        The rows that have a target.

    Raises:
        BadInput: A column is absent, or a value is not what it has to be.
    """
    names = _group_columns(groups, bins)
    label = texts(table, target, missing=missing)
    rows = np.array([row for row, value in enumerate(label) if value is not None], dtype=np.intp)
    codes, label_names = labels(_some(label, rows), name=target)
    attributes = {
        name: attribute(_some(texts(table, name, missing=missing), rows), edges=bins.get(name), name=name)
        for name in names
    }
    ids = required_texts(table, id) if id else np.arange(table.num_rows).astype(np.str_)
    return Described(
        rows=rows,
        example_id=ids[rows],
        target=codes,
        label_names=label_names,
        attributes=attributes,
        published=_published(table, split)[rows] if split else None,
        cluster_id=required_texts(table, cluster)[rows] if cluster else None,
        problems=tuple(
            Problem(what=f"row {row} (id {ids[row]})", found=f"no value in target column '{target}'")
            for row, value in enumerate(label)
            if value is None
        ),
    )


def _some(values: Texts, rows: NDArray[np.intp]) -> Texts:
    return [values[row] for row in rows]


def _group_columns(groups: Sequence[str], bins: Mapping[str, Sequence[float]]) -> tuple[str, ...]:
    names = (groups,) if isinstance(groups, str) else tuple(groups)
    if not names:
        raise BadInput("groups: no group column is named; at least one was expected, such as groups = ['sex'].")
    for name in bins:
        if name not in names:
            raise BadInput(f"bins: '{name}' is not a group column.{suggestion(name, names)}")
    return names


def _published(table: pa.Table, name: str) -> NDArray[np.str_]:
    values = required_texts(table, name)
    wrong = np.flatnonzero(~np.isin(values, SPLITS))
    if wrong.size:
        raise BadInput(
            f"split column '{name}' holds '{values[wrong[0]]}' in row {wrong[0]} ({wrong.size} such rows); "
            f"one of {', '.join(SPLITS)} was expected."
        )
    return values
