"""From matched tables to predictions: one list of labels, one place per group."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from disparate.comparing.answers import Answers
from disparate.comparing.columns import Columns
from disparate.comparing.label_sets import Sets, answered
from disparate.comparing.scoring import Scored, scored
from disparate.data.columns import in_order
from disparate.errors import BadInput, suggestion
from disparate.groups import Attribute
from disparate.predictions import Predictions


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Built:
    """Predictions of every run.

    Args:
        runs: The predictions.
        zeros: Table to how many targets had a probability of exactly 0.
        sets: What is in the labels, where they are sets.
    """

    runs: tuple[Predictions, ...]
    zeros: dict[str, int]
    sets: Sets | None = None


def build(tables: Sequence[Answers], columns: Columns) -> Built:
    """Return predictions from tables over the same examples, the reference's first.

    Args:
        tables: The tables.
        columns: How scores are to be read.

    Returns:
        The predictions; losses only where scores or a loss are there in every table.

    Raises:
        BadInput: Scores do not fit the labels, or two or more answers of a table are never a target.
    """
    first = tables[0]
    if columns.regression:
        return Built(runs=_of_numbers(tables), zeros={})
    if columns.multilabel:
        return _of_sets(tables, columns)
    names = in_positive_order(label_names(tables, labelled=bool(columns.target)), columns.positive)
    if not columns.target:
        return Built(runs=_unlabelled(tables, names, columns), zeros={})
    target = recoded(_target(first), names)
    told = [_answers(table, names, target, columns) for table in tables]
    losses = all(loss is not None for _, loss, _ in told)
    shared: dict[str, Any] = {**_shared(first), "target": target, "label_names": names}
    runs = tuple(
        Predictions(**shared, run=table.run, predicted=predicted, loss=loss if losses else None)
        for table, (predicted, loss, _) in zip(tables, told, strict=True)
    )
    return Built(
        runs=runs, zeros={table.called: zeros for table, (*_, zeros) in zip(tables, told, strict=True) if zeros}
    )


def _unlabelled(tables: Sequence[Answers], names: tuple[str, ...], columns: Columns) -> tuple[Predictions, ...]:
    """Return answers alone: whatever is computed from a right answer, such as a loss, is left out."""
    nothing = np.zeros(len(tables[0]), dtype=np.int64)
    shared: dict[str, Any] = {**_shared(tables[0]), "target": nothing, "label_names": names, "labelled": False}
    return tuple(
        Predictions(**shared, run=table.run, predicted=_answers(table, names, nothing, columns)[0]) for table in tables
    )


def _shared(first: Answers) -> dict[str, Any]:
    """Return what every run says alike, as it stands in the reference's table."""
    return {
        "example_id": pc.cast(first.ids, pa.string()).to_numpy(zero_copy_only=False).astype(np.str_),
        "attributes": first.groups,
        "weight": first.weight,
        "cluster_id": first.cluster,
    }


def _of_numbers(tables: Sequence[Answers]) -> tuple[Predictions, ...]:
    first, nothing = tables[0], np.zeros(len(tables[0]), dtype=np.int64)
    shared: dict[str, Any] = {**_shared(first), "target": nothing, "predicted": nothing, "label_names": ()}
    return tuple(Predictions(**shared, run=table.run, error=_error(first, table)) for table in tables)


def _of_sets(tables: Sequence[Answers], columns: Columns) -> Built:
    first, told = tables[0], [_answered_sets(table, columns) for table in tables]
    target = _target(first)
    occurring = dict.fromkeys((*target.names, *(name for one in told for name in one.names)))
    sets = Sets.of(list(occurring), [label for table in tables for label in table.score_labels])
    if not sets.labels:
        raise BadInput(f"{first.called}: every set is empty; at least one label was expected.")
    for table, one in zip(tables, told, strict=True):
        _require_meeting(table, sets.labels_in(target), sets.labels_in(one))
    right = recoded(target, sets.names)
    losses = all(table.loss is not None for table in tables)
    shared: dict[str, Any] = {**_shared(first), "target": right, "label_names": sets.names}
    runs: list[Predictions] = []
    for table, one in zip(tables, told, strict=True):
        predicted = recoded(one, sets.names)
        loss = table.loss.astype(np.float32) if losses and table.loss is not None else None
        share = sets.shares_right(right, predicted)
        runs.append(Predictions(**shared, run=table.run, predicted=predicted, share_right=share, loss=loss))
    return Built(runs=tuple(runs), zeros={}, sets=sets)


def _answered_sets(table: Answers, columns: Columns) -> Attribute:
    if table.predicted is not None:
        return table.predicted
    if table.scores is None:
        raise BadInput(f"{table.called}: neither answers nor scores were found.")
    try:
        return answered(table.scores, table.score_labels, logits=columns.logits, threshold=columns.threshold)
    except BadInput as error:
        raise BadInput(f"{table.called}: {error}") from None


def _require_meeting(table: Answers, targets: Sequence[str], answers: Sequence[str]) -> None:
    if table.score_labels and (lost := sorted({*targets} - {*table.score_labels})):
        raise BadInput(
            f"{table.called}: target label '{lost[0]}' has no score; scores are of {list(table.score_labels)[:5]}. "
            "Name the score columns after the labels."
        )
    if answers and targets and not {*answers} & {*targets}:
        raise BadInput(
            f"{table.called}: no answered label is ever in a target; answers are {list(answers)[:5]}, targets "
            f"{list(targets)[:5]}. The same labels were expected; is the separator right?"
        )


def _error(first: Answers, table: Answers) -> NDArray[np.float64]:
    if first.target_number is None or table.predicted_number is None:
        raise BadInput(f"{table.called}: no numbers were found; a target and an answer that are numbers were expected.")
    with np.errstate(over="ignore"):  # what no float can hold is refused as infinite
        return table.predicted_number - first.target_number


def label_names(tables: Sequence[Answers], *, labelled: bool = True) -> tuple[str, ...]:
    """Return all labels that are a target or an answer anywhere, in order.

    Args:
        tables: The tables, the reference's first.
        labelled: Whether there are targets.

    Returns:
        The labels; with a single score the two that the target has.

    Raises:
        BadInput: Two or more answers of a table are never a target, a target has no score, or a single score meets
            other than two labels.
    """
    targets = _target(tables[0]).names if labelled else ()
    known = dict.fromkeys(targets)
    for table in tables:
        if table.score_labels == ("",):
            _require_two(table, targets)
        elif table.score_labels and (lost := sorted(set(targets) - set(table.score_labels))):
            raise BadInput(
                f"{table.called}: target '{lost[0]}' has no score; scores are of {list(table.score_labels)}. "
                "Name the score columns after the labels."
            )
        own = table.predicted.names if table.predicted is not None else ()
        if labelled and len(own) > 1 and not set(own) & set(targets):
            raise BadInput(
                f"{table.called}: no answer is ever a target; answers are {list(own)[:5]}, targets "
                f"{list(targets)[:5]}. The same labels were expected in both; write them alike."
            )
        known |= dict.fromkeys((*own, *(label for label in table.score_labels if label)))
    return tuple(in_order(list(known)))


def in_positive_order(names: tuple[str, ...], positive: str) -> tuple[str, ...]:
    """Return two labels with the positive one last, which is where scores, rates and disparities look for it.

    Args:
        names: All labels.
        positive: The positive label; empty for the last in order.

    Returns:
        The labels.

    Raises:
        BadInput: There are other than two labels, or the positive one is not among them.

    Example:
        >>> in_positive_order(("no", "yes"), "no")
        ('yes', 'no')
    """
    if not positive:
        return names
    if positive not in names:
        raise BadInput(f"positive label '{positive}' is no target and no answer.{suggestion(positive, names)}")
    if len(names) != 2:
        raise BadInput(
            f"positive label '{positive}' is for two labels; {len(names)} were found: {list(names)[:5]}. Leave it out, "
            "every label is judged one against the rest."
        )
    return (*(name for name in names if name != positive), positive)


def recoded(attribute: Attribute, names: Sequence[str]) -> NDArray[np.int64]:
    """Return the place of every example's label among names."""
    places = {name: place for place, name in enumerate(names)}
    return np.array([places[name] for name in attribute.names], dtype=np.int64)[attribute.codes]


def _answers(
    table: Answers, names: tuple[str, ...], target: NDArray[np.int64], columns: Columns
) -> tuple[NDArray[np.int64], NDArray[np.float32] | None, int]:
    found = None if table.scores is None else _scored(table, names, target, columns)
    loss = None if table.loss is None else table.loss.astype(np.float32)
    if found is not None:
        predicted = found.predicted if table.predicted is None else recoded(table.predicted, names)
        return predicted, found.loss if loss is None else loss, 0 if loss is not None else found.zeros
    if table.predicted is None:
        raise BadInput(f"{table.called}: neither answers nor scores were found.")
    return recoded(table.predicted, names), loss, 0


def _scored(table: Answers, names: tuple[str, ...], target: NDArray[np.int64], columns: Columns) -> Scored:
    scores = np.asarray(table.scores, dtype=np.float64)
    if scores.shape[1] == 1:
        return _called(table, scores, target, columns)
    own = [names.index(label) for label in table.score_labels]
    place = np.full(len(names), -1)
    place[own] = np.arange(len(own))
    found = _called(table, scores, place[target], columns)
    return Scored(predicted=np.array(own)[found.predicted], loss=found.loss, margin=found.margin, zeros=found.zeros)


def _called(table: Answers, scores: NDArray[np.float64], target: NDArray[np.int64], columns: Columns) -> Scored:
    try:
        return scored(scores, target, logits=columns.logits, threshold=columns.threshold)
    except BadInput as error:
        raise BadInput(f"{table.called}: {error}") from None


def _target(table: Answers) -> Attribute:
    if table.target is None:
        raise BadInput(f"{table.called} has no target; the reference needs one.")
    return table.target


def _require_two(table: Answers, labels: tuple[str, ...]) -> None:
    if len(labels) != 2:
        raise BadInput(
            f"{table.called}: a single score is that of the positive one of two labels; the targets are "
            f"{list(labels)[:5]}. Name a score column per label."
        )
