import pytest
import torch
from torch import nn

from disparate.training.rules import (
    KeptZeros,
    RoundedInputs,
    RoundedWeights,
    all_seen,
    rounded,
    rounded_between,
    weighted_layers,
)


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(3, 2))


def test_a_layer_in_two_places_stands_once():
    layer = nn.Linear(2, 2)
    assert list(weighted_layers(nn.Sequential(layer, nn.ReLU(), layer))) == ["0"]


def test_zeros_stay_zero_and_nothing_else_is_touched(network):
    network[3].weight.data[0] = 0
    rule = KeptZeros.of(network)
    moved = {name: value.detach().clone().add_(1) for name, value in network.named_parameters()}
    network.load_state_dict(moved)
    rule.after_step(network)
    assert torch.equal(network[3].weight[0], torch.zeros(3))
    assert torch.equal(network[3].weight[1], moved["3.weight"][1])
    assert torch.equal(network[0].weight, moved["0.weight"])
    assert torch.equal(network[3].bias, moved["3.bias"])


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_rounded_weights_have_so_many_levels_per_channel(network, bits):
    found = rounded(network[0].weight.detach(), bits)
    assert all(len(channel.unique()) <= 2**bits - 1 for channel in found)
    own = network[0].weight.detach().flatten(1)
    step = own.abs().amax(dim=1, keepdim=True) / (2 ** (bits - 1) - 1)
    assert ((found.flatten(1) - own).abs() <= step / 2 + 1e-6).all()


def test_a_channel_of_zeros_stays_zero():
    assert torch.equal(rounded(torch.zeros(2, 3), 8), torch.zeros(2, 3))


def test_the_passes_see_rounded_weights_and_the_optimiser_the_others(network):
    rule, own = RoundedWeights(2), network[3].weight.detach().clone()
    with all_seen([rule], network):
        assert torch.equal(network[3].weight, rounded(own, 2))
        network(torch.ones(1, 1, 3, 3)).sum().backward()
    assert torch.equal(network[3].weight, own)
    assert network[3].weight.grad is not None


def test_weights_are_put_back_after_an_error(network):
    own = network[3].weight.detach().clone()
    with pytest.raises(ZeroDivisionError), all_seen([RoundedWeights(2)], network):
        raise ZeroDivisionError
    assert torch.equal(network[3].weight, own)


def test_inputs_are_rounded_with_zero_among_the_levels():
    inputs = torch.linspace(-1, 2, 100)
    found = rounded_between(inputs, 4)
    assert len(found.unique()) == 16
    assert (found - inputs).abs().max() <= 3 / 15  # half a step, and as much again where zero was moved onto a level
    assert (rounded_between(torch.tensor([-1.0, 0.0, 3.0]), 2) == 0).any()


@pytest.mark.parametrize("inputs", [torch.zeros(3), torch.ones(3), -torch.ones(3)])
def test_inputs_of_one_value_keep_it(inputs):
    torch.testing.assert_close(rounded_between(inputs, 8), inputs)


def test_layers_get_rounded_inputs_and_gradients_pass(network):
    images = torch.randn(5, 1, 3, 3, requires_grad=True)
    with all_seen([RoundedInputs(2)], network):
        seen = network(images)
        seen.sum().backward()
    assert images.grad is not None
    assert images.grad.any()
    hidden = network[:3](rounded_between(images, 2))
    torch.testing.assert_close(seen, network[3](rounded_between(hidden, 2)))
    assert not torch.equal(network(images), seen)
    assert not any(layer._forward_pre_hooks for layer in network.modules())


def test_inputs_are_left_alone_after_an_error(network):
    with pytest.raises(ZeroDivisionError), all_seen([RoundedInputs(2)], network):
        raise ZeroDivisionError
    assert not any(layer._forward_pre_hooks for layer in network.modules())
