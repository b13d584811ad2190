"""What could have been seen: noise had back from findings, correction, words, the part of the report, the command."""

import json
import subprocess
import sys
from dataclasses import replace
from io import StringIO

import numpy as np
import pytest
from rich.console import Console

from disparate.cli.main import invoke
from disparate.errors import BadInput
from disparate.findings import Finding, Findings, Null, Result
from disparate.report.html import page
from disparate.report.markdown import markdown
from disparate.report.outlook import after, before
from disparate.report.power import noise_of, reaches, smallest_group
from disparate.report.sight import sentence, tables
from disparate.report.terminal import Summary
from disparate.stats.multiplicity import benjamini_hochberg
from disparate.stats.power import Noise

RUN = {"groups": {"sex": {"m": 900, "f": 340}}}
SEEDS, BOTH = "t over both; test: paired t over seeds", "t over both; test: paired t over seeds and examples"


def stated(estimate, axis, *, method=SEEDS, p_value=0.2, null=None, group="f", variant="avx2"):
    interval = estimate.interval(axis) if axis != "interaction" else interaction(estimate)
    return Finding(
        measure="accuracy",
        group=group,
        where={"by": "sex", "axis": axis},
        variant=variant,
        reference="reference",
        value=estimate.value,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        level=0.95,
        n=estimate.examples,
        seeds=estimate.seeds,
        p_value=p_value,
        distinguishable=None if axis != "both" else p_value < 0.05,
        method=method,
        unit="share",
        null=null,
    )


def interaction(estimate):
    """The interval of an estimate whose only variance is the interaction, with its degrees of freedom."""
    df = (estimate.seeds - 1) * (estimate.examples - 1)
    return replace(estimate, over_seeds=estimate.interaction, seeds=df + 1).interval("seeds")


def case(noise, *, seeds=5, examples=340, change=0.01, method=SEEDS, null=None, **more):
    estimate = noise.estimate(change, seeds=seeds, examples=examples)
    axes = ("both", "seeds", "examples", "interaction") if seeds > 1 else ("examples",)
    return [stated(estimate, axis, method=method, null=null, **more) for axis in axes]


def holding(*cases):
    return Result(findings=Findings(tuple(item for items in cases for item in items)), run=RUN)


def printed(shown, width=200):
    out = StringIO()
    Console(file=out, width=width).print(shown)
    return out.getvalue()


NOISE = Noise(seeds=0.0002, examples=0.05, rest=0.1)


@pytest.mark.parametrize("method", [SEEDS, BOTH])
def test_noise_is_had_back_from_intervals(method):
    (reach,) = reaches(holding(case(NOISE, method=method)), "sex")
    assert reach.bench.noise.seeds == pytest.approx(NOISE.seeds)
    assert reach.bench.noise.examples == pytest.approx(NOISE.examples)
    assert reach.bench.noise.rest == pytest.approx(NOISE.rest)
    assert reach.bench.plan.axis == ("seeds" if method == SEEDS else "both")


def test_noise_of_one_seed_is_that_of_the_examples():
    (reach,) = reaches(holding(case(NOISE, seeds=1, method="t; test: paired t over examples")), "sex")
    assert (reach.bench.noise.seeds, reach.bench.noise.rest) == (0, 0)
    assert reach.bench.noise.examples == pytest.approx(0.15)
    assert reach.need.why_seeds == "one seed does not tell how many more would do"


def test_what_is_not_known_is_said():
    both, seeds, examples, _ = case(NOISE)
    assert "make it again" in noise_of(both, {"seeds": seeds, "examples": examples})
    untested = replace(both, p_value=None, method="t; no test: one seed, and what acts on training; nulls: N1 0")
    assert noise_of(untested, {}) == "no test: one seed, and what acts on training"
    assert noise_of(replace(both, value=None, undefined="no example"), {}) == "no example"
    (reach,) = reaches(holding(case(Noise())), "sex")
    assert reach.need is None
    assert "no noise to reckon with" in reach.undefined


def test_the_test_is_the_one_of_benjamini_and_hochberg():
    p_values = [0.001, 0.02, 0.3, 0.04]
    cases = [case(NOISE, variant=f"v{place}", p_value=p) for place, p in enumerate(p_values)]
    for position, reach in enumerate(reaches(holding(*cases), "sex")):
        limit = 1 - reach.bench.plan.own_level
        for p, significant in ((limit * 0.999, True), (limit * 1.001, False)):
            tried = np.array([*p_values[:position], p, *p_values[position + 1 :]])
            assert bool(benjamini_hochberg(tried)[position] <= 0.05) == significant


def test_the_floor_that_stands_beside_the_number_is_in_the_way():
    free, held = (
        reaches(holding(case(NOISE, null=null)), "sex")[0] for null in (None, Null(name="N1 repeat", value=0.09))
    )
    assert held.need.smallest > 0.09 > free.need.smallest
    assert held.need.examples is None
    assert held.need.why_seeds == (
        "no number of seeds is enough: the noise floor alone is 9.0 points, as a single other seed or repeat moves the "
        "whole group so far"
    )


def test_the_sentence_is_about_the_smallest_group_and_the_hardest_choice():
    small = case(NOISE), case(Noise(rest=0.5), variant="sse"), case(NOISE, group="m", examples=900)
    text = sentence(holding(*small), "sex")
    assert text.startswith(
        "With 5 seeds and 340 examples the smallest change of accuracy of 'f' that would have been seen"
    )
    assert "(80 %) is " in text
    assert "(under 'sse', the hardest of 2 choices to judge); for 2.0 points " in text
    assert smallest_group(holding(*small), "sex") == "f"


@pytest.mark.parametrize(
    ("noise", "null", "end"),
    [
        (Noise(rest=0.01), None, "; 2.0 points would have been seen."),
        (Noise(rest=0.3), None, "examples or 20 seeds are needed."),
        (
            Noise(seeds=0.01),
            Null(name="N2 seeds", value=0.1),
            "no number of examples is enough: the seeds move the whole group too far; no number of seeds is enough: "
            "the noise floor alone is 10.0 points, as a single other seed or repeat moves the whole group so far.",
        ),
        (
            Noise(rest=0.3),
            Null(name="N4 test set", value=0.03),
            "no number of seeds is enough: the test set is too small, as the noise floor alone is 3.0 points.",
        ),
    ],
)
def test_the_sentence_says_what_is_needed_or_why_nothing_is_enough(noise, null, end):
    assert sentence(holding(case(noise, null=null)), "sex").endswith(end)


def test_a_number_in_another_unit_is_asked_about_in_its_own_size():
    level = Finding(measure="mean_absolute_error", variant="reference", value=5.4, unit="target")
    moved = [replace(item, measure="mean_absolute_error", unit="target") for item in case(Noise(rest=9.0))]
    text = sentence(Result(findings=Findings((level, *moved)), run=RUN), "sex")
    assert "; for 0.100 units of the target " in text


def test_no_sentence_where_nothing_was_tested():
    assert sentence(holding(), "sex") == ""
    assert sentence(holding(case(Noise())), "sex") == ""


def test_tables_hold_a_number_or_a_reason_per_variant_and_group():
    smallest, examples, seeds = tables(holding(case(Noise(rest=0.3), null=Null(name="N4 test set", value=0.03))), "sex")
    assert [item.value for item in smallest] == [pytest.approx(0.052, abs=0.002)]
    assert examples.items[0].value > 340
    assert seeds.items[0].undefined.startswith("no number of seeds is enough: the test set")


def test_the_part_stands_in_every_report(result):
    html, text = page(result), markdown(result)
    assert 'id="by-0-power"' in html
    assert "What could have been seen?" in html
    assert "### What could have been seen?" in text
    assert "that would have been seen (80 %) is" in html
    assert "With 5 seeds and 338 examples the smallest change of accuracy" in printed(Summary(result))


def test_of_very_many_comparisons_the_smallest_group_alone_has_room(monkeypatch):
    monkeypatch.setattr("disparate.report.tables.SIGHT_LIMIT", 1)
    text = markdown(holding(case(NOISE), case(NOISE, group="m", examples=900)))
    part = text.split("### What could have been seen?")[1]
    assert "There is room for the smallest group alone; disparate power lists all." in part
    assert "| variant | f (n = 340) |" in part


def test_a_name_cannot_steer_the_sentence():
    text = sentence(holding(case(NOISE, group="a\x1b[2Jb")), "sex")
    assert "\x1b" not in text


# The command.


@pytest.fixture
def file(result, tmp_path):
    result.write(tmp_path / "result.json")
    return tmp_path


def test_after_an_experiment(file, capsys):
    assert invoke(["power", str(file), "--change", "0.01", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["change"] == pytest.approx(0.01)
    assert len(found["rows"]) == 10 * 5
    row = next(row for row in found["rows"] if row["variant"] == "avx2" and row["group"] == "Others")
    assert row["smallest_change"] > row["floor"]
    assert (row["examples_needed"], row["why_no_examples"]) == (
        None,
        "no number of examples is enough: the seeds move the whole group too far",
    )
    still = next(row for row in found["rows"] if row["variant"] == "one_thread")
    assert still["power"] is None
    assert "nothing varied" in still["undefined"]


def test_after_an_experiment_in_words(file, capsys):
    assert invoke(["power", str(file)]) == 0
    text = capsys.readouterr().out
    assert "A change of accuracy of 2.0 points, to be seen with 80 %" in text
    assert "[1] " in text


def test_before_an_experiment(capsys):
    words = ["--error", "0.2", "--flips", "0.05", "--group-size", "white=2017", "--group-size", "340"]
    assert invoke(["power", *words, "--json"]) == 0
    rows = {(row["variant"], row["group"]): row for row in json.loads(capsys.readouterr().out)["rows"]}
    assert len(rows) == 4
    assert rows["training", "340"]["floor"] == pytest.approx(np.sqrt(0.2 / 340))
    assert rows["training", "340"]["seeds_needed"] is None
    assert rows["training", "340"]["examples_needed"] == rows["training", "white"]["examples_needed"] == 1465
    assert rows["trained model", "white"]["smallest_change"] == pytest.approx(0.01396, abs=1e-5)


def test_before_an_experiment_in_words():
    text = printed(width=900, shown=before({"other": 340}, change=0.02, power=0.8, error=0.2))
    assert "√(err / n)" in text
    assert "Devices or seeds that move whole groups" in text
    assert "One comparison is assumed" in text
    assert "One comparison" not in printed(
        width=900, shown=before({"other": 340}, change=0.02, power=0.8, error=0.2, comparisons=9)
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "no group size is given; a result, or --group-size 340"),
        (["--group-size", "340"], "neither an error nor flips is given"),
        (["--group-size", "x", "--error", "0.1"], "group size 'x' cannot be read; 340 or other=340 was expected."),
        (["--group-size", "0", "--error", "0.1"], "group '0' has 0 examples; at least 1 was expected."),
        (["--group-size", "a=1", "--group-size", "a=2", "--error", "0.1"], "group 'a' is given twice"),
        (["--group-size", "9", "--error", "1.2"], "error is 1.2; a share above 0 and at most 1 was expected"),
        (["--group-size", "9", "--error", "nan"], "error is nan; a share above 0"),
        (["--group-size", "9", "--flips", "0.01"], "flips is 0.01; a share of at least 0.02, as a change needs flips,"),
        (["--group-size", "9", "--flips", "0.1", "--retrained"], "the choice acts on training and flips are given;"),
        (["--group-size", "9", "--retrained"], "the choice acts on training and no error is given;"),
        (["--group-size", "9", "--error", "0.1", "--seeds", "0"], "seeds is 0; at least 1 was expected"),
        (["--group-size", "9", "--error", "0.1", "--change", "0"], "change is 0.0; a number other than 0"),
        (["--group-size", "9", "--error", "0.1", "--change", "2"], "change is 2.0; a share was expected"),
        (["--group-size", "9", "--error", "0.1", "--power", "1"], "power 1.0 at level 0.95 among 1 comparisons"),
        (["--group-size", "9", "--error", "0.1", "--level", "0"], "power 0.8 at level 0.0 among 1 comparisons"),
        (["--group-size", "9", "--error", "0.1", "--comparisons", "0"], "among 0 comparisons"),
        (["none.json"], "result file 'none.json' does not exist"),
        (["none.json", "--seeds", "3"], "--seeds is given beside a result, which says that itself"),
        (["none.json", "--retrained"], "--retrained is given beside a result"),
    ],
)
def test_what_is_impossible_is_refused(words, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if words == ["none.json", "--seeds", "3"]:
        Result(findings=Findings(), run={}).write(tmp_path / "none.json")
    assert invoke(["power", *words]) == 3
    printed = capsys.readouterr().err
    assert message in printed
    assert "Traceback" not in printed


def test_a_result_without_a_comparison_is_refused():
    with pytest.raises(BadInput, match="the result holds no change of a measure per group; that of an audit"):
        after(Result(findings=Findings(), run={}), change=0.02, power=0.8)


def test_no_torch_is_loaded(file):
    code = (
        "import sys; from disparate.cli.main import invoke; "
        f"assert invoke(['power', {str(file)!r}]) == 0; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
