"""The table of bounds: terms, errors, and what is said when a bound says nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from disparate.errors import BadInput
from disparate.explain.bounds import (
    TaylorBound,
    bound_findings,
    closeness_bound,
    gauss_newton_bound,
    loss_range,
    size_and_gradient,
)
from disparate.findings import Findings


def bound(**changes):
    settings = {"gradient_norm": 0.2, "eigenvalue": 3.0, "distance": 0.5, "change": 0.1, "loss_range": 0.7}
    return TaylorBound(**({**settings, "form": "signed"} | changes))


@st.composite
def quadratics(draw):
    """A gradient, a symmetric matrix and a step, of one size."""
    size = draw(st.integers(1, 5))
    entries = st.floats(-5, 5, allow_subnormal=False)
    half = draw(arrays(np.float64, (size, size), elements=entries))
    return (
        draw(arrays(np.float64, size, elements=entries)),
        half + half.T,
        draw(arrays(np.float64, size, elements=entries)),
    )


@given(quadratics())
def test_on_quadratics_both_forms_hold(quadratic):
    gradient, hessian, step = quadratic
    values = np.linalg.eigvalsh(hessian)
    change = float(gradient @ step + 0.5 * step @ hessian @ step)
    known = {"gradient_norm": float(np.linalg.norm(gradient)), "distance": float(np.linalg.norm(step))}
    assert bound(**known, eigenvalue=float(values[-1]), change=change).holds
    absolute = bound(**known, eigenvalue=float(np.abs(values).max()), change=abs(change), form="absolute")
    assert absolute.holds


@given(st.floats(0.1, 5), st.floats(0.1, 5), st.floats(0.01, 3))
def test_on_a_quadratic_the_worst_step_meets_it(slope, curvature, distance):
    change = slope * distance + 0.5 * curvature * distance**2
    met = bound(gradient_norm=slope, eigenvalue=curvature, distance=distance, change=change)
    assert met.tightness == pytest.approx(1.0)
    assert met.holds
    assert not bound(gradient_norm=slope, eigenvalue=curvature, distance=distance, change=1.01 * change).holds


def test_a_bound_above_the_range_is_vacuous():
    assert not bound(distance=0.5).vacuous
    assert bound(distance=5.0).vacuous
    assert loss_range(10) == pytest.approx(np.log(10))
    assert loss_range(2, 0.3, 4.0) == 4


def test_a_bound_that_is_not_positive_has_no_tightness():
    item = bound(gradient_norm=0.0, eigenvalue=-1.0, change=-0.2)
    assert item.tightness is None
    assert item.holds
    found = Findings(tuple(bound_findings({"a": [item]}, by="race", variant="v", split="train")))
    assert found.only(term="tightness").undefined == "the bound is not positive (1 of 1 seeds)"
    assert found.only(term="second").value == pytest.approx(-0.125)


def test_no_step_no_change_holds():
    assert bound(distance=0.0, change=0.0).holds
    assert bound(distance=0.0, change=0.0).tightness is None


def test_errors_are_those_of_the_delta_method():
    generator = np.random.default_rng(0)
    draws = [generator.normal(mean, se, 200_000) for mean, se in ((0.2, 0.01), (3.0, 0.2), (0.1, 0.01))]
    first, second = draws[0] * 0.5, 0.5 * draws[1] * 0.25
    item = bound(gradient_norm_se=0.01, eigenvalue_se=0.2, change_se=0.01)
    for term, simulated in (
        ("first", first),
        ("second", second),
        ("sum", first + second),
        ("tightness", draws[2] / (first + second)),
    ):
        assert item.se(term) == pytest.approx(simulated.std(), rel=0.03), term
    assert bound(gradient_norm_se=0.01).se("sum") is None
    assert bound(gradient_norm_se=0.01, eigenvalue_se=0.2).se("tightness") is None


def test_table_of_one_seed_has_intervals_over_examples():
    found = Findings(
        tuple(bound_findings({"a": [bound(gradient_norm_se=0.01)]}, by="race", variant="v", split="train"))
    )
    assert [item.where["term"] for item in found] == [
        "first", "second", "sum", "change", "range", "tightness", "vacuous", "holds",
    ]  # fmt: skip
    first = found.only(term="first")
    assert first.value == pytest.approx(0.1)
    assert (first.low, first.high) == pytest.approx((0.1 - 1.96 * 0.005, 0.1 + 1.96 * 0.005), abs=1e-5)
    assert first.method == "delta method over examples"
    assert found.only(term="second").low is None
    assert first.where == {"by": "race", "split": "train", "form": "signed", "term": "first"}


def test_table_of_several_seeds_has_intervals_over_seeds():
    seeds = [bound(change=change, distance=distance) for change, distance in ((0.1, 0.4), (0.9, 0.5), (0.2, 3.0))]
    found = Findings(tuple(bound_findings({"a": seeds}, by="race", variant="v", split="train")))
    tightness = found.only(term="tightness")
    assert tightness.value == pytest.approx(np.mean([item.tightness for item in seeds]))
    assert tightness.low < tightness.value < tightness.high
    assert found.only(term="holds").value == pytest.approx(2 / 3)
    assert found.only(term="vacuous").value == pytest.approx(1 / 3)
    assert found.only(term="holds").low is None


def test_the_order_of_groups_and_their_names_do_not_matter():
    left = {"a": [bound()], "b": [bound(change=0.3)]}
    table = list(bound_findings(left, by="race", variant="v", split="train"))
    other = list(bound_findings({"x": left["b"], "y": left["a"]}, by="race", variant="v", split="train"))
    assert [item.value for item in table[:8]] == [item.value for item in other[8:]]


@pytest.mark.parametrize(
    "changes",
    [{"gradient_norm": -1.0}, {"distance": float("nan")}, {"loss_range": 0.0}, {"eigenvalue": float("inf")}],
)
def test_what_is_no_norm_is_refused(changes):
    with pytest.raises(BadInput, match="finite numbers, norms from 0 and a positive range were expected"):
        bound(**changes)


@pytest.mark.parametrize("changes", [{"eigenvalue": -1.0}, {"change": -0.1}])
def test_an_absolute_bound_takes_magnitudes(changes):
    with pytest.raises(BadInput, match="magnitudes were expected"):
        bound(form="absolute", **changes)


@pytest.mark.parametrize(
    ("seeds", "message"), [([], "0 bounds of forms"), ([bound(), bound(form="absolute")], "one form was expected")]
)
def test_forms_are_not_mixed(seeds, message):
    with pytest.raises(BadInput, match=message):
        list(bound_findings({"a": seeds}, by="race", variant="v", split="train"))


def test_an_unknown_second_term_is_not_0():
    found = gauss_newton_bound(np.array([0.2, 0.4]))
    assert found.first == pytest.approx(0.3)
    assert found.sum is None
    assert found.first_se == pytest.approx(0.1)
    assert gauss_newton_bound(np.array([0.2])).first_se is None


@pytest.mark.parametrize("lengths", [(0, 0), (2, 1)])
def test_terms_of_other_examples_are_refused(lengths):
    left, right = (np.zeros(length) for length in lengths)
    with pytest.raises(BadInput, match="one entry per example was expected"):
        closeness_bound(left, left, slope=right, curvature=left)
    with pytest.raises(BadInput, match="0 examples given"):
        gauss_newton_bound(np.zeros(0))


def test_ties_of_size_are_no_pair():
    found = size_and_gradient({"a": 10, "b": 10, "c": 5}, {"a": 1.0, "b": 9.0, "c": 2.0}, whole=0.0)
    assert found.pairs == 2
    assert found.violations == (("b", "c"),)
    assert found.ratio is None


@pytest.mark.parametrize(
    ("sizes", "norms"),
    [({"a": 1}, {"a": 1.0}), ({"a": 1, "b": 2}, {"a": 1.0}), ({"a": 1, "b": 0}, {"a": 1.0, "b": 1.0})],
)
def test_groups_have_to_be_the_same_and_seen(sizes, norms):
    with pytest.raises(BadInput, match="the same two groups or more, none empty"):
        size_and_gradient(sizes, norms, whole=0.0)
