"""What moves a group's number between runs: the frame of the measures over devices × seeds × repeats."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from disparate.errors import NotEnoughData
from disparate.findings import Finding, Null
from disparate.measures.devices import Arranged, Devices
from disparate.measures.measure import Measure
from disparate.measures.series import Place
from disparate.measures.spread import HARDWARE
from disparate.measures.statements import Case
from disparate.stats.components import Layout, analysis_of_variance
from disparate.stats.intervals import Interval

Array = NDArray[np.float64]
SHOWN = "shown, not judged"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Movement:
    """The numbers of one group in all runs of a layout.

    Args:
        of: What they are means of: ``"accuracy"`` or ``"loss"``.
        values: Mean per run, shape (devices, seeds, 1).
        again: Mean per repeat of the reference, shape (computations, times); None where nothing was repeated.
        units: What independent examples add to the means, shape (devices, seeds, 1, columns).
        units_again: The same of the repeats, shape (computations, times, columns).
        n: Number of examples.
        trains: Whether the devices train, or only run what was trained.
        level: Level of intervals.
        generator: Source of randomness.
    """

    of: str
    values: Array
    again: Array | None
    units: Array
    units_again: Array | None
    n: int
    trains: bool
    level: float
    generator: np.random.Generator

    def layout(self) -> Layout:
        """Return the analysis of variance of the means.

        Raises:
            NotEnoughData: There are fewer than two devices or two seeds.
        """
        return analysis_of_variance(self.values, again=self.again)

    def test_set_layout(self) -> Layout:
        """Return the analysis of variance that independent examples alone would give.

        Raises:
            NotEnoughData: There are fewer than two devices or two seeds.
        """
        return analysis_of_variance(self.units, again=self.units_again)


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One number that a measure finds in a movement.

    Args:
        where: What else places it.
        value: The number; None where undefined.
        interval: Its interval.
        p_value: Its p-value.
        null: What it is under pure noise.
        method: How it was found.
        undefined: Why there is no value.
    """

    where: dict[str, str]
    value: float | None
    interval: Interval | None = None
    p_value: float | None = None
    null: Null | None = None
    method: str = ""
    undefined: str | None = None


def movements(
    case: Case, of: Measure, measures: Sequence[Measure], hardware: Sequence[str], *, generator: np.random.Generator
) -> Iterator[Finding]:
    """Yield what moves the mean of every group, of the variant ``"hardware"``.

    Args:
        case: The partition and the rules.
        of: The measure whose movement is taken apart, of kind ``mean``.
        measures: Measures of kind ``movement``.
        hardware: Variants that are hardware profiles.
        generator: Source of randomness.

    Yields:
        Findings; those with a p-value are not yet corrected for their number.
    """
    devices = Devices.of(case.panel, hardware)
    trains = any(case.trains(name) for name in hardware)
    arranged = devices.arranged(case.panel, of) if devices.seeds else None
    for index, n in enumerate(case.cut.groups.sizes.tolist()):
        place = Place(group=case.cut.name(index), n=n, weakest=n)
        movement = _movement(case, of, arranged, index, n, trains, generator) if arranged is not None and n else None
        for measure in measures:
            base = _blank(case, measure, of, place, devices)
            if movement is None:
                yield base if not n else replace(base, undefined=NO_SEED)
            else:
                yield from _findings(base, measure, movement, devices, case)


NO_SEED = "the hardware profiles share no seed with the reference"


def _movement(
    case: Case, of: Measure, arranged: Arranged, index: int, n: int, trains: bool, generator: np.random.Generator
) -> Movement:
    values, again = arranged.means(case.cut, index)
    units, units_again = arranged.units(case.cut, index)
    return Movement(
        of=of.name,
        values=values,
        again=again,
        units=units,
        units_again=units_again,
        n=n,
        trains=trains,
        level=case.level,
        generator=generator,
    )


def _blank(case: Case, measure: Measure, of: Measure, place: Place, devices: Devices) -> Finding:
    base = case.blank(measure, place, HARDWARE)
    unit = of.unit if measure.inherits_unit else measure.unit
    return replace(base, where=case.cut.where(of=of.name), seeds=len(devices.seeds), draws=None, unit=unit)


def _findings(base: Finding, measure: Measure, movement: Movement, devices: Devices, case: Case) -> Iterator[Finding]:
    try:
        parts: Sequence[Part] = measure.function(movement)
    except NotEnoughData as error:
        yield replace(base, undefined="; ".join([str(error).rstrip("."), *devices.notes]))
        return
    for part in parts:
        yield _finding(base, part, devices, case)


def _finding(base: Finding, part: Part, devices: Devices, case: Case) -> Finding:
    enough = (base.n or 0) >= case.min_count
    interval = part.interval if enough else None
    few = "" if enough else f"no interval: {base.n} examples, fewer than {case.min_count}"
    effect = None
    if part.null is not None and part.null.value > 0 and part.value is not None:
        effect = part.value / part.null.value
    judged = enough and part.p_value is not None
    return replace(
        base,
        where={**(base.where or {}), **part.where},
        value=part.value,
        undefined=part.undefined,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        level=case.level if interval else None,
        p_value=part.p_value if judged else None,
        null=part.null,
        effect_over_null=effect,
        method="; ".join(text for text in (part.method, few, *devices.notes, "" if judged else SHOWN) if text),
    )
