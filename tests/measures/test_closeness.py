"""Closeness and distance from logits: identities, ranges and directions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from disparate.errors import BadInput
from disparate.measures.closeness import (
    closeness_gini,
    closeness_product,
    distance_logit,
    distance_logit_signed,
    distance_probability,
)

FROM_LOGITS = [closeness_gini, distance_probability, distance_logit]


def softmax(logits):
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


@st.composite
def logits(draw):
    shape = (draw(st.integers(1, 6)), draw(st.integers(2, 100)))
    return draw(arrays(np.float64, shape, elements=st.floats(-40, 40)))


@given(logits())
def test_gini_is_the_trace_of_the_hessian_of_the_softmax(values):
    for p, closeness in zip(softmax(values), closeness_gini(values), strict=True):
        hessian = np.diag(p) - np.outer(p, p)
        assert closeness == pytest.approx(np.trace(hessian), abs=1e-12)
        top = np.linalg.eigvalsh(hessian)[-1]
        assert closeness / (len(p) - 1) - 1e-12 <= top <= min(closeness, 0.5) + 1e-12


@given(logits())
def test_values_stay_in_their_ranges(values):
    classes = values.shape[1]
    assert ((closeness_gini(values) >= 0) & (closeness_gini(values) <= 1 - 1 / classes + 1e-15)).all()
    assert ((distance_probability(values) >= 0) & (distance_probability(values) <= 1)).all()
    assert (distance_logit(values) >= 0).all()


@given(logits())
def test_probability_margin_is_the_difference_of_the_two_largest(values):
    top = np.sort(softmax(values), axis=1)
    np.testing.assert_allclose(distance_probability(values), top[:, -1] - top[:, -2], atol=1e-12)


@given(logits(), st.data())
def test_signed_margin_is_positive_exactly_where_the_answer_is_right(values, data):
    target = np.array([data.draw(st.integers(0, values.shape[1] - 1)) for _ in values])
    signed = distance_logit_signed(values, target)
    right = signed > 0
    np.testing.assert_array_equal(signed[right], distance_logit(values)[right])
    assert (values.argmax(axis=1)[right] == target[right]).all()
    assert (signed[values[np.arange(len(values)), target] < values.max(axis=1)] < 0).all()


def test_two_classes_give_half_of_gini_in_closed_form():
    gap = np.array([0.0, 1.0, -3.0, 700.0])
    values = np.stack([np.zeros(4), gap], axis=1)
    f = 1 / (1 + np.exp(-gap))
    np.testing.assert_allclose(closeness_product(values)[:3], (f * (1 - f))[:3], rtol=1e-14)
    np.testing.assert_allclose(closeness_product(values)[3], np.exp(-700.0), rtol=1e-12)  # 1 - f is 0 in float64
    assert (closeness_product(values) * 2 == closeness_gini(values)).all()


def test_scaling_the_last_layer_moves_the_logit_margin_and_not_the_boundary():
    values = np.random.default_rng(0).normal(size=(20, 5))
    np.testing.assert_allclose(distance_logit(3 * values), 3 * distance_logit(values))
    assert (closeness_gini(3 * values) < closeness_gini(values)).mean() > 0.5
    assert (values.argmax(axis=1) == (3 * values).argmax(axis=1)).all()


def test_closeness_and_distance_point_opposite_ways():
    values = np.random.default_rng(0).normal(size=(500, 4)) * 3
    close = closeness_gini(values).argsort().argsort()
    for distance in (distance_probability, distance_logit):
        assert np.corrcoef(close, distance(values).argsort().argsort())[0, 1] < -0.8


def test_a_confident_wrong_answer_counts_as_far():
    values = np.array([[9.0, 0.0]])
    assert closeness_gini(values)[0] < 1e-3
    assert distance_logit_signed(values, np.array([1])).tolist() == [-9.0]


def test_no_example_gives_no_value():
    assert [f(np.zeros((0, 3))).shape for f in FROM_LOGITS] == [(0,)] * 3


@pytest.mark.parametrize("measure", FROM_LOGITS)
@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((3, 1)), r"shape \(3, 1\)"),
        (np.zeros(3), r"shape \(3,\)"),
        (np.array([[0.0, 1.0], [np.nan, 0.0]]), "1 of 2 examples are not finite, first in row 1"),
        (np.array([[0.0, -np.inf]]), "use -1e4 there"),
    ],
)
def test_bad_logits_are_refused(measure, values, message):
    with pytest.raises(BadInput, match=message):
        measure(values)


def test_the_binary_form_is_refused_for_three_classes():
    with pytest.raises(BadInput, match="3 classes given; 2 were expected"):
        closeness_product(np.zeros((1, 3)))


@pytest.mark.parametrize("target", [[0], [0, 2], [-1, 0]])
def test_targets_have_to_be_classes(target):
    with pytest.raises(BadInput, match="one class from 0 to 1 per example"):
        distance_logit_signed(np.zeros((2, 2)), np.array(target))
