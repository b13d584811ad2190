import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from disparate.findings import Finding
from disparate.recipes.readings import judged, overall, together
from disparate.recipes.reproduction import gap, outcome, points

DIFFERENCES = st.lists(st.floats(-1, 1, allow_nan=False, width=32), min_size=3, max_size=9).map(np.array)


@given(DIFFERENCES)
def test_a_sign_and_its_opposite_mirror_each_other(differences):
    mirror = {"seen": "contradicted", "contradicted": "seen", "not seen": "not seen"}
    assert (
        outcome(differences, sign=1) == mirror[outcome(-differences, sign=1)] == mirror[outcome(differences, sign=-1)]
    )


@given(DIFFERENCES)
def test_what_is_seen_is_significant_by_students_test(differences):
    if np.ptp(differences) > 1e-6 and outcome(differences, sign=1) == "seen":
        assert stats.ttest_1samp(differences, 0).pvalue < 0.05 + 1e-9
        assert (differences > 0).mean() >= 0.8


def test_two_seeds_tell_nothing_and_one_bad_seed_of_five_is_forgiven():
    assert outcome(np.array([1.0, 1.0]), sign=1) == "cannot be told"
    assert outcome(np.array([1.0, 1.1, 0.9, 1.0, -0.01]), sign=1) == "seen"
    assert outcome(np.array([1.0, 1.1, 0.9, -0.01, -0.01]), sign=1) == "not seen"
    assert outcome(np.zeros(5), sign=1) == "not seen"


def test_the_gap_leaves_out_a_group_without_an_example():
    assert gap(np.array([[0.9, np.nan, 0.7]])).tolist() == pytest.approx([0.2])


def test_points_are_points_with_a_students_interval():
    low, high = stats.t.interval(0.95, 2, loc=2, scale=1 / np.sqrt(3))
    text = points(np.array([0.01, 0.02, 0.03]))
    assert text == f"+2.0 [{low:+.1f}, {high:+.1f}]".replace("-", "−")


@pytest.mark.parametrize(("sign", "expected"), [(1, "seen"), (-1, "contradicted")])
def test_five_groups_in_one_order_are_just_enough(sign, expected):
    left = {name: float(place) for place, name in enumerate("abcde")}
    found = together(left, {name: 2 * value for name, value in left.items()}, claim="c", sign=sign)
    assert found.outcome == expected
    assert "p = 0.017" in found.here


def test_four_groups_are_never_enough_and_two_cannot_be_told():
    left = {name: float(place) for place, name in enumerate("abcd")}
    assert together(left, left, claim="c", sign=1).outcome == "not seen"
    assert together({"a": 1.0, "b": 2.0}, left, claim="c", sign=1).outcome == "cannot be told"


def finding(value, distinguishable):
    undefined = "why" if value is None else None
    return Finding(
        measure="accuracy", variant="v", value=value, unit="share", distinguishable=distinguishable, undefined=undefined
    )


@pytest.mark.parametrize(
    ("value", "clear", "expected"),
    [
        (-0.1, True, "seen"),
        (0.1, True, "contradicted"),
        (-0.1, False, "not seen"),
        (-0.1, None, "cannot be told"),
        (None, None, "cannot be told"),
    ],
)
def test_a_finding_is_judged_by_its_own_verdict(value, clear, expected):
    assert judged(finding(value, clear), sign=-1) == expected


def test_one_contradiction_outweighs_and_a_half_is_not_most():
    assert overall(["seen", "seen", "contradicted"]) == "contradicted"
    assert overall(["seen", "not seen"]) == "not seen"
    assert overall(["seen", "seen", "not seen", "cannot be told"]) == "seen"
    assert overall([]) == overall(["cannot be told"]) == "cannot be told"
