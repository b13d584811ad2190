"""Changes between two populations of models that are not paired by seed."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from disparate.findings import Finding
from disparate.measures.series import Place, Series
from disparate.measures.statements import Case, judged
from disparate.predictions import REFERENCE
from disparate.stats.nulls import seed_floor
from disparate.stats.welch import welch

Array = NDArray[np.float64]
STILL = "no interval: nothing varies"


def unpaired_differences(series: Series, case: Case) -> Iterator[Finding]:
    """Yield variant minus reference, the difference of two means over models, by Welch's test (welch1947).

    Chance is that over models alone: two populations answer the same examples, but no model of one belongs to a model
    of the other.

    Args:
        series: The measure over all runs.
        case: The partition and the rules.

    Yields:
        Findings over seeds, not yet corrected for their number.
    """
    for variant in case.panel.variants[1:]:
        before, after = case.panel.levels(REFERENCE), case.panel.levels(variant)
        for index, place in enumerate(series.places):
            base = case.blank(series.measure, place, variant)
            base = replace(base, reference=REFERENCE, where=case.cut.where(axis="seeds"), seeds=len(after))
            own, other = before @ series.observed[:, index], after @ series.observed[:, index]
            known = np.isfinite(own).all() and np.isfinite(other).all()
            yield _difference(base, own, other, place, case) if known else base


def _difference(base: Finding, before: Array, after: Array, place: Place, case: Case) -> Finding:
    found = welch(before, after)
    enough = place.weakest >= case.min_count
    interval = found.interval(level=case.level) if found and enough else None
    few = f"no interval: {place.weakest} examples, fewer than {case.min_count}"
    finding = replace(
        base,
        value=float(after.mean() - before.mean()),
        undefined=None,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        level=case.level if interval else None,
        method=f"Welch over {len(before)} and {len(after)} models" if interval else STILL if enough else few,
    )
    p_value = found.p_value if found else None
    return judged(finding, p_value, "test: Welch" if found else "", place, case, nulls=[seed_floor(before)])
