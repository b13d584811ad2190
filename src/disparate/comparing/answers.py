"""What one table answers: ids, labels, scores and groups, read and checked, not yet matched with another."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from disparate.comparing.columns import (
    PLACES,
    Columns,
    RowNames,
    encoded,
    ids,
    labels,
    most_labels,
    numbers,
    require_columns,
    weights,
)
from disparate.comparing.label_sets import label_sets
from disparate.comparing.opening import METADATA, Opened
from disparate.comparing.sources import Source
from disparate.errors import BadInput
from disparate.groups import Attribute
from disparate.predictions import Run

Rows = NDArray[np.intp]
PLAIN = ("target_number", "predicted_number", "scores", "loss", "weight", "cluster")
"""Arrays with a row per example."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Answers:
    """One table, a row per example.

    Args:
        run: Which run it is.
        called: What messages call the table.
        ids: Ids, int64 or texts.
        groups: Group attributes that the table holds.
        target: Right answers; None where a variant's table leaves them out, and where they are numbers.
        predicted: Answers; None where they come from scores, and where they are numbers.
        target_number: Right answers that are numbers.
        predicted_number: Answers that are numbers.
        scores: Scores by label, shape (examples, labels); None without.
        score_labels: Labels of the scores; a single empty one for the score of the positive class.
        loss: Loss, where the table holds it.
        weight: What an example counts.
        cluster: What several rows share.
    """

    run: Run
    called: str
    ids: pa.Array
    groups: Mapping[str, Attribute]
    target: Attribute | None = None
    predicted: Attribute | None = None
    target_number: NDArray[np.float64] | None = None
    predicted_number: NDArray[np.float64] | None = None
    scores: NDArray[np.float64] | None = None
    score_labels: tuple[str, ...] = ()
    loss: NDArray[np.float64] | None = None
    weight: NDArray[np.float64] | None = None
    cluster: NDArray[np.str_] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: Rows) -> "Answers":
        """Return the answers of some rows, in the given order."""
        plain = {name: getattr(self, name) for name in PLAIN}
        coded = {name: getattr(self, name) for name in ("target", "predicted")}
        chosen: dict[str, Any] = {name: values[rows] for name, values in plain.items() if values is not None}
        chosen |= {name: values.take(rows) for name, values in coded.items() if values is not None}
        groups = {name: attribute.take(rows) for name, attribute in self.groups.items()}
        return replace(self, ids=self.ids.take(pa.array(rows)), groups=groups, **chosen)


def read_answers(source: Source, columns: Columns, groups: Sequence[str], *, full: bool) -> Answers:
    """Read the table of one run.

    Args:
        source: Where it is.
        columns: What its columns are called.
        groups: Columns with group attributes.
        full: Whether target and groups have to be there, as in the reference.

    Returns:
        The answers.

    Raises:
        BadInput: A column is absent, or holds what it should not; the message names the table.
    """
    opened = source.open()
    try:
        return _read(opened, source, columns, groups, full)
    except BadInput as error:
        text = str(error)
        raise BadInput(text if opened.called in text else f"{opened.called}: {text}") from None


def read_labels(opened: Opened, *, most: int, rows: RowNames = PLACES) -> Callable[[pa.ChunkedArray, str], Attribute]:
    """Return what reads targets and answers; in a file that disparate wrote they are places among its label names.

    Args:
        opened: The table.
        most: Most labels there may be.
        rows: What messages call its rows.

    Returns:
        A function of column and name; it refuses what is no label.
    """
    names = _own_labels(opened.metadata)

    def read(column: pa.ChunkedArray, name: str) -> Attribute:
        found = labels(column, name, most=most, rows=rows)
        if not names:
            return found
        try:
            return Attribute(names=tuple(names[int(text)] for text in found.names), codes=found.codes)
        except (ValueError, IndexError):
            raise BadInput(
                f"column '{name}' holds {list(found.names)[:5]}; places among {names} were expected."
            ) from None

    return read


def used_columns(names: Sequence[str], columns: Columns, groups: Sequence[str], *, full: bool) -> dict[str, str]:
    """Return the role of every column that is read.

    Args:
        names: Names of the columns there are.
        columns: What they are called.
        groups: Columns with group attributes.
        full: Whether target and groups have to be there.

    Returns:
        Column to ``"id"``, ``"target"``, ``"predicted"``, ``"score"``, ``"loss"``, ``"weight"``, ``"cluster"`` or
        ``"group"``.

    Raises:
        BadInput: A column is absent, or has two roles.
    """
    scores = columns.score_columns(names)
    asked = [(columns.id, "id"), *((name, "score") for name in scores)]
    optional = [*([(columns.target, "target")] if columns.target else []), *((name, "group") for name in groups)]
    extra = [(columns.weight, "weight"), (columns.cluster, "cluster")]
    shared = [*optional, *((name, role) for name, role in extra if name)]
    asked += shared if full else [(name, role) for name, role in shared if name in names]
    if not scores or (columns.threshold is None and columns.predicted in {*names} - {*scores}):
        asked.append((columns.predicted, "predicted"))
    asked += [(columns.loss, "loss")] if columns.loss else []
    roles: dict[str, str] = {}
    for name, role in asked:
        if roles.setdefault(name, role) != role and {roles[name], role} != {"target", "group"}:
            raise BadInput(f"column '{name}' is both {roles[name]} and {role}; one role for each was expected.")
    require_columns(names, list(roles))
    return roles


def _read(opened: Opened, source: Source, columns: Columns, groups: Sequence[str], full: bool) -> Answers:
    if _own_labels(opened.metadata) and not columns.loss and "loss" in opened.names and not columns.scores:
        columns = replace(columns, loss="loss")
    roles = used_columns(opened.names, columns, groups, full=full)
    table = opened.read(list(roles))
    scores = columns.score_columns(opened.names)
    read = _reader(opened, columns, len(table))
    suffix = "_number" if columns.regression else ""
    has = set(roles.values())
    sides = {"target": columns.target} if columns.target in roles else {}
    sides |= {"predicted": columns.predicted} if "predicted" in has else {}
    told: dict[str, Any] = {f"{side}{suffix}": read(table.column(name), name) for side, name in sides.items()}
    return Answers(
        run=source.run,
        called=opened.called,
        ids=ids(table.column(columns.id), columns.id),
        groups={name: encoded(table.column(name), name) for name in groups if name in roles},
        scores=np.column_stack([numbers(table.column(name), name) for name in scores]) if scores else None,
        score_labels=tuple(scores.values()),
        loss=numbers(table.column(columns.loss), columns.loss) if columns.loss else None,
        weight=weights(table.column(columns.weight), columns.weight) if "weight" in has else None,
        cluster=_clusters(table, columns.cluster) if "cluster" in has else None,
        **told,
    )


def _reader(opened: Opened, columns: Columns, rows: int) -> Callable[[pa.ChunkedArray, str], Any]:
    """Return what reads a target or an answer: numbers, sets of labels, or labels."""
    if columns.regression:
        return numbers
    if columns.multilabel:
        return partial(label_sets, separator=columns.separator, blanks=opened.blanks)
    return read_labels(opened, most=most_labels(rows))


def _clusters(table: pa.Table, name: str) -> NDArray[np.str_]:
    return ids(table.column(name), name).cast(pa.string()).to_numpy(zero_copy_only=False).astype(np.str_)


def _own_labels(metadata: Mapping[bytes, bytes]) -> list[str]:
    """Return the label names of a file that disparate wrote; nothing for any other file."""
    try:
        found = json.loads(metadata[METADATA])["labels"]
    except (KeyError, ValueError, TypeError):
        return []
    return [str(name) for name in found] if isinstance(found, list) else []
