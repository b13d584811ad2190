"""A search from end to end: what it writes, that it continues, and what it does with trials that fail."""

import json
import re
import tomllib
from dataclasses import replace

import pytest

from disparate.auditing.recipe import parse_recipe, read_recipe
from disparate.auditing.run import perform as audited
from disparate.cli.main import invoke
from disparate.engine.events import Finished, Reused
from disparate.engine.inline import InlineEngine
from disparate.errors import BadInput, JobFailed
from disparate.predictions import REFERENCE
from disparate.search.recipe import parse_search
from disparate.search.writing import perform, with_recipes
from disparate.store.runs import Store

OF_THE_RUN = ("wall_s", "peak_mib")
BESIDE = [{"choice": "attack", "epsilon": 0.01, "steps": 1}]


@pytest.fixture(scope="module")
def asked(recipe_text):
    tables = tomllib.loads(recipe_text)
    tables["search"]["beside"] = BESIDE
    return tables


@pytest.fixture(scope="module")
def finished(asked, tmp_path_factory):
    store = Store.open(tmp_path_factory.mktemp("store"))
    return store, perform(parse_search(asked), store=store, engine=InlineEngine())


def plainly(outcome):
    found = outcome.to_json()
    return {**found, "run": {key: value for key, value in found["run"].items() if key not in OF_THE_RUN}}


def test_every_point_of_the_grid_and_what_is_given_is_tried(finished):
    _, outcome = finished
    assert [point.name for point in outcome.points] == [
        REFERENCE,
        "int8",
        "pruned, rate 0.5, then none",
        "pruned, rate 0.5, then fine_tune epochs=1",
        "pruned, rate 0.9, then none",
        "pruned, rate 0.9, then fine_tune epochs=1",
    ]
    assert {point.standing for point in outcome.points} <= {"front", "not distinguishable", "dominated"}
    assert len(outcome.pairs) == 2 * 15


def test_both_splits_are_judged_and_no_example_is_in_both(finished):
    _, outcome = finished
    sizes = outcome.run["data"]["splits"]
    for findings, split in ((outcome.selection, "validation"), (outcome.report, "test")):
        whole = findings.only(measure="accuracy", variant="int8", reference=None, group=None, by=None)
        assert whole.n == sizes[split]


def test_the_report_is_what_an_ordinary_audit_finds(finished, asked):
    store, outcome = finished
    trial = outcome.points[2]
    tables = {name: table for name, table in asked.items() if name != "search"}
    tables["variant"] = [{"name": trial.name, "choices": [{"choice": "prune", "rate": 0.5}]}]
    tables["audit"] = {**tables["audit"], "measures": ["accuracy"]}
    alone = audited(parse_recipe(tables), store=store, engine=InlineEngine())
    keys = {"measure": "accuracy", "variant": trial.name, "reference": REFERENCE, "axis": "both", "group": None}
    assert outcome.report.only(**keys).value == alone.findings.only(**keys).value


def test_what_is_written(finished):
    store, outcome = finished
    folder = store.root / "tiny"
    read = json.loads((folder / "search.json").read_text(encoding="utf-8"), parse_constant=pytest.fail)
    expected = json.loads(outcome.to_text())
    assert all(read[part] == expected[part] for part in expected if part != "run")
    assert set(read) == {"schema", "search", "points", "pairs", "findings", "cautions", "run"}
    assert set(read["findings"]) == {"validation", "test", "beside"}
    assert {path.name for path in (folder / "chosen").glob("*.toml")} == {
        point["recipe"].removeprefix("chosen/") for point in read["points"] if point["recipe"]
    }
    for name in ("search.html", "search.md", "result.json"):
        assert (folder / name).stat().st_size > 1000


def test_a_chosen_recipe_is_answered_by_the_store(finished):
    store, outcome = finished
    point = next(point for point in outcome.front if point.trial)
    audit = read_recipe(store.root / "tiny" / point.recipe)
    assert [variant.name for variant in audit.variants] == [point.name]
    events = []
    result = audited(audit, store=store, engine=InlineEngine(), progress=events.append)
    assert [event.job.name for event in events if isinstance(event, Finished)] == []
    assert any(isinstance(event, Reused) for event in events)
    keys = {"measure": "accuracy", "variant": point.name, "reference": REFERENCE, "axis": "both", "group": None}
    assert result.findings.only(**keys).value == outcome.report.only(**keys).value


def test_beside_is_the_front_under_attack_against_the_reference_under_attack(finished):
    _, outcome = finished
    names = {item.variant for item in outcome.beside}
    assert names == {REFERENCE, *(point.name for point in outcome.front if point.trial)}

    def level(findings, name):
        return findings.only(measure="accuracy", variant=name, reference=None, group=None, by=None).value

    for name in names:
        assert level(outcome.beside, name) <= level(outcome.report, name)
    changed = outcome.beside.where(measure="accuracy", reference=REFERENCE, axis="both", group=None, by=None)
    for item in changed:
        expected = level(outcome.beside, item.variant) - level(outcome.beside, REFERENCE)
        assert item.value == pytest.approx(expected)
    assert outcome.run["beside"].startswith("attack epsilon=0.01")


def test_a_second_search_does_nothing_and_says_the_same(finished, asked):
    store, outcome = finished
    events = []
    again = perform(parse_search(asked), store=store, engine=InlineEngine(), progress=events.append)
    assert [event for event in events if isinstance(event, Finished)] == []
    assert plainly(again) == plainly(outcome)


class Killed:
    """An engine that is interrupted after some jobs."""

    def __init__(self, jobs):
        self.left = jobs

    def execute(self, jobs, store, *, progress=None):
        def told(event):
            if isinstance(event, Finished):
                self.left -= 1
            if self.left < 0:
                raise KeyboardInterrupt

        return InlineEngine().execute(jobs, store, progress=told)


def test_a_killed_guided_search_continues_and_ends_as_if_it_had_not_been(asked, tmp_path):
    rate = [{"choice": "prune", "rate": {"search": {"low": 0.1, "high": 0.9}}}]
    tables = {**asked, "variant": [{"name": "pruned", "choices": rate}]}
    tables["search"] = {"method": "tpe", "trials": 5, "batch": 2}
    whole = perform(parse_search(tables), store=Store.open(tmp_path / "whole"), engine=InlineEngine())
    store = Store.open(tmp_path / "killed")
    with pytest.raises(KeyboardInterrupt):
        perform(parse_search(tables), store=store, engine=Killed(12))
    assert [audit.state for audit in store.audits()] == ["interrupted"]
    done = {job.key for job in store.jobs()}
    events = []
    continued = perform(parse_search(tables), store=store, engine=InlineEngine(), progress=events.append)
    assert plainly(continued) == plainly(whole)
    assert not done & {event.job.key for event in events if isinstance(event, Finished)}
    assert len(continued.points) == 6


def test_a_trial_that_fails_has_no_place_and_the_others_go_on(asked, tmp_path):
    """An attack on a network of integers is refused; one on floating-point numbers is not."""
    int8 = {"choice": "quantize", "mode": {"search": ["static", "weight_only"]}}
    tables = {**asked, "variant": [{"name": "int8", "choices": [int8]}], "search": {}}
    tables["reference"] = {"choices": [{"choice": "attack", "epsilon": 0.01, "steps": 1}]}
    tables["audit"] = {**tables["audit"], "seeds": [0], "repeats": 1}
    outcome = perform(parse_search(tables), store=Store.open(tmp_path), engine=InlineEngine())
    stands = {point.name: point for point in outcome.points}
    lost = stands["int8, mode static"]
    assert lost.standing == "undefined"
    assert "hides the gradient" in lost.undefined
    assert stands["int8, mode weight_only"].on_front
    for page in ("search.html", "search.md"):
        assert "hides the gradient" in (tmp_path / "tiny" / page).read_text(encoding="utf-8")


def test_nothing_that_can_be_answered_is_an_error(asked, tmp_path):
    variants = [{"name": "int8", "choices": [{"choice": "quantize"}]}]
    tables = {**asked, "variant": variants, "search": {}}
    tables["audit"] = {**tables["audit"], "seeds": [0], "repeats": 1}
    tables["reference"] = {"choices": [{"choice": "attack", "epsilon": 0.01, "steps": 1}]}
    with pytest.raises(BadInput, match=r"no trial could be answered\. 'int8': .*hides the gradient"):
        perform(parse_search(tables), store=Store.open(tmp_path), engine=InlineEngine())
    broken = {**tables, "reference": {"choices": [{"choice": "quantize"}, *tables["reference"]["choices"]]}}
    with pytest.raises(JobFailed, match="hides the gradient"):
        perform(parse_search(broken), store=Store.open(tmp_path), engine=InlineEngine())


def test_a_data_set_without_the_split_is_refused_before_anything_runs(asked, tmp_path):
    data = {key: value for key, value in asked["data"].items() if key != "shares"}
    with pytest.raises(BadInput, match=r"no example in the split 'validation'.*shares = \{ test = 0\.2"):
        perform(parse_search({**asked, "data": data}), store=Store.open(tmp_path), engine=InlineEngine())
    assert Store.open(tmp_path).jobs() == []


def test_names_of_recipes_are_names_of_files(finished):
    _, outcome = finished
    hostile = replace(outcome.points[1], trial=replace(outcome.points[1].trial))
    variant = replace(hostile.trial.variant, name="../../<x> a/b\n" + "y" * 200)
    hostile = replace(hostile, trial=replace(hostile.trial, variant=variant), standing="front")
    named = with_recipes(replace(outcome, points=(outcome.points[0], hostile)))
    assert re.fullmatch(r"chosen/01-x-a-b-y+\.toml", named.points[1].recipe)
    assert len(named.points[1].recipe) < 110


def test_the_command(finished, recipe_text, capsys, tmp_path):
    store, outcome = finished
    path = tmp_path / "r.toml"
    path.write_text(recipe_text, encoding="utf-8")
    words = ["search", str(path), "--store", str(store.root), "--slots", "1", "--quiet", "--set", "audit.name=command"]
    assert invoke([*words, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert [point["variant"] for point in printed["points"]] == [point.name for point in outcome.points]
    assert invoke(words) == 0
    shown = capsys.readouterr().out
    assert shown.splitlines()[-1] == f"Search: {store.root / 'command' / 'search.html'}"
    assert "validation → test" in shown
    assert invoke([*words, "--trials", "1"]) == 3
    assert "the grid has 4 points and trials is 1" in capsys.readouterr().err
