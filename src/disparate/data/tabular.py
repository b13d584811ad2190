"""Tables from CSV or Parquet: features as numbers, groups by name."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from disparate.data.columns import MISSING_TEXTS, Texts, attribute, numbers, read_table, texts
from disparate.data.described import NO_BINS, described
from disparate.data.grouped import GroupedDataset, Problem, checked
from disparate.data.layout import find_file
from disparate.data.split import NO_SHARES, split_of
from disparate.errors import BadInput, suggestion

MOST_CATEGORIES = 256
"""A text column with more different values is refused: it is a name or an id, not a category."""

Feature = NDArray[np.float32]


def tabular(
    root: Path,
    *,
    table: str,
    target: str,
    groups: Sequence[str],
    id: str = "",
    split: str = "",
    cluster: str = "",
    features: Sequence[str] = (),
    leave_out: Sequence[str] = (),
    categorical: Sequence[str] = (),
    bins: Mapping[str, Sequence[float]] = NO_BINS,
    missing: Sequence[str] = MISSING_TEXTS,
    split_seed: int = 0,
    shares: Mapping[str, float] = NO_SHARES,
) -> GroupedDataset:
    """Return the rows of a CSV or Parquet table as features, with target and groups from named columns.

    Numbers are standardised, ``(value - mean) / standard deviation`` over the training split, where a missing value
    becomes the mean and the column ``NAME (missing)`` says 1. Texts become one column of 0 and 1 per value, the
    missing value included. Sums are exactly rounded, so that the same file gives the same bits on every machine.

    Known problems such data has: rows without a target are set aside and listed; a feature that is constant on the
    training split is kept as zeros and noted; equal rows are not looked for.

    Args:
        root: Folder that the table's name is relative to.
        table: Relative name of the table.
        target: Column with the label.
        groups: Columns with group attributes; missing values become the group ``(missing)``.
        id: Column with a unique id; the row's number where not given.
        split: Column with ``train``, ``validation`` or ``test``; a split is drawn where not given.
        cluster: Column with what several rows share, such as a person.
        features: Columns a network sees; where not given, every column without another role, so no group column.
        leave_out: Columns that are no features.
        categorical: Columns whose numbers are names of categories.
        bins: Inner edges by group column, for groups given as numbers.
        missing: Texts that stand for a missing value.
        split_seed: Seed of the split.
        shares: Shares of ``"test"`` and ``"validation"``; only the latter where a split column is given.

    Returns:
        The data set, named after the file.

    Raises:
        BadInput: The table or a column is absent, ids are not unique, a text feature has more than 256 values, no
            row is for training, or a split lacks a group.
    """
    file = find_file(root, table, wanted_for="tabular table")
    content = read_table(file)
    known = described(
        content, target=target, groups=groups, id=id, split=split, cluster=cluster, bins=bins, missing=missing
    )
    taken = {target, id, split, cluster, *known.attributes, *leave_out}
    columns = _features(content, features or [name for name in content.column_names if name not in taken])
    _require_columns(content, (*leave_out, *categorical))
    cut = split_of(
        known.example_id,
        published=known.published,
        cluster_id=known.cluster_id,
        strata=known.target,
        shares=shares,
        seed=split_seed,
    )
    inputs, problems = _inputs(content.take(pa.array(known.rows)), columns, categorical, missing, cut == "train")
    data = GroupedDataset(
        name=file.stem,
        kind="table",
        inputs=inputs,
        target=known.target,
        label_names=known.label_names,
        target_name=target,
        example_id=known.example_id,
        attributes=known.attributes,
        split=cut,
        cluster_id=known.cluster_id,
        problems=(*known.problems, *problems),
    )
    return checked(data)


def standardised(values: NDArray[np.float64], train: NDArray[np.bool_]) -> tuple[Feature, bool]:
    """Return numbers standardised over the training rows, and whether they are constant there.

    Args:
        values: One number per row, NaN where missing.
        train: Which rows are for training.

    Returns:
        Standardised values, 0 where missing or where all training values are equal, and whether they are.

    Example:
        >>> standardised(np.array([1.0, 3.0, 5.0, np.nan]), np.array([True, True, False, False]))
        (array([-1.,  1.,  3.,  0.], dtype=float32), False)
    """
    known = values[train & ~np.isnan(values)].tolist()
    mean = math.fsum(known) / len(known) if known else 0.0
    spread = math.sqrt(math.fsum((value - mean) ** 2 for value in known) / len(known)) if known else 0.0
    if spread > 0:
        return np.where(np.isnan(values), 0.0, (values - mean) / spread).astype(np.float32), False
    return np.zeros(len(values), dtype=np.float32), True


def _inputs(
    content: pa.Table,
    columns: Sequence[str],
    categorical: Sequence[str],
    missing: Sequence[str],
    train: NDArray[np.bool_],
) -> tuple[NDArray[np.float32], list[Problem]]:
    if not train.any():
        raise BadInput(
            "no row is for training; features are standardised over the training split. Give a smaller share."
        )
    parts: list[Feature] = []
    problems: list[Problem] = []
    for name in columns:
        values = texts(content, name, missing=missing)
        cast = None if name in categorical else numbers(values)
        if cast is None:
            parts += _one_hot(values, name)
            continue
        made, constant = _numeric(cast, name, train)
        parts += made
        if constant:
            problems.append(Problem(what=name, found="the feature is constant on the training split", action="kept"))
    return np.column_stack(parts), problems


def _numeric(values: NDArray[np.float64], name: str, train: NDArray[np.bool_]) -> tuple[list[Feature], bool]:
    if np.isinf(values).any():
        row = int(np.flatnonzero(np.isinf(values))[0])
        raise BadInput(f"feature '{name}' is {values[row]} in row {row}; a finite number was expected.")
    scaled, constant = standardised(values, train)
    absent = np.isnan(values)
    return [scaled, absent.astype(np.float32)] if absent.any() else [scaled], constant


def _one_hot(values: Texts, name: str) -> list[Feature]:
    encoded = attribute(values)
    if len(encoded.names) > MOST_CATEGORIES:
        raise BadInput(
            f"feature '{name}' has {len(encoded.names)} different texts; at most {MOST_CATEGORIES} were expected of "
            f"categories. Name it in leave_out, or as id."
        )
    return [(encoded.codes == code).astype(np.float32) for code in range(len(encoded.names))]


def _features(content: pa.Table, names: Sequence[str]) -> Sequence[str]:
    _require_columns(content, names)
    if not names:
        raise BadInput("no column is left to be a feature; every column has another role. Name some in features.")
    return names


def _require_columns(content: pa.Table, names: Sequence[str]) -> None:
    for name in names:
        if name not in content.column_names:
            raise BadInput(f"column '{name}' is absent.{suggestion(name, content.column_names)}")
