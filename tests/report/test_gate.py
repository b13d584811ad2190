import pytest
from hypothesis import given
from hypothesis import strategies as st

from disparate.errors import BadInput
from disparate.findings import Finding, Findings, Null
from disparate.report.gate import EXIT_CODES, Threshold, gate, judge


def gap(low, high, *, variant="int8", reference=None, **more):
    value = None if low is None else (low + high) / 2
    return Finding(
        measure=more.pop("measure", "accuracy_gap"),
        where={"by": "race"},
        variant=variant,
        reference=reference,
        value=value,
        low=low,
        high=high,
        unit="share",
        undefined=None if value is not None else "every group holds one class",
        **more,
    )


def outcome(*items, **limits):
    return gate(Findings(items), maxima=limits.get("maxima", {}), minima=limits.get("minima", {})).outcome


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.0, 0.01, "pass"),
        (0.0, 0.02, "pass"),
        (0.03, 0.04, "fail"),
        (0.01, 0.03, "inconclusive"),
        (0.02, 0.03, "inconclusive"),
    ],
)
def test_a_maximum_is_held_against_interval_ends(low, high, expected):
    assert outcome(gap(low, high), maxima={"accuracy_gap": 0.02}) == expected


@pytest.mark.parametrize(
    ("low", "high", "expected"), [(0.6, 0.7, "pass"), (0.4, 0.5, "fail"), (0.5, 0.7, "inconclusive")]
)
def test_a_minimum_is_held_against_interval_ends(low, high, expected):
    item = gap(low, high, measure="worst_group_accuracy")
    assert outcome(item, minima={"worst_group_accuracy": 0.6}) == expected


@given(low=st.floats(0, 1), width=st.floats(0, 1), limit=st.floats(0, 1))
def test_only_an_interval_that_is_inside_passes(low, width, limit):
    found = outcome(gap(low, low + width), maxima={"accuracy_gap": limit})
    assert (found == "pass") == (low + width <= limit)
    assert (found == "fail") == (low > limit)


def test_undefined_is_never_a_pass():
    verdict = gate(Findings((gap(None, None),)), maxima={"accuracy_gap": 1.0}, minima={})
    assert verdict.outcome == "inconclusive"
    assert verdict.reasons == (
        "max accuracy_gap=1: int8 is inconclusive, everyone by race undefined: every group holds one class.",
    )


def test_no_such_finding_is_never_a_pass():
    verdict = gate(Findings((gap(0, 0.01),)), maxima={"acuracy_gap": 1.0}, minima={})
    assert verdict.outcome == "inconclusive"
    assert verdict.reasons == (
        "max acuracy_gap=1.0: inconclusive, there is no finding 'acuracy_gap'. Did you mean 'accuracy_gap'?".replace(
            "1.0", "1"
        ),
    )


@pytest.mark.parametrize(
    ("why", "reference", "value", "expected"),
    [
        ("3 examples, fewer than 30", "reference", 0.0, "inconclusive"),
        ("nothing varies", "reference", 0.0, "pass"),
        ("nothing varies", "reference", -0.5, "inconclusive"),
        ("nothing varies", None, 0.0, "inconclusive"),  # 30 of 30 right in each of two groups
    ],
)
def test_without_interval_only_a_difference_of_exactly_zero_passes(why, reference, value, expected):
    item = Finding(
        measure="accuracy_gap",
        variant="int8",
        reference=reference,
        value=value,
        unit="share",
        method=f"no interval: {why}",
    )
    name = "accuracy_gap" if reference is None else "change:accuracy_gap"
    verdict = gate(Findings((item,)), maxima={name: 0.0001}, minima={})
    assert verdict.outcome == expected
    assert verdict.reasons[0].endswith(": a limit needs an interval.") == (expected == "inconclusive")


def test_the_reference_is_not_judged():
    items = (gap(0.5, 0.6, variant="reference"), gap(0, 0.01))
    assert outcome(*items, maxima={"accuracy_gap": 0.02}) == "pass"


def test_change_addresses_the_difference_to_the_reference():
    items = (gap(0.5, 0.6), gap(0.0, 0.005, reference="reference"))
    assert outcome(*items, maxima={"change:accuracy_gap": 0.01}) == "pass"
    assert outcome(*items, maxima={"accuracy_gap": 0.01}) == "fail"


def test_comparisons_are_judged_group_by_group_and_the_worst_is_named():
    items = tuple(
        gap(
            low,
            low + 0.01,
            measure="churn",
            group=name,
            reference="reference",
            null=Null(name="N1 repeat", value=0.002),
        )
        for name, low in (("m", 0.0), ("f", 0.3))
    )
    verdict = gate(Findings(items), maxima={"churn": 0.1}, minima={})
    assert verdict.outcome == "fail"
    assert verdict.reasons == (
        "max churn=0.1: int8 fails, group f by race at 30.5 points (interval 30.0 to 31.0, noise floor 0.2), the worst "
        "of 2 that are not corrected for their number.",
    )
    assert outcome(*items, maxima={"churn[group=m]": 0.1}) == "pass"


def test_a_variant_without_the_finding_is_inconclusive():
    items = (gap(0, 0.01), gap(0.1, 0.2, variant="prune", measure="accuracy"))
    verdict = gate(Findings(items), maxima={"accuracy_gap": 0.02}, minima={})
    assert verdict.outcome == "inconclusive"
    assert verdict.reasons[1] == "max accuracy_gap=0.02: prune inconclusive, it has no such finding."


def test_hardware_sensitivity_concerns_those_that_have_it():
    items = (gap(0, 0.01), gap(0, 0.01, measure="hardware_sensitivity", variant="hardware", reference="reference"))
    assert outcome(*items, maxima={"hardware_sensitivity": 0.02}) == "pass"


def test_numbers_of_several_units_are_inconclusive_until_one_is_named():
    items = tuple(
        Finding(
            measure="hardware_sensitivity",
            where={"of": of},
            variant="hardware",
            reference="reference",
            value=0.0,
            low=0.0,
            high=0.01,
            unit=unit,
        )
        for of, unit in (("accuracy", "share"), ("loss", "nats"))
    )
    verdict = gate(Findings(items), maxima={"hardware_sensitivity": 0.02}, minima={})
    assert verdict.reasons == (
        "max hardware_sensitivity=0.02: inconclusive, it matches numbers in nats and share; "
        "say which, as in hardware_sensitivity[of=accuracy].",
    )
    assert outcome(*items, maxima={"hardware_sensitivity[of=accuracy]": 0.02}) == "pass"


def test_the_axis_of_all_chance_is_judged():
    items = tuple(
        Finding(
            measure="accuracy",
            where={"axis": axis},
            variant="int8",
            reference="reference",
            value=0.0,
            low=-reach,
            high=reach,
            unit="share",
        )
        for axis, reach in (("seeds", 0.001), ("both", 0.05))
    )
    assert outcome(*items, minima={"change:accuracy": -0.01}) == "inconclusive"
    assert outcome(*items, minima={"change:accuracy[axis=seeds]": -0.01}) == "pass"


def test_overall_is_the_worst():
    items = (gap(0, 0.01, variant="a"), gap(0.01, 0.03, variant="b"))
    assert outcome(*items, maxima={"accuracy_gap": 0.02}) == "inconclusive"
    assert outcome(*items, gap(0.3, 0.4, variant="c"), maxima={"accuracy_gap": 0.02}) == "fail"


def test_without_thresholds_nothing_is_judged():
    assert judge(Findings((gap(0, 1),)), []).outcome == "not asked"
    assert EXIT_CODES == {"pass": 0, "not asked": 0, "fail": 1, "inconclusive": 2}


@pytest.mark.parametrize(
    "text", ["accuracy_gap", "accuracy_gap=", "=0.1", "a b=1", "change=accuracy=1", "churn[group]=1"]
)
def test_what_is_no_threshold_is_refused(text):
    with pytest.raises(BadInput, match=r"was expected\.$"):
        Threshold.parse(text, side="max")


@pytest.mark.parametrize("limit", ["two", "nan", "inf"])
def test_a_limit_has_to_be_a_number(limit):
    with pytest.raises(BadInput, match=f"threshold 'churn={limit}': '{limit}' is no number; 'measure=number', "):
        Threshold.parse(f"churn={limit}", side="max")


@given(limit=st.floats(-1, 1), change=st.booleans(), group=st.sampled_from(["f", "75+ / Indian", "tone 1"]))
def test_a_threshold_is_read_back(limit, change, group):
    text = f"{'change:' if change else ''}accuracy[by=sex,group={group}]={limit!r}"
    found = Threshold.parse(text, side="min")
    assert (found.limit, found.change, found.where) == (limit, change, {"by": "sex", "group": group})
