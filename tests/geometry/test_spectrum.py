"""Spectra per group against dense matrices, scipy, curvlinops; the density's integrals; the theorem on a quadratic."""

import numpy as np
import pytest
import torch
from curvlinops import HessianLinearOperator
from geometry_networks import DENSE, surface, two_groups
from scipy.sparse.linalg import eigsh
from torch import nn

from disparate.errors import BadInput
from disparate.geometry.spectrum import density, downhill, group_spectra, random_vector, spectrum, warm_start

KINDS = list(DENSE)


def seeded() -> np.random.Generator:
    return np.random.default_rng(5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["gelu", "convolutional", "attention"])
def test_eigenvalues_of_every_group_are_those_of_the_dense_matrix(name, kind):
    on = surface(name)
    found = group_spectra(on, two_groups(), kind=kind, count=2, tolerance=1e-6, generator=seeded())
    assert list(found) == ["f", "m"]
    for group, part in on.by_group(two_groups()).items():
        expected = torch.linalg.eigvalsh(DENSE[kind](part)).flip(0)[:2]
        np.testing.assert_allclose(found[group].values, expected, rtol=1e-8)
        assert found[group].converged.all()
        assert found[group].n == len(part.rows)


def test_eigenvalues_agree_with_curvlinops_and_eigsh():
    on = surface("convolutional", batch_size=12)
    loss = nn.CrossEntropyLoss()
    data = [(inputs, target) for inputs, target in on.batches()]
    operator = HessianLinearOperator(on.model, loss, list(on.parameters), data)
    expected = eigsh(operator.to_scipy(), k=2, which="LA", return_eigenvectors=False)[::-1]
    found = spectrum(on, random_vector(on, seeded()), count=2, tolerance=1e-6, generator=seeded())
    np.testing.assert_allclose(found.values, expected, rtol=1e-6)


def test_a_start_from_another_group_saves_products():
    on = surface("convolutional")
    options = {"tolerance": 1e-4, "generator": seeded()}
    first = spectrum(on.over(np.arange(11)), random_vector(on, seeded()), **options)
    cold = spectrum(on, random_vector(on, seeded()), **options)
    warm = spectrum(on, warm_start(first.vectors, 0.01 * random_vector(on, seeded())), **options)
    assert warm.products <= cold.products
    assert warm.values[0] == pytest.approx(cold.values[0], rel=1e-4)


@pytest.mark.parametrize("name", ["gelu", "convolutional", "attention"])
def test_a_start_along_the_gradient_saves_products(name):
    on = surface(name)
    options = {"tolerance": 1e-2, "generator": seeded()}
    cold = [spectrum(on, random_vector(on, np.random.default_rng(seed)), **options) for seed in range(20)]
    own = [spectrum(on, downhill(on, np.random.default_rng(seed)), **options) for seed in range(20)]
    assert sum(item.products for item in own) < sum(item.products for item in cold)
    for item in own:
        assert item.values[0] == pytest.approx(cold[0].values[0], rel=1e-3)


def test_a_flat_group_starts_at_random():
    flat = surface("linear")
    flat.model.weight.data.zero_()
    flat.model.bias.data.zero_()
    constant = flat.__class__(
        model=flat.model,
        inputs=lambda rows: torch.ones(len(rows), 4, dtype=torch.float64),
        target=flat.target,
        rows=flat.rows,
    )
    start = downhill(constant, seeded())
    found = spectrum(constant, start, generator=seeded())
    assert torch.isfinite(start).all()
    assert found.values[0] == pytest.approx(5 / 3)  # four inputs and a bias of 1, times an eigenvalue of 1/3


@pytest.mark.parametrize("kind", ["hessian", "ggn"])
def test_density_has_the_trace_and_the_moments_of_the_matrix(kind):
    on = surface("gelu")
    known = spectrum(on, random_vector(on, seeded()), kind=kind, count=3, tolerance=1e-6, generator=seeded())
    found = density(on, known, probes=40, steps=6, generator=seeded())
    matrix = DENSE[kind](on)
    assert found.weights.sum() == pytest.approx(1)
    assert abs(found.trace - float(matrix.trace())) < 4 * found.trace_error
    second = on.size * float((found.weights * found.nodes**2).sum())
    assert second == pytest.approx(float((matrix**2).sum()), rel=0.05)
    assert found.products == 40 * 6
    assert found.share_above(known.values[2] * 0.999) == pytest.approx(3 / on.size, abs=1e-3)


def test_known_eigenvalues_add_no_variance_to_the_trace():
    on = surface("linear")
    errors = [
        density(
            on,
            spectrum(on, random_vector(on, seeded()), count=count, tolerance=1e-6, generator=seeded()),
            probes=8,
            steps=1,
            generator=seeded(),
        ).trace_error
        for count in (1, 6)
    ]
    assert errors[1] < errors[0] / 3


def test_the_smooth_density_integrates_to_one():
    on = surface("linear")
    known = spectrum(on, random_vector(on, seeded()), generator=seeded())
    found = density(on, known, generator=seeded())
    at = np.linspace(-2, 3, 5001)
    assert np.trapezoid(found.smooth(at, width=0.02), at) == pytest.approx(1, abs=1e-6)
    with pytest.raises(BadInput, match="width is 0"):
        found.smooth(at, width=0)


def test_density_refuses_one_probe_and_foreign_eigenvalues():
    on = surface("linear")
    known = spectrum(on, random_vector(on, seeded()), generator=seeded())
    with pytest.raises(BadInput, match="probes is 1"):
        density(on, known, probes=1, generator=seeded())
    with pytest.raises(BadInput, match="of 12 examples"):
        density(on.over(np.arange(5)), known, generator=seeded())


def test_random_vectors_are_signs_and_follow_the_generator():
    on = surface("gelu")
    first, again = random_vector(on, seeded()), random_vector(on, seeded())
    assert torch.equal(first, again)
    assert sorted(set(first.tolist())) == [-1.0, 1.0]
    assert first.dtype == torch.float64
