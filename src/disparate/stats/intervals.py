"""Intervals for a mean and for a share, and the noise that a test set of a given size makes."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

from disparate.errors import BadInput, NotEnoughData


class Interval(NamedTuple):
    """Two ends of an interval.

    Args:
        low: Lower end.
        high: Upper end.
    """

    low: float
    high: float


def t_quantile(level: float, df: float) -> float:
    """Return how many standard errors a two-sided interval reaches to each side.

    Args:
        level: Level of the interval, in (0, 1).
        df: Degrees of freedom, positive.

    Returns:
        The quantile of Student's t at (1 + level) / 2.

    Raises:
        BadInput: The level is not in (0, 1).

    Example:
        >>> round(t_quantile(0.95, 4), 3)
        2.776
    """
    if not 0 < level < 1:
        raise BadInput(f"level of the interval is {level}; a share in (0, 1) was expected, such as 0.95.")
    return float(special.stdtrit(df, (1 + level) / 2))


def t_interval(values: NDArray[np.float64], *, level: float = 0.95) -> Interval:
    """Return the t interval for the mean of independent values, such as one per training seed.

    mean ± t(n − 1) · sd / √n.

    Args:
        values: One value per seed, shape (seeds,).
        level: Level of the interval.

    Returns:
        The interval.

    Raises:
        NotEnoughData: There are fewer than two values: one value says nothing about its spread.

    Example:
        >>> low, high = t_interval(np.array([1.0, 3.0]))
        >>> round(low, 2), round(high, 2)
        (-10.71, 14.71)
    """
    if len(values) < 2:
        raise NotEnoughData(f"t interval: {len(values)} value(s) given; at least 2 are needed. Run more seeds.")
    reach = t_quantile(level, len(values) - 1) * float(values.std(ddof=1)) / math.sqrt(len(values))
    mean = float(values.mean())
    return Interval(mean - reach, mean + reach)


def wilson_interval(share: float, n: float, *, level: float = 0.95) -> Interval:
    """Return Wilson's interval for a share of ``n`` independent examples (wilson1927).

    It never has zero width: 0 of 10 is not certainty.

    Args:
        share: The observed share, in [0, 1].
        n: Number of examples; an effective number need not be whole.
        level: Level of the interval.

    Returns:
        The interval, inside [0, 1].

    Raises:
        NotEnoughData: There is no example.
        BadInput: The share is not in [0, 1].

    Example:
        >>> low, high = wilson_interval(0.0, 10)
        >>> round(low, 3), round(high, 3)
        (0.0, 0.278)
    """
    if n < 1:
        raise NotEnoughData(f"Wilson interval: {n} examples given; at least 1 is needed.")
    if not 0 <= share <= 1:
        raise BadInput(f"Wilson interval: the share is {share}; a number in [0, 1] was expected.")
    squared = t_quantile(level, math.inf) ** 2
    centre = (share + squared / (2 * n)) / (1 + squared / n)
    reach = math.sqrt(squared * share * (1 - share) / n + (squared / (2 * n)) ** 2) / (1 + squared / n)
    return Interval(max(0.0, centre - reach), min(1.0, centre + reach))


def clopper_pearson_lower(hits: NDArray[np.integer], n: int, *, level: float = 0.95) -> NDArray[np.float64]:
    """Return the exact one-sided lower bound of shares of ``n`` independent draws (clopper1934).

    Args:
        hits: Number of hits of each share, from 0 to n.
        n: Number of draws.
        level: Level of the one-sided bound.

    Returns:
        The bounds, of the shape of ``hits``; 0 where there was no hit.

    Raises:
        NotEnoughData: There is no draw.
        BadInput: Hits are not between 0 and n, or the level is not in (0, 1).

    Example:
        >>> clopper_pearson_lower(np.array([0, 10]), 10).round(4).tolist()  # 0.05 ** (1 / 10)
        [0.0, 0.7411]
    """
    if n < 1:
        raise NotEnoughData(f"Clopper-Pearson bound: {n} draws given; at least 1 is needed.")
    if not 0 < level < 1:
        raise BadInput(f"level of the bound is {level}; a share in (0, 1) was expected, such as 0.95.")
    if hits.size and not 0 <= hits.min() <= hits.max() <= n:
        raise BadInput(f"hits run from {hits.min()} to {hits.max()}; 0 to {n} were expected.")
    some = np.maximum(hits, 1)
    return np.where(hits > 0, special.betaincinv(some, n - some + 1.0, 1 - level), 0.0)


def quantile_interval(values: NDArray[np.float64], share: float, *, level: float = 0.95) -> Interval | None:
    """Return an interval for a quantile, between two of the values, whatever their distribution.

    Of n independent values a binomial number lies below the quantile, so the r-th and s-th smallest hold it with
    probability P(r ≤ B < s), which is at least ``level``.

    Args:
        values: Independent values, shape (examples,).
        share: Which quantile, in (0, 1).
        level: Level of the interval.

    Returns:
        The interval; None where so few values cannot hold the quantile at that level.

    Raises:
        BadInput: The share or the level is not in (0, 1).

    Example:
        >>> quantile_interval(np.arange(1.0, 11.0), 0.5)
        Interval(low=2.0, high=9.0)
        >>> quantile_interval(np.arange(5.0), 0.5) is None
        True
    """
    if not (0 < share < 1 and 0 < level < 1):
        raise BadInput(f"quantile interval: share {share} and level {level}; both have to lie in (0, 1).")
    n, outside = len(values), (1 - level) / 2
    below = special.bdtr(np.arange(n), n, share)  # P(B ≤ k)
    low = int(np.count_nonzero(below <= outside))
    high = int(np.count_nonzero(below < 1 - outside)) + 1
    if low < 1 or high > n:
        return None
    order = np.sort(values)
    return Interval(float(order[low - 1]), float(order[high - 1]))


def binomial_floor(error: float, n: int) -> float:
    """Return how much the accuracy of one run moves between runs by the finite test set alone.

    √(err / 2n): the standard deviation between runs of one training procedure whose errors are
    independent given the example and whose ensemble is calibrated (jordan2024).

    Args:
        error: Share of wrong answers, in [0, 1].
        n: Number of test examples.

    Returns:
        A standard deviation, as a share. The difference of two such runs moves √2 times as much.

    Raises:
        NotEnoughData: There is no example.
        BadInput: The error is not in [0, 1].

    Example:
        >>> round(binomial_floor(0.55, 338), 4)
        0.0285
    """
    if n < 1:
        raise NotEnoughData(f"binomial floor: {n} examples given; at least 1 is needed.")
    if not 0 <= error <= 1:
        raise BadInput(f"binomial floor: the error is {error}; a share in [0, 1] was expected.")
    return math.sqrt(error / (2 * n))
