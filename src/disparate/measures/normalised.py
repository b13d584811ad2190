"""Which classes and groups moved more or less than everyone: the PIE paper's test, with the correction it lacks."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from disparate.errors import NotEnoughData
from disparate.findings import Finding
from disparate.measures.frame import group_counts
from disparate.measures.measure import ANY, Measure
from disparate.measures.rates import accuracy, tpr
from disparate.measures.series import Place
from disparate.measures.statements import Case, judged
from disparate.predictions import REFERENCE
from disparate.stats.nulls import seed_floor
from disparate.stats.welch import Change, normalised_changes

Array = NDArray[np.float64]
FEW = "one training is no population: Welch's test compares two, of at least 2 seeds each"
STILL = "no interval: nothing varies"


def beyond_everyone(rates: Array, everyone: Array) -> Array:
    """Return how far places lie above the overall accuracy of the same model.

    Args:
        rates: Rate of every model and place, shape (models, places).
        everyone: Accuracy over all examples per model, shape (models,).

    Returns:
        Shape (models, places); the mean of a variant's models minus that of the reference's is the normalised change.
    """
    return rates - everyone[:, None]


NORMALISED_CHANGE = Measure(
    name="normalised_change",
    unit="share",
    kind="beyond_everyone",
    higher_is_better=True,
    bounds=ANY,
    undefined_when="no example of this group or class",
    function=beyond_everyone,
)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Rates:
    """Rates of every run: recall of each class for everyone, accuracy of each group in a partition.

    Args:
        places: The classes, or the groups.
        values: Shape (runs, places); NaN where there is no example.
        everyone: Accuracy over all examples, shape (runs,).
    """

    places: tuple[Place, ...]
    values: Array
    everyone: Array

    @classmethod
    def of(cls, case: Case) -> "Rates":
        """Return the rates of a partition."""
        counts = np.stack([group_counts(item, case.cut.groups) for item in case.panel.runs])
        return cls(
            places=_classes(case) if case.cut.by is None else _groups(case),
            values=tpr(counts[:, 0]) if case.cut.by is None else accuracy(counts),
            everyone=accuracy(counts.sum(axis=1)),
        )


def _groups(case: Case) -> tuple[Place, ...]:
    sizes = case.cut.groups.sizes.tolist()
    return tuple(Place(group=case.cut.name(index), n=n, weakest=n) for index, n in enumerate(sizes))


def _classes(case: Case) -> tuple[Place, ...]:
    first = case.panel.first
    counted = np.bincount(first.target, weights=first.multiplicity, minlength=len(first.label_names)).astype(int)
    return tuple(
        Place(group=None, label=label, n=n, weakest=n)
        for label, n in zip(first.label_names, counted.tolist(), strict=True)
    )


def normalised(case: Case) -> Iterator[Finding]:
    """Yield how far every class, or every group, moved beyond the move of the overall accuracy (hooker2019).

    Welch's test between the trainings of the reference and those of the variant. Two populations of one training each
    give no number. Where a variant has the reference's weights the populations hang together and the test is cautious:
    the change of accuracy, paired, says more.

    Args:
        case: The partition and the rules.

    Yields:
        Findings not yet corrected for their number: of classes for everyone, of groups in a partition.
    """
    rates = Rates.of(case)
    for variant in case.panel.variants[1:]:
        before, after = case.panel.levels(REFERENCE), case.panel.levels(variant)
        changes = _changes(rates, before, after)
        for index, place in enumerate(rates.places):
            base = case.blank_difference(NORMALISED_CHANGE, place, variant)
            base = replace(base, where=case.cut.where(axis="seeds"), seeds=len(after))
            if changes is None:
                yield replace(base, undefined=FEW)
            elif place.n == 0:
                yield base
            else:
                yield _finding(base, rates, (before, after), changes[index], index, case)


def _changes(rates: Rates, before: Array, after: Array) -> list[Change | None] | None:
    try:
        return normalised_changes(
            before @ rates.values,
            after @ rates.values,
            baseline_overall=before @ rates.everyone,
            variant_overall=after @ rates.everyone,
        )
    except NotEnoughData:
        return None


def _finding(
    base: Finding, rates: Rates, populations: tuple[Array, Array], change: Change | None, index: int, case: Case
) -> Finding:
    before, after = (beyond_everyone(own @ rates.values, own @ rates.everyone)[:, index] for own in populations)
    place = rates.places[index]
    enough = place.weakest >= case.min_count
    interval = change.welch.interval(level=case.level) if change and enough else None
    few = f"no interval: {place.n} examples, fewer than {case.min_count}"
    finding = replace(
        base,
        value=float(after.mean() - before.mean()),
        undefined=None,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        level=case.level if interval else None,
        method=f"Welch over {len(before)} and {len(after)} seeds" if interval else STILL if enough else few,
    )
    text = "test: Welch" if case.trains(base.variant) else "test: Welch, cautious where weights are shared"
    nulls = [seed_floor(before)] if case.trains(base.variant) else []
    p_value = change.welch.p_value if change else None
    return judged(finding, p_value, text if change else "", place, case, nulls=nulls)
