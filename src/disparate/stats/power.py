"""How large a change could have been seen, and what it would take to see a smaller one."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import special

from disparate.errors import BadInput
from disparate.findings import Null
from disparate.stats.intervals import t_quantile
from disparate.stats.nulls import SEEDS, TEST_SET
from disparate.stats.paired import Axis, PairedEstimate

MOST = 10**9
"""More seeds or examples than this are never enough."""
MANY = 10**6
"""With more degrees of freedom than this a t distribution is a normal one."""
NEGLIGIBLE = 1e-9
"""A probability below this is none."""
_ROOTS, _WEIGHTS = np.polynomial.legendre.leggauss(48)
NODES, WEIGHTS = (_ROOTS + 1) / 2, _WEIGHTS / 2
"""Gauss–Legendre quadrature between 0 and 1."""


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
class Floor:
    """The noise floor that a change has to exceed beside being significant: √(alike + per_example / n).

    It is that of a single run, so seeds do not lower it.

    Args:
        alike: Variance that no number of examples lowers.
        per_example: Variance that examples lower.
    """

    alike: float = 0.0
    per_example: float = 0.0

    @classmethod
    def of_test_set(cls, share: float) -> "Floor":
        """Return N4 before any run: √(err / n) of what acts on training, √(flips / n) of what acts on a trained model.

        Args:
            share: Share of wrong answers expected of the reference, or of answers that become right or wrong.

        Returns:
            The floor. That of another seed, N2, is expected to be the same where seeds move no whole group.
        """
        return cls(per_example=_share("share", share))

    @classmethod
    def of(cls, null: Null, noise: Noise, *, examples: int) -> "Floor":
        """Return a floor that was seen, and how it will follow the number of examples.

        N4 falls with the examples. Of N2 the part falls that is not a seed's effect on the whole group. N1, and a floor
        of another name, stays: nothing says what it is made of.

        Args:
            null: The floor.
            noise: What moves the difference.
            examples: Number of examples of the group.

        Returns:
            The floor.

        Example:
            >>> Floor.of(Null(name="N4 test set", value=0.5), Noise(), examples=200)
            Floor(alike=0.0, per_example=50.0)
        """
        square = null.value**2
        single = noise.seeds + noise.rest / examples
        lowered = {TEST_SET: 1.0, SEEDS: noise.rest / examples / single if single else 0.0}.get(null.name, 0.0)
        return cls(alike=square * (1 - lowered), per_example=square * lowered * examples)

    def at(self, examples: int) -> float:
        """Return the floor of a group of that many examples."""
        return math.sqrt(self.alike + self.per_example / examples)


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """How a change is to be judged: as a report does, by a test that is corrected, and by a noise floor.

    Args:
        axis: Over which chance: ``"seeds"`` for what acts on training, ``"both"`` for what acts on the trained model.
            With one seed ``"both"`` means the examples. Over seeds the change is the one on these very examples.
        power: Wanted probability of seeing the change.
        level: 1 − the accepted rate of false alarms.
        comparisons: Number of tests among which it has to stand out.
        discoveries: How many of them are significant, this one included; 1 is the hardest case. Benjamini–Hochberg
            holds each against (1 − level) · discoveries / comparisons.
        floor: The noise floor that it has to exceed.
    """

    axis: Axis = "both"
    power: float = 0.8
    level: float = 0.95
    comparisons: int = 1
    discoveries: int = 1
    floor: Floor = Floor()

    def __post_init__(self) -> None:
        if not (0.5 <= self.power < 1 and 0 < self.level < 1 and 1 <= self.discoveries <= self.comparisons):
            raise BadInput(
                f"power {self.power} at level {self.level} among {self.comparisons} comparisons, {self.discoveries} of "
                "them significant; a power from 0.5 to below 1, a level between 0 and 1 and at least 1 comparison were "
                "expected, such as 0.8 and 0.95."
            )

    @property
    def own_level(self) -> float:
        """The level of a single test."""
        return 1 - (1 - self.level) * self.discoveries / self.comparisons


def power_of(change: float, noise: Noise, *, seeds: int, examples: int, plan: Plan) -> float | None:
    """Return the probability that a change of this size is told from none.

    By the non-central t distribution of the test that judges it, less what is significant and yet inside the noise
    floor. Undefined when there is no such axis: a change of what
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
    test = _test(noise, seeds, examples, plan)
    return None if test is None else _power(abs(change), test, plan.own_level)


def detectable_change(noise: Noise, *, seeds: int, examples: int, plan: Plan) -> float | None:
    """Return the smallest change that would be seen with the wanted power. Undefined as in :func:`power_of`.

    With a power of a half or more it is never smaller than the noise floor.

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
    from scipy import optimize  # slow to load, and seldom needed

    test = _test(noise, seeds, examples, plan)
    if test is None or not test.se:
        return None if test is None else test.floor
    unit = test._replace(se=1.0, floor=test.floor / test.se)
    if _power(0.0, unit, plan.own_level) >= plan.power:
        return 0.0
    enough = 2 * t_quantile(plan.own_level, test.df) + unit.floor
    while _power(enough, unit, plan.own_level) < plan.power:
        enough *= 2
    found = optimize.root_scalar(
        lambda change: _power(change, unit, plan.own_level) - plan.power, bracket=(0.0, enough), xtol=1e-9
    )
    return float(found.root) * test.se


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
    require_change(change)
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
    require_change(change)
    return _smallest(lambda seeds: power_of(change, noise, seeds=seeds, examples=examples, plan=plan), plan)


class _Test(NamedTuple):
    """Standard error and degrees of freedom of a test, and the floor that stands beside it."""

    se: float
    df: float
    floor: float


def _test(noise: Noise, seeds: int, examples: int, plan: Plan) -> _Test | None:
    """Return the test that will judge; None where it cannot be made."""
    if seeds < 1 or examples < 1:
        raise BadInput(f"power: {seeds} seeds and {examples} examples; at least 1 of each was expected.")
    expected = noise.estimate(0.0, seeds=seeds, examples=examples)
    axis = expected.widest if plan.axis == "both" else plan.axis
    se = None if axis is None else expected.se(axis)
    return None if se is None or axis is None else _Test(se, expected.df(axis), plan.floor.at(examples))


def _power(change: float, test: _Test, level: float) -> float:
    if not test.se:
        return 1.0 if change > test.floor else 0.0
    critical, shift = t_quantile(level, test.df), change / test.se
    significant = 1 - _below(critical, test.df, shift) + _below(-critical, test.df, shift)
    return significant - _inside(test.floor / test.se, critical, shift, test.df)


def _inside(floor: float, critical: float, shift: float, df: float) -> float:
    """Return the probability of a value that is significant and yet inside the floor, in units of the standard error.

    Of an estimated standard error u, which has a χ distribution with df degrees of freedom, it is that of a value
    between critical · u and the floor, on either side; integrated over the quantiles of u up to floor / critical.
    """
    most = float(special.gammainc(df / 2, df / 2 * (floor / critical) ** 2))
    if most < NEGLIGIBLE:
        return 0.0
    spread = np.sqrt(special.gammaincinv(df / 2, most * NODES) * 2 / df)
    above = special.ndtr(floor - shift) - special.ndtr(critical * spread - shift)
    below = special.ndtr(-critical * spread - shift) - special.ndtr(-floor - shift)
    return most * float(WEIGHTS @ np.maximum(above + below, 0.0))


def _below(t: float, df: float, shift: float) -> float:
    """Return the non-central t distribution at t; scipy gives NaN where a small probability underflows."""
    if df > MANY:
        return float(special.ndtr(t - shift))
    found = float(special.nctdtr(df, shift, t))
    return 0.0 if math.isnan(found) else found


def _smallest(power: Callable[[int], float | None], plan: Plan) -> int | None:
    """Return the smallest number with enough power, which grows with the number."""

    def enough(number: int) -> bool:
        return (power(number) or 0.0) >= plan.power

    if not enough(MOST):
        return None
    high = 1
    while not enough(high):
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _share(name: str, value: float) -> float:
    if not 0 <= value <= 1:
        raise BadInput(f"{name} is {value}; a share in [0, 1] was expected.")
    return value


def require_change(change: float) -> None:
    """Refuse a change of nothing.

    Args:
        change: The change.

    Raises:
        BadInput: It is 0, or no finite number.
    """
    if not change or not math.isfinite(change):
        raise BadInput(f"change is {change}; a number other than 0 was expected, such as 0.02 for 2 points.")
