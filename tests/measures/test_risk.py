import numpy as np
import pytest

from disparate.groups import Groups
from disparate.measures.frame import group_means
from disparate.measures.risk import excessive_risk, fairness_violation


def test_excessive_risk_and_violation_by_hand(answers):
    target, race = [0, 0, 1, 1], ["a", "a", "b", "b"]
    reference = answers(target, target, race, loss=[0.5, 0.5, 1.0, 1.0])
    variant = answers(target, target, race, loss=[0.25, 0.5, 1.5, 2.0])
    groups = Groups.of(reference.attributes, by="race")
    risks = group_means(excessive_risk(variant, reference), groups)
    assert risks.tolist() == [-0.125, 0.75]
    assert fairness_violation(risks) == pytest.approx(0.875)


def test_the_violation_is_the_largest_over_pairs():
    risks = np.random.default_rng(0).normal(size=(5, 4))
    pairs = np.abs(risks[:, :, None] - risks[:, None]).max(axis=(1, 2))
    assert fairness_violation(risks) == pytest.approx(pairs)


def test_one_group_has_no_violation():
    assert np.isnan(fairness_violation(np.array([0.3, np.nan])))


def test_the_same_answers_cost_nothing(answers):
    same = answers([0, 1], [0, 0], ["a", "b"], loss=[0.1, 0.9])
    assert not excessive_risk(same, same).any()
