"""Predictions: what one variant answered, example by example."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from disparate.errors import BadInput
from disparate.groups import Attribute, Groups

REFERENCE = "reference"
Answers = Literal["labels", "sets", "numbers"]
"""What is answered: one label of several, a set of labels, or a number."""
LARGEST_ERROR = 1e150
"""An error above it cannot be squared."""
RESERVED = frozenset({
    "example_id",
    "target",
    "predicted",
    "loss",
    "margin",
    "score",
    "weight",
    "cluster_id",
    "split",
    "logits",
})
"""Columns of a predictions file; a group attribute cannot be called so."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """Which answer this is: a variant, under one training seed, one device draw and one repeat.

    Args:
        variant: Name of the variant; ``"reference"`` for the reference.
        seed: Training seed.
        draw: Draw of device noise.
        repeat: 0, or k for the k-th time the same computation was run again.
    """

    variant: str = REFERENCE
    seed: int = 0
    draw: int = 0
    repeat: int = 0


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Predictions:
    """Answers, losses, margins, targets, groups and ids of one run; a row per example.

    Args:
        example_id: Stable id per example, unique; texts.
        target: Label index per example.
        predicted: Answered label index per example.
        error: Predicted minus right number per example, in the unit of the target, where answers are numbers; there are
            then no labels, and target and predicted are 0.
        share_right: Share of all labels that are rightly given or left out, per example, where answers are sets of
            labels; every set is then a label.
        loss: Cross-entropy per example, nats; None where only answers are known, which is not a loss of 0.
        margin: Logit of the target minus the largest other logit; positive exactly where the answer is right; None
            where only answers are known.
        label_names: Name of every label; the length is the number of classes.
        attributes: Group attributes by name.
        run: Which answer this is.
        logits: Shape (examples, classes), where they were asked for.
        score: Score of the positive class, in [0, 1], for binary tasks.
        weight: Weight per example, where examples do not count alike.
        cluster_id: What several rows share (a person, a lesion, near-identical images).
        split: Name of the split per example.
        multiplicity: How many alike examples a row stands for; 1 each where not given. Not with clusters.
        labelled: Whether the right answers are known. Where they are not, the target is 0 throughout and says nothing.
    """

    example_id: NDArray[np.str_]
    target: NDArray[np.int64]
    predicted: NDArray[np.int64]
    error: NDArray[np.float64] | None = None
    share_right: NDArray[np.float64] | None = None
    loss: NDArray[np.float32] | None = None
    margin: NDArray[np.float32] | None = None
    label_names: tuple[str, ...]
    attributes: Mapping[str, Attribute]
    run: Run = field(default_factory=Run)
    logits: NDArray[np.float32] | None = None
    score: NDArray[np.float32] | None = None
    weight: NDArray[np.float64] | None = None
    cluster_id: NDArray[np.str_] | None = None
    split: NDArray[np.str_] | None = None
    multiplicity: NDArray[np.int64] | None = None
    labelled: bool = True

    def __post_init__(self) -> None:
        for name, column in self._columns().items():
            if len(column) != len(self.example_id):
                raise BadInput(
                    f"column '{name}' of {self.run} has {len(column)} rows; "
                    f"{len(self.example_id)} were expected, one per example id."
                )
        if self.error is None:
            _require_labels("target", self.target, len(self.label_names))
            _require_labels("predicted", self.predicted, len(self.label_names))
        else:
            _require_errors(self.error, self)
        for name, values in (("loss", self.loss), ("margin", self.margin)):
            if values is not None:
                _require_numbers(name, values, self.run)
        if self.multiplicity is not None:
            _require_alike(self.multiplicity, self)

    def __len__(self) -> int:
        return len(self.example_id)

    @property
    def answers(self) -> Answers:
        """What is answered: labels, sets of labels, or numbers."""
        if self.error is not None:
            return "numbers"
        return "labels" if self.share_right is None else "sets"

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Whether each answer is right, shape (examples,).

        Raises:
            BadInput: Answers are numbers, which are off by more or by less, or the right ones are not known.
        """
        if not self.labelled:
            raise BadInput(f"{self.run} has no right answers; take measures such as modal_exemplars, which need none.")
        if self.error is not None:
            raise BadInput(f"{self.run} holds numbers and no labels; take measures such as mean_absolute_error.")
        return self.predicted == self.target

    def groups(self, by: str, *, reference: str | None = None) -> Groups:
        """Partition these examples by an attribute, ``"race"``, or an intersection, ``"race*sex"``."""
        return Groups.of(self.attributes, by=by, reference=reference, multiplicity=self.multiplicity)

    @property
    def examples(self) -> int:
        """How many examples the rows stand for."""
        return len(self) if self.multiplicity is None else int(self.multiplicity.sum())

    @property
    def losses(self) -> NDArray[np.float64]:
        """Loss per row, nats, shape (rows,).

        Raises:
            BadInput: Only answers are known.
        """
        return _known("loss", self.loss, self.run)

    @property
    def errors(self) -> NDArray[np.float64]:
        """Predicted minus right number per row, in the unit of the target, shape (rows,).

        Raises:
            BadInput: Answers are labels.
        """
        if self.error is None:
            raise BadInput(f"{self.run} holds labels and no numbers; take measures such as accuracy.")
        return self.error

    @property
    def shares_right(self) -> NDArray[np.float64]:
        """Share of all labels that are right per row, shape (rows,).

        Raises:
            BadInput: Answers are no sets of labels.
        """
        if self.share_right is None:
            raise BadInput(f"{self.run} holds {self.answers} and no sets of labels; take measures such as accuracy.")
        return self.share_right

    @property
    def margins(self) -> NDArray[np.float64]:
        """Margin per row, shape (rows,).

        Raises:
            BadInput: Only answers are known.
        """
        return _known("margin", self.margin, self.run)

    @property
    def mass(self) -> NDArray[np.float64] | None:
        """What a row adds to a sum over examples: weight times multiplicity; None where every row counts once."""
        if self.multiplicity is None:
            return self.weight
        return self.multiplicity.astype(np.float64) * (1.0 if self.weight is None else self.weight)

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> "Predictions":
        """Return the predictions of some examples, in the given order."""
        chosen: dict[str, Any] = {
            name: column.take(rows) if isinstance(column, Attribute) else column[rows]
            for name, column in self._columns().items()
        }
        attributes = {name: chosen.pop(name) for name in self.attributes}
        return replace(self, attributes=attributes, **chosen)

    def _columns(self) -> dict[str, Any]:
        plain = {f.name: getattr(self, f.name) for f in fields(self)}
        for name in ("label_names", "attributes", "run", "labelled"):
            del plain[name]
        return {name: column for name, column in plain.items() if column is not None} | dict(self.attributes)


def require_same_examples(variant: Predictions, reference: Predictions) -> None:
    """Refuse two predictions that do not hold the same examples in the same order.

    Args:
        variant: Predictions under the choice being judged.
        reference: Predictions it is compared with.

    Raises:
        BadInput: Ids, targets or label names differ; the message shows the first difference.
    """
    if len(variant) != len(reference):
        raise BadInput(f"{variant.run} has {len(variant)} examples and {reference.run} has {len(reference)}.")
    for name in ("example_id", "target"):
        left, right = getattr(variant, name), getattr(reference, name)
        if not np.array_equal(left, right):
            row = int(np.flatnonzero(left != right)[0])
            raise BadInput(
                f"row {row}: {name} is {left[row]} in {variant.run} and {right[row]} in {reference.run}; "
                "both have to hold the same examples in the same order."
            )
    if variant.label_names != reference.label_names:
        raise BadInput(
            f"labels are {variant.label_names} in {variant.run} and {reference.label_names} in {reference.run}."
        )


def _require_labels(name: str, labels: NDArray[np.int64], classes: int) -> None:
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    if wrong.size:
        raise BadInput(
            f"{name} of row {wrong[0]} is {labels[wrong[0]]}; a label index from 0 to {classes - 1} was expected "
            f"({wrong.size} such rows)."
        )


def _require_numbers(name: str, values: NDArray[np.float32], run: Run) -> None:
    wrong = np.flatnonzero(~np.isfinite(values))
    if wrong.size:
        kinds = (("NaN", np.isnan(values)), ("infinite", np.isinf(values)))
        found = " or ".join(kind for kind, rows in kinds if rows.any())
        raise BadInput(
            f"{name} of {run} is {found} for {wrong.size} of {len(values)} examples, first in row {wrong[0]}; "
            "a finite number was expected. The model diverged or the choice broke it: lower the learning rate or the "
            "strength. A model that rules a class out needs a logit such as -1e4 in place of minus infinity."
        )


def _require_errors(error: NDArray[np.float64], predictions: Predictions) -> None:
    if predictions.label_names:
        raise BadInput(
            f"{predictions.run} holds both numbers and labels {predictions.label_names[:5]}; one of the two."
        )
    wrong = np.flatnonzero(~(np.abs(error) <= LARGEST_ERROR))
    if wrong.size:
        raise BadInput(
            f"error of {predictions.run} is {error[wrong[0]]} in row {wrong[0]} ({wrong.size} such rows); numbers at "
            f"most {LARGEST_ERROR:g} apart were expected. Is the target in another unit?"
        )


def _require_alike(multiplicity: NDArray[np.int64], predictions: Predictions) -> None:
    if (multiplicity < 1).any():
        row = int(np.argmin(multiplicity))
        raise BadInput(
            f"multiplicity of row {row} of {predictions.run} is {multiplicity[row]}; at least 1 was expected."
        )
    if predictions.cluster_id is not None:
        raise BadInput(
            f"{predictions.run} has clusters and multiplicities; rows of one person cannot be counted as one."
        )


def _known(name: str, values: NDArray[np.float32] | None, run: Run) -> NDArray[np.float64]:
    if values is None:
        raise BadInput(f"{run} holds answers and no {name}; give scores or a loss, or leave measures of {name} out.")
    return values.astype(np.float64)
