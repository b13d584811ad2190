"""The population of a variant against that of the reference: exemplars by group, and what tells them from noise.

Exemplars are statements about populations, so they are held against populations: models dealt again between the two,
which is the floor at the sizes there are, and two halves of the reference, which is its floor alone at smaller sizes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from disparate.errors import NotEnoughData
from disparate.findings import Finding, Null
from disparate.measures.exemplars import (
    BEYOND,
    EXEMPLAR_ACCURACY,
    MODAL_EXEMPLARS,
    MODAL_TIES,
    TAXICAB_DISTANCE,
    modal_disagreement,
    taxicab_distance,
)
from disparate.measures.flipped import OVER_REPRESENTATION, WEIGHTED, clusters_of, ratio_to_everyone
from disparate.measures.measure import Measure
from disparate.measures.populations import (
    ALONE,
    NOT_JUDGED,
    OF_DISTANCES,
    Floors,
    Models,
    Statistics,
    models_of,
    stated,
)
from disparate.measures.series import Place, estimate_of
from disparate.measures.statements import Case, judged, with_level, with_test
from disparate.predictions import REFERENCE, Predictions
from disparate.stats.exchange import SPLITS, deals, exchange_p, least_p, swaps
from disparate.stats.flips import over_representation
from disparate.stats.nulls import SEEDS

Array = NDArray[np.float64]
At = tuple[Case, int, Place]
NOT_JUDGED_EITHER = "shown and not judged"
NO_EXEMPLAR = "no modal exemplar"


def populations(
    cases: Sequence[Case], measures: Sequence[Measure], *, generator: np.random.Generator
) -> Iterator[Finding]:
    """Yield what populations of models say, not yet corrected for their number.

    Of every variant: modal exemplars and taxicab distance, held against models dealt again between the two populations;
    the same beyond the floor, at half the size and with disjoint seeds; modal ties; the reference's accuracy on the
    exemplars; over-representation of groups among them. Of the reference: the floors, two disjoint populations of up to
    half of its models, and its repeats. A single model is no population, and has no number.

    Args:
        cases: The partitions of one panel, and the rules; everyone among them.
        measures: What is asked for; any but those of kind ``populations`` and ``OVER_REPRESENTATION`` is passed over.
        generator: Source of deals and splits.

    Yields:
        Findings; those without a p-value are shown and not judged.
    """
    wanted = [measure for measure in measures if measure.kind == "populations"]
    if not wanted:
        return
    floors = Floors.of(cases, generator.spawn(1)[0])
    yield from floors.findings(wanted)
    asked = [*wanted, *([OVER_REPRESENTATION] if OVER_REPRESENTATION in measures else [])]
    for variant in cases[0].panel.variants[1:]:
        others = models_of(cases[0], variant)
        if min(len(others), floors.own) < 2:
            yield from _refused(cases, wanted, variant)
        else:
            contrast = Contrast.of(cases, variant, others, floors, generator.spawn(1)[0])
            yield from contrast.findings(asked)


def _refused(cases: Sequence[Case], measures: Sequence[Measure], variant: str) -> Iterator[Finding]:
    for case in cases:
        for index, n in enumerate(case.cut.groups.sizes.tolist()):
            place = Place(group=case.cut.name(index), n=n, weakest=n)
            for measure in measures:
                base = case.blank_difference(measure, place, variant)
                yield replace(base, undefined=ALONE if n else measure.undefined_when)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Halves:
    """Pairs of disjoint populations of half the size: one of the reference, and in turn one of either.

    Args:
        statistics: What pairs of the reference and the variant give.
        modal: Per pattern, how much more probable an exemplar is than between two populations of the reference.
        taxicab: Per pattern, how much farther apart the label distributions are.
    """

    statistics: Statistics
    modal: Array
    taxicab: Array

    def beyond(self, measure: Measure) -> Array:
        """Return what is beyond the floor of a measure, per pattern."""
        return self.modal if measure is MODAL_EXEMPLARS else self.taxicab

    @classmethod
    def of(cls, models: Models, floors: Floors, *, same: bool, generator: np.random.Generator) -> "Halves":
        """Return the halves.

        Args:
            models: The reference's models, and behind them the variant's.
            floors: What the reference gives alone.
            same: Whether the variant has the reference's seeds: its half then has those of the reference's other half,
                so that shared weights never meet.
            generator: Source of the variant's halves otherwise.

        Returns:
            What they give.
        """
        pairs, others = floors.pairs[floors.size], models.patterns.models - floors.own
        chosen = pairs[:, 1]
        if not same:
            pairs = np.tile(pairs, (-(-SPLITS // len(pairs)), 1, 1))
            chosen = _random(others, floors.size, len(pairs), generator)
        modal, taxicab = np.zeros((2, models.patterns.given.shape[1]))
        for start in range(0, len(pairs), models.patterns.chunk):
            part = slice(start, start + models.patterns.chunk)
            own, floor, other = (
                models.patterns.shares(at) for at in (pairs[part, 0], pairs[part, 1], floors.own + chosen[part])
            )
            modal += (modal_disagreement(own, other) - modal_disagreement(own, floor)).sum(axis=0)
            taxicab += (taxicab_distance(own, other) - taxicab_distance(own, floor)).sum(axis=0)
        return cls(
            statistics=models.statistics(pairs[:, 0], floors.own + chosen),
            modal=modal / len(pairs),
            taxicab=taxicab / len(pairs),
        )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Contrast:
    """The reference's population and a variant's.

    Args:
        variant: Name of the variant.
        models: The reference's models, and behind them the variant's.
        floors: What the reference gives alone.
        dealt: What models dealt again between the populations give; the observed populations in front.
        swapped: The same where the two models of a pair change places; None where no pairs share their weights.
        halves: Two populations of half the size, one of the reference and one of the variant; None where the variant
            has too few models.
        generator: Source of what is left to chance.
    """

    variant: str
    models: Models
    floors: Floors
    dealt: Statistics
    swapped: Statistics | None
    halves: Halves | None
    generator: np.random.Generator

    @classmethod
    def of(
        cls,
        cases: Sequence[Case],
        variant: str,
        others: list[list[Predictions]],
        floors: Floors,
        generator: np.random.Generator,
    ) -> "Contrast":
        """Return the two populations, dealt again and halved."""
        own, panel = floors.own, cases[0].panel
        models = Models.of(cases, [*models_of(cases[0], REFERENCE), *others])
        flags = deals(own, len(others), generator=generator)
        same = panel.seeds(variant) == panel.seeds()
        swapped = None
        if same and not cases[0].trains(variant):
            ways = swaps(own, generator=generator)
            swapped = models.statistics(ways, ~ways)
        return cls(
            variant=variant,
            models=models,
            floors=floors,
            dealt=models.statistics(flags, ~flags),
            swapped=swapped,
            halves=Halves.of(models, floors, same=same, generator=generator) if len(others) >= floors.size else None,
            generator=generator,
        )

    @property
    def own(self) -> int:
        """Number of the reference's models."""
        return self.floors.own

    @property
    def others(self) -> int:
        """Number of the variant's models."""
        return self.models.patterns.models - self.own

    def findings(self, measures: Sequence[Measure]) -> Iterator[Finding]:
        """Yield everything that is asked for about the variant, at every place.

        Args:
            measures: What is asked for.

        Yields:
            Findings not yet corrected for their number.
        """
        patterns = self.models.patterns
        own, others = (patterns.shares(part) for part in np.split(np.arange(patterns.models), [self.own]))
        modal = modal_disagreement(own, others)
        values = {MODAL_EXEMPLARS.name: modal, TAXICAB_DISTANCE.name: taxicab_distance(own, others)}
        for position, at in enumerate(self.models.places):
            for measure in (item for item in OF_DISTANCES if item in measures):
                yield self._distance(measure, values[measure.name], at, position)
                yield from self._beyond(measure, at, position)
            if MODAL_TIES in measures:
                yield self.models.ties(self.own + np.arange(self.others), self.variant, at)
            if EXEMPLAR_ACCURACY in measures:
                yield self._accuracy(modal, patterns.accuracy(own), at)
                yield from self._beyond(EXEMPLAR_ACCURACY, at, position)
            if OVER_REPRESENTATION in measures and MODAL_EXEMPLARS in measures and at[0].cut.by is not None:
                yield self._over_represented(modal, at, position)

    def _base(self, measure: Measure, at: At, **more: object) -> Finding:
        case, _, place = at
        base = case.blank(measure, place, self.variant)
        return replace(base, reference=REFERENCE, where=case.cut.where(**more))

    def _distance(self, measure: Measure, values: Array, at: At, position: int) -> Finding:
        case, _, place = at
        base = self._base(measure, at, axis="examples")
        if not place.n:
            return base
        level = self.models.level(base, measure, values, at, method="t")
        nulls = [*self.floors.repeat_null(measure, position), self._floor(measure, position)]
        p_value, text = self._tested(measure, at, position)
        return judged(level, p_value, text, place, case, nulls=nulls)

    def _floor(self, measure: Measure, position: int) -> Null:
        """Return the floor at these sizes from above: models dealt again, or half as many of the reference alone.

        Either is at least what two populations of the reference of these sizes would give: dealt populations hold
        models of the variant too, and smaller populations disagree more. The smaller of the two is nearer.
        """
        alone = self.floors.splits[self.floors.size].mean(measure, position)
        dealt = float(self.dealt.of(measure)[:, position].mean())
        return Null(name=SEEDS, value=dealt if alone is None else min(dealt, alone))

    def _tested(self, measure: Measure, at: At, position: int) -> tuple[float | None, str]:
        """Return p-value and words: over deals of the models, or of shared weights over examples."""
        case = at[0]
        if case.trains(self.variant):
            return _p(self.dealt.of(measure)[:, position]), self._dealt_words(case)
        if self.halves is None:
            return None, f"no test: fewer than {self.floors.size} models of the variant"
        p_value = self.models.estimate(self.halves.beyond(measure), at).p_value("examples")
        words = "test: t over examples beyond the floor, of these trainings"
        if self.swapped is None:
            return p_value, words
        ways = self.swapped.of(measure)[:, position]
        return p_value, f"{words}; {len(ways):,} swaps within {self.own} pairs: p {_p(ways):.2g}, {NOT_JUDGED_EITHER}"

    def _dealt_words(self, case: Case) -> str:
        least = least_p(self.own, self.others, paired=False)
        few = f", which give no p below {least:.2g}" if least > 1 - case.level else ""
        return f"test: {len(self.dealt.modal):,} deals of {self.own} and {self.others} models{few}"

    def _beyond(self, measure: Measure, at: At, position: int) -> Iterator[Finding]:
        """Yield what a population of the variant gives above one of the reference in its place, of other seeds."""
        case, _, place = at
        if self.halves is None or not place.n:
            return
        size = self.floors.size
        base = self._base(measure, at, form=BEYOND, models=size)
        text = f"mean over {len(self.halves.statistics.modal)} pairs of disjoint populations"
        if measure is EXEMPLAR_ACCURACY or case.trains(self.variant):
            own, floor = (found.mean(measure, position) for found in (self.halves.statistics, self.floors.splits[size]))
            yield stated(base, None if own is None or floor is None else own - floor, text, case)
            return
        estimate = self.models.estimate(self.halves.beyond(measure), at)
        yield with_test(base, estimate, place, case, method=f"{text}, of these trainings; t", nulls=[])

    def _accuracy(self, modal: Array, right: Array, at: At) -> Finding:
        case, index, place = at
        base = self._base(EXEMPLAR_ACCURACY, at, axis="examples")
        first, rows = case.panel.first, case.cut.rows(index)
        exemplars, correct = (self.models.rows(values, case, index) for values in (modal, right))
        if not exemplars.any():
            return base if place.n else replace(base, undefined=MODAL_EXEMPLARS.undefined_when)
        mass = None if first.mass is None else first.mass[rows]
        share = float(np.average(exemplars, weights=mass))
        value = float(np.average(exemplars * correct, weights=mass)) / share
        moved = value + exemplars * (correct - value) / share  # how a ratio of two means moves, to first order
        alike = np.ones(len(rows)) if first.multiplicity is None else first.multiplicity[rows]
        place = replace(place, weakest=int(alike[exemplars > 0].sum()))
        estimate = estimate_of(moved[None], case.panel, rows)
        return with_level(base, estimate, place, EXEMPLAR_ACCURACY, case, method=f"{NOT_JUDGED}; t")

    def _over_represented(self, modal: Array, at: At, position: int) -> Finding:
        case, index, place = at
        base = self._base(OVER_REPRESENTATION, at, axis="examples", of=MODAL_EXEMPLARS.name)
        first, enough = case.panel.first, place.n >= case.min_count
        if first.weight is not None:
            return replace(base, undefined=WEIGHTED)
        try:
            found = over_representation(
                modal[self.models.patterns.pattern],
                case.cut.groups.codes == index,
                clusters=clusters_of(first),
                multiplicity=first.multiplicity,
                level=case.level,
                tested=False,
                generator=self.generator,
            )
        except NotEnoughData:
            return replace(base, undefined=_no_ratio(place, first))
        finding = replace(
            base,
            value=found.value,
            undefined=None,
            low=found.interval.low if enough else None,
            high=found.interval.high if enough else None,
            level=case.level if enough else None,
            method=(
                f"Wilson over {found.flips} exemplars"
                if enough
                else f"no interval: {place.n} examples, fewer than {case.min_count}"
            ),
        )
        usual = self._usual_ratio(position)
        p_value, text = self._ratio_test(modal, usual, at, position)
        return judged(finding, p_value, text, place, case, nulls=[Null(name=SEEDS, value=usual)] if usual else [])

    def _usual_ratio(self, position: int) -> float | None:
        """Return the ratio among the exemplars of two disjoint populations of the reference; None without any."""
        alone = self.floors.splits[self.floors.size]
        own, whole = (alone.mean(MODAL_EXEMPLARS, place) for place in (position, self.models.everyone))
        return own / whole if own is not None and whole else None

    def _ratio_test(self, modal: Array, usual: float | None, at: At, position: int) -> tuple[float | None, str]:
        case, index, place = at
        if case.trains(self.variant):
            own, whole = (self.dealt.modal[:, one] for one in (position, self.models.everyone))
            return _p(np.abs(ratio_to_everyone(own, whole) - own.mean() / whole.mean())), self._dealt_words(case)
        if usual is None:
            return None, "no test: two populations of the reference have no exemplar"
        share = place.n / case.panel.first.examples
        excess = modal[self.models.patterns.pattern] * ((case.cut.groups.codes == index) / share - usual)
        estimate = estimate_of(excess[None], case.panel, np.arange(len(excess)))
        return estimate.p_value("examples"), "test: t over examples against the floor's ratio, of these trainings"


def _random(models: int, size: int, times: int, generator: np.random.Generator) -> NDArray[np.intp]:
    return generator.permuted(np.tile(np.arange(models), (times, 1)), axis=1)[:, :size]


def _no_ratio(place: Place, first: Predictions) -> str:
    if not place.n:
        return OVER_REPRESENTATION.undefined_when
    return "every example is of this group" if place.n == first.examples else NO_EXEMPLAR


def _p(dealt: Array) -> float | None:
    found = float(exchange_p(dealt[:, None])[0])
    return found if np.isfinite(found) else None
