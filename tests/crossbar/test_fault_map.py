"""Fault maps: the same cells fail again, on another network too; what is damaged or does not fit is refused."""

import json
from copy import deepcopy

import pytest
import torch
from safetensors.torch import load_file, save_file

from disparate.crossbar.chips import Chip
from disparate.crossbar.deploying import Placement, fault_map_of, on_crossbars
from disparate.crossbar.device import Device
from disparate.crossbar.fault_map import read_device, read_fault_map, write_fault_map
from disparate.errors import BadInput

DEVICES = [
    {"bits": 8, "slices": 3, "stuck_on": 0.02, "stuck_off": 0.05},
    {"bits": 8, "flips": 0.02, "programming": 0.05, "variation": "fairxbar"},
    {"programming": 0.05, "verify": "all", "verify_limit": 3},
    {"drift": 0.05, "drift_spread": 0.02, "drift_time": 1e5},
    {"fidelity": "mvm", "dac_offset": 0.02, "adc_offset": 0.02, "rows": 8},
    {"bits": 8, "slices": 4, "programming": 0.1, "variation": "swim", "verify": "all", "verify_limit": 2},
]


@pytest.fixture
def placed(images):
    return lambda **settings: Placement(device=Device(**settings), calibration=lambda n: images[:n])


@pytest.mark.parametrize("device", DEVICES, ids=str)
@torch.no_grad()
def test_a_map_read_back_is_the_chip(network, images, placed, device, tmp_path):
    placement, chip, path = placed(**device), Chip(seed=11, mirrored=True), tmp_path / "chip.safetensors"
    write_fault_map(fault_map_of(network, placement, chip), path)
    found = read_fault_map(path)
    assert found.device == placement.device == read_device(path)
    assert found.about["chip"] == {"seed": 11, "mirrored": True}
    replayed, drawn = (on_crossbars(network, placement, by, cycle_seed=0) for by in (found, chip))
    assert torch.equal(replayed(images), drawn(images))
    assert torch.equal(on_crossbars(network, placement, found, cycle_seed=0)(images), drawn(images))  # not used up


@torch.no_grad()
def test_the_same_cells_fail_on_another_network_and_in_another_precision(network, placed):
    other = deepcopy(network)
    for parameter in other.parameters():
        parameter.copy_(torch.randn_like(parameter))
    found = fault_map_of(network, placed(bits=8, slices=1, stuck_off=0.1), Chip(seed=1))
    dead = []
    for model, bits in ((network, 8), (other, 8), (other, 5)):
        placement = placed(bits=bits, slices=1, stuck_off=0.1)
        deployed = on_crossbars(model, placement, found, cycle_seed=0)
        ideal = on_crossbars(model, placed(bits=bits, slices=1), found, cycle_seed=0)
        dead.append((deployed.get_submodule("3").weight != ideal.get_submodule("3").weight, ideal))
    positive, negative = (found.events("3", f"stuck off, {sign}, 0", 288, 0.1) for sign in ("positive", "negative"))
    for changed, ideal in dead:
        weight = ideal.get_submodule("3").weight.flatten()
        expected = {int(i) for i in positive if weight[i] > 0} | {int(i) for i in negative if weight[i] < 0}
        assert set(changed.flatten().nonzero().flatten().tolist()) == expected


def test_achieved_rates_stand_in_the_map(network, placed):
    found = fault_map_of(network, placed(bits=8, slices=2, stuck_on=0.1), Chip(seed=1))
    whole = found.about["whole"]
    assert whole["rates"]["stuck_on"]["asked"] == pytest.approx(0.1)
    counted = sum(len(values) for name, values in found.numbers.items() if "stuck on" in name)
    assert whole["stuck_on"] == counted
    assert whole["rates"]["stuck_on"]["achieved"] == counted / whole["exposed_cells"]


def test_transient_noise_is_no_part_of_a_map(network, placed):
    with pytest.raises(BadInput, match="has no faults and no deviations, so that all chips are alike"):
        fault_map_of(network, placed(read=0.1), Chip(seed=1))
    with_noise, without = (fault_map_of(network, placed(stuck_on=0.1, read=r), Chip(seed=1)) for r in (0.1, 0.0))
    assert with_noise.numbers.keys() == without.numbers.keys()


def test_a_map_of_another_network_or_device_is_refused(network, placed):
    found = fault_map_of(network, placed(bits=8, stuck_on=0.1, programming=0.1), Chip(seed=1))
    narrow = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 1))
    with pytest.raises(BadInput, match=r"'stuck on, positive, 0' of layer '0' was drawn at rate 0\.1 from 216 places"):
        on_crossbars(narrow, placed(bits=8, stuck_on=0.1), found, cycle_seed=0)
    with pytest.raises(BadInput, match=r"of layer '0' has shape \(8, 3, 3, 3\) and \(8, 3, 1, 1\) was expected"):
        on_crossbars(narrow, placed(bits=8, programming=0.1), found, cycle_seed=0)
    with pytest.raises(BadInput, match=r"rate 0\.2 and 216 places were expected\. Leave the rates to the map"):
        on_crossbars(network, placed(bits=8, stuck_on=0.2), found, cycle_seed=0)
    with pytest.raises(BadInput, match=r"holds nothing of kind 'stuck on, positive, 1' for layer '0'; its layers are"):
        on_crossbars(network, placed(bits=8, slices=2, stuck_on=0.1), found, cycle_seed=0)


def test_damaged_files_are_refused(network, placed, tmp_path):
    path = tmp_path / "chip.safetensors"
    with pytest.raises(BadInput, match="cannot be read as safetensors"):
        read_fault_map(path)
    path.write_bytes(b"no safetensors")
    with pytest.raises(BadInput, match="cannot be read as safetensors"):
        read_fault_map(path)
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(BadInput, match="is no fault map; a file written by write_fault_map was expected"):
        read_fault_map(path)


def test_numbers_out_of_range_are_refused(network, placed, tmp_path):
    path = tmp_path / "chip.safetensors"
    write_fault_map(fault_map_of(network, placed(bits=8, stuck_on=0.1, programming=0.1), Chip(seed=1)), path)
    found = read_fault_map(path)
    found.numbers["9/stuck on, positive, 0"][-1] = 10_000
    with pytest.raises(BadInput, match="of layer '9' holds positions outside its 96 places"):
        on_crossbars(network, placed(bits=8, stuck_on=0.1), found, cycle_seed=0)
    found.numbers["9/written, positive, 0"][0] = float("nan")
    with pytest.raises(BadInput, match="of layer '9' holds a number that is not finite"):
        on_crossbars(network, placed(bits=8, programming=0.1), found, cycle_seed=0)


@pytest.mark.parametrize(
    ("change", "text"),
    [({"stuck_on": 3.0}, "stuck_on is 3.0"), ({"bits": "8"}, "its device is none"), ({"colour": 1}, r"\['colour'\]")],
)
def test_a_device_that_is_none_is_refused(network, placed, tmp_path, change, text):
    path = tmp_path / "chip.safetensors"
    write_fault_map(fault_map_of(network, placed(bits=8, stuck_on=0.1), Chip(seed=1)), path)
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        about = json.loads(file.metadata()["disparate_fault_map"])
    about["device"] |= change
    save_file(load_file(path), path, metadata={"disparate_fault_map": json.dumps(about)})
    with pytest.raises(BadInput, match=text):
        read_fault_map(path)
