"""Fine-tune: which rules hold while it trains on, what contradicts, and what quantisation-aware training is worth."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from disparate.choice import DeployContext
from disparate.choices.fine_tune import FineTune
from disparate.choices.quantize import integer_weight
from disparate.data.grouped import GroupedDataset
from disparate.errors import NotApplicable
from disparate.groups import Attribute
from disparate.objectives.erm import ERM
from disparate.profiles import Profile
from disparate.training.config import TrainingConfig
from disparate.training.gradual import GradualPruning
from disparate.training.loop import Start, train
from disparate.training.rules import KeptZeros, RoundedInputs, RoundedWeights, rounded, weighted_layers

CONTEXT = DeployContext(calibration=torch.zeros, generator=torch.Generator())
CONFIG = TrainingConfig(epochs=20, batch_size=32, learning_rate=0.05)


def kinds(choice: FineTune, model: nn.Module) -> list[type]:
    return [type(rule) for rule in choice.rules(model, CONTEXT)]


def test_rules_stand_in_the_order_in_which_they_act(model):
    assert kinds(FineTune(epochs=1), model) == [KeptZeros]
    assert kinds(FineTune(epochs=1, keep_zeros=False), model) == []
    assert kinds(FineTune(epochs=1, bits=8), model) == [KeptZeros, RoundedWeights]
    assert kinds(FineTune(epochs=1, bits=8, round_inputs=True), model) == [KeptZeros, RoundedWeights, RoundedInputs]
    assert kinds(FineTune(epochs=1, prune_to=0.5, bits=4), model) == [GradualPruning, RoundedWeights]


@pytest.mark.parametrize(("epochs", "given", "expected"), [(5, None, 3), (1, None, 1), (5, 5, 5), (20, 15, 15)])
def test_weights_go_over_the_epochs_that_are_asked_for(model, epochs, given, expected):
    rule, *_ = FineTune(epochs=epochs, prune_to=0.9, prune_epochs=given).rules(model, CONTEXT)
    assert isinstance(rule, GradualPruning)
    assert (rule.epochs, rule.to, rule.scope, rule.dense_ends) == (expected, 0.9, "layer", True)


def test_between_two_ends_there_has_to_be_something():
    network = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
    with pytest.raises(NotApplicable, match=r"no layer between the first and the last\. Set dense_ends=False\.$"):
        FineTune(epochs=1, prune_to=0.5).rules(network, CONTEXT)
    assert kinds(FineTune(epochs=1, prune_to=0.5, dense_ends=False), network) == [GradualPruning]


@pytest.mark.parametrize("bits", [4, 8])
def test_convolutions_train_on_the_grid_that_quantize_deploys(bits):
    weight = torch.randn(6, 3, 3, 3, generator=torch.Generator().manual_seed(0))
    integers, scale = integer_weight(weight, bits)
    torch.testing.assert_close(rounded(weight, bits), integers * scale)


def table(examples: int = 600) -> GroupedDataset:
    rng = np.random.default_rng(7)
    inputs = rng.normal(size=(examples, 8)).astype(np.float32)
    target = (np.tanh(inputs @ rng.normal(size=(8, 8))).sum(axis=1) > 0).astype(np.int64)
    return GroupedDataset(
        name="table",
        kind="table",
        inputs=inputs,
        target=target,
        label_names=("no", "yes"),
        target_name="answer",
        example_id=np.array([f"r{row}" for row in range(examples)]),
        attributes={"side": Attribute.of(["left" if row % 3 else "right" for row in range(examples)])},
        split=np.array(["train"] * 400 + ["test"] * 200),
    )


def loss(network: nn.Module, data: GroupedDataset) -> float:
    rows = data.rows("train")
    with torch.no_grad():
        outputs = network.eval()(torch.from_numpy(data.inputs[rows]))
    return float(cross_entropy(outputs, torch.from_numpy(data.target[rows])))


def in_two_bits(network: nn.Module) -> nn.Module:
    coarse = deepcopy(network)
    with torch.no_grad():
        for layer in weighted_layers(coarse).values():
            layer.weight.copy_(rounded(layer.weight, 2))
    return coarse


@pytest.mark.parametrize("seed", [0, 1])
def test_a_network_that_trained_with_coarse_weights_loses_less_by_them(seed):
    data, config = table(), CONFIG.seeded(seed)
    network = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 2))
    train(network, data, config=config, profile=Profile(), objective=ERM())
    tuned = {}
    for bits in (None, 2):
        choice = FineTune(epochs=10, learning_rate=0.02, bits=bits)
        tuned[bits] = deepcopy(network)
        start = Start(rules=choice.rules(network, CONTEXT))
        train(tuned[bits], data, config=choice.tuning(config), profile=Profile(), objective=ERM(), start=start)
    plain = loss(tuned[None], data)
    without, aware = (loss(in_two_bits(tuned[bits]), data) - plain for bits in (None, 2))
    assert 0 < aware < without / 1.5
