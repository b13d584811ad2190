"""Products: with exact converters they are the disturbed weights; bits, offsets, tiles and noise do what they say."""

import pytest
import torch
from torch import Tensor, nn

from disparate.crossbar.chips import Chip
from disparate.crossbar.deploying import Placement, on_crossbars
from disparate.crossbar.device import Device
from disparate.errors import NotApplicable

DEVICES = [
    {},
    {"bits": 8, "slices": 4},
    {"bits": 8, "slices": 3, "encoding": "offset", "stuck_on": 0.02, "stuck_off": 0.05},
    {"programming": 0.05},
    {"bits": 8, "slices": 4, "programming": 0.1, "variation": "fairxbar", "flips": 0.01},
    {"bits": 6, "slices": 2, "programming": 0.05, "variation": "swim", "encoding": "offset"},
    {"bits": 5, "wire": 1.0, "rows": 16, "columns": 4, "drift": 0.05, "drift_spread": 0.02, "drift_time": 1e4},
]


def on_chip(network: nn.Module, images: Tensor, *, seed: int = 3, mask: bool = False, **settings) -> nn.Module:
    masks = {name: network.get_submodule(name).weight > 0 for name in ("0", "3", "9")} if mask else {}
    placement = Placement(device=Device(**settings), masks=masks, calibration=lambda n: images[:n])
    return on_crossbars(network, placement, Chip(seed=seed), cycle_seed=1)


@pytest.mark.parametrize("rows", [None, 7])
@pytest.mark.parametrize("mask", [False, True])
@pytest.mark.parametrize("device", DEVICES, ids=str)
@torch.no_grad()
def test_exact_converters_give_what_the_disturbed_weights_give(network, images, device, mask, rows):
    settings = {"rows": rows, **device}
    weights, products = (on_chip(network, images, mask=mask, fidelity=f, **settings) for f in ("weights", "mvm"))
    torch.testing.assert_close(products(images), weights(images), rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_more_bits_come_nearer(network, images):
    exact = on_chip(network, images, bits=8, slices=2)(images)
    errors = [
        (on_chip(network, images, fidelity="mvm", bits=8, slices=2, rows=16, dac_bits=b, adc_bits=b)(images) - exact)
        .abs()
        .max()
        .item()
        for b in (3, 5, 8, 12)
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.01 * errors[0]


@torch.no_grad()
def test_one_linear_layer_by_hand():
    """Weights 3, -1 on 3 bits, inputs on 2 bits (levels 0 to 3), sums of single rows on 3 bits (levels -3 to 3)."""
    layer = nn.Linear(2, 1, bias=False)
    layer.weight.data = torch.tensor([[3.0, -1.0]])
    inputs = torch.tensor([[3.0, 3.0], [1.4, 0.6]])
    device = Device(fidelity="mvm", bits=3, rows=1, dac_bits=2, adc_bits=3)
    placement = Placement(device=device, calibration=lambda n: inputs[:1], calibrated_on=1)
    deployed = on_crossbars(layer, placement, Chip(seed=0), cycle_seed=0)
    # the first tile's sums reach 9 and the second's -3: one converter range of 9, in steps of 3
    assert deployed(inputs).flatten().tolist() == pytest.approx([9 - 3, 3 - 0])


@torch.no_grad()
def test_tiles_are_converted_one_by_one(network, images):
    """More tiles, each with its own rounding: another answer, with the same cells."""
    settings = {"fidelity": "mvm", "bits": 6, "adc_bits": 4}
    whole, tiled = (on_chip(network, images, rows=rows, **settings)(images) for rows in (None, 8))
    assert not torch.allclose(whole, tiled, atol=1e-3)


@torch.no_grad()
def test_answers_do_not_hang_on_the_batch(network, images):
    deployed = on_chip(network, images, fidelity="mvm", bits=6, slices=2, rows=16, dac_bits=6, adc_bits=6)
    parts = torch.cat([deployed(part) for part in images.split(7)])
    torch.testing.assert_close(parts, deployed(images), rtol=0, atol=1e-6)


@torch.no_grad()
def test_offsets_are_those_of_the_chip(network, images):
    settings = {"fidelity": "mvm", "dac_offset": 0.02, "adc_offset": 0.01}
    first, again, other = (on_chip(network, images, seed=seed, **settings)(images) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)
    assert not torch.allclose(first, network(images))


@torch.no_grad()
def test_offset_behind_a_layer_is_a_normal_number_per_column():
    """σ is a share of the range, which calibration found to be the largest sum."""
    layer = nn.Linear(8, 2000, bias=False)
    inputs = torch.rand(16, 8)
    placement = Placement(device=Device(fidelity="mvm", adc_offset=0.05), calibration=lambda n: inputs)
    deployed = on_crossbars(layer, placement, Chip(seed=0), cycle_seed=0)
    error = deployed(inputs) - layer(inputs)
    assert error.std(dim=0).max() < 1e-5
    assert error[0].std().item() == pytest.approx(0.05 * layer(inputs).abs().max().item(), rel=0.05)


@pytest.mark.parametrize(
    "settings", [{"read": 0.05}, {"bits": 8, "slices": 3, "read": 0.02, "read_variation": "state"}]
)
@torch.no_grad()
def test_read_noise_of_a_product_is_that_of_its_cells(settings):
    """√(Σ x² σ²) against many readings of disturbed weights, each a cycle of its own."""
    layer = nn.Linear(30, 20, bias=False)
    inputs = torch.randn(1, 30)
    drawn = {}
    for fidelity in ("weights", "mvm"):
        placement = Placement(device=Device(fidelity=fidelity, **settings))
        deployed = on_crossbars(layer, placement, Chip(seed=0), cycle_seed=5)
        drawn[fidelity] = torch.stack([deployed(inputs)[0] for _ in range(3000)])
    torch.testing.assert_close(drawn["mvm"].std(dim=0), drawn["weights"].std(dim=0), rtol=0.1, atol=0)
    error = (drawn["mvm"].mean(dim=0) - drawn["weights"].mean(dim=0)) / drawn["mvm"].std(dim=0)
    assert error.abs().max() < 5 * (2 / 3000) ** 0.5


@torch.no_grad()
def test_every_product_is_read_anew(network):
    deployed = on_chip(network, torch.zeros(1), fidelity="mvm", read=0.1)
    twice = torch.randn(1, 3, 8, 8).expand(2, 3, 8, 8)
    answers = deployed(twice)
    assert not torch.equal(answers[0], answers[1])
    assert not torch.equal(answers, deployed(twice))


class Branches(nn.Module):
    """Takes another way for large inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.small, self.large = nn.Linear(2, 2), nn.Linear(2, 2)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.large(inputs) if inputs.abs().max() > 10 else self.small(inputs)


@torch.no_grad()
def test_a_layer_that_calibration_never_reached_says_so():
    placement = Placement(device=Device(fidelity="mvm", adc_bits=6), calibration=lambda n: torch.ones(n, 2))
    deployed = on_crossbars(Branches(), placement, Chip(seed=0), cycle_seed=0)
    deployed(torch.ones(1, 2))
    with pytest.raises(NotApplicable, match="layer 'large' is reached by these inputs and was not by those of the cal"):
        deployed(torch.full((1, 2), 20.0))


@torch.no_grad()
def test_large_inputs_go_through_in_parts(network, images, monkeypatch):
    deployed = on_chip(network, images, fidelity="mvm", bits=8, slices=2, adc_bits=8)
    whole = deployed(images)
    monkeypatch.setattr("disparate.crossbar.products.CHUNK_NUMBERS", 20_000)
    torch.testing.assert_close(deployed(images), whole, rtol=0, atol=1e-6)
