"""Counting on disk finds what loading finds."""

import numpy as np
import pytest

import disparate
from disparate.comparing import gathering
from disparate.errors import BadInput

QUICK = {"replicates": 60, "groups": ["race", "race*sex"]}


def ask(reference, variants, **more):
    return disparate.compare(reference, variants, **{**QUICK, **more})


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_one_variant_gives_the_very_same_findings(dense, int8, file, mixed, ending):
    paths = file(f"dense.{ending}", dense), {"int8": file(f"int8.{ending}", mixed(int8))}
    loaded, counted = ask(*paths), ask(*paths, counts_only=True)
    assert counted.findings == loaded.findings
    assert counted.cautions == loaded.cautions
    assert (loaded.run["counted_on_disk"], counted.run["counted_on_disk"]) == (False, True)
    assert counted.run["tables"] == loaded.run["tables"]
    assert counted.run["groups"] == loaded.run["groups"]


def test_seeds_and_weights_too(make, file, tmp_path):
    for seed in range(2):
        for name, harm in (("dense", 0.0), ("int8", 0.3)):
            columns = make(seed, harm=harm)
            file(f"{name}_{seed}.parquet", columns | {"w": [1.0 + row % 2 for row in range(600)]})
    pair = f"{tmp_path}/dense_{{seed}}.parquet", {"int8": f"{tmp_path}/int8_{{seed}}.parquet"}
    settled = {"columns": {"weight": "w"}}
    assert ask(*pair, **settled, counts_only=True).findings == ask(*pair, **settled).findings


def test_several_variants_are_joined_one_by_one_and_corrected_together(dense, int8, make, file):
    paths = (
        file("dense.parquet", dense),
        {"int8": file("int8.parquet", int8), "fp16": file("f.parquet", make(harm=0.02))},
    )
    loaded, counted = ask(*paths), ask(*paths, counts_only=True)
    key = ("measure", "variant", "reference", "group", "label", "where")

    def by_place(result):
        return {str([getattr(item, name) for name in key]): item for item in result.findings}

    one, two = by_place(loaded), by_place(counted)
    assert set(one) == set(two)
    assert len(loaded.findings) == len(counted.findings)
    for place, item in one.items():
        assert (two[place].value is None) == (item.value is None), place
        if item.value is not None:
            dealt = item.null is None and "noise" in item.measure  # a mean over groups that were dealt at random
            assert two[place].value == pytest.approx(item.value, rel=0.1 if dealt else 1e-6), place
        if item.measure in {"accuracy", "churn"}:
            assert (two[place].p_value, two[place].distinguishable) == (
                pytest.approx(item.p_value),
                item.distinguishable,
            )
        if item.low is not None and item.n > 100:
            assert two[place].low == pytest.approx(item.low, abs=0.1)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize("settings", [{"threshold": 0.7}, {"threshold": -0.2, "logits": True, "positive": "cat"}])
def test_a_score_and_its_threshold_are_counted_too(make, file, mixed, ending, settings):
    def scored(columns, seed):
        sides = np.random.default_rng(seed).normal(size=600) + np.where(columns["predicted"] == "dog", 1.0, -1.0)
        told = sides if settings.get("logits") else np.round(1 / (1 + np.exp(-sides)), 1)  # 0.7 itself occurs
        return {name: values for name, values in columns.items() if name != "predicted"} | {"score": told}

    dense, int8 = scored(make(labels=2), 1), scored(make(labels=2, harm=0.3), 2)
    paths = file(f"dense.{ending}", dense), {"int8": file(f"int8.{ending}", mixed(int8))}
    asked = {"columns": {"scores": "score", **settings}, "measures": ["accuracy", "tpr", "churn"]}
    loaded, counted = ask(*paths, **asked), ask(*paths, **asked, counts_only=True)
    assert [item.value for item in counted.findings] == [item.value for item in loaded.findings]
    assert (loaded.run["counted_on_disk"], counted.run["counted_on_disk"]) == (False, True)
    assert counted.run["data"] == loaded.run["data"]
    right = (dense["score"] >= settings["threshold"]) == (dense["target"] == counted.run["data"]["positive"])
    accuracy = counted.findings.only(measure="accuracy", variant="reference", group=None)
    assert accuracy.value == pytest.approx(right.mean())


@pytest.mark.parametrize("wrong", [np.nan, np.inf, None, 1.5])
def test_a_score_that_is_none_is_no_answer(make, file, wrong):
    dense = make(labels=2) | {"score": [0.25] * 600}
    pair = file("dense.parquet", dense), {"v": file("v.parquet", dense | {"score": [wrong, *[0.25] * 599]})}
    with pytest.raises(BadInput, match=r"v.parquet': score column 'score' is empty, NaN, infinite, no number, or"):
        ask(*pair, counts_only=True, columns={"scores": "score", "threshold": 0.5})


def test_many_scores_are_counted_where_answers_alone_were_asked_for(make, file, monkeypatch):
    monkeypatch.setattr(gathering, "LARGE_ROWS", 1000)
    dense = make(labels=2) | {"score": [0.25, 0.75] * 300}
    paths = file("dense.parquet", dense), {"v": file("v.parquet", dense)}
    setting = {"scores": "score", "threshold": 0.5}
    assert ask(*paths, columns=setting, measures=["accuracy"]).run["counted_on_disk"]
    assert not ask(*paths, columns=setting).run["counted_on_disk"]  # losses would be lost
    with pytest.raises(BadInput, match="say from which --threshold on a score is answered as positive"):
        ask(*paths, columns={"scores": "score"}, counts_only=True)
    with pytest.raises(BadInput, match=r"2 score columns .* one was expected for counting on disk"):
        ask(*paths, columns={"scores": ("score", "sex"), "threshold": 0.5}, groups=["race"], counts_only=True)


def test_many_rows_are_counted_without_being_asked(dense, int8, file, monkeypatch):
    paths = file("dense.parquet", dense), {"int8": file("int8.parquet", int8)}
    assert not ask(*paths).run["counted_on_disk"]
    monkeypatch.setattr(gathering, "LARGE_ROWS", 1000)
    assert ask(*paths).run["counted_on_disk"]


def test_parts_of_one_table(make, int8, file, tmp_path):
    whole = make()
    for part in range(3):
        file(f"parts/{part}.parquet", {name: values[part * 200 : part * 200 + 200] for name, values in whole.items()})
    paths = f"{tmp_path}/parts/*.parquet", {"int8": file("int8.parquet", int8)}
    expected = ask(whole, {"int8": int8}).findings
    assert ask(*paths).findings == expected
    assert ask(*paths, counts_only=True).findings == expected


def test_what_does_not_fit_is_refused_here_too(dense, int8, file):
    good = file("dense.parquet", dense)

    def refused(text, table, **more):
        with pytest.raises(BadInput, match=text):
            ask(good, {"int8": file("int8.parquet", table)}, counts_only=True, **more)

    short = {name: values[5:] for name, values in int8.items()}
    refused(r"5 of 600 ids of file .*dense.parquet' are not in every other, such as '\d', '\d', '\d'. Compare", short)
    target = ["eel" if label == "cat" else "cat" for label in int8["target"]]
    refused(
        r"id '\d+': target is '\w+' in file .* and '\w+' in file .*int8.parquet' \(600 such ids\)",
        {**int8, "target": target},
    )
    refused(
        r"int8.parquet': column 'predicted' has no value in the row of id '0' \(1 such rows\)",
        {**int8, "predicted": [None, *["cat"] * 599]},
    )
    race = ["z" if row == 77 else name for row, name in enumerate(int8["race"])]
    refused(r"id '77': group 'race' is '\w' in file .* and 'z' in file .* \(1 such ids\)", {**int8, "race": race})
    refused("counting on disk knows answers, not clusters", int8, columns={"cluster": "sex"})
    refused("column 'race' is there in several cases", {**int8, "Race": int8["race"]})
    with pytest.raises(BadInput, match="counting on disk needs files; table of 'v', seed 0 is in memory"):
        ask(good, {"v": int8}, counts_only=True)


def test_partial_files_are_counted(dense, int8, file):
    short = file("int8.parquet", {name: values[5:] for name, values in int8.items()})
    paths = file("dense.parquet", dense), {"int8": short}
    loaded, counted = (ask(*paths, allow_partial=True, counts_only=way) for way in (False, True))
    assert counted.findings == loaded.findings
    assert counted.cautions == loaded.cautions


def test_a_weight_that_is_none_is_called_by_its_id(dense, int8, file):
    weights = [1.0] * 600
    weights[5] = -2.0
    paths = file("dense.parquet", {**dense, "w": weights}), {"v": file("v.parquet", {**int8, "w": weights})}
    for way, row in ((True, "the row of id '5'"), (False, "row 5")):
        text = rf"weight column 'w' is -2 in {row} \(1 such rows\); a weight of 0 or more was expected"
        with pytest.raises(BadInput, match=text):
            ask(*paths, columns={"weight": "w"}, counts_only=way)


def test_ids_in_two_spellings_are_said(dense, int8, file):
    padded = {**int8, "example_id": ["007" if row == 7 else str(row) for row in range(600)]}
    paths = file("dense.parquet", dense), {"v": file("v.parquet", padded)}
    loaded, counted = (ask(*paths, allow_partial=True, counts_only=way) for way in (False, True))
    assert counted.cautions == loaded.cautions
    assert "D201" in {caution.code for caution in counted.cautions}


def test_an_intersection_of_four_attributes(dense, int8, file):
    generator = np.random.default_rng(0)
    more = {name: generator.choice(["1", "2"], size=600) for name in ("age", "region")}
    more["age"][dense["race"] == "c"] = "1"
    paths = file("dense.parquet", dense | more), {"int8": file("int8.parquet", int8 | more)}
    by = {"groups": ["race*sex*age*region"], "measures": ["accuracy"]}
    loaded, counted = (ask(*paths, **by, counts_only=way) for way in (False, True))
    assert counted.findings == loaded.findings
    found = counted.run["groups"]["race*sex*age*region"]
    assert len(found) == 2 * 2 * 2 * 2 + 2 * 2  # of race c there is one age
    assert sum(found.values()) == 600
