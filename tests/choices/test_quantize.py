"""Quantize: the integers, the ranges, and what stays floating-point."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from disparate.choice import DeployContext
from disparate.choices.precision import Precision
from disparate.choices.prune import Prune
from disparate.choices.quantize import Quantize, affine, integer_weight
from disparate.errors import NotApplicable
from disparate.profiles import PROFILES
from disparate.training.execution import in_force

MODES = [
    Quantize(),
    Quantize(mode="dynamic"),
    Quantize(mode="weight_only"),
    Quantize(bits=4, mode="weight_only"),
]


def context(inputs: torch.Tensor) -> DeployContext:
    return DeployContext(calibration=lambda count: inputs[:count], generator=torch.Generator())


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-3, 3, width=32), min_size=1, max_size=12), st.sampled_from([4, 8]))
def test_weights_are_within_half_a_step(values, bits):
    weight = torch.tensor([values, [0.0] * len(values)])
    integers, scale = integer_weight(weight, bits)
    assert integers.abs().max() <= 2 ** (bits - 1) - 1
    assert ((weight - integers * scale).abs() <= scale / 2 * (1 + 1e-5)).all()
    assert not integers[weight == 0].any()


@settings(max_examples=60, deadline=None)
@given(st.floats(-100, 0), st.floats(0, 100))
def test_levels_cover_the_range_and_zero_is_a_level(low, high):
    scale, zero = affine(torch.tensor(low), torch.tensor(high))
    assert 0 <= zero <= 255
    assert zero == zero.round()
    assert (0 - zero) * scale <= low + scale
    assert (255 - zero) * scale >= high - scale


def test_convolution_sums_the_integers_exactly(inputs):
    layer = nn.Conv2d(3, 5, 3, stride=2, padding=1, bias=True)
    deployed = Quantize(mode="static", calibration=40).apply(nn.Sequential(layer, nn.Flatten()), context(inputs))[0]
    scale, zero = deployed.input_scale, deployed.input_zero
    levels = ((inputs / scale).round() + zero).clamp(0, 255).long() - zero.long()
    sums = nn.functional.conv2d(levels.double(), deployed.weight.double(), stride=2, padding=1)
    expected = sums.float() * (scale * deployed.weight_scale.view(1, -1, 1, 1)) + layer.bias.view(1, -1, 1, 1)
    with torch.no_grad():
        assert torch.equal(deployed(inputs), expected)


def test_weight_only_convolution_uses_the_restored_weight(inputs):
    layer = nn.Conv2d(3, 5, 3, bias=True)
    deployed = Quantize(mode="weight_only").apply(nn.Sequential(layer, nn.Flatten()), context(inputs))[0]
    weight = deployed.weight * deployed.weight_scale
    with torch.no_grad():
        torch.testing.assert_close(deployed(inputs), nn.functional.conv2d(inputs, weight, layer.bias))
    assert (weight - layer.weight).abs().max() <= deployed.weight_scale.max() / 2 * 1.001


@pytest.mark.parametrize("choice", MODES, ids=str)
def test_answers_stay_near(model, inputs, choice):
    deployed = choice.apply(model, context(inputs))
    with torch.no_grad():
        spread = model(inputs).std()
        error = (deployed(inputs) - model(inputs)).abs().max()
    assert 0 < error < spread * (1.0 if choice.bits == 4 else 0.1)


@pytest.mark.parametrize("choice", MODES, ids=str)
def test_no_answer_depends_on_its_batch(model, inputs, choice):
    deployed = choice.apply(model, context(inputs))
    loud = torch.cat([inputs[:1], inputs[1:] * 50])  # one example beside others of another range
    with torch.no_grad():  # float kernels differ in the last bit between batch sizes; another range would move far more
        torch.testing.assert_close(deployed(loud)[:1], deployed(inputs[:1]), rtol=0, atol=1e-6)


def test_static_ranges_come_from_the_calibration_inputs(model, inputs):
    seen: list[int] = []

    def calibration(count: int) -> torch.Tensor:
        seen.append(count)
        return inputs[:count]

    choice = Quantize(calibration=16)
    done = choice.effective(choice.apply(model, DeployContext(calibration=calibration, generator=torch.Generator())))[
        "layers"
    ]
    first = inputs[:16]
    scale, zero = affine(first.min(), first.max())
    assert seen == [16]
    assert (done["0"]["input_scale"], done["0"]["input_zero"]) == (scale.item(), int(zero))
    assert done["4"]["input_zero"] == done["8"]["input_zero"] == 0  # after ReLU nothing is negative


def test_other_modes_need_no_calibration(model):
    def calibration(count: int) -> torch.Tensor:
        raise AssertionError(f"{count} calibration inputs were asked for")

    for choice in MODES[1:]:
        choice.apply(model, DeployContext(calibration=calibration, generator=torch.Generator()))


def test_what_was_done(model, inputs):
    done = MODES[3].effective(MODES[3].apply(model, context(inputs)))
    assert {name: layer["backend"] for name, layer in done["layers"].items()} == {
        "0": "disparate",
        "4": "disparate",
        "8": "torchao",
    }
    assert all(layer["bits"] == 4 and layer["levels"] <= 16 for layer in done["layers"].values())
    assert done["left_in_float"] == []
    assert done["linear_sums_exact"] is None


class Own(nn.Conv2d):
    """A convolution that somebody changed."""


class Reaching(nn.Module):
    """A network that never runs one of its layers."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.idle = nn.Conv2d(3, 4, 3), nn.Linear(4, 4)
        self.own, self.mirror = Own(4, 4, 1), nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect")
        self.up, self.last = nn.ConvTranspose2d(4, 4, 1), nn.Linear(4, 2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.last(self.up(self.mirror(self.own(self.first(images)))).mean(dim=(2, 3)))


def test_layers_left_in_float_are_listed(inputs):
    choice = Quantize()
    done = choice.effective(choice.apply(Reaching(), context(inputs)))
    assert list(done["layers"]) == ["first", "last"]
    assert done["left_in_float"] == ["idle", "own", "mirror", "up"]


def test_a_layer_that_stands_twice_is_replaced_twice(inputs):
    layer = nn.Conv2d(3, 3, 3, padding=1)
    deployed = Quantize().apply(nn.Sequential(layer, nn.ReLU(), layer, nn.Flatten()), context(inputs))
    assert deployed[0] is deployed[2]
    assert type(deployed[0]).__name__ == "StaticConvolution"


def test_a_network_that_is_one_layer(inputs):
    for layer, given_inputs in ((nn.Conv2d(3, 2, 3), inputs), (nn.Linear(6, 2), torch.randn(9, 6))):
        deployed = Quantize().apply(layer, context(given_inputs))
        with torch.no_grad():
            torch.testing.assert_close(deployed(given_inputs), layer(given_inputs), rtol=0.1, atol=0.1)


def test_zeros_survive_a_chain(model, inputs):
    pruned = Prune(rate=0.7).apply(model, context(inputs))
    for choice in MODES:
        deployed = choice.apply(pruned, context(inputs))
        for index in (0, 4):
            assert not deployed[index].weight[pruned[index].weight == 0].any()
        assert not deployed[8].weight.dequantize()[pruned[8].weight == 0].any()


@pytest.mark.parametrize("choice", MODES, ids=str)
@pytest.mark.parametrize("short", ["bf16", "fp16"])
def test_chains_with_precision_in_both_orders(model, inputs, choice, short):
    cast = Precision(format=short)
    first = cast.apply(choice.apply(model, context(inputs)), context(inputs))
    second = choice.apply(cast.apply(model, context(inputs)), context(inputs))
    with torch.no_grad():
        spread = model(inputs).std()
        for deployed in (first, second):
            assert (deployed(inputs) - model(inputs)).abs().max() < spread * (1.0 if choice.bits == 4 else 0.1)
    assert cast.effective(first)["parameters"]["int8"] == 8 * 27 + 12 * 8 * 9 + 48


def test_the_linear_layer_sums_integers(inputs):
    layer = nn.Linear(6, 3)
    rows = torch.randn(40, 6)
    choice = Quantize(calibration=40)
    deployed = choice.apply(layer, context(rows))
    found = choice.effective(deployed)["layers"][""]
    levels = ((rows / found["input_scale"]).round() + found["input_zero"]).clamp(0, 255) - found["input_zero"]
    scale = layer.weight.detach().abs().amax(dim=1, keepdim=True) / 127.5
    weight = deployed.weight.qdata * scale
    assert ((weight - layer.weight).abs() <= scale * 0.51).all()
    with torch.no_grad():
        torch.testing.assert_close(deployed(rows), levels @ weight.T * found["input_scale"] + layer.bias)


def test_operand_rounding_leaves_integers_alone(inputs):
    """bf16 holds every integer to 256: a static convolution answers the same under emulated operands."""
    deployed = Quantize().apply(nn.Sequential(nn.Conv2d(3, 5, 3), nn.Flatten()), context(inputs))
    with torch.no_grad():
        plain = deployed(inputs)
        with in_force(PROFILES["emulated_bf16"]):
            assert torch.equal(deployed(inputs), plain)


def test_runs_where_predict_runs(model, inputs):
    deployed = Quantize().apply(model, context(inputs)).to("cpu").to(memory_format=torch.channels_last)
    with torch.no_grad():
        torch.testing.assert_close(
            deployed(inputs.contiguous(memory_format=torch.channels_last)), deployed(inputs), rtol=0, atol=1e-5
        )


def test_a_range_that_is_not_finite_is_refused(model, inputs):
    inputs[3, 0, 0, 0] = torch.inf
    with pytest.raises(NotApplicable, match=r"layer '0' met a number that is not finite during calibration"):
        Quantize().apply(model, context(inputs))


def test_quantising_twice_is_refused(model, inputs):
    once = Quantize(mode="dynamic").apply(model, context(inputs))
    with pytest.raises(NotApplicable, match="no linear and no convolution layer with floating-point weights"):
        Quantize(mode="dynamic").apply(once, context(inputs))
