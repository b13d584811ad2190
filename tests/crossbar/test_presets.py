"""Presets: numbers as their sources state them."""

from pathlib import Path

import pytest

from disparate.crossbar.device import Device
from disparate.crossbar.presets import PRESETS, device_of, preset_named
from disparate.crossbar.writing import spread_of_weights
from disparate.errors import BadInput


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_preset_is_a_device_with_a_provenance(name):
    preset = preset_named(name)
    assert isinstance(device_of(name, {}), Device)
    assert preset.provenance
    assert bool(preset.source) == (name != "ideal")


def test_sources_are_in_the_references():
    text = (Path(__file__).parents[2] / "docs" / "references.bib").read_text(encoding="utf-8")
    for preset in PRESETS.values():
        assert not preset.source or f"{{{preset.source}," in text


def test_ideal_disturbs_nothing():
    assert device_of("ideal", {}) == Device()


def test_swim_comes_to_the_deviation_of_the_public_code():
    assert spread_of_weights(device_of("swim", {})) == pytest.approx(0.3 * 0.2582, rel=1e-3)
    assert spread_of_weights(device_of("swim_verified", {})) == pytest.approx(0.03 * 0.2582, rel=1e-3)


def test_a_setting_replaces_that_of_the_preset():
    assert device_of("pytorx_stuck", {"stuck_on": 0.0}).stuck_on == pytest.approx(0.0)
    assert device_of("pytorx_stuck", {"stuck_on": 0.0}).stuck_off == pytest.approx(0.1)


def test_unknown_preset_names_the_nearest():
    with pytest.raises(BadInput, match=r"^crossbar: preset is 'fairxbar_nois'\. Did you mean 'fairxbar_noise'\?$"):
        device_of("fairxbar_nois", {})
