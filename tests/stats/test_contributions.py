import numpy as np
import pytest

from disparate.stats import contributions as module
from disparate.stats.components import analysis_of_variance, components_of, independent_flips
from disparate.stats.contributions import condensed, contributions


@pytest.fixture
def values():
    return np.random.default_rng(0).integers(0, 2, (6, 50)).astype(float)


def test_they_sum_to_the_weighted_mean(values):
    weight = np.random.default_rng(1).random(50)
    assert contributions(values, weight=weight).sum(axis=1) == pytest.approx(np.average(values, axis=1, weights=weight))


def test_their_variances_are_those_of_independent_flips(values):
    assert contributions(values).var(axis=0, ddof=1).sum() == pytest.approx(independent_flips(values))


def test_a_row_that_stands_for_three_is_three_rows(values):
    alike = np.repeat([1, 3], 25)
    counted = contributions(values, multiplicity=alike)
    single = contributions(np.repeat(values, alike, axis=1))
    assert counted @ counted.T == pytest.approx(single @ single.T)


def test_rows_of_one_cluster_move_as_one(values):
    found = contributions(values, clusters=np.repeat(np.arange(10), 5))
    assert found.shape == (6, 10)
    assert found[:, 0] == pytest.approx(values[:, :5].sum(axis=1) / 50)


@pytest.mark.parametrize("units", [3, 50, 200])
def test_condensing_keeps_the_analysis_of_variance(units, monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 64)
    values = np.random.default_rng(2).normal(size=(6, units))
    few = condensed(values)
    assert few.shape[1] <= 6 * (1 + units // 64)
    for name, part in components_of(analysis_of_variance(values.reshape(2, 3, 1, units))).by_name().items():
        kept = components_of(analysis_of_variance(few.reshape(2, 3, 1, few.shape[1])))
        assert kept.by_name()[name] == pytest.approx(part)


def test_the_independent_part_of_independent_examples_is_all():
    """Examples that flip coins of their own: the variance between runs is that of the finite test set."""
    generator = np.random.default_rng(3)
    chance = generator.random(100)
    found, own = [], []
    for _ in range(400):
        values = (generator.random((12, 100)) < chance).astype(float)
        found.append(components_of(analysis_of_variance(values.mean(axis=1).reshape(3, 4, 1))).total)
        own.append(components_of(analysis_of_variance(contributions(values).reshape(3, 4, 1, 100))).total)
    expected = (chance * (1 - chance)).sum() / 100**2
    assert np.mean(own) == pytest.approx(expected, rel=0.01)
    assert np.mean(found) == pytest.approx(expected, rel=0.1)


def test_what_examples_do_together_is_not_theirs():
    """A shift that all examples share is no matter of the test set, however few they are."""
    generator = np.random.default_rng(4)
    shared = generator.normal(size=(3, 4, 1, 1))
    values = np.broadcast_to(shared, (3, 4, 1, 1000)).reshape(12, 1000)
    whole = components_of(analysis_of_variance(values.mean(axis=1).reshape(3, 4, 1)))
    own = components_of(analysis_of_variance(contributions(values).reshape(3, 4, 1, 1000)))
    assert own.mixed == pytest.approx(whole.mixed / 1000)
    assert whole.shares_beside(own)["test set"] < 0.002
