"""Seed, learning rate and stopping: what exactly they alter."""

import pytest

from disparate.choices.learning_rate import LearningRate
from disparate.choices.seed import Seed
from disparate.choices.stopping import Stopping
from disparate.errors import BadInput
from disparate.training.config import TrainingConfig

CONFIG = TrainingConfig(epochs=10, learning_rate=0.2).seeded(5)


def test_seed_moves_the_named_parts_only():
    moved = Seed(offset=100, parts=("init", "augment")).configure(CONFIG)
    assert (moved.init_seed, moved.order_seed, moved.augment_seed) == (105, 5, 105)
    assert moved.seeded(5) == CONFIG


def test_learning_rate_by_value_and_by_factor():
    assert LearningRate(value=0.7).configure(CONFIG).learning_rate == pytest.approx(0.7)
    assert LearningRate(factor=0.5).configure(CONFIG).learning_rate == pytest.approx(0.1)


def test_stopping_leaves_the_schedule():
    early = Stopping(epoch=4).configure(CONFIG)
    assert (early.epochs, early.stop_after, early.last_epoch) == (10, 4, 4)


def test_stopping_only_earlier():
    early = Stopping(epoch=4).configure(CONFIG)
    assert Stopping(epoch=2).configure(early).last_epoch == 2
    with pytest.raises(BadInput, match=r"Stopping\(epoch=6\): the training ends after epoch 4; an epoch from 1 to 4"):
        Stopping(epoch=6).configure(early)
