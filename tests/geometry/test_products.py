"""Curvature products against dense matrices in float64, and what an operator promises."""

import pytest
import torch
from geometry_networks import CLASSES, DENSE, NETWORKS, surface
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from disparate.errors import BadInput
from disparate.geometry.products import products, softmax_hessian


@pytest.mark.parametrize("batch_size", [5, 12], ids=["batches", "one batch"])
@pytest.mark.parametrize("kind", list(DENSE))
@pytest.mark.parametrize("name", list(NETWORKS))
def test_products_equal_the_dense_matrix(name, kind, batch_size):
    on = surface(name, batch_size=batch_size)
    operator = products(on, kind)
    vectors = torch.randn(3, on.size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected = DENSE[kind](on)
    assert expected.abs().max() > 1e-3
    for vector in vectors:
        torch.testing.assert_close(operator(vector), expected @ vector, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", list(DENSE))
def test_products_are_linear_and_symmetric(kind):
    operator = products(surface("gelu"), kind)
    left, right = torch.randn(2, surface("gelu").size, dtype=torch.float64)
    torch.testing.assert_close(operator(2 * left - right), 2 * operator(left) - operator(right))
    torch.testing.assert_close(left @ operator(right), right @ operator(left))


def test_single_precision_is_near():
    vector = torch.randn(surface("convolutional").size)
    single = products(surface("convolutional", dtype=torch.float32))(vector)
    torch.testing.assert_close(
        single.double(), products(surface("convolutional"))(vector.double()), rtol=1e-4, atol=1e-5
    )


def test_mode_and_gradients_are_left_alone():
    on = surface("residual")
    on.model.train()
    products(on)(torch.ones(on.size, dtype=torch.float64))
    assert on.model.training
    assert all(value.grad is None for value in on.parameters)


def test_a_parameter_without_a_part_has_no_curvature():
    on = surface("linear")
    on.model.register_parameter("idle", nn.Parameter(torch.ones(2, dtype=torch.float64)))
    found = products(on)(torch.ones(on.size, dtype=torch.float64))
    assert len(found) == on.size
    place = on.names.index("idle")
    assert on.split(found)[place].tolist() == [0.0, 0.0]


def test_a_diverged_network_is_refused():
    on = surface("linear")
    on.model.weight.data[0, 0] = torch.inf
    with pytest.raises(BadInput, match="not finite"):
        products(on)(torch.ones(on.size, dtype=torch.float64))


@given(st.lists(st.floats(-30, 30), min_size=2, max_size=8))
@settings(max_examples=50, deadline=None)
def test_the_trace_of_the_softmax_hessian_is_one_less_the_sum_of_squares(logits):
    chances = torch.tensor(logits, dtype=torch.float64).softmax(dim=0)
    matrix = softmax_hessian(chances, torch.eye(len(logits), dtype=torch.float64))
    assert float(matrix.trace()) == pytest.approx(1 - float((chances**2).sum()), abs=1e-12)


def test_the_softmax_hessian_is_the_hessian_of_the_loss():
    logits = torch.randn(CLASSES, dtype=torch.float64)
    expected = torch.func.hessian(lambda z: nn.functional.cross_entropy(z, torch.tensor(1)))(logits)
    torch.testing.assert_close(softmax_hessian(logits.softmax(0), torch.eye(CLASSES, dtype=torch.float64)), expected)
