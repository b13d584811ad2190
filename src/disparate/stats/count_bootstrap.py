"""Intervals of any function of confusion counts, by the bootstrap over examples or clusters."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import special

from disparate.errors import BadInput, NotEnoughData
from disparate.stats.bootstrap import Tally, Units
from disparate.stats.intervals import Interval

Array = NDArray[np.float64]
Kind = Literal["bca", "percentile", "basic"]
Statistic = Callable[[Array], Array]
"""From counts (..., runs, groups, classes, classes), target × predicted, to values (..., places); NaN is undefined."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Bootstrapped:
    """A statistic with what resampling makes of it.

    Args:
        observed: Values, shape (places,).
        replicated: Values of the replicates, shape (replicates, places); NaN where one has none.
        acceleration: How fast the standard error changes with the value, shape (places,); NaN where undefined.
    """

    observed: Array
    replicated: Array
    acceleration: Array

    def interval(self, place: int = 0, *, kind: Kind = "bca", level: float = 0.95) -> Interval:
        """Return the interval of a value.

        Args:
            place: Which value.
            kind: ``"bca"``, ``"percentile"`` or ``"basic"``.
            level: Level of the interval.

        Returns:
            The interval.

        Raises:
            BadInput: There is no such kind.
            NotEnoughData: The value is undefined, or too many replicates have none.
        """
        replicated, observed = self.replicated[:, place], float(self.observed[place])
        if kind == "percentile":
            return percentile_interval(replicated, level=level)
        if kind == "basic":
            return basic_interval(replicated, observed, level=level)
        if kind != "bca":
            raise BadInput(f"kind of interval is '{kind}'; 'bca', 'percentile' or 'basic' was expected.")
        return bca_interval(replicated, observed, float(self.acceleration[place]), level=level)


def count_bootstrap(
    statistic: Statistic,
    target: NDArray[np.int64],
    predicted: NDArray[np.int64],
    group: NDArray[np.integer],
    *,
    shape: tuple[int, int],
    clusters: NDArray[np.generic] | None = None,
    weight: Array | None = None,
    multiplicity: NDArray[np.int64] | None = None,
    replicates: int = 2000,
    generator: np.random.Generator,
) -> Bootstrapped:
    """Return a function of counts with its replicates and its acceleration.

    Args:
        statistic: What is computed from counts.
        target: Label index per row, shape (rows,).
        predicted: Answered label index, shape (runs, rows); paired runs share every draw.
        group: Group index per row, shape (rows,).
        shape: Number of groups and of classes.
        clusters: What several rows share, shape (rows,), such as a person; drawn as a whole.
        weight: Weight per row.
        multiplicity: How many alike examples a row stands for; 1 each where not given. Not with clusters.
        replicates: Number of replicates.
        generator: Source of randomness.

    Returns:
        The bootstrapped statistic.

    Raises:
        BadInput: There are clusters and multiplicities.

    Example:
        >>> right, group = np.repeat([1, 0], [80, 20]), np.zeros(100, dtype=np.int64)
        >>> accuracy = lambda counts: counts[..., 0, 0, 1, 1][..., None] / counts.sum(axis=(-3, -2, -1))
        >>> found = count_bootstrap(accuracy, np.ones(100, dtype=np.int64), right[None], group, shape=(1, 2),
        ...                         generator=np.random.default_rng(0))
        >>> low, high = found.interval()
        >>> float(found.observed[0]), round(low, 2), round(high, 2)
        (0.8, 0.71, 0.87)
    """
    if clusters is not None and multiplicity is not None:
        raise BadInput("bootstrap: clusters and multiplicities; rows of one person cannot be counted as one.")
    columns = [group, target, *predicted, *([] if weight is None else [weight])]
    units = Units.cells(columns, multiplicity=multiplicity) if clusters is None else Units.clusters(clusters)
    tally = Tally.of_counts(target, predicted, group, units, shape=shape, weight=weight)
    left = np.concatenate([statistic(sums) for sums in tally.left_out()])
    return Bootstrapped(
        observed=statistic(tally.observed()),
        replicated=np.concatenate([statistic(sums) for sums in tally.replicated(replicates, generator)]),
        acceleration=acceleration(left, units.multiplicity),
    )


def acceleration(left_out: Array, multiplicity: NDArray[np.int64]) -> Array:
    """Return Efron's acceleration from the jackknife over cells, which is that over examples (efron1987).

    Σ n_c d_c³ / (6 (Σ n_c d_c²)^1.5), with d_c the mean over all examples minus the value without one example of cell
    c. Undefined when the value without an example is, such as the rate of a class with one example.

    Args:
        left_out: Value without one example of each cell, shape (cells, places).
        multiplicity: Number of examples of each cell, shape (cells,).

    Returns:
        Shape (places,); 0 where no example matters, NaN where undefined.

    Example:
        >>> acceleration(np.array([[0.0], [1.0]]), np.array([1, 3])).round(4).tolist()
        [0.0962]
    """
    moved = multiplicity @ left_out / multiplicity.sum() - left_out
    squares, cubes = multiplicity @ moved**2, multiplicity @ moved**3
    found = np.divide(cubes, 6 * squares**1.5, out=np.zeros_like(cubes), where=squares > 0)
    return np.where(np.isfinite(squares), found, np.nan)


def percentile_interval(replicated: Array, *, level: float = 0.95) -> Interval:
    """Return the interval between two percentiles of replicated values.

    Args:
        replicated: One value per replicate, shape (replicates,); NaN marks a replicate without a value.
        level: Level of the interval.

    Returns:
        The interval.

    Raises:
        NotEnoughData: More than one replicate in twenty has no value.

    Example:
        >>> low, high = percentile_interval(np.arange(101.0), level=0.9)
        >>> round(low, 6), round(high, 6)
        (5.0, 95.0)
    """
    return _between(_seen("percentile", replicated), (1 - level) / 2, (1 + level) / 2)


def basic_interval(replicated: Array, observed: float, *, level: float = 0.95) -> Interval:
    """Return the basic interval: the percentile interval mirrored at the observed value.

    Args:
        replicated: One value per replicate, shape (replicates,); NaN marks a replicate without a value.
        observed: The value of the examples as they are.
        level: Level of the interval.

    Returns:
        The interval; it may leave the range of the measure.

    Raises:
        NotEnoughData: The observed value is undefined, or more than one replicate in twenty has no value.

    Example:
        >>> low, high = basic_interval(np.arange(101.0), 40.0, level=0.9)
        >>> round(low, 6), round(high, 6)
        (-15.0, 75.0)
    """
    _require_value("basic", observed)
    low, high = _between(_seen("basic", replicated), (1 - level) / 2, (1 + level) / 2)
    return Interval(2 * observed - high, 2 * observed - low)


def bca_interval(replicated: Array, observed: float, accelerated: float, *, level: float = 0.95) -> Interval:
    """Return the bias-corrected and accelerated interval (efron1987).

    The percentiles are moved for a median that is not the observed value and for a standard error that depends on it.

    Args:
        replicated: One value per replicate, shape (replicates,); NaN marks a replicate without a value.
        observed: The value of the examples as they are.
        accelerated: The :func:`acceleration`.
        level: Level of the interval.

    Returns:
        The interval.

    Raises:
        NotEnoughData: The observed value or the acceleration is undefined, more than one replicate in twenty has no
            value, or the observed value lies at the edge of all replicates.

    Example:
        >>> low, high = bca_interval(np.arange(101.0), 50.0, 0.0, level=0.9)
        >>> round(low, 6), round(high, 6)
        (5.0, 95.0)
    """
    _require_value("BCa", observed)
    _require_value("BCa", accelerated)
    seen = _seen("BCa", replicated)
    below = float((seen < observed).mean() + (seen == observed).mean() / 2)
    if not 0 < below < 1:
        raise NotEnoughData(
            f"BCa interval: the observed value {observed:.6g} lies beyond all {len(seen)} replicates; use the "
            "percentile interval, or more replicates."
        )
    bias = special.ndtri(below)
    moved = bias + special.ndtri(np.array([(1 - level) / 2, (1 + level) / 2]))
    low, high = special.ndtr(bias + moved / (1 - accelerated * moved)).tolist()
    return _between(seen, low, high)


def _between(values: Array, low: float, high: float) -> Interval:
    ends = np.quantile(values, [low, high])
    return Interval(float(ends[0]), float(ends[1]))


def _seen(kind: str, replicated: Array) -> Array:
    seen = replicated[np.isfinite(replicated)]
    if len(seen) < 0.95 * len(replicated) or not len(seen):
        raise NotEnoughData(
            f"{kind} interval: {len(replicated) - len(seen)} of {len(replicated)} replicates have no value; "
            "the group or class is too small to be resampled."
        )
    return seen


def _require_value(kind: str, value: float) -> None:
    if not np.isfinite(value):
        raise NotEnoughData(f"{kind} interval: the value is undefined, with or without one of the examples.")
