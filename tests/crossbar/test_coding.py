"""Coding: slices sum up to the weight, whatever the bits, the slices and the encoding."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from disparate.choices.quantize import integer_weight
from disparate.crossbar.coding import coded, digits, levels, slice_widths
from disparate.crossbar.device import Device


def devices() -> st.SearchStrategy[Device]:
    def make(bits: int, slices: int, encoding: str) -> Device:
        most = bits - (encoding == "differential")
        return Device(bits=bits, slices=1 + slices % most, encoding=encoding)

    return st.builds(make, st.integers(2, 12), st.integers(0, 11), st.sampled_from(["differential", "offset"]))


@settings(max_examples=80, deadline=None)
@given(device=devices(), seed=st.integers(0, 1000))
def test_slices_sum_up_to_the_level(device, seed):
    weight = torch.randn(7, 5, generator=torch.Generator().manual_seed(seed))
    held = coded(weight, device)
    level = levels(held)
    total = torch.full_like(level, -held.shift)
    for sign in held.signs:
        for place in range(held.slices):
            digit = digits(level, held, sign, place)
            assert digit.min() >= 0
            assert digit.max() <= held.full(place)
            assert torch.equal(digit, digit.round())
            total += sign * held.place(place) * digit
    assert torch.equal(total, level)
    assert torch.equal(level * held.step, held.stored)


@settings(max_examples=30, deadline=None)
@given(bits=st.integers(2, 12), seed=st.integers(0, 1000))
def test_error_of_quantisation_is_at_most_half_a_step(bits, seed):
    weight = torch.randn(9, 9, generator=torch.Generator().manual_seed(seed))
    held = coded(weight, Device(bits=bits))
    assert (held.stored - weight).abs().max() <= 0.5001 * held.step
    assert len(held.stored.unique()) <= 2**bits - 1


def test_levels_are_those_of_the_integer_quantiser():
    weight = torch.randn(1, 500)
    integers, _ = integer_weight(weight, 8)
    assert torch.equal(levels(coded(weight, Device(bits=8))), integers.float())


@pytest.mark.parametrize("encoding", ["differential", "offset"])
def test_continuous_weights_are_kept_bit_for_bit(encoding):
    weight = torch.randn(6, 6)
    held = coded(weight, Device(encoding=encoding))
    assert torch.equal(held.stored, weight)
    whole = sum(sign * held.place(0) * digits(levels(held), held, sign, 0) for sign in held.signs) - held.shift
    torch.testing.assert_close(whole * held.step, weight)


def test_a_layer_of_zeros_stays_a_layer_of_zeros():
    for device in (Device(), Device(bits=8, slices=3), Device(bits=8, encoding="offset")):
        assert torch.equal(coded(torch.zeros(3, 3), device).stored, torch.zeros(3, 3))


@given(bits=st.integers(1, 16), slices=st.integers(1, 16))
def test_widths_add_up_and_differ_by_one_at_most(bits, slices):
    widths = slice_widths(bits, min(bits, slices))
    assert sum(widths) == bits
    assert max(widths) - min(widths) <= 1
    assert list(widths) == sorted(widths)


def test_layout_in_memory_does_not_matter():
    weight = torch.randn(4, 3, 3, 3)
    last = weight.contiguous(memory_format=torch.channels_last)
    assert torch.equal(coded(last, Device(bits=5)).stored.view(-1), coded(weight, Device(bits=5)).stored.view(-1))
