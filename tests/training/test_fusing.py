from copy import deepcopy

import pytest
import torch
from torch import nn

from disparate.choices.precision import InFormat
from disparate.models.small import SmallCNN
from disparate.training.fusing import Fusion, fused, fusion_of


class Residual(nn.Module):
    """Two normalisations, an activation whose input two read, a sum."""

    def __init__(self):
        super().__init__()
        self.first, self.first_norm = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.second, self.second_norm = nn.Conv2d(4, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4, affine=False)
        self.act, self.later = nn.ReLU(), nn.ReLU()

    def forward(self, inputs):
        once = self.first_norm(self.first(inputs))
        return (once + self.second_norm(self.second(self.act(once)))).mean(dim=(2, 3))


class Twice(nn.Module):
    """One convolution whose output a normalisation and the sum read."""

    def __init__(self):
        super().__init__()
        self.convolution, self.norm = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)

    def forward(self, inputs):
        found = self.convolution(inputs)
        return (found + self.norm(found)).mean(dim=(2, 3))


class Asking(nn.Module):
    """A forward pass that depends on numbers."""

    def __init__(self):
        super().__init__()
        self.convolution, self.norm = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)

    def forward(self, inputs):
        return self.norm(self.convolution(inputs if inputs.sum() > 0 else -inputs)).mean(dim=(2, 3))


def vgg_like(size=7):
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, stride=2), nn.AdaptiveMaxPool2d(1), Pooled(size), nn.ReLU(), nn.Linear(5, 2)
    )


class Pooled(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.pool, self.linear = nn.AdaptiveAvgPool2d(size), nn.Linear(6 * 49, 5)

    def forward(self, inputs):
        return self.linear(torch.flatten(self.pool(inputs), 1))


def seen(model, side=12):
    """Return a network whose statistics are not those it began with, in evaluation mode."""
    torch.manual_seed(0)
    with torch.no_grad():
        for _ in range(3):
            model.train()(2 * torch.randn(16, 3, side, side) + 1)
    return model.eval()


@pytest.mark.parametrize("make", [lambda: SmallCNN(5, width=8), Residual, Twice, Asking, vgg_like])
def test_answers_are_the_same_up_to_rounding_and_the_network_is_untouched(make):
    model, inputs = seen(make()), torch.randn(6, 3, 12, 12)
    before = deepcopy(model.state_dict())
    with torch.no_grad():
        expected = model(inputs)
        fusion = fusion_of(model, inputs[:1])
        found = fused(deepcopy(model), fusion)(inputs.contiguous(memory_format=torch.channels_last))
        assert torch.equal(model(inputs), expected)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in before.items())


def test_a_network_wrapped_for_another_format_is_fused_within_its_rounding():
    model, inputs = seen(SmallCNN(5, width=8), side=32), torch.randn(6, 3, 32, 32)
    wrapped = InFormat(deepcopy(model).to(torch.bfloat16), torch.bfloat16)
    ready = fused(deepcopy(wrapped), fusion_of(model, inputs[:1]))
    assert not any(isinstance(part, nn.BatchNorm2d) for part in ready.modules())
    with torch.no_grad():
        exact, rounded, found = model(inputs), wrapped(inputs), ready(inputs)
    step = 2**-8 * exact.abs().max()
    assert found.dtype == torch.float32
    assert (rounded - exact).abs().max() < 4 * step
    assert (found - exact).abs().max() < 4 * step


def test_what_only_one_layer_reads_is_fused():
    assert fusion_of(Residual()) == Fusion(folded=(("first", "first_norm"), ("second", "second_norm")))
    assert fusion_of(Twice()) == Fusion()
    assert fusion_of(Asking()) == Fusion()
    small = fusion_of(SmallCNN(5))
    assert (len(small.folded), len(small.in_place)) == (4, 4)


def test_a_normalisation_that_was_folded_is_gone_and_a_pool_that_repeats_too():
    model = vgg_like()
    fusion = fusion_of(model.eval(), torch.zeros(1, 3, 12, 12))
    assert fusion.summed == (("2.pool", "2.linear"),)
    ready = fused(deepcopy(model), fusion)
    assert ready[2].linear.weight.shape == (5, 6)
    assert isinstance(ready[2].pool, nn.Identity)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in fused(SmallCNN(3).eval(), fusion_of(SmallCNN(3))).modules())


def test_a_pool_with_places_to_average_stays():
    model = nn.Sequential(nn.Conv2d(3, 6, 3), Pooled(7)).eval()
    assert fusion_of(model, torch.zeros(1, 3, 20, 20)).summed == ()


@pytest.mark.parametrize("side", [1, 2])
@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "dilation"), [(3, 1, 1, 1), (3, 2, 1, 1), (5, 2, 2, 1), (3, 1, 2, 2)]
)
def test_a_convolution_over_few_places_is_one_product(side, kernel, stride, padding, dilation):
    layer = nn.Conv2d(3, 5, kernel, stride=stride, padding=padding, dilation=dilation).eval()
    inputs = torch.randn(4, 3, side, side)
    fusion = fusion_of(nn.Sequential(layer), inputs[:1])
    assert fusion.unrolled == {"0": (side, side)}
    with torch.no_grad():
        expected = layer(inputs)
        found = fused(nn.Sequential(deepcopy(layer)), fusion)(inputs)
    assert found.shape == expected.shape
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


def test_what_is_not_worth_unrolling_or_cannot_be_stays():
    inputs = torch.zeros(1, 4, 2, 2)
    for layer in (
        nn.Conv2d(4, 4, 1),
        nn.Conv2d(4, 4, 3, padding=1, groups=2),
        nn.Conv2d(4, 4, 3, padding=1, padding_mode="circular"),
        nn.Conv2d(4, 4, 3, padding="same"),
    ):
        assert not fusion_of(nn.Sequential(layer), inputs).unrolled
    assert not fusion_of(nn.Sequential(nn.Conv2d(4, 4, 3, padding=1)), torch.zeros(1, 4, 3, 3)).unrolled


def test_layers_that_were_replaced_since_stay_as_they_are():
    model = seen(SmallCNN(5, width=8))
    fusion, inputs = fusion_of(model), torch.randn(4, 3, 12, 12)
    changed = deepcopy(model)
    changed.features.block2.convolution = nn.Sequential(changed.features.block2.convolution)
    changed.features.block3.normalisation.register_forward_hook(lambda _, __, outputs: outputs + 1)
    with torch.no_grad():
        expected = changed(inputs)
        found = fused(changed, fusion)(inputs)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_statistics_taken_from_batches_are_not_folded():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, track_running_stats=False), nn.Flatten()).eval()
    inputs = torch.randn(5, 3, 6, 6)
    with torch.no_grad():
        expected = model(inputs)
        torch.testing.assert_close(fused(deepcopy(model), fusion_of(model))(inputs), expected)
