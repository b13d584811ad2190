"""Answers that turned: whether more of them turned to the worse, and whether a group holds too many of them."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from disparate.errors import BadInput, NotEnoughData
from disparate.stats.intervals import Interval, wilson_interval
from disparate.stats.paired import paired_mean

Array = NDArray[np.float64]
LIKELY = 1 + 1e-9
"""Outcomes up to this factor more likely than the observed one count as equally likely: rounding."""
DIRECT = 10_000_000
"""Most products of a convolution that is summed term by term; beyond it goes by way of Fourier transforms."""


def mcnemar_exact(harmful: int, beneficial: int) -> float:
    """Return the exact two-sided p-value of as many harmful as beneficial flips (mcnemar1947, with the binomial).

    2 · P(Bin(h + b, ½) ≤ min(h, b)), at most 1. Without a flip it is 1.

    Args:
        harmful: Number of examples that the reference got right and the variant wrong.
        beneficial: Number of examples that the reference got wrong and the variant right.

    Returns:
        The p-value.

    Raises:
        BadInput: A number is below zero.

    Example:
        >>> mcnemar_exact(5, 0)
        0.0625
    """
    if harmful < 0 or beneficial < 0:
        raise BadInput(f"McNemar: {harmful} harmful and {beneficial} beneficial flips; 0 or more were expected.")
    return min(1.0, 2 * float(special.bdtr(min(harmful, beneficial), harmful + beneficial, 0.5)))


def paired_exact(
    changes: NDArray[np.integer],
    *,
    clusters: NDArray[np.int64] | None = None,
    multiplicity: NDArray[np.int64] | None = None,
) -> float:
    """Return the exact p-value of changes whose sign is a fair coin, example by example.

    Of several seeds the change of an example is its sum over them: in how many seeds it became right minus in how many
    it became wrong. Examples stay whole, so that seeds which turn the same example are not counted as independent, and
    so do clusters: the rows of a person have one coin. The distribution of the sum over all signs is computed, not
    drawn; with one seed it is McNemar's test.

    Args:
        changes: One whole number per example, shape (rows,).
        clusters: Cluster index per example, shape (rows,); every example is its own where not given. Not with
            multiplicities.
        multiplicity: How many alike examples a row stands for, shape (rows,); 1 each where not given.

    Returns:
        Two-sided: the probability of a sum at least as far from 0.

    Example:
        >>> paired_exact(np.array([-1, -1, -1, -1, -1, 0, 0]))
        0.0625
        >>> paired_exact(np.array([-3, 1, 0]))
        1.0
    """
    if clusters is not None:
        changes = np.bincount(clusters, weights=changes).round().astype(np.int64)
    counted = np.ones(len(changes), dtype=np.int64) if multiplicity is None else multiplicity
    sizes = np.bincount(np.abs(changes), weights=counted).astype(np.int64)
    chance = np.ones(1)
    for size, examples in enumerate(sizes.tolist()):
        if size and examples:
            chance = _convolved(chance, _coins(size, examples))
    sums = 2 * np.arange(len(chance)) - (len(chance) - 1)
    observed = abs(int((changes * counted).sum()))
    return min(1.0, float(chance[np.abs(sums) >= observed].sum()))


def _convolved(left: Array, right: Array) -> Array:
    if len(left) * len(right) <= DIRECT:
        return np.convolve(left, right)
    size = len(left) + len(right) - 1
    padded = 1 << size.bit_length()
    product = np.fft.irfft(np.fft.rfft(left, padded) * np.fft.rfft(right, padded), padded)
    return np.maximum(product[:size], 0.0)


def _coins(size: int, examples: int) -> Array:
    """Return the chances of 0, 1, 2 … times ``size`` from that many coins, on a lattice of step 1."""
    heads = np.arange(examples + 1)
    logs = special.gammaln(examples + 1) - special.gammaln(heads + 1) - special.gammaln(examples - heads + 1)
    lattice = np.zeros(size * examples + 1)
    lattice[::size] = np.exp(logs - examples * math.log(2))
    return lattice


@dataclass(frozen=True, kw_only=True, slots=True)
class OverRepresentation:
    """How much more often a group is met among the flips than among all examples.

    Args:
        value: Share of the group among the flips over its share among the examples; 1 is parity, 0 no flip.
        interval: Its interval over examples.
        p_value: Two-sided, against group labels dealt at random; None where it was not asked for.
        flips: Number of examples that flipped under any seed.
        share: Share of the group among all examples: the value can be 1 / share at most.
    """

    value: float
    interval: Interval
    p_value: float | None
    flips: int
    share: float


def over_representation(
    flips: Array,
    group: NDArray[np.bool_],
    *,
    clusters: NDArray[np.int64] | None = None,
    multiplicity: NDArray[np.int64] | None = None,
    level: float = 0.95,
    tested: bool = True,
    times: int = 10_000,
    generator: np.random.Generator,
) -> OverRepresentation:
    """Return how over-represented a group is among the flips.

    (flips of the group / all flips) / (examples of the group / all examples). With one seed the p-value is Fisher's:
    the number of flips in a group of that size is hypergeometric if flips do not care about groups. With several seeds
    examples flip in several of them, and the labels are permuted (hypergeometric draws over the levels of the flips).
    The interval is Wilson's for the group's share among the flips, over (Σf)² / Σf² flips: an example that flips under
    every seed counts once. It is exact in the limit of rare flips and too wide where most examples flip.

    With clusters (several rows of one person) f is summed within each of them first, so that a person whose rows flip
    together counts once, and the p-value is that of a t test of the covariance between belonging to the group and
    flipping, summed within clusters: labels of rows of one person cannot be dealt apart.

    Args:
        flips: Share of the seeds in which an example flipped, shape (rows,).
        group: Which rows belong to the group.
        clusters: Cluster index per row, shape (rows,); every example is its own where not given. Not with
            multiplicities.
        multiplicity: How many alike examples a row stands for, shape (rows,); 1 each where not given.
        level: Level of the interval.
        tested: Whether a p-value is wanted.
        times: Number of permutations with several seeds.
        generator: Source of randomness with several seeds.

    Returns:
        Ratio, interval and p-value.

    Raises:
        NotEnoughData: Nothing flipped, or the group holds no example, or all of them.

    Example:
        >>> flips, group = np.array([1.0, 1.0, 0.0, 0.0, 0.0, 0.0]), np.array([True, True, True, False, False, False])
        >>> found = over_representation(flips, group, generator=np.random.default_rng(0))
        >>> found.value, round(found.p_value, 3), round(found.interval.low, 2), found.interval.high
        (2.0, 0.4, 0.68, 2.0)
    """
    counted = np.ones(len(flips), dtype=np.int64) if multiplicity is None else multiplicity
    share = float(counted[group].sum() / counted.sum())
    flipped = int(counted[flips > 0].sum())
    if not flipped or not 0 < share < 1:
        raise NotEnoughData(
            f"over-representation: {flipped} flips and a group of {int(counted[group].sum())} of {int(counted.sum())} "
            "examples; a flip, and examples inside and outside of the group, are needed."
        )
    among = min(1.0, float(flips[group] @ counted[group] / (flips @ counted)))
    low, high = wilson_interval(among, _independent(flips, counted, clusters), level=level)
    p_value = None
    if tested:
        dealt = clusters is None
        p_value = _dealt_p(flips, group, counted, times, generator) if dealt else _clustered_p(flips, group, clusters)
    return OverRepresentation(
        value=among / share,
        interval=Interval(low / share, high / share),
        p_value=p_value,
        flips=flipped,
        share=share,
    )


def _independent(flips: Array, counted: NDArray[np.int64], clusters: NDArray[np.int64] | None) -> float:
    """Return (Σf)² / Σf², how many flips there are if what flips together counts once."""
    if clusters is not None:
        together = np.bincount(clusters, weights=flips)
        return max(1.0, float(together.sum() ** 2 / (together @ together)))
    return max(1.0, float((flips @ counted) ** 2 / (flips**2 @ counted)))


def _clustered_p(flips: Array, group: NDArray[np.bool_], clusters: NDArray[np.int64]) -> float:
    scores = (group - group.mean()) * (flips - flips.mean())
    found = paired_mean(scores[None], clusters=clusters).p_value("examples")
    return 1.0 if found is None else found


def _dealt_p(
    flips: Array, group: NDArray[np.bool_], counted: NDArray[np.int64], times: int, generator: np.random.Generator
) -> float:
    levels, level = np.unique(flips, return_inverse=True)
    sizes = np.bincount(level, weights=counted).astype(np.int64)
    n = int(counted[group].sum())
    if len(levels) <= 2:
        return _fisher(int(counted[group & (level == len(levels) - 1)].sum()), n, int(sizes[-1]), int(sizes.sum()))
    drawn = generator.multivariate_hypergeometric(sizes, n, size=times) @ levels
    expected = n * float(levels @ sizes) / sizes.sum()
    observed = abs(float(flips[group] @ counted[group]) - expected)
    return float((1 + (np.abs(drawn - expected) >= observed / LIKELY).sum()) / (1 + times))


def _fisher(seen: int, group: int, flipped: int, examples: int) -> float:
    """Return the two-sided p of Fisher's exact test: all outcomes at most as likely as the one seen."""
    possible = np.arange(max(0, group + flipped - examples), min(group, flipped) + 1)
    logs = _log_ways(flipped, possible) + _log_ways(examples - flipped, group - possible)
    chance = special.softmax(logs)
    return min(1.0, float(chance[chance <= chance[seen - possible[0]] * LIKELY].sum()))


def _log_ways(n: int, chosen: NDArray[np.int64]) -> Array:
    return special.gammaln(n + 1) - special.gammaln(chosen + 1) - special.gammaln(n - chosen + 1)
