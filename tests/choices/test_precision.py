"""Precision: which format holds what, and who is refused."""

import pytest
import torch
from torch import nn

from disparate.choices.precision import Precision
from disparate.errors import NotApplicable
from disparate.training.config import TrainingConfig


@pytest.mark.parametrize(("short", "dtype"), [("bf16", torch.bfloat16), ("fp16", torch.float16)])
def test_a_linear_layer_agrees_with_torch(context_of, short, dtype):
    layer = nn.Linear(6, 3)
    inputs = torch.randn(5, 6)
    context = context_of()
    deployed = Precision(format=short).apply(nn.Sequential(nn.Flatten(), nn.Linear(432, 3)), context)
    assert {parameter.dtype for parameter in deployed.parameters()} == {dtype}
    narrow = nn.functional.linear(inputs.to(dtype), layer.weight.to(dtype), layer.bias.to(dtype)).float()
    ours = Precision(format=short).apply(
        layer, type(context)(calibration=lambda count: inputs[:count], generator=context.generator)
    )
    with torch.no_grad():
        assert torch.equal(ours(inputs), narrow)
        assert ours(inputs).dtype == torch.float32


@pytest.mark.parametrize("short", ["bf16", "fp16"])
def test_answers_stay_near(model, inputs, context_of, short):
    deployed = Precision(format=short).apply(model, context_of())
    with torch.no_grad():
        torch.testing.assert_close(deployed(inputs), model(inputs), rtol=0.05, atol=0.05)


def test_train_and_deploy_are_parted():
    for at, trained in (("train", "fp16"), ("deploy", "float32"), ("both", "fp16")):
        assert Precision(format="fp16", at=at).configure(TrainingConfig()).precision == trained


def test_trained_in_it_is_deployed_in_float32(model, inputs, context_of):
    choice = Precision(format="fp16", at="train")
    deployed = choice.apply(model, context_of())
    with torch.no_grad():
        assert torch.equal(deployed(inputs), model(inputs))
    assert choice.effective(deployed)["parameters"] == {"float32": sum(p.numel() for p in model.parameters())}


def test_a_layer_that_cannot_is_named(context_of):
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.LocalResponseNorm(2), nn.Flatten(), nn.Linear(400, 2))
    with pytest.raises(
        NotApplicable, match=r"Precision\(format='fp16'\): layer '1' cannot compute in fp16 on this machine"
    ):
        Precision(format="fp16").apply(network, context_of())


def test_a_weight_that_does_not_fit_is_named(model, context_of):
    with torch.no_grad():
        model[8].weight[0, 0] = 70000.0
    with pytest.raises(
        NotApplicable, match=r"'8\.weight' reaches 70000; the largest number of fp16 is 65504\. Use format='bf16'"
    ):
        Precision(format="fp16").apply(model, context_of())
    Precision(format="bf16").apply(model, context_of())
