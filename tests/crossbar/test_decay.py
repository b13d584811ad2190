"""Decay and wires: the power law, and the loss of voltage against the solved network of resistors."""

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.sparse import lil_matrix
from scipy.sparse.linalg import spsolve

from disparate.crossbar.decay import drifted, loss_along_wires
from disparate.crossbar.device import Device


def solved(conductance: np.ndarray, voltage: np.ndarray, wire: float) -> np.ndarray:
    """Return the currents of all columns by Kirchhoff's law at every node; conductance in S, wire in Ω."""
    rows, columns = conductance.shape
    upper = np.arange(rows * columns).reshape(rows, columns)  # nodes of the row wires
    lower = upper + rows * columns
    g = 1 / wire
    system, right = lil_matrix((2 * rows * columns,) * 2), np.zeros(2 * rows * columns)
    joined = [
        *zip(upper.flat, lower.flat, conductance.flat, strict=True),
        *((one, other, g) for one, other in zip(upper[:, :-1].flat, upper[:, 1:].flat, strict=True)),
        *((one, other, g) for one, other in zip(lower[:-1].flat, lower[1:].flat, strict=True)),
    ]
    for one, other, value in joined:
        for this, that in ((one, other), (other, one)):
            system[this, this] += value
            system[this, that] -= value
    for node in (*upper[:, 0], *lower[-1]):
        system[node, node] += g
    right[upper[:, 0]] = g * voltage
    return g * spsolve(system.tocsr(), right)[lower[-1]]


def test_the_network_of_resistors_without_loss_is_the_product():
    conductance = np.random.default_rng(0).uniform(1e-6, 1e-4, (3, 4))
    voltage = np.array([0.2, 0.5, 1.0])
    np.testing.assert_allclose(solved(conductance, voltage, 1e-6), voltage @ conductance, rtol=1e-6)


@pytest.mark.parametrize("shape", [(1, 5), (6, 1), (5, 4), (8, 8)])
def test_loss_is_right_to_first_order(shape):
    """A wire of half the resistance leaves a quarter of the error."""
    generator = np.random.default_rng(1)
    conductance, voltage = generator.uniform(1, 100, shape), generator.uniform(-1, 1, shape[0])
    errors = []
    for wire in (8.0, 4.0):
        kept = loss_along_wires(torch.from_numpy(conductance), wire).numpy()
        found = voltage @ (conductance * kept * 1e-6)
        exact = solved(conductance * 1e-6, voltage, wire)
        errors.append(np.abs(found - exact).max())
        lost = np.abs(voltage @ conductance * 1e-6 - exact).max()
        assert errors[-1] < 0.2 * lost
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.15)


def test_a_single_cell_is_exact():
    kept = loss_along_wires(torch.tensor([[80.0]]).double(), 300.0).item()
    assert 80e-6 * kept == pytest.approx(solved(np.array([[80e-6]]), np.array([1.0]), 300.0)[0])


def test_far_cells_lose_more():
    kept = loss_along_wires(torch.full((4, 4), 50.0), 5.0)
    assert kept.argmax() == 12  # last row, first column: beside the driver and beside the reading
    assert kept.argmin() == 3
    assert torch.equal(loss_along_wires(torch.full((4, 4), 50.0), 0.0), torch.ones(4, 4))


def test_no_cell_gives_more_than_all_or_less_than_nothing():
    kept = loss_along_wires(torch.rand(64, 64) * 3000, 50.0)
    assert kept.min() > 0
    assert kept.max() <= 1


def test_arrays_side_by_side_do_not_mix():
    both = torch.rand(2, 5, 6) * 100
    torch.testing.assert_close(loss_along_wires(both, 2.0)[1], loss_along_wires(both[1], 2.0))


def test_decay_follows_the_power_law():
    device = Device(drift=0.06, drift_spread=0.02, drift_time=1e6, drift_start=1.0)
    deviate = torch.randn(100_000, generator=torch.Generator().manual_seed(0))
    found = drifted(torch.full((100_000,), 10.0), deviate, device)
    exponent = -(found.double() / 10.0).log() / np.log(1e6)
    assert exponent.min() >= -1e-6
    # ν is a normal number where that is positive, and 0 otherwise
    mean = 0.06 * stats.norm.cdf(3) + 0.02 * stats.norm.pdf(3)
    assert exponent.mean().item() == pytest.approx(mean, rel=0.01)
    assert exponent.std().item() == pytest.approx(0.02, rel=0.02)


def test_no_time_no_decay():
    device = Device(drift=0.1, drift_spread=0.1)
    assert not device.drifts
    conductance = torch.rand(5)
    assert torch.equal(drifted(conductance, torch.randn(5), device), conductance)
