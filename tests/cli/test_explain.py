"""The command: what it writes, and what it says of settings that are not there."""

import json

import pytest

from disparate.cli.main import invoke

RECIPE = """
[audit]
name = "tiny"
groups = ["tone"]
seeds = [0, 1]
repeats = 1
replicates = 20
measures = ["accuracy", "excessive_risk"]
[data]
source = "synthetic"
examples = 600
[model]
name = "small_cnn"
width = 4
[training]
epochs = 2
keep_epochs = [1]
[[variant]]
name = "half"
choices = [{ choice = "prune", rate = 0.5 }]
"""


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "tiny.toml"
    path.write_text(RECIPE)
    return path


def test_it_runs_the_audit_first_and_leaves_three_files(recipe, tmp_path, capsys):
    store = tmp_path / "runs"
    words = ["explain", str(recipe), "--store", str(store), "--quiet", "--examples", "60", "--subsets", "2"]
    words += ["--look", "curvature=8", "--look", "along=8", "--look", "points=3"]
    assert invoke(words) == 0
    assert "explanation.html" in capsys.readouterr().out
    assert {path.name for path in (store / "tiny").iterdir()} == {
        f"explanation.{ending}" for ending in ("json", "html", "md")
    }
    assert invoke([*words, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert {"schema", "findings", "cautions", "verdict", "run"} == set(printed)
    assert {"gradient_norm", "memorisation", "loss_barrier"} <= {item["measure"] for item in printed["findings"]}
    assert printed["run"]["explanation"]["curvature"] == 8


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--look", "curvatur=8"], "Did you mean 'curvature'?"),
        (["--look", "points=1"], "points is 1; 0, or at least 3, was expected"),
        (["--subsets", "1"], "subsets is 1"),
    ],
)
def test_a_wrong_setting_is_3_before_anything_runs(recipe, tmp_path, capsys, words, said):
    assert invoke(["explain", str(recipe), "--store", str(tmp_path / "runs"), *words]) == 3
    printed = capsys.readouterr().err
    assert said in printed
    assert "Traceback" not in printed
