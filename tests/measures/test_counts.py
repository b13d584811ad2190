import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

from disparate.errors import BadInput
from disparate.measures.counts import confusion_counts


@pytest.fixture
def arrays():
    generator = np.random.default_rng(0)
    return generator.integers(0, 4, 200), generator.integers(0, 4, (3, 200)), generator.integers(0, 2, 200)


def test_agrees_with_scikit_learn_in_every_run_and_group(arrays):
    target, predicted, group = arrays
    counts = confusion_counts(target, predicted, group, groups=3, classes=4)
    assert counts.shape == (3, 3, 4, 4)
    for run in range(3):
        for place in range(2):
            rows = group == place
            expected = confusion_matrix(target[rows], predicted[run, rows], labels=range(4))
            assert np.array_equal(counts[run, place], expected)


def test_an_unseen_group_has_zero_counts(arrays):
    target, predicted, group = arrays
    assert not confusion_counts(target, predicted[0], group, groups=3, classes=4)[2].any()


def test_weights_agree_with_scikit_learn(arrays):
    target, predicted, group = arrays
    weight = np.random.default_rng(1).random(200)
    counts = confusion_counts(target, predicted[0], np.zeros_like(group), groups=1, classes=4, weight=weight)
    expected = confusion_matrix(target, predicted[0], labels=range(4), sample_weight=weight)
    assert counts[0] == pytest.approx(expected)


def test_lengths_have_to_agree(arrays):
    target, predicted, group = arrays
    with pytest.raises(BadInput, match="200 targets, 200 answers and 199 groups; one of each per example was expected"):
        confusion_counts(target, predicted, group[1:], groups=2, classes=4)
