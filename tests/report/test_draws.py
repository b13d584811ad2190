"""Draws on the page: every number is a finding's, and a reference without draws is a line."""

import pytest

from disparate.findings import Finding, Findings, Result, Verdict
from disparate.measures.drawn import QUANTILES
from disparate.report.draw_figures import draw_figures
from disparate.report.draws import draw_grids, draw_words
from disparate.report.tables import parts

VALUES = {"mean": 0.3, "sd": 0.05, **dict(zip(QUANTILES, (0.2, 0.25, 0.31, 0.35, 0.4), strict=True))}


def finding(variant, statistic, value, of="equalized_odds_sum", **more):
    where = {"by": "sex", "of": of, "statistic": statistic}
    unit = "share" if statistic == "levelled down" else "rates"
    return Finding(measure="over_draws", variant=variant, value=value, unit=unit, where=where, draws=20, **more)


@pytest.fixture
def result():
    found = [finding("reference", "mean", 0.28), *(finding("noisy", name, value) for name, value in VALUES.items())]
    found.append(finding("noisy", "levelled down", 0.75))
    until = {"measure": "equalized_odds_sum", "half_width": 0.02, "at_most": 40}
    told = {"made": 20, "mirrored": ["noisy"], "until": until, "half_widths": {"noisy": 0.03}, "enough": False}
    return Result(
        findings=Findings(tuple(found)), cautions=(), verdict=Verdict(outcome="not asked"), run={"draws": told}
    )


def test_a_table_holds_the_statistics_in_order(result):
    (grid,) = draw_grids(result, "sex")
    assert grid.columns == ("mean", "sd", *QUANTILES, "levelled down")
    assert grid.rows == ("reference", "noisy")
    assert {name: grid.cells["noisy", name].value for name in VALUES} == VALUES
    assert "draws" in {part.slug for part in parts(result, "sex")}


def test_words_say_how_many_and_how_often_nobody_was_better_off(result):
    words = draw_words(result)
    assert "20 draws in mirrored pairs" in words
    assert "did not reach equalised odds, sum to ±0.02: it is known to ±0.03" in words
    assert (
        "Levelling down: equalised odds come closer though no group's F1 rises, under 'noisy' by 'sex' in 75%" in words
    )


def test_a_box_lies_where_its_quantiles_do(result):
    ((title, words, figure),) = draw_figures(draw_grids(result, "sex"), result.findings)
    assert title == "Equalised odds, sum over draws by sex"
    assert words.startswith("noisy: mean ")
    shape = figure.to_dict()
    whiskers, box, point = (trace["x"] for trace in shape["data"])
    assert [len(whiskers), len(box), len(point)] == [3, 3, 1]
    assert [whiskers[0], box[0], point[0], box[1], whiskers[1]] == sorted([
        whiskers[0],
        box[0],
        point[0],
        box[1],
        whiskers[1],
    ])
    assert len(shape["layout"]["shapes"]) == 1


def test_without_draws_there_is_no_part():
    empty = Result(findings=Findings(), cautions=(), verdict=Verdict(outcome="not asked"), run={})
    assert draw_grids(empty, "sex") == ()
    assert draw_figures((), empty.findings) == []
