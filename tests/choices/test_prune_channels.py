"""Prune channels: the same answers as the smaller network, cut by hand and by the library; what may not go."""

import pytest
import torch
from torch import nn

from disparate.choice import DeployContext
from disparate.choices.prune import Prune
from disparate.choices.prune_channels import Coupled, PruneChannels
from disparate.errors import MissingExtra, NotApplicable

pytest.importorskip("torch_pruning")


class Residual(nn.Module):
    """Two blocks whose channels meet in a sum, a depthwise convolution and a concatenation."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU())
        self.inner = nn.Conv2d(width, 6, 1)
        self.norm = nn.BatchNorm2d(6)
        self.outer = nn.Conv2d(6, width, 3, padding=1)
        self.depthwise = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.beside = nn.Conv2d(width, 5, 1)
        self.gather = nn.Conv2d(width + 5, 4, 1)
        self.last = nn.Linear(16, 3)

    def forward(self, images):
        first = self.stem(images)
        added = first + self.outer(torch.sigmoid(self.norm(self.inner(first))))
        both = torch.cat([self.depthwise(added), self.beside(added)], dim=1)
        return self.last(nn.functional.adaptive_avg_pool2d(self.gather(both), 2).flatten(1))


def settled(network: nn.Module) -> nn.Module:
    """Return a network in float64 whose weights and normalisation differ from channel to channel."""
    generator = torch.Generator().manual_seed(0)
    network.double()
    with torch.no_grad():
        for value in network.parameters():
            value.copy_(torch.randn(value.shape, generator=generator) * 0.4)
        for _ in range(3):
            network.train()(torch.randn(16, 3, 8, 8, generator=generator, dtype=torch.float64))
    return network.eval()


@pytest.fixture
def images():
    return torch.randn(12, 3, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def context(images) -> DeployContext:
    return DeployContext(calibration=lambda count: images[:count], generator=torch.Generator())


@pytest.mark.parametrize("scope", ["global", "layer"])
@pytest.mark.parametrize("rate", [0.2, 0.5, 0.9])
def test_answers_are_those_of_the_network_cut_by_the_library(images, scope, rate):
    network = settled(Residual())
    choice = PruneChannels(rate=rate, scope=scope)
    pruned = choice.apply(network, context(images))
    coupled = Coupled.of(network, images[:2])
    smaller = coupled.cut_out(choice._chosen(coupled.scores))
    torch.testing.assert_close(pruned(images), smaller(images), rtol=1e-12, atol=1e-12)
    done = choice.effective(pruned)
    assert sum(value.numel() for value in smaller.parameters()) == done["parameters_left"] < done["parameters"]
    assert not torch.allclose(pruned(images), network(images))


def test_answers_are_those_of_the_network_cut_by_hand(images):
    network = settled(
        nn.Sequential(
            nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.Sigmoid(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(24, 2)
        )
    )
    choice = PruneChannels(rate=0.5)
    pruned = choice.apply(network, context(images))
    kept = torch.nonzero(pruned[0].weight.flatten(1).norm(dim=1)).flatten()
    assert len(kept) == 3
    small = nn.Sequential(nn.Conv2d(3, 3, 3), nn.BatchNorm2d(3), *network[2:5], nn.Linear(12, 2)).double().eval()
    with torch.no_grad():
        small[0].weight.copy_(network[0].weight[kept])
        small[0].bias.copy_(network[0].bias[kept])
        for name in ("weight", "bias", "running_mean", "running_var"):
            getattr(small[1], name).copy_(getattr(network[1], name)[kept])
        small[5].weight.copy_(network[5].weight.view(2, 6, 4)[:, kept].reshape(2, 12))
        small[5].bias.copy_(network[5].bias)
    torch.testing.assert_close(pruned(images), small(images), rtol=1e-12, atol=1e-12)


def test_the_smallest_channels_go(images):
    network = settled(
        nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 2))
    )
    network[0].weight.data[[1, 4]] *= 0.01
    network[4].weight.data[:, [1, 4]] *= 0.01
    pruned = PruneChannels(rate=2 / 6).apply(network, context(images))
    assert torch.nonzero(pruned[0].weight.flatten(1).norm(dim=1) == 0).flatten().tolist() == [1, 4]


def test_no_constant_is_left_behind_where_plain_filters_leave_one(model, inputs, context_of):
    ours = PruneChannels(rate=0.5, scope="layer").apply(model, context_of())
    gone = torch.nonzero(ours[0].weight.flatten(1).norm(dim=1) == 0).flatten()
    assert len(gone) == 4
    assert not ours[:2](inputs)[:, gone].any()
    plain = Prune(rate=0.5, method="structured", scope="layer").apply(model, context_of())
    gone = torch.nonzero(plain[0].weight.flatten(1).norm(dim=1) == 0).flatten()
    assert plain[:2](inputs)[:, gone].any()


def test_one_channel_of_every_group_stays(images):
    choice = PruneChannels(rate=0.99)
    done = choice.effective(choice.apply(settled(Residual()), context(images)))
    assert all(group["removed"] == group["of"] - 1 for group in done["channels"].values())
    assert sum(group["of"] for group in done["channels"].values()) == 8 + 6 + 5 + 4
    assert done["untouched"] == ["last"]
    assert done["silenced"] == []


def test_what_is_tied_to_a_layer_normalisation_is_left_alone():
    network = nn.Sequential(nn.Linear(6, 8), nn.LayerNorm(8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 2))
    inputs = torch.randn(4, 6)
    choice = PruneChannels(rate=0.5)
    pruned = choice.apply(network, context(inputs))
    done = choice.effective(pruned)
    assert done["untouched"] == ["5", "0"]
    assert torch.equal(pruned[0].weight, network[0].weight)
    assert done["channels"] == {"3": {"removed": 4, "of": 8}}


def test_a_classifier_alone_has_nothing_to_give():
    with pytest.raises(NotApplicable, match=r"^PruneChannels on Linear: no channel can go; outputs of the network"):
        PruneChannels(rate=0.5).apply(nn.Linear(4, 2), context(torch.randn(4, 4)))


class Mixing(nn.Module):
    """Normalises over its channels by hand, which no graph of layers shows."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(6, 8), nn.Linear(8, 2)

    def forward(self, inputs):
        hidden = self.first(inputs)
        return self.last(hidden.softmax(dim=1))


def test_channels_that_hang_together_otherwise_are_found_out():
    with pytest.raises(NotApplicable, match=r"answers otherwise than with the channels cut out"):
        PruneChannels(rate=0.5).apply(Mixing(), context(torch.randn(4, 6)))


class OfTwo(nn.Module):
    """Takes two inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(6, 4), nn.Linear(4, 2)

    def forward(self, inputs, more):
        return self.last(self.first(inputs + more))


def test_a_network_that_cannot_be_followed_is_refused():
    with pytest.raises(NotApplicable, match=r"^PruneChannels on OfTwo: torch-pruning could not follow it"):
        PruneChannels(rate=0.5).apply(OfTwo(), context(torch.randn(4, 6)))


def test_without_the_library_the_command_that_installs_it_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "torch_pruning", None)
    with pytest.raises(MissingExtra, match=r"pip install 'disparate\[structured\]'$"):
        PruneChannels(rate=0.5).apply(nn.Linear(4, 2), context(torch.randn(4, 4)))
