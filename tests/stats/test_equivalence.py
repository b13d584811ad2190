import numpy as np
import pytest
from scipy import stats

from disparate.errors import BadInput
from disparate.stats.equivalence import equivalence_p, no_harm_p
from disparate.stats.paired import paired_mean


@pytest.fixture
def estimate():
    return paired_mean(np.random.default_rng(0).normal(0.002, 0.01, size=(8, 1)))


def test_agrees_with_two_one_sided_tests():
    differences = np.random.default_rng(1).normal(0.002, 0.01, size=8)
    found = equivalence_p(paired_mean(differences[:, None]), "seeds", margin=0.01)
    below = stats.ttest_1samp(differences, 0.01, alternative="less").pvalue
    above = stats.ttest_1samp(differences, -0.01, alternative="greater").pvalue
    assert found == pytest.approx(max(below, above))


def test_it_is_the_interval_within_the_margin(estimate):
    low, high = estimate.interval("seeds", level=0.9)
    edge = max(abs(low), abs(high))
    assert equivalence_p(estimate, "seeds", margin=edge) == pytest.approx(0.05)
    assert equivalence_p(estimate, "seeds", margin=edge * 1.01) < 0.05


def test_harm_has_a_direction(estimate):
    accuracy = no_harm_p(estimate, "seeds", margin=0.005, higher_is_better=True)
    loss = no_harm_p(estimate, "seeds", margin=0.005, higher_is_better=False)
    assert max(accuracy, loss) == pytest.approx(equivalence_p(estimate, "seeds", margin=0.005))
    assert (accuracy < loss) == (estimate.value > 0)


@pytest.mark.parametrize("axis", ["examples", "both"])
def test_no_flip_among_many_examples_is_no_harm(axis):
    same = paired_mean(np.zeros((3, 299)))
    assert equivalence_p(same, axis, margin=0.01) == pytest.approx(0.99**299)
    assert equivalence_p(same, "seeds", margin=0.01) is None
    assert equivalence_p(same, axis, margin=1.0) is None


def test_differences_that_are_all_alike_conclude_nothing():
    alike = paired_mean(np.full((3, 10), 0.001))
    assert no_harm_p(alike, "both", margin=0.01, higher_is_better=True) is None


def test_without_the_axis_there_is_no_test():
    assert equivalence_p(paired_mean(np.array([[0.0, 1.0]])), "seeds", margin=0.1) is None


@pytest.mark.parametrize("margin", [0.0, -0.1, float("nan")])
def test_the_margin_has_to_be_positive(estimate, margin):
    with pytest.raises(BadInput, match=f"margin is {margin}; a positive number in the unit of the measure"):
        equivalence_p(estimate, "seeds", margin=margin)


def test_harm_at_the_margin_is_called_none_at_the_stated_rate():
    generator = np.random.default_rng(2)
    found = [
        no_harm_p(paired_mean(generator.normal(-0.02, 0.03, size=(6, 1))), "seeds", margin=0.02, higher_is_better=True)
        for _ in range(1000)
    ]
    assert np.mean(np.array(found) < 0.05) == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / 1000))
