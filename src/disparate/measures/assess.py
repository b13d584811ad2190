"""From predictions to findings: what audits and comparisons of files have in common."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from disparate.errors import BadInput, suggestion
from disparate.findings import Finding, Findings
from disparate.measures.contrasts import populations
from disparate.measures.drawn import OVER_DRAWS, over_draws
from disparate.measures.flipped import FLIPS, OVER_REPRESENTATION, AmongFlips
from disparate.measures.harm import HARM, MARGIN, concluded, harms
from disparate.measures.harm import OF as HARM_OF
from disparate.measures.measure import Kind, Measure
from disparate.measures.movement import movements
from disparate.measures.noise_floors import NOISE_FLOOR, noise_floors
from disparate.measures.normalised import NORMALISED_CHANGE, normalised
from disparate.measures.pairings import Pairing
from disparate.measures.panel import Panel, cuts_of
from disparate.measures.permuted_groups import GAPS, PermutedGroups, can_be_dealt
from disparate.measures.rates import LOSS
from disparate.measures.relative import RELATIVE_CHANGE, relative
from disparate.measures.series import MeanSeries, Series, count_series, gap_series
from disparate.measures.spread import Means, sensitivities, signed_sensitivities, violations
from disparate.measures.statements import Case, axes, corrected, differences, levels
from disparate.measures.table import MAIN, measure_named
from disparate.measures.unpaired import unpaired_differences
from disparate.predictions import REFERENCE, Predictions

MIN_COUNT = 30
"""Fewest examples for an interval or a test."""
NOTHING: Mapping[str, str] = MappingProxyType({})
OF_ONE_GROUP: frozenset[Kind] = frozenset({"rate", "class_rate"})
OF_POPULATIONS: frozenset[Kind] = frozenset({
    "mean",
    "root_mean",
    "mean_disparity",
    "rate",
    "class_rate",
    "disparity",
    "against_reference",
    "among_flips",
    "beyond_everyone",
    "populations",
    "relative",
})
"""Kinds of measures that need no model of a variant to belong to one of the reference."""
OF_A_PARTITION: frozenset[Kind] = frozenset({"disparity", "against_reference"})


def assess(
    runs: Sequence[Predictions],
    *,
    by: Sequence[str],
    measures: Sequence[str],
    acts_on_training: Mapping[str, bool],
    hardware: Sequence[str] = (),
    reference_groups: Mapping[str, str] = NOTHING,
    level: float = 0.95,
    replicates: int = 2000,
    min_count: int = MIN_COUNT,
    margin: float = MARGIN,
    paired: bool = True,
    mirrored: Collection[str] = (),
    generator: np.random.Generator,
) -> Findings:
    """Return every level, difference and comparison that the runs allow, each with interval and noise floor.

    - Levels: every variant, the reference included; mean over seeds, ``reference`` None.
    - Differences: variant minus reference, paired by example and seed. ``axis`` in ``where`` says over which chance;
      for accuracy and loss the single axes follow, shown and not judged.
    - Comparisons: excessive risk, fairness violation, churn, hardware sensitivity, and the floors of churn.
    - What moves accuracy and loss over devices, seeds and repeats, and every noise floor as a finding of its own.
    - Who flips: flips to the worse and to the better with an exact test, and which groups are over-represented in them.
    - Normalised change: which classes and groups moved beyond everyone, between two populations of trainings.
    - Populations: exemplars, whose modal label a choice changes, with the floor of another population of the reference;
      by how many per cent error rates rise.
    - Harm against a margin: ``conclusion`` in ``where`` says of every group whether it pays, whether a harm of the
      margin is excluded, or that it cannot be told.

    What acts on training is judged over seeds, what acts on the trained model over seeds and examples. Comparisons that
    cannot be negative are held against their floor. ``distinguishable`` is Benjamini–Hochberg within each measure and
    partition (all variants, groups and classes together), at 1 − level.

    Args:
        runs: Runs over the same examples in the same order; variant ``"reference"``, repeat 0, is the reference, its
            repeats from 1 on are the repeat floor.
        by: Attributes and intersections, such as ``"race"`` and ``"race*sex"``.
        measures: Names of measures.
        acts_on_training: Variant to whether it changes the training.
        hardware: Variants that are hardware profiles; sensitivity is taken over them.
        reference_groups: Partition to the name of its reference group; the largest where not given.
        level: Level of intervals.
        replicates: Bootstrap replicates.
        min_count: Fewest examples for an interval or a test; smaller groups get a value only.
        margin: Largest harm that does not matter: a share for accuracy, nats for loss.
        paired: Whether seeds of a variant belong to the same seeds of the reference. Otherwise each variant is a
            population of models of its own: changes are tested between populations, and what compares model with model
            is left out.
        mirrored: Variants of which draws 2j and 2j + 1 are mirror images of each other.
        generator: Source of randomness.

    Returns:
        The findings: everyone first, then partition by partition.

    Raises:
        BadInput: The runs cannot be paired, a name is unknown, or a variant is not said to act on training or not.
    """
    panel = Panel.of(runs, paired=paired)
    _require_known(panel, acts_on_training, hardware)
    asked = [measure_named(name) for name in dict.fromkeys(measures)]
    main = measure_named(MAIN[panel.first.answers])
    if not paired:
        asked = [measure for measure in asked if measure.kind in OF_POPULATIONS]
    if HARM in asked and main not in asked:  # who pays is who has a distinguishable change
        asked.append(main)
    collected, cases = Collected(), list[Case]()
    for cut in cuts_of(panel, by, reference_groups):
        case = Case(
            panel=panel,
            cut=cut,
            level=level,
            min_count=min_count,
            acts_on_training=acts_on_training,
            margin=margin,
        )
        cases.append(case)
        bench = Bench(case=case, hardware=tuple(hardware), replicates=replicates, generator=generator)
        bench.collect(asked, collected)
        collected.shown.extend(over_draws(case, mirrored) if OVER_DRAWS in asked else ())
    for finding in populations(cases, asked, generator=generator.spawn(1)[0]):
        (collected.shown if finding.p_value is None else collected.judged).append(finding)
    return Findings(tuple(concluded((*collected.shown, *corrected(collected.judged, rate=1 - level)))))


@dataclass(frozen=True, kw_only=True, slots=True)
class Collected:
    """Findings so far.

    Args:
        shown: Levels, floors and single axes, which are not judged.
        judged: Differences and comparisons, to be corrected for their number.
    """

    shown: list[Finding] = field(default_factory=list[Finding])
    judged: list[Finding] = field(default_factory=list[Finding])


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Bench:
    """One partition with what measuring it needs.

    Args:
        case: The partition and the rules.
        hardware: Variants that are hardware profiles.
        replicates: Bootstrap replicates.
        generator: Source of randomness.
    """

    case: Case
    hardware: tuple[str, ...]
    replicates: int
    generator: np.random.Generator

    def collect(self, measures: Sequence[Measure], collected: Collected) -> None:
        """Measure everything that is asked for and has a meaning for this partition.

        Args:
            measures: What is asked for.
            collected: Where findings are added.
        """
        for series in self._series(measures):
            found = levels(series, self.case)
            of = GAPS.get(series.measure.name) if can_be_dealt(self.case) else None
            collected.shown.extend(found if of is None else self._against_permuted_gaps(found, of, measures))
            self._changes(series, measures, collected)
        for pairing in self._pairings(measures):
            measure = pairing.measure
            if measure in measures:
                collected.judged.extend(pairing.findings())
                collected.shown.extend(() if measure.signed else pairing.floors())
            if OVER_REPRESENTATION in measures and measure in FLIPS:
                among = AmongFlips(flips=pairing, generator=self.generator.spawn(1)[0])
                collected.judged.extend(among.findings())
        collected.judged.extend(normalised(self.case) if NORMALISED_CHANGE in measures else ())
        collected.judged.extend(relative(self.case) if RELATIVE_CHANGE in measures else ())
        for finding in self._spreads(measures):
            (collected.shown if finding.measure == NOISE_FLOOR.name else collected.judged).append(finding)
        collected.shown.extend(self._floors() if NOISE_FLOOR in measures else ())
        for finding in self._movements(measures):
            (collected.shown if finding.p_value is None else collected.judged).append(finding)

    def _changes(self, series: Series, measures: Sequence[Measure], collected: Collected) -> None:
        if not self.case.panel.paired:
            collected.judged.extend(unpaired_differences(series, self.case))
            return
        collected.judged.extend(differences(series, self.case))
        if isinstance(series, MeanSeries):
            collected.shown.extend(axes(series, self.case))
            wanted = HARM in measures and series.measure in HARM_OF
            collected.judged.extend(harms(series, self.case) if wanted else ())

    def _series(self, measures: Sequence[Measure]) -> Iterator[Series]:
        panel, cut = self.case.panel, self.case.cut
        for measure in measures:
            if measure.kind in {"mean", "root_mean"}:
                yield MeanSeries.of(measure, panel, cut)
        gaps = [measure for measure in measures if measure.kind == "mean_disparity" and cut.by is not None]
        yield from gap_series(gaps, panel, cut, replicates=self.replicates, generator=self.generator)
        counted = OF_ONE_GROUP if cut.by is None else OF_ONE_GROUP | OF_A_PARTITION
        wanted = [measure for measure in measures if measure.kind in counted]
        yield from count_series(wanted, panel, cut, replicates=self.replicates, generator=self.generator)

    def _pairings(self, measures: Sequence[Measure]) -> Iterator[Pairing]:
        asked = [measure for measure in measures if measure.kind == "pairwise"]
        paired = self.case.panel.paired and self.case.cut.by is not None
        needed = FLIPS if OVER_REPRESENTATION in measures and paired else ()
        for measure in (*asked, *(flip for flip in needed if flip not in asked)):
            yield Pairing.of(measure, self.case)

    def _spreads(self, measures: Sequence[Measure]) -> Iterator[Finding]:
        kinds = {measure.kind for measure in measures}
        violated = "violation" in kinds and self.case.cut.by is not None
        sensitive = "sensitivity" in kinds and bool(self.hardware)
        if violated or (sensitive and self.case.panel.has_losses):
            losses = self._means("loss")
            if violated:
                found = violations(self.case, losses, generator=self.generator)
                yield from self._against_permuted_risks(found, measures) if can_be_dealt(self.case) else found
            if sensitive:
                yield from self._sensitivity(losses)
        if sensitive:
            yield from self._sensitivity(self._means(MAIN[self.case.panel.first.answers]))

    def _sensitivity(self, means: Means) -> Iterator[Finding]:
        yield from sensitivities(self.case, means, self.hardware, generator=self.generator)
        yield from signed_sensitivities(means.of, self.case, self.hardware)

    def _movements(self, measures: Sequence[Measure]) -> Iterator[Finding]:
        wanted = [measure for measure in measures if measure.kind == "movement"]
        if not wanted or not self.hardware:
            return
        generator = self.generator.spawn(1)[0]
        for of in self._of():
            yield from movements(self.case, of, wanted, self.hardware, generator=generator)

    def _floors(self) -> Iterator[Finding]:
        for of in self._of():
            yield from noise_floors(MeanSeries.of(of, self.case.panel, self.case.cut), self.case)

    def _of(self) -> tuple[Measure, ...]:
        main = measure_named(MAIN[self.case.panel.first.answers])
        return (main, LOSS) if self.case.panel.has_losses else (main,)

    def _against_permuted_gaps(
        self, found: Iterable[Finding], of: str, measures: Sequence[Measure]
    ) -> Iterator[Finding]:
        dealt = PermutedGroups.draw(of, self.case, generator=self.generator.spawn(1)[0])
        held = list(dealt.with_gaps(found))
        yield from held
        yield from dealt.floors(held) if NOISE_FLOOR in measures else ()

    def _against_permuted_risks(self, found: Iterable[Finding], measures: Sequence[Measure]) -> Iterator[Finding]:
        dealt = PermutedGroups.draw("loss", self.case, generator=self.generator.spawn(1)[0])
        held = list(dealt.with_violations(found))
        yield from held
        yield from dealt.floors(held) if NOISE_FLOOR in measures else ()

    def _means(self, of: str) -> Means:
        return Means.draw(of, self.case, replicates=self.replicates, generator=self.generator)


def _require_known(panel: Panel, acts_on_training: Mapping[str, bool], hardware: Sequence[str]) -> None:
    for variant in panel.variants[1:]:
        if variant not in acts_on_training:
            raise BadInput(
                f"variant '{variant}' is not in acts_on_training {sorted(acts_on_training)}; "
                "say whether it changes the training, as that decides what chance it is judged by."
            )
    for variant in hardware:
        if variant == REFERENCE or variant not in panel.variants:
            known = suggestion(variant, panel.variants[1:])
            raise BadInput(f"hardware profile '{variant}' is no variant of these runs.{known}")
