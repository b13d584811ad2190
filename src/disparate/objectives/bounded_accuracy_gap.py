"""Bounded accuracy gap: no group may lose more accuracy by compression than everyone does (hashemizadeh2024)."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from disparate.constraints.batch_means import group_means
from disparate.constraints.multipliers import ascended, group_weights, require_finite, weighted_mean, within_sum
from disparate.constraints.replay import Replay
from disparate.errors import BadInput, require
from disparate.objectives import Batch, Course, Levels, Population

AT_CAP = 1e-9
"""How near to the cap the sum of multipliers counts as at it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BoundedAccuracyGap:
    r"""The mean loss under a bound on the accuracy that any group loses beyond what everyone loses.

    With $A_g$ the accuracy of group g now and $A_g^d$ that of the dense network, both over training examples,

    $$ \min_\theta J(\theta; D) \quad \text{s.t.} \quad
       \psi_g = (A_g^d - A_g) - (A^d - A) \le \epsilon \;\; \text{for all } g $$

    (CEAG, hashemizadeh2024). Before every step the batch's right and wrong answers enter cyclic buffers of each group;
    from the buffers that are full, $\lambda_g \leftarrow [\lambda_g + \eta (\psi_g - \epsilon)]_+$; then the step
    descends

    $$ J(\theta; B) + \sum_{g \in B} \lambda_g \bigl( (J_g(\theta; B) - J_g^d) - (J(\theta; B) - J^d) \bigr) $$

    where losses take the place of accuracies, which have no gradient. A constraint bounds a group's loss of accuracy
    from above only: gaining more than the others is no violation.

    **Infeasible constraints** (a group that cannot be brought back at this rate of pruning) let multipliers grow
    without end. A group with multiplier 0 has the weight π(1 − Σλ), so that beyond Σλ = 1 its loss is driven *up*; the
    sum is therefore kept at ``cap``, by projection. A group that is still violated there is told as ``infeasible``.

    The violation that the history tells is that of the training examples in evaluation mode at the end of the epoch;
    the buffers' own is told as ``estimate``. It says nothing about unseen data: hashemizadeh2024 reach 0 points in
    training where several remain in the test.

    Departs from the paper: the cap is this project's. A is the buffers' accuracies weighted by the groups' shares, over
    the groups whose buffers are full. Buffers hold answers in training mode, to augmented inputs, while A^d is taken in
    evaluation mode; what augmentation costs everyone cancels in ψ, what it costs one group more does not.

    Args:
        tolerance: ε, a share, 0 or more.
        step: η per step, 0 or more; 0 is plain training.
        buffer: Answers that are kept of each group.
        cap: Largest sum of multipliers, in [0, 1); below 1 no group's loss is driven up.

    Raises:
        BadInput: A setting is out of range.

    Example:
        >>> dense = Levels(count=torch.tensor([3, 1]), loss=torch.zeros(2), accuracy=torch.ones(2))
        >>> population = Population(names=("many", "few"), counts=(3, 1), dense=dense)
        >>> course = BoundedAccuracyGap(step=0.1, tolerance=0.0, buffer=1).begin(population)
        >>> outputs, target = torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([0, 1])
        >>> _ = course.loss(outputs, Batch(target=target, group=torch.tensor([0, 1])))  # few is wrong: ψ = 1 − 1/4
        >>> {name: round(value, 4) for name, value in course.told()["multiplier"].items()}
        {'many': 0.0, 'few': 0.075}
    """

    tolerance: float = 0.01
    step: float = 0.01
    buffer: int = 40
    cap: float = 0.9

    def __post_init__(self) -> None:
        kind = "BoundedAccuracyGap"
        require(0 <= self.tolerance <= 1, f"{kind}(tolerance={self.tolerance})", "a share in [0, 1]")
        require(0 <= self.step < math.inf, f"{kind}(step={self.step})", "0 or more")
        require(self.buffer >= 1, f"{kind}(buffer={self.buffer})", "1 or more")
        require(0 <= self.cap < 1, f"{kind}(cap={self.cap})", "a number in [0, 1)")

    def begin(self, population: Population) -> Course:
        """Return the objective at the start of a training, every multiplier 0 and every buffer empty.

        Args:
            population: Who is trained on, and where the dense network stood.

        Returns:
            The course.

        Raises:
            BadInput: Nothing is known of a dense network.
        """
        if population.dense is None:
            raise BadInput(
                "objective 'bounded_accuracy_gap': there is no network to hold the groups against; it bounds what they "
                "lose by compression. Use it as the objective of a fine_tune behind prune or another choice."
            )
        return _BoundedAccuracyGap(self, population, population.dense)


class _BoundedAccuracyGap:
    differentiates_inputs = False

    def __init__(self, settings: BoundedAccuracyGap, population: Population, dense: Levels) -> None:
        self.settings, self.population, self.dense = settings, population, dense
        self.accuracies = population.by_name(dense.accuracy)
        self.shares = population.shares
        self.multipliers = dict.fromkeys(self.shares, 0.0)
        self.replay = Replay(population.names, size=settings.buffer)
        self.epoch = 1
        self.violations: dict[str, float] = {}

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        mean = cross_entropy(outputs, batch.target, label_smoothing=batch.label_smoothing)
        losses = cross_entropy(outputs, batch.target, reduction="none")
        means = group_means(losses, batch.group)
        require_finite(means.by_name(self.population.names), "loss", self.multipliers, f"in epoch {self.epoch}")
        self._learn(outputs, batch)
        if not any(self.multipliers.values()):
            return mean
        excess = (means.mean - means.take(self.dense.loss)) - (losses.mean() - self.dense.whole_loss)
        return mean + (means.take(self._by_index()) * excess).sum()

    def end_epoch(self, epoch: int, levels: Callable[[], Levels]) -> None:
        self.epoch = epoch + 1
        self.violations = self._excess(self.population.by_name(levels().accuracy))

    def told(self) -> dict[str, Any]:
        full = sum(self.multipliers.values()) >= self.settings.cap - AT_CAP
        violated = [name for name, gap in self.violations.items() if gap > self.settings.tolerance]
        return {
            "multiplier": dict(self.multipliers),
            "violation": dict(self.violations),
            "estimate": self._excess(self.replay.means()),
            "weight": group_weights(self.shares, self.multipliers),
            "infeasible": [name for name in violated if full and self.multipliers[name] > 0],
            "absent": self.population.absent,
        }

    def _learn(self, outputs: Tensor, batch: Batch) -> None:
        right = outputs.detach().argmax(dim=1) == batch.target
        self.replay.push(right.to(torch.float64), batch.group)
        over = {name: gap - self.settings.tolerance for name, gap in self._excess(self.replay.means()).items()}
        risen = ascended(
            self.multipliers, over, step=self.settings.step, low=0.0, high=math.inf, when=f"in epoch {self.epoch}"
        )
        self.multipliers = within_sum(risen, self.settings.cap)

    def _excess(self, accuracies: Mapping[str, float]) -> dict[str, float]:
        """Return ψ of the groups whose accuracy is known; the whole is that of these groups."""
        lost = {name: self.accuracies[name] - accuracy for name, accuracy in accuracies.items()}
        whole = weighted_mean(lost, self.shares)
        return {name: own - whole for name, own in lost.items()}

    def _by_index(self) -> Tensor:
        return torch.tensor([self.multipliers.get(name, 0.0) for name in self.population.names], dtype=torch.float64)
