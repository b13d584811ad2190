"""Variance of gradients: against a dense computation, and the toy of its paper."""

import copy

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.datasets import make_blobs
from torch import nn

from disparate.errors import BadInput
from disparate.geometry.variance_of_gradients import variance_of_gradients


def networks(k: int = 4) -> list[nn.Module]:
    torch.manual_seed(0)
    return [
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.GELU(), nn.Flatten(), nn.Linear(4 * 16, 5)).double()
        for _ in range(k)
    ]


def images(n: int = 7) -> tuple[torch.Tensor, np.ndarray]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(n, 3, 6, 6, generator=generator, dtype=torch.float64), np.arange(n) % 5


def test_it_equals_the_formula_image_by_image():
    checkpoints, (pictures, target) = networks(), images()
    found = variance_of_gradients(checkpoints, lambda rows: pictures[rows], target, np.arange(7), batch_size=3)
    for row in range(7):
        gradients = []
        for model in checkpoints:
            picture = pictures[row : row + 1].clone().requires_grad_()
            model.eval()(picture)[0, target[row]].backward()
            gradients.append(picture.grad[0].mean(dim=0).numpy())
        assert found[row] == pytest.approx(np.stack(gradients).std(axis=0).mean())


def test_equal_checkpoints_show_no_variance_and_their_order_does_not_matter():
    checkpoints, (pictures, target) = networks(), images()
    same = [checkpoints[0], copy.deepcopy(checkpoints[0])]
    rows = np.arange(7)
    np.testing.assert_allclose(variance_of_gradients(same, lambda r: pictures[r], target, rows), 0, atol=1e-14)
    forward = variance_of_gradients(checkpoints, lambda r: pictures[r], target, rows)
    np.testing.assert_allclose(variance_of_gradients(checkpoints[::-1], lambda r: pictures[r], target, rows), forward)


def test_networks_are_left_as_they_were():
    checkpoints, (pictures, target) = networks(), images()
    before = copy.deepcopy(checkpoints[0].state_dict())
    checkpoints[0].train()
    variance_of_gradients(checkpoints, lambda rows: pictures[rows], target, np.arange(7))
    assert checkpoints[0].training
    assert all(parameter.grad is None for parameter in checkpoints[0].parameters())
    assert all(torch.equal(value, before[name]) for name, value in checkpoints[0].state_dict().items())


def toy() -> tuple[list[nn.Module], torch.Tensor, np.ndarray, np.ndarray]:
    """The toy of agarwal2022: blobs, two linear layers, 15 epochs, every epoch kept; and each point's distance."""
    points, blob = make_blobs(n_samples=500, n_features=2, centers=3, cluster_std=2, random_state=212)
    inputs, target = torch.from_numpy(points).float(), (blob > 0).astype(np.int64)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 10), nn.Linear(10, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    kept = []
    for _ in range(15):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(inputs), torch.from_numpy(target)).backward()
        optimizer.step()
        kept.append(copy.deepcopy(model))
    with torch.no_grad():
        logits = model(inputs)
        weight = model[1].weight @ model[0].weight
        distance = (logits[:, 1] - logits[:, 0]).abs() / (weight[1] - weight[0]).norm()
    return kept, inputs, target, distance.numpy()


def test_the_toy_of_the_paper_points_near_the_boundary_vary_most():
    checkpoints, inputs, target, distance = toy()
    late = checkpoints[10:]
    found = variance_of_gradients(late, lambda rows: inputs[rows], target, np.arange(500), of="probability")
    assert stats.spearmanr(found, distance).statistic < -0.5


def test_a_linear_network_has_one_logit_gradient_per_class():
    checkpoints, inputs, target, _ = toy()
    found = variance_of_gradients(checkpoints, lambda rows: inputs[rows], target, np.arange(500))
    assert all(np.ptp(found[target == label]) < 1e-6 for label in (0, 1))


def test_one_checkpoint_cannot_vary():
    pictures, target = images()
    with pytest.raises(BadInput, match="keep_epochs"):
        variance_of_gradients(networks(1), lambda rows: pictures[rows], target, np.arange(7))
