"""Lanczos on matrices whose eigenvalues are known: agreement, residuals, stopping, and that it says when it did not."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from disparate.errors import BadInput
from disparate.geometry.lanczos import dot, gauss_quadrature, largest_eigenvalues, norm, orthogonal

SIZE = 60


def symmetric(values, seed=0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    turned, _ = torch.linalg.qr(torch.randn(len(values), len(values), dtype=torch.float64, generator=generator))
    return turned @ torch.diag(torch.as_tensor(values, dtype=torch.float64)) @ turned.T


def found(matrix, start=None, **options):
    first = torch.randn(len(matrix), dtype=matrix.dtype, generator=torch.Generator().manual_seed(1))
    chosen = first if start is None else start
    return largest_eigenvalues(lambda v: matrix @ v, chosen, generator=np.random.default_rng(0), **options)


@pytest.mark.parametrize("count", [1, 3])
def test_eigenvalues_agree_with_the_dense_ones(count):
    matrix = symmetric(np.concatenate([[9.0, 7.0, 4.0], np.linspace(-1, 1, SIZE - 3)]))
    pairs = found(matrix, count=count, tolerance=1e-8)
    np.testing.assert_allclose(pairs.values, [9, 7, 4][:count], rtol=1e-9)
    assert pairs.converged.all()
    assert pairs.products < SIZE


def test_the_residual_is_the_length_that_it_says():
    matrix = symmetric(np.linspace(-1, 5, SIZE))
    pairs = found(matrix, count=2, tolerance=0.05)
    explicit = (matrix @ pairs.vectors.T - pairs.vectors.T * torch.from_numpy(pairs.values)).norm(dim=0)
    np.testing.assert_allclose(pairs.residuals, explicit.numpy(), rtol=1e-6)
    assert (pairs.residuals <= 0.05 * pairs.values).all()
    every = torch.linalg.eigvalsh(matrix).numpy()
    for value, residual in zip(pairs.values, pairs.residuals, strict=True):
        assert np.abs(every - value).min() <= residual


@given(st.lists(st.floats(-100, 100), min_size=2, max_size=12), st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_the_largest_is_never_below_a_rayleigh_quotient_nor_above_the_truth(values, seed):
    matrix = symmetric(values, seed)
    start = torch.randn(len(values), dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    scale = max(map(abs, values)) * 1e-9 + 1e-300
    value = found(matrix, start=start, tolerance=1e-6).values[0]
    assert value >= float(start @ matrix @ start / (start @ start)) - scale
    assert value <= max(values) + scale


def test_what_has_not_converged_says_so():
    pairs = found(symmetric(np.linspace(0, 1, SIZE)), tolerance=1e-6, most=3)
    assert pairs.products == 3
    assert not pairs.converged.any()
    assert pairs.residuals[0] > 1e-6 * pairs.values[0]


def test_a_matrix_of_zeros_has_zeros():
    pairs = found(torch.zeros(4, 4), count=2)
    assert pairs.values.tolist() == [0.0, 0.0]
    assert pairs.converged.all()


def test_several_equal_eigenvalues_are_all_found_where_they_are_asked_for():
    pairs = found(torch.eye(5, dtype=torch.float64) * 3, count=3)
    np.testing.assert_allclose(pairs.values, 3)
    np.testing.assert_allclose(pairs.vectors @ pairs.vectors.T, np.eye(3), atol=1e-12)


def test_the_lowest_comes_along_with_its_residual():
    matrix = symmetric(np.linspace(-4, 5, SIZE))
    pairs = found(matrix, tolerance=1e-3)
    every = torch.linalg.eigvalsh(matrix).numpy()
    assert pairs.lowest >= every[0] - 1e-9
    assert np.abs(every - pairs.lowest).min() <= pairs.lowest_residual


def test_negative_curvature_only():
    assert found(symmetric([-3.0, -2.0, -1.0]), tolerance=1e-9).values[0] == pytest.approx(-1)


def test_vectors_stay_orthonormal_in_single_precision():
    matrix = symmetric(np.concatenate([[1e4, 1e3, 100, 10, 5], np.linspace(0, 1, SIZE - 5)])).float()
    pairs = found(matrix, count=5, tolerance=1e-3, most=40)
    np.testing.assert_allclose(pairs.vectors @ pairs.vectors.T, np.eye(5), atol=1e-5)
    np.testing.assert_allclose(pairs.values, np.linalg.eigvalsh(matrix.numpy())[::-1][:5], rtol=1e-3)


def test_a_start_from_the_eigenvector_takes_one_product():
    matrix = symmetric(np.concatenate([[9.0], np.linspace(-1, 1, SIZE - 1)]))
    assert found(matrix, start=found(matrix, tolerance=1e-10).vectors[0], tolerance=1e-3).products == 1


def test_quadrature_is_exact_for_polynomials():
    matrix = symmetric(np.linspace(-2, 3, 20))
    start = torch.randn(20, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    nodes, weights = gauss_quadrature(lambda v: matrix @ v, start, steps=4)
    power = torch.eye(20, dtype=torch.float64)
    for degree in range(8):
        assert (weights * nodes**degree).sum() == pytest.approx(float(start @ power @ start / (start @ start)))
        power = power @ matrix


def test_quadrature_stops_where_there_is_nothing_more():
    nodes, weights = gauss_quadrature(lambda v: 2 * v, torch.ones(9), steps=5)
    np.testing.assert_allclose([nodes, weights], [[2], [1]], rtol=1e-6)


@pytest.mark.parametrize("size", [3, 4096, 10_001])
def test_scalars_are_summed_in_double(size):
    left, right = torch.randn(2, size, generator=torch.Generator().manual_seed(0))
    assert dot(left, right) == pytest.approx(float(left.double() @ right.double()), rel=1e-5, abs=1e-5)
    assert norm(torch.full((10_000_000,), 0.1)) == pytest.approx(math.sqrt(1e7) * 0.1, rel=1e-7)


def test_orthogonal_takes_the_parts_away():
    basis = [torch.tensor([1.0, 0, 0]), torch.tensor([0, 1.0, 0])]
    assert orthogonal(torch.tensor([1.0, 2, 3]), basis).tolist() == [0, 0, 3]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"count": 0}, "count is 0"),
        ({"count": 9}, "1 to 4"),
        ({"count": 3, "most": 2}, "most is 2"),
        ({"tolerance": 0.0}, "tolerance is 0.0"),
        ({"start": torch.zeros(4)}, "length 0.0"),
        ({"start": torch.full((4,), torch.nan)}, "length nan"),
    ],
)
def test_settings_out_of_range_are_refused(options, said):
    with pytest.raises(BadInput, match=said):
        found(torch.eye(4), **options)
    with pytest.raises(BadInput, match="steps is 0"):
        gauss_quadrature(lambda v: v, torch.ones(4), steps=0)
