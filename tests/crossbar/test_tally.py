"""Tally: counts and rates by hand."""

import json

import pytest
import torch
from scipy import stats

from disparate.crossbar.chips import Chip
from disparate.crossbar.disturbing import disturbed
from disparate.crossbar.faults import flipped_bits, stuck_cells
from disparate.crossbar.tally import Tally, summed, tally_of, told


def weights_on(layer, chip):
    return disturbed(layer, chip).weights


def of(layer, seed: int = 1) -> Tally:
    return tally_of(layer, disturbed(layer, Chip(seed=seed)))


def test_cells_and_bits_are_counted(arrays):
    mask = torch.zeros(40, 50, dtype=torch.bool)
    mask[:10] = True
    tally = of(arrays(mask=mask, bits=8, slices=3, flips=0.1, stuck_on=0.1))
    assert (tally.weights, tally.exposed) == (2000, 500)
    assert (tally.cells, tally.exposed_cells, tally.exposed_bits) == (12000, 3000, 7000)
    assert of(arrays(bits=8, slices=3, encoding="offset")).exposed_bits == 16000
    assert of(arrays()).exposed_bits == 0


def test_every_cell_stuck(arrays):
    tally = of(arrays(bits=8, slices=2, stuck_on=0.25, stuck_off=0.75))
    assert tally.stuck_on + tally.stuck_off == tally.exposed_cells
    rates = told(tally, arrays(bits=8, slices=2, stuck_on=0.25, stuck_off=0.75).device)["rates"]
    assert rates["stuck_on"]["asked"] == pytest.approx(0.25)
    assert rates["stuck_on"]["achieved"] == pytest.approx(0.25, abs=0.03)
    assert rates["flips"] == {"asked": 0.0, "achieved": 0.0}


def test_energy_is_that_of_the_errors(arrays):
    layer = arrays(bits=8, slices=4, programming=0.1, variation="fairxbar")
    tally = of(layer)
    error = (weights_on(layer, Chip(seed=1)) - layer.held.stored).double()
    assert tally.energy == pytest.approx(error.square().sum().item(), rel=1e-6)
    said = told(tally, layer.device)
    assert said["rms_error_in_peaks"] == pytest.approx(0.2236, rel=0.05)
    assert tally.changed == 2000


def test_nothing_exposed_has_no_rate(arrays):
    layer = arrays(mask=torch.zeros(40, 50, dtype=torch.bool), bits=8, stuck_on=0.5)
    said = told(of(layer), layer.device)
    assert said["rates"]["stuck_on"] == {"asked": 0.5, "achieved": None}
    assert said["rms_error_in_peaks"] is None
    assert json.loads(json.dumps(said, allow_nan=False)) == said


@pytest.mark.parametrize("more", [{}, {"programming": 0.05}, {"drift": 0.1, "drift_spread": 0.1, "drift_time": 100.0}])
def test_faults_are_those_of_the_chip_and_are_drawn_once(arrays, more):
    layer = arrays(bits=6, slices=2, stuck_on=0.05, stuck_off=0.1, flips=0.1, **more)
    chip = Asked(Chip(seed=3))
    tally = tally_of(layer, disturbed(layer, chip))
    assert chip.events_of == sorted(set(chip.events_of), key=chip.events_of.index)
    places = [(sign, place) for sign in (1, -1) for place in (0, 1)]
    stuck = [stuck_cells(layer, Chip(seed=3), *where) for where in places]
    assert tally.stuck_on == sum(int(cells.on.sum()) for cells in stuck) > 0
    assert tally.stuck_off == sum(int((~cells.on).sum()) for cells in stuck) > 0
    bits = [flipped_bits(layer, Chip(seed=3), *where).bits.tolist() for where in places]
    assert tally.flipped == sum(value.bit_count() for own in bits for value in own) > 0


class Asked:
    """A chip that notes which positions it was asked for."""

    def __init__(self, chip):
        self.chip, self.events_of = chip, []

    def __getattr__(self, name):
        return getattr(self.chip, name)

    def events(self, layer, kind, places, rate):
        self.events_of.append(kind)
        return self.chip.events(layer, kind, places, rate)


def test_writes_of_whole_weights(arrays):
    settings = {"bits": 8, "slices": 4, "programming": 1.0, "variation": "swim", "verify_tolerance": 0.2582}
    mask = torch.zeros(40, 50, dtype=torch.bool)
    mask[:30] = True
    p = 2 * stats.norm.cdf(1) - 1
    assert of(arrays(**settings)).writes == 2000
    assert of(arrays(verify="all", **settings)).writes == pytest.approx(2000 / p, rel=1e-3)
    assert of(arrays(mask=mask, verify="all", **settings)).writes == pytest.approx(1500 / p + 500, rel=1e-3)
    assert of(arrays(mask=mask, verify="protected", **settings)).writes == pytest.approx(500 / p + 1500, rel=1e-3)


def test_writes_of_cells(arrays):
    settings = {"bits": 8, "slices": 2, "programming": 0.1, "verify_tolerance": 0.1, "g_min": 900.0, "g_max": 1000.0}
    p = 2 * stats.norm.cdf(1) - 1
    assert of(arrays(**settings)).writes == 8000
    assert of(arrays(verify="all", **settings)).writes == pytest.approx(8000 / p, rel=1e-3)


def test_layers_add_up_but_for_the_largest_loss(arrays):
    one, other = of(arrays(wire=1.0)), of(arrays((20, 10), wire=0.1))
    both = summed([one, other])
    assert both.weights == 2200
    assert both.largest_loss == one.largest_loss > other.largest_loss > 0
