"""Miniatures of the published layouts, written by the tests that read them back."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from disparate.data.grouped import GroupedDataset
from disparate.groups import Attribute


@pytest.fixture
def write_image() -> Callable[..., Path]:
    """Write a PNG (or what the suffix says) of random pixels, or of a given seed."""

    def write(path: Path, seed: int, side: int = 16) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
        with path.open("wb") as file:
            Image.fromarray(pixels).save(file, format="PNG")
        return path

    return write


@pytest.fixture
def toy() -> Callable[..., GroupedDataset]:
    """Make a small table data set; any field may be replaced."""

    def make(examples: int = 20, **changed: object) -> GroupedDataset:
        place = np.arange(examples)
        fields: dict[str, object] = {
            "name": "toy",
            "kind": "table",
            "inputs": np.random.default_rng(0).random((examples, 3), dtype=np.float32),
            "target": place % 2,
            "label_names": ("no", "yes"),
            "target_name": "paid",
            "example_id": np.array([f"e{row:03d}" for row in place]),
            "attributes": {"sex": Attribute.of(np.where(place % 4 < 2, "f", "m").tolist())},
            "split": np.where(place % 5 == 0, "test", "train"),
        }
        return GroupedDataset(**{**fields, **changed})

    return make


@dataclass(frozen=True)
class Faces:
    root: Path
    names: list[str]


@pytest.fixture
def faces(tmp_path: Path, write_image: Callable[..., Path]) -> Faces:
    """A miniature of UTKFace: 240 faces, every race, gender and age band."""
    generator = np.random.default_rng(3)
    names = []
    for row in range(240):
        age, gender, race = int(generator.integers(0, 90)), row % 2, (row // 2) % 5
        names.append(f"{age}_{gender}_{race}_2017{row:013d}.jpg.chip.jpg")
        write_image(tmp_path / "UTKFace" / names[-1], seed=row)
    return Faces(root=tmp_path, names=names)
