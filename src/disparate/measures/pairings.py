"""Measures that compare a variant with its reference example by example: excessive risk, churn, flips.

Where a measure cannot be negative, zero is no null: two trainings never agree everywhere. It is held against its floor
instead: what another seed does (for what acts on training), or what a repeat does (for what acts on the trained model).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from disparate.findings import Finding, Null
from disparate.measures.frame import group_means
from disparate.measures.measure import Measure
from disparate.measures.series import Place, estimate_of
from disparate.measures.statements import ONE_SEED, Case, judged, with_level, with_test
from disparate.predictions import REFERENCE, Predictions
from disparate.stats.flips import paired_exact
from disparate.stats.nulls import REPEAT, SEEDS, flip_floor
from disparate.stats.paired import PairedEstimate, paired_mean

Array = NDArray[np.float64]
EXACT = "test: exact over examples, of these trainings (McNemar)"
NO_COINS = "no test: the examples have weights, and a flip is one coin"
NO_REPEAT = "no test: the reference was never repeated, so there is no floor"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Pairing:
    """A pairwise measure over a panel, with what it gives where nothing, or only the seed, was changed.

    Args:
        measure: The measure, of kind ``pairwise``.
        case: The partition and the rules.
        repeats: Value per example by seed, the mean over the repeats of the seed; empty without repeats.
        repeat_means: Group means of every repeat, shape (repeats, groups).
        seed_means: Group means of every pair of seeds, shape (variant seed, reference seed, groups); NaN where they
            are one.
    """

    measure: Measure
    case: Case
    repeats: dict[int, Array]
    repeat_means: Array
    seed_means: Array

    @classmethod
    def of(cls, measure: Measure, case: Case) -> "Pairing":
        """Return the measure with its floors."""
        repeats = _repeats(measure, case)
        means = [_means(value, case) for values in repeats.values() for value in values]
        return cls(
            measure=measure,
            case=case,
            repeats={seed: np.mean(values, axis=0) for seed, values in repeats.items()},
            repeat_means=np.array(means).reshape(-1, len(case.cut.groups)),
            seed_means=_seed_means(measure, case),
        )

    def values(self, variant: str) -> Array:
        """Return the value of every example, the mean over draws, shape (paired seeds, examples)."""
        panel = self.case.panel
        return np.stack([_against_reference(self.measure, self.case, variant, s) for s in panel.paired_seeds(variant)])

    def findings(self) -> Iterator[Finding]:
        """Yield the measure of every variant and group, not yet corrected for their number."""
        for variant in self.case.panel.variants[1:]:
            values = self.values(variant)
            for index, n in enumerate(self.case.cut.groups.sizes.tolist()):
                place = Place(group=self.case.cut.name(index), n=n, weakest=n)
                base = self.case.blank_difference(self.measure, place, variant)
                if n == 0:
                    yield base
                    continue
                rows = self.case.cut.rows(index)
                estimate = estimate_of(values[:, rows], self.case.panel, rows)
                judge = self._against_zero if self.measure.signed else self._against_floor
                yield judge(base, estimate, values, index, place)

    def floors(self) -> Iterator[Finding]:
        """Yield the floors: the reference against its repeats, and against other seeds; ``floor`` says which."""
        for index, n in enumerate(self.case.cut.groups.sizes.tolist()):
            place = Place(group=self.case.cut.name(index), n=n, weakest=n)
            base = replace(self.case.blank(self.measure, place, REFERENCE), reference=REFERENCE)
            if n and self.repeats:
                yield self._repeat_finding(base, index, place)
            if n and len(self.seed_means) > 1:
                where, method = self.case.cut.where(floor=SEEDS), "mean over all pairs of seeds"
                value = float(self._another_seed(index).mean())
                yield replace(base, where=where, value=value, undefined=None, method=method)

    def _repeat_finding(self, base: Finding, index: int, place: Place) -> Finding:
        rows = self.case.cut.rows(index)
        values = np.stack([value[rows] for value in self.repeats.values()])
        estimate = estimate_of(values, self.case.panel, rows)
        base = replace(base, where=self.case.cut.where(floor=REPEAT), seeds=len(values))
        return with_level(base, estimate, place, self.measure, self.case, method="t")

    def _against_zero(
        self, base: Finding, estimate: PairedEstimate, values: Array, index: int, place: Place
    ) -> Finding:
        nulls = [Null(name=REPEAT, value=_rms(self.repeat_means[:, index]))] if self.repeats else []
        if not self.case.trains(base.variant):
            rows = self.case.cut.rows(index)
            alike = self.case.panel.first.multiplicity
            nulls.append(flip_floor(values[:, rows], multiplicity=None if alike is None else alike[rows]))
        elif len(self.seed_means) > 1:
            nulls.append(Null(name=SEEDS, value=_rms(self.seed_means[..., index])))
        if not self.measure.exact:
            return with_test(base, estimate, place, self.case, method="t", nulls=nulls)
        p_value = self._exact_p(values, base.variant, index)
        if not self.case.trains(base.variant):
            level = with_level(base, estimate, place, self.measure, self.case, method="t")
            return judged(level, p_value, NO_COINS if p_value is None else EXACT, place, self.case, nulls=nulls)
        finding = with_test(base, estimate, place, self.case, method="t", nulls=nulls)
        shown = "" if p_value is None else f"; {EXACT}: p {p_value:.2g}, shown and not judged"
        return replace(finding, method=f"{finding.method}{shown}")

    def _exact_p(self, values: Array, variant: str, index: int) -> float | None:
        panel, rows = self.case.panel, self.case.cut.rows(index)
        first = panel.first
        if first.weight is not None or self.case.cut.groups.sizes[index] < self.case.min_count:
            return None
        runs = np.array([len(panel.rows(variant, seed)) for seed in panel.paired_seeds(variant)])
        return paired_exact(
            np.rint(runs @ values[:, rows]).astype(np.int64),
            clusters=None if first.cluster_id is None else np.unique(first.cluster_id[rows], return_inverse=True)[1],
            multiplicity=None if first.multiplicity is None else first.multiplicity[rows],
        )

    def _against_floor(
        self, base: Finding, estimate: PairedEstimate, values: Array, index: int, place: Place
    ) -> Finding:
        finding = with_level(base, estimate, place, self.measure, self.case, method="t")
        nulls = [Null(name=REPEAT, value=float(self.repeat_means[:, index].mean()))] if self.repeats else []
        if not self.case.trains(base.variant):
            p_value, text = self._above_repeats(values, base.variant, index)
            return judged(finding, p_value, text, place, self.case, nulls=nulls)
        if len(self.seed_means) > 1:
            nulls.append(Null(name=SEEDS, value=float(self._another_seed(index).mean())))
        p_value, text = self._above_seeds(values, base.variant, index)
        return judged(finding, p_value, text, place, self.case, nulls=nulls)

    def _above_seeds(self, values: Array, variant: str, index: int) -> tuple[float | None, str]:
        paired, all_seeds = self.case.panel.paired_seeds(variant), self.case.panel.seeds()
        if len(paired) < 2:
            return None, ONE_SEED
        own = np.array([_means(row, self.case)[index] for row in values])
        floor = self._another_seed(index)[[all_seeds.index(seed) for seed in paired]]
        return p_above_seeds(own, floor), ABOVE_SEEDS

    def _above_repeats(self, values: Array, variant: str, index: int) -> tuple[float | None, str]:
        seeds = self.case.panel.paired_seeds(variant)
        both = [place for place, seed in enumerate(seeds) if seed in self.repeats]
        if not both:
            return None, NO_REPEAT
        rows = self.case.cut.rows(index)
        excess = np.stack([values[place] - self.repeats[seeds[place]] for place in both])[:, rows]
        estimate = estimate_of(excess, self.case.panel, rows)
        return _above(estimate), "test: paired t against the repeat floor"

    def _another_seed(self, index: int) -> Array:
        return np.nanmean(self.seed_means[..., index], axis=0)


ABOVE_SEEDS = "test: paired t over seeds against the floor of another seed"


def p_above_seeds(own: Array, floor: Array) -> float | None:
    """Return the two-sided p-value of what a variant has above the floor of another seed; 1 where it is not above.

    The floor of a seed is a mean over the other seeds, so floors of two seeds share a pair of runs and their plain
    spread understates that of their mean. A seed enters its own floor and, in the other role, those of the others:
    twice its deviation is what it adds to the mean (the first term of Hoeffding's decomposition of a mean over pairs).

    Args:
        own: The variant's value per seed, shape (seeds,).
        floor: What another seed gives in the place of the variant, shape (seeds,).

    Returns:
        The p-value of a paired t test over seeds; None with one seed.

    Example:
        >>> p_above_seeds(np.array([0.1, 0.2]), np.array([0.2, 0.2]))
        1.0
    """
    estimate = above_seeds(own, floor)
    return None if estimate.widest is None else _above(estimate)


def above_seeds(own: Array, floor: Array) -> PairedEstimate:
    """Return what a variant has above the floor of another seed, with its spread over seeds.

    Args:
        own: The variant's value per seed, shape (seeds,).
        floor: What another seed gives in the place of the variant, shape (seeds,).

    Returns:
        The estimate that :func:`p_above_seeds` tests; negative where the variant is below the floor.
    """
    mean = floor.mean()
    return paired_mean((own - (mean + 2 * (floor - mean)))[:, None])


def _above(estimate: PairedEstimate) -> float | None:
    if estimate.value <= 0:
        return 1.0
    return None if estimate.widest is None else estimate.p_value(estimate.widest)


def _against_reference(measure: Measure, case: Case, variant: str, seed: int) -> Array:
    panel = case.panel
    reference = _reference(case, seed)
    return np.mean([measure.function(panel.runs[row], reference) for row in panel.rows(variant, seed)], axis=0)


def _reference(case: Case, seed: int) -> Predictions:
    return case.panel.runs[case.panel.rows(REFERENCE, seed)[0]]


def _repeats(measure: Measure, case: Case) -> dict[int, list[Array]]:
    found: dict[int, list[Array]] = {}
    for again, first in case.panel.repeated():
        value = measure.function(case.panel.repeats[again], case.panel.runs[first])
        found.setdefault(case.panel.runs[first].run.seed, []).append(value)
    return found


def _seed_means(measure: Measure, case: Case) -> Array:
    references = [_reference(case, seed) for seed in case.panel.seeds()]
    nothing = np.full(len(case.cut.groups), np.nan)
    rows = [
        [nothing if other is item else _means(measure.function(other, item), case) for item in references]
        for other in references
    ]
    return np.array(rows)


def _means(values: Array, case: Case) -> Array:
    return group_means(values, case.cut.groups, weight=case.panel.first.mass)


def _rms(values: Array) -> float:
    seen = values[np.isfinite(values)]
    return float(np.sqrt(np.mean(seen**2)))
