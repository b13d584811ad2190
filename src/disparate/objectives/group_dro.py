"""Group DRO: the loss of the worst group, by weights that follow the losses (sagawa2020)."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from disparate.constraints.batch_means import Tally, group_means
from disparate.constraints.multipliers import require_finite
from disparate.errors import require
from disparate.objectives import Batch, Course, Levels, Population


@dataclass(frozen=True, kw_only=True, slots=True)
class GroupDRO:
    r"""Distributionally robust optimisation over groups.

    $$ \min_\theta \max_{q \in \Delta} \sum_g q_g \Bigl( J(\theta; D_g) + \frac{C}{\sqrt{n_g}} \Bigr) $$

    (sagawa2020, algorithm 1, with their adjustment by group size). Before every step $q_g \leftarrow q_g \exp(\eta
    (J(\theta; B_g) + C/\sqrt{n_g}))$ for the groups of the batch, then q is normalised over all groups; the step
    descends $\sum_{g \in B} q_g J(\theta; B_g)$. q starts uniform, whatever the sizes: even with η = 0 groups count
    equally, not examples, and there is no plain training among its settings.

    A batch that lacks a group has not its part of q, so rare groups come to less than their q. sagawa2020 draw batches
    that are balanced over groups; here they are those of the training, so keep batches large. Without strong
    regularisation every group's training loss goes to 0 and nothing is gained (sagawa2020): use
    ``weight_decay`` or stop early.

    Args:
        step: η, 0 or more.
        adjustment: C of the generalisation adjustment, 0 or more; a margin that grows as the group is small.

    Raises:
        BadInput: A setting is out of range.

    Example:
        >>> course = GroupDRO(step=1.0).begin(Population(names=("a", "b"), counts=(1, 1)))
        >>> outputs = torch.tensor([[0.0, 0.0], [0.0, 100.0]])  # losses log 2 and 0: q goes as 2 : 1
        >>> loss = course.loss(outputs, Batch(target=torch.tensor([0, 1]), group=torch.tensor([0, 1])))
        >>> round(loss.item(), 4)  # 2/3 · log 2
        0.4621
    """

    step: float = 0.01
    adjustment: float = 0.0

    def __post_init__(self) -> None:
        require(0 <= self.step < math.inf, f"GroupDRO(step={self.step})", "0 or more")
        require(0 <= self.adjustment < math.inf, f"GroupDRO(adjustment={self.adjustment})", "0 or more")

    def begin(self, population: Population) -> Course:
        """Return the objective at the start of a training, every group that is trained on with the same weight."""
        return _GroupDRO(self, population)


class _GroupDRO:
    differentiates_inputs = False

    def __init__(self, settings: GroupDRO, population: Population) -> None:
        self.settings, self.population = settings, population
        counts = torch.tensor(population.counts, dtype=torch.float64)
        self.margin = settings.adjustment / counts.clamp(min=1).sqrt()
        self.log_weight = torch.where(counts > 0, 0.0, -torch.inf).log_softmax(dim=0)
        self.tally = Tally(population.names)
        self.losses: dict[str, float] = {}
        self.epoch = 1

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        losses = cross_entropy(outputs, batch.target, label_smoothing=batch.label_smoothing, reduction="none")
        self.tally.add(losses, batch.group)
        means = group_means(losses, batch.group)
        weights = self.population.by_name(self.log_weight.exp())
        require_finite(means.by_name(self.population.names), "loss", weights, f"in epoch {self.epoch}")
        rise = self.settings.step * (means.mean.detach().double() + means.take(self.margin))
        self.log_weight = self.log_weight.to(rise).index_add(0, means.codes, rise).log_softmax(dim=0)
        return (means.take(self.log_weight.exp()) * means.mean).sum()

    def end_epoch(self, epoch: int, levels: Callable[[], Levels]) -> None:
        self.epoch = epoch + 1
        self.losses = self.tally.means()
        self.tally = Tally(self.population.names)

    def told(self) -> dict[str, Any]:
        return {
            "weight": self.population.by_name(self.log_weight.exp()),
            "loss": dict(self.losses),
            "absent": self.population.absent,
        }
