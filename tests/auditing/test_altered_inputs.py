"""Choices of what a network is asked: keys, draws, and an audit under attack from end to end."""

import tomllib
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from disparate.auditing.plan import plan, profiles_of
from disparate.auditing.recipe import parse_recipe
from disparate.auditing.run import hardware_variants, perform
from disparate.choice import Variant
from disparate.choices.attack import Attack
from disparate.choices.prune import Prune
from disparate.data import data_named
from disparate.engine.inline import InlineEngine
from disparate.errors import JobFailed, NotApplicable
from disparate.models.small import SmallCNN
from disparate.predictions import REFERENCE, Run
from disparate.profiles import Profile
from disparate.store.runs import Store
from disparate.training.batches import normalisation_of
from disparate.training.predict import BATCH, predict

PRUNE = {"choice": "prune", "rate": 0.5}
REACH = 0.02


@pytest.fixture(scope="module")
def tables(recipe_text):
    found = tomllib.loads(recipe_text)
    found["audit"] |= {"seeds": [0], "repeats": 1, "measures": ["accuracy", "churn"]}
    found["variant"] = [{"name": "half", "choices": [PRUNE]}]
    return found


def attacked(tables, epsilon, **settings):
    choice = {"choice": "attack", "epsilon": epsilon, "steps": 3, **settings}
    return {**tables, "reference": {"choices": [choice]}}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return Store.open(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def plain(tables, store):
    return perform(parse_recipe(tables), store=store, engine=InlineEngine())


def laid_out(audit):
    return plan(audit, content="content", fingerprints={p: p.name for p in profiles_of(audit)})


def level(result, variant=REFERENCE, group=None):
    by = None if group is None else "tone"
    return result.findings.only(measure="accuracy", variant=variant, reference=None, group=group, by=by).value


def test_training_is_shared_and_predictions_are_not(tables):
    before, under = laid_out(parse_recipe(tables)), laid_out(parse_recipe(attacked(tables, REACH)))
    trained = [{job.key for job in found.jobs if job.name.startswith("train")} for found in (before, under)]
    asked = [{planned.key for planned in found.runs} for found in (before, under)]
    assert trained[0] == trained[1]
    assert not asked[0] & asked[1]


def test_every_variant_meets_what_the_reference_meets(tables):
    under = laid_out(parse_recipe(attacked(tables, REACH)))
    assert {len(job.arguments["altered"]) for job in under.jobs if job.name.startswith("predict")} == {1}


def test_a_random_start_is_drawn_for_every_draw(tables):
    audit = replace(parse_recipe(attacked(tables, REACH)), draws=3)
    assert [planned.run.draw for planned in laid_out(audit).runs] == [0, 1, 2, 0, 1, 2]
    fixed = replace(parse_recipe(attacked(tables, REACH, random_start=False)), draws=3)
    assert [planned.run.draw for planned in laid_out(fixed).runs] == [0, 0]


def test_no_reach_is_no_attack(tables, store, plain):
    nothing = perform(parse_recipe(attacked(tables, 0.0)), store=store, engine=InlineEngine())
    assert level(nothing) == level(plain)
    assert level(nothing, "half") == level(plain, "half")


def test_accuracy_of_every_group_falls_under_attack(tables, store, plain):
    under = perform(parse_recipe(attacked(tables, REACH)), store=store, engine=InlineEngine())
    for variant in (REFERENCE, "half"):
        for group in data_named(parse_recipe(tables).data).attributes["tone"].names:
            assert level(under, variant, group) <= level(plain, variant, group)
    assert level(under) < level(plain)
    change = under.findings.only(measure="accuracy", variant="half", reference=REFERENCE, axis="examples", group=None)
    assert change.value == pytest.approx(level(under, "half") - level(under))


def test_an_integer_network_is_refused_and_not_called_robust(tables, store, plain):
    choices = [{"choice": "quantize"}]
    asked = attacked(tables, REACH) | {"variant": [{"name": "int8", "choices": choices}]}
    with pytest.raises(JobFailed, match="hides the gradient"):
        perform(parse_recipe(asked), store=store, engine=InlineEngine())


def test_an_attack_is_no_hardware(tables):
    elsewhere = {"choice": "hardware", "profile": "two_threads"}
    variants = [
        {"name": "machine", "choices": [elsewhere]},
        {"name": "machine, attacked", "choices": [elsewhere, {"choice": "attack", "epsilon": REACH}]},
    ]
    assert hardware_variants(parse_recipe({**tables, "variant": variants})) == ("machine",)


def test_where_it_stands_in_the_chain_does_not_matter():
    attack, prune = Attack(epsilon=0.1), Prune(rate=0.5)
    for choices in ((attack, prune), (prune, attack)):
        variant = Variant(name="v", choices=choices)
        assert (variant.input_choices(), variant.model_choices()) == ((attack,), (prune,))


@dataclass(frozen=True, kw_only=True, slots=True)
class Noise:
    """Gaussian noise on bytes, as a camera might add it."""

    sd: float

    def alter(self, inputs, context):
        stored = (255 * inputs).round()
        assert torch.equal(stored / 255, inputs)
        noise = torch.randn(inputs.shape, generator=context.generator)
        return (stored + self.sd * noise).round().clamp(0, 255) / 255


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """Nothing is altered; what is met is kept."""

    met: list

    def alter(self, inputs, context):
        self.met.append(inputs.clone())
        return inputs


def seen(choices, *, seed=0, draw=0, width=2):
    data = data_named({"source": "synthetic", "examples": 3000, "size": 8})
    met = []
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = SmallCNN(len(data.label_names), width=width)
    found = predict(
        model,
        data,
        split="test",
        normalisation=normalisation_of(data, data.rows("train")),
        profile=Profile(),
        run=Run(seed=seed, draw=draw),
        altered=[*choices, Kept(met=met)],
    )
    return found, torch.cat(met)


def test_noise_is_that_of_the_draw_and_of_nothing_else():
    alone, plain = seen([Noise(sd=9.0)])
    assert len(alone) > BATCH  # several batches
    assert torch.equal(plain, seen([Noise(sd=9.0)], seed=1, width=3)[1])
    assert not torch.equal(plain, seen([Noise(sd=9.0)], draw=1)[1])
    assert not torch.equal(plain[:BATCH][: len(plain) - BATCH], plain[BATCH : 2 * BATCH])


def test_what_comes_later_in_the_chain_leaves_earlier_noise_alone():
    met = []
    seen([Noise(sd=9.0), Kept(met=met), Attack(epsilon=0.1, steps=2)])
    assert torch.equal(torch.cat(met), seen([Noise(sd=9.0)])[1])


def test_nothing_altered_is_predicted_as_ever():
    first, stored = seen([])
    again, _ = seen([])
    assert np.array_equal(first.losses, again.losses)
    assert float(stored.max()) <= 1


def test_a_reach_in_levels_is_refused():
    with pytest.raises(NotApplicable, match=r"8 of 255 levels is epsilon=0\.0314"):
        seen([Attack(epsilon=8.0)])
