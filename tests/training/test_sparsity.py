"""Which weights go: exact counts, ties, scopes; and loss surfaces of groups over these weights alone."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from disparate.choice import Labelled
from disparate.errors import BadInput
from disparate.groups import Attribute, Groups
from disparate.training.sparsity import (
    achieved,
    group_surfaces,
    marks,
    numpy_generator,
    prunable_layers,
    remember,
    remembered,
    require_share,
    set_to_zero,
    smallest,
    weight_of,
)


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 2))


@pytest.fixture
def labelled() -> Labelled:
    inputs = torch.randn(9, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    groups = Groups.of({"sex": Attribute.of(["f", "m", "m"] * 3, names=["f", "m", "x"])}, by="sex")
    return Labelled(inputs=inputs, target=torch.arange(9) % 2, groups=groups)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=1, max_size=40), st.floats(0, 1))
def test_exact_count_whatever_the_ties(values, share):
    scores = torch.tensor(values)
    marked = smallest(scores, share)
    assert marked.sum() == round(share * len(values))
    if 0 < marked.sum() < len(values):
        assert scores[marked].max() <= scores[~marked].min()
        edge = scores == scores[marked].max()
        assert marked[edge].tolist() == sorted(marked[edge].tolist(), reverse=True)  # the first of equals go first


def test_another_order_decides_what_is_small():
    assert smallest(torch.tensor([1.0, 2.0, 3.0]), 0.34, lambda scores: scores.argsort(descending=True)).tolist() == [
        False,
        False,
        True,
    ]


def test_the_share_is_of_the_whole_or_of_each():
    scores = {"small": torch.tensor([1.0, 2.0]), "large": torch.tensor([3.0, 4.0])}
    assert {name: mark.tolist() for name, mark in marks(scores, 0.5, "global").items()} == {
        "small": [True, True],
        "large": [False, False],
    }
    assert {name: mark.tolist() for name, mark in marks(scores, 0.5, "layer").items()} == {
        "small": [True, False],
        "large": [True, False],
    }


def test_marked_weights_become_zero_and_no_others(network):
    own = network[4].weight.detach().clone()
    mark = torch.arange(24) % 3 == 0
    set_to_zero(prunable_layers(network, choice="Test"), {"4": mark})
    assert torch.equal(network[4].weight, own * ~mark.view(2, 12))
    assert achieved(network)["layers"] == {"0": 0.0, "4": pytest.approx(1 / 3)}
    assert achieved(network)["zeros"] == 8
    assert achieved(network)["weights"] == 27 + 24


def test_a_share_of_fifty_is_asked_back():
    with pytest.raises(BadInput, match=r"^Test\(to=50\): a share in \[0, 1\) was expected; 50 % is to=0\.5\.$"):
        require_share("Test", 50, "to")


def test_surfaces_are_over_the_weights_of_those_who_are_there(network, labelled):
    network[0].bias.requires_grad_(False)
    with group_surfaces(network, labelled) as surfaces:
        assert {name: len(surface.rows) for name, surface in surfaces.items()} == {"f": 3, "m": 6}
        assert surfaces["f"].names == tuple(map(weight_of, ("0", "4")))
        inputs, target = next(surfaces["f"].batches())
        assert torch.equal(inputs, labelled.inputs[[0, 3, 6]])
        assert torch.equal(target, labelled.target[[0, 3, 6]])
    trained = {name for name, value in network.named_parameters() if value.requires_grad}
    assert trained == {name for name, _ in network.named_parameters()} - {"0.bias"}


def test_what_is_trained_is_restored_after_an_error(network, labelled):
    with pytest.raises(ZeroDivisionError), group_surfaces(network, labelled):
        raise ZeroDivisionError
    assert all(value.requires_grad for value in network.parameters())


def test_a_network_that_is_one_layer_has_a_name_for_its_weight(labelled):
    assert weight_of("") == "weight"


def test_generators_follow_each_other():
    first, second = (numpy_generator(torch.Generator().manual_seed(3)).random(3) for _ in range(2))
    assert np.array_equal(first, second)
    own = torch.Generator().manual_seed(3)
    assert not np.array_equal(numpy_generator(own).random(3), numpy_generator(own).random(3))


def test_a_record_is_no_part_of_the_weights(network):
    keys = list(network.state_dict())
    remember(network, {"rounds": 1})
    assert remembered(network) == {"rounds": 1}
    assert list(network.state_dict()) == keys
    assert remembered(nn.Linear(1, 1)) == {}
