"""``disparate compare``: words in, exit codes and files out."""

import json

import pytest

from disparate.cli.main import invoke
from disparate.measures.harm import MARGIN


@pytest.fixture
def pair(dense, int8, file):
    return [file("dense.csv", dense), file("int8.parquet", int8)]


def ask(*words):
    return invoke(["compare", *map(str, words)])


def test_a_table_is_shown_and_reports_are_written(pair, tmp_path, capsys):
    out = tmp_path / "out"
    assert ask(*pair, "--groups", "race,sex,race*sex", "--out", out) == 0
    printed = capsys.readouterr().out
    assert "Change of accuracy by race" in printed
    assert str(out / "report.html") in printed.replace("\n", "")
    assert {path.name for path in out.iterdir()} == {"result.json", "report.html", "report.md"}
    found = json.loads((out / "result.json").read_text())
    assert {item["variant"] for item in found["findings"]} == {"reference", "int8"}
    assert ask(*pair, "--groups", "race", "--out", pair[0]) == 3
    assert "is a file; a folder for the report was expected" in capsys.readouterr().err


def test_json_holds_what_a_result_holds(pair, capsys):
    assert ask(pair[0], f"mine={pair[1]}", "--groups", "race", "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert set(printed) == {"schema", "findings", "cautions", "verdict", "run"}
    assert printed["run"]["tables"][1]["variant"] == "mine"
    assert printed["verdict"]["outcome"] == "not asked"


def test_the_margin_is_said_by_default_and_may_be_changed(pair, capsys):
    def conclusions(*words):
        assert ask(*pair, "--groups", "race", "--json", *words) == 0
        found = json.loads(capsys.readouterr().out)
        harms = [item["where"] for item in found["findings"] if item["measure"] == "harm"]
        assert {place["margin"] for place in harms} == {found["run"]["margin"]}
        return found["run"]["margin"], {place["conclusion"] for place in harms}

    assert conclusions()[0] == MARGIN
    assert conclusions("--margin", "0.5") == (0.5, {"pays", "within margin"})


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--max", "accuracy_gap=0.9"], 0),
        (["--max", "churn=0.01"], 1),
        (["--min", "accuracy=0.999"], 1),
        (["--max", "change:accuracy_gap=0.2"], 2),
        (["--max", "loss=1"], 2),
        (["--max", "harm[of=accuracy,form=no_harm]=0.9"], 0),
        (["--margin", "0"], 3),
        (["--max", "accuracy_gap=much"], 3),
        (["--scores", "p_"], 3),
        (["--retrained", "nobody"], 3),
        (["--reference-group", "race"], 3),
        (["--reference-group", "race=z"], 3),
        (["--nonsense"], 3),
    ],
)
def test_exit_codes(pair, words, code, capsys):
    assert ask(*pair, "--groups", "race", "-q", *words) == code
    capsys.readouterr()


def test_a_reference_group_and_counting_on_disk(pair, capsys):
    assert ask(*pair, "--groups", "race", "--reference-group", "race=c", "--counts-only", "--memory", "300MB") == 0
    assert "reference group: c" in capsys.readouterr().out


def test_the_positive_label_is_printed(make, file, capsys):
    two = file("a.csv", make(labels=2)), file("b.csv", make(labels=2, harm=0.3))
    assert ask(*two, "--groups", "race", "--positive", "cat") == 0
    assert "positive label: cat" in capsys.readouterr().out
    assert ask(*two, "--groups", "race", "--positive", "caat") == 3
    assert "Did you mean 'cat'?" in capsys.readouterr().err


def test_groups_are_needed(pair, capsys):
    assert ask(*pair) == 3
    assert "--groups" in capsys.readouterr().err


def test_names_from_outside_cannot_steer_the_terminal_or_the_page(dense, int8, file, tmp_path, capsys):
    evil = "<script>alert(1)</script>\x1b[31m"

    def named(columns):
        return {**columns, "race": [evil if name == "b" else name for name in columns["race"]]}

    words = [file("dense.parquet", named(dense)), file("int8.parquet", named(int8)), "--groups", "race"]
    assert ask(*words, "--out", tmp_path / "out") == 0
    assert "\x1b[31m" not in capsys.readouterr().out
    assert evil not in (tmp_path / "out" / "report.html").read_text()
