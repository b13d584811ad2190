"""Bounded accuracy gap: by hand, what is infeasible, and where there is nothing to hold the groups against."""

import math
from dataclasses import replace

import pytest
import torch

from disparate.errors import BadInput
from disparate.objectives import Batch, Levels, Population
from disparate.objectives.bounded_accuracy_gap import BoundedAccuracyGap

LOG2 = math.log(2)


def levels_of(accuracy, loss=(0.1, 0.3)):
    return Levels(
        count=torch.tensor([3, 1]),
        loss=torch.tensor(loss, dtype=torch.float64),
        accuracy=torch.tensor(accuracy, dtype=torch.float64),
    )


TWO = Population(names=("many", "few"), counts=(3, 1), dense=levels_of((0.9, 0.8)))
BATCH = Batch(target=torch.zeros(4, dtype=torch.int64), group=torch.tensor([0, 0, 0, 1]))
FEW_WRONG = torch.tensor([[9.0, 0.0]] * 3 + [[0.0, 9.0]])


def test_the_loss_by_hand():
    """ψ: many lost 0.9 − 1 = −0.1, few 0.8 − 0 = 0.8, everyone 0.125: −0.225 and 0.675."""
    course = BoundedAccuracyGap(step=0.1, tolerance=0.05, buffer=1).begin(TWO)
    loss = course.loss(FEW_WRONG, BATCH)
    assert course.told()["estimate"] == pytest.approx({"many": -0.225, "few": 0.675})
    assert course.told()["multiplier"] == pytest.approx({"many": 0.0, "few": 0.0625})
    low, high = math.log1p(math.exp(-9)), 9 + math.log1p(math.exp(-9))
    mean = (3 * low + high) / 4
    assert loss.item() == pytest.approx(mean + 0.0625 * ((high - 0.3) - (mean - 0.15)), rel=1e-6)


def test_only_full_buffers_count_and_the_whole_is_theirs():
    course = BoundedAccuracyGap(step=0.1, tolerance=0.0, buffer=2).begin(TWO)
    course.loss(FEW_WRONG, BATCH)
    assert course.told()["estimate"] == pytest.approx({"many": 0.0})  # alone, many is everyone
    course.loss(FEW_WRONG, BATCH)
    assert course.told()["estimate"] == pytest.approx({"many": -0.225, "few": 0.675})


def test_a_multiplier_falls_again_and_not_below_nothing():
    course = BoundedAccuracyGap(step=1.0, tolerance=0.0, buffer=1).begin(TWO)
    course.loss(FEW_WRONG, BATCH)
    assert course.told()["multiplier"]["few"] == pytest.approx(0.675)
    course.loss(-FEW_WRONG, BATCH)  # many is wrong, few is right: ψ of few is −0.2 − 0.625
    assert course.told()["multiplier"] == pytest.approx({"many": 0.9 - 0.625, "few": 0.0})


def test_what_is_infeasible_stops_at_the_cap_and_is_told():
    course = BoundedAccuracyGap(step=0.5, tolerance=0.01, buffer=1).begin(TWO)
    for epoch in range(1, 4):
        for _ in range(3):
            course.loss(FEW_WRONG, BATCH)
        course.end_epoch(epoch, lambda: levels_of((1.0, 0.0)))
    told = course.told()
    assert told["multiplier"] == pytest.approx({"many": 0.0, "few": 0.9})
    assert told["infeasible"] == ["few"]
    assert told["violation"]["few"] == pytest.approx(0.675)
    assert told["weight"] == pytest.approx({"many": 0.075, "few": 0.925})
    assert min(told["weight"].values()) > 0


def test_a_group_that_is_brought_back_is_not_infeasible():
    course = BoundedAccuracyGap(step=0.5, tolerance=0.01, buffer=1).begin(TWO)
    for _ in range(3):
        course.loss(FEW_WRONG, BATCH)
    course.end_epoch(1, lambda: levels_of((0.9, 0.8)))
    assert course.told()["violation"] == pytest.approx({"many": 0.0, "few": 0.0})
    assert course.told()["infeasible"] == []


def test_without_a_dense_network_it_says_where_it_belongs():
    with pytest.raises(
        BadInput, match=r"no network to hold the groups against.* objective of a fine_tune behind prune"
    ):
        BoundedAccuracyGap().begin(replace(TWO, dense=None))
