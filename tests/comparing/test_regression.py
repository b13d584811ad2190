"""Predicted numbers: errors by group, held against scikit-learn, fairlearn and the truth that was planted."""

import numpy as np
import pytest
from fairlearn.metrics import MetricFrame
from scipy import stats
from sklearn.metrics import mean_absolute_error, root_mean_squared_error

import disparate
from disparate.cli.main import invoke
from disparate.errors import BadInput

ASKED = {"groups": ["race"], "columns": {"regression": True}, "replicates": 100}


def table(harm=0.0, seed=0, examples=900):
    truth = np.random.default_rng(0)
    target = truth.normal(40, 15, size=examples)
    race = truth.choice(["a", "b", "c"], size=examples, p=[0.5, 0.4, 0.1])
    noise = truth.normal(0, 4, size=examples) + np.random.default_rng(1 + seed).normal(0, 0.5, size=examples)
    return {
        "example_id": np.arange(examples),
        "target": target,
        "predicted": target + noise + np.where(race == "b", harm, 0.0),
        "race": race,
    }


def ask(reference, variants, **more):
    return disparate.compare(reference, variants, **{**ASKED, **more})


def values(result, **where):
    return {item.group: item.value for item in result.findings.where(**where)}


@pytest.fixture(scope="module")
def result():
    return ask(table(), {"int8": table(harm=6.0, seed=1)})


def test_errors_are_those_of_scikit_learn_and_fairlearn(result):
    functions = {
        "mean_absolute_error": mean_absolute_error,
        "root_mean_squared_error": root_mean_squared_error,
        "mean_signed_error": lambda target, predicted: np.mean(predicted - target),
    }
    for variant, columns in (("reference", table()), ("int8", table(harm=6.0, seed=1))):
        answers = {"y_true": columns["target"], "y_pred": columns["predicted"], "sensitive_features": columns["race"]}
        theirs = MetricFrame(metrics=functions, **answers)
        for measure in functions:
            own = values(result, measure=measure, variant=variant, reference=None, by="race")
            assert own == pytest.approx(theirs.by_group[measure].to_dict())
            whole = result.findings.only(measure=measure, variant=variant, reference=None, group=None)
            assert whole.value == pytest.approx(theirs.overall[measure])
            assert whole.unit == "target"
        level = {"variant": variant, "reference": None}
        gap = result.findings.only(measure="mean_absolute_error_gap", **level)
        assert gap.value == pytest.approx(theirs.difference()["mean_absolute_error"])
        worst = result.findings.only(measure="worst_group_mean_absolute_error", **level)
        assert worst.value == pytest.approx(theirs.group_max()["mean_absolute_error"])


def test_a_planted_harm_is_found_where_it_was_planted(result):
    for measure in ("mean_absolute_error", "root_mean_squared_error", "mean_signed_error"):
        found = result.findings.where(measure=measure, variant="int8", reference="reference", by="race")
        assert {item.group: item.distinguishable for item in found} == {"a": False, "b": True, "c": False}
    bias = values(result, measure="mean_signed_error", reference="reference", by="race")
    assert bias["b"] == pytest.approx(6.0, abs=0.2)
    assert result.findings.only(measure="mean_absolute_error_gap", reference="reference").distinguishable


def test_the_paired_test_is_that_of_scipy(result):
    one, two = table(), table(harm=6.0, seed=1)
    own = result.findings.only(measure="mean_absolute_error", reference="reference", group="b")
    rows = one["race"] == "b"
    off = [np.abs(columns["predicted"] - columns["target"])[rows] for columns in (two, one)]
    theirs = stats.ttest_rel(*off)
    assert own.p_value == pytest.approx(theirs.pvalue)
    assert (own.low, own.high) == pytest.approx(tuple(theirs.confidence_interval()))


def test_the_interval_of_a_root_is_that_of_resampling(result):
    generator = np.random.default_rng(3)
    one, two = table(), table(harm=6.0, seed=1)
    squares = np.stack([(columns["predicted"] - columns["target"]) ** 2 for columns in (one, two)])[
        :, one["race"] == "a"
    ]
    drawn = squares[:, generator.integers(squares.shape[1], size=(2000, squares.shape[1]))]
    moved = np.diff(np.sqrt(drawn.mean(axis=-1)), axis=0)
    own = result.findings.only(measure="root_mean_squared_error", reference="reference", group="a")
    assert own.high - own.low == pytest.approx(2 * 1.96 * moved.std(), rel=0.1)


def test_seeds_repeats_weights_and_machines():
    runs = {seed: table(seed=seed) | {"w": 1.0 + np.arange(900) % 3} for seed in range(3)}
    other = {seed: table(seed=9 + seed, harm=1.0) for seed in range(3)}
    found = ask(
        runs,
        {"int8": other},
        repeats=[runs],
        hardware=["int8"],
        columns={"regression": True, "weight": "w"},
        retrained=["int8"],
    ).findings
    change = found.only(measure="root_mean_squared_error", reference="reference", group="b", axis="both")
    assert "N1 repeat 0 (deterministic)" in change.method
    assert "N2 seeds" in change.method
    weights = runs[0]["w"][runs[0]["race"] == "b"]
    roots = [
        np.sqrt(np.average((columns["predicted"] - columns["target"])[columns["race"] == "b"] ** 2, weights=weights))
        for columns in runs.values()
    ]
    level = found.only(measure="root_mean_squared_error", variant="reference", group="b")
    assert level.value == pytest.approx(np.mean(roots))
    moved = found.where(measure="hardware_sensitivity", by="race", form="absmax")
    assert {(item.where["of"], item.unit) for item in moved} == {("mean_absolute_error", "target")}


def test_single_precision_is_the_same_data():
    one = table()
    single = {name: values.astype(np.float32) if values.dtype == float else values for name, values in one.items()}
    assert len(ask(one, {"v": single}).findings)


@pytest.mark.parametrize(
    ("text", "change", "more"),
    [
        ("column 'predicted' is empty in row 3 (1 such rows); a finite number was expected", {"predicted": np.nan}, {}),
        ("column 'predicted' is inf in row 3", {"predicted": np.inf}, {}),
        ("column 'predicted' is empty in row 3", {"predicted": None}, {}),
        ("is no number", {"predicted": "many"}, {}),
        ("id '3': target is", {"target": 1e9}, {}),
        ("numbers at most 1e+150 apart were expected", {"predicted": 1e300}, {}),
        ("regression with threshold '0.5'", {}, {"columns": {"regression": True, "threshold": 0.5}}),
        ("regression with scores 'p_'", {}, {"columns": {"regression": True, "scores": "p_"}}),
        ("measure 'accuracy' is of labels, and the tables hold numbers", {}, {"measures": ["accuracy"]}),
        ("measure 'loss' is of labels", {}, {"measures": ["loss"]}),
        ("counting on disk knows a label per example, not numbers", {}, {"counts_only": True}),
    ],
)
def test_what_is_no_number_is_refused(text, change, more):
    wrong = table()
    for name, value in change.items():
        column = [str(cell) if isinstance(value, str) else cell for cell in wrong[name].tolist()]
        column[3] = value
        wrong = {**wrong, name: column}
    with pytest.raises(BadInput) as caught:
        ask(table(), {"v": wrong}, **more)
    assert text in str(caught.value)


def test_errors_are_refused_where_answers_are_labels(dense, int8):
    with pytest.raises(BadInput, match="measure 'mean_absolute_error' is of numbers, and the tables hold labels"):
        disparate.compare(dense, {"v": int8}, groups=["race"], measures=["mean_absolute_error"])


def test_the_command_shows_errors_and_gates_them(file, tmp_path, capsys):
    words = ["compare", file("dense.csv", table()), file("int8.parquet", table(harm=6.0)), "--groups", "race"]
    out = tmp_path / "out"
    assert invoke([*words, "--regression", "--max", "change:mean_absolute_error=0.1", "--out", str(out), "-q"]) == 1
    printed = " ".join(capsys.readouterr().out.split())
    assert "Change of mean absolute error by race. In units of the target." in printed
    assert "int8 costs b most: " in printed
    assert "units of the target of mean absolute error" in printed
    assert "Root mean squared error" in (out / "report.html").read_text(encoding="utf-8")
    assert invoke([*words, "-q"]) == 3
    assert "--regression" in capsys.readouterr().err
