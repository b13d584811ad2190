"""What people see: every number is in the file, planted effects are told, and no name can break the page."""

import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from rich.console import Console

from disparate.choice import Variant
from disparate.findings import Finding, Findings
from disparate.predictions import REFERENCE
from disparate.search import telling
from disparate.search.figure import marks, span, trade_off
from disparate.search.markdown import markdown
from disparate.search.outcome import Outcome, held
from disparate.search.page import page
from disparate.search.standing import assessed, levelled_down, pairs_of, points_of
from disparate.search.terminal import Told

HOSTILE = "</script><img src=x onerror=alert(1)>\"'|`${x}{{7*7}}%{y}"
FORBIDDEN = ("debias", "unbiased model", "fair model", "guarantees fairness")


def outcome_of(planted) -> Outcome:
    chosen, reported = planted.answered(0), planted.answered(1)
    question = planted.question
    pairs = pairs_of(question, chosen)
    selection, report = assessed(question, chosen), assessed(question, reported)
    down = {"validation": levelled_down(selection), "test": levelled_down(report)}
    points = [
        replace(point, levelling_down={split: told[point.name] for split, told in down.items() if point.name in told})
        for point in points_of(question, chosen, planted.tried, pairs)
    ]
    return Outcome(
        search=question,
        points=tuple(points),
        pairs=pairs,
        selection=selection,
        report=report,
        beside=Findings(),
        cautions=(),
        run={"data": {"splits": {"test": 2500, "validation": 2500}}, "versions": {}},
    )


@pytest.fixture(scope="module")
def outcome(planted):
    return outcome_of(planted)


@pytest.fixture(scope="module")
def words(outcome):
    return page(outcome)


class Reader(HTMLParser):
    """Collects data values, and tags with attributes."""

    def __init__(self):
        super().__init__()
        self.values, self.tags = [], []

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags.append((tag, found))
        if tag == "data":
            self.values.append(found["value"])


def read(text):
    reader = Reader()
    reader.feed(text)
    return reader


def numbers_in(item):
    if isinstance(item, dict):
        return {number for value in item.values() for number in numbers_in(value)}
    if isinstance(item, list):
        return {number for value in item for number in numbers_in(value)}
    return {str(item)} if isinstance(item, int | float) and not isinstance(item, bool) else set()


def test_every_number_on_the_page_is_in_the_file(words, outcome):
    known = numbers_in(json.loads(outcome.to_text())["findings"])
    found = read(words).values
    assert len(found) > 50
    assert set(found) <= known


def test_both_splits_of_every_trial_are_on_the_page(words, outcome):
    shown = set(read(words).values)
    for point in outcome.points[1:]:
        for aim in outcome.search.aims:
            for split in outcome.splits:
                assert str(outcome.change(point, aim, split).value) in shown


def test_the_page_loads_and_sends_nothing(words):
    reader = read(words)
    policy = next(found["content"] for _, found in reader.tags if found.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert [found for tag, found in reader.tags if tag in {"link", "iframe", "img"}] == []
    assert len(words) < 6_000_000


def test_words_about_people(words, outcome):
    for text in (words, markdown(outcome)):
        assert [word for word in FORBIDDEN if word in text.lower()] == []


def test_what_was_planted_is_told(outcome):
    assert telling.headline(outcome) == "1 of 5 trials beats the reference on validation: “better”"
    told = " ".join(telling.summary(outcome))
    assert "Levelling down: under “level down” the gap closes because the best group loses." in told
    assert re.search(r"Of \d+ changes of an aim that are distinguishable on validation, \d+ hold on test\.", told)
    aims = outcome.search.aims
    stands = {point.name: point for point in outcome.points}
    assert [outcome.holds(stands["better"], aim) for aim in aims] == ["holds", "holds"]
    assert [outcome.holds(stands["no change"], aim) for aim in aims] == ["nothing to hold", "nothing to hold"]


def test_what_cannot_be_told_is_told(planted):
    few = replace(planted, sizes={"m": 60, "f": 60}, effects={"some": {"f": -0.004}})
    found = outcome_of(few)
    assert telling.headline(found) == "No trial can be told to be better than the reference on validation"
    assert any("there is nothing to hold on test" in line for line in telling.summary(found))


def test_a_trade_is_told(planted):
    found = outcome_of(replace(planted, effects={"trade": {"f": -0.06, "m": 0.08}}))
    assert telling.headline(found) == (
        "No trial beats the reference on validation; 1 trial on the front trades one aim for another"
    )


def test_a_trial_without_a_place_is_listed_with_its_reason(planted):
    found = outcome_of(replace(planted, missing=("better",)))
    for text in (page(found), markdown(found)):
        assert "it diverged" in text
    assert "1 trial has no place: “better”." in telling.summary(found)
    up, across = found.search.aims
    assert "better" not in [mark.point.name for mark in marks(found, "test", across=across, up=up)]


def test_no_name_breaks_the_page(outcome):
    point = outcome.points[1]
    name = HOSTILE
    trial = replace(point.trial, variant=Variant(name=name, choices=point.trial.variant.choices))

    def renamed(findings):
        return findings.map(lambda item: replace(item, variant=name) if item.variant == point.name else item)

    hostile = replace(
        outcome,
        points=(outcome.points[0], replace(point, trial=trial), *outcome.points[2:]),
        selection=renamed(outcome.selection),
        report=renamed(outcome.report),
    )
    text = page(hostile)
    assert [found for tag, found in read(text).tags if tag == "img"] == []
    assert "<img" not in text
    assert "49" not in re.findall(r"<th scope=\"row\">.*?</th>", text)[0]
    assert r"\<img src=x" in markdown(hostile)


def test_the_figure_marks_what_stands_where(outcome):
    up, across = outcome.search.aims
    drawn = marks(outcome, "validation", across=across, up=up)
    figure = trade_off(
        drawn, across=across, up=up, spans=(span([mark.across for mark in drawn]), span([mark.up for mark in drawn]))
    ).to_dict()
    by_symbol = {trace["marker"]["symbol"]: trace for trace in figure["data"] if "symbol" in trace["marker"]}
    assert set(by_symbol) == {"circle", "circle-open", "triangle-down-open", "diamond"}
    front = [str(number) for number, point in enumerate(outcome.points) if point.standing == "front"]
    assert list(by_symbol["circle"]["text"]) == [f"<b>{number}</b>" for number in front]
    assert len(by_symbol["triangle-down-open"]["x"]) == 1
    assert (by_symbol["diamond"]["x"][0], by_symbol["diamond"]["y"][0]) == (0.0, 0.0)
    better = next(mark for mark in drawn if mark.point.name == "better")
    place = front.index(str(better.number))
    assert by_symbol["circle"]["x"][place] == pytest.approx(100 * better.across.value)
    reach = by_symbol["circle"]["error_x"]["array"][place]
    assert reach == pytest.approx(100 * (better.across.high - better.across.value))


def test_axes_hold_every_point_and_long_intervals_run_into_the_edge():
    def item(value, low, high):
        return Finding(measure="accuracy", variant="v", value=value, low=low, high=high, unit="share")

    assert span([item(0.1, 0.0, 0.15)]) == pytest.approx([-1.35, 16.35])
    assert span([item(0.1, -5.0, 5.0)]) == pytest.approx([-10 - 2.7, 20 + 2.7])
    assert span([]) == [-1.0, 1.0]


def test_the_terminal_shows_every_point(outcome):
    console = Console(width=120, file=io.StringIO())
    console.print(Told(outcome))
    text = console.file.getvalue()
    assert all(point.name in text for point in outcome.points)
    assert "front, levels down" in text


def change(value, distinguishable):
    return Finding(measure="accuracy", variant="v", value=value, unit="share", distinguishable=distinguishable)


@pytest.mark.parametrize(
    ("chosen", "reported", "expected"),
    [
        (change(0.1, True), change(0.05, True), "holds"),
        (change(0.1, True), change(-0.05, True), "reversed"),
        (change(0.1, True), change(0.05, False), "not seen"),
        (change(0.1, True), change(0.05, None), "not seen"),
        (change(0.1, False), change(0.05, True), "nothing to hold"),
        (change(0.1, None), change(0.05, True), "nothing to hold"),
        (change(0.1, True), None, "undefined"),
    ],
)
def test_what_holds(chosen, reported, expected):
    assert held(chosen, reported) == expected


def test_the_reference_has_no_change(outcome):
    assert outcome.points[0].name == REFERENCE
    assert outcome.change(outcome.points[0], outcome.search.aims[0], "test") is None
