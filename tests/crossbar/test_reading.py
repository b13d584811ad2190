"""Reading: moments of one cycle's noise, in weights."""

import math

import pytest
import torch

from disparate.crossbar.coding import digits, levels
from disparate.crossbar.reading import read_spread
from disparate.crossbar.writing import spread_of_weights


def test_constant_noise_of_a_pair(arrays):
    layer = arrays(read=0.02)
    torch.testing.assert_close(read_spread(layer), (math.sqrt(2) * 0.02 * layer.peak).expand(40, 50))


def test_slices_add_up_in_squares(arrays):
    layer = arrays(bits=8, slices=3, read=0.02)
    parts = [layer.held.place(k) * layer.held.full(k) * 0.02 for k in range(3)]
    expected = math.sqrt(2 * sum(part**2 for part in parts)) * layer.held.step
    torch.testing.assert_close(read_spread(layer), expected.expand(40, 50))


def test_noise_in_proportion_to_the_state_is_that_of_the_weight(arrays):
    layer = arrays(read=0.1, read_variation="state", g_min=0.0)
    torch.testing.assert_close(read_spread(layer), 0.1 * layer.held.stored.abs())
    share = digits(levels(layer.held), layer.held, 1, 0) + digits(levels(layer.held), layer.held, -1, 0)
    torch.testing.assert_close(share * layer.peak, layer.held.stored.abs())


def test_whole_weights(arrays):
    layer = arrays(bits=8, slices=4, read=0.1, read_variation="fairxbar")
    expected = spread_of_weights(layer.device, reading=True) * layer.peak
    torch.testing.assert_close(read_spread(layer), expected.expand(40, 50))


@pytest.mark.parametrize("law", ["constant", "state", "swim"])
def test_protected_weights_are_read_exactly(arrays, law):
    mask = torch.rand(40, 50) < 0.5
    assert read_spread(arrays(mask=mask, bits=8, slices=2, read=0.1, read_variation=law))[~mask].abs().max() == 0
