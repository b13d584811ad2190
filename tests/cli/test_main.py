import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest

from disparate.cli.main import invoke

RECIPE = """
[audit]
name = "tiny"
groups = ["tone"]
seeds = [0, 1]
replicates = 50
measures = ["accuracy", "accuracy_gap", "excessive_risk"]
[data]
source = "synthetic"
examples = 900
[model]
name = "small_cnn"
width = 4
[training]
epochs = 2
[[variant]]
name = "half"
choices = [{ choice = "prune", rate = 0.5 }]
[[variant]]
name = "elsewhere"
choices = [{ choice = "hardware", profile = "mkl_compatible" }]
"""


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "tiny.toml"
    path.write_text(RECIPE)
    return path


@pytest.mark.parametrize("words", [["--nope"], ["audit"], ["audit", "a", "b"], ["nonsense"], ["runs", "--store"]])
def test_wrong_usage_is_3(words, capsys):
    assert invoke(words) == 3
    assert "error:" in capsys.readouterr().err


def test_an_unknown_recipe_is_3_without_traceback(capsys):
    assert invoke(["audit", "dmo"]) == 3
    printed = capsys.readouterr().err
    assert "Did you mean 'demo'?" in printed
    assert "Traceback" not in printed


def test_recipes_are_listed_and_printed(capsys):
    assert invoke(["recipe"]) == 0
    assert "utkface_gender" in capsys.readouterr().out
    assert invoke(["recipe", "demo"]) == 0
    assert 'source = "synthetic"' in capsys.readouterr().out
    assert invoke(["recipe", "demo", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["training"]["schedule"] == "cosine"


def test_a_folder_without_a_store_is_named(tmp_path, capsys):
    assert invoke(["runs", "--store", str(tmp_path)]) == 3
    assert "holds no store" in capsys.readouterr().err


def test_missing_data_is_named(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("DISPARATE_DATA", raising=False)
    assert invoke(["audit", "utkface_gender", "--store", str(tmp_path)]) == 3
    assert "DISPARATE_DATA" in capsys.readouterr().err


def test_doctor_tells_profiles_extras_and_data(capsys):
    assert invoke(["doctor", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["profiles"]["native"] == "available"
    assert set(found) == {"machine", "versions", "profiles", "extras", "data"}


def test_an_audit_with_workers_gates_and_leaves_its_files(recipe, tmp_path, capsys):
    store = tmp_path / "runs"
    words = ["audit", str(recipe), "--store", str(store), "--quiet", "--set", 'audit.groups=["sex"]']
    assert invoke([*words, "--max", "accuracy_gap=1.0"]) == 0
    assert "Report:" in capsys.readouterr().out
    assert invoke([*words, "--min", "worst_group_accuracy=1.0", "--json"]) in {1, 2}
    printed = json.loads(capsys.readouterr().out)
    assert printed["verdict"]["outcome"] in {"fail", "inconclusive"}
    assert {"schema", "findings", "cautions", "verdict", "run"} == set(printed)
    assert invoke(["runs", "--store", str(store), "--json"]) == 0
    assert [row["state"] for row in json.loads(capsys.readouterr().out)] == ["finished", "finished"]
    assert invoke(["runs", "--store", str(store), "--jobs", "--json"]) == 0
    assert "train reference seed 0" in {row["name"] for row in json.loads(capsys.readouterr().out)}
    assert invoke(["runs", "--store", str(store), "--jobs"]) == 0
    assert "reference" in capsys.readouterr().out


def started(recipe, store):
    code = "from disparate.cli.main import main; main()"
    words = ["audit", str(recipe), "--store", str(store), "--json"]
    return subprocess.Popen([sys.executable, "-c", code, *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def done(store):
    index = store / "runs.sqlite"
    if not index.exists():
        return {}
    with closing(sqlite3.connect(index, timeout=30)) as connection:
        try:
            return dict(connection.execute("SELECT key, finished FROM jobs WHERE state = 'done'").fetchall())
        except sqlite3.OperationalError:
            return {}


@pytest.mark.skipif(os.name != "posix", reason="kill -9 is a POSIX matter")
def test_a_killed_audit_goes_on_and_finds_the_same(recipe, tmp_path):
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    process = started(recipe, killed)
    deadline = time.monotonic() + 120
    while len(done(killed)) < 4 and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    before = done(killed)
    assert len(before) >= 4
    resumed = json.loads(started(recipe, killed).communicate(timeout=240)[0])
    after = done(killed)
    assert {key: after[key] for key in before} == before  # no finished job was repeated
    uninterrupted = json.loads(started(recipe, whole).communicate(timeout=240)[0])
    assert resumed["findings"] == uninterrupted["findings"]
