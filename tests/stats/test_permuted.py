import itertools

import numpy as np
import pytest
from scipy import stats

from disparate.errors import BadInput, NotEnoughData
from disparate.stats.bootstrap import Units
from disparate.stats.permuted import permuted_means

N = 400


@pytest.fixture
def answers():
    generator = np.random.default_rng(0)
    first = generator.random(N) < 0.7
    second = np.where(generator.random(N) < 0.9, first, ~first)
    return np.stack([first, second]).astype(float), np.repeat([0, 1, 2], [250, 100, 50])


def gap(means):
    return means.max(axis=-1) - means.min(axis=-1)


def naive(values, group, times, seed):
    generator = np.random.default_rng(seed)
    found = []
    for _ in range(times):
        labels = generator.permutation(group)
        found.append([[row[labels == place].mean() for place in range(3)] for row in values])
    return np.array(found)


@pytest.mark.parametrize("kind", ["cells", "examples"])
def test_agrees_with_shuffled_labels_in_distribution(answers, kind):
    values, group = answers
    units = Units.cells(list(values)) if kind == "cells" else Units.singles(N)
    drawn = permuted_means(values, units, np.bincount(group), times=1500, generator=np.random.default_rng(1))
    assert drawn.shape == (1500, 2, 3)
    expected = naive(values, group, 1500, 2)
    for statistic in (lambda means: gap(means)[:, 0], lambda means: gap(means[:, 1] - means[:, 0])):
        assert stats.ks_2samp(statistic(drawn), statistic(expected)).pvalue > 0.001


@pytest.mark.parametrize("times", [1, 50])
def test_all_groups_together_hold_all_examples(answers, times):
    values, group = answers
    sizes = np.bincount(group)
    for units in (Units.cells(list(values)), Units.singles(N)):
        drawn = permuted_means(values, units, sizes, times=times, generator=np.random.default_rng(3))
        assert drawn @ sizes == pytest.approx(np.broadcast_to(values.sum(axis=1), (times, 2)))


def test_every_permutation_is_equally_likely():
    values = np.array([[1.0, 2.0, 4.0, 8.0]])
    drawn = permuted_means(values, Units.singles(4), np.array([2, 2]), times=6000, generator=np.random.default_rng(4))
    expected = sorted(sum(pair) / 2 for pair in itertools.combinations(values[0], 2))
    found, seen = np.unique(drawn[:, 0, 0], return_counts=True)
    assert found.tolist() == expected
    assert stats.chisquare(seen).pvalue > 0.001


def test_a_row_may_stand_for_many_alike_examples():
    values = np.array([[1.0, 0.0, 3.0]])
    units = Units.singles(3, np.array([30, 60, 10]))
    sizes = np.array([20, 80])
    drawn = permuted_means(values, units, sizes, times=4000, generator=np.random.default_rng(5))
    whole = np.repeat(values[0], [30, 60, 10])
    mean = whole.mean()
    spread = whole.std() / np.sqrt(20) * np.sqrt(80 / 99)
    assert drawn[:, 0, 0].mean() == pytest.approx(mean, abs=4 * spread / np.sqrt(4000))
    assert drawn[:, 0, 0].std() == pytest.approx(spread, rel=0.06)


def test_a_group_without_an_example_has_no_mean(answers):
    values, _ = answers
    sizes = np.array([300, 0, 100])
    drawn = permuted_means(values, Units.singles(N), sizes, times=3, generator=np.random.default_rng(6))
    assert np.isnan(drawn[..., 1]).all()
    assert np.isfinite(drawn[..., [0, 2]]).all()


def test_sizes_have_to_be_those_of_the_examples():
    with pytest.raises(BadInput, match=r"N3 permuted groups: groups of \[1, 1\] examples were given for 3 examples"):
        permuted_means(np.zeros((1, 3)), Units.singles(3), np.array([1, 1]), generator=np.random.default_rng(0))


def test_an_example_is_needed():
    with pytest.raises(NotEnoughData, match="N3 permuted groups: no example was given"):
        permuted_means(np.zeros((1, 0)), Units.singles(0), np.array([0]), generator=np.random.default_rng(0))
