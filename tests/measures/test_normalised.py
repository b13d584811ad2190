from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from disparate.measures.assess import assess
from disparate.predictions import Run


def ask(runs, **more):
    return assess(
        runs,
        by=("race",),
        measures=["normalised_change"],
        acts_on_training={"other": True, "int8": False},
        generator=np.random.default_rng(0),
        **more,
    )


@pytest.fixture
def place(world):
    return world(0, sizes=(500, 300, 200))


@pytest.fixture
def runs(place):
    harmed = [place.train(Run(variant="other", seed=seed), harm=(0, 0, 0.2)) for seed in range(5)]
    return [*(place.train(Run(seed=seed)) for seed in range(6)), *harmed]


def of(runs, variant):
    return [item for item in runs if item.run.variant == variant]


def test_groups_are_tested_as_scipy_does(runs):
    rows = runs[0].groups("race").mask("small")
    before, after = (
        [item.correct[rows].mean() - item.correct.mean() for item in of(runs, name)] for name in ("reference", "other")
    )
    found = ask(runs).only(group="small", variant="other")
    test = stats.ttest_ind(after, before, equal_var=False)
    assert found.value == pytest.approx(np.mean(after) - np.mean(before))
    assert found.p_value == pytest.approx(test.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(test.confidence_interval(0.95)))
    assert found.null.value == pytest.approx(np.sqrt(2) * np.std(before, ddof=1))


def test_classes_are_tested_for_everyone(runs):
    rows = runs[0].target == 1
    before, after = (
        [item.correct[rows].mean() - item.correct.mean() for item in of(runs, name)] for name in ("reference", "other")
    )
    found = ask(runs).where(by=None, variant="other")
    assert [item.label for item in found] == list(runs[0].label_names)
    assert found.items[1].p_value == pytest.approx(stats.ttest_ind(after, before, equal_var=False).pvalue)


def test_the_group_that_pays_moves_below_everyone_and_the_others_above(runs):
    found = {item.group: item for item in ask(runs).where(by="race")}
    assert found["small"].distinguishable is True
    assert found["small"].value < -0.1
    assert found["large"].value > 0


def test_a_change_that_all_share_moves_nobody_beyond(place):
    twins = [place.train(Run(variant=name, seed=seed)) for seed in range(5) for name in ("reference", "other")]
    assert {item.distinguishable for item in ask(twins)} == {False}


def test_one_training_is_no_population(place):
    found = ask([place.train(Run()), place.train(Run(variant="other"))])
    assert {item.undefined for item in found} == {
        "one training is no population: Welch's test compares two, of at least 2 seeds each"
    }


def test_shared_weights_are_said_and_no_spread_is_no_test(place):
    reference = [place.train(Run(seed=seed)) for seed in range(3)]
    int8 = [place.flip(item, Run(variant="int8", seed=item.run.seed), 0.1) for item in reference]
    assert "cautious where weights are shared" in ask([*reference, *int8]).items[0].method
    alike = [replace(reference[0], run=replace(item.run)) for item in (*reference, *int8)]
    found = ask(alike).items[0]
    assert (found.value, found.low, found.p_value) == (0.0, None, None)
    assert "nothing varies" in found.method


def test_a_small_group_has_a_value_and_no_test(place):
    runs = [place.train(Run(variant=name, seed=seed)) for seed in range(3) for name in ("reference", "other")]
    few = [item.take(np.r_[0:400, 800:820]) for item in runs]
    found = ask(few).only(group="small")
    assert found.value is not None
    assert (found.low, found.p_value) == (None, None)
    assert "20 examples, fewer than 30" in found.method


@pytest.mark.slow
def test_fresh_trainings_raise_alarms_at_the_level(world):
    alarms = []
    for seed in range(300):
        place = world(seed, sizes=(150, 100))
        twins = [place.train(Run(variant=name, seed=s)) for s in range(5) for name in ("reference", "other")]
        alarms += [item.p_value <= 0.05 for item in ask(twins).where(group="large")]
    assert np.mean(alarms) <= 0.05 + 4 * np.sqrt(0.05 * 0.95 / 300)
