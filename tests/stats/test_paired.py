import numpy as np
import pytest
from scipy import stats

from disparate.errors import BadInput
from disparate.stats.paired import estimate_from_replicates, linearised, paired_mean


def layout(generator, seeds, examples, *, by_seed, by_example, rest):
    return (
        by_seed * generator.normal(size=(seeds, 1))
        + by_example * generator.normal(size=(1, examples))
        + rest * generator.normal(size=(seeds, examples))
    )


def test_by_hand():
    # seed means 2/3 and 1/3; example means 0, 1/2, 1; the rest is +-1/6, -+1/3 ...
    estimate = paired_mean(np.array([[0.0, 1.0, 1.0], [0.0, 0.0, 1.0]]))
    assert estimate.value == pytest.approx(0.5)
    assert estimate.variance("seeds") == pytest.approx((1 / 18) / 2)
    assert estimate.variance("examples") == pytest.approx(0.25 / 3)
    rest = np.array([[-1 / 6, 1 / 3, -1 / 6], [1 / 6, -1 / 3, 1 / 6]])
    assert estimate.interaction == pytest.approx((rest**2).sum() / 2 / 6)
    assert estimate.variance("both") == pytest.approx(1 / 36 + 1 / 12 - 1 / 36)


def test_single_axes_are_one_sample_t_tests():
    values = layout(np.random.default_rng(0), 5, 40, by_seed=0.3, by_example=0.5, rest=1.0) + 0.2
    estimate = paired_mean(values)
    for axis, means in (("seeds", values.mean(axis=1)), ("examples", values.mean(axis=0))):
        expected = stats.ttest_1samp(means, 0)
        assert estimate.p_value(axis) == pytest.approx(expected.pvalue)
        assert estimate.interval(axis) == pytest.approx(tuple(expected.confidence_interval(0.95)))


@pytest.mark.parametrize("spread", [(0.4, 0.0, 1.0), (0.1, 1.0, 1.0), (0.2, 1.0, 0.0)])
def test_combined_variance_is_that_of_the_mean(spread):
    generator = np.random.default_rng(3)
    by_seed, by_example, rest = spread
    seeds, examples, times = 6, 30, 1500
    estimates = [
        paired_mean(layout(generator, seeds, examples, by_seed=by_seed, by_example=by_example, rest=rest))
        for _ in range(times)
    ]
    truth = by_seed**2 / seeds + by_example**2 / examples + rest**2 / (seeds * examples)
    assert np.var([item.value for item in estimates]) == pytest.approx(truth, rel=0.12)
    unbiased = [item.over_seeds + item.over_examples - item.interaction for item in estimates]
    assert np.mean(unbiased) == pytest.approx(truth, rel=0.06)


@pytest.mark.parametrize(("by_seed", "by_example"), [(0.3, 0.5), (0.0, 0.8), (0.5, 0.0)])
def test_intervals_cover_at_the_stated_rate(by_seed, by_example):
    generator = np.random.default_rng(4)
    hits = 0
    for _ in range(800):
        low, high = paired_mean(layout(generator, 5, 40, by_seed=by_seed, by_example=by_example, rest=1.0)).interval(
            "both"
        )
        hits += low <= 0 <= high
    # four standard errors of a binomial share below the level; above it by as much as max(A, B) is cautious
    assert 0.95 - 4 * np.sqrt(0.95 * 0.05 / 800) <= hits / 800 <= 0.995


def test_one_seed_has_no_seed_axis():
    estimate = paired_mean(np.array([[0.0, 1.0, 1.0, 0.0]]))
    assert estimate.widest == "examples"
    for axis in ("seeds", "both"):
        assert estimate.se(axis) is None
        assert estimate.interval(axis) is None
        assert estimate.p_value(axis) is None
    assert estimate.p_value("examples") is not None


def test_one_value_has_no_axis_at_all():
    estimate = paired_mean(np.array([[0.3]]))
    assert estimate.widest is None
    assert estimate.value == pytest.approx(0.3)


def test_no_difference_is_no_interval_and_p_one():
    estimate = paired_mean(np.zeros((5, 100)))
    assert estimate.interval("both") is None
    assert estimate.p_value("both") == pytest.approx(1.0)


def test_two_seeds_that_happen_to_agree_prove_nothing():
    values = np.zeros((2, 50))
    values[0, 3] = values[1, 7] = -1.0
    estimate = paired_mean(values)
    assert estimate.interval("seeds") is None
    assert estimate.p_value("seeds") == pytest.approx(0.5)


def test_rounding_is_not_spread():
    values = np.full((3, 7), 0.1) + np.array([[0.0], [1e-17], [0.0]])
    estimate = paired_mean(values)
    assert estimate.interval("both") is None
    assert estimate.p_value("both") == pytest.approx(2.0 ** (1 - 3))


def test_every_example_its_own_cluster_changes_nothing():
    values = layout(np.random.default_rng(5), 4, 30, by_seed=0.3, by_example=0.5, rest=1.0)
    plain, clustered = paired_mean(values), paired_mean(values, clusters=np.arange(30)[::-1])
    for axis in ("seeds", "examples", "both"):
        assert clustered.variance(axis) == pytest.approx(plain.variance(axis))


def test_clusters_of_copies_count_once():
    values = layout(np.random.default_rng(6), 4, 50, by_seed=0.3, by_example=0.5, rest=1.0)
    copied = paired_mean(np.repeat(values, 3, axis=1), clusters=np.repeat(np.arange(50), 3))
    plain = paired_mean(values)
    assert copied.examples == 50
    for axis in ("seeds", "examples", "both"):
        assert copied.variance(axis) == pytest.approx(plain.variance(axis))


def test_weights_that_are_alike_change_nothing_and_others_move_the_mean():
    values = layout(np.random.default_rng(7), 4, 30, by_seed=0.3, by_example=0.5, rest=1.0)
    assert paired_mean(values, weight=np.full(30, 2.5)).variance("both") == pytest.approx(
        paired_mean(values).variance("both")
    )
    weight = np.random.default_rng(8).random(30)
    expected = np.average(values.mean(axis=0), weights=weight)
    assert paired_mean(values, weight=weight).value == pytest.approx(expected)
    assert linearised(values, weight).mean() == pytest.approx(expected)


@pytest.mark.parametrize("shape", [(5,), (0, 5), (5, 0)])
def test_refuses_other_shapes(shape):
    with pytest.raises(BadInput, match=r"\(seeds, examples\) with at least one of each"):
        paired_mean(np.zeros(shape))


def test_refuses_nan():
    with pytest.raises(BadInput, match="NaN or infinity"):
        paired_mean(np.array([[0.0, np.nan]]))


def test_replicates_of_a_mean_give_the_same_estimate():
    values = layout(np.random.default_rng(9), 5, 400, by_seed=0.1, by_example=0.5, rest=1.0)
    exact = paired_mean(values)
    covariance = np.cov(values) / 400
    from_replicates = estimate_from_replicates(values.mean(axis=1), covariance, examples=400)
    for axis in ("seeds", "examples", "both"):
        assert from_replicates.variance(axis) == pytest.approx(exact.variance(axis), rel=1e-9)


def test_no_replicates_no_examples_axis():
    estimate = estimate_from_replicates(np.array([0.1, 0.2]), None, examples=40)
    assert estimate.widest == "seeds"
    assert estimate_from_replicates(np.array([0.1]), None, examples=40).widest is None
