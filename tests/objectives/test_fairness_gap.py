"""Fairness gap (FairXbar, eq. 11): by hand, its two groups, and the weights that it tells."""

import math

import pytest
import torch
from torch.nn.functional import cross_entropy

from disparate.errors import BadInput
from disparate.objectives import Batch, Population
from disparate.objectives.fairness_gap import FairnessGap

LOG2 = math.log(2)
THREE = Population(names=("dark", "light", "other", "none"), counts=(1, 2, 1, 0))
OUTPUTS = torch.tensor([[0.0, 0.0], [99.0, 0.0], [99.0, 0.0], [0.0, 0.0]])
BATCH = Batch(target=torch.zeros(4, dtype=torch.int64), group=torch.tensor([0, 1, 1, 2]))


def never():
    raise AssertionError


@pytest.mark.parametrize(("privileged", "unprivileged"), [("light", "dark"), ("dark", "light")])
def test_the_loss_by_hand(privileged, unprivileged):
    """Everyone log 2 / 2, others included; the gap is log 2 either way."""
    course = FairnessGap(privileged=privileged, unprivileged=unprivileged, strength=0.25).begin(THREE)
    assert course.loss(OUTPUTS, BATCH).item() == pytest.approx(0.75 * LOG2 / 2 + 0.25 * LOG2)


def test_a_batch_that_lacks_one_of_them_has_no_gap_and_is_counted():
    course = FairnessGap(privileged="light", unprivileged="dark", strength=0.25).begin(THREE)
    part = Batch(target=BATCH.target[1:], group=BATCH.group[1:])
    assert course.loss(OUTPUTS[1:], part).item() == pytest.approx(0.75 * LOG2 / 3)
    course.end_epoch(1, never)
    told = course.told()
    assert told["batches_without_both"] == 1
    assert told["loss"] == pytest.approx({"light": 0.0})
    assert "gap" not in told


def test_the_weights_it_tells_are_those_of_the_gradient():
    pair = Population(names=("dark", "light"), counts=(1, 3))
    course = FairnessGap(privileged="light", unprivileged="dark", strength=0.6).begin(pair)
    outputs = torch.tensor([[0.0, 0.0], [9.0, 0.0], [9.0, 0.0], [9.0, 0.0]], requires_grad=True)
    batch = Batch(target=torch.zeros(4, dtype=torch.int64), group=torch.tensor([0, 1, 1, 1]))
    course.loss(outputs, batch).backward()
    course.end_epoch(1, never)
    weights = course.told()["weight"]
    assert weights == pytest.approx({"light": 0.4 * 0.75 - 0.6, "dark": 0.4 * 0.25 + 0.6})  # light is driven up
    plain = outputs.detach().clone().requires_grad_()
    losses = cross_entropy(plain, batch.target, reduction="none")
    (weights["dark"] * losses[0] + weights["light"] * losses[1:].mean()).backward()
    torch.testing.assert_close(outputs.grad, plain.grad)
    assert course.told()["gap"] == pytest.approx(LOG2, abs=1e-3)


@pytest.mark.parametrize(
    ("group", "text"),
    [
        ("drak", r"'drak' is no group here\. Did you mean 'dark'\?"),
        ("none", r"group 'none' has no training example; both groups need some\."),
    ],
)
def test_a_group_that_is_not_there_is_named(group, text):
    with pytest.raises(BadInput, match=text):
        FairnessGap(privileged="light", unprivileged=group).begin(THREE)
