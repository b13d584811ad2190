"""Multipliers: projections against a solver, weights of gradients against autograd, and what is refused."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from disparate.constraints.multipliers import ascended, group_weights, weighted_mean, within_sum
from disparate.errors import BadInput

some = st.lists(st.floats(0, 3), min_size=1, max_size=5)


def named(values):
    return {f"g{place}": value for place, value in enumerate(values)}


@settings(max_examples=40, deadline=None)
@given(values=some, most=st.floats(0, 2))
def test_the_projection_is_the_nearest_point(values, most):
    found = np.array(list(within_sum(named(values), most).values()))
    assert found.min() >= 0
    assert found.sum() <= most + 1e-9
    start = np.full(len(values), most / len(values))
    nearest = minimize(
        lambda x: ((x - values) ** 2).sum(),
        start,
        jac=lambda x: 2 * (x - values),
        bounds=[(0, None)] * len(values),
        constraints=[{"type": "ineq", "fun": lambda x: most - x.sum()}],
        options={"ftol": 1e-14, "maxiter": 500},
    )
    assert ((found - values) ** 2).sum() <= nearest.fun + 1e-6


def test_a_sum_of_nothing_leaves_nothing():
    assert within_sum({"a": 0.3, "b": 0.7}, 0.0) == {"a": 0.0, "b": 0.0}


@settings(max_examples=40, deadline=None)
@given(counts=st.lists(st.integers(1, 9), min_size=2, max_size=5), seed=st.integers(0, 100))
def test_weights_are_those_of_the_gradient(counts, seed):
    rng = np.random.default_rng(seed)
    pulls, shares = rng.normal(size=len(counts)), np.array(counts) / sum(counts)
    losses = torch.from_numpy(rng.normal(size=len(counts))).requires_grad_()
    whole = (torch.from_numpy(shares) * losses).sum()
    (whole + (torch.from_numpy(pulls) * (losses - whole)).sum()).backward()
    found = group_weights(named(shares), named(pulls))
    np.testing.assert_allclose(list(found.values()), losses.grad, atol=1e-12)
    assert math.isclose(sum(found.values()), 1, abs_tol=1e-9)


def test_ascent_stops_at_both_ends_and_leaves_alone_what_was_not_seen():
    start = {"a": 0.1, "b": -0.1, "c": 0.3}
    found = ascended(start, {"a": 9.0, "b": -9.0}, step=1.0, low=-0.5, high=0.5, when="")
    assert found == {"a": 0.5, "b": -0.5, "c": 0.3}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_refused_by_name(value):
    with pytest.raises(BadInput, match=rf"the violation of group 'b' is {value} in epoch 3; a finite number"):
        ascended({"a": 0.1, "b": 0.2}, {"a": 0.0, "b": value}, step=1.0, low=0, high=1, when="in epoch 3")


def test_a_mean_over_some_groups_is_by_their_shares():
    shares = {"a": 0.5, "b": 0.3, "c": 0.2}
    assert weighted_mean({"b": 1.0, "c": 2.0}, shares) == pytest.approx(0.7 / 0.5)
    assert weighted_mean({}, shares) == 0
