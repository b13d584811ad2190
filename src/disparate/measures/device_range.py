"""How far the best and the worst of several devices lie apart, beside how far they would by pure noise."""

import math

import numpy as np

from disparate.errors import NotEnoughData
from disparate.findings import Null
from disparate.measures.measure import POSITIVE, Measure
from disparate.measures.movement import Movement, Part
from disparate.stats.nulls import SEEDS, TEST_SET
from disparate.stats.ranges import expected_range, range_null


def ranges(movement: Movement) -> list[Part]:
    """Return the largest minus the smallest number over the devices, mean over seeds, once per kind of noise.

    What m values of pure noise range over is ``expected_range(m)`` standard deviations of one run: for devices that
    train, of another seed on the same device (N2), and √(err / 2n) of the finite test set (N4, jordan2024); for losses
    and for devices that run what was trained, N4 is what examples do that move independently of each other. Undefined
    with one device.

    Args:
        movement: The numbers of a group.

    Returns:
        The range with either null; N2 where the devices train. Without a null where there is one seed.

    Raises:
        NotEnoughData: There is one device.
    """
    devices, seeds = movement.values.shape[:2]
    if devices < 2:
        raise NotEnoughData("range over devices: 1 device; at least 2 that do not give the same answers are needed")
    value = float(np.ptp(movement.values, axis=0).mean())
    text = f"mean over seeds of the range of {devices} devices"
    test_set = Part(where={"floor": TEST_SET}, value=value, null=_test_set(movement, devices), method=text)
    if not movement.trains:
        return [test_set]
    null = _seeds(movement, devices) if seeds > 1 else None
    method = text if null else f"{text}; no null of seeds: one seed"
    return [Part(where={"floor": SEEDS}, value=value, null=null, method=method), test_set]


def _seeds(movement: Movement, devices: int) -> Null:
    between = float(movement.values.var(axis=1, ddof=1).mean())
    return Null(name=SEEDS, value=expected_range(devices) * math.sqrt(between))


def _test_set(movement: Movement, devices: int) -> Null:
    if movement.trains and movement.of == "accuracy":
        error = 1 - float(movement.values.mean())
        return range_null(min(1.0, max(0.0, error)), movement.n, devices=devices)
    alone = float(movement.units.var(axis=0, ddof=1).sum(axis=-1).mean())
    return Null(name=TEST_SET, value=expected_range(devices) * math.sqrt(alone))


DEVICE_RANGE = Measure(
    name="device_range",
    unit="share",
    kind="movement",
    higher_is_better=False,
    bounds=POSITIVE,
    undefined_when="no example of this group",
    function=ranges,
    inherits_unit=True,
)
