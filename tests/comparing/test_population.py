"""Populations of models from prediction files: not paired, of different sizes, with right answers or without."""

import json

import numpy as np
import pytest

import disparate
from disparate.cli.main import invoke
from disparate.errors import BadInput
from disparate.report.html import page
from disparate.report.markdown import markdown


@pytest.fixture
def tables(make):
    """Six models of the reference, five of other seeds whose answers for race b are turned."""
    return {s: make(s) for s in range(6)}, {"int8": {s: make(s, harm=0.8) for s in range(100, 105)}}


@pytest.fixture
def blind(tables):
    def without(table):
        return {name: column for name, column in table.items() if name != "target"}

    reference, variants = tables
    return (
        {seed: without(table) for seed, table in reference.items()},
        {name: {seed: without(table) for seed, table in one.items()} for name, one in variants.items()},
    )


def ask(reference, variants, **more):
    return disparate.compare(reference, variants, **{"groups": ["race"], "population": True, "replicates": 50, **more})


def test_exemplars_need_no_pairs_and_no_right_answers(tables, blind):
    seen, found = ask(*tables), ask(*blind)
    item = found.findings.only(measure="modal_exemplars", variant="int8", group="b", axis="examples")
    assert item.distinguishable is True
    assert item.value > 0.7
    assert not found.findings.only(
        measure="modal_exemplars", variant="int8", group="a", axis="examples"
    ).distinguishable
    values = {key: x.value for key, x in keyed(seen)}
    assert {key: x.value for key, x in keyed(found)} == pytest.approx({k: values[k] for k, _ in keyed(found)}, abs=0.03)
    assert {x.measure for x in found.findings} == {
        "modal_exemplars",
        "taxicab_distance",
        "modal_ties",
        "over_representation",
    }
    assert [one.code for one in found.cautions if one.code.startswith("D2")] == ["D209"]
    assert found.run["data"] == {
        "target": None,
        "labelled": False,
        "answers": "labels",
        "labels": ["cat", "dog", "eel"],
    }
    assert found.run["models"] == {"reference": 6, "int8": 5}


def keyed(result):
    return [((x.measure, x.group, x.variant, json.dumps(x.where, sort_keys=True)), x) for x in result.findings]


def test_with_right_answers_changes_are_judged_between_the_populations(tables):
    found = ask(*tables).findings
    item = found.only(measure="accuracy", variant="int8", reference="reference", group="b")
    assert item.distinguishable is True
    assert "Welch over 6 and 5 models" in item.method
    measures = {x.measure for x in found}
    assert {"relative_change", "normalised_change", "exemplar_accuracy", "accuracy_gap"} <= measures
    assert not {"churn", "harm", "excessive_risk"} & measures


def test_exemplars_are_listed_with_their_ids(tables, blind):
    reference, variants = blind
    shown = ask(*blind).run["exemplars"]
    assert {item["group"] for item in shown} == {"a", "b", "c"}
    first = next(item for item in shown if item["group"] == "b")
    row = [str(x) for x in reference[0]["example_id"]].index(first["example_id"])
    assert first["reference_predicted"] == [reference[seed]["predicted"][row] for seed in range(6)]
    assert first["variant_predicted"] == [variants["int8"][seed]["predicted"][row] for seed in range(100, 105)]
    assert (first["modal"], first["target"]) == (True, None)
    assert ask(*tables).run["exemplars"][0]["target"] in {"cat", "dog", "eel"}
    paired = disparate.compare(tables[0], {"int8": dict(enumerate(tables[1]["int8"].values()))}, groups=["race"])
    assert paired.run["exemplars"]


def test_what_is_no_population_is_refused(tables):
    reference, variants = tables
    with pytest.raises(BadInput, match=r"population 'reference' holds 1 model; at least 2.*'int8=runs/int8_\{seed\}"):
        ask(reference[0], variants)
    with pytest.raises(BadInput, match="population 'int8' holds 1 model"):
        ask(reference, {"int8": variants["int8"][100]})
    with pytest.raises(BadInput, match="populations with hardware variants"):
        ask(reference, variants, hardware=["int8"])
    with pytest.raises(BadInput, match="populations with numbers or sets of labels"):
        ask(reference, variants, columns={"regression": True})
    with pytest.raises(BadInput, match="measure 'churn' compares model with model"):
        ask(reference, variants, measures=["churn"])
    with pytest.raises(BadInput, match="Compare other seeds as populations"):
        ask(reference, variants, population=False)


def test_right_answers_may_be_absent_of_populations_alone(blind, make):
    paired = {"int8": dict(enumerate(blind[1]["int8"].values()))}
    with pytest.raises(BadInput, match="column 'target'"):
        ask(blind[0], paired, population=False)
    with pytest.raises(BadInput, match="column 'label'"):
        ask(*blind, columns={"target": "label"})
    with pytest.raises(BadInput, match="measure 'accuracy' needs right answers"):
        ask(*blind, measures=["accuracy"])
    table = {name: column for name, column in make(0, labels=2).items() if name not in {"target", "predicted"}}
    scored = dict.fromkeys(range(2), table | {"p": np.linspace(0, 1, 600)})
    with pytest.raises(BadInput, match="single score"):
        ask(scored, {"int8": scored}, columns={"scores": "p"})


def test_scores_without_right_answers_are_answers(blind):
    def scored(table):
        one_hot = {f"p_{name}": (np.asarray(table["predicted"]) == name) * 1.0 for name in ("cat", "dog", "eel")}
        return {name: column for name, column in table.items() if name != "predicted"} | one_hot

    scores = (
        {seed: scored(table) for seed, table in blind[0].items()},
        {"int8": {seed: scored(table) for seed, table in blind[1]["int8"].items()}},
    )
    assert ask(*scores, columns={"scores": "p_"}).findings == ask(*blind).findings


def test_counted_on_disk_they_are_the_same(blind, tables, file, tmp_path):
    for told, kind in ((blind, "blind"), (tables, "seen")):
        for seed, table in told[0].items():
            file(f"{kind}_dense_{seed}.parquet", table)
        for seed, table in told[1]["int8"].items():
            file(f"{kind}_int8_{seed}.parquet", table)
        paths = f"{tmp_path}/{kind}_dense_{{seed}}.parquet", {"int8": f"{tmp_path}/{kind}_int8_{{seed}}.parquet"}
        loaded, counted = ask(*paths), ask(*paths, counts_only=True)
        assert counted.findings == loaded.findings
        assert counted.run["exemplars"] == []


def test_the_command_compares_populations(blind, file, tmp_path, capsys):
    for seed, table in blind[0].items():
        file(f"dense_{seed}.csv", table)
    for seed, table in blind[1]["int8"].items():
        file(f"int8_{seed}.csv", table)
    words = ["compare", f"{tmp_path}/dense_{{seed}}.csv", f"int8={tmp_path}/int8_{{seed}}.csv", "--groups", "race"]
    assert invoke([*words, "--population", "--out", str(tmp_path / "out"), "--max", "modal_exemplars=0.5"]) == 1
    printed = capsys.readouterr().out
    assert "int8 changes the modal answers of b most" in printed.replace("\n", " ")
    assert "Modal exemplars by race" in printed
    assert "floor of 3 models" in printed
    assert invoke(words) == 3
    text = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert 'class="of-variant"' in text
    assert "no picture" not in text


def test_reports_of_what_has_no_right_answers_say_what_can_be_said(blind):
    result = ask(*blind)
    for text in (page(result), markdown(result)):
        assert "int8 changes the modal answers of b most" in text
        assert "Nothing was compared" not in text
        assert "No right answers" in text
    twins = ask(blind[0], {"twin": {seed + 50: table for seed, table in blind[0].items()}})
    assert "No choice changes the modal answers of any group" in page(twins)
