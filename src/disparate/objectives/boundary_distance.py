"""Boundary distance: groups as near to the decision boundary as everyone is (nelaturu2024)."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from disparate.constraints.batch_means import GroupMeans, Tally, group_means, too_few
from disparate.constraints.multipliers import ascended
from disparate.errors import require
from disparate.geometry.batch_margins import distance_by_inputs, distance_by_parameters, gini, lead, signed_lead
from disparate.objectives import Batch, Course, Levels, Population

Distance = Literal["closeness_gini", "distance_logit", "distance_logit_signed", "distance_input", "distance_parameters"]


@dataclass(frozen=True, kw_only=True, slots=True)
class BoundaryDistance:
    r"""The mean loss and a penalty on groups whose mean distance to the decision boundary is not everyone's.

    With $d_a$ the mean over group a of a batch and $d$ that of the batch,

    | form | what is added to $J(\theta; B)$ |
    | --- | --- |
    | ``absolute`` (M1) | $\lambda \sum_a \lvert d_a - d \rvert$ |
    | ``squared`` (M2) | $\lambda \sum_a (d_a - d)^2$ |
    | ``max_pair`` (M3) | $\lambda \max_{a, b} \lvert d_a - d_b \rvert$ |
    | ``lagrangian`` (M4) | $\sum_a \lambda_a \lvert d_a - d \rvert$, λ_a rising by ``step`` times violation per epoch |

    and the distance is that of the measure of the same name: ``closeness_gini`` (D2), ``distance_logit`` and
    ``distance_logit_signed`` (D4, unsigned and with the true label), ``distance_input`` (D5) and
    ``distance_parameters`` (D7).

    nelaturu2024 says that the groups' mean distance is aligned by a term of the training loss. Its equation was not at
    hand: M1 with D2 is a reconstruction, everything else an alternative to it.

    **Moving averages.** With ``average`` = m the mean of a group is $m \bar d_a + (1 - m) d_a$, with $\bar d_a$ what it
    came to before. Only the batch's own part is differentiated, so that the penalty's gradient is 1 − m of that without
    an average: what is gained is a steadier sign.

    What can go wrong: D2 acts on confidence, and a wrong but confident answer counts as far, so that a group's distance
    can be had by being surer of the same errors; D4 and D7 are not free of scale. Groups of another difficulty *should*
    be at another distance. The absolute forms have a gradient of the same size however small the difference is, which
    makes a training more chaotic, and more so with few examples of a group per batch. A large λ gives up the smallest
    group.

    Args:
        strength: λ, 0 or more; 0 is plain training. In the form ``lagrangian`` what multipliers may grow to.
        form: The penalty.
        distance: What is aligned.
        minimum_members: Examples that a group needs in a batch to be looked at.
        average: m of the moving averages, in [0, 1); 0 is the batch alone.
        warmup_epochs: Epochs over which λ rises linearly from 0; multipliers stay 0 for as long.
        fixed_population: Whether d is a number without gradient: groups then move to everyone, not everyone to them.
        nearest: Classes that D5 and D7 look at, those of the largest logits after the answer; all where not given.
        step: What multipliers rise by, per epoch and unit of violation.

    Raises:
        BadInput: A setting is out of range.

    Example:
        >>> population = Population(names=("a", "b"), counts=(1, 1))
        >>> course = BoundaryDistance(strength=2.0, minimum_members=1).begin(population)
        >>> outputs = torch.tensor([[0.0, 0.0], [100.0, 0.0]])  # closeness 1/2 and 0; losses log 2 and 0
        >>> batch = Batch(target=torch.tensor([0, 0]), group=torch.tensor([0, 1]))
        >>> round(course.loss(outputs, batch).item(), 4)  # log 2 / 2 + 2 · (1/4 + 1/4)
        1.3466
    """

    strength: float = 0.1
    form: Literal["absolute", "squared", "max_pair", "lagrangian"] = "absolute"
    distance: Distance = "closeness_gini"
    minimum_members: int = 4
    average: float = 0.0
    warmup_epochs: int = 0
    fixed_population: bool = False
    nearest: int | None = None
    step: float = 0.1

    def __post_init__(self) -> None:
        kind = "BoundaryDistance"
        require(0 <= self.strength < math.inf, f"{kind}(strength={self.strength})", "0 or more")
        require(self.minimum_members >= 1, f"{kind}(minimum_members={self.minimum_members})", "1 or more")
        require(0 <= self.average < 1, f"{kind}(average={self.average})", "a number in [0, 1)")
        require(self.warmup_epochs >= 0, f"{kind}(warmup_epochs={self.warmup_epochs})", "0 or more")
        require(self.nearest is None or self.nearest >= 1, f"{kind}(nearest={self.nearest})", "1 or more, or none,")
        require(0 <= self.step < math.inf, f"{kind}(step={self.step})", "0 or more")

    def begin(self, population: Population) -> Course:
        """Return the objective at the start of a training, without averages, every multiplier 0."""
        return _BoundaryDistance(self, population)


class _BoundaryDistance:
    def __init__(self, settings: BoundaryDistance, population: Population) -> None:
        self.settings, self.population = settings, population
        self.multipliers = dict.fromkeys(population.shares, 0.0)
        self.averages: dict[int | None, Tensor] = {}
        self.epoch = 1
        self.last: dict[str, Any] = {}
        self._forget()

    @property
    def differentiates_inputs(self) -> bool:
        return self.settings.distance == "distance_input" and self.settings.strength > 0

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        mean = cross_entropy(outputs, batch.target, label_smoothing=batch.label_smoothing)
        if not self.settings.strength:
            return mean
        distances = self._distances(outputs, batch)
        least = self.settings.minimum_members
        self.tally.add(distances, batch.group)
        few = too_few(batch.group, groups=len(self.population.names), minimum=least)
        self.skipped = self.skipped.to(few) + few
        means = group_means(distances, batch.group, minimum=least)
        own, whole = self._averaged(means, distances.mean())
        weight = self._strength(means)
        if not len(means.codes) or not weight.any():
            return mean
        return mean + self._penalty(own, whole.detach() if self.settings.fixed_population else whole, weight)

    def end_epoch(self, epoch: int, levels: Callable[[], Levels]) -> None:
        means, whole = self.tally.means(), self.tally.whole
        apart = {name: abs(mean - whole) for name, mean in means.items()} if whole is not None else {}
        if self.settings.form == "lagrangian" and epoch > self.settings.warmup_epochs:
            self._ascend(apart, f"at the end of epoch {epoch}")
        self.epoch = epoch + 1
        self.last = {
            self.settings.distance: means,
            "everyone": whole,
            "violation": apart,
            "skipped": {name: int(count) for name, count in self.population.by_name(self.skipped).items()},
        }
        self._forget()

    def told(self) -> dict[str, Any]:
        multipliers = {"multiplier": dict(self.multipliers)} if self.settings.form == "lagrangian" else {}
        return {**self.last, **multipliers, "absent": self.population.absent}

    def _distances(self, outputs: Tensor, batch: Batch) -> Tensor:
        match self.settings.distance:
            case "closeness_gini":
                return gini(outputs)
            case "distance_logit":
                return lead(outputs)
            case "distance_logit_signed":
                return signed_lead(outputs, batch.target)
            case "distance_input":
                inputs = outputs.new_empty(0) if batch.inputs is None else batch.inputs
                return distance_by_inputs(outputs, inputs, nearest=self.settings.nearest)
            case "distance_parameters":
                return distance_by_parameters(outputs, batch.parameters, nearest=self.settings.nearest)

    def _averaged(self, means: GroupMeans, whole: Tensor) -> tuple[Tensor, Tensor]:
        if not self.settings.average:
            return means.mean, whole
        values = {**dict(zip(means.codes.tolist(), means.mean, strict=True)), None: whole}
        found = {code: self._average(code, value) for code, value in values.items()}
        self.averages |= {code: value.detach() for code, value in found.items()}
        own = [found[code] for code in means.codes.tolist()]
        return torch.stack(own) if own else means.mean, found[None]

    def _average(self, code: int | None, value: Tensor) -> Tensor:
        share = self.settings.average
        return share * self.averages[code] + (1 - share) * value if code in self.averages else value

    def _penalty(self, own: Tensor, whole: Tensor, weight: Tensor) -> Tensor:
        if self.settings.form == "max_pair":
            return weight.max() * (own.max() - own.min())
        apart = own - whole
        return (weight * (apart.square() if self.settings.form == "squared" else apart.abs())).sum()

    def _strength(self, means: GroupMeans) -> Tensor:
        """Return what each present group's term is multiplied by."""
        if self.settings.form == "lagrangian":
            by_index = [self.multipliers.get(name, 0.0) for name in self.population.names]
            return means.take(torch.tensor(by_index, dtype=torch.float64))
        warmup = self.settings.warmup_epochs
        ramp = min(1.0, (self.epoch - 1) / warmup) if warmup else 1.0
        return torch.full_like(means.mean, self.settings.strength * ramp)

    def _ascend(self, violations: dict[str, float], when: str) -> None:
        step, most = self.settings.step, self.settings.strength
        self.multipliers = ascended(self.multipliers, violations, step=step, low=0.0, high=most, when=when)

    def _forget(self) -> None:
        self.tally = Tally(self.population.names)
        self.skipped = torch.zeros(len(self.population.names), dtype=torch.int64)
