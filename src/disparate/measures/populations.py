"""Populations of models at the groups of partitions, and what disjoint populations of the reference alone give."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from disparate.findings import Finding, Null
from disparate.measures.exemplars import (
    EXEMPLAR_ACCURACY,
    MODAL_EXEMPLARS,
    MODAL_TIES,
    TAXICAB_DISTANCE,
    mean_among,
    modal_disagreement,
    taxicab_distance,
    ties,
)
from disparate.measures.measure import Measure
from disparate.measures.patterns import Members, Patterns
from disparate.measures.series import Place, estimate_of
from disparate.measures.statements import Case, with_level
from disparate.predictions import REFERENCE, Predictions
from disparate.stats.exchange import disjoint_pairs, halving
from disparate.stats.nulls import REPEAT, SEEDS
from disparate.stats.paired import PairedEstimate

Array = NDArray[np.float64]
ALONE = "one training is no population: at least 2 models on each side are needed"
NOT_JUDGED = "shown, not judged"
OF_DISTANCES = (MODAL_EXEMPLARS, TAXICAB_DISTANCE)
"""What is held against models dealt again."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Statistics:
    """What pairs of populations give at every place.

    Args:
        modal: Share of modal exemplars, shape (pairs, places).
        taxicab: Mean distance of the label distributions, shape (pairs, places).
        accuracy: Accuracy of the first population on the exemplars, shape (pairs, places); NaN without exemplars.
    """

    modal: Array
    taxicab: Array
    accuracy: Array

    def of(self, measure: Measure) -> Array:
        """Return the statistic that is a measure's."""
        if measure is EXEMPLAR_ACCURACY:
            return self.accuracy
        return self.modal if measure is MODAL_EXEMPLARS else self.taxicab

    def mean(self, measure: Measure, position: int) -> float | None:
        """Return the mean over pairs of a measure at a place; None where no pair has one."""
        values = self.of(measure)[:, position]
        seen = values[np.isfinite(values)]
        return float(seen.mean()) if seen.size else None


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Models:
    """Models over the same examples, and the places they are judged at.

    Args:
        cases: The partitions, everyone among them.
        patterns: How the models answered.
        mass: What every pattern counts at every place, shape (places, patterns).
    """

    cases: Sequence[Case]
    patterns: Patterns
    mass: Array

    @classmethod
    def of(cls, cases: Sequence[Case], models: Sequence[Sequence[Predictions]]) -> "Models":
        """Return models at the groups of all partitions."""
        patterns, mass = Patterns.of(models), cases[0].panel.first.mass
        found = [patterns.mass(case.cut.groups.codes, len(case.cut.groups), mass) for case in cases]
        return cls(cases=cases, patterns=patterns, mass=np.concatenate(found))

    @property
    def places(self) -> list[tuple[Case, int, Place]]:
        """Partition, index of the group and place, in the order of ``mass``."""
        return [
            (case, index, Place(group=case.cut.name(index), n=n, weakest=n))
            for case in self.cases
            for index, n in enumerate(case.cut.groups.sizes.tolist())
        ]

    @property
    def everyone(self) -> int:
        """Position of everyone among the places."""
        return [case.cut.by for case, _, _ in self.places].index(None)

    def statistics(self, own: Members, other: Members) -> Statistics:
        """Return what pairs of populations give.

        Args:
            own: First population of every pair: places of models, shape (pairs, size), or flags, shape (pairs, models).
            other: Second population of every pair.

        Returns:
            The statistics.
        """
        size = self.patterns.chunk
        parts = [
            self._statistics(own[start : start + size], other[start : start + size])
            for start in range(0, len(own), size)
        ]
        modal, taxicab, accuracy = (np.concatenate(part) for part in zip(*parts, strict=True))
        return Statistics(modal=modal, taxicab=taxicab, accuracy=accuracy)

    def _statistics(self, own: Members, other: Members) -> tuple[Array, Array, Array]:
        shares, others = self.patterns.shares(own), self.patterns.shares(other)
        modal = modal_disagreement(shares, others)
        right = self.patterns.accuracy(shares)
        return self.means(modal), self.means(taxicab_distance(shares, others)), mean_among(right, modal, self.mass)

    def means(self, values: Array) -> Array:
        """Return means over the places of a value per pattern, NaN where there is no example."""
        whole = self.mass.sum(axis=1)
        sums = values @ self.mass.T
        return np.divide(sums, whole, out=np.full(sums.shape, np.nan), where=whole > 0)

    def rows(self, values: Array, case: Case, index: int) -> Array:
        """Return a value per pattern for every example of a group, shape (examples of the group,)."""
        return values[self.patterns.pattern[case.cut.rows(index)]]

    def level(
        self, base: Finding, measure: Measure, values: Array, at: tuple[Case, int, Place], *, method: str
    ) -> Finding:
        """Return a finding with the mean of a value per pattern over a group, and its interval over examples.

        Args:
            base: The finding to be completed.
            measure: Its measure.
            values: Value per pattern.
            at: Partition, index of the group and place.
            method: How chance over examples is found.

        Returns:
            The finding.
        """
        case, _, place = at
        return with_level(base, self.estimate(values, at), place, measure, case, method=method)

    def estimate(self, values: Array, at: tuple[Case, int, Place]) -> PairedEstimate:
        """Return the mean of a value per pattern over a group, with its spread over examples."""
        case, index, _ = at
        return estimate_of(self.rows(values, case, index)[None], case.panel, case.cut.rows(index))

    def ties(self, members: NDArray[np.intp], variant: str, at: tuple[Case, int, Place]) -> Finding:
        """Return at how many examples of a group the modal label of a population ties.

        Args:
            members: Places of the population's models.
            variant: Name of the variant whose models they are.
            at: Partition, index of the group and place.

        Returns:
            The share, without an interval.
        """
        case, _, place = at
        base = case.blank(MODAL_TIES, place, variant)
        if not place.n or len(members) < 2:
            return replace(base, undefined=ALONE) if place.n else base
        values = ties(self.patterns.shares(members))
        return self.level(base, MODAL_TIES, values, at, method=f"of {len(members)} models; t")


def models_of(case: Case, variant: str) -> list[list[Predictions]]:
    """Return the models of a variant, one per seed; each is a run, or several draws of device noise."""
    panel = case.panel
    return [[panel.runs[row] for row in panel.rows(variant, seed)] for seed in panel.seeds(variant)]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Floors:
    """What disjoint populations of the reference give, and the reference against its repeats.

    Args:
        models: The reference's models, and behind them the repeats.
        own: Number of the reference's models.
        pairs: Size of two disjoint populations to the pairs there are of them.
        splits: Size to what they give.
        repeats: What the repeats give against what they repeat; None with fewer than two.
    """

    models: Models
    own: int
    pairs: dict[int, NDArray[np.intp]]
    splits: dict[int, Statistics]
    repeats: Statistics | None

    @classmethod
    def of(cls, cases: Sequence[Case], generator: np.random.Generator) -> "Floors":
        """Return the floors of a panel; none of disjoint populations where the reference is a single model."""
        panel, reference = cases[0].panel, models_of(cases[0], REFERENCE)
        own = len(reference)
        repeated = {panel.runs[first].run.seed: panel.repeats[again] for again, first in reversed(panel.repeated())}
        models = Models.of(cases, [*reference, *([again] for again in repeated.values())])
        pairs = {size: disjoint_pairs(own, size, generator=generator) for size in halving(own)}
        first = np.array([[panel.seeds().index(seed) for seed in repeated]], dtype=np.intp)
        again = own + np.arange(len(repeated), dtype=np.intp)[None]
        return cls(
            models=models,
            own=own,
            pairs=pairs,
            splits={size: models.statistics(pair[:, 0], pair[:, 1]) for size, pair in pairs.items()},
            repeats=models.statistics(first, again) if len(repeated) > 1 else None,
        )

    @property
    def size(self) -> int:
        """Size of the largest two disjoint populations: half of the reference's models."""
        return max(self.pairs)

    def findings(self, measures: Sequence[Measure]) -> Iterator[Finding]:
        """Yield the floors of every measure at every place, and how often the modal label of the reference ties."""
        for position, at in enumerate(self.models.places):
            case, _, place = at
            if MODAL_TIES in measures:
                yield self.models.ties(np.arange(self.own), REFERENCE, at)
            for measure in (item for item in measures if item is not MODAL_TIES and place.n):
                yield from self._of(measure, case, place, position)
            if EXEMPLAR_ACCURACY in measures and place.n and self.own > 1:
                yield self._everyone(at)

    def repeat_null(self, measure: Measure, position: int) -> list[Null]:
        """Return N1 of a measure at a place, where the reference was repeated under at least two seeds."""
        value = None if self.repeats is None else self.repeats.mean(measure, position)
        return [] if value is None else [Null(name=REPEAT, value=value)]

    def _of(self, measure: Measure, case: Case, place: Place, position: int) -> Iterator[Finding]:
        base = replace(case.blank(measure, place, REFERENCE), reference=REFERENCE)
        for size, found in self.splits.items():
            where = case.cut.where(floor=SEEDS, models=size)
            yield stated(replace(base, where=where), found.mean(measure, position), self._split(size), case)
        if self.repeats is not None:
            value = self.repeats.mean(measure, position)
            where = case.cut.where(floor=REPEAT)
            yield stated(replace(base, where=where), value, "the reference against its repeats", case)

    def _split(self, size: int) -> str:
        left = self.own - 2 * size
        out = f", {left} of {self.own} models left out of each pair" if left else ""
        return f"mean over {len(self.pairs[size])} pairs of disjoint populations{out}"

    def _everyone(self, at: tuple[Case, int, Place]) -> Finding:
        case, _, place = at
        right = self.models.patterns.accuracy(self.models.patterns.shares(np.arange(self.own)))
        base = replace(case.blank(EXEMPLAR_ACCURACY, place, REFERENCE), where=case.cut.where(of="everyone"))
        return self.models.level(base, EXEMPLAR_ACCURACY, right, at, method=f"{NOT_JUDGED}; t")


def stated(base: Finding, value: float | None, method: str, case: Case) -> Finding:
    """Return a finding with a value that is shown without an interval; as it is where there is no value."""
    few = "" if base.n is None or base.n >= case.min_count else f"; {base.n} examples, fewer than {case.min_count}"
    return base if value is None else replace(base, value=value, undefined=None, method=f"{method}; {NOT_JUDGED}{few}")
