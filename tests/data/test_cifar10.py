import numpy as np
import pytest

from disparate.data import load
from disparate.data.cifar10 import cifar10
from disparate.errors import BadInput

BATCHES = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]


@pytest.fixture
def miniature(tmp_path):
    """Six batches of 20 images; pixel values say batch, row and channel."""
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    for number, name in enumerate(BATCHES):
        records = np.zeros((20, 1 + 3072), dtype=np.uint8)
        records[:, 0] = np.arange(20) % 10
        for channel in range(3):
            records[:, 1 + 1024 * channel : 1 + 1024 * (channel + 1)] = 60 * channel + number
        records[:, 1] = np.arange(20) + 100
        records[:, 2] = 200
        (folder / f"{name}.bin").write_bytes(records.tobytes())
    return tmp_path


def test_a_miniature_is_read_back_entire(miniature):
    data = cifar10(miniature)
    assert data.inputs.shape == (120, 32, 32, 3)
    assert data.example_id[[0, 25, 119]].tolist() == ["data_batch_1/0", "data_batch_2/5", "test_batch/19"]
    assert data.inputs[25, 31, 31].tolist() == [1, 61, 121]
    assert data.inputs[25, 0, 0].tolist() == [105, 61, 121]
    assert data.inputs[25, 0, 1].tolist() == [200, 61, 121]
    assert data.target.tolist() == [row % 10 for row in range(20)] * 6
    assert data.label_names[1] == "automobile"
    assert data.attributes["class"].values()[1] == "automobile"
    assert (data.split[:100] == "train").all()
    assert (data.split[100:] == "test").all()


def test_validation_is_cut_from_the_published_training_split(miniature):
    data = cifar10(miniature, shares={"validation": 0.2}, split_seed=3)
    assert data.sizes("class")["validation"] == dict.fromkeys(data.label_names, 2)
    assert (data.split[100:] == "test").all()
    with pytest.raises(BadInput, match="test split of this data set is published and kept"):
        cifar10(miniature, shares={"test": 0.5})


def test_the_pickled_version_is_refused_by_name(tmp_path):
    (tmp_path / "cifar-10-batches-py").mkdir()
    with pytest.raises(BadInput, match=r"pickled: reading it could run foreign code.*cifar-10-binary.tar.gz"):
        load("cifar10", root=tmp_path)


def test_an_absent_or_damaged_batch_is_named(miniature):
    path = miniature / "cifar-10-batches-bin" / "data_batch_4.bin"
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    with pytest.raises(BadInput, match=r"data_batch_4.bin' has 61459 bytes; a multiple of 3073 was expected"):
        cifar10(miniature)
    path.write_bytes(b"\x0b" + content[1:])
    with pytest.raises(BadInput, match=r"data_batch_4.bin', row 0: label is 11; 0 to 9 was expected"):
        cifar10(miniature)
    path.unlink()
    with pytest.raises(BadInput, match=r"data_batch_4.bin' was looked for and does not exist"):
        cifar10(miniature)
