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

    Where no group is named, the two are those with a training example, and there have to be two of them: the gap is the
    same whichever is privileged.

    A batch that lacks one of the two has no gap, and only the first term. Other groups count in the first term alone.

    Departs from the paper: batches are those of the training, which the choice ``crossbar_training`` draws from the
    groups apart; errors of hardware are not part of it but of that choice. α = 1 is refused, as nothing would then be
    learnt.

    Args:
        privileged: Name of a group; of two groups none need be named.
        unprivileged: Name of another.
        strength: α, in [0, 1); 0 is plain training.

    Raises:
        BadInput: The strength is out of range, the two names are one, or only one is given.

    Example:
        >>> import torch
        >>> objective = FairnessGap(privileged="light", unprivileged="dark", strength=0.5)
        >>> course = objective.begin(Population(names=("dark", "light"), counts=(1, 1)))
        >>> outputs = torch.tensor([[0.0, 0.0], [0.0, 100.0]])  # losses log 2 and 0
        >>> batch = Batch(target=torch.tensor([0, 1]), group=torch.tensor([0, 1]))
        >>> round(course.loss(outputs, batch).item(), 4)  # 0.5 · log 2 / 2 + 0.5 · log 2
        0.5199
    """

    privileged: str | None = None
    unprivileged: str | None = None
    strength: float = 0.3

    def __post_init__(self) -> None:
        require(0 <= self.strength < 1, f"FairnessGap(strength={self.strength})", "a number in [0, 1)")
        both = f"FairnessGap(privileged='{self.privileged}', unprivileged='{self.unprivileged}')"
        named = {self.privileged, self.unprivileged}
        require(named == {None} or len(named - {None}) == 2, both, "two different groups, or none")

    def begin(self, population: Population) -> Course:
        """Return the objective at the start of a training.

        Args:
            population: Who is trained on.

        Returns:
            The course.

        Raises:
            BadInput: One of the two is no group, or has no training example; or none is named and there are not two.
        """
        shares = population.shares
        pair = self._pair(tuple(shares))
        for name in pair:
            if name not in population.names:
                raise BadInput(
                    f"objective 'fairness_gap': '{name}' is no group here.{suggestion(name, population.names)}"
                )
            if name not in shares:
                raise BadInput(
                    f"objective 'fairness_gap': group '{name}' has no training example; both groups need some. "
                    "Choose another group, or another split."
                )
        return _FairnessGap(self.strength, pair, population)

    def _pair(self, present: tuple[str, ...]) -> tuple[str, str]:
        if self.privileged is not None and self.unprivileged is not None:
            return self.privileged, self.unprivileged
        if len(present) != 2:
            raise BadInput(
                f"objective 'fairness_gap': it names no groups, and those with training examples are {list(present)}; "
                "two were expected. Name them with privileged and unprivileged."
            )
        return present[0], present[1]


class _FairnessGap:
    differentiates_inputs = False

    def __init__(self, strength: float, pair: tuple[str, str], population: Population) -> None:
        self.strength, self.pair, self.population = strength, pair, population
        self.codes = tuple(population.names.index(name) for name in pair)
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
        alpha = self.strength
        if not alpha:
            return mean
        return (1 - alpha) * mean + (0.0 if lacks else alpha * (pair[1] - pair[0]).abs().sum())

    def end_epoch(self, epoch: int, levels: Callable[[], Levels]) -> None:
        means = self.tally.means()
        pair = {name: means[name] for name in self.pair if name in means}
        self.met = self.tally.shares()
        self.last = {"loss": pair, "batches_without_both": self.without, **self._between(pair)}
        self._forget()

    def told(self) -> dict[str, Any]:
        return {**self.last, "absent": self.population.absent}

    def _forget(self) -> None:
        self.tally, self.without = Tally(self.population.names), 0

    def _between(self, pair: dict[str, float]) -> dict[str, Any]:
        if len(pair) < 2:
            return {}
        privileged, unprivileged = self.pair
        gap, alpha = pair[unprivileged] - pair[privileged], self.strength
        pull = (alpha if gap > 0 else -alpha) / (1 - alpha)
        weights = group_weights(self.met, {unprivileged: pull, privileged: -pull})
        return {"gap": gap, "weight": {name: (1 - alpha) * weights[name] for name in pair}}
