import numpy as np
import pytest
from scipy.io import savemat

from disparate.data import load
from disparate.data.svhn import svhn
from disparate.errors import BadInput


def write(folder, name, count, **changed):
    pixels = np.zeros((32, 32, 3, count), dtype=np.uint8)
    pixels[0, 1, 2] = np.arange(count)
    label = np.array([[(row % 10) or 10] for row in range(count)], dtype=np.uint8)
    savemat(folder / f"{name}_32x32.mat", {"X": pixels, "y": label, **changed})


@pytest.fixture
def miniature(tmp_path):
    folder = tmp_path / "SVHN"
    folder.mkdir()
    write(folder, "train", 40)
    write(folder, "test", 20)
    return tmp_path


def test_a_miniature_is_read_back_entire(miniature):
    data = svhn(miniature)
    assert data.inputs.shape == (60, 32, 32, 3)
    assert data.inputs[37, 0, 1].tolist() == [0, 0, 37]
    assert data.example_id[[0, 39, 40, 59]].tolist() == ["train/0", "train/39", "test/0", "test/19"]
    assert data.target.tolist() == [row % 10 for row in range(40)] + [row % 10 for row in range(20)]
    assert data.attributes["digit"].values()[13] == "3"
    assert (data.split == ["train"] * 40 + ["test"] * 20).all()


def test_validation_is_cut_from_the_published_training_split(miniature):
    data = load("svhn", root=miniature, shares={"validation": 0.25})
    assert (data.split == "validation").sum() == 10
    assert (data.split[40:] == "test").all()


def test_damage_is_named(miniature):
    path = miniature / "SVHN" / "test_32x32.mat"
    write(path.parent, "test", 20, y=np.full((20, 1), 11, np.uint8))
    with pytest.raises(BadInput, match=r"row 0: label is 11; 1 to 10 was expected, 10 for 0\."):
        svhn(miniature)
    write(path.parent, "test", 20, X=np.zeros((32, 32, 3, 19), np.uint8))
    with pytest.raises(BadInput, match=r"holds X of shape \(32, 32, 3, 19\) and 20 labels"):
        svhn(miniature)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(BadInput, match=r"test_32x32.mat' (cannot be read as a MATLAB file|holds X)"):
        svhn(miniature)
    path.unlink()
    with pytest.raises(BadInput, match=r"test_32x32.mat' was looked for and does not exist"):
        svhn(miniature)
