"""Saliencies against dense second derivatives and finite differences, and that scoring moves nothing."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from geometry_networks import NETWORKS, PIECEWISE_LINEAR, dense_ggn, dense_hessian, flat, surface, two_groups

from disparate.geometry.saliency import deletion_costs, gradient_importance, noise_costs


def seeded(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def joined(on, parts):
    assert list(parts) == list(on.names)
    return torch.cat([part.reshape(-1) for part in parts.values()])


@pytest.mark.parametrize("name", list(NETWORKS))
def test_costs_are_half_the_curvature_times_the_squared_weight(name):
    on = surface(name)
    costs = deletion_costs(on, "exact", generator=seeded())
    expected = dense_ggn(on).diagonal() * flat(on) ** 2 / 2
    torch.testing.assert_close(joined(on, costs), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", PIECEWISE_LINEAR)
def test_for_linear_pieces_the_curvature_is_the_second_derivative(name):
    on = surface(name)
    costs = deletion_costs(on, "exact", generator=seeded())
    expected = dense_hessian(on).diagonal() * flat(on) ** 2 / 2
    torch.testing.assert_close(joined(on, costs), expected, rtol=1e-8, atol=1e-10)


def test_signs_rank_as_the_exact_costs_do():
    on = surface("convolutional")
    exact, drawn = (joined(on, deletion_costs(on, kind, generator=seeded())) for kind in ("exact", "signs"))
    ranks = torch.stack([exact.argsort().argsort(), drawn.argsort().argsort()]).double()
    assert torch.corrcoef(ranks)[0, 1] > 0.9


def test_importance_is_what_finite_differences_say():
    on = surface("convolutional", batch_size=5)
    found, step = joined(on, gradient_importance(on)), 1e-6
    weights, moved = flat(on), deepcopy(on.model)
    for place in range(0, on.size, 7):
        losses = []
        for sign in (1, -1):
            shifted = weights.clone()
            shifted[place] += sign * step
            torch.nn.utils.vector_to_parameters(shifted, moved.parameters())
            losses.append(type(on)(model=moved, inputs=on.inputs, target=on.target, rows=on.rows).loss())
        slope = (losses[0] - losses[1]) / (2 * step)
        assert float(found[place]) == pytest.approx(float(weights[place] * slope) ** 2, rel=1e-4, abs=1e-12)


@pytest.mark.parametrize("score", [gradient_importance, lambda on: deletion_costs(on, "exact", generator=seeded())])
def test_scoring_one_group_changes_nothing_for_the_next(score):
    """What the published code of lin2022 does: its optimiser steps while it scores, and gradients add up."""
    on = surface("convolutional")
    before = deepcopy(on.model.state_dict())
    parts = on.by_group(two_groups())
    first = {group: score(part) for group, part in parts.items()}
    again = {group: score(parts[group]) for group in reversed(parts)}
    for group, found in first.items():
        assert all(torch.equal(found[name], again[group][name]) for name in found)
    assert all(torch.equal(value, on.model.state_dict()[name]) for name, value in before.items())
    assert all(value.grad is None for value in on.model.parameters())


@pytest.mark.parametrize("name", PIECEWISE_LINEAR)
def test_noise_costs_half_the_curvature_times_the_largest_squared_weight(name):
    on = surface(name)
    costs = noise_costs(on, "exact", generator=seeded())
    largest = [weight.detach().abs().max().square().expand(weight.shape) for weight in on.parameters]
    expected = dense_hessian(on).diagonal() * torch.cat([part.reshape(-1) for part in largest]) / 2
    torch.testing.assert_close(joined(on, costs), expected, rtol=1e-8, atol=1e-10)
