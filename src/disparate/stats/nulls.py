"""Noise floors: how much a number moves where nothing that matters was changed.

Each is a standard deviation (root mean square) of the *difference of two single runs*, in the unit of the finding, so
that floors can be compared with each other and with an effect.
"""

import math
from collections.abc import Callable
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from disparate.errors import NotEnoughData
from disparate.findings import Null
from disparate.stats.intervals import binomial_floor

REPEAT = "N1 repeat"
SEEDS = "N2 seeds"
TEST_SET = "N4 test set"
MOST_SUBSETS = 20_000
NO_SPREAD = 1e-12

Statistic = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]
"""From values of devices, shape (..., devices, groups), and of a reference, shape (..., groups), to (..., places)."""


def repeat_floor(differences: NDArray[np.float64]) -> Null:
    """Return N1: what changes when the same computation runs again.

    Args:
        differences: Repeat minus first run, one per seed and repeat.

    Returns:
        Their root mean square; 0 where the program is deterministic.

    Raises:
        NotEnoughData: There is no repeat.

    Example:
        >>> repeat_floor(np.array([0.03, -0.04])).value.__round__(4)
        0.0354
    """
    if differences.size == 0:
        raise NotEnoughData("N1 repeat: no repeat of the reference was found; run it at least twice per seed.")
    return Null(name=REPEAT, value=float(np.sqrt(np.mean(differences**2))))


def seed_floor(values: NDArray[np.float64]) -> Null:
    """Return N2: what changes when only the training seed does.

    Args:
        values: The reference's value per seed, shape (seeds,).

    Returns:
        √2 · sd: the root mean square of the difference between two seeds, over all pairs.

    Raises:
        NotEnoughData: There is one seed.

    Example:
        >>> seed_floor(np.array([0.80, 0.84])).value.__round__(4)
        0.04
    """
    if len(values) < 2:
        raise NotEnoughData(f"N2 seeds: {len(values)} seed(s) of the reference; at least 2 are needed.")
    return Null(name=SEEDS, value=math.sqrt(2) * float(values.std(ddof=1)))


def binomial_null(error: float, n: int) -> Null:
    """Return N4 for two trainings: what the finite test set makes of the difference of two accuracies.

    √2 · √(err / 2n) = √(err / n); see :func:`disparate.stats.intervals.binomial_floor`.

    Args:
        error: Share of wrong answers of the reference.
        n: Number of test examples.

    Returns:
        The floor, as a share.

    Example:
        >>> binomial_null(0.2, 500).value
        0.02
    """
    return Null(name=TEST_SET, value=math.sqrt(2) * binomial_floor(error, n))


def flip_floor(differences: NDArray[np.float64], *, multiplicity: NDArray[np.int64] | None = None) -> Null:
    """Return N4 for one training run in two ways: the noise if the sign of every paired difference were a fair coin.

    √(mean d² / n); for accuracy √(share of flips / n), McNemar's standard error. Of several seeds it is the noise of
    one.

    Args:
        differences: Variant minus reference, shape (seeds, rows).
        multiplicity: How many alike examples a row stands for, shape (rows,); 1 each where not given.

    Returns:
        The floor, in the unit of the differences.

    Raises:
        NotEnoughData: There is no example.

    Example:
        >>> flip_floor(np.array([[1.0, -1.0, 0.0, 0.0]])).value.__round__(4)
        0.3536
    """
    if differences.size == 0:
        raise NotEnoughData("N4 test set: no example was given.")
    examples = differences.shape[1] if multiplicity is None else int(multiplicity.sum())
    square = np.average((differences**2).mean(axis=0), weights=multiplicity)
    return Null(name=TEST_SET, value=float(np.sqrt(square / examples)))


def another_seed(
    by_seed: NDArray[np.float64], statistic: Statistic, *, devices: int, generator: np.random.Generator
) -> NDArray[np.float64]:
    """Return, per seed, what a statistic over devices is when other seeds stand in the place of the devices.

    Averaged over all subsets of that many other seeds, or over 20,000 random ones where there are more.

    Args:
        by_seed: The reference's values, shape (seeds, groups).
        statistic: What is computed over the devices.
        devices: Number of devices.
        generator: Source of the random subsets.

    Returns:
        Shape (seeds, groups of the statistic).

    Raises:
        NotEnoughData: There are not more seeds than devices.

    Example:
        >>> values = np.array([[0.0], [1.0], [3.0]])
        >>> largest = lambda devices, reference: np.abs(devices - reference).max(axis=-2)
        >>> another_seed(values, largest, devices=2, generator=np.random.default_rng(0)).ravel().tolist()
        [3.0, 2.0, 3.0]
    """
    seeds = len(by_seed)
    if seeds <= devices:
        raise NotEnoughData(
            f"N2 another seed: {seeds} seeds for {devices} devices; more seeds than devices are needed. "
            f"Run at least {devices + 1} seeds."
        )
    chosen = _subsets(seeds - 1, devices, generator)
    floors = [statistic(np.delete(by_seed, seed, axis=0)[chosen], by_seed[seed]).mean(axis=0) for seed in range(seeds)]
    return np.stack(floors)


def seed_noise(
    values: NDArray[np.float64], statistic: Statistic, *, times: int, generator: np.random.Generator
) -> NDArray[np.float64]:
    """Return what a statistic over devices is when devices differ from each other as seeds do, and by nothing else.

    Runs are drawn from a normal distribution with the covariance between groups that the seeds of each device show.
    Every drawn statistic is divided by the spread of its own draw and multiplied by the spread observed, as in a t
    test, so that few seeds are no false certainty. It needs no more seeds than devices.

    Args:
        values: Values of every run, shape (seeds, 1 + devices, groups), the reference first.
        statistic: What is computed over the devices.
        times: How many statistics are drawn.
        generator: Source of randomness.

    Returns:
        The mean over seeds of the statistic, shape (times, places); NaN where the seeds show no spread at all.

    Raises:
        NotEnoughData: There is one seed.

    Example:
        >>> values = np.random.default_rng(0).normal(size=(200, 2, 1))
        >>> distance = lambda devices, reference: np.abs(devices - reference[..., None, :]).max(axis=-2)
        >>> noise = seed_noise(values, distance, times=100, generator=np.random.default_rng(1))
        >>> bool(abs(noise.mean() - 2 / np.sqrt(np.pi)) < 0.1)
        True
    """
    seeds = len(values)
    if seeds < 2:
        raise NotEnoughData(f"N2 seeds: {seeds} seed(s) of the devices; at least 2 are needed.")
    drawn = _drawn(values, times, generator)
    found = statistic(drawn[:, :, 1:], drawn[:, :, 0]).mean(axis=1)
    places = found.shape[-1]
    own, theirs = _spread(values, places), _spread(drawn, places)
    ratio = np.divide(found, theirs, out=np.full_like(found, np.nan), where=theirs > NO_SPREAD)
    return np.where(own > NO_SPREAD, ratio * own, np.nan)


def _drawn(values: NDArray[np.float64], times: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """Return normal runs with the covariance that seeds show within devices, shape (times, *values.shape)."""
    seeds, runs, groups = values.shape
    moved = (values - values.mean(axis=0)).reshape(-1, groups) / math.sqrt((seeds - 1) * runs)
    seen = np.isfinite(moved).all(axis=0)
    _, scales, directions = np.linalg.svd(moved[:, seen], full_matrices=False)
    drawn = np.full((times, *values.shape), np.nan)
    drawn[..., seen] = generator.normal(size=(times, seeds, runs, len(scales))) @ (scales[:, None] * directions)
    return drawn


def _spread(values: NDArray[np.float64], places: int) -> NDArray[np.float64]:
    """Return the standard deviation between seeds: per group, or over all groups where there is one place."""
    variance = values.var(axis=-3, ddof=1).mean(axis=-2)
    if places != variance.shape[-1]:
        variance = np.nanmean(variance, axis=-1, keepdims=True)
    return np.sqrt(variance)


def _subsets(n: int, size: int, generator: np.random.Generator) -> NDArray[np.intp]:
    if math.comb(n, size) <= MOST_SUBSETS:
        return np.array(list(combinations(range(n), size)), dtype=np.intp)
    return generator.permuted(np.tile(np.arange(n), (MOST_SUBSETS, 1)), axis=1)[:, :size]
