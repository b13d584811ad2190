"""Markdown, terminal, words and the templates' language."""

import re
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from disparate.findings import Finding, Findings, Result, Verdict
from disparate.report import headline
from disparate.report.glossary import TERMS
from disparate.report.markdown import escaped, markdown
from disparate.report.selection import pivot
from disparate.report.terminal import Summary, grid_table
from disparate.report.wording import number, plain

TEMPLATES = Path(headline.__file__).parent / "templates"
PAGES = Path(__file__).parents[2] / "docs" / "cautions"
FORBIDDEN = re.compile(r"debias|unbiased model|fair model|guarantees fairness", re.I)


def printed(result, width):
    out = StringIO()
    Console(file=out, width=width).print(Summary(result))
    return out.getvalue()


@pytest.mark.parametrize("path", [*TEMPLATES.iterdir(), *PAGES.glob("*.md")], ids=lambda path: path.name)
def test_templates_and_pages_promise_nothing(path):
    assert FORBIDDEN.findall(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("width", [40, 80, 120])
def test_terminal_table_fits_its_width_and_holds_every_variant(result, width):
    text = printed(result, width)
    assert max(len(line) for line in text.splitlines()) <= width
    for name in ("avx2", "prune_0.9", "Others"):
        assert name in text
    assert "D107" in text


def test_terminal_is_a_matrix_at_80_and_two_lines_a_variant_at_120(result):
    narrow, wide = printed(result, 80), printed(result, 120)
    assert re.search(r"^prune_0.9 +● −6\.\d +● −3\.\d", narrow, re.M)
    assert re.search(r"^prune_0.9 +● −6\.\d ±0\.\d", wide, re.M)
    assert "⌊0.7⌋" in wide


def test_terminal_falls_back_to_rows_where_groups_are_many(make):
    many = make(groups={"race": {"White": 40, "Black": 30}}, variants=("int8",))
    long = many.findings.map(lambda item: replace(item, group=f"{item.group} {'x' * 20}") if item.group else item)
    text = printed(replace(many, findings=long), 50)
    assert "interval" in text
    assert max(len(line) for line in text.splitlines()) <= 50


def test_a_table_tells_apart_names_that_differ_at_the_end():
    names = ("trained on with noise 10 %", "trained on with noise 20 %", "word" * 40)
    found = Findings(tuple(Finding(measure="F1", variant=name, value=0.5, unit="share") for name in names))
    grid = pivot(found, title="F1", note="points", row=lambda item: item.variant, column=lambda item: item.measure)
    out = StringIO()
    Console(file=out, width=40).print(grid_table(grid, 40))
    text = out.getvalue()
    assert (text.count("10 %"), text.count("20 %")) == (1, 1)
    assert max(len(line) for line in text.splitlines()) <= 40
    assert len(text.splitlines()) < 15


def test_terminal_shows_the_verdict(result):
    text = printed(replace(result, verdict=Verdict(outcome="fail", reasons=("max churn=0.1: int8 fails.",))), 80)
    assert "Gate: FAIL\n  max churn=0.1: int8 fails." in text


def test_terminal_of_nothing():
    assert printed(Result(findings=Findings(), run={}), 80) == "Nothing was measured, so nothing can be said.\n"


def test_a_name_cannot_steer_the_terminal():
    change = Finding(
        measure="accuracy",
        group="\x1b[2Jf[red]",
        where={"by": "s\x07"},
        variant="[bold]v",
        reference="reference",
        value=-0.1,
        low=-0.2,
        high=0.0,
        unit="share",
        distinguishable=True,
    )
    text = printed(Result(findings=Findings((change,)), run={}), 80)
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "[bold]v" in text


@pytest.mark.parametrize(
    "groups", [{}, {"sex": {"m": 40, "f": 30}}, {"race": {"a": 40, "b": 30}, "sex": {"m": 40, "f": 30}}]
)
def test_markdown_with_no_one_and_many_groups(make, groups):
    found = make(groups=groups, variants=("int8", "prune_0.9") if groups else ())
    text = markdown(found)
    assert text.startswith("# ")
    for by in groups:
        assert f"## By {by}" in text


def test_markdown_tables_are_rectangular(result):
    blocks = [block.splitlines() for block in markdown(result).split("\n\n") if block.startswith("|")]
    assert len(blocks) > 8
    for block in blocks:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in block}) == 1


def test_markdown_holds_value_interval_floor_and_mark(result):
    assert re.search(
        r"\| prune\\_0\.9 \| ● −6\.\d \(−\d\.\d to −\d\.\d; \d\.\d × its floor of 0\.7\) \|", markdown(result)
    )


@given(text=st.text(alphabet="a|`*_<>[]!()\\#&\n\x1b:/.htps", max_size=20))
def test_escaped_text_has_no_bare_mark(text):
    assert re.search(r"(?<!\\)(\\\\)*[|`*<>\[\]]", escaped(text)) is None
    assert "\n" not in escaped(text)


def test_an_address_is_no_link_in_markdown():
    assert "https://" not in escaped("see https://x.example")
    assert "www." not in escaped("www.x.example")


@given(text=st.text())
def test_plain_text_holds_no_control_character(text):
    assert all(mark == " " or mark.isprintable() or ord(mark) > 0x9F for mark in plain(text))


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (0.831, "share", "+83.1"),
        (-0.0004, "share", "−0.0"),
        (0.0, "nats", "0"),
        (0.00008, "nats", "+0.00008"),
        (31.2, "l2 norm", "+31.2"),
        (1200.0, "count", "+1,200"),
        (0.5, "rates", "+0.500"),
    ],
)
def test_numbers(value, unit, expected):
    assert number(value, unit, signed=True) == expected


def test_every_term_has_words_and_formula():
    assert [name for name, term in TERMS.items() if not (term.words and term.formula)] == []
