"""A measure of every run, with what chance makes of it: means of examples, or functions of counts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from disparate.findings import Null
from disparate.measures.counts import Counts
from disparate.measures.disparity import classes_skipped, largest
from disparate.measures.frame import group_counts, group_means
from disparate.measures.measure import Measure
from disparate.measures.panel import Cut, Panel, units_of
from disparate.stats.bootstrap import Moments, replicated_counts, replicated_sums
from disparate.stats.nulls import binomial_null, flip_floor
from disparate.stats.paired import PairedEstimate, estimate_from_replicates, paired_mean

Array = NDArray[np.float64]
OF_RIGHT_ANSWERS = frozenset({"accuracy", "subset_accuracy"})
"""Means of right (1) and wrong (0) answers: what a finite test set makes of them is binomial."""
ROUNDING = 1e-12
"""A variance below this share of what it was computed from is rounding."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """What one number is about.

    Args:
        group: Name of the group; None for the whole.
        label: Name of the class; None where it is about none.
        n: Number of examples behind it.
        weakest: Size of the smallest part it rests on.
        clusters: Number of clusters behind it, which is what is independent; None where every example is.
        note: What else has to be said, for the method.
    """

    group: str | None
    label: str | None = None
    n: int
    weakest: int
    clusters: int | None = None
    note: str = ""

    @property
    def independent(self) -> int:
        """Number of independent units behind the number."""
        return self.n if self.clusters is None else min(self.n, self.clusters)


class Series(Protocol):
    """A measure over all runs of a panel, at several places."""

    @property
    def measure(self) -> Measure:
        """The measure."""
        ...

    @property
    def places(self) -> Sequence[Place]:
        """What the numbers are about."""
        ...

    @property
    def observed(self) -> Array:
        """Values of the runs, shape (runs, places); NaN where undefined."""
        ...

    @property
    def repeated(self) -> Array:
        """Values of the repeats, shape (repeats, places)."""
        ...

    @property
    def method(self) -> str:
        """How chance over examples is found."""
        ...

    def estimate(self, operator: Array, place: int) -> PairedEstimate:
        """Return the estimate of a linear combination of runs, shape (seeds, runs), at a place."""
        ...

    def test_set_null(self, operator: Array, place: int, *, trains: bool) -> Null | None:
        """Return the N4 floor of a difference; None where there is none for the measure."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class MeanSeries:
    """A measure that is a mean over examples, or the root of one.

    Args:
        measure: The measure, of kind ``mean`` or ``root_mean``.
        panel: The runs.
        cut: The partition.
        values: Value of every example in every run, shape (runs, examples).
        observed: Group means of the runs, shape (runs, groups).
        repeated: Group means of the repeats, shape (repeats, groups).
    """

    measure: Measure
    panel: Panel
    cut: Cut
    values: Array
    observed: Array
    repeated: Array
    method: str = "t"

    @classmethod
    def of(cls, measure: Measure, panel: Panel, cut: Cut) -> "MeanSeries":
        """Return the series of a measure."""
        values = np.stack([measure.function(item) for item in panel.runs])
        means = np.stack([_means(row, panel, cut) for row in values])
        repeated = _rows([_means(measure.function(item), panel, cut) for item in panel.repeats], len(cut.groups))
        if measure.kind == "root_mean":
            values, means, repeated = _rooted(values, means, cut), np.sqrt(means), np.sqrt(repeated)
        return cls(measure=measure, panel=panel, cut=cut, values=values, observed=means, repeated=repeated)

    @property
    def places(self) -> list[Place]:
        """One place per group."""
        sizes = self.cut.groups.sizes.tolist()
        return [Place(group=self.cut.name(place), n=n, weakest=n) for place, n in enumerate(sizes)]

    def estimate(self, operator: Array, place: int) -> PairedEstimate:
        """Return the estimate over the examples of a group."""
        rows = self.cut.rows(place)
        return estimate_of(self._combined(operator, place), self.panel, rows)

    def test_set_null(self, operator: Array, place: int, *, trains: bool) -> Null | None:
        """Return √(err / n) of the reference for another training, and the noise of the flips for the same one."""
        if not trains:
            return flip_floor(self._combined(operator, place), multiplicity=self._multiplicity(place))
        if self.measure.name not in OF_RIGHT_ANSWERS:
            return None
        values = self._combined(np.where(operator < 0, -operator, 0.0), place)
        share = np.average(values.mean(axis=0), weights=self._multiplicity(place))
        return binomial_null(float(np.clip(1 - share, 0, 1)), int(self.cut.groups.sizes[place]))

    def moved(self, operator: Array, place: int) -> tuple[float, float]:
        """Return how far the values of a group fall, and how far they rise, each as a mean over its examples."""
        values = self._combined(operator, place)
        mass = None if self.panel.first.mass is None else self.panel.first.mass[self.cut.rows(place)]
        down, up = (np.maximum(sign * values, 0.0).mean(axis=0) for sign in (-1, 1))
        return float(np.average(down, weights=mass)), float(np.average(up, weights=mass))

    def _multiplicity(self, place: int) -> NDArray[np.int64] | None:
        alike = self.panel.first.multiplicity
        return None if alike is None else alike[self.cut.rows(place)]

    def _combined(self, operator: Array, place: int) -> Array:
        return self._per_seed(operator, self.cut.rows(place))

    def _per_seed(self, operator: Array, rows: NDArray[np.intp]) -> Array:
        used = np.flatnonzero(operator.any(axis=0))
        return operator[:, used] @ self.values[np.ix_(used, rows)]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class DrawnSeries:
    """A measure that is a function of counts or of group means, with its bootstrap over examples.

    Args:
        measure: The measure.
        places: What the numbers are about.
        observed: Values of the runs, shape (runs, places).
        repeated: Values of the repeats, shape (repeats, places).
        moments: What the replicates gave.
        replicates: Number of replicates.
        drawn: What the replicates are of.
    """

    measure: Measure
    places: Sequence[Place]
    observed: Array
    repeated: Array
    moments: Moments
    replicates: int
    drawn: str

    @property
    def method(self) -> str:
        """How chance over examples is found."""
        return f"bootstrap of {self.drawn} ({self.replicates} replicates), t"

    def estimate(self, operator: Array, place: int) -> PairedEstimate:
        """Return the estimate from values and replicates."""
        used = np.flatnonzero(operator.any(axis=0))
        weights = operator[:, used]
        covariance = self.moments.covariance(place, replicates=self.replicates)
        if covariance is not None:
            covariance = _combined(weights, covariance[np.ix_(used, used)])
        return estimate_from_replicates(
            weights @ self.observed[used, place], covariance, examples=self.places[place].independent
        )

    def test_set_null(self, operator: Array, place: int, *, trains: bool) -> Null | None:
        """Return None: there is no formula for a function of counts."""
        del operator, place, trains
        return None


def count_series(
    measures: Sequence[Measure], panel: Panel, cut: Cut, *, replicates: int, generator: np.random.Generator
) -> list[DrawnSeries]:
    """Return the series of measures of counts; one draw of examples serves them all.

    Args:
        measures: Measures of kinds ``rate``, ``class_rate``, ``disparity`` and ``against_reference``.
        panel: The runs.
        cut: The partition.
        replicates: Number of bootstrap replicates.
        generator: Source of randomness.

    Returns:
        One series per measure.
    """
    if not measures:
        return []
    observed = np.stack([group_counts(item, cut.groups) for item in panel.runs])
    repeated = _rows([group_counts(item, cut.groups) for item in panel.repeats], *observed.shape[1:])
    values = [evaluate(measure, observed, cut) for measure in measures]
    moments = [Moments.around(value) for value in values]
    for counts in _replicated(panel, cut, replicates, generator):
        for measure, moment in zip(measures, moments, strict=True):
            moment.add(evaluate(measure, counts, cut))
    return [
        DrawnSeries(
            measure=measure,
            places=with_clusters(places_of(measure, observed, panel, cut), panel, cut),
            observed=value,
            repeated=evaluate(measure, repeated, cut),
            moments=moment,
            replicates=replicates,
            drawn="counts",
        )
        for measure, value, moment in zip(measures, values, moments, strict=True)
    ]


def gap_series(
    measures: Sequence[Measure], panel: Panel, cut: Cut, *, replicates: int, generator: np.random.Generator
) -> list[DrawnSeries]:
    """Return the series of measures that compare group means; one draw of examples serves all of one mean.

    Args:
        measures: Measures of kind ``mean_disparity``.
        panel: The runs.
        cut: The partition.
        replicates: Number of bootstrap replicates.
        generator: Source of randomness.

    Returns:
        One series per measure.
    """
    whole = Place(group=None, n=int(cut.groups.sizes.sum()), weakest=cut.weakest)
    found: list[DrawnSeries] = []
    for base in dict.fromkeys(measure.base for measure in measures if measure.base is not None):
        means = MeanSeries.of(base, panel, cut)
        drawn = replicated_means(means.values, panel, cut, replicates=replicates, generator=generator)
        for measure in (item for item in measures if item.base == base):
            observed = measure.function(means.observed)[:, None]
            moments = Moments.around(observed)
            moments.add(measure.function(drawn)[..., None])
            found.append(
                DrawnSeries(
                    measure=measure,
                    places=with_clusters([whole], panel, cut),
                    observed=observed,
                    repeated=measure.function(means.repeated)[:, None],
                    moments=moments,
                    replicates=replicates,
                    drawn="examples",
                )
            )
    return found


def replicated_means(
    values: Array, panel: Panel, cut: Cut, *, replicates: int, generator: np.random.Generator
) -> Array:
    """Return group means over bootstrap replicates of the examples.

    Args:
        values: Value of every example in every run, shape (runs, examples).
        panel: The runs.
        cut: The partition.
        replicates: Number of replicates.
        generator: Source of randomness.

    Returns:
        Shape (replicates, runs, groups); NaN for a group that a replicate did not draw.
    """
    runs, groups = len(values), len(cut.groups)
    ones = np.ones(values.shape[1]) if panel.first.weight is None else panel.first.weight
    bins = cut.groups.codes + np.arange(runs + 1)[:, None] * groups
    chunks = replicated_sums(
        bins,
        np.concatenate([values * ones, ones[None]]),
        units_of(panel, None),
        n_bins=(runs + 1) * groups,
        replicates=replicates,
        generator=generator,
    )
    sums = np.concatenate(list(chunks)).reshape(replicates, runs + 1, groups)
    size = sums[:, -1:]
    return np.divide(sums[:, :-1], size, out=np.full((replicates, runs, groups), np.nan), where=size > 0)


def with_clusters(places: Sequence[Place], panel: Panel, cut: Cut) -> list[Place]:
    """Return places that know how many clusters (persons, near-identical images) they rest on.

    Args:
        places: The places.
        panel: The runs.
        cut: The partition.

    Returns:
        The places; as they are where examples belong to no cluster.
    """
    clusters = panel.first.cluster_id
    if clusters is None:
        return list(places)
    found = {cut.name(group): len(np.unique(clusters[cut.rows(group)])) for group in range(len(cut.groups))}
    found.setdefault(None, len(np.unique(clusters)))
    return [replace(place, clusters=found[place.group]) for place in places]


def evaluate(measure: Measure, counts: Counts, cut: Cut) -> Array:
    """Return a measure at all its places, from counts (..., G, K, K).

    Args:
        measure: A measure of counts.
        counts: Counts per group; leading axes are kept.
        cut: The partition.

    Returns:
        Shape (..., places): groups; groups × classes; the whole; or groups and the largest of them.
    """
    if measure.kind == "against_reference":
        values = measure.function(counts, cut.reference)
        return np.concatenate([values, largest(values)[..., None]], axis=-1)
    values = measure.function(counts)
    if measure.kind == "class_rate":
        return values.reshape(*values.shape[:-2], values.shape[-2] * values.shape[-1])
    return values[..., None] if measure.kind == "disparity" else values


def estimate_of(values: Array, panel: Panel, rows: NDArray[np.intp]) -> PairedEstimate:
    """Return the estimate of values (seeds, examples of a group), with the panel's clusters and weights."""
    first = panel.first
    clusters = None if first.cluster_id is None else np.unique(first.cluster_id[rows], return_inverse=True)[1]
    return paired_mean(
        values,
        clusters=clusters,
        weight=None if first.weight is None else first.weight[rows],
        multiplicity=None if first.multiplicity is None else first.multiplicity[rows],
    )


def _replicated(panel: Panel, cut: Cut, replicates: int, generator: np.random.Generator) -> Iterator[Counts]:
    first = panel.first
    answers = [item.predicted for item in panel.runs]
    return replicated_counts(
        first.target,
        np.stack(answers),
        cut.groups.codes,
        units_of(panel, [cut.groups.codes, first.target, *answers]),
        shape=(len(cut.groups), len(first.label_names)),
        replicates=replicates,
        generator=generator,
        weight=first.weight,
    )


def places_of(measure: Measure, counts: Counts, panel: Panel, cut: Cut) -> list[Place]:
    """Return what the values of a measure of counts are about, in the order of :func:`evaluate`.

    Args:
        measure: The measure.
        counts: Counts of the runs, shape (runs, G, K, K).
        panel: The runs.
        cut: The partition.

    Returns:
        The places.
    """
    sizes = cut.groups.sizes.tolist()
    whole = Place(group=None, n=sum(sizes), weakest=cut.weakest)
    if measure.kind == "disparity":
        return [whole]
    if measure.kind == "against_reference":
        return _against_places(counts, cut, sizes)
    if measure.kind == "rate":
        return [Place(group=cut.name(place), n=n, weakest=n) for place, n in enumerate(sizes)]
    labels = panel.first.label_names
    support = _support(measure, panel, cut)
    return [
        Place(group=cut.name(group), label=label, n=support[group][place], weakest=support[group][place])
        for group in range(len(sizes))
        for place, label in enumerate(labels)
    ]


def _against_places(counts: Counts, cut: Cut, sizes: list[int]) -> list[Place]:
    skipped = classes_skipped(counts[0], cut.reference).tolist()
    reference = sizes[cut.reference]
    against = f"against '{cut.groups.reference}'"
    groups = [
        Place(group=name, n=n, weakest=min(n, reference), note=against + _skipping(skip))
        for name, n, skip in zip(cut.groups.names, sizes, skipped, strict=True)
    ]
    note = f"the largest over groups {against}{_skipping(max(skipped))}"
    return [*groups, Place(group=None, n=sum(sizes), weakest=cut.weakest, note=note)]


def _skipping(classes: int) -> str:
    return f", {classes} absent classes skipped" if classes else ""


def _support(measure: Measure, panel: Panel, cut: Cut) -> list[list[int]]:
    counts = np.stack([group_counts(replace(item, weight=None), cut.groups) for item in panel.runs])
    if measure.support is None:
        sizes = cut.groups.sizes[:, None]
        return np.broadcast_to(sizes, counts.shape[1:3]).tolist()
    return measure.support(counts).min(axis=0).astype(int).tolist()


def _combined(weights: Array, covariance: Array) -> Array:
    combined = weights @ covariance @ weights.T
    scale = float((np.abs(weights) @ np.diag(covariance)).max())
    return np.where(np.abs(combined) <= ROUNDING * scale, 0.0, combined)


def _rooted(values: Array, means: Array, cut: Cut) -> Array:
    """Return values whose mean over a group is the root of its mean, and whose spread is that root's (delta method)."""
    root, mean = np.sqrt(means)[:, cut.groups.codes], means[:, cut.groups.codes]
    return root + np.divide(values - mean, 2 * root, out=np.zeros_like(values), where=root > 0)


def _means(values: Array, panel: Panel, cut: Cut) -> Array:
    return group_means(values, cut.groups, weight=panel.first.mass)


def _rows(rows: list[Array], *shape: int) -> Array:
    return np.stack(rows) if rows else np.empty((0, *shape))
