"""Crossbar training: arms and their rules; a chain from training to chips, with its record, through an audit."""

import tomllib
from dataclasses import replace

import pytest
from torch import nn

from disparate.auditing.plan import plan, profiles_of
from disparate.auditing.recipe import parse_recipe, recipe_tables
from disparate.auditing.run import perform
from disparate.choice import is_balanced, is_by_group
from disparate.choices import choice_table
from disparate.choices.crossbar_training import CrossbarTraining
from disparate.crossbar.presets import build_device
from disparate.engine.inline import InlineEngine
from disparate.errors import BadInput, NotApplicable
from disparate.store.runs import Store
from disparate.training.config import TrainingConfig
from disparate.training.disturbance import Disturbance
from disparate.training.targeting import Target

DEVICE = {"preset": "fairxbar_noise", "programming": 0.02}
RECIPE = """
[audit]
name = "retrained"
groups = ["tone"]
seeds = [0]
repeats = 1
draws = 2
replicates = 20

[data]
source = "synthetic"
examples = 700

[model]
name = "small_cnn"
width = 4

[training]
epochs = 1

[[variant]]
name = "retrained"
choices = [
  {choice = "crossbar_training", epochs = 2, device.preset = "fairxbar_noise", target = {share = 0.1, examples = 40}},
  {choice = "crossbar", preset = "fairxbar_noise", target = {share = 0.1, examples = 40}},
]

[[variant]]
name = "empty"
choices = [{choice = "crossbar", preset = "fairxbar_noise", target = {rule = "fr_and_ar", share = 0.001, beta = 50.0}}]

[[variant]]
name = "same loss, no error"
choices = [{choice = "crossbar_training", epochs = 1, balanced = false}]
"""


def test_arms_differ_by_what_disturbs(model, context_of):
    plain = CrossbarTraining(epochs=1)
    assert plain.rules(model, context_of()) == ()
    (everywhere,) = replace(plain, device=DEVICE).rules(model, context_of())
    (aimed,) = replace(plain, device=DEVICE, target=Target(), refresh=3).rules(model, context_of())
    assert isinstance(everywhere, Disturbance)
    assert isinstance(aimed, Disturbance)
    assert (everywhere.target, aimed.target, aimed.refresh) == (None, Target(), 3)
    assert aimed.placement.device == build_device(DEVICE)


def test_groups_matter_where_batches_are_balanced_or_there_is_a_target():
    assert is_balanced(CrossbarTraining(epochs=1))
    assert is_by_group(CrossbarTraining(epochs=1))
    shuffled = CrossbarTraining(epochs=1, balanced=False, device=DEVICE)
    assert not is_balanced(shuffled)
    assert not is_by_group(shuffled)
    assert is_by_group(replace(shuffled, target=Target()))


def test_it_trains_as_asked_and_otherwise_as_before():
    config = CrossbarTraining(epochs=3).tuning(TrainingConfig(epochs=9, batch_size=16, crop=2, warmup_epochs=1))
    assert (config.epochs, config.optimizer, config.schedule, config.warmup_epochs) == (3, "adam", "constant", 0)
    assert (config.batch_size, config.crop) == (16, 2)


def test_a_network_without_layers_for_a_crossbar_is_refused(context_of):
    with pytest.raises(NotApplicable, match="it has no linear and no convolution layer"):
        CrossbarTraining(epochs=1, device=DEVICE).rules(nn.Sequential(nn.Flatten()), context_of())


@pytest.fixture(scope="module")
def audit():
    return parse_recipe(tomllib.loads(RECIPE))


@pytest.fixture(scope="module")
def finished(audit, tmp_path_factory):
    store = Store.open(tmp_path_factory.mktemp("store"))
    return store, perform(audit, store=store, engine=InlineEngine())


def test_the_recipe_survives(audit):
    assert parse_recipe(recipe_tables(audit)) == audit


def test_a_device_and_a_target_change_the_key(audit):
    def keys(**changes) -> set[str]:
        chain = (replace(audit.variants[0].choices[0], **changes), audit.variants[0].choices[1])
        asked = replace(audit, variants=(replace(audit.variants[0], choices=chain),))
        laid = plan(asked, content="content", fingerprints={p: p.name for p in profiles_of(asked)})
        return {job.key for job in laid.jobs if job.name.startswith("tune")}

    own = keys()
    for changed in ({"device": DEVICE}, {"target": Target()}, {"errors": "write_back"}, {"balanced": False}):
        assert keys(**changed) != own


def test_targets_stand_in_the_record_of_training_and_of_the_run(audit, finished):
    _, result = finished
    (trained,) = [item for item in result.run["training"] if item["job"] == "tune retrained seed 0"]
    (rule,) = trained["rules"]
    assert rule["refreshed"] == 2
    assert min(rule["selected"]) > 0
    target = result.run["targets"]["retrained"]["0"]
    assert target["selected"] == sum(layer["selected"] for layer in target["layers"].values()) > 0
    assert target["chosen_by"].startswith("lowest and highest macro F1")


def test_an_empty_target_is_a_caution_and_changes_no_answer_but_by_rounding(finished):
    _, result = finished
    assert result.run["targets"]["empty"]["0"]["selected"] == 0
    assert {caution.variant for caution in result.cautions if caution.code == "D114"} == {"empty"}


def test_three_groups_have_no_gap_without_names(audit):
    from disparate.auditing.run import check
    from disparate.data import data_named

    data = data_named(audit.data)
    chain = (CrossbarTraining(epochs=1, objective={"name": "fairness_gap"}),)
    asked = replace(audit, variants=(replace(audit.variants[0], choices=chain),))
    groups = data.attributes["tone"].names
    if len(groups) == 2:
        check(asked, data)
    else:
        with pytest.raises(BadInput, match="two were expected"):
            check(asked, data)


def test_table_leaves_out_what_is_not_given():
    table = choice_table(CrossbarTraining(epochs=1))
    assert "target" not in table
    assert "refresh" not in table
