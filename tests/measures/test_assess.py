import json
from dataclasses import replace

import numpy as np
import pytest

from disparate.errors import BadInput
from disparate.groups import Attribute
from disparate.measures.assess import assess
from disparate.measures.table import MEASURES, OF_NUMBERS, OF_SETS
from disparate.predictions import Run


@pytest.fixture
def runs(world):
    place = world(0, sizes=(500, 300, 200))
    found = []
    for seed in range(5):
        reference = place.train(Run(seed=seed))
        found += [reference, replace(reference, run=Run(seed=seed, repeat=1))]
        found += [
            place.train(Run(variant="twin", seed=seed)),
            place.train(Run(variant="harmful", seed=seed), harm=(0, 0, 0.2)),
        ]
        found.append(place.flip(reference, Run(variant="int8", seed=seed), 0.1))
    return found


def ask(runs, *, measures=("accuracy",), by=("race",), **more):
    settings = {
        "acts_on_training": {"twin": True, "harmful": True, "int8": False},
        "hardware": ["twin"],
        "replicates": 100,
        "generator": np.random.default_rng(0),
    }
    return assess(runs, by=by, measures=measures, **(settings | more))


def test_a_planted_harm_is_found_where_it_was_planted(runs):
    found = ask(runs, measures=("accuracy", "excessive_risk", "accuracy_gap", "fairness_violation"))
    harmed = found.only(measure="accuracy", variant="harmful", group="small", axis="both")
    assert harmed.distinguishable is True
    assert harmed.value < -0.1
    assert harmed.high < 0
    assert harmed.effect_over_null > 2
    assert found.only(measure="excessive_risk", variant="harmful", group="small", axis="both").value > 0.2
    assert found.only(measure="accuracy_gap", variant="harmful", axis="both").distinguishable is True
    assert found.only(measure="fairness_violation", variant="harmful", axis="both").distinguishable is True
    assert found.only(measure="accuracy", variant="harmful", group="large", axis="both").distinguishable is False


def test_another_training_is_not_distinguishable(runs):
    found = ask(runs, measures=("accuracy", "loss", "churn", "accuracy_gap", "hardware_sensitivity"))
    for item in found.where(variant="twin", axis="both"):
        assert item.distinguishable is False
    for item in found.where(variant="hardware", axis="both"):
        assert item.distinguishable is False


def test_everyone_is_stated_once_and_by_no_attribute(runs):
    found = ask(runs, by=("race", "race*sex"))
    everyone = found.where(measure="accuracy", variant="int8", group=None, axis="both")
    assert len(everyone) == 1
    assert everyone.items[0].where == {"axis": "both"}
    assert len(found.where(measure="accuracy", variant="int8", by="race*sex", axis="both")) == 6


def test_single_axes_are_shown_and_not_judged(runs):
    found = ask(runs).where(lambda item: (item.where or {}).get("axis") in {"seeds", "examples"})
    assert {item.distinguishable for item in found} == {None}
    assert all(item.p_value is not None for item in found)
    both = ask(runs).only(variant="int8", group="small", axis="both")
    for axis in ("seeds", "examples"):
        assert found.only(variant="int8", group="small", axis=axis).value == pytest.approx(both.value)


def test_one_seed_of_a_training_choice_is_left_open(runs):
    found = ask([item for item in runs if item.run.seed == 0])
    harmed = found.only(variant="harmful", group="small", reference="reference")
    assert harmed.distinguishable is None
    assert harmed.low is not None
    assert "no test: one seed" in harmed.method
    assert found.only(variant="int8", group="small", reference="reference").distinguishable is not None


def test_label_as_group_says_why_it_is_undefined(runs):
    race = Attribute(names=("a", "b", "c"), codes=runs[0].target.astype(np.int32))
    same = [replace(item, attributes={"race": race}) for item in runs]
    odds = ("equalized_odds_sum", "equalized_odds_worst", "equal_opportunity_1")
    for name in odds:
        whole = ask(same, measures=odds).where(measure=name, group=None)
        assert {item.undefined for item in whole} == {"every group holds a single class"}


def test_the_same_generator_gives_the_same_findings(runs):
    first, second = (ask(runs, measures=("f1_macro", "fairness_violation")) for _ in range(2))
    assert first == second


def test_draws_are_averaged_within_a_seed(world):
    place = world(1, sizes=(300, 100))
    references = [place.train(Run(seed=seed)) for seed in range(3)]
    noisy = [
        place.flip(item, Run(variant="int8", seed=item.run.seed, draw=d), 0.1) for item in references for d in range(4)
    ]
    found = ask([*references, *noisy], measures=("accuracy", "f1_macro"), hardware=[])
    item = found.only(measure="accuracy", variant="int8", group="middle", axis="both")
    assert (item.seeds, item.draws) == (3, 4)
    rows = references[0].groups("race").mask("middle")
    change = np.mean([run.correct[rows].mean() for run in noisy]) - np.mean([
        run.correct[rows].mean() for run in references
    ])
    assert item.value == pytest.approx(change)


def test_every_measure_at_once_writes_no_nan(runs):
    asked = set(MEASURES.entries).difference(OF_NUMBERS, OF_SETS, {"over_draws"})  # none of the runs is drawn twice
    found = ask(runs, measures=sorted(asked), by=("race", "race*sex"), replicates=20)
    json.dumps(found.to_json(), allow_nan=False)
    assert {item.measure for item in found} == asked


def test_it_has_to_be_said_what_acts_on_training(runs):
    with pytest.raises(BadInput, match=r"variant 'harmful' is not in acts_on_training \['int8', 'twin'\]; say whether"):
        ask(runs, acts_on_training={"twin": True, "int8": False})


@pytest.mark.parametrize("name", ["twinn", "reference"])
def test_hardware_has_to_be_a_variant(runs, name):
    with pytest.raises(BadInput, match=f"hardware profile '{name}' is no variant of these runs"):
        ask(runs, hardware=[name])


def test_an_unknown_attribute_gets_a_suggestion(runs):
    with pytest.raises(BadInput, match=r"group column 'rase' is absent\. Did you mean 'race'\?"):
        ask(runs, by=("rase",))


@pytest.mark.parametrize("name", ["accuracy", "accuracy_gap", "churn", "fairness_violation"])
def test_false_alarms_among_fresh_trainings_stay_near_the_level(world, name):
    alarms = []
    for seed in range(60):
        place = world(seed, sizes=(120, 80))
        fresh = [place.train(Run(variant=v, seed=s)) for s in range(5) for v in ("reference", "twin")]
        found = ask(fresh, measures=(name,), hardware=[], replicates=40, acts_on_training={"twin": True})
        alarms += [item.p_value < 0.05 for item in found.where(axis="both") if item.p_value is not None]
    # four standard errors of a binomial share of 60 independent worlds above the level
    assert np.mean(alarms) <= 0.05 + 4 * np.sqrt(0.05 * 0.95 / 60)
