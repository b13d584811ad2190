import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from disparate.errors import BadInput, NotEnoughData
from disparate.stats.intervals import (
    binomial_floor,
    clopper_pearson_lower,
    quantile_interval,
    t_interval,
    t_quantile,
    wilson_interval,
)


def test_t_interval_agrees_with_scipy():
    values = np.random.default_rng(0).normal(size=7)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.9)
    assert t_interval(values, level=0.9) == pytest.approx(tuple(expected))


def test_one_value_has_no_interval():
    with pytest.raises(NotEnoughData, match=r"1 value\(s\) given; at least 2 are needed\. Run more seeds\."):
        t_interval(np.array([0.5]))


@pytest.mark.parametrize("level", [0.0, 1.0, 95])
def test_level_has_to_be_a_share(level):
    with pytest.raises(BadInput, match=rf"level of the interval is {level}; a share in \(0, 1\) was expected"):
        t_quantile(level, 4)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))))
def test_wilson_agrees_with_scipy_and_has_width(case):
    n, hits = case
    low, high = wilson_interval(hits / n, n)
    expected = stats.binomtest(hits, n).proportion_ci(0.95, method="wilson")
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-9)
    assert high > low


def test_wilson_needs_examples_and_a_share():
    with pytest.raises(NotEnoughData, match="0 examples given; at least 1"):
        wilson_interval(0.5, 0)
    with pytest.raises(BadInput, match=r"the share is 1\.5"):
        wilson_interval(1.5, 10)


def test_binomial_floor_of_the_papers():
    assert binomial_floor(0.12, 2016) == pytest.approx(0.0055, abs=5e-5)
    assert binomial_floor(0.55, 338) == pytest.approx(0.0285, abs=5e-5)


def test_binomial_floor_is_what_simulation_gives():
    generator = np.random.default_rng(1)
    # a calibrated ensemble: the chance of an error given the example is uniform, so err = 1/2
    chance = generator.random(2000)
    errors = (generator.random((400, 2000)) < chance).mean(axis=1)
    assert errors.std(ddof=1) == pytest.approx(math.sqrt((chance * (1 - chance)).mean() / 2000), rel=0.1)
    assert binomial_floor(1 / 3, 2000) == pytest.approx(errors.std(ddof=1), rel=0.12)


def test_binomial_floor_refuses_nonsense():
    with pytest.raises(NotEnoughData, match="0 examples"):
        binomial_floor(0.1, 0)
    with pytest.raises(BadInput, match="the error is 12"):
        binomial_floor(12, 100)


@pytest.mark.parametrize("level", [0.9, 0.999])
def test_clopper_pearson_lower_is_that_of_scipy(level):
    hits = np.arange(0, 31)
    ours = clopper_pearson_lower(hits, 30, level=level)
    theirs = [stats.binomtest(int(k), 30, alternative="greater").proportion_ci(level).low for k in hits]
    np.testing.assert_allclose(ours, theirs, atol=1e-12)


@pytest.mark.parametrize(("hits", "n", "kind"), [([1], 0, NotEnoughData), ([-1], 5, BadInput), ([6], 5, BadInput)])
def test_clopper_pearson_lower_refuses_what_is_no_count(hits, n, kind):
    with pytest.raises(kind):
        clopper_pearson_lower(np.array(hits), n)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("n", [40, 200])
def test_quantile_interval_covers_at_its_level_and_not_far_above(share, n):
    generator = np.random.default_rng(0)
    truth = stats.expon.ppf(share)
    found = [quantile_interval(generator.exponential(size=n), share, level=0.9) for _ in range(1500)]
    covered = np.mean([low <= truth <= high for low, high in found])
    assert 0.9 - 0.02 <= covered <= 0.97


def test_quantile_interval_needs_enough_values():
    assert quantile_interval(np.arange(5.0), 0.5) is None
    assert quantile_interval(np.arange(6.0), 0.5) == (0.0, 5.0)  # 1 - 2 / 2⁶ = 0.969
    assert quantile_interval(np.zeros(0), 0.5) is None


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1])
def test_quantile_interval_of_no_quantile(share):
    with pytest.raises(BadInput, match=f"share {share}"):
        quantile_interval(np.arange(9.0), share)
