"""Where planted trials stand, and comparisons against independent tests."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from disparate.auditing.plan import acts_on_training
from disparate.errors import BadInput
from disparate.measures.assess import assess
from disparate.predictions import REFERENCE
from disparate.search.aims import Aim
from disparate.search.comparing import compared, rulers, told
from disparate.search.standing import numbers_of, pairs_of, points_of


@pytest.fixture
def found(planted):
    return planted.answered()


def points(planted, found):
    return {
        point.name: point
        for point in points_of(planted.question, found, planted.tried, pairs_of(planted.question, found))
    }


def test_planted_trials_stand_where_they_belong(planted, found):
    stands = points(planted, found)
    assert stands["better"].standing == "front"
    assert stands["worse"].standing == stands["no change"].standing == stands[REFERENCE].standing == "dominated"
    assert stands["level down"].standing == "front"  # the gap is smallest there: a trade, which the page flags
    assert stands["trade"].on_front
    assert set(stands["worse"].dominated_by) >= {"better", REFERENCE, "no change"}
    assert stands["no change"].alike == (REFERENCE,)
    assert stands["better"].alike == ()


def test_what_is_not_told_apart_is_on_the_front_though_not_by_value(planted):
    few = replace(planted, sizes={"m": 60, "f": 60}, effects={"better": {"f": -0.02}, "worse": {"f": 0.02}})
    stands = points(few, few.answered())
    assert {point.standing for point in stands.values()} <= {"front", "not distinguishable"}
    assert stands["worse"].standing == "not distinguishable"
    assert set(stands["worse"].alike) == {REFERENCE, "better"}


def test_one_seed_and_another_training_tell_nothing(planted, found):
    """With one seed, trials of different trainings cannot be told from chance, however large the difference."""
    alone = replace(planted, seeds=1)
    answered = alone.answered()
    aims = alone.question.aims
    used = rulers(
        aims,
        answered.answers.predictions,
        reference_groups={},
        replicates=50,
        generator=np.random.default_rng(0),
    )
    names = [REFERENCE, "better", "worse"]
    apart = {name: place for place, name in enumerate(names)}
    same = dict.fromkeys(names, 0)
    assert any(pair.better for pair in compared(aims[0], used[0], names, weights=same, level=0.95))
    assert not any(pair.better for pair in compared(aims[0], used[0], names, weights=apart, level=0.95))


def test_trials_that_could_not_be_answered_have_no_place(planted):
    lost = replace(planted, missing=("better",))
    stands = points(lost, lost.answered())
    assert (stands["better"].standing, stands["better"].undefined) == ("undefined", "JobFailed: it diverged")
    assert all("better" not in point.dominated_by + point.alike for point in stands.values())


def test_an_undefined_aim_has_no_place_and_says_why(planted):
    """A group that nobody of is seen has no rate."""
    empty = replace(
        planted,
        aims={"maximize": ["accuracy"], "minimize": ["fpr[label=no,group=f]"]},
        effects={"some": {}},
    )
    assert points(empty, empty.answered())["some"].standing != "undefined"
    never = replace(empty, aims={"maximize": ["accuracy", "precision[label=no,group=f]"], "minimize": ["accuracy_gap"]})
    certain = replace(never, errors={"m": 0.1, "f": 0.0})
    stands = points(certain, certain.answered())
    assert {point.standing for point in stands.values()} == {"undefined"}
    assert stands["some"].undefined.startswith("precision[label=no,group=f] is undefined: ")
    assert numbers_of(certain.question, certain.answered()) == {}


def test_differences_are_those_of_a_paired_t_test_over_seeds(planted, found):
    aims = planted.question.aims
    used = rulers(
        aims, found.answers.predictions, reference_groups={}, replicates=50, generator=np.random.default_rng(0)
    )
    weights = {"better": 1, "trade": 2}
    pair = compared(aims[0], used[0], ["better", "trade"], weights=weights, level=0.95)[0]
    right = {
        name: [item.correct.mean() for item in found.answers.predictions if item.run.variant == name]
        for name in weights
    }
    expected = stats.ttest_rel(right["better"], right["trade"])
    low, high = expected.confidence_interval(0.95)
    assert pair.value == pytest.approx(np.mean(right["better"]) - np.mean(right["trade"]))
    assert pair.p_value == pytest.approx(expected.pvalue)
    assert (pair.low, pair.high) == (pytest.approx(low), pytest.approx(high))


def test_against_the_reference_they_are_the_findings_of_the_audit(planted, found):
    aims = [
        Aim.parse("accuracy", better="higher", groups=("sex",)),
        Aim.parse("accuracy[group=f]", better="higher", groups=("sex",)),
        Aim.parse("churn", better="lower", groups=("sex",)),
        Aim.parse("excessive_risk[group=f]", better="lower", groups=("sex",)),
    ]
    audit = found.audit
    findings = assess(
        found.answers.predictions,
        by=audit.groups,
        measures=["accuracy", "churn", "excessive_risk"],
        acts_on_training=acts_on_training(audit, found.answers.fingerprints),
        replicates=50,
        generator=np.random.default_rng(0),
    )
    used = rulers(
        aims, found.answers.predictions, reference_groups={}, replicates=50, generator=np.random.default_rng(0)
    )
    for aim, ruler in zip(aims, used, strict=True):
        pair = compared(aim, ruler, [REFERENCE, "better"], weights={REFERENCE: 0, "better": 0}, level=0.95)[0]
        finding = aim.finding(findings, "better")
        assert finding is not None
        assert -pair.value == pytest.approx(finding.value)
        assert (-pair.high, -pair.low) == (pytest.approx(finding.low), pytest.approx(finding.high))


def test_p_values_are_corrected_for_the_number_of_pairs(planted, found):
    aims = planted.question.aims
    pairs = [pair for pair in pairs_of(planted.question, found) if pair.aim == aims[0].text]
    adjusted = stats.false_discovery_control([pair.p_value for pair in pairs if pair.p_value is not None])
    assert [pair.adjusted for pair in pairs if pair.p_value is not None] == pytest.approx(adjusted.tolist())
    assert len(pairs) == 15


def test_what_is_told_is_the_reverse_of_its_mirror(planted, found):
    names = [REFERENCE, *planted.effects]
    apart = told(pairs_of(planted.question, found), planted.question.aims, names)
    assert np.array_equal(apart, -apart.transpose(0, 2, 1))
    better, worse = names.index("better"), names.index("worse")
    assert apart[:, better, worse].tolist() == [1, 1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("accuracy[group=x]", "accuracy has a number for every group, and there is no group 'x'. Known: f, m."),
        ("accuracy[by=sex]", "accuracy has a number for every group, and none is named."),
        ("tpr", "tpr has a number for every label, and none is named."),
        ("accuracy_gap[group=f]", "accuracy_gap has no number for it; leave group and label out."),
    ],
)
def test_an_aim_that_has_no_number(planted, found, text, said):
    better = "lower" if "gap" in text else "higher"
    aims = [Aim.parse(text, better=better, groups=("sex",))]
    with pytest.raises(BadInput) as caught:
        rulers(aims, found.answers.predictions, reference_groups={}, replicates=1, generator=np.random.default_rng(0))
    assert said in str(caught.value)
