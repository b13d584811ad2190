"""Fairness gap: the mean loss and the absolute difference of two groups' losses, weighed (mugdho2025, eq. 11)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.nn.functional import cross_entropy

from disparate.constraints.batch_means import Tally, group_means
from disparate.constraints.multipliers import group_weights
from disparate.errors import BadInput, require, suggestion
from disparate.objectives import Batch, Course, Levels, Population


@dataclass(frozen=True, kw_only=True, slots=True)
class FairnessGap:
    r"""The loss of everyone and the gap between two groups.

    $$ (1 - \alpha) \, J(\theta; B) + \alpha \, \lvert J(\theta; B_u) - J(\theta; B_p) \rvert $$

    (mugdho2025, eq. 11), u the unprivileged and p the privileged group. Which one pays is not asked: the gap closes
    just as well when the better group is made worse. The gradient of the better one of two groups that are everyone has
    the weight (1 − α) π − α, which is negative for α > π / (1 + π): with groups of equal size from 1/3 on its loss is
    driven *up*. The history tells both ``weight``.

    A batch that lacks one of the two has no gap, and only the first term. Other groups count in the first term alone.

    Departs from the paper: batches are those of the training, not drawn from the two groups apart; errors of hardware
    are not part of it. α = 1 is refused, as nothing would then be learnt.

    Args:
        privileged: Name of a group.
        unprivileged: Name of another.
        strength: α, in [0, 1); 0 is plain training.

    Raises:
        BadInput: The strength is out of range, or the two names are one.

    Example:
        >>> import torch
        >>> objective = FairnessGap(privileged="light", unprivileged="dark", strength=0.5)
        >>> course = objective.begin(Population(names=("dark", "light"), counts=(1, 1)))
        >>> outputs = torch.tensor([[0.0, 0.0], [0.0, 100.0]])  # losses log 2 and 0
        >>> batch = Batch(target=torch.tensor([0, 1]), group=torch.tensor([0, 1]))
        >>> round(course.loss(outputs, batch).item(), 4)  # 0.5 · log 2 / 2 + 0.5 · log 2
        0.5199
    """

    privileged: str
    unprivileged: str
    strength: float = 0.3

    def __post_init__(self) -> None:
        require(0 <= self.strength < 1, f"FairnessGap(strength={self.strength})", "a number in [0, 1)")
        both = f"FairnessGap(privileged='{self.privileged}', unprivileged='{self.unprivileged}')"
        require(self.privileged != self.unprivileged, both, "two different groups")

    def begin(self, population: Population) -> Course:
        """Return the objective at the start of a training.

        Args:
            population: Who is trained on.

        Returns:
            The course.

        Raises:
            BadInput: One of the two is no group, or has no training example.
        """
        shares = population.shares
        for name in (self.privileged, self.unprivileged):
            if name not in population.names:
                raise BadInput(
                    f"objective 'fairness_gap': '{name}' is no group here.{suggestion(name, population.names)}"
                )
            if name not in shares:
                raise BadInput(
                    f"objective 'fairness_gap': group '{name}' has no training example; both groups need some. "
                    "Choose another group, or another split."
                )
        return _FairnessGap(self, population)


class _FairnessGap:
    differentiates_inputs = False

    def __init__(self, settings: FairnessGap, population: Population) -> None:
        self.settings, self.population = settings, population
        self.codes = tuple(population.names.index(name) for name in (settings.privileged, settings.unprivileged))
        self.last: dict[str, Any] = {}
        self._forget()

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        mean = cross_entropy(outputs, batch.target, label_smoothing=batch.label_smoothing)
        losses = cross_entropy(outputs, batch.target, reduction="none")
        self.tally.add(losses, batch.group)
        means = group_means(losses, batch.group)
        pair = [means.mean[means.codes == code] for code in self.codes]
        lacks = not all(len(found) for found in pair)
        self.without += lacks
        alpha = self.settings.strength
        if not alpha:
            return mean
        return (1 - alpha) * mean + (0.0 if lacks else alpha * (pair[1] - pair[0]).abs().sum())

    def end_epoch(self, epoch: int, levels: Callable[[], Levels]) -> None:
        means = self.tally.means()
        pair = {name: means[name] for name in (self.settings.privileged, self.settings.unprivileged) if name in means}
        self.last = {"loss": pair, "batches_without_both": self.without, **self._between(pair)}
        self._forget()

    def told(self) -> dict[str, Any]:
        return {**self.last, "absent": self.population.absent}

    def _forget(self) -> None:
        self.tally, self.without = Tally(self.population.names), 0

    def _between(self, pair: dict[str, float]) -> dict[str, Any]:
        if len(pair) < 2:
            return {}
        gap = pair[self.settings.unprivileged] - pair[self.settings.privileged]
        alpha = self.settings.strength
        pull = (alpha if gap > 0 else -alpha) / (1 - alpha)
        weights = group_weights(
            self.population.shares, {self.settings.unprivileged: pull, self.settings.privileged: -pull}
        )
        return {"gap": gap, "weight": {name: (1 - alpha) * weights[name] for name in pair}}
