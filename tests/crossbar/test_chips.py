"""Chips: deviates and positions that belong to a chip and to nothing else."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from disparate.crossbar.chips import Chip, Fleeting, chip_of, events_below, number_of


def bands(seed: int):
    return lambda band: np.random.default_rng((seed, band))


@pytest.mark.parametrize("rate", [0.0, 1e-4, 0.003, 0.05, 0.3, 0.7, 1.0])
def test_events_happen_at_their_rate(rate):
    places = 200_000
    counts = [len(events_below(rate, places, bands(seed))) for seed in range(5)]
    low, high = stats.binom.ppf([1e-5, 1 - 1e-5], 5 * places, rate) if 0 < rate < 1 else (rate * 5 * places,) * 2
    assert low <= sum(counts) <= high


def test_events_are_everywhere_equally_likely():
    counts = np.zeros(20)
    for seed in range(400):
        np.add.at(counts, events_below(0.3, 20, bands(seed)), 1)
    assert stats.chisquare(counts).pvalue > 1e-4


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10**6), places=st.integers(0, 3000), rates=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_events_of_a_lower_rate_are_among_those_of_a_higher(seed, places, rates):
    few, many = (events_below(rate, places, bands(seed)) for rate in sorted(rates))
    assert set(few) <= set(many)
    assert np.array_equal(many, np.unique(many))
    assert not len(many) or (many[0] >= 0 and many[-1] < places)


def test_deviates_are_standard_normal_and_differ_by_chip_layer_and_kind():
    drawn = [
        Chip(seed=seed).normals(layer, kind, (1000,)).numpy()
        for seed in range(3)
        for layer in ("a", "b")
        for kind in ("x", "y")
    ]
    assert stats.kstest(np.concatenate(drawn), "norm").pvalue > 1e-3
    together = np.corrcoef(drawn)
    assert np.abs(together - np.eye(12)).max() < 0.2


def test_a_chip_is_the_same_every_time():
    first, second = (Chip(seed=7).normals("a", "x", (5,)) for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(Chip(seed=7).events("a", "x", 1000, 0.1), Chip(seed=7).events("a", "x", 1000, 0.1))


def test_pairs_have_opposite_deviates_and_faults_of_their_own():
    first, second = (chip_of(3, draw, antithetic=True) for draw in (4, 5))
    assert torch.equal(first.normals("a", "x", (9,)), -second.normals("a", "x", (9,)))
    assert not torch.equal(first.events("a", "x", 1000, 0.1), second.events("a", "x", 1000, 0.1))
    assert chip_of(3, 5, antithetic=True).seed != chip_of(3, 6, antithetic=True).seed


def test_draws_without_pairs_are_all_different():
    assert len({chip_of(0, draw) for draw in range(100)}) == 100
    assert not any(chip_of(0, draw).mirrored for draw in range(4))


def test_global_randomness_is_left_alone():
    before = torch.get_rng_state()
    Chip(seed=1).normals("a", "x", (5,))
    Chip(seed=1).events("a", "x", 50, 0.2)
    assert torch.equal(before, torch.get_rng_state())


def test_numbers_of_streams_are_far_apart():
    numbers = {number_of(0, layer, kind) for layer in "abcdefgh" for kind in "uvwxyz"}
    assert len(numbers) == 48
    assert all(0 <= number < 2**63 for number in numbers)


def test_a_fleeting_chip_has_the_law_of_a_chip_and_repeats_by_its_generator():
    def met(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
        chip = Fleeting(generator=torch.Generator().manual_seed(seed))
        return chip.normals("fc", "written", (4000,)), chip.events("fc", "stuck on", 4000, 0.1)

    (normals, events), again, (other, _) = met(0), met(0), met(1)
    assert torch.equal(normals, again[0])
    assert torch.equal(events, again[1])
    assert not torch.equal(normals, other)
    assert abs(normals.mean().item()) < 5 / 4000**0.5
    assert normals.std().item() == pytest.approx(1, abs=0.06)
    assert abs(len(events) - 400) < 5 * 19
    assert events.tolist() == sorted(set(events.tolist()))
    assert len(Fleeting(generator=torch.Generator()).events("fc", "stuck on", 4000, 0.0)) == 0
