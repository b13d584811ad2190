"""Disturbing: nothing is nothing, bit for bit; moments of whole weights; who is protected; common random numbers."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from disparate.crossbar.arrays import arrays_of
from disparate.crossbar.chips import Chip
from disparate.crossbar.coding import digits, levels
from disparate.crossbar.decay import loss_along_wires
from disparate.crossbar.device import Device
from disparate.crossbar.disturbing import disturbed, slice_errors
from disparate.crossbar.writing import spread_of_weights


def weights_on(layer, chip):
    return disturbed(layer, chip).weights


QUIET = [
    {},
    {"bits": 8, "slices": 4},
    {"bits": 5, "encoding": "offset"},
    {"rows": 8, "columns": 8, "drift": 0.1, "verify": "all"},
    {"bits": 8, "drift": 0.0, "drift_time": 1e9},
]
NOISY = [
    {"programming": 0.05, "g_min": 0.0},
    {"bits": 8, "slices": 3, "programming": 0.05, "variation": "state"},
    {"programming": 0.2, "variation": "lognormal", "encoding": "offset"},
    {"bits": 8, "slices": 4, "programming": 0.1, "variation": "fairxbar"},
    {"bits": 8, "slices": 4, "programming": 0.1, "variation": "swim"},
    {"bits": 6, "stuck_on": 0.01, "stuck_off": 0.03, "flips": 0.01},
    {"bits": 6, "stuck_on": 0.01, "programming": 0.02, "drift": 0.05, "drift_spread": 0.02, "drift_time": 1e5},
]


@pytest.mark.parametrize("device", QUIET, ids=str)
def test_where_nothing_is_wrong_weights_are_the_stored_ones_bit_for_bit(arrays, device):
    layer = arrays(**device)
    assert torch.equal(weights_on(layer, Chip(seed=0)), layer.held.stored)


def test_the_ideal_device_gives_the_given_weights_bit_for_bit(arrays):
    weight = torch.randn(40, 50)
    assert torch.equal(weights_on(arrays(weight), Chip(seed=0)), weight)


@pytest.mark.parametrize("device", NOISY, ids=str)
def test_protected_weights_are_the_stored_ones_bit_for_bit(arrays, device):
    mask = torch.rand(40, 50) < 0.3
    layer = arrays(mask=mask, **device)
    found = weights_on(layer, Chip(seed=1))
    assert torch.equal(found[~mask], layer.held.stored[~mask])
    assert (found[mask] != layer.held.stored[mask]).any()


@pytest.mark.parametrize("device", NOISY, ids=str)
def test_exposed_weights_turn_out_the_same_under_every_mask(arrays, device):
    mask = torch.rand(40, 50) < 0.3
    found, everywhere = (weights_on(arrays(mask=m, **device), Chip(seed=1)) for m in (mask, None))
    assert torch.equal(found[mask], everywhere[mask])


@pytest.mark.parametrize("device", NOISY, ids=str)
def test_same_chip_same_weights_another_chip_others(arrays, device):
    layer = arrays(**device)
    assert torch.equal(weights_on(layer, Chip(seed=1)), weights_on(layer, Chip(seed=1)))
    assert not torch.equal(weights_on(layer, Chip(seed=1)), weights_on(layer, Chip(seed=2)))


@pytest.mark.parametrize("law", ["fairxbar", "swim"])
def test_moments_of_laws_of_whole_weights(arrays, law):
    layer = arrays((400, 500), bits=8, slices=4, programming=0.1, variation=law)
    error = (weights_on(layer, Chip(seed=3)) - layer.held.stored) / layer.peak
    expected = spread_of_weights(layer.device)
    assert error.std().item() == pytest.approx(expected, rel=0.01)
    assert abs(error.mean().item()) < 4 * expected / math.sqrt(200_000)
    assert layer.peak.item() == pytest.approx(torch.randn(400, 500, generator=_one()).abs().max().item(), rel=1e-6)


def _one() -> torch.Generator:
    return torch.Generator().manual_seed(1)


@pytest.mark.parametrize(("slices", "encoding"), [(1, "differential"), (4, "differential"), (2, "offset")])
def test_spread_of_a_weight_is_the_sum_over_its_cells(arrays, slices, encoding):
    """Far from zero conductance: Var = Σ over cells of (place × levels of the cell × σ)²."""
    settings_ = {"bits": 8, "slices": slices, "encoding": encoding, "g_min": 500.0, "g_max": 600.0}
    layer = arrays((300, 400), programming=0.05, **settings_)
    error = (weights_on(layer, Chip(seed=3)) - layer.held.stored) / layer.held.step
    parts = [layer.held.place(k) * layer.held.full(k) * 0.05 for k in range(slices)]
    expected = math.sqrt(len(layer.held.signs) * sum(part**2 for part in parts))
    assert error.std().item() == pytest.approx(expected, rel=0.01)
    assert abs(error.mean().item()) < 5 * expected / math.sqrt(120_000)


def test_drift_alone_shrinks_weights_by_the_power_law(arrays):
    layer = arrays(drift=0.05, drift_time=1e4, drift_start=1.0, g_min=0.0)
    torch.testing.assert_close(weights_on(layer, Chip(seed=0)), layer.held.stored * 1e4**-0.05)


def test_compensation_undoes_a_drift_that_is_the_same_everywhere(arrays):
    layer = arrays(drift=0.05, drift_time=1e4, drift_compensation=True)
    torch.testing.assert_close(weights_on(layer, Chip(seed=0)), layer.held.stored, rtol=1e-4, atol=1e-5)


def test_loss_along_wires_is_taken_array_by_array(arrays):
    """Weight (o, i) lies in row i and column o; here an array is 8 rows by 5 columns."""
    layer = arrays((12, 20), wire=2.0, rows=8, columns=5, g_min=0.0)
    found, _ = slice_errors(layer, Chip(seed=0), 0)
    level = levels(layer.held)
    expected = torch.zeros(12, 20)
    for sign in (1, -1):
        conductance = 3000.0 * digits(level, layer.held, sign, 0)
        for rows in range(0, 20, 8):
            for columns in range(0, 12, 5):
                part = conductance[columns : columns + 5, rows : rows + 8]
                kept = loss_along_wires(part.T, 2.0).T
                expected[columns : columns + 5, rows : rows + 8] += sign * part * (kept - 1) / 3000.0
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def test_stuck_cells_neither_deviate_nor_drift(arrays):
    layer = arrays(stuck_on=1.0, programming=0.3, drift=0.1, drift_time=1e6, encoding="offset")
    torch.testing.assert_close(weights_on(layer, Chip(seed=0)), layer.peak.expand(40, 50))


@pytest.mark.parametrize("law", ["constant", "fairxbar"])
def test_verifying_all_shrinks_the_spread(arrays, law):
    settings_ = {"bits": 8, "slices": 7, "programming": 0.1, "variation": law, "g_min": 500.0, "g_max": 1000.0}
    once, until = (
        weights_on(arrays((300, 300), verify=verify, verify_tolerance=0.05, **settings_), Chip(seed=1))
        for verify in ("none", "all")
    )
    held = arrays((300, 300), **settings_).held.stored
    assert (until - held).std() < 0.4 * (once - held).std()


@pytest.mark.parametrize("law", ["constant", "fairxbar"])
def test_verifying_the_protected_leaves_them_a_small_deviation(arrays, law):
    mask = torch.zeros(300, 300, dtype=torch.bool)
    mask[:, :100] = True
    settings_ = {"bits": 8, "slices": 4, "programming": 0.1, "variation": law, "verify_tolerance": 0.02}
    settings_ |= {"g_min": 500.0, "g_max": 1000.0, "stuck_on": 0.01, "verify_limit": 10_000}
    layer = arrays((300, 300), mask=mask, verify="protected", **settings_)
    error = weights_on(layer, Chip(seed=1)) - layer.held.stored
    plain = arrays((300, 300), **settings_)
    assert torch.equal(error[mask], (weights_on(plain, Chip(seed=1)) - layer.held.stored)[mask])
    assert 0 < error[~mask].abs().max() <= 2.001 * 0.02 * layer.peak
    assert error[~mask].std() < 0.2 * error[mask].std()


@settings(max_examples=30, deadline=None)
@given(
    low=st.floats(0.001, 0.2),
    more=st.floats(0.0, 0.2),
    law=st.sampled_from(["fairxbar", "swim", "constant"]),
    seed=st.integers(0, 50),
)
def test_errors_of_one_chip_grow_in_proportion_to_sigma(low, more, law, seed):
    """Common random numbers: the same deviates under every σ, as long as no conductance reaches zero."""
    layer = torch.nn.Linear(6, 5)
    layer.weight.data = torch.randn(5, 6, generator=torch.Generator().manual_seed(seed))
    errors = []
    for sigma in (low, low + more):
        device = Device(bits=8, slices=2, programming=sigma, variation=law, g_min=900.0, g_max=1000.0)
        held = arrays_of({"fc": layer}, device, {})["fc"]
        errors.append((weights_on(held, Chip(seed=seed)) - held.held.stored) / sigma)
    torch.testing.assert_close(errors[0], errors[1], rtol=1e-2, atol=2e-3 * held.peak.item() / low)


@pytest.mark.parametrize(
    "settings_", [{"variation": "fairxbar"}, {"variation": "constant", "g_min": 900, "g_max": 1000}]
)
def test_mirrored_chips_err_the_other_way(arrays, settings_):
    layer = arrays(bits=8, slices=2, programming=0.05, **settings_)
    one, other = (weights_on(layer, Chip(seed=1, mirrored=m)) - layer.held.stored for m in (False, True))
    torch.testing.assert_close(one, -other, rtol=1e-3, atol=1e-3 * layer.peak.item())


def test_double_precision_is_kept(arrays):
    weight = torch.randn(4, 5, dtype=torch.float64)
    assert torch.equal(weights_on(arrays(weight), Chip(seed=0)), weight)


def test_a_mask_changes_nothing_of_what_a_wire_carries(arrays):
    """Protected cells carry current like the others: exposed ones lose the same."""
    mask = torch.zeros(40, 50, dtype=torch.bool)
    mask[:20] = True
    found, everywhere = (weights_on(arrays(mask=m, wire=1.0), Chip(seed=1)) for m in (mask, None))
    torch.testing.assert_close(found[:20], everywhere[:20])
