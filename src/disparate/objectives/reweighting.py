"""Reweighting: examples of rare groups count more (the baseline of idrissi2022)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from disparate.errors import BadInput, require
from disparate.objectives import Batch, Course, Levels, Population


@dataclass(frozen=True, kw_only=True, slots=True)
class Reweighting:
    r"""The mean loss with weights by inverse frequency.

    $$ \frac{1}{|B|} \sum_{i \in B} w_{g(i)} \ell_i, \qquad w_g = c \, n_g^{-s} $$

    c such that the mean weight over the training examples is 1, s the strength: at 1 every group counts the same, at 0
    every example does. ``by="group_and_class"`` counts the examples of each group and class, so that it also evens out
    the mix of classes within a group. A batch is not normalised by its own weights: the gradient is unbiased, and a
    step is the larger the more rare examples it holds.

    Where a network fits all training examples the weights change little of what it answers (byrd2019).

    Args:
        strength: s, in [0, 1]; 0 is plain training.
        by: What is counted.

    Raises:
        BadInput: The strength is out of range.

    Example:
        >>> course = Reweighting().begin(Population(names=("many", "few"), counts=(3, 1)))
        >>> {name: round(weight, 4) for name, weight in course.told()["weight"].items()}  # 4 / (2 · 3), 4 / (2 · 1)
        {'many': 0.6667, 'few': 2.0}
    """

    strength: float = 1.0
    by: Literal["group", "group_and_class"] = "group"

    def __post_init__(self) -> None:
        require(0 <= self.strength <= 1, f"Reweighting(strength={self.strength})", "a number in [0, 1]")

    def begin(self, population: Population) -> Course:
        """Return the objective at the start of a training.

        Args:
            population: Who is trained on, by class too where classes are counted.

        Returns:
            The course.

        Raises:
            BadInput: Classes are to be counted and are not known.
        """
        if self.by == "group":
            return _Reweighting(self, population, torch.tensor(population.counts)[:, None])
        if not population.by_class:
            raise BadInput(
                "objective 'reweighting': the classes of the training examples are not known here; "
                "by='group_and_class' needs them. Use by='group'."
            )
        return _Reweighting(self, population, torch.tensor(population.by_class))


class _Reweighting:
    differentiates_inputs = False

    def __init__(self, settings: Reweighting, population: Population, counts: Tensor) -> None:
        self.settings, self.population = settings, population
        self.seen = counts > 0
        self.weights = _weights(counts.double(), settings.strength)

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        if not self.settings.strength:
            return cross_entropy(outputs, batch.target, label_smoothing=batch.label_smoothing)
        return self.example_losses(outputs, batch).mean()

    def example_losses(self, outputs: Tensor, batch: Batch) -> Tensor:
        losses = cross_entropy(outputs, batch.target, label_smoothing=batch.label_smoothing, reduction="none")
        weights = self.weights.to(outputs).expand(-1, outputs.shape[1])
        return weights[batch.group.long(), batch.target] * losses

    def end_epoch(self, epoch: int, levels: Callable[[], Levels]) -> None:
        """Keep nothing."""

    def told(self) -> dict[str, Any]:
        return {"weight": self._by_name(), "absent": self.population.absent}

    def _by_name(self) -> dict[str, Any]:
        if self.settings.by == "group":
            return self.population.by_name(self.weights[:, 0])
        rows = zip(self.population.names, self.weights.tolist(), self.seen.tolist(), strict=True)
        return {
            name: {k: w for k, w, there in zip(self.population.labels, own, seen, strict=True) if there}
            for name, own, seen in rows
            if any(seen)
        }


def _weights(counts: Tensor, strength: float) -> Tensor:
    """Return counts to the power of minus the strength, scaled to mean 1 over the examples; 0 where none is."""
    raw = torch.where(counts > 0, counts.clamp(min=1) ** -strength, 0.0)
    return raw * counts.sum() / (raw * counts).sum()
