"""What exactly the choices of a training alter."""

import pytest

from disparate.choices.augmentation import Augmentation
from disparate.choices.batch_size import BatchSize
from disparate.choices.capacity import Capacity
from disparate.choices.learning_rate import LearningRate
from disparate.choices.schedule import Schedule
from disparate.choices.seed import Seed
from disparate.choices.stopping import Stopping
from disparate.errors import BadInput, NotApplicable
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


def test_schedule_moves_shape_and_warmup_apart():
    warmed = Schedule(warmup_epochs=2.0).configure(CONFIG)
    assert (warmed.schedule, warmed.warmup_epochs) == ("cosine", 2.0)
    assert Schedule(shape="one_cycle").configure(warmed).warmup_epochs == pytest.approx(2.0)
    with pytest.raises(BadInput, match="training warmup_epochs is 12; less than epochs"):
        Schedule(warmup_epochs=12).configure(CONFIG)


def test_batch_size_takes_the_rate_along_only_where_asked():
    assert BatchSize(value=256).configure(CONFIG).learning_rate == CONFIG.learning_rate
    assert BatchSize(value=256, scale_rate=True).configure(CONFIG).learning_rate == pytest.approx(0.4)


def test_augmentation_leaves_what_it_does_not_name():
    flipped = Augmentation(flip=True).configure(CONFIG)
    assert (flipped.flip, flipped.crop) == (True, 0)
    assert Augmentation(crop=3).configure(flipped).flip


def test_capacity_multiplies_a_width_that_is_said():
    assert Capacity(factor=0.01).network({"name": "small_cnn", "width": 32})["width"] == 1
    assert Capacity(value=8).network({"name": "small_cnn"}) == {"name": "small_cnn", "width": 8}
    with pytest.raises(BadInput, match=r"\[model\] says \{'name': 'small_cnn'\} and no 'width' to multiply"):
        Capacity(factor=2.0).network({"name": "small_cnn"})


@pytest.mark.parametrize("model", [{"name": "inline:net"}, {"name": "small_cnn", "trained": "x.safetensors"}])
def test_capacity_of_a_network_that_is_made_elsewhere(model):
    with pytest.raises(NotApplicable, match="its width is settled by who made it"):
        Capacity(value=8).network(model)
