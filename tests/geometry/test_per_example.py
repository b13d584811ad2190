"""Gradient norms per example, against one autograd call per example in float64."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from disparate.errors import BadInput, NotApplicable
from disparate.geometry import per_example
from disparate.geometry.per_example import answers, gradient_norms
from disparate.geometry.surface import Surface


def surface_of(model, inputs, batch_size=3):
    rows = np.arange(len(inputs))
    return Surface(
        model=model,
        inputs=lambda rows: inputs[torch.from_numpy(rows)],
        rows=rows,
        target=np.zeros(len(rows), dtype=np.int64),
        batch_size=batch_size,
    )


def units(logits):
    """All classes, one after the other."""
    return torch.eye(logits.shape[1], dtype=torch.float64)[:, None].expand(-1, len(logits), -1)


def one_by_one(model, inputs, wrt):
    model.eval()
    found = []
    for row in range(len(inputs)):
        leaf = inputs[row : row + 1].clone().requires_grad_(wrt == "inputs")
        ends = [leaf] if wrt == "inputs" else [p for p in model.parameters() if p.requires_grad]
        logits = model(leaf)[0]
        slopes = [torch.autograd.grad(z, ends, retain_graph=True, allow_unused=True) for z in logits]
        found.append([sum(float((s**2).sum()) for s in slope if s is not None) ** 0.5 for slope in slopes])
    return np.array(found).T


def norms_of(model, inputs, wrt, batch_size=3):
    parts = gradient_norms(surface_of(model, inputs, batch_size), units, wrt=[wrt])
    return np.concatenate([part.norms[wrt].numpy() for part in parts], axis=1)


class Flat(nn.Module):
    """The mean over places of a network on sequences."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, inputs):
        return self.inner(inputs).mean(dim=1)


class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, inputs):
        return self.layer(torch.tanh(self.layer(inputs)))


class Aside(nn.Module):
    """A layer whose weights are also used without calling it."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, inputs):
        return torch.tanh(self.layer(inputs)) @ self.layer.weight


class Own(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor([0.5, 2.0, 1.0, -1.0]))
        self.layer = nn.Linear(4, 3)

    def forward(self, inputs):
        return self.layer(inputs * self.scale)


def tied():
    model = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4))
    model[2].weight = model[0].weight
    return model


def settled(model):
    """Running statistics that are not 0 and 1."""
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.normal_(layer.weight)
            layer.running_mean.normal_()
            layer.running_var.uniform_(0.5, 2)
    return model


def images(*layers):
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LazyLinear(3))


IMAGE, ROW, SEQUENCE = (2, 6, 6), (4,), (5, 4)
NETWORKS = {
    "linear": (lambda: nn.Linear(4, 3), ROW),
    "no bias": (lambda: nn.Linear(4, 3, bias=False), ROW),
    "mlp": (lambda: nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(inplace=True), nn.Linear(6, 3)), ROW),
    "layer norm": (lambda: nn.Sequential(nn.Linear(4, 6), nn.LayerNorm(6), nn.GELU(), nn.Linear(6, 3)), ROW),
    "sequence": (lambda: Flat(nn.Sequential(nn.Linear(4, 2), nn.Tanh(), nn.LayerNorm(2), nn.Linear(2, 3))), SEQUENCE),
    "convolution": (lambda: images(nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(4, 3, 2)), IMAGE),
    "strides": (lambda: images(nn.Conv2d(2, 4, 3, stride=2, dilation=2, padding=2), nn.Tanh()), IMAGE),
    "blocks": (lambda: images(nn.Conv2d(2, 4, 1), nn.ReLU(inplace=True), nn.Conv2d(4, 6, 3, groups=2)), IMAGE),
    "batch norm": (lambda: images(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True)), IMAGE),
    "group norm": (lambda: images(nn.Conv2d(2, 4, 3), nn.GroupNorm(2, 4), nn.ReLU()), IMAGE),
    "padding by word": (lambda: images(nn.Conv2d(2, 4, 3, padding="same"), nn.ReLU()), IMAGE),
    "padding by mirror": (lambda: images(nn.Conv2d(2, 4, 3, padding=1, padding_mode="reflect"), nn.ReLU()), IMAGE),
    "used twice": (Twice, ROW),
    "used aside": (Aside, ROW),
    "tied": (tied, ROW),
    "own parameter": (Own, ROW),
    "weight norm": (lambda: nn.Sequential(weight_norm(nn.Linear(4, 4)), nn.Tanh(), nn.Linear(4, 3)), ROW),
    "attention": (lambda: Flat(nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)), SEQUENCE),
}
THROUGH_LAYERS = {
    "linear", "no bias", "mlp", "layer norm", "sequence", "convolution", "strides", "blocks", "batch norm",
    "group norm",
}  # fmt: skip


def made(name, examples=7):
    torch.manual_seed(0)
    make, shape = NETWORKS[name]
    inputs = torch.randn(examples, *shape, dtype=torch.float64)
    model = make().double()
    model(inputs)  # lazy layers take their size
    return settled(model), inputs


@pytest.mark.parametrize("wrt", ["inputs", "parameters"])
@pytest.mark.parametrize("name", NETWORKS)
def test_norms_are_those_of_each_example_alone(name, wrt):
    model, inputs = made(name)
    np.testing.assert_allclose(norms_of(model, inputs, wrt), one_by_one(model, inputs, wrt), rtol=1e-9)


@pytest.mark.parametrize("name", NETWORKS)
def test_known_layers_take_the_fast_way_and_no_others(name):
    model, inputs = made(name)
    model.eval()
    way = per_example._way(surface_of(model, inputs), inputs, ["parameters"])
    assert (way is per_example._through_layers) == (name in THROUGH_LAYERS)


@pytest.mark.parametrize("name", ["mlp", "convolution", "batch norm", "sequence"])
@pytest.mark.parametrize("frozen", ["weight", "bias"])
def test_frozen_parameters_do_not_count(name, frozen):
    model, inputs = made(name)
    for parameter, value in model.named_parameters():
        value.requires_grad_(not parameter.endswith(frozen))
    np.testing.assert_allclose(
        norms_of(model, inputs, "parameters"), one_by_one(model, inputs, "parameters"), rtol=1e-9
    )


@settings(max_examples=15, deadline=None)
@given(
    channels=st.sampled_from([2, 4]),
    size=st.integers(3, 7),
    kernel=st.integers(1, 3),
    stride=st.integers(1, 2),
    padding=st.integers(0, 1),
    blocks=st.sampled_from([1, 2]),
)
def test_convolutions_of_any_shape(channels, size, kernel, stride, padding, blocks):
    torch.manual_seed(1)
    layer = nn.Conv2d(channels, 4, kernel, stride=stride, padding=padding, groups=blocks)
    model = nn.Sequential(layer, nn.Tanh(), nn.AdaptiveAvgPool2d(1), nn.Flatten()).double()
    inputs = torch.randn(3, channels, size, size, dtype=torch.float64)
    np.testing.assert_allclose(
        norms_of(model, inputs, "parameters"), one_by_one(model, inputs, "parameters"), rtol=1e-9
    )


def test_unfolded_inputs_come_in_parts(monkeypatch):
    model, inputs = made("convolution")
    whole = norms_of(model, inputs, "parameters", batch_size=7)
    monkeypatch.setattr(per_example, "CHUNK_NUMBERS", 1)
    np.testing.assert_allclose(norms_of(model, inputs, "parameters", batch_size=7), whole, rtol=1e-12)


@pytest.mark.parametrize("wrt", ["inputs", "parameters"])
def test_the_size_of_batches_changes_nothing(wrt):
    model, inputs = made("batch norm")
    np.testing.assert_allclose(norms_of(model, inputs, wrt, 1), norms_of(model, inputs, wrt, 7), rtol=1e-12)


def test_looking_changes_nothing():
    model, inputs = made("mlp")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    given_inputs = inputs.clone()
    model.train()
    norms_of(model, inputs, "parameters")
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())
    assert all(not layer._forward_hooks for layer in model.modules())
    assert torch.equal(inputs, given_inputs)
    assert model.training


def test_classes_that_hang_on_nothing_have_norm_0():
    model = nn.Linear(4, 3, bias=False)
    model.weight.requires_grad_(True)

    class Constant(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = model

        def forward(self, inputs):
            return self.layer(inputs) * torch.tensor([1.0, 0.0, 1.0])

    norms = norms_of(Constant(), torch.ones(2, 4), "parameters")
    assert norms[1].tolist() == [0.0, 0.0]
    assert (norms[[0, 2]] > 0).all()


def test_float32_agrees_with_float64():
    model, inputs = made("batch norm")
    wide = norms_of(model, inputs, "parameters")
    narrow = norms_of(model.float(), inputs.float(), "parameters")
    np.testing.assert_allclose(narrow, wide, rtol=1e-5)


class TwoInputs(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, left, right):
        return self.layer(left + right)


class Answering(nn.Module):
    def __init__(self, answer):
        super().__init__()
        self.layer = nn.Linear(4, 3)
        self.answer = answer

    def forward(self, inputs):
        return self.answer(self.layer(inputs))


@pytest.mark.parametrize(
    ("model", "kind", "message"),
    [
        (TwoInputs(), BadInput, r"takes 2 inputs \(left, right\); a network of one"),
        (nn.Linear(4, 1), BadInput, r"answers \(2, 1\) to 2 examples; .* 2 classes or more"),
        (Answering(lambda z: z[:, 0]), BadInput, r"answers \(2,\) to 2 examples"),
        (Answering(lambda z: z[:1]), BadInput, r"answers \(1, 3\) to 2 examples"),
        (Answering(lambda z: (z, z)), BadInput, "answers tuple to 2 examples"),
        (Answering(lambda z: z / 0), BadInput, "logits of 2 of 2 examples of a batch are not finite"),
        (
            nn.Sequential(nn.BatchNorm1d(4, track_running_stats=False), nn.Linear(4, 2)),
            NotApplicable,
            "layer '0' normalises by its batch",
        ),
    ],
)
def test_networks_that_cannot_be_looked_at(model, kind, message):
    rows = gradient_norms(surface_of(model, torch.ones(2, 4)), units, wrt=["inputs", "parameters"])
    with pytest.raises(kind, match=message):
        list(rows)


def test_inputs_that_are_no_tensor():
    with pytest.raises(BadInput, match=r"inputs of the network are a list; one tensor \(examples, ...\) was expected"):
        answers(nn.Linear(4, 2), [torch.ones(2, 4)])


def test_integers_have_no_gradient_but_their_network_has():
    model = Flat(nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 3))).double()
    tokens = torch.tensor([[0, 1, 1], [4, 2, 0]])
    with pytest.raises(NotApplicable, match=r"inputs are torch.int64: a gradient by the input needs real numbers"):
        list(gradient_norms(surface_of(model, tokens), units, wrt=["inputs"]))
    np.testing.assert_allclose(
        norms_of(model, tokens, "parameters"), one_by_one(model, tokens, "parameters"), rtol=1e-9
    )
