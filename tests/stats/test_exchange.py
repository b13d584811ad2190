import math
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from disparate.errors import NotEnoughData
from disparate.stats.exchange import DEALS, deals, disjoint_pairs, exchange_p, halving, least_p, swaps


@pytest.fixture
def generator():
    return np.random.default_rng(0)


def test_every_deal_of_small_populations_stands_there_once(generator):
    found = deals(3, 4, generator=generator)
    assert len(found) == math.comb(7, 3)
    assert len({tuple(row) for row in found.tolist()}) == len(found)
    assert (found.sum(axis=1) == 3).all()
    assert found[0].tolist() == [True] * 3 + [False] * 4


def test_large_populations_are_dealt_at_random_with_the_observed_one_in_front(generator):
    found = deals(30, 20, generator=generator)
    assert found.shape == (DEALS, 50)
    assert (found.sum(axis=1) == 30).all()
    assert found[0, :30].all()
    assert found[1:].mean(axis=0) == pytest.approx(np.full(50, 0.6), abs=0.05)


def test_swaps_keep_one_of_each_pair_on_either_side(generator):
    for pairs, ways in ((4, 16), (30, DEALS)):
        found = swaps(pairs, generator=generator)
        assert len(found) == ways
        assert (found[:, :pairs] != found[:, pairs:]).all()
        assert found[0].tolist() == [True] * pairs + [False] * pairs
    assert len({tuple(row) for row in swaps(4, generator=generator).tolist()}) == 16


def test_one_model_is_no_population(generator):
    with pytest.raises(NotEnoughData, match="populations of 1 and 5 models"):
        deals(1, 5, generator=generator)
    with pytest.raises(NotEnoughData, match="at least 2 models in each"):
        swaps(1, generator=generator)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 5), st.integers(2, 5), st.integers(0, 2**32))
def test_the_p_value_is_scipys(first, second, seed):
    values = np.random.default_rng(seed).normal(size=first + second).round(2)

    def distance(own, other, axis=-1):
        return np.abs(own.mean(axis=axis) - other.mean(axis=axis))

    flags = deals(first, second, generator=np.random.default_rng(0))
    ours = np.array([[distance(values[row], values[~row])] for row in flags])
    theirs = stats.permutation_test(
        (values[:first], values[first:]), distance, alternative="greater", n_resamples=np.inf
    )
    assert exchange_p(ours)[0] == pytest.approx(theirs.pvalue)


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 6), st.integers(0, 2**32))
def test_the_p_value_of_swaps_is_scipys(pairs, seed):
    values = np.random.default_rng(seed).normal(size=2 * pairs).round(2)

    def distance(own, other, axis=-1):
        return np.abs(own.mean(axis=axis) - other.mean(axis=axis))

    ours = [[distance(values[row], values[~row])] for row in swaps(pairs, generator=np.random.default_rng(0))]
    theirs = stats.permutation_test(
        (values[:pairs], values[pairs:]),
        distance,
        permutation_type="samples",
        alternative="greater",
        n_resamples=np.inf,
    )
    assert exchange_p(np.array(ours))[0] == pytest.approx(theirs.pvalue)


def test_deals_without_a_statistic_are_left_out():
    assert exchange_p(np.array([[0.5], [np.nan], [0.7], [0.1]]))[0] == pytest.approx(2 / 3)
    assert np.isnan(exchange_p(np.array([[np.nan], [0.3]]))[0])


@pytest.mark.parametrize("size", [2, 3, 5])
def test_the_smallest_p_is_reached_and_never_undercut(size, generator):
    flags = deals(size, size, generator=generator)
    apart = np.abs(flags[:, :size].sum(axis=1) - flags[:, size:].sum(axis=1))[:, None].astype(float)
    assert exchange_p(apart)[0] == pytest.approx(least_p(size, size, paired=False))
    ways = swaps(size, generator=generator)
    apart = np.abs(ways[:, :size].sum(axis=1) - ways[:, size:].sum(axis=1))[:, None].astype(float)
    assert exchange_p(apart)[0] == pytest.approx(least_p(size, size, paired=True))


def test_false_alarms_of_the_exchange_are_at_most_five_per_cent():
    generator, alarms = np.random.default_rng(5), []
    flags = deals(5, 5, generator=generator)
    for _ in range(400):
        values = generator.normal(size=10)
        apart = np.abs([values[row].mean() - values[~row].mean() for row in flags])[:, None]
        alarms.append(exchange_p(apart)[0] <= 0.05)
    assert np.mean(alarms) < 0.08


def test_disjoint_pairs_hold_no_model_twice(generator):
    every = disjoint_pairs(5, 2, generator=generator)
    assert len(every) == 30
    wanted = {
        (first, second)
        for first in combinations(range(5), 2)
        for second in combinations(range(5), 2)
        if not set(first) & set(second)
    }
    assert {(tuple(a), tuple(b)) for a, b in every.tolist()} == wanted
    for first, second in disjoint_pairs(30, 15, generator=generator).tolist():
        assert len({*first, *second}) == 30
    with pytest.raises(NotEnoughData, match="at most 2 each are possible"):
        disjoint_pairs(5, 3, generator=generator)


@given(st.integers(1, 300))
def test_sizes_go_from_one_to_half(models):
    sizes = halving(models)
    if models < 2:
        assert sizes == ()
        return
    assert sizes[0] == 1
    assert sizes[-1] == models // 2
    assert all(after // 2 == before for before, after in pairwise(sizes))
