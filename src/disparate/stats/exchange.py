"""Two populations of models dealt again: how far they differ if nothing but the training seed tells them apart.

Under the hypothesis that a choice does no more than another seed does, every way to deal the models into two
populations of the same sizes is as likely as the one observed. What a distance between populations is over these deals
is therefore its floor at exactly these sizes, and the share of deals with a distance at least as large is an exact
p-value (Fisher's randomisation test).
"""

import math
from collections.abc import Iterator
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from disparate.errors import NotEnoughData

Array = NDArray[np.float64]
DEALS = 2000
"""Most ways to deal the models; the smallest p-value of large populations is one in as many."""
SPLITS = 200
"""Most pairs of disjoint populations whose mean is a floor."""
ALIKE = 1 - 1e-9
"""A statistic of at least this share of the observed one counts as as large: rounding."""


def deals(first: int, second: int, *, times: int = DEALS, generator: np.random.Generator) -> NDArray[np.bool_]:
    """Return ways to deal models into a first and a second population, the observed one in front.

    Args:
        first: Number of models of the first population, which come first.
        second: Number of models of the second one.
        times: Most deals. Where there are no more, each stands there once and p-values are exact over all of them;
            otherwise they are the observed one and random ones.
        generator: Source of the random deals.

    Returns:
        Whether a model is dealt to the first population, shape (deals, models).

    Raises:
        NotEnoughData: A population has fewer than two models.

    Example:
        >>> deals(2, 2, generator=np.random.default_rng(0)).astype(int).tolist()
        [[1, 1, 0, 0], [1, 0, 1, 0], [1, 0, 0, 1], [0, 1, 1, 0], [0, 1, 0, 1], [0, 0, 1, 1]]
    """
    require_populations(first, second)
    models = first + second
    observed = np.arange(models) < first
    if math.comb(models, first) <= times:
        return _flags(np.array(list(combinations(range(models), first)), dtype=np.intp), models)
    return np.vstack([observed, generator.permuted(np.tile(observed, (times - 1, 1)), axis=1)])


def swaps(pairs: int, *, times: int = DEALS, generator: np.random.Generator) -> NDArray[np.bool_]:
    """Return ways to swap the two models of a pair, such as a network before and after compression.

    Two populations of the same weights hang together, and to deal all models would break the pairs. What is left to
    chance is then which of a pair belongs to which population.

    Args:
        pairs: Number of pairs.
        times: Most ways, the observed one in front; all where there are no more, else random ones.
        generator: Source of the random ways.

    Returns:
        Whether a model is dealt to the first population, shape (ways, 2 · pairs); the k-th model and the one ``pairs``
        places behind it are a pair.

    Raises:
        NotEnoughData: There are fewer than two pairs.

    Example:
        >>> swaps(2, generator=np.random.default_rng(0)).astype(int).tolist()
        [[1, 1, 0, 0], [0, 1, 1, 0], [1, 0, 0, 1], [0, 0, 1, 1]]
    """
    require_populations(pairs, pairs)
    if 2**pairs <= times:
        stays = (np.arange(2**pairs)[:, None] >> np.arange(pairs)) & 1 == 0
    else:
        stays = np.vstack([np.ones(pairs, dtype=np.bool_), generator.random((times - 1, pairs)) < 0.5])
    return np.hstack([stays, ~stays])


def require_populations(*sizes: int) -> None:
    """Refuse populations of a single model.

    Args:
        *sizes: Number of models of each population.

    Raises:
        NotEnoughData: A population has fewer than two models.
    """
    if min(sizes) < 2:
        found = " and ".join(str(size) for size in sizes)
        raise NotEnoughData(
            f"populations of {found} models were given; at least 2 models in each are needed. Train more seeds."
        )


def exchange_p(statistics: Array) -> Array:
    """Return the share of deals whose statistic is at least as large as the observed one.

    Args:
        statistics: The statistic of every deal, the observed one in front, shape (deals, places); NaN where a deal has
            none, which is left out.

    Returns:
        p-values, shape (places,); NaN where the observed statistic is. A distance has no sign, so the upper tail is
        the whole test.

    Example:
        >>> exchange_p(np.array([[0.5], [0.1], [0.5], [0.2]])).tolist()
        [0.5]
    """
    known = np.isfinite(statistics)
    least = statistics[0] - (1 - ALIKE) * np.abs(statistics[0])
    reached = (np.where(known, statistics, -np.inf) >= least).sum(axis=0)
    return np.where(known[0], reached / known.sum(axis=0), np.nan)


def least_p(first: int, second: int, *, paired: bool) -> float:
    """Return the smallest p-value that an exchange of these populations can give.

    Populations of one size have the same distance when they are swapped as a whole.

    Args:
        first: Number of models of the first population.
        second: Number of models of the second one.
        paired: Whether models are swapped within pairs.

    Returns:
        The p-value.

    Example:
        >>> least_p(3, 3, paired=False), round(least_p(5, 5, paired=False), 4), least_p(5, 5, paired=True)
        (0.1, 0.0079, 0.0625)
    """
    ways = 2**first if paired else math.comb(first + second, first)
    return (2 if first == second else 1) / ways if ways <= DEALS else 1 / DEALS


def disjoint_pairs(models: int, size: int, *, times: int = SPLITS, generator: np.random.Generator) -> NDArray[np.intp]:
    """Return pairs of disjoint populations of one size out of a population: its halves, or smaller ones.

    Args:
        models: Number of models.
        size: Number of models of each of the two populations, at most half of all.
        times: Most pairs; all there are where there are no more, random ones otherwise.
        generator: Source of the random pairs.

    Returns:
        Places of the models, shape (pairs, 2, size). A pair and its reverse are two.

    Raises:
        NotEnoughData: There are not twice as many models.

    Example:
        >>> disjoint_pairs(3, 1, generator=np.random.default_rng(0))[:, :, 0].tolist()
        [[0, 1], [0, 2], [1, 0], [1, 2], [2, 0], [2, 1]]
    """
    if not 1 <= size <= models // 2:
        raise NotEnoughData(
            f"two disjoint populations of {size} models out of {models}: at most {models // 2} each are possible."
        )
    if math.comb(models, size) * math.comb(models - size, size) <= times:
        return np.array(list(_pairs(models, size)), dtype=np.intp)
    order = generator.permuted(np.tile(np.arange(models), (times, 1)), axis=1)
    return order[:, : 2 * size].reshape(times, 2, size)


def halving(models: int) -> tuple[int, ...]:
    """Return sizes of populations from 1 to half of the models, each about twice the one before.

    Of two labels an even number of models can tie; halving rounds down, so that most sizes of a typical population are
    odd.

    Example:
        >>> halving(5), halving(30), halving(1)
        ((1, 2), (1, 3, 7, 15), ())
    """
    sizes: list[int] = []
    while (models := models // 2) > 0:
        sizes.append(models)
    return tuple(reversed(sizes))


def _flags(chosen: NDArray[np.intp], models: int) -> NDArray[np.bool_]:
    flags = np.zeros((len(chosen), models), dtype=np.bool_)
    np.put_along_axis(flags, chosen, True, axis=1)
    return flags


def _pairs(models: int, size: int) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    for first in combinations(range(models), size):
        rest = [place for place in range(models) if place not in first]
        for second in combinations(rest, size):
            yield first, second
