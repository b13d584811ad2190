"""Sets of labels: each label one against the rest, held against scikit-learn, fairlearn and binary comparisons."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from fairlearn.metrics import MetricFrame, equalized_odds_difference
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, hamming_loss, precision_score, recall_score

import disparate
from disparate.cli.main import invoke
from disparate.comparing.label_sets import Sets, label_sets, sets_of
from disparate.errors import BadInput

LABELS = np.array(["cat", "dog", "eel"])
ASKED = {"groups": ["race"], "columns": {"multilabel": True}, "replicates": 60}


def matrix(seed, harm=0.0, examples=700):
    """Return truth and answers as (examples, labels); ``harm`` of the dogs of race b are not seen."""
    truth = np.random.default_rng(0)
    target = truth.random((examples, 3)) < [0.5, 0.3, 0.1]
    race = truth.choice(["a", "b", "c"], size=examples, p=[0.5, 0.4, 0.1])
    predicted = target ^ (truth.random(target.shape) < 0.05)
    predicted[:, 1] &= ~((race == "b") & (np.random.default_rng(seed).random(examples) < harm))
    return target, predicted, race


def listed(rows):
    return [LABELS[row].tolist() for row in rows]


def table(seed=1, harm=0.0, told=listed):
    target, predicted, race = matrix(seed, harm)
    return {"example_id": np.arange(len(race)), "target": told(target), "predicted": told(predicted), "race": race}


def joined(rows, separator="; "):
    return [separator.join(LABELS[row]) for row in rows]


def ask(reference, variants, **more):
    return disparate.compare(reference, variants, **{**ASKED, **more})


def values(result, **where):
    return {item.group: item.value for item in result.findings.where(**where)}


@pytest.fixture(scope="module")
def result():
    return ask(table(), {"int8": table(harm=0.4)})


def test_sets_are_judged_as_scikit_learn_judges_them(result):
    for variant, harm in (("reference", 0.0), ("int8", 0.4)):
        target, predicted, race = matrix(1, harm)
        for group in "abc":
            rows = race == group
            level = {"variant": variant, "reference": None, "by": "race", "group": group}
            own = result.findings.only(measure="subset_accuracy", **level).value
            assert own == pytest.approx(accuracy_score(target[rows], predicted[rows]))
            own = result.findings.only(measure="hamming_accuracy", **level).value
            assert own == pytest.approx(1 - hamming_loss(target[rows], predicted[rows]))
            for measure, theirs in (("precision", precision_score), ("tpr", recall_score)):
                expected = theirs(target[rows], predicted[rows], average=None, zero_division=np.nan)
                own = [result.findings.only(measure=measure, label=label, **level).value for label in LABELS]
                assert own == pytest.approx(expected)
        for place, label in enumerate(LABELS):
            answers = {"y_true": target[:, place], "y_pred": predicted[:, place], "sensitive_features": race}
            frame = MetricFrame(metrics=accuracy_score, **answers)
            level = {"variant": variant, "reference": None, "by": "race", "label": label}
            assert values(result, measure="accuracy", **level) == pytest.approx(frame.by_group.to_dict())
            odds = result.findings.only(measure="equalized_odds_worst", **level)
            assert odds.value == pytest.approx(equalized_odds_difference(**answers))


def test_a_label_alone_is_the_binary_comparison_of_it(result):
    def alone(harm):
        target, predicted, race = matrix(1, harm)
        names = np.array(["no", "dog"])
        sides = {"target": names[target[:, 1].astype(int)], "predicted": names[predicted[:, 1].astype(int)]}
        return {"example_id": np.arange(len(race)), "race": race, **sides}

    binary = disparate.compare(
        alone(0.0), {"int8": alone(0.4)}, groups=["race"], columns={"positive": "dog"}, replicates=60
    )
    for measure, label in (("tpr", "dog"), ("accuracy", None), ("churn", None)):
        where = {"measure": measure, "reference": "reference", "by": "race", "axis": "examples"}
        for item in binary.findings.where(label=label, **where):
            same = result.findings.only(group=item.group, label="dog", variant="int8", **where)
            close = 0.25 if measure == "tpr" else 1e-6  # a bootstrap of few replicates
            for number in ("value", "low", "high", "p_value"):
                own, theirs = getattr(same, number), getattr(item, number)
                assert (own is None) == (theirs is None)
                assert own is None or own == pytest.approx(theirs, rel=close, abs=1e-9)


def test_a_planted_harm_is_found_in_its_label_and_group(result):
    change = {"reference": "reference", "by": "race", "axis": "examples", "distinguishable": True}
    found = result.findings.where(**change).where(lambda item: item.measure in {"tpr", "subset_accuracy"})
    assert {(item.measure, item.label, item.group) for item in found} == {
        ("tpr", "dog", "b"),
        ("subset_accuracy", None, "b"),
    }
    gap = result.findings.only(measure="subset_accuracy_gap", reference="reference")
    assert gap.distinguishable
    assert "1 of 3 labels change to the worse for at least one group; most: 'dog' for b under int8" in " ".join(
        disparate.page(result).replace("&#39;", "'").split()
    )


def test_lists_texts_frames_and_files_are_one(result, file, tmp_path):
    separated = {"multilabel": True, "separator": ";"}
    texts = table(told=joined), table(harm=0.4, told=joined)
    paths = [file(f"{name}.csv", columns) for name, columns in zip(("dense", "int8"), texts, strict=True)]
    assert ask(paths[0], {"int8": paths[1]}, columns=separated).findings == result.findings
    frames = pd.DataFrame(table()), pa.table(table(harm=0.4))
    assert ask(frames[0], {"int8": frames[1]}).findings == result.findings
    as_sets = table(harm=0.4, told=lambda rows: [set(labels) for labels in listed(rows)])
    assert ask(table(), {"int8": as_sets}).findings == result.findings
    mixed = {**table(), "target": joined(matrix(1)[0])}  # a column of lists, a column of texts
    assert ask(mixed, {"int8": texts[1]}, columns=separated).findings == result.findings


@pytest.mark.parametrize(("logits", "threshold"), [(False, None), (False, 0.3), (True, None), (True, -1.0)])
def test_every_score_is_held_against_the_threshold_on_its_own(logits, threshold):
    target, predicted, race = matrix(1)
    scores = np.random.default_rng(4).random(target.shape) / 2 + predicted / 2
    told = np.log(scores / (1 - scores)) if logits else scores
    columns = {"example_id": np.arange(len(race)), "target": listed(target), "race": race}
    columns |= {f"p_{label}": told[:, place] for place, label in enumerate(LABELS)}
    setting = {"multilabel": True, "scores": "p_", "threshold": threshold, "logits": logits}
    result = ask(columns, {"same": columns}, columns=setting)
    answers = told >= (threshold if threshold is not None else 0.0 if logits else 0.5)
    own = result.findings.only(measure="subset_accuracy", variant="same", reference=None, group=None)
    assert own.value == pytest.approx(accuracy_score(target, answers))
    recall = recall_score(target, answers, average=None)
    for label, expected in zip(LABELS, recall, strict=True):
        found = result.findings.only(measure="tpr", variant="same", reference=None, group=None, label=label)
        assert found.value == pytest.approx(expected)


def test_a_label_with_a_score_that_nobody_has_counts_as_right():
    target, predicted, race = matrix(1)
    columns = {"example_id": np.arange(len(race)), "target": listed(target), "race": race, "p_fox": np.zeros(len(race))}
    columns |= {f"p_{label}": predicted[:, place] * 1.0 for place, label in enumerate(LABELS)}
    result = ask(columns, {"same": columns}, columns={"multilabel": True, "scores": "p_"})
    assert result.run["data"]["labels"] == ["cat", "dog", "eel", "fox"]
    own = result.findings.only(measure="hamming_accuracy", variant="same", reference=None, group=None)
    assert own.value == pytest.approx(1 - hamming_loss(target, predicted) * 3 / 4)
    assert result.findings.only(measure="tpr", variant="same", reference=None, group=None, label="fox").undefined


def test_seeds_clusters_weights_and_a_loss():
    def more(columns):
        rows = len(columns["race"])
        return columns | {
            "w": 1.0 + np.arange(rows) % 2,
            "person": np.arange(rows) // 2,
            "bce": np.linspace(0, 1, rows),
        }

    one = {seed: more(table(seed)) for seed in range(2)}
    two = {seed: more(table(seed, harm=0.4)) for seed in range(2)}
    named = {"multilabel": True, "weight": "w", "cluster": "person", "loss": "bce"}
    asked = {"measures": ["subset_accuracy", "loss", "tpr"], "columns": named, "replicates": 20}
    result = ask(one, {"int8": two}, **asked)
    target, predicted, _ = matrix(0, 0.4)
    other = matrix(1, 0.4)[1]
    weight = 1.0 + np.arange(len(target)) % 2
    expected = np.mean([np.average((answers == target).all(axis=1), weights=weight) for answers in (predicted, other)])
    own = result.findings.only(measure="subset_accuracy", variant="int8", reference=None, group=None)
    assert own.value == pytest.approx(expected)
    assert {item.measure for item in result.findings} == {"subset_accuracy", "loss", "tpr"}
    assert {item.label for item in result.findings.where(measure="tpr")} == {*LABELS}


def test_empty_sets_are_sets(file):
    columns = {"example_id": range(4), "target": [["a"], [], [], ["b"]], "predicted": [["a"], [], ["b"], []]}
    columns["race"] = list("xxyy")
    level = {"measure": "subset_accuracy", "variant": "same", "reference": None, "by": "race"}
    assert values(ask(columns, {"same": columns}), **level) == {"x": 1.0, "y": 0.0}
    texts = {**columns, "target": ["a", None, None, "b"], "predicted": ["a", None, "b;", ""]}
    separated = {"multilabel": True, "separator": ";"}
    written = file("empty.csv", texts)
    assert values(ask(written, {"same": written}, columns=separated), **level) == {"x": 1.0, "y": 0.0}
    with pytest.raises(
        BadInput, match=r"column 'target' has no value in row 1 \(2 such rows\); a set of labels in each"
    ):
        ask(texts, {"same": texts}, columns=separated)  # in a frame nothing is not the empty text
    nothing = {**columns, "target": [[]] * 4, "predicted": [[]] * 4}
    with pytest.raises(BadInput, match="every set is empty; at least one label was expected"):
        ask({**nothing, "target": pa.array([[]] * 4, pa.list_(pa.string()))}, {"v": nothing})


@pytest.mark.parametrize(
    ("text", "change", "columns"),
    [
        ("column 'predicted' holds int64, one value per example; a list of labels", {"predicted": [1] * 700}, {}),
        ("column 'target' holds texts; the separator of their labels was expected", {"target": ["cat"] * 700}, {}),
        ("cannot be read", {"predicted": [["cat"], "cat"] * 350}, {}),
        (
            "';' occurs in no cell, and 700 hold '|', such as 'cat|dog'; the separator",
            {"target": ["cat|dog"] * 700},
            {"separator": ";"},
        ),
        ("has a set with an empty label in row 1", {"predicted": [["cat"], ["dog", None]] * 350}, {}),
        ("holds 1,400 different labels", {"predicted": [[f"a{i}", f"b{i}"] for i in range(700)]}, {}),
        ("no answered label is ever in a target", {"predicted": [["cats", "dogs"]] * 700}, {}),
        ("target is '[\"dog\"]' in", {"target": [["eel"]] * 700}, {}),
        ("multilabel with positive label 'cat'", {}, {"positive": "cat"}),
        ("multilabel with regression", {}, {"regression": True}),
        ("is for sets of labels; say --multilabel too", {}, {"multilabel": False, "separator": ";"}),
        ("Several labels per example are compared with --multilabel", {}, {"multilabel": False}),
        ("a single score column was named; one for every label", {"p_cat": [0.5] * 700}, {"scores": "p_cat"}),
        ("target label 'dog' has no score", {"p_cat": [0.5] * 700, "p_fox": [0.5] * 700}, {"scores": "p_"}),
        (
            "run from 0.5 to 1.5; probabilities in [0, 1]",
            {"p_cat": [0.5] * 700, "p_dog": [1.5] * 700},
            {"scores": "p_"},
        ),
    ],
)
def test_what_is_no_set_is_refused(text, change, columns):
    one = {**table(), "target": [["dog"]] * 700}
    plain = {
        name: cells for name, cells in {**one, **change}.items() if not (columns.get("scores") and name == "predicted")
    }
    with pytest.raises(BadInput) as caught:
        ask(plain if "target" not in change or columns else one, {"v": plain}, columns={"multilabel": True, **columns})
    assert text in str(caught.value)


def test_counting_on_disk_knows_one_label(file):
    path = file("sets.parquet", table())
    with pytest.raises(BadInput, match="counting on disk knows a label per example, not sets of labels"):
        ask(path, {"v": path}, counts_only=True)


def test_a_measure_of_sets_needs_sets(dense, int8):
    with pytest.raises(BadInput, match="measure 'hamming_accuracy' is of sets, and the tables hold labels"):
        disparate.compare(dense, {"v": int8}, groups=["race"], measures=["hamming_accuracy"])


def test_the_command_shows_sets(file, tmp_path, capsys):
    words = ["compare", file("dense.csv", table(told=joined)), file("int8.parquet", table(harm=0.4))]
    words += ["--groups", "race", "--multilabel", "--labels-separator", ";", "--out", str(tmp_path / "out"), "-q"]
    assert invoke([*words, "--max", "change:tpr[label=dog]=0.5", "--min", "change:tpr[group=b]=-0.1"]) == 1
    printed = " ".join(capsys.readouterr().out.split())
    assert "Change of subset accuracy by race" in printed
    assert "1 of 3 labels change to the worse for at least one group" in printed
    assert "class dog" in printed
    assert "Which labels?" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "Which labels?" in (tmp_path / "out" / "report.md").read_text(encoding="utf-8")


SET = st.lists(st.sampled_from(["a", "b", "ä", 'c"', "10", "9"]), max_size=4)


@settings(max_examples=50, deadline=None)
@given(st.lists(SET, min_size=1, max_size=12), st.sampled_from([";", "|", "--"]))
def test_a_set_is_its_labels_in_any_order_and_spelling(sets, separator):
    found = label_sets(pa.chunked_array([pa.array(sets, pa.list_(pa.string()))]), "x", separator="", blanks=False)
    assert [set(json.loads(name)) for name in found.values()] == [set(labels) for labels in sets]
    texts = pa.chunked_array([pa.array([f" {separator} ".join(labels) for labels in sets])])
    assert label_sets(texts, "x", separator=separator, blanks=False).values().tolist() == found.values().tolist()
    taken = Sets.of(found.names)
    members = [{label for label, own in zip(taken.labels, column, strict=True) if own} for column in taken.members.T]
    assert [members[code] for code in found.codes] == [set(labels) for labels in sets]
    codes = found.codes.astype(np.int64)
    shares = taken.shares_right(codes, codes[::-1])
    apart = [len(set(one) ^ set(two)) for one, two in zip(sets, sets[::-1], strict=True)]
    assert shares == pytest.approx(1 - np.array(apart) / max(1, len(taken.labels)))


def test_many_labels_are_packed_in_order():
    labels = [f"l{place:03d}" for place in range(200)]
    rows, codes = np.nonzero(np.random.default_rng(0).random((50, 200)) < 0.1)
    found = sets_of(rows, codes, labels, examples=50)
    assert [json.loads(name) for name in found.values()] == [
        [labels[code] for code in codes[rows == row]] for row in range(50)
    ]
