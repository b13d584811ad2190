"""Association: against scipy and scikit-learn, and at its own stated rates."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from disparate.errors import BadInput, NotEnoughData
from disparate.stats.association import logistic, more_likely, rank_correlation, separation

seeds = st.integers(0, 2**32 - 1)


def draw(seed: int, n: int, *, ties: bool = False) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    x = generator.integers(0, 5, n).astype(float) if ties else generator.normal(size=n)
    return x, x + generator.normal(size=n)


@given(seeds, st.integers(4, 7), st.booleans())
def test_correlation_and_exact_p_equal_scipy(seed, n, ties):
    x, y = draw(seed, n, ties=ties)
    if np.ptp(x) == 0:
        return
    found = rank_correlation(x, y, generator=np.random.default_rng(0))
    assert found.value == pytest.approx(stats.spearmanr(x, y).statistic)

    assert found.exact
    assert found.p_value >= found.least_p - 1e-12


@pytest.mark.parametrize("seed", range(4))
def test_the_exact_p_equals_scipy(seed):
    x, y = draw(seed, 5)
    outside = stats.permutation_test(
        (x,), lambda order: stats.spearmanr(order, y).statistic, permutation_type="pairings", n_resamples=np.inf
    )
    assert rank_correlation(x, y, generator=np.random.default_rng(0)).p_value == pytest.approx(outside.pvalue)


def test_many_pairs_are_judged_by_random_orders():
    x, y = draw(3, 40)
    found = rank_correlation(x, y, generator=np.random.default_rng(0))
    assert not found.exact
    assert found.p_value == pytest.approx(stats.spearmanr(x, y).pvalue, abs=0.02)


def test_the_p_value_is_uniform_where_nothing_goes_with_anything():
    generator = np.random.default_rng(5)
    p = [
        rank_correlation(generator.normal(size=6), generator.normal(size=6), generator=generator).p_value
        for _ in range(400)
    ]
    assert 0.02 <= np.mean(np.array(p) <= 0.05) <= 0.08


@given(seeds, st.booleans())
def test_separation_equals_scikit_learn(seed, ties):
    x, y = draw(seed, 60, ties=ties)
    changed = y > np.median(y)
    assert separation(x, changed).value == pytest.approx(roc_auc_score(changed, x))
    assert separation(-x, changed).value == pytest.approx(1 - roc_auc_score(changed, x))


def test_the_standard_error_is_the_spread_over_samples():
    values, errors = [], []
    generator = np.random.default_rng(0)
    for _ in range(600):
        changed = generator.random(300) < 0.3
        found = separation(generator.normal(size=300) + changed, changed)
        values.append(found.value)
        errors.append(found.se)
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.08)


def test_the_interval_stays_inside_and_holds_the_value():
    x, y = draw(1, 50)
    found = separation(x, y > 1)
    low, high = found.interval()
    assert 0 < low < found.value < high < 1
    certain = separation(np.array([3.0, 2.0, 1.0, 0.0]), np.array([True, True, False, False]))
    assert certain.interval() == (1.0, 1.0)


@given(seeds)
def test_a_logistic_fit_equals_scikit_learn(seed):
    x, y = draw(seed, 200)
    changed = y > 0.3
    design = np.column_stack([np.ones(200), x])
    fit = logistic(design, changed)
    outside = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(x[:, None], changed)
    np.testing.assert_allclose(fit.coefficients, [outside.intercept_[0], outside.coef_[0, 0]], rtol=1e-4)
    loss = -np.log(outside.predict_proba(x[:, None])[np.arange(200), changed.astype(int)]).sum()
    assert -fit.log_likelihood == pytest.approx(loss, rel=1e-8)


def test_the_likelihood_ratio_finds_a_group_that_matters_and_alarms_at_its_rate_otherwise():
    generator, alarms, found = np.random.default_rng(0), 0, 0
    for _ in range(300):
        distance, group = generator.normal(size=400), generator.integers(0, 2, 400)
        changed = generator.random(400) < 1 / (1 + np.exp(distance))
        paying = generator.random(400) < 1 / (1 + np.exp(distance - group))
        small, large = np.column_stack([np.ones(400), distance]), np.column_stack([np.ones(400), distance, group])
        alarms += more_likely(logistic(small, changed), logistic(large, changed)) < 0.05
        found += more_likely(logistic(small, paying), logistic(large, paying)) < 0.05
    assert 2 <= alarms <= 29
    assert found > 270


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda g: rank_correlation(np.arange(2.0), np.arange(2.0), generator=g), NotEnoughData, "2 pair"),
        (lambda g: rank_correlation(np.ones(5), np.arange(5.0), generator=g), NotEnoughData, "equal"),
        (lambda g: rank_correlation(np.array([1, np.nan, 2]), np.arange(3.0), generator=g), BadInput, "numbers"),
        (lambda _: separation(np.arange(4.0), np.array([True, False, False, False])), NotEnoughData, "1 changed"),
        (lambda _: separation(np.array([np.inf, 1]), np.array([True, False])), BadInput, "finite"),
        (lambda _: logistic(np.ones((6, 2)), np.arange(6) > 2), NotEnoughData, "single fit"),
        (lambda _: logistic(np.column_stack([np.ones(6), np.arange(6)]), np.arange(6) > 2), NotEnoughData, "columns"),
    ],
)
def test_what_cannot_be_told_is_said(call, error, message):
    with pytest.raises(error, match=message):
        call(np.random.default_rng(0))
