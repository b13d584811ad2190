"""Comparing: every two trials on every aim, paired by example and by seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from disparate.errors import BadInput, suggestion
from disparate.measures.assess import MIN_COUNT
from disparate.measures.measure import Measure
from disparate.measures.pairings import Pairing
from disparate.measures.panel import Cut, Panel, cuts_of
from disparate.measures.series import MeanSeries, Place, Series, count_series, estimate_of, gap_series
from disparate.measures.statements import Case
from disparate.measures.table import measure_named
from disparate.predictions import REFERENCE, Predictions
from disparate.search.aims import Aim
from disparate.search.front import Told
from disparate.stats.multiplicity import benjamini_hochberg
from disparate.stats.nulls import repeat_floor
from disparate.stats.paired import Axis, PairedEstimate

Array = NDArray[np.float64]


class Ruler(Protocol):
    """One aim, held against the trials of a panel."""

    @property
    def place(self) -> Place:
        """What the number is about."""
        ...

    @property
    def floor(self) -> float:
        """How far the number moves when the same computation is repeated."""
        ...

    def value(self, variant: str) -> float:
        """Return the number of a trial, the mean over its seeds; NaN where it is undefined."""
        ...

    def between(self, first: str, second: str) -> PairedEstimate:
        """Return the first trial's number minus the second's, over the seeds both have."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class OfSeries:
    """A level or a disparity.

    Args:
        series: The measure over all runs.
        index: Which of its places.
        panel: The runs.
    """

    series: Series
    index: int
    panel: Panel

    @property
    def place(self) -> Place:
        """What the number is about."""
        return self.series.places[self.index]

    @property
    def floor(self) -> float:
        """How far the number moves when the same computation is repeated."""
        observed, repeated = self.series.observed[:, self.index], self.series.repeated[:, self.index]
        moved = np.array([repeated[again] - observed[first] for again, first in self.panel.repeated()])
        moved = moved[np.isfinite(moved)]
        return repeat_floor(moved).value if moved.size else 0.0

    def value(self, variant: str) -> float:
        """Return the number of a trial, the mean over its seeds; NaN where it is undefined."""
        operator = self.panel.levels(variant)
        used = np.flatnonzero(operator.any(axis=0))
        return float((operator[:, used] @ self.series.observed[used, self.index]).mean())

    def between(self, first: str, second: str) -> PairedEstimate:
        """Return the first trial's number minus the second's, over the seeds both have."""
        seeds = self.panel.paired_seeds(first, second)
        operator = self.panel.levels(first, seeds) - self.panel.levels(second, seeds)
        return self.series.estimate(operator, self.index)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class OfPairing:
    """A measure that compares with the reference, example by example; the reference has 0.

    Args:
        pairing: The measure with its floors.
        index: Which group.
        values: Value of every example by trial, shape (seeds, examples).
    """

    pairing: Pairing
    index: int
    values: Mapping[str, Array]

    @classmethod
    def of(cls, measure: Measure, case: Case, index: int) -> "OfPairing":
        """Return the ruler of a measure."""
        pairing = Pairing.of(measure, case)
        values = {variant: pairing.values(variant) for variant in case.panel.variants[1:]}
        shape = len(case.panel.seeds()), len(case.panel.first)
        return cls(pairing=pairing, index=index, values={REFERENCE: np.zeros(shape), **values})

    @property
    def place(self) -> Place:
        """What the number is about."""
        n = int(self._case.cut.groups.sizes[self.index])
        return Place(group=self._case.cut.name(self.index), n=n, weakest=n)

    @property
    def floor(self) -> float:
        """How far the number moves when the same computation is repeated."""
        moved = self.pairing.repeat_means[:, self.index]
        return float(np.abs(moved).mean()) if moved.size else 0.0

    def value(self, variant: str) -> float:
        """Return the number of a trial, the mean over its seeds; NaN where it is undefined."""
        values = self.values[variant][:, self._rows]
        return estimate_of(values, self._case.panel, self._rows).value if values.size else float("nan")

    def between(self, first: str, second: str) -> PairedEstimate:
        """Return the first trial's number minus the second's, over the seeds both have."""
        panel = self._case.panel
        seeds = panel.paired_seeds(first, second)
        one, other = (
            self.values[name][[panel.paired_seeds(name).index(seed) for seed in seeds]] for name in (first, second)
        )
        return estimate_of((one - other)[:, self._rows], panel, self._rows)

    @property
    def _case(self) -> Case:
        return self.pairing.case

    @property
    def _rows(self) -> NDArray[np.intp]:
        return self._case.cut.rows(self.index)


def rulers(
    aims: Sequence[Aim],
    runs: Sequence[Predictions],
    *,
    reference_groups: Mapping[str, str],
    replicates: int,
    generator: np.random.Generator,
) -> tuple[Ruler, ...]:
    """Return a ruler for every aim.

    Args:
        aims: The aims.
        runs: Runs of the reference and of the trials over the same examples.
        reference_groups: Partition to the name of its reference group.
        replicates: Bootstrap replicates for measures that are no means.
        generator: Source of randomness.

    Returns:
        One per aim.

    Raises:
        BadInput: An aim is about a group, a class or a whole that its measure has no number for.
    """
    panel = Panel.of(runs)
    named = {aim.by for aim in aims if aim.by is not None}
    reference = {by: group for by, group in reference_groups.items() if by in named}
    cuts = {cut.by: cut for cut in cuts_of(panel, sorted(named), reference)}
    return tuple(_ruler(aim, panel, cuts[aim.by], replicates, generator.spawn(1)[0]) for aim in aims)


def _ruler(aim: Aim, panel: Panel, cut: Cut, replicates: int, generator: np.random.Generator) -> Ruler:
    measure = measure_named(aim.measure)
    if measure.kind == "pairwise":
        acts = dict.fromkeys(panel.variants[1:], True)
        case = Case(panel=panel, cut=cut, level=0.95, min_count=MIN_COUNT, acts_on_training=acts)
        return OfPairing.of(measure, case, _index(aim, [(cut.name(place), None) for place in range(len(cut.groups))]))
    if measure.kind == "mean":
        series: Series = MeanSeries.of(measure, panel, cut)
    else:
        make = gap_series if measure.kind == "mean_disparity" else count_series
        series = make([measure], panel, cut, replicates=replicates, generator=generator)[0]
    return OfSeries(series=series, index=_index(aim, [(one.group, one.label) for one in series.places]), panel=panel)


def _index(aim: Aim, places: Sequence[tuple[str | None, str | None]]) -> int:
    if (aim.group, aim.label) in places:
        return places.index((aim.group, aim.label))
    for key, place in (("group", 0), ("label", 1)):
        known = dict.fromkeys(str(one[place]) for one in places if one[place] is not None)
        asked = getattr(aim, key)
        if known and asked not in known:
            found = "none is named" if asked is None else f"there is no {key} '{asked}'"
            hint = suggestion(str(asked), known)
            raise BadInput(f"aim '{aim.text}': {aim.measure} has a number for every {key}, and {found}.{hint}")
    raise BadInput(f"aim '{aim.text}': {aim.measure} has no number for it; leave group and label out.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """Two trials on one aim.

    Args:
        aim: The aim, as it was written.
        first: Name of a trial, or of the reference.
        second: Name of another.
        value: The first one's number minus the second's.
        low: Lower end of its interval; None without one.
        high: Upper end.
        p_value: Two-sided; None without a test.
        adjusted: The same, corrected for the number of pairs of this aim.
        better: Name of the one that is distinguishably better; None where they cannot be told apart.
    """

    aim: str
    first: str
    second: str
    value: float
    low: float | None
    high: float | None
    p_value: float | None
    adjusted: float | None = None
    better: str | None = None


def compared(
    aim: Aim, ruler: Ruler, names: Sequence[str], *, weights: Mapping[str, object], level: float
) -> tuple[Pair, ...]:
    """Return every two trials on one aim, corrected for the number of pairs (Benjamini–Hochberg at 1 − level).

    Trials whose weights come from different trainings are judged over seeds, trials on the same weights over seeds and
    examples, as everywhere (design/deciding.md). Distinguishable is what is significant after correction and larger
    than what a repeat of the same computation moves.

    Args:
        aim: The aim.
        ruler: Its ruler.
        names: Trials and reference with a defined number.
        weights: Where each one's weights come from.
        level: Level of intervals.

    Returns:
        One per pair, in the order of the names.
    """
    pairs = [
        _pair(aim, ruler, first, second, trains=weights[first] != weights[second], level=level)
        for first, second in combinations(names, 2)
    ]
    tested = [place for place, pair in enumerate(pairs) if pair.p_value is not None]
    adjusted = benjamini_hochberg(np.array([pairs[place].p_value for place in tested], dtype=np.float64))
    found = dict(zip(tested, adjusted.tolist(), strict=True))
    return tuple(_decided(pair, found.get(place), aim, ruler.floor, level) for place, pair in enumerate(pairs))


def told(pairs: Sequence[Pair], aims: Sequence[Aim], names: Sequence[str]) -> Told:
    """Return what can be told of every two points, by aim.

    Args:
        pairs: All pairs.
        aims: The aims, in order.
        names: The points, in order; one without pairs cannot be told from any other.

    Returns:
        Shape (aims, points, points).
    """
    rows, places = {aim.text: row for row, aim in enumerate(aims)}, {name: place for place, name in enumerate(names)}
    found = np.zeros((len(aims), len(names), len(names)), dtype=np.int8)
    for pair in pairs:
        if pair.better is not None:
            worse = pair.second if pair.better == pair.first else pair.first
            found[rows[pair.aim], places[pair.better], places[worse]] = 1
            found[rows[pair.aim], places[worse], places[pair.better]] = -1
    return found


def _pair(aim: Aim, ruler: Ruler, first: str, second: str, *, trains: bool, level: float) -> Pair:
    estimate = ruler.between(first, second)
    axis: Axis | None = "seeds" if trains else estimate.widest
    enough = axis is not None and ruler.place.weakest >= MIN_COUNT
    interval = estimate.interval(axis, level=level) if axis is not None and enough else None
    return Pair(
        aim=aim.text,
        first=first,
        second=second,
        value=estimate.value,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        p_value=estimate.p_value(axis) if axis is not None and enough else None,
    )


def _decided(pair: Pair, adjusted: float | None, aim: Aim, floor: float, level: float) -> Pair:
    apart = adjusted is not None and adjusted <= 1 - level and abs(pair.value) > floor
    better = (pair.first if aim.sign * pair.value > 0 else pair.second) if apart else None
    return replace(pair, adjusted=adjusted, better=better)
