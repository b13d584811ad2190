"""How much of a group's movement is the device, how much the seed, how much a repeat, how much the test set.

The model is that of :mod:`disparate.stats.components`: a number per run in a layout devices × seeds. The reference is
one of the devices, and its repeats give the variance of a repeat. What a component is called in ``where``:

| ``component`` | what moves |
| --- | --- |
| ``device`` | what a device does to every seed alike |
| ``mixed`` | what a device does to one seed and not to another: device × seed |
| ``seed`` | what a seed does on every device alike |
| ``repeat`` | what running the same again does |
| ``all`` | all of it: one run under a random device and seed |
| ``test set`` | what of ``all`` the finite test set makes, see :mod:`disparate.stats.contributions` |
"""

import math

from disparate.measures.measure import POSITIVE, SHARE, Measure
from disparate.measures.movement import Movement, Part
from disparate.stats.component_intervals import Ratio, component_intervals, device_over_repeat, device_over_seed
from disparate.stats.components import components_of, device_label_p

PERMUTATIONS = 4000
DRAWS = 4000
NEVER_REPEATED = "the reference was never repeated"
DETERMINISTIC = "deterministic: the reference, run again, gives the same"
STILL = "no run differs from another"


def run_sds(movement: Movement) -> list[Part]:
    """Return the standard deviation of one run's number by what moves it, √ of each variance component.

    A variance estimated below zero is 0: nothing is there that the other parts do not explain. Undefined with fewer
    than two devices or two seeds; the component ``repeat`` where the reference was never repeated.

    Args:
        movement: The numbers of a group.

    Returns:
        The components of the table above, in its order.

    Raises:
        NotEnoughData: There are fewer than two devices or two seeds.
    """
    layout = movement.layout()
    found = components_of(layout)
    ends = component_intervals(layout, level=movement.level, draws=DRAWS, generator=movement.generator)
    method = f"{_described(movement)}, generalised interval"
    parts = [
        Part(where={"component": name}, value=_root(variance), interval=ends[name], method=method)
        for name, variance in (*found.by_name().items(), ("all", found.total))
    ]
    if found.repeat is None:
        parts.insert(3, Part(where={"component": "repeat"}, value=None, undefined=NEVER_REPEATED))
    own = components_of(movement.test_set_layout()).total
    text = f"{_described(movement)} of every example on its own"
    return [*parts, Part(where={"component": "test set"}, value=_root(own), method=text)]


def variance_shares(movement: Movement) -> list[Part]:
    """Return the shares of the variance of one run, the finite test set's taken out of every component.

    A component's share is what the examples of a group do *together*; what each does on its own, under whatever
    changed, is the share of the test set. Shares of a variance below zero are 0, and all sum to 1. Undefined with fewer
    than two devices or two seeds, and where no run differs from another.

    Args:
        movement: The numbers of a group.

    Returns:
        ``device``, ``mixed``, ``seed``, ``repeat`` and ``test set``.

    Raises:
        NotEnoughData: There are fewer than two devices or two seeds.
    """
    found = components_of(movement.layout())
    shares = found.shares_beside(components_of(movement.test_set_layout()))
    names = ("device", "mixed", "seed", "repeat", "test set")
    if shares is None:
        return [Part(where={"component": name}, value=None, undefined=STILL) for name in names]
    method = f"{_described(movement)}; beyond what every example does on its own"
    return [
        Part(where={"component": name}, value=shares[name], method=method)
        if name in shares
        else Part(where={"component": name}, value=None, undefined=NEVER_REPEATED)
        for name in names
    ]


def over_repeat(movement: Movement) -> list[Part]:
    """Return how far another device moves a run, over how far a repeat does; see ``device_over_repeat`` of stats.

    Undefined with fewer than two devices or two seeds, where the reference was never repeated, and where it is
    deterministic: a repeat that moves nothing is no unit to count in.

    Args:
        movement: The numbers of a group.

    Returns:
        The ratio with its interval.

    Raises:
        NotEnoughData: There are fewer than two devices or two seeds.
    """
    layout = movement.layout()
    found = device_over_repeat(layout, level=movement.level, draws=DRAWS, generator=movement.generator)
    return [_ratio(found, movement, NEVER_REPEATED if layout.repeats is None else DETERMINISTIC)]


def over_seed(movement: Movement) -> list[Part]:
    """Return how far a run moves when only the device changes, over how far when only the seed does.

    1 where a device is another seed. Undefined with fewer than two devices or two seeds, and where no run differs.

    Args:
        movement: The numbers of a group.

    Returns:
        The ratio with its interval.

    Raises:
        NotEnoughData: There are fewer than two devices or two seeds.
    """
    found = device_over_seed(movement.layout(), level=movement.level, draws=DRAWS, generator=movement.generator)
    return [_ratio(found, movement, STILL)]


def label_p(movement: Movement) -> list[Part]:
    """Return the p-value of a device that moves all seeds in one direction, by permuting device labels within seeds.

    Undefined with fewer than two devices or two seeds.

    Args:
        movement: The numbers of a group.

    Returns:
        The p-value, as value and as p-value: it is corrected and judged.

    Raises:
        NotEnoughData: There are fewer than two devices or two seeds.
    """
    found = device_label_p(movement.values, times=PERMUTATIONS, generator=movement.generator)
    return [Part(where={}, value=found, p_value=found, method=f"test: {PERMUTATIONS:,} permutations within seeds")]


def _described(movement: Movement) -> str:
    devices, seeds = movement.values.shape[:2]
    again = 0 if movement.again is None else movement.again.shape[0] * (movement.again.shape[1] - 1)
    runs = f"{devices} devices × {seeds} seeds"
    return f"analysis of variance of {runs} and {again} repeats" if again else f"analysis of variance of {runs}"


def _ratio(found: Ratio | None, movement: Movement, reason: str) -> Part:
    if found is None:
        return Part(where={}, value=None, undefined=reason)
    method = f"{_described(movement)}, generalised interval"
    return Part(where={}, value=found.value, interval=found.interval, method=method)


def _root(variance: float) -> float:
    return math.sqrt(max(0.0, variance))


RUN_SD = Measure(
    name="run_sd",
    unit="share",
    kind="movement",
    higher_is_better=None,
    bounds=POSITIVE,
    undefined_when="no example of this group",
    function=run_sds,
    inherits_unit=True,
)
VARIANCE_SHARE = Measure(
    name="variance_share",
    unit="share",
    kind="movement",
    higher_is_better=None,
    bounds=SHARE,
    undefined_when="no example of this group",
    function=variance_shares,
)
DEVICE_OVER_REPEAT = Measure(
    name="device_over_repeat",
    unit="ratio",
    kind="movement",
    higher_is_better=None,
    bounds=POSITIVE,
    undefined_when="no example of this group",
    function=over_repeat,
)
DEVICE_OVER_SEED = Measure(
    name="device_over_seed",
    unit="ratio",
    kind="movement",
    higher_is_better=None,
    bounds=POSITIVE,
    undefined_when="no example of this group",
    function=over_seed,
)
DEVICE_LABEL_P = Measure(
    name="device_label_p",
    unit="p",
    kind="movement",
    higher_is_better=None,
    bounds=SHARE,
    undefined_when="no example of this group",
    function=label_p,
)
