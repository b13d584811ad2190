"""Squared per-example gradients of single layers against one backward pass per example."""

import pytest
import torch
from torch import nn

from disparate.geometry import layers as module
from disparate.geometry.layers import has_rule, squares_rule

LAYERS = {
    "linear": (nn.Linear(4, 3), (4,)),
    "linear without bias": (nn.Linear(4, 3, bias=False), (4,)),
    "linear over a few tokens": (nn.Linear(4, 3), (3, 4)),
    "linear over tokens": (nn.Linear(4, 3), (2, 5, 4)),
    "convolution": (nn.Conv2d(2, 3, 3), (2, 6, 6)),
    "convolution with few places": (nn.Conv2d(2, 3, 3, padding=1), (2, 2, 2)),
    "strided, dilated, grouped": (
        nn.Conv2d(4, 6, (3, 2), stride=(2, 1), dilation=2, padding=(2, 1), groups=2),
        (4, 7, 6),
    ),
    "batch norm": (nn.BatchNorm2d(3), (3, 4, 4)),
    "batch norm of features": (nn.BatchNorm1d(4), (4,)),
    "group norm": (nn.GroupNorm(2, 4), (4, 3, 3)),
    "layer norm": (nn.LayerNorm(4), (3, 4)),
    "layer norm over two": (nn.LayerNorm((3, 4)), (3, 4)),
}


@pytest.mark.parametrize("name", list(LAYERS))
def test_a_rule_gives_what_differentiation_example_by_example_gives(name, monkeypatch):
    monkeypatch.setattr(module, "CHUNK_NUMBERS", 40)  # so that chunks end inside the batch
    layer, shape = LAYERS[name]
    layer = layer.double().eval()
    generator = torch.Generator().manual_seed(0)
    if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
        layer.running_mean.copy_(torch.randn(layer.num_features, generator=generator))
        layer.running_var.copy_(torch.rand(layer.num_features, generator=generator) + 0.5)
    received = torch.randn(5, *shape, dtype=torch.float64, generator=generator)
    slope = torch.randn(layer(received).shape, dtype=torch.float64, generator=generator)
    assert has_rule(layer)
    found = squares_rule(layer, received)(slope)
    parameters = dict(layer.named_parameters())
    assert set(found) == set(parameters)
    for key, value in parameters.items():
        each = [torch.autograd.grad((layer(x[None]) * g).sum(), value)[0] for x, g in zip(received, slope, strict=True)]
        torch.testing.assert_close(found[key], torch.stack(each).square().sum(dim=0))


def test_what_is_frozen_has_no_squares():
    layer = nn.Linear(2, 2)
    layer.weight.requires_grad_(False)
    assert set(squares_rule(layer, torch.ones(1, 2))(torch.ones(1, 2))) == {"bias"}
    norm = nn.LayerNorm(2, bias=False)
    assert set(squares_rule(norm, torch.ones(1, 2))(torch.ones(1, 2))) == {"weight"}


@pytest.mark.parametrize(
    "layer",
    [nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular"), nn.Conv2d(1, 1, 3, padding="same"), nn.Embedding(3, 2)],
    ids=["circular", "same", "embedding"],
)
def test_what_no_rule_holds_for_has_none(layer):
    assert not has_rule(layer)


def test_a_subclass_has_no_rule():
    class Doubled(nn.Linear):
        def forward(self, inputs):
            return 2 * super().forward(inputs)

    assert not has_rule(Doubled(2, 2))
