"""Lean convolutions and normalisations against torch's own, in first and second derivatives."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from disparate.geometry.lean import Lean, reach

LAYERS = {
    "plain": (nn.Conv2d(4, 6, 3), 5),
    "padded": (nn.Conv2d(4, 6, 3, padding=1), 4),
    "one place": (nn.Conv2d(4, 6, 3, padding=1, bias=False), 1),
    "one place of two": (nn.Conv2d(4, 6, 3, padding=1, stride=2), 2),
    "groups": (nn.Conv2d(4, 6, 3, padding=1, groups=2), 3),
    "dilated": (nn.Conv2d(4, 6, 3, padding=2, dilation=2), 2),
    "oblong": (nn.Conv2d(4, 6, (1, 5), padding=(0, 2), stride=(2, 1)), 3),
    "same": (nn.Conv2d(4, 6, 3, padding="same"), 3),
    "circular": (nn.Conv2d(4, 6, 3, padding=1, padding_mode="circular"), 3),
    "norm": (nn.BatchNorm2d(4), 3),
    "norm without parameters": (nn.BatchNorm2d(4, affine=False), 3),
    "norm without statistics": (nn.BatchNorm2d(4, track_running_stats=False), 3),
}


def prepared(name: str, places: int) -> nn.Module:
    layer = LAYERS[name][0].double()
    generator = torch.Generator().manual_seed(1)
    for value in (*layer.parameters(), *layer.buffers()):
        if value.is_floating_point():
            value.data.copy_(torch.rand(value.shape, generator=generator) + 0.5)
    return layer.eval()


def derivatives(layer: nn.Module, inputs: Tensor, *, twice: bool) -> list[Tensor]:
    """Return the answer, its slopes by inputs and parameters, and the slopes of a mixture of these."""
    leaf = inputs.clone().requires_grad_()
    ends = [leaf, *layer.parameters()]
    answer = layer(leaf)
    slopes = torch.autograd.grad(answer.sin().sum(), ends, create_graph=twice)
    if not twice:
        return [answer, *slopes]
    mixture = sum(slope.cos().sum() for slope in slopes)
    return [answer, *slopes, *torch.autograd.grad(mixture, ends)]


@pytest.mark.parametrize("twice", [False, True])
@pytest.mark.parametrize("name", list(LAYERS))
def test_values_and_slopes_are_those_of_torch(name, twice):
    places = LAYERS[name][1]
    layer = prepared(name, places)
    inputs = torch.randn(3, 4, places, places, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected = derivatives(layer, inputs, twice=twice)
    with Lean():
        found = derivatives(layer, inputs, twice=twice)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("shape", [(7, 4), (7, 4, 5), (7, 4, 2, 3, 2)])
def test_normalisation_over_any_places(shape):
    kind = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 5: nn.BatchNorm3d}[len(shape)]
    layer = kind(4).double().eval()
    inputs = torch.randn(*shape, dtype=torch.float64)
    expected = derivatives(layer, inputs, twice=True)
    with Lean():
        found = derivatives(layer, inputs, twice=True)
    torch.testing.assert_close(found, expected)


def test_normalisation_in_training_is_left_to_torch():
    layer, inputs = nn.BatchNorm2d(4), torch.randn(5, 4, 2, 2)
    with Lean():
        found = layer(inputs)
    assert found.mean(dim=(0, 2, 3)).abs().max() < 1e-6


def test_frozen_parameters_get_no_slope():
    layer = nn.Conv2d(4, 6, 3).requires_grad_(False)
    inputs = torch.randn(1, 4, 5, 5, requires_grad=True)
    with Lean():
        layer(inputs).sum().backward()
    assert layer.weight.grad is None
    assert inputs.grad is not None


def test_only_the_linear_part_is_differentiated_where_that_is_asked():
    weight = torch.full((1, 1, 1, 1), 3.0, requires_grad=True)
    inputs, free = torch.ones(1, 1, 2, 2), torch.zeros(1, 1, 2, 2, requires_grad=True)
    with Lean(linear=True):
        answer = torch.conv2d(inputs, weight)
    (slope,) = torch.autograd.grad(answer, weight, free, create_graph=True)
    assert torch.autograd.grad(slope.sum(), free)[0].tolist() == [[[[1.0, 1.0], [1.0, 1.0]]]]


@given(
    taps=st.integers(1, 5),
    places=st.integers(1, 6),
    stride=st.integers(1, 3),
    padding=st.integers(0, 4),
    dilation=st.integers(1, 3),
)
@settings(max_examples=300, deadline=None)
def test_taps_that_are_left_out_meet_only_padding(taps, places, stride, padding, dilation):
    if places + 2 * padding < dilation * (taps - 1) + 1:
        return
    generator = torch.Generator().manual_seed(taps)
    inputs, weight = (torch.randn(1, 1, length, generator=generator) for length in (places, taps))
    left, around = reach(taps, places=places, stride=stride, padding=padding, dilation=dilation)
    expected = functional.conv1d(inputs, weight, stride=stride, padding=padding, dilation=dilation)
    found = functional.conv1d(inputs, weight[..., left], stride=stride, padding=around, dilation=dilation)
    torch.testing.assert_close(found, expected)
