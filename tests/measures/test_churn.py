from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from disparate.measures.assess import assess
from disparate.measures.churn import beneficial_flips, churn, harmful_flips, net_flips
from disparate.predictions import Run


def test_flips_by_hand(answers):
    target = [0, 1, 2, 2]
    reference = answers(target, [0, 0, 2, 0], list("aabb"), labels="xyz")
    variant = answers(target, [1, 1, 2, 1], list("aabb"), labels="xyz")
    assert churn(variant, reference).tolist() == [1, 1, 0, 1]
    assert harmful_flips(variant, reference).tolist() == [1, 0, 0, 0]
    assert beneficial_flips(variant, reference).tolist() == [0, 1, 0, 0]


def test_flips_account_for_the_change_of_accuracy(world):
    place = world(0)
    reference, variant = place.train(Run()), place.train(Run(variant="other"))
    lost = harmful_flips(variant, reference).mean() - beneficial_flips(variant, reference).mean()
    assert np.isclose(lost, reference.correct.mean() - variant.correct.mean())


def ask(runs, *, trains):
    return assess(
        runs,
        by=("race",),
        measures=["net_flips"],
        acts_on_training={"other": trains},
        generator=np.random.default_rng(0),
    )


@pytest.fixture
def place(world):
    return world(0, sizes=(300, 200, 100))


def test_net_flips_of_one_model_are_judged_by_the_binomial_test(place):
    reference = place.train(Run())
    other = place.flip(reference, Run(variant="other"), 0.3)
    rows = reference.groups("race").mask("middle")
    harmful, beneficial = (int(flips(other, reference)[rows].sum()) for flips in (harmful_flips, beneficial_flips))
    found = ask([reference, other], trains=False).only(group="middle")
    assert found.value == pytest.approx((harmful - beneficial) / 200)
    assert found.p_value == pytest.approx(stats.binomtest(harmful, harmful + beneficial).pvalue)
    assert "McNemar" in found.method
    assert found.distinguishable is True


def test_net_flips_of_a_training_choice_are_judged_over_seeds(place):
    references = [place.train(Run(seed=seed)) for seed in range(4)]
    others = [place.train(Run(variant="other", seed=seed)) for seed in range(4)]
    found = ask([*references, *others], trains=True).only(group="large")
    own = [net_flips(a, b)[:300].mean() for a, b in zip(others, references, strict=True)]
    assert found.p_value == pytest.approx(stats.ttest_1samp(own, 0).pvalue)
    assert "exact over examples, of these trainings (McNemar): p" in found.method
    alone = ask([references[0], others[0]], trains=True).only(group="large")
    assert alone.p_value is None


def test_draws_and_persons_are_added_up_before_their_signs_are_dealt(place):
    reference = place.train(Run())
    draws = [place.flip(reference, Run(variant="other", draw=draw), 0.2) for draw in range(3)]
    found = ask([reference, *draws], trains=False).only(group="small")
    changes = sum(net_flips(item, reference)[500:] for item in draws)
    signs = np.random.default_rng(0).choice([-1, 1], size=(20_000, 100))
    expected = np.mean(np.abs(signs @ changes) >= abs(changes.sum()) - 1e-9)
    assert found.p_value == pytest.approx(expected, abs=0.02)
    person = np.repeat(np.arange(300), 2)
    whole = ask([replace(item, cluster_id=person) for item in (reference, *draws)], trains=False).only(group="small")
    expected = np.mean(np.abs(signs[:, :50] @ changes.reshape(50, 2).sum(axis=1)) >= abs(changes.sum()) - 1e-9)
    assert whole.p_value == pytest.approx(expected, abs=0.02)


def test_weighted_flips_have_a_value_and_no_coin(place):
    reference = place.train(Run())
    other = place.flip(reference, Run(variant="other"), 0.3)
    weighted = [replace(item, weight=np.linspace(1, 2, 600)) for item in (reference, other)]
    found = ask(weighted, trains=False).only(group="large")
    assert found.value is not None
    assert found.p_value is None
    assert "no test: the examples have weights" in found.method
