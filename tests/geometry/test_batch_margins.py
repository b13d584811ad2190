"""Distances with their graph equal those without one, and those of the measures."""

import numpy as np
import pytest
import torch
from torch import nn

from disparate.errors import BadInput
from disparate.geometry import batch_margins
from disparate.geometry.margins import distances_to_flip
from disparate.geometry.surface import Surface
from disparate.measures import closeness

CLASSES = 4


@pytest.fixture
def model():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Tanh(), nn.Flatten(), nn.Linear(12, CLASSES)
        ).double().eval()  # fmt: skip


@pytest.fixture
def inputs():
    return torch.randn(9, 1, 4, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.fixture
def target():
    return torch.arange(9) % CLASSES


def test_what_logits_tell_is_what_the_measures_tell(model, inputs, target):
    logits = model(inputs)
    given = logits.detach().numpy()
    for mine, theirs in (
        (batch_margins.gini(logits), closeness.closeness_gini(given)),
        (batch_margins.lead(logits), closeness.distance_logit(given)),
        (batch_margins.signed_lead(logits, target), closeness.distance_logit_signed(given, target.numpy())),
    ):
        np.testing.assert_allclose(mine.detach(), theirs, rtol=1e-12)
        assert mine.requires_grad


@pytest.mark.parametrize("nearest", [None, 1, 2, 99])
def test_distances_in_space_are_those_of_the_geometry(model, inputs, nearest):
    rows = np.arange(len(inputs))
    surface = Surface(model=model, inputs=lambda rows: inputs[torch.from_numpy(rows)], rows=rows, target=rows)
    expected = distances_to_flip(surface, nearest=nearest)
    leaf = inputs.clone().requires_grad_()
    logits = model(leaf)
    by_input = batch_margins.distance_by_inputs(logits, leaf, nearest=nearest)
    by_parameters = batch_margins.distance_by_parameters(logits, tuple(model.parameters()), nearest=nearest)
    np.testing.assert_allclose(by_input.detach(), expected["inputs"], rtol=1e-9)
    np.testing.assert_allclose(by_parameters.detach(), expected["parameters"], rtol=1e-9)


def test_a_dead_network_has_a_large_and_finite_distance():
    weight = torch.zeros(2, 3, requires_grad=True)
    leaf = torch.ones(1, 3, requires_grad=True)
    logits = leaf @ (weight * 0).T + torch.tensor([1.0, 0.0])
    found = batch_margins.distance_by_inputs(logits, leaf)
    found.sum().backward()
    assert found.item() == pytest.approx(1 / batch_margins.FLOOR)
    assert bool(torch.isfinite(weight.grad).all())


def test_inputs_without_a_gradient_are_refused(model, inputs):
    with pytest.raises(
        BadInput, match="inputs have no gradient; an objective that differentiates by them has to say so"
    ):
        batch_margins.distance_by_inputs(model(inputs), inputs)
