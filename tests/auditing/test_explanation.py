"""Explanation: every network is looked at once, and the numbers fit what the audit found."""

import tomllib
from dataclasses import replace

import numpy as np
import pytest

from disparate.auditing.explanation import Look, explain, networks
from disparate.auditing.recipe import parse_recipe
from disparate.auditing.run import answer
from disparate.data import data_named
from disparate.engine.events import Finished, Reused
from disparate.engine.inline import InlineEngine
from disparate.errors import BadInput
from disparate.predictions import REFERENCE
from disparate.store.numbers import read_numbers
from disparate.store.runs import Store

WANTED = ("another seed", "half", "half, int8")


@pytest.fixture(scope="module")
def asked(tmp_path_factory, recipe_text):
    tables = tomllib.loads(recipe_text)
    tables["variant"] = [item for item in tables["variant"] if item["name"] in WANTED]
    tables["training"] |= {"epochs": 3, "keep_epochs": [1, 2]}
    tables["audit"] |= {"groups": ["tone"], "repeats": 1}
    audit = parse_recipe(tables)
    store, data = Store.open(tmp_path_factory.mktemp("store")), data_named(audit.data)
    return audit, store, answer(audit, data, store=store, engine=InlineEngine())


@pytest.fixture(scope="module")
def explained(asked):
    audit, store, answers = asked
    return explain(audit, answers, look=Look(examples=200), store=store, engine=InlineEngine())


def table(asked, variant, seed=0):
    audit, store, answers = asked
    found = networks(audit, answers, Look(examples=200), store)
    job = next(item.job for item in found if (item.planned.run.variant, item.planned.run.seed) == (variant, seed))
    return read_numbers(store.output(job.key, "examples"))


def test_every_number_is_there_by_variant_and_group(explained):
    means = explained.where(lambda item: "form" not in (item.where or {}), measure="closeness_gini")
    assert {item.variant for item in means} == {REFERENCE, *WANTED}
    assert {item.group for item in means} >= {f"tone {k}" for k in range(1, 7)}
    assert all(item.seeds == 2 for item in means)
    learnt = explained.where(measure="vog", form="hardest_tenth")
    assert {item.variant for item in learnt} == {REFERENCE, "another seed"}


def test_the_numbers_are_those_of_the_answers_that_were_stored(asked, explained):
    audit, _, answers = asked
    stored = next(item for item in answers.predictions if item.run.variant == REFERENCE and item.run.seed == 0)
    own = table(asked, REFERENCE).of(audit.split)
    assert own.example_id.tolist() == stored.example_id.tolist()
    np.testing.assert_allclose(own.columns["distance_logit_signed"], stored.margin, rtol=1e-4, atol=1e-4)
    right = own.columns["distance_logit_signed"] > 0
    assert np.isfinite(own.columns["stably_correct"][right]).all()


def test_training_examples_are_a_fixed_part_of_the_training_split(asked, explained):
    audit, _, _ = asked
    first, second = table(asked, REFERENCE).of("train"), table(asked, "half", seed=1).of("train")
    assert len(first.example_id) == 200
    assert first.example_id.tolist() == second.example_id.tolist()
    assert set(first.example_id.tolist()) <= set(data_named(audit.data).example_id.tolist())


def test_integer_arithmetic_has_answers_and_no_gradients(asked, explained):
    columns = table(asked, "half, int8").columns
    assert "closeness_gini" in columns
    assert "distance_parameters" not in columns
    assert "vog" not in columns


def test_closeness_tells_which_answers_flip(explained):
    found = explained.where(measure="flip_separation", near="closeness_gini", group=None)
    assert {item.variant for item in found} == set(WANTED)
    assert all(item.value > 0.5 for item in found if item.value is not None)


def test_a_second_look_computes_nothing_and_another_one_does(asked, explained):
    audit, store, answers = asked
    events: list[object] = []
    again = explain(audit, answers, look=Look(examples=200), store=store, engine=InlineEngine(), progress=events.append)
    assert again == explained
    assert not [event for event in events if isinstance(event, Finished)]
    assert [event for event in events if isinstance(event, Reused)]
    keys = {item.job.key for item in networks(audit, answers, Look(examples=100), store)}
    assert not keys & {item.job.key for item in networks(audit, answers, Look(examples=200), store)}


def test_only_what_is_asked_for_is_looked_at(asked):
    audit, store, answers = asked
    found = networks(audit, answers, Look(variants=("half",), seeds=(1,)), store)
    assert {(item.planned.run.variant, item.planned.run.seed) for item in found} == {(REFERENCE, 1), ("half", 1)}


@pytest.mark.parametrize(
    ("look", "message"),
    [(Look(variants=("halb",)), "Did you mean 'half'"), (Look(seeds=(7,)), "seed 7 is not in the audit")],
)
def test_what_is_not_there_is_refused(asked, look, message):
    audit, store, answers = asked
    with pytest.raises(BadInput, match=message):
        networks(audit, answers, look, store)


def test_weights_of_one_epoch_have_no_history(asked):
    audit, store, answers = asked
    bare = replace(answers, plan=answers.plan)
    assert all(
        (not item.job.arguments["epochs"]) == bool(item.job.arguments["choices"])
        for item in networks(audit, bare, Look(), store)
    )
