"""The part of the report about what moves a group."""

import json
import re
from dataclasses import replace

import pytest

from disparate.findings import Findings, Result
from disparate.report import figures
from disparate.report.html import page
from disparate.report.markdown import markdown
from disparate.report.movement import ONE_RUN, movement_grids, movement_words
from disparate.report.tables import parts


@pytest.fixture
def part(result):
    return next(part for part in parts(result, "race") if part.slug == "movement")


def test_tables_of_accuracy_come_first_then_loss_then_floors(part):
    assert [grid.title for grid in part.grids] == [
        "What moves the accuracy by race",
        "Device against repeat and seed, accuracy by race",
        "Range over devices, accuracy by race",
        "Standard deviation of one run, accuracy by race",
        "What moves the loss by race",
        "Device against repeat and seed, loss by race",
        "Range over devices, loss by race",
        "Standard deviation of one run, loss by race",
        "Noise floors of accuracy by race",
        "Noise floors of loss by race",
    ]


def test_every_component_has_a_row_and_every_group_a_column(part):
    grid = part.grids[0]
    assert grid.rows == ("device", "device × seed", "seed", "repeat", "test set", ONE_RUN)
    assert grid.columns == ("everyone", "White", "Black", "Indian", "Asian", "Others")


def test_bars_are_stacked_to_a_hundred_with_the_size_of_the_whole_beside_them(part):
    found = json.loads(figures.stacks(part.grids[0], total=ONE_RUN).to_json())
    assert found["layout"]["barmode"] == "stack"
    sums = [0.0] * 6
    for trace in found["data"]:
        for row, share in zip(trace["y"], trace["x"], strict=True):
            sums[row] += share
    assert sums == pytest.approx([100.0] * 6)
    colours = [trace["marker"]["color"] for trace in found["data"]]
    assert colours == list(figures.SEGMENTS.values())
    others = found["layout"]["annotations"][-1]["text"]
    assert re.fullmatch(r"± 2\.\d pt", others)


def test_words_say_what_is_largest_what_is_told_and_what_is_not_shown(result):
    words = movement_words(result, "race")
    assert "The largest part is the test set for White, Black, Indian, Asian and Others." in words
    assert "Some device moves all seeds one way, distinguishably, for Others." in words
    assert "It does not show how sure the model is about one person" in words
    silent = result.findings.map(lambda item: replace(item, distinguishable=False))
    assert "For no group does any device move all seeds" in movement_words(replace(result, findings=silent), "race")


def test_the_page_has_the_figure_with_words_and_the_open_table_of_ratios(result):
    text = " ".join(page(result).split())
    section = text.partition('id="by-0-movement"')[2].partition('id="by-0-levels"')[0]
    assert "<h3>What moves a group&#39;s accuracy?</h3>" in section
    assert re.search(r'aria-label="What moves the accuracy by race\. everyone: device \d', section)
    assert "<details open><summary>Table: Device against repeat and seed, accuracy by race</summary>" in section
    assert "undefined<sup>1</sup>" in section
    assert "deterministic: the reference, run again, gives the same" in section


def test_every_headline_number_says_how_many_times_its_floor_it_is(result):
    change = result.findings.only(measure="accuracy", variant="prune_0.9", group="Others", axis="both")
    assert f"{change.effect_over_null:.1f} × its floor" in page(result)
    assert f'<data value="{change.effect_over_null}">{change.effect_over_null:.1f}</data> × its floor of' in page(
        result
    )
    assert f"{change.effect_over_null:.1f} × its floor of" in markdown(result)


def test_without_hardware_the_floors_remain_and_no_figure_is_drawn(result):
    floors = result.findings.where(lambda item: item.measure in {"accuracy", "noise_floor"})
    found = replace(result, findings=floors)
    grids = movement_grids(found, "race")
    assert [grid.title for grid in grids] == ["Noise floors of accuracy by race", "Noise floors of loss by race"]
    assert "the noise floors" in movement_words(found, "race")
    assert "What moves a group&#39;s accuracy?" in page(found)


def test_one_seed_is_said_in_the_table_and_no_figure_is_drawn(result):
    reason = "variance components: 4 device(s) and 1 seed(s)"
    lost = [
        replace(
            item, value=None, low=None, high=None, level=None, undefined=reason, where={"by": "race", "of": "accuracy"}
        )
        for item in result.findings.where(measure="variance_share", component="device", by="race", of="accuracy")
    ]
    found = Result(findings=Findings(tuple(lost)), run=result.run)
    text = page(found)
    assert "variance components: 4 device(s) and 1 seed(s)" in text
    assert "by-0-movement-0" not in text
