"""Arms of randomness against numpy and against models that are planted to differ in a known way."""

import numpy as np
import pytest
from scipy import stats

from disparate.errors import BadInput
from disparate.findings import Findings
from disparate.groups import Attribute
from disparate.measures.arms import Arm, arm_findings, class_over_overall, pairwise_churn, spreads
from disparate.predictions import Predictions, Run

N = 400
TARGET = np.repeat([0, 1], [300, 100])
SEX = Attribute.of(["f", "m"] * (N // 2))
EVERYONE = [np.ones(N, bool)]


def model(seed: int, *, error: float = 0.2) -> Predictions:
    wrong = np.random.default_rng(seed).random(N) < error
    return Predictions(
        example_id=np.arange(N),
        target=TARGET,
        predicted=np.where(wrong, 1 - TARGET, TARGET),
        label_names=("a", "b"),
        attributes={"sex": SEX},
        run=Run(seed=seed),
    )


def test_the_spread_is_numpys_of_the_accuracies():
    models = [model(seed) for seed in range(6)]
    right = np.array([[item.correct[label == TARGET].mean() for item in models] for label in (0, 1)])
    found = spreads(models, [TARGET == 0, TARGET == 1, np.zeros(N, bool)])
    np.testing.assert_allclose(found[:2], right.std(axis=1, ddof=1))
    assert np.isnan(found[2])


def test_churn_is_disagreement_over_pairs_and_not_agreement():
    models = [model(seed) for seed in range(3)]
    pairs = [(0, 1), (0, 2), (1, 2)]
    wanted = np.mean([(models[i].predicted != models[j].predicted).mean() for i, j in pairs])
    assert pairwise_churn(models, EVERYONE)[0] == pytest.approx(wanted)
    assert pairwise_churn([models[0], models[0]], EVERYONE)[0] == 0


def test_independent_errors_spread_classes_as_their_sizes_force():
    ratios = np.array([
        class_over_overall([model(40 * rep + seed, error=0.5) for seed in range(8)]) for rep in range(60)
    ])
    # of errors at even odds a class of n spreads as 1 / √n: √(mean of 400/300 and 400/100)
    assert np.median(ratios[:, 1]) == pytest.approx(np.sqrt((400 / 300 + 4) / 2), rel=0.02)
    assert np.median(ratios[:, 0]) == pytest.approx(np.median(ratios[:, 1]), rel=0.15)


def test_models_that_do_not_differ_have_no_ratio():
    assert class_over_overall([model(0), model(0)]) is None


def test_findings_pool_the_sets_and_stand_beside_the_test_sets_floor():
    sets = tuple(tuple(model(10 * part + seed) for seed in range(4)) for part in range(3))
    found = Findings(tuple(arm_findings(Arm(name="ALGO", sets=sets), by="sex")))
    whole = found.only(measure="run_sd", group=None, label=None)
    pooled = np.sqrt(np.mean([spreads(models, EVERYONE)[0] ** 2 for models in sets]))
    assert whole.value == pytest.approx(pooled)
    assert whole.low == pytest.approx(pooled * np.sqrt(9 / stats.chi2.ppf(0.975, 9)))
    assert whole.null is not None
    error = 1 - np.mean([item.correct.mean() for models in sets for item in models])
    assert whole.null.value == pytest.approx(np.sqrt(error / (2 * N)), rel=0.01)
    assert {item.group for item in found.where(measure="churn", by="sex")} == {"f", "m"}
    assert {item.label for item in found if item.label} == {"a", "b"}


def test_the_order_of_sets_and_models_does_not_matter():
    sets = tuple(tuple(model(10 * part + seed) for seed in range(3)) for part in range(2))
    turned = tuple(models[::-1] for models in sets[::-1])
    one, other = (list(arm_findings(Arm(name="IMPL", sets=own), by=None)) for own in (sets, turned))
    for left, right in zip(one, other, strict=True):
        assert left.value == pytest.approx(right.value, abs=1e-12)


@pytest.mark.parametrize("sets", [(), ((model(0),),), ((model(0), model(1)), (model(2),))])
def test_one_model_is_no_set(sets):
    with pytest.raises(BadInput, match="of fewer than 2 models"):
        Arm(name="ALGO", sets=sets)
