import numpy as np
import pytest
from scipy import stats

from disparate.errors import BadInput
from disparate.stats.equivalence import Turned, equivalence_p, no_harm_p
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
    same, nobody = paired_mean(np.zeros((3, 299))), Turned(up=0.0, down=0.0)
    assert equivalence_p(same, axis, margin=0.01, turned=nobody) == pytest.approx(0.99**299)
    assert equivalence_p(same, "seeds", margin=0.01, turned=nobody) is None
    assert equivalence_p(same, axis, margin=1.0, turned=nobody) is None
    assert equivalence_p(same, axis, margin=0.01) is None


def test_differences_that_are_all_alike_conclude_nothing():
    alike = paired_mean(np.full((3, 10), 0.001))
    assert no_harm_p(alike, "both", margin=0.01, higher_is_better=True) is None
    worse = paired_mean(np.full((1, 10), -1.0))
    found = no_harm_p(worse, "examples", margin=0.01, higher_is_better=True, turned=Turned(up=0.0, down=1.0))
    assert found is None


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


def judged(n, harmful, beneficial, margin):
    """Return the p-value against harm of one run in which so many answers turned."""
    values = np.zeros((1, n))
    values[0, :harmful], values[0, harmful : harmful + beneficial] = 1, -1
    turned = Turned(up=harmful / n, down=beneficial / n)
    return no_harm_p(paired_mean(values), "examples", margin=margin, higher_is_better=False, turned=turned)


@pytest.mark.parametrize(("harmful", "beneficial"), [(2, 1), (5, 9), (0, 3)])
def test_one_run_is_judged_by_the_spread_under_the_margin(harmful, beneficial):
    n, margin = 400, 0.02
    seen = (harmful + beneficial) / n - ((harmful - beneficial) / n) ** 2
    under = max(seen, 2 * beneficial / n + margin * (1 - margin))
    score = ((harmful - beneficial) / n - margin) / np.sqrt(under / (n - 1))
    assert judged(n, harmful, beneficial, margin) == pytest.approx(max(stats.t(n - 1).cdf(score), 0.98**n))


def test_fewer_examples_than_the_margin_needs_conclude_nothing():
    assert judged(148, 0, 0, 0.02) > 0.05 >= judged(149, 0, 0, 0.02)
    assert judged(60, 0, 1, 0.02) > judged(60, 0, 0, 0.02) - 1e-12


def test_runs_that_turn_the_same_answers_are_judged_as_one():
    generator = np.random.default_rng(3)
    one = generator.choice([-1.0, 0.0, 1.0], p=[0.01, 0.98, 0.01], size=(1, 600))
    turned = Turned(up=float((one > 0).mean()), down=float((one < 0).mean()))
    found = [
        no_harm_p(paired_mean(values), "examples", margin=0.02, higher_is_better=True, turned=turned)
        for values in (one, np.repeat(one, 4, axis=0))
    ]
    assert found[0] == pytest.approx(found[1])


def missed(n, beneficial, margin):
    """Return how often a harm of exactly the margin is called none, from the chance of every outcome."""
    shares = (beneficial + margin, beneficial, 1 - 2 * beneficial - margin)
    outcomes = np.array([(h, b, n - h - b) for h in range(n // 3) for b in range(n // 3)])
    chances = stats.multinomial.pmf(outcomes, n, shares)
    likely = chances > 1e-5
    told = [judged(n, h, b, margin) <= 0.05 for h, b, _ in outcomes[likely].tolist()]
    return chances[likely] @ np.array(told) + chances[~likely].sum()


@pytest.mark.parametrize("beneficial", [0.0, 0.005, 0.02])
@pytest.mark.parametrize("n", [60, 150])
def test_a_harm_of_the_margin_is_called_none_at_the_stated_rate(n, beneficial):
    # a t test with the spread that was seen does so in up to 20 of 100 samples
    assert missed(n, beneficial, 0.02) <= 0.051


@pytest.mark.slow
@pytest.mark.parametrize("margin", [0.01, 0.02, 0.05])
@pytest.mark.parametrize("beneficial", [0.0, 0.002, 0.01, 0.05, 0.1])
@pytest.mark.parametrize("n", [200, 500, 1000])
def test_the_rate_holds_whatever_turns_to_the_better(n, beneficial, margin):
    assert missed(n, beneficial, margin) <= 0.056
