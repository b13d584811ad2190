"""Every noise floor as a finding of its own, so that each can be read and not only the largest.

All are on the scale of the difference of two single runs, see :mod:`disparate.stats.nulls`. ``where`` says which floor
(``floor``), of what (``of``), and for what kind of choice (``acts_on``): N2 and √(err / n) are for what acts on
training and belong to the reference; the noise of the flips is of each choice that acts on the trained model.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from disparate.errors import NotEnoughData
from disparate.findings import Finding, Null
from disparate.measures.measure import POSITIVE, Measure
from disparate.measures.series import MeanSeries, Place
from disparate.measures.statements import Case
from disparate.predictions import REFERENCE
from disparate.stats.contributions import contributions
from disparate.stats.nulls import REPEAT, SEEDS, TEST_SET, repeat_floor, seed_floor

TRAINING, TRAINED = "training", "trained model"


@dataclass(frozen=True, kw_only=True, slots=True)
class Floor:
    """A floor before it is a finding.

    Args:
        name: Which floor.
        value: Its size; None where undefined.
        method: How it was found.
        undefined: Why there is none.
    """

    name: str
    value: float | None
    method: str = ""
    undefined: str | None = None


def noise_floors(series: MeanSeries, case: Case) -> Iterator[Finding]:
    """Yield every floor of the mean of every group: N1, N2 and N4 of the reference, N4 of what acts on trained models.

    Args:
        series: The measure over all runs.
        case: The partition and the rules.

    Yields:
        Findings that are shown and not judged; an absent floor is undefined and says why.
    """
    deployed = [variant for variant in case.panel.variants[1:] if not case.trains(variant)]
    for index, place in enumerate(series.places):
        base = _blank(series, case, place)
        if not place.n:
            yield base
            continue
        yield _finding(base, _repeats(series, case, index), case)
        for floor in (_seeds(series, case, index), _test_set(series, case, index)):
            yield _finding(base, floor, case, acts_on=TRAINING)
        for variant in deployed:
            null = series.test_set_null(case.panel.differences(variant), index, trains=False)
            if null is not None:
                own = replace(base, variant=variant, reference=REFERENCE, seeds=len(case.panel.paired_seeds(variant)))
                floor = Floor(name=TEST_SET, value=null.value, method="√(mean d² / n) of the paired differences")
                yield _finding(own, floor, case, acts_on=TRAINED)


def permuted_floor(finding: Finding, null: Null, case: Case) -> Finding:
    """Return N3 of a finding that has no group: what it is under randomly dealt group labels.

    Args:
        finding: The finding it is the floor of.
        null: Its size.
        case: The partition and the rules.

    Returns:
        The floor as a finding.
    """
    base = replace(
        finding,
        measure=NOISE_FLOOR.name,
        where=case.cut.where(of=finding.measure),
        undefined=NOISE_FLOOR.undefined_when,
        **dict.fromkeys(("value", "low", "high", "level", "p_value", "effect_over_null", "null")),
    )
    return _finding(base, Floor(name=null.name, value=null.value, method="mean over permutations"), case)


def _blank(series: MeanSeries, case: Case, place: Place) -> Finding:
    base = case.blank(NOISE_FLOOR, place, REFERENCE)
    return replace(base, where=case.cut.where(of=series.measure.name), unit=series.measure.unit)


def _finding(base: Finding, floor: Floor, case: Case, **where: str) -> Finding:
    few = base.n is not None and base.group is not None and base.n < case.min_count
    texts = (floor.method, f"{base.n} examples, fewer than {case.min_count}" if few else "", "shown, not judged")
    return replace(
        base,
        where={**(base.where or {}), "floor": floor.name, **where},
        value=floor.value,
        undefined=floor.undefined,
        method="; ".join(text for text in texts if text),
    )


def _repeats(series: MeanSeries, case: Case, index: int) -> Floor:
    pairs = case.panel.repeated()
    moved = np.array([series.repeated[again, index] - series.observed[first, index] for again, first in pairs])
    if not len(moved):
        return Floor(name=REPEAT, value=None, undefined="the reference was never repeated")
    return Floor(name=REPEAT, value=repeat_floor(moved).value, method=f"root mean square of {len(moved)} repeats")


def _seeds(series: MeanSeries, case: Case, index: int) -> Floor:
    panel = case.panel
    try:
        null = seed_floor(panel.levels(REFERENCE) @ series.observed[:, index])
    except NotEnoughData:
        return Floor(name=SEEDS, value=None, undefined="one seed of the reference; at least 2 are needed")
    return Floor(name=SEEDS, value=null.value, method="√2 · standard deviation between seeds")


def _test_set(series: MeanSeries, case: Case, index: int) -> Floor:
    reference = case.panel.levels(REFERENCE)
    null = series.test_set_null(-reference, index, trains=True)
    if null is not None:
        return Floor(name=TEST_SET, value=null.value, method="√(err / n)")
    if len(reference) < 2:
        return Floor(name=TEST_SET, value=None, undefined="one seed of the reference; at least 2 are needed")
    rows, first = case.cut.rows(index), case.panel.first
    own = contributions(
        reference @ series.values[:, rows],
        weight=None if first.weight is None else first.weight[rows],
        multiplicity=None if first.multiplicity is None else first.multiplicity[rows],
    )
    value = float(np.sqrt(2 * own.var(axis=0, ddof=1).sum()))
    return Floor(name=TEST_SET, value=value, method="√2 · what examples do that move independently between seeds")


NOISE_FLOOR = Measure(
    name="noise_floor",
    unit="share",
    kind="floor",
    higher_is_better=None,
    bounds=POSITIVE,
    undefined_when="no example of this group",
    function=noise_floors,
    inherits_unit=True,
)
