"""How far the weights of a variant are from the reference's, held against the distance between two seeds."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np

from disparate.findings import Finding, Findings, Null
from disparate.predictions import REFERENCE
from disparate.stats.intervals import t_interval
from disparate.training.checkpoints import parameter_distance

UNITS = {"l2": "l2 norm", "relative": "ratio"}


def distance_findings(
    variants: Mapping[str, Sequence[tuple[Path, Path]]], reference: Sequence[Path], *, level: float
) -> Findings:
    r"""Return $\lVert\theta - \theta'\rVert_2$ per variant, over seeds, as a norm and relative to the reference.

    The null is the mean distance between the reference's own seeds: a ratio near 1 says that the variant's weights
    are as far away as those of another seed.

    Args:
        variants: Variant to pairs of checkpoints (variant, reference), one per seed.
        reference: The reference's checkpoints, one per seed.
        level: Level of the intervals.

    Returns:
        Two findings per variant.
    """
    seeds = [parameter_distance(left, right) for left, right in combinations(reference, 2)]
    found: list[Finding] = []
    for variant, pairs in variants.items():
        measured = [parameter_distance(left, right) for left, right in pairs]
        for form, unit in UNITS.items():
            values = np.array([item[form] for item in measured])
            floor = float(np.mean([item[form] for item in seeds])) if seeds else None
            found.append(_finding(variant, form, unit, values, floor, level))
    return Findings(tuple(found))


def _finding(
    variant: str,
    form: str,
    unit: str,
    values: np.ndarray[tuple[int], np.dtype[np.float64]],
    floor: float | None,
    level: float,
) -> Finding:
    value = float(values.mean())
    interval = t_interval(values, level=level) if len(values) > 1 and np.ptp(values) > 0 else None
    return Finding(
        measure="parameter_distance",
        where={"form": form},
        variant=variant,
        reference=REFERENCE,
        value=value,
        low=max(0.0, interval[0]) if interval else None,
        high=interval[1] if interval else None,
        level=level if interval else None,
        method="t interval over seeds" if interval else "mean over seeds",
        seeds=len(values),
        null=None if floor is None else Null(name="N2 between seeds", value=floor),
        effect_over_null=value / floor if floor else None,
        unit=unit,
    )
