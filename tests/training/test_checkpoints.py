import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from disparate.errors import BadInput
from disparate.training.batches import Normalisation
from disparate.training.checkpoints import (
    Checkpoint,
    parameter_names,
    read_checkpoint,
    write_checkpoint,
)


def written(model, path):
    write_checkpoint(
        Checkpoint(
            state=model.state_dict(),
            normalisation=Normalisation(mean=(0.5,), std=(0.25,)),
            parameters=parameter_names(model),
            provenance={"epoch": 3},
        ),
        path,
    )
    return path


def model_of(value):
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(value)
    return model


def test_a_checkpoint_comes_back_bit_for_bit(tmp_path):
    model = model_of(0.1)
    found = read_checkpoint(written(model, tmp_path / "a.safetensors"))
    assert all(torch.equal(found.state[name], value) for name, value in model.state_dict().items())
    assert found.normalisation == Normalisation(mean=(0.5,), std=(0.25,))
    assert found.provenance == {"epoch": 3}


@pytest.mark.parametrize("content", [b"", b"not safetensors at all", b"\x80\x04\x95pickle"])
def test_a_damaged_file_is_named(tmp_path, content):
    path = tmp_path / "bad.safetensors"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=r"checkpoint '.*bad.safetensors' cannot be read as safetensors"):
        read_checkpoint(path)


def test_foreign_weights_are_named(tmp_path):
    save_file({"w": torch.zeros(2)}, tmp_path / "foreign")
    with pytest.raises(BadInput, match="holds no normalisation"):
        read_checkpoint(tmp_path / "foreign")
