"""Harm held against a margin: that no meaningful harm was done, and not only that none was seen."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from disparate.findings import Finding
from disparate.measures.measure import ANY, Measure
from disparate.measures.rates import ACCURACY, LOSS
from disparate.measures.series import MeanSeries, Place
from disparate.measures.sets import SUBSET_ACCURACY
from disparate.measures.statements import ONE_SEED, OVER, Case, judged, with_level
from disparate.stats.equivalence import Turned, equivalence_p, no_harm_p
from disparate.stats.paired import Axis, PairedEstimate

Array = NDArray[np.float64]
Form = Literal["no_harm", "equivalent"]
FORMS: tuple[Form, ...] = ("no_harm", "equivalent")
"""Non-inferiority: harm is smaller than the margin. Equivalence (TOST): harm and gain are."""
OF = (ACCURACY, SUBSET_ACCURACY, LOSS)
"""What is held against the margin."""
MARGIN = 0.02
"""Largest harm that does not matter: 2 points of accuracy, or 0.02 nats, 2 % less probability of the right answer."""
PAYS, CHANGES, WITHIN, OPEN = "pays", "changes", "within margin", "cannot be told"
"""What is concluded of a group."""


def harm(change: float, higher_is_better: bool) -> float:
    """Return a change of a measure as harm: positive where it is to the worse.

    Args:
        change: Variant minus reference.
        higher_is_better: Whether more of the measure is good, as of accuracy and not of loss.

    Returns:
        The harm, in the unit of the measure.

    Example:
        >>> harm(-0.03, higher_is_better=True), harm(-0.03, higher_is_better=False)
        (0.03, -0.03)
    """
    return -change if higher_is_better else change


HARM = Measure(
    name="harm",
    unit="share",
    kind="harm",
    higher_is_better=False,
    bounds=ANY,
    undefined_when="no example of this group",
    function=harm,
)


def harms(series: MeanSeries, case: Case) -> Iterator[Finding]:
    """Yield the harm of every variant and group, held against the margin of the case in both forms.

    ``p_value`` is that of a harm of the margin or more (of a harm or gain, for ``equivalent``), so ``distinguishable``
    says that there is less. It is judged over seeds and examples, whatever the variant acts on: that no harm was seen
    on this test set is not enough to say that there is none. One seed says nothing about training, so that there is no
    number.

    Args:
        series: Accuracy or loss over all runs.
        case: The partition and the rules.

    Yields:
        Findings not yet corrected for their number; ``of``, ``form`` and ``margin`` are in ``where``.
    """
    for variant in case.panel.variants[1:]:
        operator = case.panel.differences(variant)
        for index, place in enumerate(series.places):
            blank = replace(case.blank_difference(HARM, place, variant), unit=series.measure.unit)
            if place.n == 0:
                reason = HARM.undefined_when
            elif case.trains(variant) and len(operator) < 2:
                reason = ONE_SEED.removeprefix("no test: ")
            else:
                yield from _findings(blank, series, operator, index, place, case)
                continue
            yield from (replace(_placed(blank, series, form, case), undefined=reason) for form in FORMS)


def _placed(base: Finding, series: MeanSeries, form: Form, case: Case) -> Finding:
    axis = (base.where or {})["axis"]
    where = case.cut.where(axis=axis, of=series.measure.name, form=form, margin=case.margin)
    return replace(base, where=where)


def _findings(
    blank: Finding, series: MeanSeries, operator: Array, index: int, place: Place, case: Case
) -> Iterator[Finding]:
    better = bool(series.measure.higher_is_better)
    change = series.estimate(operator, index)
    estimate = replace(change, value=harm(change.value, better))
    turned = _turned(series, operator, index) if series.measure.unit == "share" else None
    axis = change.widest
    finding = with_level(blank, estimate, place, HARM, case, method=series.method)
    for form in FORMS:
        p_value = None if axis is None else _p_value(form, estimate, axis, case.margin, turned)
        text = "no test: nothing varies" if axis is None or p_value is None else f"test: one-sided t {OVER[axis]}"
        yield judged(_placed(finding, series, form, case), p_value, text, place, case, nulls=())


def _p_value(form: Form, estimate: PairedEstimate, axis: Axis, margin: float, turned: Turned | None) -> float | None:
    if form == "equivalent":
        return equivalence_p(estimate, axis, margin=margin, turned=turned)
    return no_harm_p(estimate, axis, margin=margin, higher_is_better=False, turned=turned)


def _turned(series: MeanSeries, operator: Array, index: int) -> Turned:
    worse, better = series.moved(operator, index)
    return Turned(up=worse, down=better)


def concluded(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings, those of harm with what is concluded of the group under ``conclusion`` in ``where``.

    ``no_harm``: ``"pays"`` where the change is distinguishable and to the worse, else ``"within margin"`` where a harm
    of the margin is excluded, else ``"cannot be told"``. ``equivalent``: ``"within margin"``, else ``"changes"`` where
    the change is distinguishable, else ``"cannot be told"``.

    Args:
        findings: All findings of a report, ``distinguishable`` decided.

    Returns:
        The findings in their order.
    """
    items = list(findings)
    changes = {
        _key(item, item.measure): item
        for item in items
        if item.reference is not None and item.measure in {measure.name for measure in OF} and item.label is None
        if item.distinguishable is not None
    }
    return [
        item
        if item.measure != HARM.name
        else replace(item, where={**(item.where or {}), "conclusion": _conclusion(item, changes)})
        for item in items
    ]


def _key(item: Finding, of: str) -> tuple[object, ...]:
    return item.variant, item.group, (item.where or {}).get("by"), of


def _conclusion(item: Finding, changes: dict[tuple[object, ...], Finding]) -> str:
    where = item.where or {}
    change = changes.get(_key(item, where["of"]))
    moved = change is not None and change.distinguishable is True
    if where["form"] == "equivalent":
        return WITHIN if item.distinguishable else CHANGES if moved else OPEN
    if moved and (item.value or 0.0) > 0:
        return PAYS
    return WITHIN if item.distinguishable else OPEN
