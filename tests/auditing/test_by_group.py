"""Choices that look at groups within an audit: what they are given, what is kept of them, and what their keys hold."""

import tomllib
from dataclasses import replace

import pytest

from disparate.auditing.plan import plan, profiles_of
from disparate.auditing.recipe import parse_recipe, recipe_tables
from disparate.auditing.run import perform
from disparate.engine.inline import InlineEngine
from disparate.store.runs import Store

CHAINS = {
    "fair prune": [{"choice": "fair_prune", "rate": 0.5, "examples": 20}],
    "fair grape": [{"choice": "fair_grape", "rate": 0.5, "keep_per_iter": 0.6, "examples": 20}],
    "grape, tuned": [{"choice": "fair_grape", "rate": 0.5, "examples": 20}, {"choice": "fine_tune", "epochs": 1}],
    "by degrees": [{"choice": "fine_tune", "epochs": 2, "prune_to": 0.8, "bits": 8, "round_inputs": True}],
    "prune": [{"choice": "prune", "rate": 0.5}],
}


@pytest.fixture(scope="module")
def looking(recipe_text):
    tables = tomllib.loads(recipe_text)
    tables["audit"] |= {"seeds": [0], "repeats": 1}
    tables["variant"] = [{"name": name, "choices": chain} for name, chain in CHAINS.items()]
    return parse_recipe(tables)


def laid_out(audit):
    return plan(audit, content="content", fingerprints={p: p.name for p in profiles_of(audit)})


def keys(audit):
    return {planned.run.variant: planned.key for planned in laid_out(audit).runs}


def test_it_survives_its_recipe(looking):
    assert parse_recipe(recipe_tables(looking)) == looking


@pytest.mark.parametrize("change", [{"groups": ("sex", "tone")}, {"reference_groups": {"tone": "tone 3"}}])
def test_who_the_groups_are_is_in_the_keys_of_those_that_look_at_them(looking, change):
    before, after = keys(looking), keys(replace(looking, **change))
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"fair prune", "fair grape", "grape, tuned"}


def test_another_reference_group_of_another_partition_changes_no_key(looking):
    assert keys(replace(looking, reference_groups={"sex": "f"})) == keys(looking)


@pytest.fixture(scope="module")
def finished(looking, tmp_path_factory):
    store = Store.open(tmp_path_factory.mktemp("store"))
    named = replace(looking, reference_groups={"tone": "tone 2"})
    perform(named, store=store, engine=InlineEngine())
    return store


def record_of(finished, variant: str, kind: str):
    rows = [job for job in finished.jobs() if job.name.startswith(f"{kind} {variant} ")]
    assert len(rows) == 1
    return finished.job(rows[0].key).record


def test_the_named_reference_group_is_the_privileged_one(finished):
    done = record_of(finished, "fair prune", "predict")["effective"][0]
    assert done["privileged"] == {"tone 2": 20}
    assert done["unprivileged"] == {f"tone {number}": 20 for number in (1, 3, 4, 5, 6)}
    assert done["rate"] == pytest.approx(0.5, abs=1e-3)


def test_a_mask_by_groups_is_kept_while_it_trains_on(finished):
    record = record_of(finished, "grape, tuned", "tune")
    assert record["effective"][0]["examples"] == {f"tone {number}": 20 for number in range(1, 7)}
    assert record["sparsity"]["layers"] == record["effective"][0]["layers"]


def test_what_went_by_degrees_is_told(finished):
    layers = list(record_of(finished, "by degrees", "tune")["sparsity"]["layers"].values())
    assert layers[0] == layers[-1] == 0
    assert layers[1:-1] == pytest.approx([0.8] * (len(layers) - 2), abs=0.01)
