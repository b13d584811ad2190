"""Equal loss: every group's loss constrained to be that of everyone (tran2022, eq. 8)."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from disparate.constraints.batch_means import group_means
from disparate.constraints.multipliers import ascended, group_weights, require_finite, weighted_mean
from disparate.constraints.replay import Replay
from disparate.errors import require
from disparate.objectives import Batch, Course, Levels, Population

CAP_OF_LARGEST = 0.9
"""Share of the largest group's share that a multiplier may grow to, where no cap is given."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EqualLoss:
    r"""The mean loss under the constraint that every group has it.

    $$ \min_\theta J(\theta; D) \quad \text{s.t.} \quad J(\theta; D_a) = J(\theta; D) \;\; \text{for all } a $$

    by Lagrangian duality (tran2022, eq. 8; fioretto2020). On a batch B

    $$ J(\theta; B) + \sum_{a \in B} \lambda_a \lvert J(\theta; B_a) - J(\theta; B) \rvert $$

    is minimised, with the bars in the form ``"absolute"`` and without them in ``"signed"``; and the multipliers rise by
    $\lambda_a \leftarrow \lambda_a + \eta v_a$ with the violation $v_a = \lvert J(D_a) - J(D) \rvert$, or signed.

    ``update="epoch"``: v_a is taken over the training examples in evaluation mode, at the end of an epoch.
    ``update="step"``: v_a is taken before every step from the last ``replay`` losses of each group, groups whose buffer
    is not yet full left out (hashemizadeh2024, who call it *equalized loss*).

    **Why there is a cap.** Group a's gradient has the weight $w_a = \pi_a (1 - \sum_b \lambda_b \sigma_b) + \lambda_a
    \sigma_a$, σ_a the sign of $J_a - J$. For two groups with the same multiplier, and the larger one better off, this
    is π − λ for the larger: once λ exceeds its share its loss is driven *up* until the signs flip, the training
    chatters, and both groups end equally badly. In the absolute form λ never falls, so sooner or later this happens to
    every training that is long enough. The cap of 0.9 of the largest share excludes it for two groups of which the
    larger is better off. It does not where a small group is the better one, nor with many groups whose multipliers add
    up: the history tells each ``weight``, and one below 0 is a group that is being made worse.

    Departs from the papers: tran2022 states neither η nor how often multipliers rise; violations are taken over the
    whole training split in evaluation mode, not as a mean over batches; the cap is this project's. The constraint is on
    the plain cross-entropy; label smoothing acts on the mean alone.

    Args:
        step: η, 0 or more; 0 is plain training. Per epoch or per step, as ``update`` says.
        update: When multipliers rise.
        form: With the bars or without. Signed multipliers may be negative.
        cap: Largest multiplier (signed: largest magnitude); 0.9 of the largest group's share where not given.
        every: Epochs between updates, with ``update="epoch"``.
        kick_in: Epochs before the first update.
        replay: Losses that are kept of each group, with ``update="step"``.

    Raises:
        BadInput: A setting is out of range.

    Example:
        >>> population = Population(names=("many", "few"), counts=(3, 1))
        >>> course = EqualLoss(step=0.5).begin(population)
        >>> levels = Levels(count=torch.tensor([3, 1]), loss=torch.tensor([0.1, 0.9]), accuracy=torch.ones(2))
        >>> course.end_epoch(1, lambda: levels)  # J(D) = (3 · 0.1 + 0.9) / 4 = 0.3
        >>> {name: round(value, 3) for name, value in course.told()["multiplier"].items()}  # 0.5 · 0.2, 0.5 · 0.6
        {'many': 0.1, 'few': 0.3}
    """

    step: float = 0.01
    update: Literal["epoch", "step"] = "epoch"
    form: Literal["absolute", "signed"] = "absolute"
    cap: float | None = None
    every: int = 1
    kick_in: int = 0
    replay: int = 40

    def __post_init__(self) -> None:
        require(0 <= self.step < math.inf, f"EqualLoss(step={self.step})", "0 or more")
        require(self.cap is None or 0 <= self.cap < math.inf, f"EqualLoss(cap={self.cap})", "0 or more, or none,")
        require(self.every >= 1, f"EqualLoss(every={self.every})", "1 or more")
        require(self.kick_in >= 0, f"EqualLoss(kick_in={self.kick_in})", "0 or more")
        require(self.replay >= 1, f"EqualLoss(replay={self.replay})", "1 or more")

    def begin(self, population: Population) -> Course:
        """Return the objective at the start of a training, every multiplier 0."""
        return _EqualLoss(self, population)


class _EqualLoss:
    differentiates_inputs = False

    def __init__(self, settings: EqualLoss, population: Population) -> None:
        self.settings, self.population = settings, population
        self.shares = population.shares
        self.cap = CAP_OF_LARGEST * max(self.shares.values()) if settings.cap is None else settings.cap
        self.multipliers = dict.fromkeys(self.shares, 0.0)
        self.replay = Replay(population.names, size=settings.replay)
        self.epoch = 1
        self.violations: dict[str, float] = {}

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        mean = cross_entropy(outputs, batch.target, label_smoothing=batch.label_smoothing)
        losses = cross_entropy(outputs, batch.target, reduction="none")
        if self.settings.update == "step":
            self._learn(losses, batch)
        if not any(self.multipliers.values()):
            return mean
        means = group_means(losses, batch.group)
        gaps = means.mean - losses.mean()
        pulls = means.take(self._by_index())
        return mean + (pulls * (gaps.abs() if self.settings.form == "absolute" else gaps)).sum()

    def end_epoch(self, epoch: int, levels: Callable[[], Levels]) -> None:
        found = levels()
        self.epoch = epoch + 1
        losses = self.population.by_name(found.loss)
        require_finite(losses, "loss", self.multipliers, f"at the end of epoch {epoch}")
        self.violations = {name: loss - found.whole_loss for name, loss in losses.items()}
        since = epoch - self.settings.kick_in
        if self.settings.update == "epoch" and since > 0 and since % self.settings.every == 0:
            self._ascend(self.violations, f"at the end of epoch {epoch}")

    def told(self) -> dict[str, Any]:
        pulls = self.multipliers
        if self.settings.form == "absolute":
            signs = {name: math.copysign(1.0, excess) for name, excess in self.violations.items()}
            pulls = {name: value * signs.get(name, 1.0) for name, value in self.multipliers.items()}
        return {
            "multiplier": dict(self.multipliers),
            "violation": dict(self.violations),
            "weight": group_weights(self.shares, pulls),
            "at_cap": [name for name, value in self.multipliers.items() if 0 < self.cap <= abs(value)],
            "absent": self.population.absent,
        }

    def _learn(self, losses: Tensor, batch: Batch) -> None:
        met = group_means(losses.detach(), batch.group).by_name(self.population.names)
        require_finite(met, "loss", self.multipliers, f"in epoch {self.epoch}")
        self.replay.push(losses, batch.group)
        found = self.replay.means() if self.epoch > self.settings.kick_in else {}
        whole = weighted_mean(found, self.shares)
        self._ascend({name: loss - whole for name, loss in found.items()}, f"in epoch {self.epoch}")

    def _ascend(self, excess: dict[str, float], when: str) -> None:
        absolute = self.settings.form == "absolute"
        self.multipliers = ascended(
            self.multipliers,
            {name: abs(value) for name, value in excess.items()} if absolute else excess,
            step=self.settings.step,
            low=0.0 if absolute else -self.cap,
            high=self.cap,
            when=when,
        )

    def _by_index(self) -> Tensor:
        return torch.tensor([self.multipliers.get(name, 0.0) for name in self.population.names], dtype=torch.float64)
