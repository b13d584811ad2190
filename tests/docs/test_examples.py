"""Examples run as their page says."""

import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from disparate.auditing.recipe import read_recipe
from disparate.auditing.run import check
from disparate.data import data_named


def test_an_own_network_in_worker_processes(root, tmp_path):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, str(root / "examples" / "own_network.py")],
        capture_output=True, text=True, cwd=tmp_path, env=environment, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert [line.split()[1:3] for line in done.stdout.splitlines()][1] == ["two", "threads"]
    assert (tmp_path / "runs" / "squares" / "report.html").exists()


def test_a_recipe_with_an_own_network_names_what_has_to_be_trusted(root):
    audit = read_recipe(root / "examples" / "own_network.toml", trust=["own_network:network"])
    assert audit.model["name"] in audit.trust
    check(audit, data_named(audit.data))


@pytest.fixture
def adult(tmp_path, monkeypatch):
    generator = np.random.default_rng(0)
    rows = ["age,fnlwgt,race,sex,income,split"]
    for row in range(240):
        race, sex = ("White", "Black")[row % 2], ("Male", "Female")[row // 2 % 2]
        split = "test" if row % 3 == 0 else "train"
        rows.append(f"{generator.integers(18, 80)},{row},{race},{sex},{('<=50K', '>50K')[row // 4 % 2]},{split}")
    (tmp_path / "tabular").mkdir()
    (tmp_path / "tabular" / "adult.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    monkeypatch.setenv("DISPARATE_DATA", str(tmp_path))


def test_the_recipe_of_a_table(root, adult):
    audit = read_recipe(root / "examples" / "tabular.toml")
    data = data_named(audit.data)
    assert data.inputs.shape == (240, 1)
    check(audit, data)


@pytest.fixture
def lesions(tmp_path, monkeypatch):
    folder = tmp_path / "HAM10000"
    folder.mkdir()
    generator = np.random.default_rng(0)
    rows = ["image_id,lesion_id,dx,age_approx,sex"]
    for row in range(120):
        Image.fromarray(generator.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(folder / f"ISIC_{row:03d}.jpg")
        age, sex = 20 + 60 * (row // 4 % 2), ("male", "female")[row // 2 % 2]
        rows.append(f"ISIC_{row:03d},L{row // 2},{('nv', 'mel')[row % 2]},{age},{sex}")
    (folder / "metadata.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    monkeypatch.setenv("DISPARATE_DATA", str(tmp_path))


def test_the_recipe_of_a_folder_of_images(root, lesions):
    audit = read_recipe(root / "examples" / "image_folder.toml")
    data = data_named(audit.data)
    assert data.sizes("age_approx")["train"]["75+"] > 0
    assert sum(data.groups("age_approx").counts().values()) == 120
    check(audit, data)
