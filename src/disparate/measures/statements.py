"""From estimates to findings: levels of every variant, and paired differences to the reference with their nulls."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from disparate.errors import NotEnoughData
from disparate.findings import Finding, Null
from disparate.measures.measure import SHARE, Measure
from disparate.measures.panel import Cut, Panel
from disparate.measures.series import Place, Series
from disparate.predictions import REFERENCE
from disparate.stats.intervals import t_quantile, wilson_interval
from disparate.stats.multiplicity import benjamini_hochberg
from disparate.stats.nulls import REPEAT, repeat_floor, seed_floor
from disparate.stats.paired import Axis, PairedEstimate

Array = NDArray[np.float64]
OVER: Mapping[Axis, str] = {"seeds": "over seeds", "examples": "over examples", "both": "over seeds and examples"}
TESTED: Mapping[Axis, str] = {axis: f"test: paired t {words}" for axis, words in OVER.items()}
"""What the method of a finding says that was judged over an axis."""
INTERACTION = "interaction"
"""What both single axes hold; with it the intervals of a finding say what moves it, per seed and per example."""
ONE_SEED = "no test: one seed, and what acts on training cannot be told from the seed"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Case:
    """One partition of one panel, and how its findings are judged.

    Args:
        panel: The runs.
        cut: The partition.
        level: Level of intervals.
        min_count: Fewest examples for an interval or a test.
        acts_on_training: Variant to whether it changes the training.
        margin: Largest harm that does not matter, in the unit of the measure.
    """

    panel: Panel
    cut: Cut
    level: float
    min_count: int
    acts_on_training: Mapping[str, bool]
    margin: float = 0.02

    def trains(self, variant: str) -> bool:
        """Return whether a variant changes the training."""
        return self.acts_on_training[variant]

    def blank(self, measure: Measure, place: Place, variant: str) -> Finding:
        """Return a finding without a value, to be completed."""
        seeds = self.panel.seeds(variant)
        return Finding(
            measure=measure.name,
            group=place.group,
            label=place.label,
            where=self.cut.where(),
            variant=variant,
            value=None,
            undefined=measure.undefined_when,
            n=place.n,
            seeds=len(seeds),
            draws=self.panel.draws(variant),
            unit=measure.unit,
        )

    def blank_difference(self, measure: Measure, place: Place, variant: str) -> Finding:
        """Return a finding against the reference without a value, over the seeds that both have."""
        seeds = len(self.panel.paired_seeds(variant))
        axis = "both" if seeds > 1 else "examples"
        base = self.blank(measure, place, variant)
        return replace(base, reference=REFERENCE, seeds=seeds, where=self.cut.where(axis=axis))


def levels(series: Series, case: Case) -> Iterator[Finding]:
    """Yield the measure of every variant, the reference included: the mean over its seeds.

    Args:
        series: The measure over all runs.
        case: The partition and the rules.

    Yields:
        Findings without a reference.
    """
    for variant in case.panel.variants:
        operator = case.panel.levels(variant)
        for index, place in _stated(series, case):
            base = case.blank(series.measure, place, variant)
            if reason := _why_undefined(series, operator, index):
                yield replace(base, undefined=reason)
            else:
                estimate = series.estimate(operator, index)
                yield with_level(base, estimate, place, series.measure, case, method=series.method)


def differences(series: Series, case: Case) -> Iterator[Finding]:
    """Yield variant minus reference, paired by example and seed, with the largest noise floor that applies.

    Args:
        series: The measure over all runs.
        case: The partition and the rules.

    Yields:
        Findings over every axis of chance there is data for, not yet corrected for their number.
    """
    for variant in case.panel.variants[1:]:
        operator = case.panel.differences(variant)
        for index, place in _stated(series, case):
            base = case.blank_difference(series.measure, place, variant)
            if reason := _why_undefined(series, operator, index):
                yield replace(base, undefined=reason)
            else:
                estimate = series.estimate(operator, index)
                nulls = _nulls(series, case, index, variant)
                yield with_test(base, estimate, place, case, method=series.method, nulls=nulls)


def axes(series: Series, case: Case) -> Iterator[Finding]:
    """Yield the same differences over seeds alone and over examples alone; they are shown and not judged.

    A third, ``"interaction"``, is over what both of these hold. From the three intervals the noise can be had back that
    a smaller change, more examples or more seeds would meet: see :func:`disparate.report.power.noise_of`.

    Args:
        series: The measure over all runs.
        case: The partition and the rules.

    Yields:
        Findings with ``axis`` in ``where``; none where there is one axis only.
    """
    for variant in case.panel.variants[1:]:
        operator = case.panel.differences(variant)
        for index, place in _stated(series, case):
            if place.n < max(1, case.min_count):
                continue
            estimate = series.estimate(operator, index)
            base = case.blank_difference(series.measure, place, variant)
            if estimate.widest == "both":
                yield _along(base, estimate, "seeds", case, series.method)
                yield _along(base, estimate, "examples", case, series.method)
                yield _over_interaction(base, estimate, case)


def with_level(
    base: Finding, estimate: PairedEstimate, place: Place, measure: Measure, case: Case, *, method: str
) -> Finding:
    """Return a finding with value and interval, the interval inside the range of the measure.

    A share that does not vary at all gets Wilson's interval: 200 of 200 is not certainty.

    Args:
        base: The finding to be completed.
        estimate: The estimate.
        place: What it is about.
        measure: The measure.
        case: The partition and the rules.
        method: How chance over examples was found.

    Returns:
        The finding.
    """
    finding = _with_interval(base, estimate, place, case, method=method)
    if finding.low is not None and finding.high is not None:
        low, high = measure.clip(finding.low, finding.high)
        return replace(finding, low=low, high=high)
    still = estimate.widest is not None and measure.bounds == SHARE and measure.kind in {"mean", "pairwise"}
    if not still or place.weakest < case.min_count:
        return finding
    low, high = wilson_interval(min(1.0, max(0.0, estimate.value)), place.n, level=case.level)
    return replace(finding, low=low, high=high, level=case.level, method="Wilson over examples: nothing varies")


def with_test(
    base: Finding, estimate: PairedEstimate, place: Place, case: Case, *, method: str, nulls: Sequence[Null]
) -> Finding:
    """Return a difference with value, interval, its p-value against zero and its largest null.

    What acts on training is judged over seeds, what acts on the trained model over every axis there is.

    Args:
        base: The finding to be completed.
        estimate: The estimate.
        place: What it is about.
        case: The partition and the rules.
        method: How chance over examples was found.
        nulls: The noise floors that apply.

    Returns:
        The finding, not yet corrected for the number of findings.
    """
    finding = _with_interval(base, estimate, place, case, method=method)
    axis: Axis | None = "seeds" if case.trains(base.variant) else estimate.widest
    p_value = None if axis is None else estimate.p_value(axis)
    text = TESTED[axis] if axis and p_value is not None else ONE_SEED
    return judged(finding, p_value, text, place, case, nulls=nulls)


def judged(
    finding: Finding, p_value: float | None, text: str, place: Place, case: Case, *, nulls: Sequence[Null]
) -> Finding:
    """Return a finding with p-value, nulls and how they were found; without a test where there are too few examples.

    Args:
        finding: The finding, with value and interval.
        p_value: Its p-value; None without a test.
        text: How it was tested, or why not.
        place: What it is about.
        case: The partition and the rules.
        nulls: The noise floors that apply; the largest one is kept as the null.

    Returns:
        The finding.
    """
    enough = place.weakest >= case.min_count
    parts = [finding.method or "", text if enough else "", _described(nulls)]
    null = max(nulls, key=lambda item: item.value, default=None)
    effect = None
    if null is not None and null.value > 0 and finding.value is not None:
        effect = abs(finding.value) / null.value
    return replace(
        finding,
        p_value=p_value if enough else None,
        method="; ".join(part for part in parts if part),
        null=null,
        effect_over_null=effect,
    )


def corrected(findings: Sequence[Finding], *, rate: float) -> list[Finding]:
    """Return findings with ``distinguishable`` decided: significant within its table, and larger than its noise floor.

    Significant is Benjamini–Hochberg within each table of a report.
    A table is one measure of one partition, over all variants, groups and classes. Pooling all tables instead would
    let the many rates per class, which repeat each other, decide whether a change of accuracy can be told from noise.

    Args:
        findings: The findings of one report.
        rate: False discovery rate within a table.

    Returns:
        The findings in their order; those without a p-value keep None.
    """
    tables: dict[tuple[object, ...], list[int]] = {}
    for position, item in enumerate(findings):
        if item.p_value is not None:
            tables.setdefault(table_of(item), []).append(position)
    decided: dict[int, bool] = {}
    for positions in tables.values():
        p_values = np.array([findings[position].p_value for position in positions], dtype=np.float64)
        found = (benjamini_hochberg(p_values) <= rate).tolist()
        decided |= {place: one and _clears(findings[place]) for place, one in zip(positions, found, strict=True)}
    return [replace(item, distinguishable=decided.get(position)) for position, item in enumerate(findings)]


def _clears(finding: Finding) -> bool:
    """Return whether a number is larger than its floor: of a ratio, farther from 1. A margin is no floor."""
    if finding.value is None or "margin" in (finding.where or {}):
        return finding.value is not None
    if finding.unit != "ratio":
        return abs(finding.value) > (finding.null.value if finding.null else 0.0)
    floor = finding.null.value if finding.null else 1.0
    return finding.value > max(1.0, floor) if finding.value > 1 else finding.value < min(1.0, floor)


def table_of(finding: Finding) -> tuple[object, ...]:
    """Return which table a finding stands in, within which it is corrected: one measure of one partition."""
    where = finding.where or {}
    return finding.measure, *(where.get(key) for key in ("by", "form", "of"))


def _with_interval(base: Finding, estimate: PairedEstimate, place: Place, case: Case, *, method: str) -> Finding:
    axis = estimate.widest
    interval = None
    if place.weakest < case.min_count:
        text = f"no interval: {place.weakest} examples, fewer than {case.min_count}"
    elif axis is None:
        text = "no interval: one seed and too few examples of the class"
    else:
        interval = estimate.interval(axis, level=case.level)
        text = f"{method} {OVER[axis]}" if interval else "no interval: nothing varies"
    return replace(
        base,
        value=estimate.value,
        undefined=None,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        level=case.level if interval else None,
        method=f"{text}; {place.note}" if place.note else text,
    )


def _along(base: Finding, estimate: PairedEstimate, axis: Axis, case: Case, method: str) -> Finding:
    interval = estimate.interval(axis, level=case.level)
    return replace(
        base,
        where=case.cut.where(axis=axis),
        value=estimate.value,
        undefined=None,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        level=case.level if interval else None,
        p_value=estimate.p_value(axis),
        method=f"{method} {OVER[axis]}; shown, not judged",
    )


def _over_interaction(base: Finding, estimate: PairedEstimate, case: Case) -> Finding:
    df = (estimate.seeds - 1.0) * (estimate.examples - 1.0)
    reach = t_quantile(case.level, df) * math.sqrt(estimate.interaction or 0.0)
    return replace(
        base,
        where=case.cut.where(axis=INTERACTION),
        value=estimate.value,
        undefined=None,
        low=estimate.value - reach if reach else None,
        high=estimate.value + reach if reach else None,
        level=case.level if reach else None,
        method="t over what seeds and examples both hold; shown, not judged",
    )


def _described(nulls: Sequence[Null]) -> str:
    texts = [
        f"{null.name} 0 (deterministic)" if null.name == REPEAT and null.value == 0 else f"{null.name} {null.value:.3g}"
        for null in nulls
    ]
    return f"nulls: {', '.join(texts)}" if texts else ""


def _nulls(series: Series, case: Case, index: int, variant: str) -> list[Null]:
    observed, repeated = series.observed[:, index], series.repeated[:, index]
    moved = np.array([repeated[again] - observed[first] for again, first in case.panel.repeated()], dtype=np.float64)
    moved = moved[np.isfinite(moved)]
    nulls = [repeat_floor(moved)] if moved.size else []
    trains = case.trains(variant)
    nulls += _seed_null(case.panel, observed) if trains else []
    test_set = series.test_set_null(case.panel.differences(variant), index, trains=trains)
    return nulls if test_set is None else [*nulls, test_set]


def _seed_null(panel: Panel, values: Array) -> list[Null]:
    by_seed = np.array([values[panel.rows(REFERENCE, seed)].mean() for seed in panel.seeds()])
    try:
        return [seed_floor(by_seed[np.isfinite(by_seed)])]
    except NotEnoughData:
        return []


def _stated(series: Series, case: Case) -> Iterator[tuple[int, Place]]:
    for index, place in enumerate(series.places):
        if series.measure.kind != "against_reference" or place.group != case.cut.groups.reference:
            yield index, place


def _why_undefined(series: Series, operator: Array, index: int) -> str | None:
    used = series.observed[operator.any(axis=0), index]
    if np.isfinite(used).all():
        return None
    unseen = series.places[index].n == 0 and series.places[index].label is None
    return "no example of this group" if unseen else series.measure.undefined_when
