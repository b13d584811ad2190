"""Faults: their shares, what they do to a weight, and that the same cells fail again."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from disparate.crossbar.arrays import arrays_of
from disparate.crossbar.chips import Chip
from disparate.crossbar.coding import levels
from disparate.crossbar.device import Device
from disparate.crossbar.disturbing import disturbed
from disparate.crossbar.faults import flipped_bits, stuck_cells


def weights_on(layer, chip):
    return disturbed(layer, chip).weights


def within(count: int, places: int, rate: float) -> bool:
    low, high = stats.binom.ppf([1e-5, 1 - 1e-5], places, rate)
    return bool(low <= count <= high)


def test_both_shares_of_stuck_cells_are_as_asked_for(arrays):
    layer = arrays((300, 400), bits=8, slices=3, stuck_on=0.3, stuck_off=0.4)
    for sign in (1, -1):
        for place in range(3):
            stuck = stuck_cells(layer, Chip(seed=1), sign, place)
            assert len(stuck.where.unique()) == len(stuck.where)
            assert within(int(stuck.on.sum()), 120_000, 0.3)
            assert within(int((~stuck.on).sum()), 120_000, 0.4)


def test_every_cell_is_stuck_where_the_shares_sum_to_one(arrays):
    stuck = stuck_cells(arrays(bits=8, stuck_on=0.25, stuck_off=0.75), Chip(seed=1), 1, 0)
    assert len(stuck.where) == 2000


@pytest.mark.parametrize(("on", "off"), [(1.0, 0.0), (0.0, 1.0)])
def test_pairs_with_both_cells_stuck_alike_hold_nothing(arrays, on, off):
    layer = arrays(bits=8, slices=4, stuck_on=on, stuck_off=off)
    torch.testing.assert_close(weights_on(layer, Chip(seed=0)), torch.zeros(40, 50), rtol=0, atol=1e-6)


def test_single_cells_stuck_hold_the_ends_of_the_range(arrays):
    layer = arrays(bits=4, slices=2, encoding="offset", stuck_on=1.0)
    torch.testing.assert_close(weights_on(layer, Chip(seed=0)) / layer.held.step, torch.full((40, 50), 7.0))
    layer = arrays(bits=4, slices=2, encoding="offset", stuck_off=1.0)
    torch.testing.assert_close(weights_on(layer, Chip(seed=0)) / layer.held.step, torch.full((40, 50), -8.0))


def test_one_stuck_cell_by_hand():
    """5 = 101 in slices 1|01: stuck off in the upper cell leaves 1, stuck on in the lower gives 7."""
    layer = torch.nn.Linear(1, 1)
    layer.weight.data.fill_(5.0)
    held = arrays_of({"fc": layer}, Device(bits=4, slices=2, stuck_off=0.5), {})["fc"]
    assert held.held.widths == (1, 2)

    class OneCell:
        def __init__(self, kind: str) -> None:
            self.kind = kind

        def events(self, layer: str, kind: str, places: int, rate: float) -> torch.Tensor:
            return torch.tensor([0] if kind == self.kind else [], dtype=torch.int64)

    step = held.held.step.item()  # the largest weight is 7 steps
    assert round(5.0 / step) == 7
    assert weights_on(held, OneCell("stuck off, positive, 0")).item() == pytest.approx(3 * step)
    assert weights_on(held, OneCell("stuck on, negative, 1")).item() == pytest.approx(4 * step)
    assert weights_on(held, OneCell("stuck on, positive, 1")).item() == pytest.approx(7 * step)


def test_share_of_flipped_bits(arrays):
    layer = arrays((200, 300), bits=8, slices=3, flips=0.02)
    count = sum(flipped_bits(layer, Chip(seed=2), sign, place).count for sign in (1, -1) for place in range(3))
    assert within(count, 60_000 * 14, 0.02)


@settings(max_examples=25, deadline=None)
@given(bits=st.integers(2, 9), slices=st.integers(1, 9), seed=st.integers(0, 100))
def test_a_flipped_bit_moves_a_level_by_its_worth(bits, slices, seed):
    """With all bits inverted an offset-coded level q becomes -1 - q, however it is sliced."""
    layer = torch.nn.Linear(6, 5)
    layer.weight.data = torch.randn(5, 6, generator=torch.Generator().manual_seed(seed))
    device = Device(bits=bits, slices=min(slices, bits), encoding="offset", flips=1.0)
    held = arrays_of({"fc": layer}, device, {})["fc"]
    found = weights_on(held, Chip(seed=seed)) / held.held.step
    torch.testing.assert_close(found, -1 - levels(held.held), atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("encoding", ["differential", "offset"])
def test_the_same_bits_are_inverted_however_they_are_sliced(arrays, encoding):
    found = [
        weights_on(arrays(bits=8, slices=slices, encoding=encoding, flips=0.03), Chip(seed=4)) for slices in (1, 2, 7)
    ]
    torch.testing.assert_close(found[0], found[1])
    torch.testing.assert_close(found[0], found[2])


def test_zeros_and_ones_flip_alike(arrays):
    """The mean of (flipped - meant)/2^b given the bit tells: ones go down, zeros go up, equally often."""
    layer = arrays((400, 400), bits=8, encoding="offset", flips=0.05)
    error = (weights_on(layer, Chip(seed=5)) - layer.held.stored) / layer.held.step
    bits = (levels(layer.held) + 128).long()
    for bit in (0, 3, 6):
        one = ((bits >> bit) & 1).bool()
        changed = ((bits + error.round().long()) ^ bits) >> bit & 1
        assert within(int(changed[one].sum()), int(one.sum()), 0.05)
        assert within(int(changed[~one].sum()), int((~one).sum()), 0.05)


def test_a_stuck_cell_wins_over_its_flipped_bits(arrays):
    both = weights_on(arrays(bits=8, slices=2, stuck_off=1.0, flips=0.3), Chip(seed=6))
    torch.testing.assert_close(both, torch.zeros(40, 50), rtol=0, atol=1e-6)


def test_the_same_cells_fail_on_another_network(arrays):
    other = torch.randn(40, 50, generator=torch.Generator().manual_seed(9))
    first, second = (
        stuck_cells(arrays(weight, bits=bits, slices=2, stuck_on=0.05), Chip(seed=8), -1, 1)
        for weight, bits in (((40, 50), 8), (other, 5))
    )
    assert torch.equal(first.where, second.where)
    assert torch.equal(first.on, second.on)


def test_only_exposed_cells_fail(arrays):
    mask = torch.zeros(40, 50, dtype=torch.bool)
    mask[:10] = True
    layer = arrays(mask=mask, bits=8, slices=2, stuck_on=0.2, stuck_off=0.2, flips=0.1)
    everywhere = arrays(bits=8, slices=2, stuck_on=0.2, stuck_off=0.2, flips=0.1)
    found = weights_on(layer, Chip(seed=1))
    assert torch.equal(found[10:], layer.held.stored[10:])
    assert torch.equal(found[:10], weights_on(everywhere, Chip(seed=1))[:10])
