"""The parts that say why: one readable table, every figure with its table, honesty about few groups."""

import json
import re
from dataclasses import replace

import plotly.graph_objects as go
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from disparate.findings import Findings, Result
from disparate.report import why_figures
from disparate.report.explanation_table import MOST_EFFECTS, explanation_table, why_words
from disparate.report.html import page
from disparate.report.markdown import markdown
from disparate.report.panels import panels
from disparate.report.selection import by_of_section
from disparate.report.tables import parts
from disparate.report.why import WHY, why_parts
from disparate.report.why_panels import WHY_DRAWN, bound_panels, plane_panels, spectrum_panels


def by_slug(result):
    return {part.slug: part for part in parts(result, "race")}


def drawn(figure: go.Figure) -> dict:
    return json.loads(figure.to_json())


@pytest.fixture
def table(explain_five):
    return explanation_table(explain_five, "race", by_of_section(explain_five, "race"))


def test_a_row_per_group_by_falling_size_and_below_what_goes_with_what_is_paid(table):
    assert table.rows[:5] == ("White", "Black", "Indian", "Asian", "Others")
    assert table.rows[5:] == ("with R under prune 50 %", "with R under prune 90 %")
    assert table.columns[:5] == (
        "training examples",
        "gradient norm ‖g‖",
        "top eigenvalue λ(H)",
        "closeness 1 − Σp²",
        "VoG",
    )
    assert table.columns[5:] == ("R under prune 50 %", "R under prune 90 %")


def test_cells_are_findings_of_the_whole_training_split_or_of_the_judged_one(table):
    norm = table.cell("Black", "gradient norm ‖g‖")
    assert (norm.value, norm.where) == (pytest.approx(0.2), {"by": "race", "split": "train"})
    assert table.cell("Black", "top eigenvalue λ(H)").value == pytest.approx(20)
    assert table.cell("Others", "closeness 1 − Σp²").where["split"] == "test"
    assert table.cell("Others", "R under prune 90 %").value == pytest.approx(0.08)
    assert table.cell("with R under prune 90 %", "VoG").p_value == pytest.approx(0.083)
    assert table.cell("with R under prune 90 %", "closeness 1 − Σp²") is None


def test_variants_that_move_the_groups_furthest_apart_are_shown(explain_groups):
    many = explain_groups({"a": 30, "b": 20, "c": 10}, [f"variant {k}" for k in range(9)])
    found = explanation_table(many, "race", by_of_section(many, "race"))
    shown = [column for column in found.columns if column.startswith("R under")]
    assert shown == [f"R under variant {k}" for k in range(9 - MOST_EFFECTS, 9)]


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        (2, "2 groups: an order of fewer than three groups proves nothing."),
        (3, "Three groups prove little: the smallest p-value there can be is 0.33, and"),
        (5, "Five groups prove little: the smallest p-value there can be is 0.017, and"),
        (40, "40 groups prove little: what goes together need not cause."),
    ],
)
def test_few_groups_prove_little(explain_groups, groups, said):
    result = explain_groups({f"group {k}": 100 - k for k in range(groups)})
    correlated = result.findings.where(measure="explanation_correlation")
    assert said in why_words(result, "race", correlated)


def test_it_says_how_many_correlations_were_looked_at(explain_five):
    words = by_slug(explain_five)["why"].words
    assert "Of 7 correlations, 1 has p below 0.05, before any correction" in words


def test_the_table_stands_open_in_the_page_and_in_markdown(explain_five):
    text, plain = page(explain_five), markdown(explain_five)
    head = text.index("<b>Explanation table by race.</b>")
    assert "<details" not in text[text.rindex('id="by-0-why"', 0, head) : head]
    assert '<data value="8000.0">8,000</data>' in text
    assert "p 0.083" in text
    row = next(line for line in plain.splitlines() if line.startswith("| with R under prune 90 %"))
    assert "−0.900 (p 0.083)" in row
    assert next(line for line in plain.splitlines() if line.startswith("| White | 8,000 |"))


def test_every_figure_of_why_has_its_table(explain_five):
    found = by_slug(explain_five)
    assert set(WHY_DRAWN) <= set(found)
    for slug in WHY_DRAWN:
        assert panels(found[slug], explain_five, "race", slug), slug
        assert found[slug].grids, slug


def test_every_number_that_says_why_is_in_a_table_or_counted(explain_five):
    kept = [item for item in explain_five.findings if item.measure in WHY]
    shown, counted = set(), 0
    for part in why_parts(explain_five, "race"):
        shown |= {id(item) for grid in (*part.grids, *part.folded) for item in grid.cells.values()}
        found = re.search(r" (\d+) further numbers? had no room", part.words)
        counted += int(found[1]) if found else 0
    assert len([item for item in kept if id(item) not in shown]) == counted == 0


def test_what_says_why_is_not_told_again_among_further_measures(explain_five):
    further = by_slug(explain_five).get("further")
    measures = {item.measure for grid in (further.folded if further else ()) for item in grid.cells.values()}
    assert not measures & WHY


def test_a_result_without_an_explanation_has_no_such_part(make):
    slugs = {part.slug for part in parts(make(groups={"race": {"White": 40, "Black": 30}}, variants=("int8",)), "race")}
    assert slugs & set(WHY_DRAWN) <= {"weights"}  # an audit tells by itself how far the weights are


def test_a_page_of_forty_groups_is_small_and_names_them(explain_groups):
    text = page(explain_groups({f"group {k:02d}": 500 - k for k in range(40)}))
    assert len(text.encode()) < 6_000_000
    assert "group 39" in text


def test_hostile_names_stay_texts(explain_groups):
    hostile = "</script><img src=x onerror=alert(1)>"
    text = page(explain_groups({hostile: 100, "b": 50, "c": 20}))
    assert "<img src=x" not in text


# Figures


def test_the_plane_has_a_named_point_per_group_in_powers_of_ten(explain_five):
    (title, words, figure), *_ = plane_panels(by_slug(explain_five)["why"], explain_five, "race")
    trace = drawn(figure)["data"][0]
    assert title == "reference"
    assert trace["text"] == ["White", "Black", "Indian", "Asian", "Others"]
    assert trace["x"] == pytest.approx([-1.0, -0.69897, -0.522879, -0.39794, -0.30103], abs=1e-5)
    assert trace["y"][0] == pytest.approx(1)
    assert "Black: gradient norm 0.200, eigenvalue 20.0" in words


def test_a_group_whose_curvature_is_not_above_0_is_left_out_of_the_plane(explain_five):
    turned = explain_five.findings.map(
        lambda item: (
            replace(item, value=-1.0) if (item.measure, item.group) == ("hessian_eigenvalue", "White") else item
        )
    )
    result = replace(explain_five, findings=turned)
    ((_, _, figure),) = plane_panels(by_slug(result)["why"], result, "race")
    assert drawn(figure)["data"][0]["text"] == ["Black", "Indian", "Asian", "Others"]


def test_bounds_that_are_vacuous_and_changes_to_the_better_are_hollow(explain_five):
    found = {title: drawn(figure) for title, _, figure in bound_panels(None, explain_five, "race")}
    marks = {trace["marker"]["symbol"]: trace for trace in found["prune 90 %"]["data"] if trace["mode"] == "markers"}
    assert set(marks) == {"circle", "circle-open", "diamond-open"}
    assert marks["diamond-open"]["x"] == pytest.approx([1.0] * 5)
    assert marks["circle-open"]["x"] == pytest.approx([-2.0])  # a loss that fell by 0.01
    assert found["prune 90 %"]["layout"]["shapes"][0]["x0"] == pytest.approx(0.20412, abs=1e-4)
    closeness = found["Curvature by closeness (theorem 4.4)"]
    assert "diamond" in {trace["marker"]["symbol"] for trace in closeness["data"] if trace["mode"] == "markers"}


def test_spectra_are_higher_where_more_eigenvalues_are(explain_five):
    ((_, _, figure),) = spectrum_panels(None, explain_five, "race")
    first = drawn(figure)["data"][0]
    heights = dict(zip(first["x"], first["y"], strict=True))
    assert len(heights) == 4
    assert max(heights, key=lambda place: heights[place]) == pytest.approx(0, abs=0.5)


def test_the_last_bar_of_a_histogram_is_as_wide_as_the_others():
    figure = why_figures.histogram_ridges(
        {"edges": [0.0, 1.0, 2.0, 99.0], "counts": {"a": [4, 2, 1]}}, ["a"], unit="l2 norm"
    )
    trace = drawn(figure)["data"][0]
    assert trace["width"] == pytest.approx([1, 1, 1])
    assert trace["y"] == pytest.approx([0.86, 0.43, 0.215])
    assert "2.000 to 99.0: 14.3 % of the group" in trace["hovertext"][2]


@given(st.floats(-12, 6), st.floats(0.001, 9))
@settings(max_examples=200, deadline=None)
def test_ticks_of_powers_lie_inside_and_are_few(low, reach):
    ticks = why_figures._round_numbers(low, low + reach)
    assert 2 <= len(ticks) <= 7
    assert ticks == sorted(ticks)
    assert all(10 ** (low - 0.01) <= tick <= 10 ** (low + reach + 0.01) for tick in ticks)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["White", "nodes", "edges"]), inner),
    max_leaves=6,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(curves=st.dictionaries(st.sampled_from(["spectra", "histograms"]), JSON))
def test_any_curves_render(explain_five, curves):
    own = Findings(tuple(item for item in explain_five.findings if item.group in {"White", "Black", None}))
    result = Result(findings=own, run={**explain_five.run, "curves": {"race": curves}})
    for part in parts(result, "race"):
        panels(part, result, "race", part.slug)
