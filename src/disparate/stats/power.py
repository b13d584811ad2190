"""How large a change could have been seen, and what it would take to see a smaller one."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from scipy import optimize, special

from disparate.errors import BadInput
from disparate.stats.intervals import t_quantile
from disparate.stats.paired import Axis, PairedEstimate

MOST = 10**9
"""More seeds or examples than this are never enough."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Noise:
    """What moves a paired difference, per seed and per example, whatever the number of either.

    The variance of a mean over S seeds and n examples is seeds/S + examples/n + rest/(nS).

    Args:
        seeds: Variance of what a seed adds to all examples.
        examples: Variance of what an example adds under all seeds.
        rest: Variance of what remains.
    """

    seeds: float = 0.0
    examples: float = 0.0
    rest: float = 0.0

    def __post_init__(self) -> None:
        for name in ("seeds", "examples", "rest"):
            variance = getattr(self, name)
            if not 0 <= variance < math.inf:
                raise BadInput(f"noise of {name} is {variance}; a variance from 0 on was expected.")

    @classmethod
    def of(cls, estimate: PairedEstimate) -> "Noise":
        """Return what moved an estimate that was seen.

        What cannot be told apart is counted where it does the most harm: without a second seed all variance over
        examples is that of the examples, and without a second example all variance over seeds is that of the seeds.

        Args:
            estimate: A paired difference.

        Returns:
            Its noise.

        Example:
            >>> import numpy as np
            >>> from disparate.stats.paired import paired_mean
            >>> Noise.of(paired_mean(np.array([[1.0, 0.0, -1.0, 0.0]])))
            Noise(seeds=0.0, examples=0.6666666666666666, rest=0.0)
        """
        shared = estimate.interaction or 0.0
        return cls(
            seeds=max(0.0, (estimate.over_seeds or 0.0) - shared) * estimate.seeds,
            examples=max(0.0, (estimate.over_examples or 0.0) - shared) * estimate.examples,
            rest=shared * estimate.seeds * estimate.examples,
        )

    @classmethod
    def of_training(cls, error: float) -> "Noise":
        """Return the least noise of accuracy between two trainings, before any was run: √(err / n) (jordan2024).

        Args:
            error: Share of wrong answers expected of the reference.

        Returns:
            The noise; devices or seeds that move whole groups come on top of it.
        """
        return cls(rest=_share("error", error))

    @classmethod
    def of_flips(cls, flips: float) -> "Noise":
        """Return the noise of accuracy of what acts on a trained model, which turns the same answers under every seed.

        Args:
            flips: Share of answers expected to become right or wrong.

        Returns:
            The noise.
        """
        return cls(examples=_share("share of flips", flips))

    def estimate(self, change: float, *, seeds: int, examples: int) -> PairedEstimate:
        """Return what a comparison of that many seeds and examples would estimate, if it met its expectation.

        Args:
            change: The true difference.
            seeds: Number of training seeds.
            examples: Number of examples of the group.

        Returns:
            The estimate, judged by the same code as one that was seen.
        """
        rest = self.rest / (seeds * examples)
        return PairedEstimate(
            value=change,
            seeds=seeds,
            examples=examples,
            over_seeds=self.seeds / seeds + rest if seeds > 1 else None,
            over_examples=self.examples / examples + rest if examples > 1 else None,
            interaction=rest if seeds > 1 and examples > 1 else None,
            scale=0.0,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """How a change is to be judged.

    Args:
        axis: Over which chance: ``"seeds"`` for what acts on training, ``"both"`` for what acts on the trained model.
            With one seed ``"both"`` means the examples. Over seeds the change is the one on these very examples.
        power: Wanted probability of seeing the change.
        level: 1 − the accepted rate of false alarms.
        comparisons: Number of tests among which it has to stand out (each at (1 − level) / comparisons, the hardest
            case of Benjamini–Hochberg).
    """

    axis: Axis = "both"
    power: float = 0.8
    level: float = 0.95
    comparisons: int = 1

    def __post_init__(self) -> None:
        if not 0 < 1 - self.level < self.power < 1 or self.comparisons < 1:
            raise BadInput(
                f"power {self.power} at level {self.level} among {self.comparisons} comparisons; shares between 0 and "
                "1 with a power above 1 − level, and at least 1 comparison, were expected."
            )

    @property
    def own_level(self) -> float:
        """The level of a single test."""
        return 1 - (1 - self.level) / self.comparisons


def power_of(change: float, noise: Noise, *, seeds: int, examples: int, plan: Plan) -> float | None:
    """Return the probability that a change of this size is told from none.

    By the non-central t distribution of the test that judges it. Undefined when there is no such axis: a change of what
    acts on training cannot be judged from one seed.

    Args:
        change: The true difference, in the unit of the noise.
        noise: What moves the difference.
        seeds: Number of training seeds.
        examples: Number of examples of the group.
        plan: How it is judged.

    Returns:
        The probability; None where undefined.

    Raises:
        BadInput: There is no seed or no example.

    Example:
        >>> found = power_of(0.02, Noise.of_flips(0.1), seeds=1, examples=2000, plan=Plan())
        >>> round(found, 2)
        0.81
    """
    scale = _scale(noise, seeds, examples, plan)
    return None if scale is None else _power(abs(change), scale, plan)


def detectable_change(noise: Noise, *, seeds: int, examples: int, plan: Plan) -> float | None:
    """Return the smallest change that would be seen with the wanted power. Undefined as in :func:`power_of`.

    Args:
        noise: What moves the difference.
        seeds: Number of training seeds.
        examples: Number of examples of the group.
        plan: How it is judged.

    Returns:
        A change, in the unit of the noise; 0 without noise; None where undefined.

    Raises:
        BadInput: There is no seed or no example.

    Example:
        >>> found = detectable_change(Noise.of_flips(0.1), seeds=1, examples=2000, plan=Plan())
        >>> round(found, 4)
        0.0198
    """
    scale = _scale(noise, seeds, examples, plan)
    if scale is None:
        return None
    se, df = scale
    if not se:
        return 0.0
    enough = 2 * t_quantile(plan.own_level, df)
    while _power(enough, (1.0, df), plan) < plan.power:
        enough *= 2
    found = optimize.root_scalar(lambda change: _power(change, (1.0, df), plan) - plan.power, bracket=(0.0, enough))
    return float(found.root) * se


def examples_needed(change: float, noise: Noise, *, seeds: int, plan: Plan) -> int | None:
    """Return how many examples of a group are needed to see a change with the wanted power, the seeds being given.

    Args:
        change: The true difference, in the unit of the noise, not 0.
        noise: What moves the difference.
        seeds: Number of training seeds.
        plan: How it is judged.

    Returns:
        The smallest number; None where no number of examples is enough: the seeds move the group too far.

    Raises:
        BadInput: The change is 0, or there is no seed.

    Example:
        >>> examples_needed(0.02, Noise.of_flips(0.1), seeds=1, plan=Plan())
        1965
    """
    _require_change(change)
    return _smallest(lambda n: power_of(change, noise, seeds=seeds, examples=n, plan=plan), plan)


def seeds_needed(change: float, noise: Noise, *, examples: int, plan: Plan) -> int | None:
    """Return how many training seeds are needed to see a change with the wanted power, the examples being given.

    Args:
        change: The true difference, in the unit of the noise, not 0.
        noise: What moves the difference.
        examples: Number of examples of the group.
        plan: How it is judged.

    Returns:
        The smallest number; None where no number of seeds is enough: the test set is too small.

    Raises:
        BadInput: The change is 0, or there is no example.

    Example:
        >>> seeds_needed(0.05, Noise(seeds=0.001), examples=300, plan=Plan(axis="seeds"))
        6
    """
    _require_change(change)
    return _smallest(lambda seeds: power_of(change, noise, seeds=seeds, examples=examples, plan=plan), plan)


def _scale(noise: Noise, seeds: int, examples: int, plan: Plan) -> tuple[float, float] | None:
    """Return standard error and degrees of freedom of the test; None where it cannot be made."""
    if seeds < 1 or examples < 1:
        raise BadInput(f"power: {seeds} seeds and {examples} examples; at least 1 of each was expected.")
    expected = noise.estimate(0.0, seeds=seeds, examples=examples)
    axis = expected.widest if plan.axis == "both" else plan.axis
    se = None if axis is None else expected.se(axis)
    return None if se is None or axis is None else (se, expected.df(axis))


def _power(change: float, scale: tuple[float, float], plan: Plan) -> float:
    se, df = scale
    if not se:
        return 1.0 if change else 1 - plan.own_level
    critical, shift = t_quantile(plan.own_level, df), change / se
    return 1 - _below(critical, df, shift) + _below(-critical, df, shift)


def _below(t: float, df: float, shift: float) -> float:
    """Return the non-central t distribution at t; scipy gives NaN where a small probability underflows."""
    found = float(special.nctdtr(df, shift, t))
    return 0.0 if math.isnan(found) else found


def _smallest(power: Callable[[int], float | None], plan: Plan) -> int | None:
    """Return the smallest number with enough power, which grows with the number."""

    def enough(number: int) -> bool:
        return (power(number) or 0.0) >= plan.power

    high = 1
    while not enough(high):
        high *= 2
        if high > MOST:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _share(name: str, value: float) -> float:
    if not 0 <= value <= 1:
        raise BadInput(f"{name} is {value}; a share in [0, 1] was expected.")
    return value


def _require_change(change: float) -> None:
    if not change or not math.isfinite(change):
        raise BadInput(f"change is {change}; a number other than 0 was expected, such as 0.02 for 2 points.")
