"""What goes with what over groups: rank correlations of the explanation table, with the p-value so few groups allow."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from disparate.errors import NotEnoughData
from disparate.findings import Finding
from disparate.stats.association import rank_correlation

CORRELATION = "explanation_correlation"
FEWEST = 3
"""Fewest groups whose order can agree or not."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One column of an explanation table.

    Args:
        name: What it is: ``"gradient_norm"``, ``"excessive_risk"`` …
        seeds: Group name to its value under every training seed; None where a seed has none.
    """

    name: str
    seeds: Mapping[str, Sequence[float | None]]

    @property
    def values(self) -> dict[str, float]:
        """Mean over seeds by group; a group that lacks a value under some seed is absent.

        Example:
            >>> Column(name="loss", seeds={"a": [0.5, 1.5], "b": [1.0, None]}).values
            {'a': 1.0}
        """
        return {
            group: float(np.mean(known))
            for group, values in self.seeds.items()
            if len(known := [value for value in values if value is not None]) == len(values) > 0
        }

    def of_seed(self, place: int) -> dict[str, float]:
        """Return the values under one seed; a column of one value per group is the same under all."""
        found = {group: values[place if len(values) > 1 else 0] for group, values in self.seeds.items() if values}
        return {group: value for group, value in found.items() if value is not None}

    @property
    def count(self) -> int:
        """Number of seeds."""
        return max((len(values) for values in self.seeds.values()), default=0)


def correlation(
    cause: Column, effect: Column, *, by: str, variant: str, generator: np.random.Generator, what: str = "harm"
) -> Finding:
    """Return Spearman's correlation over groups between two columns.

    It is that of the means over seeds. The p-value is exact up to 8 groups. The method says the smallest p-value that
    so many groups can give (with five a perfect order has 0.017, with four 0.083, so that nothing of four groups is
    ever significant) and under how many seeds the correlation of that seed alone has the same sign.

    Args:
        cause: Size, gradient norm, eigenvalue, closeness … per group.
        effect: Excessive risk, loss of accuracy, sensitivity … per group; or another property of the reference.
        by: The partition.
        variant: What the effect is of.
        generator: Source of random orders, with more than 8 groups.
        what: Whether the effect is a ``"harm"`` or a ``"property"`` of the reference.

    Returns:
        A finding with ``cause``, ``effect`` and ``of`` in ``where``; not corrected, and a correlation is no cause.

    Example:
        >>> size = Column(name="group_size", seeds={"a": [500], "b": [300], "c": [100]})
        >>> harm = Column(name="excessive_risk", seeds={"a": [0.1, 0.2], "b": [0.2, 0.3], "c": [0.5, 0.1]})
        >>> found = correlation(size, harm, by="race", variant="prune", generator=np.random.default_rng(0))
        >>> round(found.value, 6), round(found.p_value, 3), found.method.split("; ")[1:3]
        (-1.0, 0.333, ['least possible p 0.33', 'same sign under 1 of 2 seeds'])
    """
    shared, (x, y) = _paired(cause.values, effect.values)
    base = Finding(
        measure=CORRELATION,
        where={"by": by, "cause": cause.name, "effect": effect.name, "of": what},
        variant=variant,
        value=None,
        undefined=f"{len(shared)} groups have both numbers",
        n=len(shared),
        seeds=max(cause.count, effect.count),
        unit="correlation",
    )
    try:
        found = rank_correlation(x, y, generator=generator)
    except NotEnoughData as error:
        return replace(base, undefined=str(error).rstrip("."))
    orders = "all orders" if found.exact else "random orders"
    said = [f"Spearman over {found.n} groups, {orders}", f"least possible p {found.least_p:.2g}"]
    return replace(
        base,
        undefined=None,
        value=found.value,
        p_value=found.p_value,
        method="; ".join([*said, *_signs(cause, effect, found.value), "exploratory"]),
    )


def correlations(
    causes: Sequence[Column],
    effects: Sequence[Column],
    *,
    by: str,
    variant: str,
    generator: np.random.Generator,
) -> Iterator[Finding]:
    """Yield :func:`correlation` of every possible cause with every harm.

    Args:
        causes: Size, gradient norm, eigenvalue, closeness … per group.
        effects: Excessive risk, loss of accuracy, sensitivity … per group.
        by: The partition.
        variant: What the harms are of.
        generator: Source of random orders, with more than 8 groups.

    Yields:
        A finding per pair.
    """
    for cause in causes:
        for effect in effects:
            yield correlation(cause, effect, by=by, variant=variant, generator=generator)


def _paired(
    left: Mapping[str, float], right: Mapping[str, float]
) -> tuple[list[str], tuple[np.ndarray[tuple[int], np.dtype[np.float64]], ...]]:
    shared = [name for name in left if name in right]
    return shared, tuple(np.array([side[name] for name in shared], dtype=np.float64) for side in (left, right))


def _signs(cause: Column, effect: Column, value: float) -> list[str]:
    """Return in words under how many seeds the correlation has the sign of that of the means."""
    seeds = max(cause.count, effect.count)
    if seeds < 2 or value == 0:
        return []
    alike = sum(_sign(cause.of_seed(place), effect.of_seed(place)) == np.sign(value) for place in range(seeds))
    return [f"same sign under {alike} of {seeds} seeds"]


def _sign(left: Mapping[str, float], right: Mapping[str, float]) -> float:
    shared, (x, y) = _paired(left, right)
    if len(shared) < FEWEST or np.ptp(x) == 0 or np.ptp(y) == 0:
        return 0.0
    found = rank_correlation(x, y, times=1, generator=np.random.default_rng(0))
    return float(np.sign(round(found.value, 12)))
