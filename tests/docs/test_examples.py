"""Examples run as their page says."""

import runpy

import numpy as np
import pytest
from PIL import Image

from disparate.auditing import api
from disparate.auditing.recipe import read_recipe
from disparate.auditing.run import check
from disparate.data import data_named
from disparate.engine.inline import InlineEngine


def test_an_own_network_is_one_that_workers_can_import(root, tmp_path, monkeypatch, capsys):
    engines = []

    def in_this_process():
        engines.append(InlineEngine())
        return engines[0]

    monkeypatch.setattr(api, "LocalEngine", in_this_process)  # what workers do has tests of its own
    monkeypatch.syspath_prepend(str(root / "examples"))
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(root / "examples" / "own_network.py"), run_name="__main__")
    assert len(engines) == 1
    assert "two threads" in capsys.readouterr().out
    assert (tmp_path / "runs" / "squares" / "report.html").exists()


@pytest.mark.data
def test_two_models_are_compared_through_their_files(root, real_data, tmp_path, monkeypatch, capsys):
    table = real_data("tabular/compas_two_years.csv") / "tabular" / "compas_two_years.csv"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["two_models.py", "compas", str(table)])
    runpy.run_path(str(root / "examples" / "two_models.py"), run_name="__main__")
    printed = capsys.readouterr().out
    assert "five_bits African-American 1" in printed
    assert " boosting        Caucasian  7" in printed
    files = sorted(path.name for path in (tmp_path / "predictions" / "compas").glob("*.parquet"))
    assert len(files) == 15
    assert (tmp_path / "predictions" / "compas" / "report.html").stat().st_size > 10_000


def test_a_recipe_with_an_own_network_names_what_has_to_be_trusted(root, monkeypatch):
    monkeypatch.syspath_prepend(root / "examples")
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
