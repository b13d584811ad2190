"""Analog: deviations are those that the models state, layer by layer and chip by chip; what is refused."""

import sys

import pytest
import torch
from torch import nn

from disparate.choice import DeployContext
from disparate.choices.analog import MODELS, Analog
from disparate.errors import BadInput, MissingExtra, NotApplicable

WIDE = 300
DAY = 86400.0


def context_of(seed: int) -> DeployContext:
    return DeployContext(calibration=torch.zeros, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def aihwkit():
    return pytest.importorskip("aihwkit.inference", reason="aihwkit is not installed", exc_type=ImportError)


def layer_of(value: float) -> nn.Linear:
    """Return a layer of many equal weights and one that sets the scale, 1."""
    layer = nn.Linear(WIDE, WIDE, bias=False)
    with torch.no_grad():
        layer.weight.fill_(value)
        layer.weight[0, 0] = 1.0
    return layer


def weights_on(choice: Analog, layer: nn.Module, seed: int = 0) -> torch.Tensor:
    found = choice.apply(layer, context_of(seed))
    return next(found.parameters()).detach().flatten()[1:]


@pytest.mark.usefixtures("aihwkit")
@pytest.mark.parametrize("value", [0.2, 0.5, 0.9])
def test_pcm_deviates_after_writing_as_its_polynomial_says(value):
    found = weights_on(Analog(cells="pcm"), layer_of(value))
    other = 0.26348 / 25  # the cell of the pair that holds nothing deviates too, but never below 0
    own = (0.26348 + 1.965 * value - 1.1731 * value**2) / 25
    half = other * (0.5 - 0.5 / torch.pi) ** 0.5
    assert found.std().item() == pytest.approx((own**2 + half**2) ** 0.5, rel=0.03)


@pytest.mark.usefixtures("aihwkit")
def test_resistive_cells_have_the_window_in_which_they_were_measured():
    value = 0.5
    sigma = 0.348 + 16.030 * value - 43.853 * value**2 + 45.393 * value**3 - 16.815 * value**4
    found = weights_on(Analog(cells="reram_wan2022"), layer_of(value))
    half = 0.348 / 40 * (0.5 - 0.5 / torch.pi) ** 0.5
    assert found.std().item() == pytest.approx(((sigma / 40) ** 2 + half**2) ** 0.5, rel=0.03)


@pytest.mark.usefixtures("aihwkit")
def test_phase_change_cells_lose_conductance_and_compensation_gives_the_mean_back():
    layer = layer_of(0.5)
    means = [weights_on(Analog(cells="pcm", seconds=seconds), layer).mean().item() for seconds in (0.0, 3600.0, DAY)]
    assert means[0] > means[1] > means[2]
    scaled = weights_on(Analog(cells="pcm", seconds=DAY, compensate=True), layer)
    assert scaled.abs().mean().item() == pytest.approx(0.5, rel=1e-3)


@pytest.mark.usefixtures("aihwkit")
def test_noise_is_a_factor_of_the_deviation():
    layer = layer_of(0.5)
    whole, tenth = (weights_on(Analog(cells="pcm", noise=noise), layer) - 0.5 for noise in (1.0, 0.1))
    assert torch.allclose(tenth.clamp_min(-0.04), whole.clamp_min(-0.4) / 10, atol=2e-3)


@pytest.mark.usefixtures("aihwkit")
def test_a_layer_has_the_same_chip_whatever_else_the_network_has():
    one = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
    choice = Analog(cells="pcm")
    whole, part = choice.apply(one, context_of(0)), Analog(cells="pcm", layers=("2",)).apply(one, context_of(0))
    assert torch.equal(whole[2].weight, part[2].weight)
    assert torch.equal(part[0].weight, one[0].weight)
    assert not torch.equal(whole[0].weight, one[0].weight)


@pytest.mark.usefixtures("aihwkit")
def test_what_was_done_is_told():
    one = nn.Sequential(nn.Linear(4, 4), nn.Embedding(3, 4))
    choice = Analog(cells="pcm")
    deployed = choice.apply(one, context_of(0))
    told = choice.effective(deployed)
    error = (deployed[0].weight - one[0].weight).square().sum() / one[0].weight.square().sum()
    assert told["relative_squared_error"] == {"0": pytest.approx(error.item(), rel=1e-5)}
    assert told["left_digital"] == {"1": "Embedding"}
    assert told["model"].startswith("PCMLikeNoiseModel(")
    assert told["aihwkit"]


@pytest.mark.usefixtures("aihwkit")
@pytest.mark.parametrize("cells", sorted(MODELS))
def test_every_kind_of_cell_answers(cells):
    layer = layer_of(0.3)
    found = weights_on(Analog(cells=cells, seconds=DAY), layer)
    assert found.isfinite().all()
    assert 0.1 < found.mean() < 0.5


@pytest.mark.usefixtures("aihwkit")
@pytest.mark.parametrize("cells", sorted(MODELS))
def test_a_layer_of_zeros_has_no_scale_and_stays(cells):
    layer = nn.Linear(4, 4)
    nn.init.zeros_(layer.weight)
    choice = Analog(cells=cells, seconds=DAY)
    deployed = choice.apply(layer, context_of(0))
    assert torch.equal(next(deployed.parameters()), torch.zeros(4, 4))
    assert choice.effective(deployed)["relative_squared_error"] == {"": 0.0}


@pytest.mark.usefixtures("aihwkit")
def test_half_precision_stays_what_it_is():
    layer = layer_of(0.3).to(torch.bfloat16)
    assert weights_on(Analog(cells="pcm"), layer).dtype == torch.bfloat16


def test_a_network_without_such_a_layer_is_refused():
    with pytest.raises(NotApplicable, match="no linear and no convolution layer"):
        Analog(cells="pcm").apply(nn.Sequential(nn.ReLU()), context_of(0))


def test_an_unknown_layer_is_refused():
    with pytest.raises(BadInput, match="layers names '7', which the model does not have"):
        Analog(cells="pcm", layers=("7",)).apply(nn.Sequential(nn.Linear(2, 2)), context_of(0))


def test_without_aihwkit_it_says_what_to_install(monkeypatch):
    for name in [*filter(lambda name: name.startswith("aihwkit"), sys.modules), "aihwkit"]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtra, match=r"pip install 'disparate\[analog\]'"):
        Analog(cells="pcm").apply(nn.Linear(2, 2), context_of(0))
