import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from disparate.errors import BadInput
from disparate.groups import Groups
from disparate.objectives.erm import ERM
from disparate.profiles import Profile
from disparate.training.config import TrainingConfig
from disparate.training.loop import Start, population_of, rate_of, train
from disparate.training.rules import RoundedWeights

CONFIG = TrainingConfig(epochs=3, batch_size=16, learning_rate=0.05, flip=True, crop=1)


def network(seed: int = 0) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(3, 4, 3),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.Dropout(0.1),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(4, 2),
        )


def trained(data, config=CONFIG, profile=None, **kwargs):
    return train(network(), data, config=config, profile=profile or Profile(), objective=ERM(), **kwargs)


def same(left, right) -> bool:
    return all(torch.equal(left[name], right[name]) for name in left)


def test_the_same_training_gives_the_same_weights_bit_for_bit(pictures):
    assert same(trained(pictures).states[3], trained(pictures).states[3])


@pytest.mark.parametrize("seed", ["order_seed", "augment_seed"])
def test_every_seed_matters(pictures, seed):
    other = trained(pictures, replace(CONFIG, **{seed: 9}))
    assert not same(trained(pictures).states[3], other.states[3])


def test_the_global_generator_is_left_as_it_was(pictures):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    trained(pictures)
    assert torch.equal(torch.rand(3), expected)


def test_training_learns(pictures):
    assert trained(pictures, replace(CONFIG, epochs=15)).history[-1].accuracy > 0.9


def test_stopping_early_gives_the_weights_that_the_whole_training_had_then(pictures):
    whole = trained(pictures, replace(CONFIG, keep_epochs=(2,)))
    stopped = trained(pictures, replace(CONFIG, stop_after=2))
    assert sorted(whole.states) == [2, 3]
    assert same(whole.states[2], stopped.states[2])


def test_emulated_operands_change_the_weights(pictures):
    assert not same(
        trained(pictures).states[3], trained(pictures, profile=Profile(name="t", operands="tf32")).states[3]
    )


def test_mixed_precision_trains(pictures):
    assert trained(pictures, replace(CONFIG, precision="bf16", epochs=12)).history[-1].accuracy > 0.8


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
@pytest.mark.parametrize("schedule", ["constant", "cosine", "step", "one_cycle"])
def test_every_optimiser_and_schedule_runs(pictures, optimizer, schedule):
    config = replace(CONFIG, optimizer=optimizer, schedule=schedule, learning_rate=0.01, epochs=2)
    assert trained(pictures, config).steps == 8


def test_divergence_is_named(pictures):
    with pytest.raises(
        BadInput, match=r"training diverged: the loss is (nan|inf) in epoch \d with sgd, learning rate 1e\+20"
    ):
        trained(pictures, replace(CONFIG, learning_rate=1e20))


def test_divergence_says_where_the_epoch_before_ended(pictures):
    broken = replace(CONFIG, optimizer="sgd", learning_rate=1e4, momentum=0.0, epochs=30)
    with pytest.raises(BadInput) as caught:
        train(network(), pictures, config=broken, profile=Profile(), objective=Told())
    assert re.search(
        r"Epoch \d+ ended with loss \S+ and accuracy \S+, and the objective told \{'multiplier': \{'a': \d+\}\}\.$",
        str(caught.value),
    )


class Told:
    """A loss that is lost in the third epoch, with something to tell."""

    differentiates_inputs = False

    def begin(self, population):
        self.epoch = 0
        return self

    def loss(self, outputs, batch):
        return outputs.sum() * (float("nan") if self.epoch == 2 else 0.0)

    def end_epoch(self, epoch, levels):
        self.epoch = epoch

    def told(self):
        return {"multiplier": {"a": self.epoch}}


def test_levels_are_taken_of_the_weights_that_the_passes_see(pictures):
    """Rounded to two levels, where a rule rounds them; the weights themselves stay whole."""
    taken = []

    class Looking(Told):
        def loss(self, outputs, batch):
            return outputs.sum() * 0

        def end_epoch(self, epoch, levels):
            taken.append(levels().loss)

    for rules in ((), (RoundedWeights(2),)):
        model = network()
        trained = train(
            model, pictures, config=replace(CONFIG, epochs=1, weight_decay=0), profile=Profile(),
            objective=Looking(), start=Start(rules=rules),
        )  # fmt: skip
        assert torch.equal(trained.states[1]["6.weight"], network().state_dict()["6.weight"])
    assert not torch.equal(*taken)


def test_who_is_trained_on_is_counted_by_group_and_class(pictures):
    groups = Groups.of(pictures.attributes, by="side")
    found = population_of(pictures, pictures.rows("train")[:9], groups)
    assert (found.names, found.labels) == (("left", "right"), ("dark", "bright"))
    assert (found.counts, found.by_class) == ((6, 3), ((3, 3), (2, 1)))
    assert population_of(pictures, pictures.rows("train"), None).counts == (64,)


def test_nothing_to_train_on_is_named(pictures):
    empty = replace(pictures, split=pictures.split.copy())
    empty.split[:] = "test"
    with pytest.raises(BadInput, match="data set 'pictures' has no example in the split 'train'"):
        trained(empty)


def test_progress_counts_every_step(pictures):
    seen = []
    trained(pictures, report=lambda done, total, message: seen.append((done, total, message)))
    assert seen[-1] == (12, 12, "epoch 3 of 3")
    assert len(seen) == 12


def test_warm_up_rises_to_the_peak():
    rate = rate_of(TrainingConfig(epochs=4, warmup_epochs=1, schedule="constant", learning_rate=1.0), 10)
    assert [round(rate(step), 2) for step in (0, 4, 9, 30)] == [0.1, 0.5, 1.0, 1.0]


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        ({"epochs": 0}, "training epochs is 0; at least 1 was expected"),
        ({"learning_rate": -1.0}, "training learning_rate is -1.0; a positive number was expected"),
        ({"stop_after": 9}, "training stop_after is 9; an epoch from 1 to 3 was expected"),
        ({"momentum": 1.0}, r"training momentum is 1.0; a number in \[0, 1\) was expected"),
        ({"keep_epochs": (7,)}, r"training keep_epochs is \[7\]; epochs from 1 to 3 was expected"),
    ],
)
def test_bad_settings_are_named(setting, text):
    with pytest.raises(BadInput, match=text):
        replace(CONFIG, **setting)


def test_a_subset_trains_on_its_examples_alone(pictures):
    config = replace(CONFIG, subset=0.5, subset_seed=3)
    chosen = config.trained_on(pictures.rows("train"))
    assert len(chosen) == round(0.5 * len(pictures.rows("train")))
    assert set(chosen.tolist()) != set(replace(config, subset_seed=4).trained_on(pictures.rows("train")).tolist())
    split = np.where(np.isin(np.arange(len(pictures)), chosen), "train", "test")
    alone = trained(replace(pictures, split=split.astype(pictures.split.dtype)))
    assert same(trained(pictures, config).states[3], alone.states[3])


def test_a_subset_changes_the_key_and_its_absence_does_not():
    assert "subset" not in CONFIG.to_json()
    part = replace(CONFIG, subset=0.5, subset_seed=3)
    assert type(CONFIG).from_json(part.to_json()) == part
    assert type(CONFIG).from_json(CONFIG.to_json()) == CONFIG
