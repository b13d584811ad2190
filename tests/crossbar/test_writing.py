"""Writing: moments of every law, and what writing until it is near leaves and costs, in closed form."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from disparate.crossbar.device import Device
from disparate.crossbar.writing import (
    Near,
    near_cells,
    near_weights,
    spread_of_cells,
    spread_of_weights,
    verified,
    writes_needed,
    written,
)

MANY = 200_000


@pytest.fixture
def deviates() -> torch.Tensor:
    return torch.randn(MANY, generator=torch.Generator().manual_seed(3))


@pytest.fixture
def tries() -> torch.Tensor:
    return torch.rand(MANY, generator=torch.Generator().manual_seed(4))


@pytest.mark.parametrize(("per_device", "factor"), [(1, 1.414), (2, 2.236), (4, 8.062), (8, 128.004)])
def test_fairxbar_equation_5(per_device, factor):
    device = Device(bits=8, slices=8 // per_device, encoding="offset", programming=0.1, variation="fairxbar")
    assert spread_of_weights(device) == pytest.approx(0.1 * factor, rel=1e-3)


def test_swim_is_the_sum_of_its_slices(deviates):
    device = Device(bits=8, slices=4, programming=0.3, variation="swim")
    parts = deviates.view(4, -1) * 0.3 * torch.tensor([[2.0 ** (-2 * place)] for place in (1, 2, 3, 4)])
    assert parts.sum(dim=0).std().item() == pytest.approx(spread_of_weights(device), rel=0.02)


def test_constant_deviation_where_the_window_is_far_from_zero(deviates):
    device = Device(g_min=50.0, g_max=100.0, programming=0.05)
    found = written(torch.full((MANY,), 75.0), deviates, device)
    assert found.mean().item() == pytest.approx(75.0, abs=4 * 2.5 / math.sqrt(MANY))
    assert found.std().item() == pytest.approx(2.5, rel=0.01)


@pytest.mark.parametrize("target", [0.0, 1.0, 4.0])
def test_a_conductance_is_never_negative_and_its_moments_are_those_of_a_rectified_normal(deviates, target):
    device = Device(g_min=0.0, g_max=10.0, programming=0.2)
    found = written(torch.full((MANY,), target), deviates, device)
    ratio = target / 2.0
    mean = target * stats.norm.cdf(ratio) + 2.0 * stats.norm.pdf(ratio)
    square = (target**2 + 4.0) * stats.norm.cdf(ratio) + 2.0 * target * stats.norm.pdf(ratio)
    assert found.min() >= 0
    assert found.mean().item() == pytest.approx(mean, abs=0.02)
    assert found.std().item() == pytest.approx(math.sqrt(square - mean**2), rel=0.02)


def test_state_dependent_deviation_is_the_polynomial(deviates):
    device = Device(g_min=0.0, g_max=25.0, programming=0.01, variation="state", state=(1.05392, 7.86, -4.6924))
    place = torch.tensor([0.0, 0.4, 1.0])
    expected = 0.26348 + 1.965 * place - 1.1731 * place**2
    torch.testing.assert_close(spread_of_cells(place, device), expected, rtol=1e-4, atol=1e-5)
    found = written(torch.full((MANY,), 10.0), deviates, device)
    assert found.std().item() == pytest.approx(expected[1].item(), rel=0.01)


def test_lognormal_moments(deviates):
    device = Device(programming=0.3, variation="lognormal")
    found = written(torch.full((MANY,), 100.0), deviates, device).double()
    assert found.log().std().item() == pytest.approx(0.3, rel=0.01)
    assert found.median().item() == pytest.approx(100.0, rel=0.01)
    assert found.mean().item() == pytest.approx(100.0 * math.exp(0.045), rel=0.01)


@pytest.mark.parametrize("end", [0.1, 0.5, 1.0, 3.0])
def test_what_is_left_after_verifying_is_a_cut_normal(deviates, tries, end):
    ends = torch.tensor(end, dtype=torch.float64)
    left = verified(deviates, tries, Near(low=-ends, high=ends), 10_000).double().numpy()
    assert np.abs(left).max() <= end * 1.0001
    assert left.std() == pytest.approx(stats.truncnorm.std(-end, end), rel=0.01)
    assert stats.kstest(left, stats.truncnorm(-end, end).cdf).pvalue > 1e-3


def test_writes_are_those_that_are_counted(tries):
    end, limit = torch.tensor(0.5, dtype=torch.float64), 4
    near = Near(low=-end, high=end)
    generator = np.random.default_rng(0)
    attempts = np.abs(generator.standard_normal((MANY, limit))) <= 0.5
    counted = np.where(attempts.any(axis=1), attempts.argmax(axis=1) + 1, limit)
    assert writes_needed(near, limit).item() == pytest.approx(counted.mean(), rel=0.01)


def test_cells_that_are_never_near_keep_a_deviate_from_outside(deviates, tries):
    end, limit = torch.tensor(0.5, dtype=torch.float64), 2
    left = verified(deviates, tries, Near(low=-end, high=end), limit)
    outside = left.abs() > 0.5001
    failing = (1 - (2 * stats.norm.cdf(0.5) - 1)) ** limit
    assert outside.double().mean().item() == pytest.approx(failing, rel=0.03)
    tail = left[outside].double().numpy()
    assert np.abs(tail.mean()) < 0.02
    assert np.square(tail).mean() == pytest.approx(1 + 0.5 * stats.norm.pdf(0.5) / stats.norm.sf(0.5), rel=0.02)


@settings(max_examples=40, deadline=None)
@given(end=st.floats(0.01, 4.0), low=st.floats(-3, 3), step=st.floats(0.01, 1.0))
def test_verifying_keeps_the_order_of_deviates(end, low, step):
    ends = torch.tensor(end, dtype=torch.float64)
    pair = torch.tensor([low, low + step], dtype=torch.float64)
    left = verified(pair, torch.full((2,), 0.999), Near(low=-ends, high=ends), 100)
    assert left[0] <= left[1]


def test_a_wide_tolerance_changes_nothing():
    end = torch.tensor(30.0, dtype=torch.float64)
    deviate = torch.linspace(-4, 4, 9)
    torch.testing.assert_close(verified(deviate, torch.full((9,), 0.5), Near(low=-end, high=end), 10), deviate)
    assert writes_needed(Near(low=-end, high=end), 10).item() == pytest.approx(1.0)


def test_ends_of_lognormal_cells_are_lopsided():
    device = Device(g_min=0.0, g_max=100.0, programming=0.2, variation="lognormal", verify_tolerance=0.1)
    near = near_cells(torch.tensor([50.0, 5.0]), device)
    low, high = (
        written(torch.tensor([50.0, 5.0]), end.float().clamp_min(-1e3), device) for end in (near.low, near.high)
    )
    torch.testing.assert_close(low, torch.tensor([40.0, 0.0]), atol=1e-3, rtol=1e-4)
    torch.testing.assert_close(high, torch.tensor([60.0, 15.0]), atol=1e-3, rtol=1e-4)


def test_cells_without_deviation_are_near_at_once():
    device = Device(g_min=0.0, programming=0.1, variation="state", verify="all")
    assert writes_needed(near_cells(torch.tensor([0.0]), device), 100).item() == pytest.approx(1.0)


def test_whole_weights_are_near_in_their_own_unit():
    device = Device(bits=8, slices=4, programming=0.1, variation="fairxbar", verify="all", verify_tolerance=0.2236)
    assert near_weights(device).high.item() == pytest.approx(1.0, rel=1e-3)
