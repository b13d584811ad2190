"""Crossbar: what its files, presets and layers come to, and what it says it did."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from disparate.choice import is_by_group, is_stochastic
from disparate.choices import build_choice, choice_table
from disparate.choices.crossbar import Crossbar
from disparate.crossbar.chips import Chip
from disparate.crossbar.deploying import Placement, fault_map_of
from disparate.crossbar.fault_map import write_fault_map
from disparate.crossbar.masks import write_masks
from disparate.errors import BadInput, NotApplicable
from disparate.training.targeting import Target


@pytest.fixture
def mask_file(model, tmp_path):
    masks = {name: torch.zeros_like(layer.weight, dtype=torch.bool) for name, layer in weighted(model).items()}
    masks["8"][0] = True
    write_masks(masks, tmp_path / "mask.safetensors")
    return str(tmp_path / "mask.safetensors")


def weighted(model: nn.Module) -> dict[str, nn.Module]:
    return {name: layer for name, layer in model.named_modules() if isinstance(layer, nn.Conv2d | nn.Linear)}


def test_only_what_may_differ_is_stochastic():
    assert not is_stochastic(Crossbar())
    assert not is_stochastic(Crossbar(bits=4, wire=1.0))
    assert is_stochastic(Crossbar(stuck_on=0.1))
    assert is_stochastic(Crossbar(read=0.1))


def test_a_draw_is_one_chip_under_every_setting(model, context_of):
    def weights(choice: Crossbar) -> torch.Tensor:
        return choice.apply(model, context_of(5)).get_submodule("8").weight - model.get_submodule("8").weight

    small, large = (weights(Crossbar(preset="pcm", programming=s, g_min=100.0, g_max=125.0)) for s in (0.001, 0.002))
    torch.testing.assert_close(2 * small, large, rtol=1e-3, atol=1e-6)


def test_a_mask_confines_what_happens(model, context_of, mask_file):
    choice = Crossbar(programming=0.1, mask=mask_file)
    deployed = choice.apply(model, context_of())
    changed = {name: (weighted(deployed)[name].weight != layer.weight) for name, layer in weighted(model).items()}
    assert changed["8"][0].any()
    assert not changed["8"][1:].any()
    assert not changed["0"].any()
    assert choice.effective(deployed)["whole"]["exposed"] == 12


def test_a_file_is_pinned_by_its_content(model, context_of, mask_file):
    choice = Crossbar(programming=0.1, mask=mask_file)
    assert len(choice.mask_sha256 or "") == 64
    table = choice_table(choice)
    assert table["mask_sha256"] == choice.mask_sha256
    assert build_choice(table) == choice
    write_masks({"8": torch.ones(4, 12, dtype=torch.bool)}, Path(mask_file))
    with pytest.raises(BadInput, match="The file changed: name the new one without mask_sha256"):
        choice.apply(model, context_of())


def test_a_mask_of_another_network_is_refused(context_of, mask_file):
    with pytest.raises(BadInput, match="mask: '4' is no layer on a crossbar"):
        Crossbar(programming=0.1, mask=mask_file).apply(nn.Sequential(nn.Linear(12, 4)), context_of())


@pytest.fixture
def map_file(model, tmp_path):
    device = Crossbar(bits=8, slices=2, stuck_off=0.2, programming=0.01, read=0.0).device
    write_fault_map(fault_map_of(model, Placement(device=device), Chip(seed=3)), tmp_path / "chip.safetensors")
    return str(tmp_path / "chip.safetensors")


@torch.no_grad()
def test_a_replayed_chip_is_the_same_in_every_draw(model, inputs, context_of, map_file):
    choice = Crossbar(fault_map=map_file)
    assert not is_stochastic(choice)
    assert (choice.device.bits, choice.device.stuck_off, choice.device.slices) == (8, 0.2, 2)
    first, second = (choice.apply(model, context_of(seed))(inputs) for seed in (1, 2))
    assert torch.equal(first, second)
    assert choice.effective(choice.apply(model, context_of()))["chip"] is None


def test_a_replayed_chip_may_be_read_with_noise_and_stored_in_fewer_bits(model, context_of, map_file):
    choice = Crossbar(fault_map=map_file, bits=5, read=0.01)
    assert is_stochastic(choice)
    assert choice.effective(choice.apply(model, context_of()))["device"]["bits"] == 5


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"stuck_on": 0.1}, "stuck_on is 0.1 and fault_map is"),
        ({"preset": "swim"}, "preset is 'swim' and fault_map is"),
    ],
)
def test_rates_of_a_replayed_chip_are_its_own(map_file, settings, text):
    with pytest.raises(BadInput, match=text):
        Crossbar(fault_map=map_file, **settings)


class WithEmbedding(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words, self.last = nn.Embedding(5, 4), nn.Linear(4, 2)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.last(self.words(tokens).mean(dim=1))


def test_other_layers_are_named_or_refused(context_of):
    choice = Crossbar(stuck_on=0.1)
    assert choice.effective(choice.apply(WithEmbedding(), context_of()))["left_digital"] == {"words": "Embedding"}
    with pytest.raises(
        NotApplicable, match=r"layer 'words' is a Embedding, which no crossbar holds; linear layers and"
    ):
        Crossbar(stuck_on=0.1, unmapped="refuse").apply(WithEmbedding(), context_of())


def test_what_was_done_says_everything_in_force(model, context_of):
    choice = Crossbar(preset="fairxbar_flips", reestimate=16)
    done = choice.effective(choice.apply(model, context_of(1)))
    assert done["device"]["flips"] == pytest.approx(0.01)
    assert done["preset"]["source"] == "mugdho2025"
    assert done["batch_norm"] == "re-estimated on 16 inputs"
    assert done["transient"] == "none"
    assert done["whole"]["rates"]["flips"]["asked"] == pytest.approx(0.01)
    assert set(done["layers"]) == set(weighted(model))
    assert isinstance(done["chip"], int)


def test_its_text_shows_what_was_given():
    assert repr(Crossbar(bits=8, stuck_on=0.1)) == "Crossbar(bits=8, stuck_on=0.1)"
    assert repr(Crossbar()) == "Crossbar()"


def test_the_mirror_image_of_a_draw_deviates_the_other_way(model, context_of):
    choice, context = Crossbar(bits=8, programming=0.2, variation="fairxbar"), context_of(5)
    plain = choice.apply(model, context)
    mirrored = choice.apply(model, replace(context_of(5), mirrored=True))
    nothing = Crossbar(bits=8).apply(model, context_of(5))
    for name, layer in weighted(nothing).items():
        up, down = (found.get_submodule(name).weight - layer.weight for found in (plain, mirrored))
        assert not torch.equal(up, torch.zeros_like(up))
        torch.testing.assert_close(up, -down)
    assert choice.effective(plain)["mirrored"] is False
    assert choice.effective(mirrored)["mirrored"] is True
    assert choice.effective(mirrored)["chip"] == choice.effective(plain)["chip"]


def test_readings_of_a_mirror_image_are_drawn_anew(model, context_of, inputs):
    choice = Crossbar(read=0.1)
    with torch.no_grad():
        plain, mirrored = (
            choice.apply(model, replace(context_of(5), mirrored=mirrored))(inputs) for mirrored in (False, True)
        )
    assert not torch.equal(plain, mirrored)


def test_a_target_is_found_in_training_examples_and_its_size_told(model, context_of):
    choice = Crossbar(programming=0.1, target=Target(share=0.1))
    deployed = choice.apply(model, context_of())
    done = choice.effective(deployed)
    moved = weighted(deployed)
    changed = {name: int((moved[name].weight != layer.weight).sum()) for name, layer in weighted(model).items()}
    assert changed == {name: layer["selected"] for name, layer in done["target"]["layers"].items()}
    assert done["target"]["selected"] == done["whole"]["exposed"] == sum(changed.values()) == 22 + 86 + 5
    assert is_by_group(choice)
    assert not is_by_group(Crossbar(programming=0.1))


def test_a_target_is_the_same_on_every_chip(model, context_of):
    choice = Crossbar(programming=0.1, target=Target(share=0.1))
    first, second = (
        weighted(choice.apply(model, context_of(seed)))["8"].weight != weighted(model)["8"].weight for seed in (0, 1)
    )
    assert torch.equal(first, second)


def test_a_mask_and_a_target_contradict_each_other(mask_file):
    with pytest.raises(BadInput, match="one of the two was expected"):
        Crossbar(mask=mask_file, target=Target())


def test_a_target_survives_its_table():
    choice = Crossbar(target=Target(rule="fr_and_ar", unprivileged="f"))
    table = choice_table(choice)
    assert "privileged" not in table["target"]
    assert build_choice(table) == choice
    assert "target" not in choice_table(Crossbar())
