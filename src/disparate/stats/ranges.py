"""How far apart the best and the worst of several devices lie by pure noise."""

import math

import numpy as np
from scipy import integrate, special

from disparate.errors import BadInput
from disparate.findings import Null
from disparate.stats.intervals import binomial_floor
from disparate.stats.nulls import TEST_SET


def expected_range(m: int) -> float:
    """Return the expected largest minus smallest of m independent normal values, in standard deviations.

    ∫ 1 − Φ(x)^m − (1 − Φ(x))^m dx: 1.13 for two values, 2.06 for four.

    Args:
        m: How many values.

    Returns:
        The expected range; 0 for one value.

    Raises:
        BadInput: m is below 1.

    Example:
        >>> round(expected_range(2), 6), round(2 / math.sqrt(math.pi), 6)
        (1.128379, 1.128379)
        >>> round(expected_range(4), 2)
        2.06
    """
    if m < 1:
        raise BadInput(f"expected range of {m} values; at least 1 was expected.")

    def beyond(x: float) -> float:
        return float(-np.expm1(m * special.log_ndtr(x)) - special.ndtr(-x) ** m)

    half, _ = integrate.quad(beyond, 0, math.inf)
    return 2 * float(half)


def range_null(error: float, n: int, *, devices: int) -> Null:
    """Return N4 for a range: the accuracy of the best minus the worst of several devices by the finite test set alone.

    √(err / 2n) times :func:`expected_range`, as if every device were another training of one procedure.

    Args:
        error: Share of wrong answers.
        n: Number of test examples.
        devices: Number of devices, the reference included.

    Returns:
        The floor, as a share.

    Example:
        >>> round(range_null(0.55, 338, devices=4).value, 3)
        0.059
    """
    return Null(name=TEST_SET, value=expected_range(devices) * binomial_floor(error, n))
