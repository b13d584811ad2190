import numpy as np
import pytest
from PIL import Image

from disparate.data.celeba import celeba
from disparate.errors import BadInput

NAMES = ["Blond_Hair", "Male", "Smiling", "Young"]
COUNT = 48


def values(row: int) -> list[int]:
    return [1 if row >> bit & 1 else -1 for bit in range(len(NAMES))]


@pytest.fixture
def miniature(tmp_path):
    """48 faces: every combination of four attributes, in each of three splits; two pictures a person."""
    folder = tmp_path / "celeba"
    (folder / "img_align_celeba").mkdir(parents=True)
    rng = np.random.default_rng(0)
    files = [f"{row + 1:06d}.jpg" for row in range(COUNT)]
    for name in files:
        Image.fromarray(rng.integers(0, 256, (22, 18, 3), dtype=np.uint8)).save(folder / "img_align_celeba" / name)
    table = [f"{name} {' '.join(f'{value:2d}' for value in values(row % 16))}" for row, name in enumerate(files)]
    (folder / "list_attr_celeba.txt").write_text("\n".join([str(COUNT), " ".join(NAMES) + " ", *table]) + "\n")
    (folder / "list_eval_partition.txt").write_text("".join(f"{name} {row // 16}\n" for row, name in enumerate(files)))
    (folder / "identity_CelebA.txt").write_text("".join(f"{name} {row // 2}\n" for row, name in enumerate(files)))
    return tmp_path


def test_a_miniature_is_read_back_entire(miniature):
    data = celeba(miniature, size=16)
    assert data.inputs.shape == (COUNT, 16, 16, 3)
    assert (data.target_name, data.label_names) == ("Blond_Hair", ("no", "yes"))
    assert sorted(data.attributes) == ["Male", "Young"]
    for row, name in enumerate(data.example_id.tolist()):
        assert name == f"{row + 1:06d}.jpg"
        own = dict(zip(NAMES, values(row % 16), strict=True))
        assert data.target[row] == (own["Blond_Hair"] > 0)
        for group in ("Male", "Young"):
            assert data.attributes[group].values()[row] == ("yes" if own[group] > 0 else "no")
    assert data.split.tolist() == ["train"] * 16 + ["validation"] * 16 + ["test"] * 16
    assert data.cluster_id is not None
    assert len(set(data.cluster_id.tolist())) == COUNT // 2


def test_persons_may_be_unknown(miniature):
    (miniature / "celeba" / "identity_CelebA.txt").unlink()
    data = celeba(miniature, target="Smiling", groups=["Male"], size=16)
    assert data.cluster_id is not None
    assert len(set(data.cluster_id.tolist())) == COUNT


def test_an_unknown_attribute_is_named(miniature):
    with pytest.raises(BadInput, match=r"attribute 'Blond' is unknown\..*Blond_Hair"):
        celeba(miniature, target="Blond")


def test_damage_is_named(miniature):
    folder = miniature / "celeba"
    table = folder / "list_attr_celeba.txt"
    whole = table.read_text()
    table.write_text(whole.replace("000003.jpg ", "000003.jpg  7 "))
    with pytest.raises(BadInput, match=r"list_attr_celeba.txt', line 5: 6 fields; a file name and 4 times -1 or 1"):
        celeba(miniature)
    table.write_text("\n".join(whole.splitlines()[:2]))
    with pytest.raises(BadInput, match=r"names no image"):
        celeba(miniature)
    table.write_text(whole)
    partition = folder / "list_eval_partition.txt"
    lines = partition.read_text().splitlines()
    partition.write_text("\n".join(lines[:-2]))
    with pytest.raises(BadInput, match=r"has no line for '000047.jpg' \(2 images in all\)"):
        celeba(miniature)
    partition.write_text("\n".join(["000001.jpg 5", *lines[1:]]))
    with pytest.raises(BadInput, match=r"line 1: '000001.jpg 5'; a file name and 0 to 2 were expected"):
        celeba(miniature)
    table.unlink()
    with pytest.raises(BadInput, match=r"does not exist"):
        celeba(miniature)
