import numpy as np
import pytest
from fairlearn import metrics as fairlearn
from hypothesis import given, settings
from hypothesis import strategies as st

from disparate.measures import disparity
from disparate.measures.counts import confusion_counts
from disparate.measures.rates import fpr, tnr, tpr


def random_counts(seed, groups=3, classes=4, *, least=1):
    return np.random.default_rng(seed).integers(least, 20, (groups, classes, classes)).astype(float)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_equalized_odds_is_the_sum_of_both_opportunities(seed):
    counts = random_counts(seed)
    whole = disparity.equalized_odds_sum(counts, 1)
    parts = disparity.equal_opportunity_0(counts, 1) + disparity.equal_opportunity_1(counts, 1)
    assert whole[[0, 2]] == pytest.approx(parts[[0, 2]])
    assert np.isnan(whole[1])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_sums_written_out(seed):
    counts = random_counts(seed)
    differences = [tpr(counts)[2] - tpr(counts)[0], fpr(counts)[2] - fpr(counts)[0], tnr(counts)[2] - tnr(counts)[0]]
    d_tpr, d_fpr, d_tnr = differences
    assert disparity.equalized_odds_sum(counts, 0)[2] == pytest.approx((abs(d_tpr) + abs(d_fpr)).sum())
    assert disparity.equalized_odds_abs_sum(counts, 0)[2] == pytest.approx(abs(d_tpr + d_fpr).sum())
    assert disparity.equal_opportunity_0(counts, 0)[2] == pytest.approx(abs(d_tnr).sum())
    assert disparity.equalized_odds_abs_sum(counts, 0)[2] <= disparity.equalized_odds_sum(counts, 0)[2] + 1e-12


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_agree_with_fairlearn_on_two_classes(seed):
    generator = np.random.default_rng(seed)
    group = np.repeat([0, 1, 2], 40)
    target = np.tile([0, 1], 60)
    predicted = generator.integers(0, 2, 120)
    counts = confusion_counts(target, predicted, group, groups=3, classes=2)
    expected = fairlearn.equalized_odds_difference(target, predicted, sensitive_features=group)
    assert disparity.equalized_odds_worst(counts) == pytest.approx(expected)
    opportunity = fairlearn.equal_opportunity_difference(target, predicted, sensitive_features=group)
    assert disparity.equal_opportunity_difference(counts) == pytest.approx(opportunity)
    frame = fairlearn.MetricFrame(
        metrics=lambda y, p: (y == p).mean(), y_true=target, y_pred=predicted, sensitive_features=group
    )
    assert disparity.accuracy_gap(counts) == pytest.approx(frame.difference())
    assert disparity.worst_group_accuracy(counts) == pytest.approx(frame.group_min())


def test_the_opportunity_of_the_positive_label_needs_two_labels_and_two_groups_with_it():
    assert np.isnan(disparity.equal_opportunity_difference(random_counts(0)))
    counts = random_counts(0, classes=2)
    counts[1:, 1] = 0  # one group alone has positive examples
    assert np.isnan(disparity.equal_opportunity_difference(counts))


def test_by_hand():
    counts = np.array([[[8.0, 2.0], [1.0, 9.0]], [[5.0, 5.0], [2.0, 8.0]]])
    # dTPR = -0.3, -0.1; dFPR = 0.1, 0.3
    assert disparity.equalized_odds_sum(counts, 0)[1] == pytest.approx(0.8)
    assert disparity.equalized_odds_abs_sum(counts, 0)[1] == pytest.approx(0.4)
    assert disparity.equal_opportunity_1(counts, 0)[1] == pytest.approx(0.4)
    assert disparity.equalized_odds_worst(counts) == pytest.approx(0.3)
    assert disparity.accuracy_gap(counts) == pytest.approx(0.85 - 0.65)


def test_an_unseen_group_takes_no_part():
    counts = random_counts(1)
    more = np.concatenate([counts, np.zeros((1, 4, 4))])
    for function in (disparity.accuracy_gap, disparity.worst_group_accuracy, disparity.equalized_odds_worst):
        assert function(more) == pytest.approx(function(counts))
    assert np.isnan(disparity.equalized_odds_sum(more, 0)[3])


def test_a_class_absent_in_one_group_is_skipped_and_counted():
    counts = random_counts(2, groups=2, classes=3)
    counts[1, 2] = 0.0
    assert disparity.classes_skipped(counts, 0).tolist() == [0, 1]
    d_tpr, d_fpr = tpr(counts)[1] - tpr(counts)[0], fpr(counts)[1] - fpr(counts)[0]
    expected = (abs(d_tpr) + abs(d_fpr))[:2].sum()
    assert disparity.equalized_odds_sum(counts, 0)[1] == pytest.approx(expected)


def test_undefined_where_the_label_is_the_group():
    counts = np.zeros((3, 3, 3))
    for group in range(3):
        counts[group, group] = [5.0, 3.0, 2.0]
    assert disparity.single_class(counts)
    for function in (
        disparity.equalized_odds_sum,
        disparity.equalized_odds_abs_sum,
        disparity.equal_opportunity_0,
        disparity.equal_opportunity_1,
    ):
        assert np.isnan(function(counts, 0)).all()
    assert np.isnan(disparity.equalized_odds_worst(counts))
    assert disparity.accuracy_gap(counts) == pytest.approx(0.3)


def test_one_group_has_no_gap():
    assert np.isnan(disparity.accuracy_gap(random_counts(3, groups=1)))
    assert np.isnan(disparity.worst_group_accuracy(np.zeros((2, 3, 3))))


def test_leading_axes_are_kept():
    counts = np.stack([random_counts(4), random_counts(5)])
    for function in (disparity.equalized_odds_sum, disparity.equal_opportunity_0):
        assert function(counts, 1)[1, 0] == pytest.approx(function(counts[1], 1)[0])
    assert disparity.equalized_odds_worst(counts).shape == (2,)
