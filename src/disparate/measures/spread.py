"""Statistics over several devices or several groups that cannot be negative: fairness violation, hardware sensitivity.

A largest absolute difference is above zero by chance alone, so each is held against what chance makes of it. For what
acts on training, the null is the same statistic with other seeds of the reference in the place of the devices, and the
test that of devices which differ as seeds do; for what acts on the trained model, both come from bootstrap replicates
of the examples whose true differences are zero.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from disparate.findings import Finding, Null
from disparate.measures.frame import group_means
from disparate.measures.measure import Measure
from disparate.measures.risk import FAIRNESS_VIOLATION, fairness_violation
from disparate.measures.sensitivity import FORMS, HARDWARE_SENSITIVITY
from disparate.measures.series import MeanSeries, Place, replicated_means, with_clusters
from disparate.measures.statements import ONE_SEED, Case, differences, judged, with_level
from disparate.measures.table import measure_named
from disparate.predictions import REFERENCE, Predictions
from disparate.stats.bootstrap import Moments
from disparate.stats.nulls import REPEAT, SEEDS, TEST_SET, Statistic, another_seed, seed_noise
from disparate.stats.paired import estimate_from_replicates

Array = NDArray[np.float64]
HARDWARE = "hardware"
"""Name of the variant that stands for all hardware profiles together."""
DRAWN = 4000
"""How many statistics of pure noise are drawn: the smallest p-value is one in as many."""
ROUNDING = 1e-12
ABOVE_NOISE = "test: against devices that differ as seeds do"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Means:
    """Mean badness (loss, or error) of every group in every run, as observed and over replicates.

    Args:
        of: Name of the measure; of one whose higher values are better, such as ``"accuracy"``, 1 minus it.
        observed: Shape (runs, groups).
        repeated: Shape (repeats, groups).
        replicated: Shape (replicates, runs, groups).
    """

    of: str
    observed: Array
    repeated: Array
    replicated: Array

    @classmethod
    def draw(cls, of: str, case: Case, *, replicates: int, generator: np.random.Generator) -> "Means":
        """Return the means with a bootstrap over examples.

        Args:
            of: Name of a measure of kind ``mean``.
            case: The partition and the rules.
            replicates: Number of replicates.
            generator: Source of randomness.

        Returns:
            The means.
        """
        values = np.stack([_badness(of, item) for item in case.panel.runs])
        repeats = [_badness(of, item) for item in case.panel.repeats]
        weight = case.panel.first.mass
        means = [group_means(row, case.cut.groups, weight=weight) for row in (*values, *repeats)]
        return cls(
            of=of,
            observed=np.array(means[: len(values)]),
            repeated=np.array(means[len(values) :]).reshape(-1, len(case.cut.groups)),
            replicated=replicated_means(values, case.panel, case.cut, replicates=replicates, generator=generator),
        )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Spread:
    """One statistic over devices.

    Args:
        measure: The measure it is called by.
        variant: The variant its findings are about.
        devices: The variants it is taken over.
        statistic: From values of devices and of the reference to one value per place.
        places: What its values are about.
        where: What else places its findings.
    """

    measure: Measure
    variant: str
    devices: tuple[str, ...]
    statistic: Statistic
    places: Sequence[Place]
    where: dict[str, str]


def violations(case: Case, means: Means, *, generator: np.random.Generator) -> Iterator[Finding]:
    """Yield the fairness violation of every variant: the spread of its excessive risk over groups.

    Args:
        case: The partition and the rules.
        means: Mean losses.
        generator: Source of random subsets of seeds.

    Yields:
        Findings not yet corrected for their number.
    """
    for variant in case.panel.variants[1:]:
        spread = Spread(
            measure=FAIRNESS_VIOLATION,
            variant=variant,
            devices=(variant,),
            statistic=_violation_of_risk,
            places=[_whole(case)],
            where={},
        )
        yield from _findings(spread, case, means, case.trains(variant), generator)


def sensitivities(
    case: Case, means: Means, devices: tuple[str, ...], *, generator: np.random.Generator
) -> Iterator[Finding]:
    """Yield hardware sensitivity per group, its absmax and range forms, and the fairness violation over each.

    Args:
        case: The partition and the rules.
        means: Mean losses or errors.
        devices: Variants that are hardware profiles.
        generator: Source of random subsets of seeds.

    Yields:
        Findings of the variant ``"hardware"``, not yet corrected for their number.
    """
    trains = any(case.trains(device) for device in devices)
    sizes = case.cut.groups.sizes.tolist()
    places = [Place(group=case.cut.name(index), n=n, weakest=n) for index, n in enumerate(sizes)]
    groups = with_clusters(places, case.panel, case.cut)
    for form in ("absmax", "range"):
        where = {"form": form, "of": means.of}
        own = replace(HARDWARE_SENSITIVITY, unit=measure_named(means.of).unit)
        spread = Spread(
            measure=own, variant=HARDWARE, devices=devices, statistic=FORMS[form], places=groups, where=where
        )
        yield from _findings(spread, case, means, trains, generator)
        if case.cut.by is not None:
            over = replace(
                spread,
                measure=replace(FAIRNESS_VIOLATION, unit=own.unit),
                statistic=_violation_of(FORMS[form]),
                places=[_whole(case)],
                where={**where, "over": HARDWARE_SENSITIVITY.name},
            )
            yield from _findings(over, case, means, trains, generator)


def signed_sensitivities(of: str, case: Case, devices: tuple[str, ...]) -> Iterator[Finding]:
    """Yield the signed form, device by device: the paired difference of loss or error, positive is harm.

    Args:
        of: Name of a measure of kind ``mean``.
        case: The partition and the rules.
        devices: Variants that are hardware profiles.

    Yields:
        Findings not yet corrected for their number.
    """
    measure = replace(
        HARDWARE_SENSITIVITY, kind="mean", unit=measure_named(of).unit, function=lambda item: _badness(of, item)
    )
    series = MeanSeries.of(measure, case.panel, case.cut)
    for finding in differences(series, case):
        if finding.variant in devices:
            yield replace(finding, where={**(finding.where or {}), "form": "signed", "of": of})


def _findings(
    spread: Spread, case: Case, means: Means, trains: bool, generator: np.random.Generator
) -> Iterator[Finding]:
    seeds = case.panel.paired_seeds(*spread.devices)
    if not seeds:
        reason = "the hardware profiles share no seed with the reference"
        yield from (replace(_blank(spread, case, place, seeds), undefined=reason) for place in spread.places)
        return
    observed = spread.statistic(*_arranged(spread, case, means.observed, seeds))
    moments = Moments.around(observed)
    moments.add(spread.statistic(*_arranged(spread, case, means.replicated, seeds)))
    floors = _floors(spread, case, means, trains, generator)
    for index, place in enumerate(spread.places):
        base = _blank(spread, case, place, seeds)
        own = observed[:, index]
        if not np.isfinite(own).all():
            yield base
            continue
        replicates = len(means.replicated)
        covariance = moments.covariance(index, replicates=replicates)
        estimate = estimate_from_replicates(own, covariance, examples=place.independent)
        method = f"bootstrap of examples ({replicates} replicates), t"
        finding = with_level(base, estimate, place, spread.measure, case, method=method)
        nulls, p_value, text = floors.judge(estimate.value, index)
        nulls = [*_repeat_null(spread, case, means, index), *nulls]
        yield judged(finding, p_value, text, place, case, nulls=nulls)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class SeedFloor:
    """What another seed gives in the place of the devices.

    Args:
        floor: The statistic with other seeds of the reference as devices, shape (places,); None with too few seeds.
        noise: The statistic where devices differ as seeds do, shape (times, places); None with one seed.
    """

    floor: Array | None = None
    noise: Array | None = None

    def judge(self, value: float, index: int) -> tuple[list[Null], float | None, str]:
        """Return null, p-value and how they were found, for a value at a place."""
        if self.noise is None:
            return [], None, ONE_SEED
        chance = self.noise[np.isfinite(self.noise[:, index]), index]
        if not len(chance):
            return [], None, "no test: the seeds show no spread to judge by"
        null = float(chance.mean()) if self.floor is None else float(self.floor[index])
        return [Null(name=SEEDS, value=null)], _share_above(chance, value), ABOVE_NOISE


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ExamplesFloor:
    """What the test set alone gives where nothing truly differs.

    Args:
        centred: The statistic over replicates without a true difference, mean over seeds, shape (replicates, places).
    """

    centred: Array

    def judge(self, value: float, index: int) -> tuple[list[Null], float | None, str]:
        """Return null, p-value and how they were found, for a value at a place."""
        chance = self.centred[np.isfinite(self.centred[:, index]), index]
        null = Null(name=TEST_SET, value=float(chance.mean()))
        return [null], _share_above(chance, value), "test: replicates without a true difference"


def _floors(
    spread: Spread, case: Case, means: Means, trains: bool, generator: np.random.Generator
) -> "SeedFloor | ExamplesFloor":
    seeds = case.panel.paired_seeds(*spread.devices)
    if not trains:
        centred = spread.statistic(*_arranged(spread, case, means.replicated - means.observed, seeds))
        return ExamplesFloor(centred=centred.mean(axis=1))
    if len(seeds) < 2:
        return SeedFloor()
    devices, reference = _arranged(spread, case, means.observed, seeds)
    runs = np.concatenate([reference[:, None], devices], axis=1)
    noise = seed_noise(runs, spread.statistic, times=DRAWN, generator=generator)
    if len(case.panel.seeds()) <= len(spread.devices):
        return SeedFloor(noise=noise)
    by_seed = case.panel.levels(REFERENCE) @ means.observed
    floor = another_seed(by_seed, spread.statistic, devices=len(spread.devices), generator=generator)
    return SeedFloor(floor=floor.mean(axis=0), noise=noise)


def _share_above(chance: Array, value: float) -> float:
    return float((1 + (chance >= value - ROUNDING).sum()) / (1 + len(chance)))


def _arranged(spread: Spread, case: Case, means: Array, seeds: tuple[int, ...]) -> tuple[Array, Array]:
    """Return means of devices, (..., seeds, devices, groups), and of the reference, (..., seeds, groups)."""
    devices = np.stack([case.panel.levels(device, seeds) @ means for device in spread.devices], axis=-2)
    return devices, case.panel.levels(REFERENCE, seeds) @ means


def _repeat_null(spread: Spread, case: Case, means: Means, index: int) -> list[Null]:
    by_run: dict[int, list[int]] = {}
    for again, first in case.panel.repeated():
        by_run.setdefault(first, []).append(again)
    values = [spread.statistic(means.repeated[again], means.observed[first])[index] for first, again in by_run.items()]
    return [Null(name=REPEAT, value=float(np.mean(values)))] if values else []


def _blank(spread: Spread, case: Case, place: Place, seeds: tuple[int, ...]) -> Finding:
    base = case.blank_difference(spread.measure, place, spread.devices[0])
    axis = "both" if len(seeds) > 1 else "examples"
    return replace(base, variant=spread.variant, where=case.cut.where(axis=axis, **spread.where), seeds=len(seeds))


def _badness(of: str, predictions: Predictions) -> Array:
    measure = measure_named(of)
    values = measure.function(predictions)
    return 1.0 - values if measure.higher_is_better else values


def _whole(case: Case) -> Place:
    place = Place(group=None, n=int(case.cut.groups.sizes.sum()), weakest=case.cut.weakest)
    return with_clusters([place], case.panel, case.cut)[0]


def _violation_of_risk(devices: Array, reference: Array) -> Array:
    return fairness_violation((devices - reference[..., None, :])[..., 0, :])[..., None]


def _violation_of(form: Statistic) -> Statistic:
    def statistic(devices: Array, reference: Array) -> Array:
        return fairness_violation(form(devices, reference))[..., None]

    return statistic
