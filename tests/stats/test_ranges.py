import numpy as np
import pytest

from disparate.errors import BadInput
from disparate.findings import Null
from disparate.stats.ranges import expected_range, range_null

TABLE = {1: 0.0, 2: 1.12838, 3: 1.69257, 4: 2.05875, 5: 2.32593, 10: 3.07751, 100: 5.01519}
"""The constant d2 of control charts."""


@pytest.mark.parametrize("m", TABLE)
def test_agrees_with_the_constant_of_control_charts(m):
    assert expected_range(m) == pytest.approx(TABLE[m], abs=1e-5)


def test_agrees_with_simulation():
    drawn = np.random.default_rng(0).normal(size=(200_000, 7))
    assert expected_range(7) == pytest.approx(np.ptp(drawn, axis=1).mean(), rel=0.005)


def test_a_value_is_needed():
    with pytest.raises(BadInput, match="expected range of 0 values; at least 1"):
        expected_range(0)


@pytest.mark.parametrize(("error", "n", "points"), [(0.12, 2016, 1.1), (0.55, 338, 5.9)])
def test_a_minority_that_moves_five_times_as_much_is_what_noise_predicts(error, n, points):
    found = range_null(error, n, devices=4)
    assert found == Null(name="N4 test set", value=found.value)
    assert 100 * found.value == pytest.approx(points, abs=0.05)
