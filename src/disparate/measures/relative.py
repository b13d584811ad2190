"""How much larger error rates became, in per cent of what they were (hooker2020)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from disparate.findings import Finding, Null
from disparate.measures.frame import group_counts
from disparate.measures.measure import Measure
from disparate.measures.rates import accuracy, fpr, others, targets, tpr
from disparate.measures.series import Place
from disparate.measures.statements import Case, judged
from disparate.predictions import REFERENCE
from disparate.stats.nulls import SEEDS, seed_floor
from disparate.stats.paired import paired_mean
from disparate.stats.ratios import Ratio, ratio_of_means
from disparate.stats.welch import welch

Array = NDArray[np.float64]
RATES = ("error", "fpr", "fnr")
"""What changes: wrong answers, false positive rate, false negative rate."""
NOTHING_BEFORE = "the reference's rate is 0, and no part of nothing can be said"
ALONE = "no interval and no test: one training on a side, and chance over models needs 2"
UNBOUNDED = "no interval: the reference's rate cannot be told from 0"
STILL = "no interval: nothing varies"


def relative_change(variant: Array, reference: Array) -> Array:
    """Return 100 · (variant − reference) / reference, per cent; NaN where the reference is 0.

    Args:
        variant: Rates of the variant, shares.
        reference: Rates of the reference, of the same shape.

    Returns:
        From −100 (no error is left) upwards.

    Example:
        >>> relative_change(np.array([0.3]), np.array([0.2])).round(6).tolist()
        [50.0]
    """
    change = 100 * (variant - reference)
    return np.divide(change, reference, out=np.full(change.shape, np.nan), where=reference > 0)


RELATIVE_CHANGE = Measure(
    name="relative_change",
    unit="percent",
    kind="relative",
    higher_is_better=False,
    bounds=(-100.0, None),
    undefined_when="no example that the rate could be of",
    function=relative_change,
)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ErrorRates:
    """One kind of error rate of every run at several places.

    Args:
        of: ``"error"``, ``"fpr"`` or ``"fnr"``.
        places: Groups; with classes where the rate is one of a class.
        values: Shape (runs, places); NaN where undefined.
    """

    of: str
    places: tuple[Place, ...]
    values: Array


def relative(case: Case) -> Iterator[Finding]:
    """Yield how much larger error, false positive and false negative rates of every group became.

    Of two labels the rates are those of the positive one; of more, those of every class against the rest. Intervals are
    Fieller's over models, paired by seed where the seeds are; they say nothing of other test examples.

    Args:
        case: The partition and the rules.

    Yields:
        Findings not yet corrected for their number; ``of`` in ``where`` says which rate.
    """
    for rates in _rates(case):
        for variant in case.panel.variants[1:]:
            before, after = _levels(case, variant)
            for index, place in enumerate(rates.places):
                base = case.blank(RELATIVE_CHANGE, place, variant)
                where = case.cut.where(axis="seeds", of=rates.of)
                base = replace(base, reference=REFERENCE, where=where, seeds=len(after))
                own, other = before @ rates.values[:, index], after @ rates.values[:, index]
                yield _finding(base, own, other, place, case)


def _levels(case: Case, variant: str) -> tuple[Array, Array]:
    panel = case.panel
    if not panel.paired:
        return panel.levels(REFERENCE), panel.levels(variant)
    seeds = panel.paired_seeds(variant)
    return panel.levels(REFERENCE, seeds), panel.levels(variant, seeds)


def _rates(case: Case) -> Iterator[ErrorRates]:
    counts = np.stack([group_counts(item, case.cut.groups) for item in case.panel.runs])
    sizes = case.cut.groups.sizes.tolist()
    groups = tuple(Place(group=case.cut.name(index), n=n, weakest=n) for index, n in enumerate(sizes))
    yield ErrorRates(of="error", places=groups, values=1 - accuracy(counts))
    labels = case.panel.first.label_names
    classes = [1] if len(labels) == 2 else list(range(len(labels)))
    support = np.stack([group_counts(replace(case.panel.first, weight=None), case.cut.groups)])[0]
    for of, rate, counted in (("fpr", fpr(counts), others(support)), ("fnr", 1 - tpr(counts), targets(support))):
        places = [
            replace(place, label=labels[label], weakest=int(counted[index, label]))
            for index, place in enumerate(groups)
            for label in classes
        ]
        yield ErrorRates(of=of, places=tuple(places), values=rate[:, :, classes].reshape(len(counts), -1))


def _finding(base: Finding, before: Array, after: Array, place: Place, case: Case) -> Finding:
    if not (np.isfinite(before).all() and np.isfinite(after).all()):
        return base
    value = float(relative_change(after.mean(keepdims=True), before.mean(keepdims=True))[0])
    if not np.isfinite(value):
        return replace(base, undefined=NOTHING_BEFORE)
    finding = replace(base, value=value, undefined=None)
    if place.weakest < case.min_count:
        return replace(finding, method=f"no interval: {place.weakest} examples, fewer than {case.min_count}")
    if min(len(before), len(after)) < 2:
        return replace(finding, method=ALONE)
    return _judged(finding, before, after, place, case)


def _judged(finding: Finding, before: Array, after: Array, place: Place, case: Case) -> Finding:
    paired = case.panel.paired
    ratio = ratio_of_means(before, after, paired=paired)
    interval = None if ratio is None else ratio.interval(level=case.level)
    models = f"{len(after)} seeds" if paired else f"{len(before)} and {len(after)} models"
    finding = replace(
        finding,
        low=100 * (interval.low - 1) if interval else None,
        high=100 * (interval.high - 1) if interval else None,
        level=case.level if interval else None,
        method=f"Fieller over {models}" if interval else _why_none(ratio),
    )
    nulls = [Null(name=SEEDS, value=100 * seed_floor(before).value / float(before.mean()))]
    test = "paired t over seeds" if paired else "Welch"
    return judged(finding, _p(before, after, paired=paired), f"test: {test}", place, case, nulls=nulls)


def _why_none(ratio: Ratio | None) -> str:
    varies = ratio is not None and (ratio.variance > 0 or ratio.other > 0)
    return UNBOUNDED if varies else STILL


def _p(before: Array, after: Array, *, paired: bool) -> float | None:
    if paired:
        return paired_mean((after - before)[:, None]).p_value("seeds")
    found = welch(before, after)
    return None if found is None else found.p_value
