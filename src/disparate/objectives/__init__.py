"""Objectives: what a training minimises. A frozen value begins a course; the course gives the loss of every step."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from disparate.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

OBJECTIVES = Registry(
    family="objectives",
    entries={
        "erm": "disparate.objectives.erm:ERM",
        "boundary_distance": "disparate.objectives.boundary_distance:BoundaryDistance",
        "bounded_accuracy_gap": "disparate.objectives.bounded_accuracy_gap:BoundedAccuracyGap",
        "equal_loss": "disparate.objectives.equal_loss:EqualLoss",
        "fairness_gap": "disparate.objectives.fairness_gap:FairnessGap",
        "gradient_norm": "disparate.objectives.gradient_norm:GradientNorm",
        "group_balanced_sampling": "disparate.objectives.group_balanced_sampling:GroupBalancedSampling",
        "group_dro": "disparate.objectives.group_dro:GroupDRO",
        "reweighting": "disparate.objectives.reweighting:Reweighting",
    },
)
"""Objectives that a recipe can name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """What an objective sees of one step.

    Args:
        target: Label index per example, shape (batch,).
        group: Index of the group per example, shape (batch,).
        label_smoothing: In [0, 1).
        inputs: What the network saw, shape (batch, ...); differentiable where the course asks for it.
        parameters: The trained parameters, for terms that are made of gradients.
    """

    target: "Tensor"
    group: "Tensor"
    label_smoothing: float = 0.0
    inputs: "Tensor | None" = None
    parameters: "tuple[Tensor, ...]" = ()


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Levels:
    """Where a network stands on the training examples, in evaluation mode.

    Args:
        count: Examples by group, shape (groups,), int64.
        loss: Mean cross-entropy by group, nats, shape (groups,); NaN for a group without an example.
        accuracy: Share of right answers by group, shape (groups,); NaN for a group without an example.
    """

    count: "Tensor"
    loss: "Tensor"
    accuracy: "Tensor"

    @property
    def whole_loss(self) -> float:
        """Mean cross-entropy over everyone, nats."""
        return self._mean(self.loss)

    @property
    def whole_accuracy(self) -> float:
        """Share of right answers over everyone."""
        return self._mean(self.accuracy)

    def _mean(self, values: "Tensor") -> float:
        seen = self.count > 0
        return float((values[seen] * self.count[seen]).sum() / self.count.sum())


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Population:
    """Who is trained on.

    Args:
        names: Names of the groups, in the order of a batch's indices.
        counts: Training examples of each; 0 for a group that has none.
        dense: Where the network stood before it was compressed; None where nothing was.
        labels: Names of the classes, in the order of a batch's targets; none where they are not known.
        by_class: Training examples of each group by class, shape (groups, classes).
    """

    names: tuple[str, ...]
    counts: tuple[int, ...]
    dense: Levels | None = None
    labels: tuple[str, ...] = ()
    by_class: tuple[tuple[int, ...], ...] = ()

    @property
    def shares(self) -> dict[str, float]:
        """Share of each group among the training examples; a group that has none is left out.

        Example:
            >>> Population(names=("a", "b", "c"), counts=(3, 0, 1)).shares
            {'a': 0.75, 'c': 0.25}
        """
        whole = sum(self.counts)
        return {name: count / whole for name, count in zip(self.names, self.counts, strict=True) if count}

    @property
    def absent(self) -> list[str]:
        """Groups without a training example: no number is told of them."""
        return [name for name, count in zip(self.names, self.counts, strict=True) if not count]

    def by_name(self, values: "Tensor") -> dict[str, float]:
        """Return one value per group, shape (groups,), by name; a group that is absent from training is left out."""
        return {name: value for name, value in zip(self.names, values.tolist(), strict=True) if name in self.shares}


class Course(Protocol):
    """An objective in the course of one training: it may keep multipliers, averages and buffers."""

    @property
    def differentiates_inputs(self) -> bool:
        """Whether the loss takes gradients by the inputs."""
        ...

    def loss(self, outputs: "Tensor", batch: Batch) -> "Tensor":
        """Return the scalar to minimise, given logits of shape (batch, classes)."""
        ...

    def end_epoch(self, epoch: int, levels: Callable[[], Levels]) -> None:
        """Take note of the end of an epoch, counted from 1; ``levels`` passes over the training examples once."""
        ...

    def told(self) -> "Mapping[str, Any]":
        """Return what the history of the training keeps of this epoch, as plain values by group name."""
        ...


class Objective(Protocol):
    """Something to minimise, as a frozen value that a recipe names."""

    def begin(self, population: Population) -> Course:
        """Return the objective at the start of a training on this population."""
        ...


@runtime_checkable
class Separate(Protocol):
    """A course whose loss is the mean over the batch of one loss per example, each made of that example alone.

    Only then does clipping the gradient of every example bound what one person's data can do (DP-SGD). Means and
    multipliers of groups couple the examples of a batch, and weights that follow losses couple steps.
    """

    def example_losses(self, outputs: "Tensor", batch: Batch) -> "Tensor":
        """Return one loss per example, shape (batch,), whose mean is the loss."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Unchanging:
    """The course of an objective that keeps nothing from step to step.

    Args:
        of: The loss of a step.
        differentiates_inputs: Whether it takes gradients by the inputs.
    """

    of: "Callable[[Tensor, Batch], Tensor]"
    differentiates_inputs: bool = field(default=False)

    def loss(self, outputs: "Tensor", batch: Batch) -> "Tensor":
        """Return the scalar to minimise."""
        return self.of(outputs, batch)

    def end_epoch(self, epoch: int, levels: Callable[[], Levels]) -> None:
        """Keep nothing."""

    def told(self) -> "Mapping[str, Any]":
        """Return nothing: there is nothing that changes."""
        return {}


@dataclass(frozen=True, kw_only=True, slots=True)
class UnchangingMean(Unchanging):
    """The course of an objective that keeps nothing and is a mean over examples.

    Args:
        each: The loss of every example of a step.
    """

    each: "Callable[[Tensor, Batch], Tensor]"

    def example_losses(self, outputs: "Tensor", batch: Batch) -> "Tensor":
        """Return one loss per example, shape (batch,)."""
        return self.each(outputs, batch)


def build_objective(table: "Mapping[str, Any]") -> Objective:
    """Return the objective that a recipe's table describes.

    Args:
        table: ``{"name": "erm", setting: value, ...}``; settings are checked strictly (``"0.5"`` is no number).

    Returns:
        The objective.

    Raises:
        BadInput: The name is unknown, or a setting is unknown, missing, of a wrong type or out of range. All wrong
            settings are reported together, one per line.

    Example:
        >>> build_objective({"name": "erm"})
        ERM()
        >>> build_objective({"name": "group_dro", "stepp": 0.1})
        Traceback (most recent call last):
        ...
        disparate.errors.BadInput: objective 'group_dro': unknown key 'stepp' (found 0.1). Did you mean 'step'?
    """
    settings = dict(table)
    objective: Objective = OBJECTIVES.build(settings.pop("name", "erm"), settings)
    return objective
