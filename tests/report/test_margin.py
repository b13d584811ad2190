from dataclasses import replace

import pytest
from rich.console import Console

from disparate.findings import Finding, Findings, Result
from disparate.report.figures import look
from disparate.report.html import page
from disparate.report.margin import margin_text, three_ways
from disparate.report.markdown import markdown
from disparate.report.tables import parts
from disparate.report.terminal import Summary
from disparate.report.wording import mark, mark_words, p_text

CHANGE = Finding(
    measure="accuracy",
    group="f",
    where={"by": "sex", "axis": "both"},
    variant="int8",
    reference="reference",
    value=-0.001,
    unit="share",
    distinguishable=False,
)
HARM = Finding(
    measure="harm",
    group="f",
    where={"by": "sex", "of": "accuracy", "form": "no_harm", "margin": 0.02, "conclusion": "within margin"},
    variant="int8",
    reference="reference",
    value=0.001,
    low=-0.01,
    high=0.012,
    p_value=0.0004,
    unit="share",
    distinguishable=True,
)
RATIO = replace(
    HARM, measure="over_representation", unit="ratio", value=1.8, low=1.2, high=2.6, where={"by": "sex", "of": "churn"}
)


@pytest.mark.parametrize(
    ("conclusion", "distinguishable", "expected"),
    [
        ("pays", False, ("●", "pays")),
        ("pays", True, ("●✓", "pays, less than the margin")),
        ("within margin", True, ("✓", "within the margin")),
        ("cannot be told", False, ("?", "cannot be told")),
    ],
)
def test_marks_of_the_three_ways(conclusion, distinguishable, expected):
    item = replace(HARM, where={**HARM.where, "conclusion": conclusion}, distinguishable=distinguishable)
    assert (mark(item), mark_words(item)) == expected
    assert look(item)[1] == ("circle-open" if conclusion == "cannot be told" else "circle")


@pytest.mark.parametrize(
    ("margin", "unit", "text"), [(0.02, "share", "2 points"), (0.01, "share", "1 point"), (0.02, "nats", "0.02 nats")]
)
def test_margins_in_words(margin, unit, text):
    assert margin_text([replace(HARM, unit=unit, where={"margin": margin})]) == text


def test_a_group_without_a_conclusion_cannot_be_told():
    assert three_ways([HARM], [CHANGE, replace(CHANGE, group="m")]) == (
        "No harm above 2 points: f.",
        "Cannot be told: m.",
    )


def test_p_values_stand_beside_what_is_tested_here():
    assert p_text(HARM) == "p < 0.001"
    assert p_text(replace(CHANGE, p_value=0.5)) == ""


def test_report_and_terminal_say_it():
    result = Result(findings=Findings((CHANGE, HARM, RATIO)), run={})
    found = {part.slug: part for part in parts(result, "sex")}
    assert [grid.title for grid in found["who-pays"].grids] == [
        "Change of accuracy by sex",
        "Harm of accuracy against a margin of 2 points by sex",
    ]
    assert found["flips"].grids[0].rows == ("int8 · churn",)
    html = page(result)
    assert "No group loses more than 2 points of accuracy by the choice." in html
    assert 'data-figure="by-0-flips-0"' in html
    assert "No harm above 2 points: f." in markdown(result)
    console = Console(width=100, record=True)
    console.print(Summary(result))
    assert "int8: No harm above 2 points: f." in console.export_text()
