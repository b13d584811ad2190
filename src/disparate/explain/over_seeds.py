"""The mean over training seeds as a finding, with the interval that several seeds allow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from disparate.findings import Finding, Null
from disparate.stats.intervals import t_interval


@dataclass(frozen=True, kw_only=True, slots=True)
class About:
    """What a number is about: all of a finding but its value.

    Args:
        measure: Name of the measure.
        variant: Name of the variant.
        reference: What it is compared with; None for a level.
        group: Name of the group; None for the whole.
        unit: Unit of the value.
        where: What else places the number.
        n: Number of examples behind it.
        least: Smallest value there can be; interval ends stay above it.
    """

    measure: str
    variant: str
    reference: str | None = None
    group: str | None = None
    unit: str
    where: Mapping[str, Any] | None = None
    n: int | None = None
    least: float = -np.inf


def mean_over_seeds(
    values: Sequence[float | None], about: About, *, level: float = 0.95, floor: Null | None = None, why: str = ""
) -> Finding:
    """Return the mean of one value per training seed, with a t interval where there are several that differ.

    Args:
        values: A value per seed; None where a seed has none.
        about: What they are about.
        level: Level of the interval.
        floor: The noise floor it is held against.
        why: Why a seed has no value; a finding has none as soon as one seed has none.

    Returns:
        The finding; with one seed it has no interval.

    Example:
        >>> about = About(measure="churn", variant="int8", unit="share", least=0.0)
        >>> finding = mean_over_seeds([0.1, 0.3], about)
        >>> round(finding.value, 3), finding.low, round(finding.high, 3)
        (0.2, 0.0, 1.471)
    """
    seen = np.array([value for value in values if value is not None])
    lost = len(values) - len(seen)
    interval = t_interval(seen, level=level) if not lost and len(seen) > 1 and np.ptp(seen) > 0 else None
    value = None if lost or not len(seen) else float(seen.mean())
    return Finding(
        measure=about.measure,
        group=about.group,
        where=about.where,
        variant=about.variant,
        reference=about.reference,
        value=value,
        low=max(about.least, interval.low) if interval else None,
        high=interval.high if interval else None,
        level=level if interval else None,
        method="t interval over seeds" if interval else "mean over seeds",
        n=about.n,
        seeds=len(values),
        null=floor,
        effect_over_null=abs(value) / floor.value if value is not None and floor and floor.value else None,
        unit=about.unit,
        undefined=None if value is not None else f"{why} ({lost} of {len(values)} seeds)",
    )
