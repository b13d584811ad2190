"""Chains that train on: what they share, what they leave, and what a network must not be."""

from dataclasses import replace

import numpy as np
import pytest

from disparate.auditing.plan import acts_on_training, plan, profiles_of
from disparate.auditing.recipe import parse_recipe, recipe_tables
from disparate.auditing.run import check, hardware_variants, perform
from disparate.choice import Tuning, Variant
from disparate.choices.analog import Analog
from disparate.choices.crossbar import Crossbar
from disparate.choices.fine_tune import FineTune
from disparate.choices.prune import Prune
from disparate.choices.quantize import Quantize
from disparate.data import data_named
from disparate.engine.inline import InlineEngine
from disparate.errors import BadInput, NotApplicable
from disparate.predictions import REFERENCE
from disparate.store.runs import Store
from disparate.training.checkpoints import read_checkpoint

PRUNE, TUNE = {"choice": "prune", "rate": 0.8}, {"choice": "fine_tune", "epochs": 1}
CHAINS = {
    "pruned": [PRUNE],
    "tuned": [PRUNE, TUNE],
    "tuned, int8": [PRUNE, TUNE, {"choice": "quantize", "mode": "dynamic"}],
    "tuned twice": [PRUNE, TUNE, {"choice": "prune", "rate": 0.9}, TUNE],
    "erm by name": [{"choice": "objective", "name": "erm"}],
    "worst group": [{"choice": "objective", "name": "group_dro"}],
    "tuned within bounds": [PRUNE, {**TUNE, "objective": {"name": "bounded_accuracy_gap"}}],
}


@pytest.fixture(scope="module")
def tuned(recipe_text):
    import tomllib

    tables = tomllib.loads(recipe_text)
    tables["audit"] |= {"seeds": [0], "repeats": 1}
    tables["variant"] = [{"name": name, "choices": chain} for name, chain in CHAINS.items()]
    return parse_recipe(tables)


@pytest.fixture(scope="module")
def finished(tuned, tmp_path_factory):
    store = Store.open(tmp_path_factory.mktemp("store"))
    return store, perform(tuned, store=store, engine=InlineEngine())


def laid_out(audit):
    return plan(audit, content="content", fingerprints={p: p.name for p in profiles_of(audit)})


def test_a_chain_falls_into_stages():
    variant = Variant(name="v", choices=(Prune(rate=0.5), FineTune(epochs=1), Prune(rate=0.9), Quantize()))
    assert variant.tunings() == (Tuning(before=(Prune(rate=0.5),), choice=FineTune(epochs=1)),)
    assert variant.model_choices() == (Prune(rate=0.9), Quantize())


def test_the_same_beginning_is_done_once(tuned):
    planned = laid_out(tuned)
    assert planned.weights("pruned", 0) == planned.weights(REFERENCE, 0)
    assert planned.weights("tuned", 0) == planned.weights("tuned, int8", 0)
    names = [job.name for job in planned.jobs]
    assert [name for name in names if name.startswith("tune")] == [
        "tune tuned seed 0",
        "tune tuned twice seed 0 stage 2",
        "tune tuned within bounds seed 0",
    ]


def test_training_on_acts_on_training(tuned):
    acting = acts_on_training(tuned, {p: p.name for p in profiles_of(tuned)})
    assert acting == {
        "pruned": False,
        "tuned": True,
        "tuned, int8": True,
        "tuned twice": True,
        "erm by name": False,
        "worst group": True,
        "tuned within bounds": True,
    }
    assert hardware_variants(tuned) == ()


def test_it_survives_its_recipe(tuned):
    assert parse_recipe(recipe_tables(tuned)) == tuned


def test_the_mask_is_frozen_and_the_weights_are_not(tuned, finished):
    store, result = finished
    weights = laid_out_for(tuned, result).weights
    before, after = (
        read_checkpoint(store.output(w.key, w.output)) for w in (weights(REFERENCE, 0), weights("tuned", 0))
    )
    layers = [name for name in before.parameters if name.endswith("weight") and before.state[name].dim() > 1]
    zeros = sum(int((after.state[name] == 0).sum()) for name in layers)
    assert zeros == round(0.8 * sum(after.state[name].numel() for name in layers))
    kept = after.state[layers[0]] != 0
    assert not np.array_equal(after.state[layers[0]][kept], before.state[layers[0]][kept])
    assert after.normalisation == before.normalisation


def laid_out_for(audit, result):
    content = result.run["data"]["content"]
    prints = {item["name"]: item["fingerprint"] for item in result.run["profiles"]}
    return plan(audit, content=content, fingerprints={p: prints[p.name] for p in profiles_of(audit)})


def test_where_the_groups_stood_before_is_recorded(tuned, finished):
    store, result = finished
    key = laid_out_for(tuned, result).weights("tuned", 0).key
    record = store.job(key).record
    groups = data_named(tuned.data).attributes["tone"].names
    assert set(record["dense"]["loss"]) == set(groups)
    assert record["effective"][0]["rate"] == pytest.approx(0.8, abs=1e-3)
    assert [item["epoch"] for item in record["history"]] == [1]


def test_what_objectives_tell_is_in_the_history_and_in_the_result(tuned, finished):
    store, result = finished
    groups = set(data_named(tuned.data).attributes["tone"].names)
    planned = laid_out_for(tuned, result)
    for variant, keys in {
        "worst group": {"weight", "loss"},  # which is by group, beside the epoch's own
        "tuned within bounds": {"multiplier", "violation"},
    }.items():
        history = store.job(planned.weights(variant, 0).key).record["history"]
        for epoch in history:
            assert isinstance(epoch["loss"], float)
            assert all(set(epoch["told"][key]) == groups for key in keys)
        ended = {item["job"]: item for item in result.run["training"]}
        name = f"tune {variant} seed 0" if variant.startswith("tuned") else f"train {variant} seed 0"
        assert ended[name]["told"] == history[-1]["told"]
        assert "told" not in ended["train reference seed 0"]


def test_the_distance_of_the_weights_is_told(finished):
    _, result = finished
    distances = result.findings.where(measure="parameter_distance", form="l2")
    assert {item.variant for item in distances} == {
        "tuned",
        "tuned, int8",
        "tuned twice",
        "worst group",
        "tuned within bounds",
    }


def test_integers_cannot_be_trained(tuned):
    import torch
    from torch import nn

    from disparate.choice import DeployContext

    given = nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 2)).eval()
    context = DeployContext(calibration=lambda n: torch.zeros(n, 8), generator=torch.Generator())
    whole = Quantize(mode="dynamic").apply(given, context)
    with pytest.raises(NotApplicable, match=r"Fine-tune before quantize\.$"):
        FineTune(epochs=1).rules(whole, context)


@pytest.mark.parametrize("held", [Crossbar(preset="fairxbar_noise", programming=0.1), Analog(cells="pcm")])
def test_nothing_is_trained_on_behind_a_chip(tuned, held):
    early = replace(tuned, variants=(Variant(name="early", choices=(held, FineTune(epochs=1))),))
    with pytest.raises(BadInput, match=r"variant 'early': (crossbar|analog) stands before fine_tune, which trains on"):
        check(early, data_named(tuned.data))
    late = replace(tuned, variants=(Variant(name="late", choices=(FineTune(epochs=1), held)),))
    check(late, data_named(tuned.data))


def test_weights_from_elsewhere_have_no_other_objective(tuned, tmp_path):
    from dataclasses import replace

    from safetensors.torch import save_file

    from disparate.auditing.steps import model_of

    data = data_named(tuned.data)
    model = model_of({"model": dict(tuned.model), "trust": []}, data, seed=0)
    save_file(model.state_dict(), tmp_path / "w.safetensors")
    given = replace(tuned, model={**tuned.model, "trained": str(tmp_path / "w.safetensors")}, variants=())
    check(given, data)
    other = Variant(name="x", choices=(FineTune(epochs=1),))
    check(replace(given, variants=(other,)), data)
