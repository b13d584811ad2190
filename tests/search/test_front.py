"""Dominance under uncertainty: laws of any comparisons, a naive loop, and what NaN does."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from disparate.errors import BadInput
from disparate.search.front import dominates, front, front_by_value


@st.composite
def comparisons(draw, largest=7):
    """Any comparisons at all, rings included: each pair is told one way, the other way, or not."""
    aims, points = draw(st.integers(1, 3)), draw(st.integers(1, largest))
    upper = np.zeros((aims, points, points), dtype=np.int8)
    rows, columns = np.triu_indices(points, 1)
    told = draw(arrays.arrays(np.int8, (aims, len(rows)), elements=st.sampled_from([-1, 0, 1])))
    upper[:, rows, columns] = told
    return upper - upper.transpose(0, 2, 1), draw(arrays.arrays(np.bool_, points))


def naive_dominates(told):
    aims, points, _ = told.shape
    found = np.zeros((points, points), dtype=bool)
    for a in range(points):
        for b in range(points):
            better = any(told[k, a, b] == 1 for k in range(aims))
            worse = any(told[k, a, b] == -1 for k in range(aims))
            found[a, b] = better and not worse
    return found


def naive_front(beats, defined):
    """A point is on the front where whoever leads to it, over any number of steps, is led to by it."""
    points = len(defined)
    leads = beats & defined[:, None] & defined[None, :]
    for via in range(points):
        for a in range(points):
            for b in range(points):
                leads[a, b] |= leads[a, via] and leads[via, b]
    return np.array([
        bool(defined[b]) and all(leads[b, a] for a in range(points) if leads[a, b]) for b in range(points)
    ])


@settings(max_examples=200, deadline=None)
@given(comparisons())
def test_agrees_with_a_naive_loop(case):
    told, defined = case
    beats = dominates(told)
    assert np.array_equal(beats, naive_dominates(told))
    assert np.array_equal(front(beats, defined), naive_front(beats, defined))


@settings(max_examples=100, deadline=None)
@given(comparisons())
def test_never_both_ways_and_never_itself(case):
    beats = dominates(case[0])
    assert not (beats & beats.T).any()


@settings(max_examples=100, deadline=None)
@given(comparisons(), st.randoms(use_true_random=False))
def test_the_order_of_points_and_aims_does_not_matter(case, random):
    told, defined = case
    points, aims = list(range(len(defined))), list(range(len(told)))
    random.shuffle(points)
    random.shuffle(aims)
    moved = told[np.ix_(aims, points, points)]
    assert np.array_equal(dominates(moved), dominates(told)[np.ix_(points, points)])
    assert np.array_equal(front(dominates(moved), defined[points]), front(dominates(told), defined)[points])


@settings(max_examples=100, deadline=None)
@given(comparisons())
def test_there_is_a_front_where_anything_is_defined(case):
    told, defined = case
    found = front(dominates(told), defined)
    assert bool(found.any()) == bool(defined.any())
    assert not (found & ~defined).any()


@settings(max_examples=100, deadline=None)
@given(comparisons())
def test_what_is_told_of_a_pair_concerns_no_other_pair(case):
    """Two points that nothing is told of are beaten by nobody and beat nobody."""
    told, defined = case
    apart = told.copy()
    apart[:, 0, :] = apart[:, :, 0] = 0
    beats = dominates(apart)
    assert not beats[0].any()
    assert front(beats, defined)[0] == defined[0]


def test_a_point_is_beaten_by_one_that_is_better_in_one_aim_and_not_told_apart_in_the_other():
    told = np.array([[[0, 1], [-1, 0]], [[0, 0], [0, 0]]], dtype=np.int8)
    assert dominates(told).tolist() == [[False, True], [False, False]]
    assert front(dominates(told), np.array([True, True])).tolist() == [True, False]


def test_a_trade_beats_nobody():
    told = np.array([[[0, 1], [-1, 0]], [[0, -1], [1, 0]]], dtype=np.int8)
    assert not dominates(told).any()


def test_who_is_undefined_beats_nobody_and_is_on_no_front():
    told = np.array([[[0, 1], [-1, 0]], [[0, 1], [-1, 0]]], dtype=np.int8)
    assert front(dominates(told), np.array([False, True])).tolist() == [False, True]


values = arrays.arrays(np.float64, (6, 2), elements=st.sampled_from([0.0, 1.0, 2.0, np.nan]))


@settings(max_examples=100, deadline=None)
@given(values)
def test_by_value_it_is_the_usual_front(values):
    expected = [
        not np.isnan(one).any()
        and not any(not np.isnan(other).any() and (other >= one).all() and (other > one).any() for other in values)
        for one in values
    ]
    assert front_by_value(values).tolist() == expected


def test_comparisons_that_contradict_themselves_are_refused():
    with pytest.raises(BadInput, match="each the reverse of its mirror"):
        dominates(np.ones((1, 2, 2), dtype=np.int8))
