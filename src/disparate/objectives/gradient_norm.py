"""Gradient norm: every group's gradient as long as everyone's (tran2022, eq. 7): the ideal, for small networks."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from disparate.constraints.batch_means import Tally, group_means, too_few
from disparate.errors import require
from disparate.geometry.batch_margins import gradient_norm
from disparate.objectives import Batch, Course, Levels, Population


@dataclass(frozen=True, kw_only=True, slots=True)
class GradientNorm:
    r"""The mean loss and a penalty on groups whose gradient is longer or shorter than everyone's.

    $$ J(\theta; B) + \lambda \sum_{a \in B} \bigl\lvert \lVert g_a \rVert - \lVert g \rVert \bigr\rvert,
       \qquad g_a = \nabla_\theta J(\theta; B_a), \; g = \nabla_\theta J(\theta; B) $$

    or, in the form ``"squared"``, with the square. The penalty is differentiated through the gradients: one more
    backward pass for every group of the batch, each with its graph. It is the first half of what tran2022 (eq. 7) would
    constrain and finds too expensive; the other half, $\lambda(H_a) = \lambda(H)$, is not here.

    A batch shows the norm of a *sampled* gradient, $E \lVert \hat g_a \rVert^2 = \lVert g_a \rVert^2 + \mathrm{tr}\,
    \Sigma_a / n_a$: a small group has a longer one by sampling alone, and the penalty acts on that too. Use large
    batches. In fp16 gradients of gradients underflow; use float32 or bf16.

    Departs from the paper: a penalty of fixed strength in the place of a constraint, on batches in the place of groups.

    Args:
        strength: λ, 0 or more; 0 is plain training.
        form: Absolute or squared difference.
        minimum_members: Examples that a group needs in a batch to be looked at.

    Raises:
        BadInput: A setting is out of range.

    Example:
        >>> weight = torch.zeros(2, requires_grad=True)  # two logits, the same for every example
        >>> batch = Batch(target=torch.tensor([0, 0, 0, 1]), group=torch.tensor([0, 0, 0, 1]), parameters=(weight,))
        >>> course = GradientNorm(strength=1.0, minimum_members=1).begin(Population(names=("a", "b"), counts=(3, 1)))
        >>> loss = course.loss(weight.expand(4, 2), batch)
        >>> round(loss.item(), 4)  # log 2; norms √½, √½ and, of everyone, √½ / 2: 2 · 0.3536 more
        1.4003
    """

    strength: float = 0.1
    form: Literal["absolute", "squared"] = "absolute"
    minimum_members: int = 4

    def __post_init__(self) -> None:
        require(0 <= self.strength < math.inf, f"GradientNorm(strength={self.strength})", "0 or more")
        require(self.minimum_members >= 1, f"GradientNorm(minimum_members={self.minimum_members})", "1 or more")

    def begin(self, population: Population) -> Course:
        """Return the objective at the start of a training."""
        return _GradientNorm(self, population)


class _GradientNorm:
    differentiates_inputs = False

    def __init__(self, settings: GradientNorm, population: Population) -> None:
        self.settings, self.population = settings, population
        self.last: dict[str, Any] = {}
        self._forget()

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        mean = cross_entropy(outputs, batch.target, label_smoothing=batch.label_smoothing)
        if not self.settings.strength:
            return mean
        losses = cross_entropy(outputs, batch.target, reduction="none")
        least = self.settings.minimum_members
        means = group_means(losses, batch.group, minimum=least)
        few = too_few(batch.group, groups=len(self.population.names), minimum=least)
        self.skipped = self.skipped.to(few) + few
        if not len(means.codes):
            return mean
        whole = gradient_norm(losses.mean(), batch.parameters)
        own = torch.stack([gradient_norm(value, batch.parameters) for value in means.mean])
        self.tally.add(own, means.codes)
        self.everyone.append(whole.detach())
        apart = own - whole
        return mean + self.settings.strength * (apart.abs() if self.settings.form == "absolute" else apart**2).sum()

    def end_epoch(self, epoch: int, levels: Callable[[], Levels]) -> None:
        self.last = {
            "gradient_norm": self.tally.means(),
            "everyone": torch.stack(self.everyone).double().mean().item() if self.everyone else None,
            "skipped": {name: int(count) for name, count in self.population.by_name(self.skipped).items()},
        }
        self._forget()

    def told(self) -> dict[str, Any]:
        return {**self.last, "absent": self.population.absent}

    def _forget(self) -> None:
        self.tally = Tally(self.population.names)
        self.everyone: list[Tensor] = []
        self.skipped = torch.zeros(len(self.population.names), dtype=torch.int64)
