"""How sure variance components and their ratios are: generalised intervals (weerahandi1993).

Every mean square is divided by χ²/df draws of its own; what is computed from the mean squares is computed from each
draw, and the quantiles of the results are the interval. It is exact for a single variance and close to the stated level
for sums, differences and ratios. Few devices give wide intervals, as they should.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from disparate.stats.components import Layout, MeanSquare
from disparate.stats.intervals import Interval

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Ratio:
    """A ratio of two standard deviations, with its interval.

    Args:
        value: The ratio; not below 0.
        interval: Its interval; the upper end is infinite where the denominator may be zero.
    """

    value: float
    interval: Interval


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """Mean squares as they may truly be: one array of draws per line; one number where there is no uncertainty.

    Args:
        devices: Of devices.
        seeds: Of seeds.
        mixed: Of devices × seeds.
        repeats: Of repeats; 0 without.
    """

    devices: Array
    seeds: Array
    mixed: Array
    repeats: Array


def device_over_repeat(
    layout: Layout, *, level: float = 0.95, draws: int = 20_000, generator: np.random.Generator
) -> Ratio | None:
    """Return how far another device moves a run, over how far a repeat does: √((σ²_device + σ²_mixed) / σ²_repeat).

    The interval is made as at the head of this module. Undefined when nothing was repeated, and when repeats do
    not differ at all: a deterministic program has no repeat noise to be compared with.

    Args:
        layout: The mean squares.
        level: Level of the interval.
        draws: How many draws make the interval.
        generator: Source of randomness.

    Returns:
        The ratio and its interval; None where undefined.

    Example:
        >>> from disparate.stats.components import analysis_of_variance
        >>> layout = analysis_of_variance(np.array([[[0.0, 1.0], [2.0, 3.0]], [[4.0, 5.0], [8.0, 9.0]]]))
        >>> ratio = device_over_repeat(layout, generator=np.random.default_rng(0))
        >>> round(ratio.value, 2)
        5.05
    """
    if layout.repeats is None or layout.repeats.value == 0:
        return None
    _, _, times = layout.shape

    def squared(drawn: Drawn) -> Array:
        device = (_of_a_run(drawn.devices, drawn.mixed, layout.shape[1]) - drawn.repeats) / times
        return device / drawn.repeats

    return _ratio(squared, layout, level, draws, generator)


def device_over_seed(
    layout: Layout, *, level: float = 0.95, draws: int = 20_000, generator: np.random.Generator
) -> Ratio | None:
    """Return how far a run moves when only the device changes, over how far when only the seed does.

    √((σ²_device + σ²_mixed + σ²_repeat) / (σ²_seed + σ²_mixed + σ²_repeat)): 1 where the device acts like another seed.
    The interval is made as in the head of this module. Undefined when no run differs from another.

    Args:
        layout: The mean squares.
        level: Level of the interval.
        draws: How many draws make the interval.
        generator: Source of randomness.

    Returns:
        The ratio and its interval; None where undefined.

    Example:
        >>> from disparate.stats.components import analysis_of_variance
        >>> layout = analysis_of_variance(np.array([[[0.0], [2.0]], [[1.0], [5.0]]]))
        >>> round(device_over_seed(layout, generator=np.random.default_rng(0)).value ** 2, 2)
        0.5
    """
    devices, seeds, times = layout.shape
    if layout.seeds.value == layout.mixed.value == 0:
        return None

    def squared(drawn: Drawn) -> Array:
        more = (times - 1) * drawn.repeats
        return (_of_a_run(drawn.devices, drawn.mixed, seeds) + more) / (
            _of_a_run(drawn.seeds, drawn.mixed, devices) + more
        )

    return _ratio(squared, layout, level, draws, generator)


def component_intervals(
    layout: Layout, *, level: float = 0.95, draws: int = 20_000, generator: np.random.Generator
) -> dict[str, Interval]:
    """Return the intervals of the standard deviations that an analysis of variance implies.

    The square roots of :func:`disparate.stats.components.components_of`, drawn as at the head of this module; a
    variance below zero counts as zero.

    Args:
        layout: The mean squares.
        level: Level of the intervals.
        draws: How many draws make an interval.
        generator: Source of randomness.

    Returns:
        ``"device"``, ``"mixed"``, ``"seed"``, ``"repeat"`` where something was repeated, and ``"all"``.

    Example:
        >>> from disparate.stats.components import analysis_of_variance
        >>> layout = analysis_of_variance(np.array([[[0.0], [2.0]], [[1.0], [5.0]]]))
        >>> low, high = component_intervals(layout, generator=np.random.default_rng(0))["mixed"]
        >>> bool(0.4 < low < 0.5), bool(high > 25)
        (True, True)
    """
    devices, seeds, times = layout.shape
    drawn = _draw(layout, draws, generator)
    parts = {
        "device": (drawn.devices - drawn.mixed) / (seeds * times),
        "mixed": (drawn.mixed - drawn.repeats) / times,
        "seed": (drawn.seeds - drawn.mixed) / (devices * times),
        "repeat": drawn.repeats,
    }
    if layout.repeats is None:
        del parts["repeat"]
    parts["all"] = np.add.reduce(list(parts.values()))
    return {name: _interval(_root(part), level) for name, part in parts.items()}


def _of_a_run(own: Array, mixed: Array, others: int) -> Array:
    """Return σ²_repeat + R (σ²_own + σ²_mixed) from two mean squares, with the number of levels of the other factor."""
    return (own + (others - 1) * mixed) / others


def _ratio(
    squared: Callable[[Drawn], Array], layout: Layout, level: float, draws: int, generator: np.random.Generator
) -> Ratio:
    seen = Drawn(*(np.array([line.value]) for line in _lines(layout)))
    spread = squared(_draw(layout, draws, generator))
    return Ratio(value=float(_root(squared(seen))[0]), interval=_interval(_root(spread), level))


def _draw(layout: Layout, draws: int, generator: np.random.Generator) -> Drawn:
    return Drawn(*(line.value * line.df / generator.chisquare(line.df, draws) for line in _lines(layout)))


def _lines(layout: Layout) -> tuple[MeanSquare, ...]:
    return layout.devices, layout.seeds, layout.mixed, layout.repeats or MeanSquare(value=0.0, df=1)


def _interval(drawn: Array, level: float) -> Interval:
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))


def _root(squares: Array) -> Array:
    return np.sqrt(np.maximum(squares, 0.0))
