from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from disparate.measures.assess import assess
from disparate.measures.harm import concluded
from disparate.predictions import Run


def ask(runs, *, trains=False, measures=("harm",), **more):
    return assess(
        runs,
        by=("race",),
        measures=measures,
        acts_on_training={"other": trains},
        generator=np.random.default_rng(0),
        **more,
    )


def conclusions(found, *, of="accuracy", form="no_harm", variant="other"):
    held = found.where(measure="harm", of=of, form=form, variant=variant)
    return {item.group: item.where["conclusion"] for item in held}


def turned(answers, harmful):
    """Return the answers with so many right ones of each group made wrong."""
    predicted = answers.predicted.copy()
    for code, count in enumerate(harmful):
        rows = np.flatnonzero((answers.attributes["race"].codes == code) & answers.correct)[:count]
        predicted[rows] = (predicted[rows] + 1) % 3
    return replace(answers, predicted=predicted, run=replace(answers.run, variant="other"))


@pytest.fixture
def place(world):
    return world(0, sizes=(2000, 400, 100))


def test_the_three_ways_it_can_end(place):
    reference = place.train(Run())
    found = ask([reference, turned(reference, (4, 60, 0))])
    assert conclusions(found) == {
        None: "pays",
        "large": "within margin",
        "middle": "pays",
        "small": "cannot be told",
    }
    assert conclusions(found, form="equivalent")["middle"] == "changes"
    assert conclusions(found, form="equivalent")["large"] == "within margin"


def test_value_and_p_value_by_hand(place):
    reference = place.train(Run())
    item = ask([reference, turned(reference, (20, 0, 0))]).only(measure="harm", group="large", form="no_harm")
    seen, under = 0.01 - 0.01**2, 0.02 * 0.98
    expected = stats.t(1999).cdf((0.01 - 0.02) / np.sqrt(max(seen, under) / 1999))
    assert item.value == pytest.approx(0.01)
    assert item.p_value == pytest.approx(expected)
    assert item.where == {
        "by": "race",
        "axis": "examples",
        "of": "accuracy",
        "form": "no_harm",
        "margin": 0.02,
        "conclusion": item.where["conclusion"],
    }


def test_a_distinguishable_loss_may_still_be_below_the_margin(place):
    reference = place.train(Run())
    item = ask([reference, turned(reference, (20, 0, 0))], margin=0.05).only(
        measure="harm", group="large", form="no_harm"
    )
    assert item.where["conclusion"] == "pays"
    assert item.distinguishable is True


def test_a_gain_of_any_size_is_no_harm_but_no_equivalence(place):
    reference = place.train(Run())
    worse = turned(reference, (200, 0, 0))
    runs = [replace(worse, run=Run()), replace(reference, run=Run(variant="other"))]
    assert conclusions(ask(runs))["large"] == "within margin"
    assert conclusions(ask(runs), form="equivalent")["large"] == "changes"


def test_the_margin_decides(place):
    reference = place.train(Run())
    same = replace(reference, run=Run(variant="other"))
    assert conclusions(ask([reference, same]))["small"] == "cannot be told"
    assert conclusions(ask([reference, same], margin=0.04))["small"] == "within margin"
    assert conclusions(ask([reference, same], margin=0.001))["large"] == "cannot be told"


def test_one_seed_of_a_training_choice_has_no_number(place):
    runs = [place.train(Run()), place.train(Run(variant="other"))]
    for item in ask(runs, trains=True).where(measure="harm"):
        assert item.value is None
        assert item.undefined == "one seed, and what acts on training cannot be told from the seed"
        assert item.where["conclusion"] == "cannot be told"


def test_a_training_choice_is_judged_over_seeds_and_examples(place):
    runs = [place.train(Run(variant=name, seed=seed)) for seed in range(5) for name in ("reference", "other")]
    found = ask(runs, trains=True, margin=0.2)
    assert conclusions(found)["large"] == "within margin"
    item = found.only(measure="harm", group="large", form="no_harm")
    assert "one-sided t over seeds and examples" in item.method
    change = found.only(measure="accuracy", variant="other", group="large", axis="both")
    assert item.value == pytest.approx(-change.value)
    assert (item.low, item.high) == pytest.approx((-change.high, -change.low))


def test_loss_is_held_against_the_margin_in_nats(place):
    reference = place.train(Run())
    lighter = replace(reference, loss=reference.loss * 1.01, run=Run(variant="other"))
    found = ask([reference, lighter], measures=("harm", "loss"))
    item = found.only(measure="harm", of="loss", form="no_harm", group="large")
    assert (item.unit, item.where["conclusion"]) == ("nats", "pays")
    assert item.value > 0
    assert item.distinguishable is True
    same = ask([reference, replace(reference, run=Run(variant="other"))], measures=("harm", "loss"))
    assert conclusions(same, of="loss")["large"] == "cannot be told"
    assert "nothing varies" in same.only(measure="harm", of="loss", form="no_harm", group="large").method


def test_accuracy_comes_along_for_it_says_who_pays(place):
    reference = place.train(Run())
    found = ask([reference, turned(reference, (0, 0, 0))])
    assert {item.measure for item in found} == {"harm", "accuracy"}


def test_concluding_twice_changes_nothing(place):
    reference = place.train(Run())
    found = ask([reference, turned(reference, (4, 60, 0))])
    assert concluded(found) == list(found)


@pytest.mark.slow
@pytest.mark.parametrize("trains", [True, False])
def test_a_harm_of_the_margin_is_called_none_at_the_stated_rate(world, trains):
    told = []
    for seed in range(400):
        place = world(seed, sizes=(300, 300), errors=(0.1, 0.3))
        references = [place.train(Run(seed=s)) for s in range(5)]
        if trains:
            others = [place.train(Run(variant="other", seed=s), harm=(0.05, 0.05)) for s in range(5)]
        else:
            others = [lowered(place, item, 0.05) for item in references]
        found = ask([*references, *others], trains=trains, margin=0.05)
        told += [item.p_value <= 0.05 for item in found.where(measure="harm", form="no_harm", group="large")]
    assert np.mean(told) <= 0.05 + 4 * np.sqrt(0.05 * 0.95 / 400)


def lowered(place, answers, share):
    """Return the answers of which so many more are wrong, the same for a hard example under every seed."""
    n = len(answers)
    worse = place.generator.random(n) < share / np.maximum(answers.correct.mean(), 0.5)
    predicted = np.where(worse & answers.correct, (answers.predicted + 1) % 3, answers.predicted)
    return replace(answers, predicted=predicted, run=replace(answers.run, variant="other"))
