"""Figures on layouts whose data are not at hand: written miniatures of CelebA and SVHN, from files to statements."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from disparate.engine.local import LocalEngine
from disparate.recipes.figures import figure_named
from disparate.recipes.reproduction import reproduce
from disparate.recipes.setting import setting
from disparate.store.runs import Store

SIDE = 32
NAMES = ("Blond_Hair", "Male", "Smiling", "Young")
FACES = 96
DIGITS = {"train": 80, "test": 40}


def write_faces(folder):
    """Every combination of four attributes as often as any other in each of the published splits; two per person."""
    (folder / "img_align_celeba").mkdir(parents=True)
    drawn = np.random.default_rng(0).integers(0, 256, (FACES, 22, 18, 3), dtype=np.uint8)
    files = [f"{row + 1:06d}.jpg" for row in range(FACES)]
    for name, pixels in zip(files, drawn, strict=True):
        Image.fromarray(pixels).save(folder / "img_align_celeba" / name)
    signs = [" ".join("1" if row >> bit & 1 else "-1" for bit in range(len(NAMES))) for row in range(FACES)]
    table = [f"{name} {own}" for name, own in zip(files, signs, strict=True)]
    (folder / "list_attr_celeba.txt").write_text("\n".join([str(FACES), " ".join(NAMES), *table]) + "\n")
    splits = [f"{name} {row * 3 // FACES}" for row, name in enumerate(files)]
    (folder / "list_eval_partition.txt").write_text("\n".join(splits) + "\n")
    (folder / "identity_CelebA.txt").write_text("".join(f"{name} {row // 2}\n" for row, name in enumerate(files)))


def write_digits(folder):
    """As many of each digit; the published files write 0 as 10."""
    folder.mkdir(parents=True)
    drawn = np.random.default_rng(0)
    for name, count in DIGITS.items():
        pixels = drawn.integers(0, 256, (SIDE, SIDE, 3, count), dtype=np.uint8)
        label = np.array([[(row % 10) or 10] for row in range(count)], dtype=np.uint8)
        savemat(folder / f"{name}_32x32.mat", {"X": pixels, "y": label})


LAYOUTS = {"celeba": ("celeba", write_faces), "svhn": ("SVHN", write_digits)}


GROUPS = {"celeba": ("no", "yes"), "svhn": tuple("0123456789")}
MADE = [
    ("celeba", "nelaturu2023_hardware/mitigation"),
    ("celeba", "tran2022_pruning/fig8"),
    ("svhn", "mitigations/pruning"),
]


@pytest.mark.parametrize(("on", "name"), MADE)
def test_a_figure_is_made_on_a_miniature(on, name, tmp_path):
    folder, write = LAYOUTS[on]
    write(tmp_path / folder)
    at = setting("smoke", on)
    data = {**{key: value for key, value in at.data.items() if key != "examples"}, "root": str(tmp_path / folder)}
    at = replace(at, epochs=1, tuning=1, rates=(0.5,), model={"name": "small_cnn", "width": 4}, data=data)
    made = reproduce(figure_named(name), at, store=Store.open(tmp_path / "store"), engine=LocalEngine(slots=1))
    groups = [name for grid in made.grids for name in grid.columns]
    assert {item.outcome for item in made.statements} <= {"seen", "not seen", "contradicted", "cannot be told"}
    assert set(GROUPS[on]) <= set(groups)
