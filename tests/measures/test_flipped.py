from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from disparate.errors import BadInput
from disparate.groups import Attribute
from disparate.measures.assess import assess
from disparate.measures.churn import HARMFUL_FLIPS
from disparate.measures.flipped import over_represented
from disparate.predictions import Run

RACE = Attribute(names=("a", "b", "unseen"), codes=np.repeat([0, 1], [60, 20]).astype(np.int32))


def ask(variants, references, **more):
    return over_represented(variants, references, by="race", generator=np.random.default_rng(0), **more)


@pytest.fixture
def runs(answers):
    right, zeros = np.ones(80, dtype=int), np.zeros(80, dtype=int)
    zeros[:6], zeros[60:68] = 1, 1
    return answers(right, right - zeros, RACE, run=Run(variant="int8")), answers(right, right, RACE)


def test_the_group_that_flips_more_is_met_more_often_than_its_share(runs):
    found = ask([runs[0]], [runs[1]])
    assert found["b"].value == pytest.approx((8 / 14) / (20 / 80))
    assert found["a"].value == pytest.approx((6 / 14) / (60 / 80))
    assert found["b"].p_value == pytest.approx(stats.fisher_exact([[8, 6], [12, 54]]).pvalue)
    assert found["a"].p_value == pytest.approx(found["b"].p_value)
    assert found["unseen"] is None


def test_only_the_flips_asked_for_count(runs):
    harmful, gained = ask([runs[0]], [runs[1]], flips=HARMFUL_FLIPS), ask([runs[1]], [runs[0]], flips=HARMFUL_FLIPS)
    assert harmful["b"].flips == 14
    assert set(gained.values()) == {None}


def test_a_second_seed_that_flips_the_same_changes_nothing(runs):
    once, twice = ask([runs[0]], [runs[1]]), ask([runs[0]] * 2, [runs[1]] * 2)
    assert once == twice


def test_every_seed_needs_its_reference(runs, answers):
    with pytest.raises(BadInput, match="2 runs of the variant and 1 of the reference; one of each per seed"):
        ask([runs[0]] * 2, [runs[1]])
    weighted = [answers([1, 1], [1, 0], ["a", "b"], weight=np.ones(2)) for _ in range(2)]
    with pytest.raises(
        BadInput, match="the examples have weights; a flip counts once, for one example, so leave them out"
    ):
        ask(weighted[:1], weighted[1:])


def test_persons_are_kept_whole(runs):
    person = np.repeat(np.arange(40), 2)
    whole = [replace(item, cluster_id=person) for item in runs]
    found, apart = ask(whole[:1], whole[1:])["b"], ask([runs[0]], [runs[1]])["b"]
    assert found.value == apart.value
    assert found.interval.high - found.interval.low > apart.interval.high - apart.interval.low


def among(runs, *, trains, by="race", **more):
    return assess(
        runs,
        by=(by,),
        measures=["over_representation"],
        acts_on_training={"other": trains},
        generator=np.random.default_rng(0),
        **more,
    )


@pytest.fixture
def place(world):
    return world(0, sizes=(400, 200, 100))


def flipping(place, answers, rates):
    """Return the answers turned for another share of each group."""
    codes = answers.attributes["race"].codes
    turned = place.generator.random(len(answers)) < np.asarray(rates)[codes]
    predicted = np.where(turned, (answers.predicted + 1) % place.classes, answers.predicted)
    return replace(answers, predicted=predicted, run=replace(answers.run, variant="other"))


def test_a_group_that_a_model_choice_turns_most_is_named(place):
    reference = place.train(Run())
    found = among([reference, flipping(place, reference, (0.02, 0.02, 0.3))], trains=False)
    for of in ("churn", "harmful_flips"):
        small = found.only(of=of, group="small")
        assert small.value > 2
        assert small.low > 1
        assert small.distinguishable is True
    large = found.only(of="churn", group="large")
    assert (large.value < 1, large.distinguishable, large.unit) == (True, True, "ratio")
    assert {item.group for item in found} == {"large", "middle", "small"}


def test_it_is_the_ratio_of_the_shares_and_the_p_value_is_fishers(place):
    reference = place.train(Run())
    other = flipping(place, reference, (0.05, 0.05, 0.1))
    found = among([reference, other], trains=False).only(of="churn", group="small")
    turned, group = other.predicted != reference.predicted, reference.groups("race").mask("small")
    table = [[(turned & group).sum(), (turned & ~group).sum()], [(~turned & group).sum(), (~turned & ~group).sum()]]
    assert found.value == pytest.approx((turned & group).sum() / turned.sum() / group.mean())
    assert found.p_value == pytest.approx(stats.fisher_exact(table).pvalue)


def test_hard_groups_flip_more_under_any_seed_and_that_is_the_floor(world):
    place = world(1, sizes=(400, 200, 200), errors=(0.05, 0.2, 0.4))
    references = [place.train(Run(seed=seed)) for seed in range(5)]
    twins = [place.train(Run(variant="other", seed=seed)) for seed in range(5)]
    found = among([*references, *twins], trains=True).only(of="churn", group="small")
    pairs = [(a, b) for a in references for b in references if a is not b]
    shares = [
        np.mean([(a.predicted != b.predicted)[rows].mean() for a, b in pairs])
        for rows in (slice(600, 800), slice(None))
    ]
    assert found.value > 1.3
    assert found.low > 1
    assert found.null.name == "N2 seeds"
    assert found.null.value == pytest.approx(shares[0] / shares[1])
    assert found.p_value > 0.05
    assert found.distinguishable is False


def test_repeats_that_flip_are_the_floor_of_a_model_choice(place):
    reference = place.train(Run())
    again = flipping(place, reference, (0.1, 0.1, 0.4))
    other = flipping(place, reference, (0.1, 0.1, 0.3))
    runs = [reference, replace(again, run=Run(repeat=1)), other]
    held = among(runs, trains=False).only(of="churn", group="small")
    assert held.null.name == "N1 repeat"
    assert held.p_value < 0.01
    assert held.distinguishable is (held.value > held.null.value)
    few = flipping(place, reference, (0.01, 0.01, 0.01))
    assert (
        among([reference, replace(few, run=Run(repeat=1)), other], trains=False).only(of="churn", group="small").null
        is None
    )


def test_one_seed_of_a_training_choice_is_not_judged(place):
    found = among([place.train(Run()), place.train(Run(variant="other"))], trains=True)
    for item in found:
        assert item.p_value is None
        assert item.distinguishable is None
        assert "no test: one seed" in item.method


def test_what_has_no_ratio_says_why(place):
    reference = place.train(Run())
    same = replace(reference, run=Run(variant="other"))
    reasons = {item.where["of"]: item.undefined for item in among([reference, same], trains=False)}
    assert reasons == {
        "churn": "no answer changed",
        "harmful_flips": "no right answer became wrong",
        "beneficial_flips": "no wrong answer became right",
    }
    other = flipping(place, reference, (0.1, 0.1, 0.1))
    weighted = [replace(item, weight=np.ones(700)) for item in (reference, other)]
    assert {item.undefined for item in among(weighted, trains=False)} == {
        "the examples have weights, and a flip counts once, for one example; leave the weights out"
    }
    alone = [
        replace(item, attributes={"one": Attribute(names=("all",), codes=np.zeros(700, np.int32))})
        for item in (reference, other)
    ]
    assert {item.undefined for item in among(alone, trains=False, by="one")} == {"every example is of this group"}


def test_persons_widen_the_interval_in_findings_too(place):
    reference = place.train(Run())
    other = flipping(place, reference, (0.05, 0.05, 0.3))
    person = np.repeat(np.arange(350), 2)
    apart, whole = (
        among([replace(item, cluster_id=cluster) for item in (reference, other)], trains=False).only(
            of="churn", group="small"
        )
        for cluster in (None, person)
    )
    assert whole.value == apart.value
    assert whole.low < apart.low
    assert "clusters whole" in whole.method


@pytest.mark.slow
@pytest.mark.parametrize("trains", [True, False])
def test_flips_that_do_not_care_about_groups_raise_no_alarm(world, trains):
    alarms = []
    for seed in range(200):
        place = world(seed, sizes=(150, 100))
        references = [place.train(Run(seed=s)) for s in range(5)]
        if trains:
            others = [place.train(Run(variant="other", seed=s)) for s in range(5)]
        else:
            others = [place.flip(item, Run(variant="other", seed=item.run.seed), 0.05) for item in references]
        found = among([*references, *others], trains=trains).where(of="churn", group="large")
        alarms += [item.p_value <= 0.05 for item in found]
    assert np.mean(alarms) <= 0.05 + 4 * np.sqrt(0.05 * 0.95 / 200)
