import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from disparate.measures import rates


def counts_of(target, predicted, classes):
    return metrics.confusion_matrix(target, predicted, labels=range(classes)).astype(float)


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 5), st.integers(0, 2**32 - 1))
def test_agree_with_scikit_learn(classes, seed):
    generator = np.random.default_rng(seed)
    target, predicted = (
        generator.permutation(np.tile(np.arange(classes), 12)),
        generator.integers(0, classes, 12 * classes),
    )
    counts = counts_of(target, predicted, classes)
    labels = list(range(classes))
    assert rates.accuracy(counts) == pytest.approx(metrics.accuracy_score(target, predicted))
    assert rates.f1_micro(counts) == pytest.approx(metrics.f1_score(target, predicted, average="micro"))
    assert rates.f1_macro(counts) == pytest.approx(metrics.f1_score(target, predicted, average="macro", labels=labels))
    assert rates.tpr(counts) == pytest.approx(metrics.recall_score(target, predicted, average=None, labels=labels))
    one_vs_rest = metrics.multilabel_confusion_matrix(target, predicted, labels=labels)
    expected = one_vs_rest[:, 0, 1] / one_vs_rest[:, 0].sum(axis=1)
    assert rates.fpr(counts) == pytest.approx(expected)
    assert rates.tnr(counts) == pytest.approx(1 - expected)
    seen = np.isfinite(rates.precision(counts))
    precision = metrics.precision_score(target, predicted, average=None, labels=labels, zero_division=0)
    assert rates.precision(counts)[seen] == pytest.approx(precision[seen])
    assert rates.selection_rate(counts) == pytest.approx(np.bincount(predicted, minlength=classes) / len(target))


def test_by_hand():
    counts = np.array([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0], [1.0, 0.0, 2.0]])
    assert rates.accuracy(counts) == pytest.approx(0.7)
    assert rates.tpr(counts) == pytest.approx([2 / 3, 3 / 4, 2 / 3])
    assert rates.fpr(counts) == pytest.approx([1 / 7, 1 / 6, 1 / 7])
    assert rates.f1(counts) == pytest.approx([2 / 3, 3 / 4, 2 / 3])
    assert rates.f1_macro(counts) == pytest.approx((2 / 3 + 3 / 4 + 2 / 3) / 3)


def test_zero_over_zero_is_undefined_and_no_zero():
    counts = np.array([[2.0, 0.0, 1.0], [0.0, 0.0, 0.0], [0.0, 0.0, 3.0]])
    assert np.isnan(rates.tpr(counts)[1])
    assert np.isnan(rates.precision(counts)[1])
    assert np.isnan(rates.f1(counts)[1])
    assert rates.fpr(counts)[1] == 0
    assert np.isnan(rates.fpr(np.array([[3.0, 0.0], [0.0, 0.0]]))[0])


def test_macro_skips_an_absent_class_and_says_so():
    counts = np.array([[2.0, 0.0, 1.0], [0.0, 0.0, 0.0], [0.0, 0.0, 3.0]])
    assert rates.f1_macro(counts) == pytest.approx((0.8 + 6 / 7) / 2)
    assert rates.classes_absent(counts) == 1


def test_no_example_no_value():
    empty = np.zeros((2, 2))
    for function in (rates.accuracy, rates.f1_micro, rates.f1_macro, rates.tpr, rates.selection_rate):
        assert np.isnan(function(empty)).all()


def test_leading_axes_are_kept():
    counts = np.random.default_rng(0).integers(1, 9, (4, 2, 3, 3)).astype(float)
    assert rates.f1_macro(counts).shape == (4, 2)
    assert rates.tpr(counts).shape == (4, 2, 3)
    assert rates.fpr(counts)[3, 1] == pytest.approx(rates.fpr(counts[3, 1]))
