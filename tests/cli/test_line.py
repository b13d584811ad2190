"""What is said while something takes long."""

import pytest

from disparate.cli import line
from disparate.cli.line import Line, progress_line


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(line, "PATIENCE_S", 0.0)


def test_a_terminal_has_one_line_that_is_gone_in_the_end(capsys):
    told = Line(terminal=True)
    told("reading", 0.0)
    told("reading", 0.5)
    told("reading", 0.501)
    told.end()
    assert capsys.readouterr().err.split("\r\x1b[K") == ["", "reading …", "reading: 50 %", ""]


def test_a_log_has_a_line_for_each_thing(capsys):
    with progress_line(silent=False) as told:
        for share in (0.0, 0.5, 1.0):
            told("reading", share)
        told("counting", 0.0)
    assert capsys.readouterr().err == "reading\ncounting\n"


def test_what_is_quick_says_nothing(capsys, monkeypatch):
    monkeypatch.setattr(line, "PATIENCE_S", 60.0)
    for terminal in (True, False):
        told = Line(terminal=terminal)
        told("reading", 0.5)
        told.end()
    monkeypatch.setattr(line, "PATIENCE_S", 0.0)
    with progress_line(silent=True) as told:
        told("reading", 0.5)
    assert capsys.readouterr().err == ""
