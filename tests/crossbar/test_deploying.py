"""Deploying: the identity, what stays digital, readings, statistics of batch normalisation, weights that are shared."""

from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn

from disparate.crossbar.chips import Chip
from disparate.crossbar.deploying import Placement, done_to, on_crossbars, reestimate
from disparate.crossbar.device import Device
from disparate.crossbar.reading import read_spread

NOISY = Device(bits=8, slices=4, programming=0.05, variation="fairxbar")


def placed(network: nn.Module, device: Device, **more) -> nn.Module:
    return on_crossbars(network, Placement(device=device, **more), Chip(seed=1), cycle_seed=2)


@torch.no_grad()
def test_the_ideal_device_answers_bit_for_bit(network, images):
    assert torch.equal(placed(network, Device())(images), network(images))


@torch.no_grad()
def test_what_is_digital_stays_bit_for_bit(network):
    before, after = network.state_dict(), placed(network, NOISY).state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"0.weight", "3.weight", "9.weight"}


@torch.no_grad()
def test_a_layer_is_disturbed_alike_whether_or_not_others_are(network):
    alone, together = placed(network, NOISY, layers=["9"]), placed(network, NOISY)
    assert torch.equal(alone.get_submodule("9").weight, together.get_submodule("9").weight)
    assert torch.equal(alone.get_submodule("0").weight, network.get_submodule("0").weight)
    assert list(done_to(alone)) == ["9"]


@torch.no_grad()
def test_layout_in_memory_is_kept(network, images):
    last = deepcopy(network).to(memory_format=torch.channels_last)
    deployed = placed(last, NOISY)
    assert deployed.get_submodule("0").weight.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(deployed.get_submodule("0").weight, placed(network, NOISY).get_submodule("0").weight)


class Twice(nn.Module):
    """Two layers with one weight, and one layer used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 2)
        self.second.weight = self.first.weight

    def forward(self, inputs: Tensor) -> Tensor:
        return self.last(self.second(self.first(self.first(inputs))))


@torch.no_grad()
def test_a_shared_weight_is_held_by_each_of_its_layers():
    deployed = placed(Twice(), Device(programming=0.1))
    assert not torch.equal(deployed.first.weight, deployed.second.weight)


@pytest.mark.parametrize("device", [Device(read=0.1), Device(fidelity="mvm", bits=8)])
@torch.no_grad()
def test_a_network_that_is_a_single_layer(device):
    layer = nn.Linear(3, 2)
    deployed = placed(layer, device)
    assert deployed is not layer
    assert list(done_to(deployed)) == [""]
    assert deployed(torch.ones(1, 3)).shape == (1, 2)


@torch.no_grad()
def test_weights_are_read_anew_at_every_call():
    layer = nn.Linear(6, 2000, bias=False)
    deployed = placed(layer, Device(read=0.1))
    first, second = deployed(torch.eye(6)), deployed(torch.eye(6))
    assert not torch.equal(first, second)
    error = (first - layer(torch.eye(6))).T
    spread = read_spread_of(layer, Device(read=0.1))
    assert error.std().item() == pytest.approx(spread.mean().item(), rel=0.03)
    again = placed(layer, Device(read=0.1))
    assert torch.equal(again(torch.eye(6)), first)
    assert torch.equal(again(torch.eye(6)), second)


def read_spread_of(layer: nn.Linear, device: Device) -> Tensor:
    from disparate.crossbar.arrays import arrays_of

    return read_spread(arrays_of({"": layer}, device, {})[""])


@torch.no_grad()
def test_statistics_are_kept_unless_asked_for(network, images):
    kept = placed(network, NOISY)
    anew = placed(network, NOISY, calibration=lambda n: images[:n], reestimated_on=40)
    before = network.get_submodule("1")
    assert torch.equal(kept.get_submodule("1").running_mean, before.running_mean)
    convolved = kept.get_submodule("0")(images)
    torch.testing.assert_close(anew.get_submodule("1").running_mean, convolved.mean(dim=(0, 2, 3)))
    assert anew.get_submodule("1").momentum == before.momentum
    assert not any(module.training for module in anew.modules())


@torch.no_grad()
def test_statistics_of_several_batches_are_their_mean(network):
    inputs = torch.randn(128, 3, 8, 8)
    reestimate(network, inputs)
    means = torch.stack([network.get_submodule("0")(part).mean(dim=(0, 2, 3)) for part in inputs.chunk(2)])
    torch.testing.assert_close(network.get_submodule("1").running_mean, means.mean(dim=0))


def test_gradients_still_flow(network, images):
    deployed = placed(network, NOISY)
    deployed(images).sum().backward()
    assert deployed.get_submodule("0").weight.grad is not None


def test_a_weight_that_another_layer_has_too_is_copied_for_that_one():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.table, self.out = nn.Embedding(5, 3), nn.Linear(3, 5)
            self.out.weight = self.table.weight

        def forward(self, inputs):
            return self.out(self.table(inputs))

    model = Tied()
    before = model.table.weight.detach().clone()
    deployed = on_crossbars(model, Placement(device=Device(bits=8, stuck_off=0.5)), Chip(seed=1), cycle_seed=0)
    with torch.no_grad():
        for parameter in deployed.parameters():
            parameter.fill_(7.0)
    assert torch.equal(model.table.weight, before)
