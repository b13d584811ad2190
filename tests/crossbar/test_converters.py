"""Converters: so many levels over the range, zero among them."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from disparate.crossbar.converters import converter_for


@given(bits=st.integers(2, 12), low=st.floats(-100, 0), high=st.floats(0.01, 100))
def test_error_is_at_most_half_a_step_and_levels_as_many_as_the_bits_allow(bits, low, high):
    converter = converter_for(low, high, bits)
    values = torch.linspace(low, high, 501, dtype=torch.float64)
    levels = converter.levels(values)
    assert (levels * converter.step - values).abs().max() <= 0.5001 * converter.step
    assert converter.top - converter.bottom + 1 <= 2**bits
    assert converter.levels(torch.zeros(1)).item() == 0


def test_what_is_beyond_the_range_is_cut_off():
    converter = converter_for(0.0, 1.0, 3)
    assert (converter.levels(torch.tensor([-5.0, 5.0])) * converter.step).tolist() == pytest.approx([0.0, 1.0])


def test_a_range_of_nothing_converts_to_nothing():
    assert converter_for(0.0, 0.0, 8).levels(torch.zeros(3)).tolist() == [0.0, 0.0, 0.0]
