"""What draws of a device do to a measure: its distribution over them, and how well its mean over them is known.

A draw is one piece of hardware. The mean over draws says what a fleet of devices does; the quantiles say what somebody
gets who has one of them. Where draws 2j and 2j + 1 are mirror images, a pair counts as one: its two halves
hang together.
"""

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from disparate.findings import Finding
from disparate.measures.frame import group_counts
from disparate.measures.measure import ANY, Measure
from disparate.measures.panel import Cut, Panel
from disparate.measures.series import MeanSeries, Place, evaluate, places_of
from disparate.measures.statements import Case
from disparate.measures.table import measure_named
from disparate.predictions import REFERENCE
from disparate.stats.intervals import t_quantile

Array = NDArray[np.float64]
OF_DRAWS = (
    "accuracy",
    "f1_macro",
    "worst_group_f1",
    "equalized_odds_sum",
    "equalized_odds_per_class",
    "equal_opportunity_0",
    "equal_opportunity_0_per_class",
)
"""Measures whose distribution over draws is told."""
LEVELLED = ("equalized_odds_sum", "equal_opportunity_0")
"""Disparities of which it is told how often they shrink though no group is better off."""
QUANTILES = {"5 %": 0.05, "25 %": 0.25, "50 %": 0.5, "75 %": 0.75, "95 %": 0.95}
MEAN, SPREAD, DOWN = "mean", "sd", "levelled down"
UNKNOWN = "undefined in some draw"
IN_A_PARTITION = frozenset({"disparity", "against_reference"})
ROUNDING = 1e-12


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Drawn:
    """A measure in every run of a partition.

    Args:
        measure: The measure.
        places: What its values are about.
        values: Shape (runs, places); NaN where undefined.
    """

    measure: Measure
    places: Sequence[Place]
    values: Array

    @classmethod
    def of(cls, measure: Measure, panel: Panel, cut: Cut) -> "Drawn":
        """Return the values of a measure of counts, or of a mean over examples."""
        if measure.kind in {"mean", "root_mean"}:
            series = MeanSeries.of(measure, panel, cut)
            return cls(measure=measure, places=series.places, values=series.observed)
        counts = np.stack([group_counts(item, cut.groups) for item in panel.runs])
        values = evaluate(measure, counts, cut)
        return cls(measure=measure, places=places_of(measure, counts, panel, cut), values=values)


def standard_error(values: Sequence[Array], *, mirrored: bool = False) -> float | None:
    """Return the standard error, over draws, of the mean over seeds of the mean over draws.

    Draws of different seeds are independent; the seeds themselves are held fixed.

    Args:
        values: By seed, the value in every draw, in the order of the draws.
        mirrored: Whether draws 2j and 2j + 1 are mirror images, so that pairs are what is independent.

    Returns:
        In the unit of the values; None where a seed has fewer than two draws, or pairs.

    Example:
        >>> standard_error([np.array([1.0, 3.0])])
        1.0
        >>> standard_error([np.array([1.0, 3.0, 2.0, 2.0])], mirrored=True)
        0.0
    """
    units = [_units(own, mirrored) for own in values]
    if not units or min(len(own) for own in units) < 2:
        return None
    return math.sqrt(sum(own.var(ddof=1) / len(own) for own in units)) / len(units)


def half_width(values: Sequence[Array], *, level: float, mirrored: bool = False) -> float | None:
    """Return the half-width of the interval of the mean over draws, by Student's t.

    Args:
        values: By seed, the value in every draw.
        level: Level of the interval.
        mirrored: As in :func:`standard_error`.

    Returns:
        In the unit of the values; None where a seed has fewer than two draws, or pairs.

    Example:
        >>> round(half_width([np.array([1.0, 3.0])], level=0.95), 3)
        12.706
    """
    error = standard_error(values, mirrored=mirrored)
    if error is None:
        return None
    return t_quantile(level, sum(len(_units(own, mirrored)) - 1 for own in values)) * error


def _units(values: Array, mirrored: bool) -> Array:
    if not mirrored:
        return values
    whole = len(values) // 2 * 2
    return values[:whole].reshape(-1, 2).mean(axis=1)


def over_draws(case: Case, mirrored: Collection[str]) -> Iterator[Finding]:
    """Yield mean, standard deviation and quantiles over draws of every measure in ``OF_DRAWS``.

    Quantiles are over all runs of a variant, seeds and draws together; the standard deviation is that of draws under
    one seed (root mean square over seeds), and the interval of the mean is over draws with the seeds held fixed. For
    disparities, *levelled down* is the share of runs in which the disparity is smaller than the reference's under
    that seed though no group's macro F1 is larger.

    Args:
        case: The partition and the rules.
        mirrored: Variants whose draws come in mirrored pairs.

    Yields:
        Findings that are shown and not judged; of the reference its mean alone, none where nothing was drawn twice.
    """
    panel, cut = case.panel, case.cut
    drawn = [variant for variant in panel.variants if panel.draws(variant) > 1]
    if not drawn or panel.first.answers != "labels":
        return
    scores = Drawn.of(measure_named("f1_macro"), panel, cut).values
    for measure in map(measure_named, OF_DRAWS):
        if measure.kind in IN_A_PARTITION and cut.by is None:
            continue
        found = Drawn.of(measure, panel, cut)
        for variant in dict.fromkeys((REFERENCE, *drawn)):
            for index, place in enumerate(found.places):
                if measure.kind != "against_reference" or place.group is None:
                    yield from _told(found, index, variant, case, variant in mirrored)
        if measure.name in LEVELLED:
            yield from (_levelled(found, scores, variant, case) for variant in drawn if variant != REFERENCE)


def _told(found: Drawn, index: int, variant: str, case: Case, mirrored: bool) -> Iterator[Finding]:
    values = [found.values[case.panel.rows(variant, seed), index] for seed in case.panel.seeds(variant)]
    together = np.concatenate(values)
    base = _blank(found, found.places[index], variant, case)
    if not np.isfinite(together).all():
        yield replace(_placed(base, MEAN), undefined=UNKNOWN if found.places[index].n else base.undefined)
        return
    few = found.places[index].weakest < case.min_count
    base = replace(base, method=f"{found.places[index].n} examples, fewer than {case.min_count}" if few else None)
    yield _mean(_placed(base, MEAN), found.measure, values, case, mirrored)
    if case.panel.draws(variant) < 2:
        return
    spread = math.sqrt(float(np.mean([own.var(ddof=1) for own in values if len(own) > 1])))
    yield _valued(_placed(base, SPREAD), spread)
    for name, share in QUANTILES.items():
        yield _valued(_placed(base, name), float(np.quantile(together, share)))


def _mean(base: Finding, measure: Measure, values: Sequence[Array], case: Case, mirrored: bool) -> Finding:
    mean = float(np.mean([own.mean() for own in values]))
    reach = half_width(values, level=case.level, mirrored=mirrored)
    if base.method or not reach:
        why = base.method or "nothing was drawn, or nothing varies"
        return replace(base, value=mean, undefined=None, method=f"no interval: {why}")
    low, high = measure.clip(mean - reach, mean + reach)
    what = "mirrored pairs of draws" if mirrored else "draws"
    return replace(
        base, value=mean, undefined=None, low=low, high=high, level=case.level, method=f"t over {what}, seeds fixed"
    )


def _levelled(found: Drawn, scores: Array, variant: str, case: Case) -> Finding:
    whole = next(place for place in found.places if place.group is None)
    index = list(found.places).index(whole)
    happened: list[bool] = []
    for seed in case.panel.paired_seeds(variant):
        reference = case.panel.rows(REFERENCE, seed)
        level, before = found.values[reference, index].mean(), scores[reference].mean(axis=0)
        happened += [
            bool(found.values[row, index] < level - ROUNDING and not np.any(scores[row] > before + ROUNDING))
            for row in case.panel.rows(variant, seed)
        ]
    base = replace(_placed(_blank(found, whole, variant, case), DOWN), unit="share")
    return _valued(base, float(np.mean(happened)))


def _blank(found: Drawn, place: Place, variant: str, case: Case) -> Finding:
    base = case.blank(OVER_DRAWS, place, variant)
    return replace(base, where=case.cut.where(of=found.measure.name), unit=found.measure.unit)


def _placed(base: Finding, statistic: str) -> Finding:
    return replace(base, where={**(base.where or {}), "statistic": statistic})


def _valued(base: Finding, value: float) -> Finding:
    texts = (base.method, "over seeds and draws; shown, not judged")
    return replace(base, value=value, undefined=None, method="; ".join(text for text in texts if text))


OVER_DRAWS = Measure(
    name="over_draws",
    unit="share",
    kind="drawn",
    higher_is_better=None,
    bounds=ANY,
    undefined_when="no example of this group",
    function=over_draws,
    inherits_unit=True,
)
