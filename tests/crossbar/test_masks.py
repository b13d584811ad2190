import pytest
import torch
from safetensors.torch import save_file

from disparate.crossbar.masks import read_masks, write_masks
from disparate.errors import BadInput


def test_masks_survive_a_file(tmp_path):
    masks = {"conv.weight": torch.rand(3, 4) < 0.5, "fc": torch.ones(2, dtype=torch.bool)}
    write_masks(masks, tmp_path / "mask.safetensors")
    found = read_masks(tmp_path / "mask.safetensors")
    assert found.keys() == masks.keys()
    assert all(torch.equal(found[name], masks[name]) for name in masks)


def test_what_is_no_mask_is_refused(tmp_path):
    with pytest.raises(BadInput, match="cannot be read as safetensors"):
        read_masks(tmp_path / "absent.safetensors")
    save_file({"fc": torch.zeros(2)}, tmp_path / "mask.safetensors")
    with pytest.raises(BadInput, match=r"layer 'fc' is torch\.float32; torch\.bool was expected"):
        read_masks(tmp_path / "mask.safetensors")
