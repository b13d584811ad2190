from dataclasses import replace

import numpy as np
import pytest

from disparate.measures.panel import Panel, cuts_of
from disparate.measures.spread import Means, sensitivities, signed_sensitivities, violations
from disparate.measures.statements import Case
from disparate.predictions import Run

DEVICES = ("hw0", "hw1")


@pytest.fixture
def runs(world):
    place = world(0, sizes=(300, 100))
    references = [place.train(Run(seed=seed)) for seed in range(4)]
    repeats = [replace(item, run=replace(item.run, repeat=1)) for item in references]
    devices = [place.train(Run(variant=name, seed=seed), harm=(0, 0.2)) for seed in range(4) for name in DEVICES]
    return [*references, *repeats, *devices]


def make_case(runs, *, trains=True):
    panel = Panel.of(runs)
    acts = dict.fromkeys(panel.variants[1:], trains)
    return Case(panel=panel, cut=cuts_of(panel, ["race"], {})[1], level=0.95, min_count=30, acts_on_training=acts)


def draw(case, of="loss"):
    return Means.draw(of, case, replicates=300, generator=np.random.default_rng(0))


def sensitive(case, of="loss", devices=DEVICES):
    found = sensitivities(case, draw(case, of), devices, generator=np.random.default_rng(0))
    return {(item.measure, item.group, item.where["form"]): item for item in found}


def errors(case):
    """Mean error by variant, seed and group."""
    return {
        (item.run.variant, item.run.seed, place): (~item.correct[case.cut.rows(place)]).mean()
        for item in case.panel.runs
        for place in range(2)
    }


def test_sensitivity_of_accuracy_by_hand(runs):
    case = make_case(runs)
    error = errors(case)
    found = sensitive(case, "accuracy")
    largest = [max(abs(error[name, s, 1] - error["reference", s, 1]) for name in DEVICES) for s in range(4)]
    assert found["hardware_sensitivity", "middle", "absmax"].value == pytest.approx(np.mean(largest))
    every = [[error[name, s, 1] for name in (*DEVICES, "reference")] for s in range(4)]
    assert found["hardware_sensitivity", "middle", "range"].value == pytest.approx(np.mean(np.ptp(every, axis=1)))
    assert found["hardware_sensitivity", "middle", "range"].unit == "share"
    small = [max(abs(error[name, s, 0] - error["reference", s, 0]) for name in DEVICES) for s in range(4)]
    violation = np.mean(np.abs(np.subtract(largest, small)))
    assert found["fairness_violation", None, "absmax"].value == pytest.approx(violation)


def test_another_seed_is_the_null_of_what_acts_on_training(runs):
    case = make_case(runs)
    error = errors(case)
    floor = [
        np.mean([
            max(
                abs(error["reference", a, 1] - error["reference", s, 1]),
                abs(error["reference", b, 1] - error["reference", s, 1]),
            )
            for a in range(4)
            for b in range(a)
            if s not in {a, b}
        ])
        for s in range(4)
    ]
    found = sensitive(case, "accuracy")["hardware_sensitivity", "middle", "absmax"]
    assert found.null.name == "N2 seeds"
    assert found.null.value == pytest.approx(np.mean(floor))
    assert found.effect_over_null == pytest.approx(found.value / np.mean(floor))
    assert "N1 repeat 0 (deterministic)" in found.method


def test_a_planted_effect_is_found_and_chance_is_not(runs):
    found = sensitive(make_case(runs), "accuracy")
    assert found["hardware_sensitivity", "middle", "absmax"].p_value < 0.05
    assert found["hardware_sensitivity", "large", "absmax"].p_value > 0.05


def test_as_many_devices_as_seeds_are_held_against_the_spread_of_seeds(runs):
    few = [item for item in runs if item.run.seed < 2]
    found = sensitive(make_case(few))["hardware_sensitivity", "large", "absmax"]
    assert found.null.name == "N2 seeds"
    assert found.null.value > 0
    assert found.p_value > 0.05


def test_seeds_the_devices_lack_still_serve_as_floor(runs):
    lacking = [item for item in runs if item.run.variant == "reference" or item.run.seed < 3]
    found = sensitive(make_case(lacking), "accuracy")["hardware_sensitivity", "middle", "absmax"]
    whole = sensitive(make_case(runs), "accuracy")["hardware_sensitivity", "middle", "absmax"]
    assert found.seeds == 3
    assert found.null.value == pytest.approx(whole.null.value)


def test_one_seed_cannot_tell_hardware_from_the_seed(runs):
    found = sensitive(make_case([item for item in runs if item.run.seed == 0]))[
        "hardware_sensitivity", "large", "range"
    ]
    assert found.p_value is None
    assert "no test: one seed" in found.method
    assert found.where["axis"] == "examples"


def test_deployed_hardware_is_held_against_replicates_without_a_difference(runs):
    case = make_case(runs, trains=False)
    found = sensitive(case)["hardware_sensitivity", "middle", "absmax"]
    assert found.null.name == "N4 test set"
    assert found.null.value > 0
    assert found.p_value < 0.05
    assert found.p_value >= 1 / 301


def test_devices_without_a_common_seed_are_undefined(world):
    place = world(0, sizes=(300, 100))
    runs = [place.train(Run(seed=0)), place.train(Run(seed=1))]
    runs += [place.train(Run(variant="hw0", seed=0)), place.train(Run(variant="hw1", seed=1))]
    found = sensitive(make_case(runs))
    assert {item.undefined for item in found.values()} == {"the hardware profiles share no seed with the reference"}


def test_the_signed_form_is_positive_for_harm(runs):
    case = make_case(runs)
    for of in ("loss", "accuracy"):
        found = [item for item in signed_sensitivities(of, case, DEVICES) if item.group == "middle"]
        assert [item.variant for item in found] == list(DEVICES)
        assert all(item.value > 0 and item.where["form"] == "signed" and item.where["of"] == of for item in found)


def test_violation_of_risk_by_hand(runs):
    case = make_case(runs)
    loss = {
        (item.run.variant, item.run.seed, place): item.loss[case.cut.rows(place)].astype(float).mean()
        for item in case.panel.runs
        for place in range(2)
    }
    risk = np.array([[loss["hw0", s, g] - loss["reference", s, g] for g in range(2)] for s in range(4)])
    found = next(violations(case, draw(case), generator=np.random.default_rng(0)))
    assert found.value == pytest.approx(np.abs(risk[:, 0] - risk[:, 1]).mean())
    assert found.variant == "hw0"
    assert found.p_value < 0.05


def test_replicated_means_have_the_spread_of_a_group_mean(runs):
    case = make_case(runs)
    means = Means.draw("loss", case, replicates=1500, generator=np.random.default_rng(1))
    rows = case.cut.rows(1)
    values = case.panel.runs[0].loss[rows].astype(float)
    assert means.replicated[:, 0, 1].std() == pytest.approx(values.std() / np.sqrt(len(rows)), rel=0.1)
