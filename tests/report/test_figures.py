import json
from dataclasses import replace

import pytest

from disparate.findings import Finding, Null
from disparate.report import figures
from disparate.report.figures import FAINT, FLOOR, GAINS, HOLLOW, MUTED, PAYS, PLAIN, Row
from disparate.report.selection import Grid

CHANGE = Finding(
    measure="accuracy",
    group="f",
    where={"by": "sex"},
    variant="int8",
    reference="reference",
    value=-0.06,
    low=-0.08,
    high=-0.03,
    unit="share",
    distinguishable=True,
    null=Null(name="N2 seeds", value=0.01),
    n=50,
    seeds=5,
)


def drawn(figure):
    return json.loads(figure.to_json())


def test_point_interval_and_floor_are_in_points():
    found = drawn(figures.forest([Row(label="f", finding=CHANGE)], two_sided=True))
    floor, point = found["data"]
    assert (floor["base"], floor["x"], floor["marker"]["color"]) == ([-1.0], [2.0], FLOOR)
    assert point["x"] == [-6.0]
    assert point["error_x"]["array"] == [pytest.approx(3.0)]
    assert point["error_x"]["arrayminus"] == [pytest.approx(2.0)]
    assert found["layout"]["yaxis"]["ticktext"] == ["f"]
    low, high = found["layout"]["xaxis"]["range"]
    assert low < -8 < 1 < high


def test_floor_of_a_one_sided_number_starts_at_zero():
    churn = replace(CHANGE, measure="churn", value=0.1, low=None, high=None)
    assert drawn(figures.forest([Row(label="f", finding=churn)], two_sided=False))["data"][0]["base"] == [0.0]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, (PAYS, "circle")),
        ({"value": 0.06}, (GAINS, "circle")),
        ({"distinguishable": False}, (MUTED, HOLLOW)),
        ({"distinguishable": None}, (MUTED, HOLLOW)),
        ({"measure": "excessive_risk", "value": 0.2}, (PAYS, "circle")),
        ({"measure": "churn", "value": 0.2}, (PLAIN, "circle")),
        ({"reference": None, "distinguishable": None}, (PLAIN, "circle")),
    ],
)
def test_fill_says_distinguishable_and_colour_says_harm(change, expected):
    assert figures.look(replace(CHANGE, **change)) == expected


def test_undefined_is_written_not_drawn_at_zero():
    lost = replace(CHANGE, value=None, low=None, high=None, null=None, distinguishable=None, undefined="one class <b>")
    text = drawn(figures.forest([Row(label="f", finding=lost)], two_sided=True))["data"]
    assert [trace["mode"] for trace in text] == ["text"]
    assert text[0]["hovertext"] == ["f: one class &lt;b&gt;"]


def test_no_rows_are_no_error():
    assert drawn(figures.forest([], two_sided=True))["data"] == []


def test_names_cannot_be_markup_and_are_cut():
    label = '<a href="https://x.example">a very long group name</a>'
    found = drawn(figures.forest([Row(label=label, finding=CHANGE)], two_sided=True))
    assert found["layout"]["yaxis"]["ticktext"] == ['&lt;a href="https://x…']
    assert "<a" not in found["data"][1]["hovertext"][0]


def test_hover_says_everything_about_a_number():
    found = drawn(figures.forest([Row(label="f", finding=CHANGE)], two_sided=True))["data"][1]["hovertext"][0]
    assert found == (
        "<b>f</b><br>Accuracy: −6.0 points<br>interval −8.0 to −3.0<br>noise floor 1.0 (N2 seeds)<br>"
        "50 examples, 5 seeds<br>distinguishable from noise"
    )


def test_one_scale_holds_every_panel_and_keeps_each_own():
    small = figures.forest([Row(label="f", finding=CHANGE)], two_sided=True)
    large = figures.forest([Row(label="f", finding=replace(CHANGE, low=-0.5))], two_sided=True)
    both = [drawn(figure)["layout"] for figure in figures.on_one_scale([small, large])]
    assert both[0]["xaxis"]["range"] == both[1]["xaxis"]["range"] == both[0]["meta"]["common"]
    assert both[0]["meta"]["own"] == drawn(small)["layout"]["xaxis"]["range"]


def test_heat_map_is_centred_on_zero_and_paler_where_nothing_can_be_told():
    risk = replace(CHANGE, measure="excessive_risk", unit="nats", value=0.25, low=None, high=None)
    unclear = replace(risk, value=-0.01, distinguishable=False)
    grid = Grid(
        title="t",
        note="",
        corner="variant",
        rows=("int8",),
        columns=("f", "m", "x"),
        sizes={},
        cells={("int8", "f"): risk, ("int8", "m"): unclear},
    )
    heat = drawn(figures.heatmap(grid))["data"][0]
    assert heat["z"] == [[0.5, pytest.approx(-0.1 * FAINT), None]]
    assert (heat["zmin"], heat["zmax"]) == (-0.5, 0.5)
    assert heat["text"] == [["● +0.250", "○ −0.010", ""]]


def test_a_number_without_visible_digits_says_so():
    risk = replace(CHANGE, measure="excessive_risk", unit="nats", value=0.00008, distinguishable=False)
    cells = {("int8", "f"): risk}
    grid = Grid(title="t", note="", corner="", rows=("int8",), columns=("f",), sizes={}, cells=cells)
    heat = drawn(figures.heatmap(grid))["data"][0]
    assert heat["text"] == [["○ ≈0"]]
    assert "+0.00008 nats" in heat["hovertext"][0][0]


def test_no_figure_carries_the_default_template():
    template = drawn(figures.forest([Row(label="f", finding=CHANGE)], two_sided=True))["layout"]["template"]
    assert "layout" not in template


def test_sizes_stand_in_labels_with_the_largest_group_first():
    grid = Grid(title="t", note="", corner="", rows=(), columns=(), sizes={"f": 5, "m": 1200}, cells={})
    rows = figures.with_sizes([Row(label=name, finding=CHANGE) for name in ("f", "m", "everyone")], grid)
    assert [row.label for row in rows] == ["everyone", "m · 1,200", "f · 5"]
