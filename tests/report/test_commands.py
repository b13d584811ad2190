import json
from dataclasses import replace

import pytest

from disparate.cli.main import invoke
from disparate.errors import BadInput
from disparate.findings import Finding, Verdict

LEVEL = Finding(measure="accuracy", variant="reference", value=0.5, unit="share")
DAMAGED = json.dumps({
    "schema": 1,
    "findings": [{**LEVEL.to_json(), "unit": ["share"]}],
    "cautions": [],
    "verdict": {"outcome": "pass", "reasons": []},
    "run": {},
})


@pytest.fixture
def folder(result, tmp_path):
    result.write(tmp_path / "result.json")
    return tmp_path


@pytest.mark.parametrize(
    ("form", "name", "start"), [("html", "report.html", "<!doctype html>"), ("markdown", "report.md", "# ")]
)
def test_report_is_written_beside_the_result(folder, capsys, form, name, start):
    assert invoke(["report", str(folder), "--format", form]) == 0
    assert capsys.readouterr().out.strip() == str(folder / name)
    assert (folder / name).read_text(encoding="utf-8").lstrip().startswith(start)


def test_report_as_json_is_the_result(folder):
    assert invoke(["report", str(folder / "result.json"), "--format", "json", "--out", str(folder / "copy.json")]) == 0
    assert (folder / "copy.json").read_bytes() == (folder / "result.json").read_bytes()


def test_report_is_printed(folder, capsys):
    assert invoke(["report", str(folder), "-f", "markdown", "-o", "-"]) == 0
    assert capsys.readouterr().out.startswith("# prune")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--max", "accuracy_gap=0.9"], 0),
        (["--max", "accuracy_gap=0.2"], 1),
        (["--max", "nothing=0.2"], 2),
        (["--max", "accuracy_gap"], 3),
        ([], 3),
        (["--max"], 3),
    ],
)
def test_gate_exit_codes(folder, words, code):
    assert invoke(["gate", str(folder), *words]) == code


def test_gate_prints_a_sentence_per_threshold_and_variant(folder, capsys):
    invoke(["gate", str(folder), "--max", "accuracy_gap=0.2", "--min", "worst_group_accuracy=0.1"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "FAIL"
    assert len(lines) == 1 + 2 * 10


def test_gate_as_json_holds_the_findings_it_rests_on(folder, capsys):
    assert invoke(["gate", str(folder), "--max", "accuracy_gap=0.9", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) == {"schema", "findings", "cautions", "verdict", "run"}
    assert found["verdict"]["outcome"] == "pass"
    assert {item["measure"] for item in found["findings"]} == {"accuracy_gap"}
    assert len(found["findings"]) == 10


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "holds no result.json; give the file, or a folder that an audit wrote."),
        ("{", "is not JSON"),
        ("[]", "is not of schema 1"),
        ('{"schema": 1}', "lacks a part: 'findings'; write it again."),
        (DAMAGED, "a finding has unit ['share'], which is of the wrong type; is the file damaged?"),
    ],
)
def test_a_broken_result_is_refused(tmp_path, capsys, content, message):
    if content is not None:
        (tmp_path / "result.json").write_text(content, encoding="utf-8")
    assert invoke(["report", str(tmp_path)]) == 3
    assert message in capsys.readouterr().err


def test_gate_prints_the_reasons_of_a_file_without_what_steers_a_terminal(result, tmp_path, capsys):
    verdict = Verdict(outcome="fail", reasons=("a\x1b[31mb\nc",))
    replace(result, verdict=verdict).write(tmp_path / "result.json")
    assert invoke(["gate", str(tmp_path)]) == 1
    assert capsys.readouterr().out == "FAIL\na\ufffd[31mb c\n"


@pytest.mark.parametrize(
    ("out", "reason"),
    [("folder", "Is a directory"), ("result.json/x.html", "File exists"), ("result.json/a/x.html", "Not a directory")],
)
def test_a_report_that_cannot_be_written_is_named(folder, capsys, out, reason):
    (folder / "folder").mkdir()
    assert invoke(["report", str(folder), "-f", "json", "-o", str(folder / out)]) == 3
    printed = capsys.readouterr().err
    assert printed == f"error: report '{folder / out}' cannot be written: {reason}; name a file with --out.\n"
    assert sorted(path.name for path in folder.iterdir()) == ["folder", "result.json"]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            RuntimeError("a\nb\x1b[2J"),
            "unexpected RuntimeError: a b\ufffd[2J; this is a defect of disparate. "
            "Run again as 'disparate --debug ...' for the traceback.",
        ),
        (
            OSError(28, "No space left on device", "runs/x"),
            "'runs/x': No space left on device. Is there space, and may this user read and write there?",
        ),
        (
            PermissionError(13, "Permission denied"),
            "Permission denied. Is there space, and may this user read and write there?",
        ),
        (BadInput("column 'a\x1b[2J' is absent.\nKnown: b."), "column 'a\ufffd[2J' is absent.\nKnown: b."),
    ],
)
def test_an_error_of_any_kind_is_3_and_its_traceback_is_shown_on_demand(folder, capsys, monkeypatch, error, said):
    def fail(path):
        raise error

    monkeypatch.setattr("disparate.report.opening.open_result", fail)
    assert invoke(["gate", str(folder), "--max", "accuracy_gap=0.9"]) == 3
    assert capsys.readouterr().err == f"error: {said}\n"
    assert invoke(["--debug", "gate", str(folder), "--max", "accuracy_gap=0.9"]) == 3
    printed = capsys.readouterr().err
    assert printed.startswith("Traceback")
    assert printed.endswith(f"error: {said}\n")
