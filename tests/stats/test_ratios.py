import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from disparate.errors import BadInput, NotEnoughData
from disparate.stats.ratios import ratio_of_means


def populations(seed, models=6, others=6):
    generator = np.random.default_rng(seed)
    shared = generator.normal(0, 0.02, max(models, others))
    before = 0.2 + generator.normal(0, 0.01, models) + shared[:models]
    return before, 0.3 + generator.normal(0, 0.03, others) + shared[:others]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_the_ends_of_a_paired_interval_are_where_scipys_paired_test_turns(seed):
    before, after = populations(seed)
    interval = ratio_of_means(before, after, paired=True).interval()
    for end in interval:
        assert stats.ttest_1samp(after - end * before, 0).pvalue == pytest.approx(0.05)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_the_ends_of_an_unpaired_interval_are_where_fiellers_statistic_is_the_quantile(seed):
    before, after = populations(seed, others=9)
    found = ratio_of_means(before, after, paired=False)
    welch = stats.ttest_ind(found.value * before, after, equal_var=False)
    assert found.df == pytest.approx(welch.df)
    for end in found.interval(level=0.9):
        se = np.hypot(end * stats.sem(before), stats.sem(after))
        assert abs(after.mean() - end * before.mean()) / se == pytest.approx(stats.t.ppf(0.95, found.df))


def test_the_interval_holds_the_truth_as_often_as_it_says():
    generator, hits = np.random.default_rng(1), []
    for _ in range(1500):
        before, after = generator.normal(0.05, 0.015, 6), generator.normal(0.075, 0.02, 6)
        interval = ratio_of_means(before, after, paired=False).interval()
        hits.append(interval is None or interval.low <= 1.5 <= interval.high)
    assert 0.935 < np.mean(hits) < 0.98


def test_what_cannot_be_told_from_zero_has_no_interval_and_zero_no_ratio():
    before = np.array([0.0, 0.0, 0.0, 0.1])
    assert ratio_of_means(before, before + 0.1, paired=False).interval() is None
    assert ratio_of_means(np.zeros(3), np.ones(3), paired=True) is None
    assert ratio_of_means(np.full(3, 0.1), np.full(3, 0.2), paired=True).interval() is None


def test_a_single_model_and_pairs_that_are_none_are_refused():
    with pytest.raises(NotEnoughData, match="1 and 3 models; at least 2"):
        ratio_of_means(np.ones(1), np.ones(3), paired=False)
    with pytest.raises(BadInput, match="4 and 3 models cannot be paired"):
        ratio_of_means(np.ones(4), np.ones(3), paired=True)
