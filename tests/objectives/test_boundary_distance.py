"""Boundary distance: every form by hand, averages, warm-up, multipliers, and what is skipped."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from disparate.geometry.margins import distances_to_flip
from disparate.geometry.surface import Surface
from disparate.objectives import Batch, Population
from disparate.objectives.boundary_distance import BoundaryDistance

LOG2 = math.log(2)
THREE = Population(names=("a", "b", "c"), counts=(2, 2, 1))
OUTPUTS = torch.tensor([[0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [99.0, 0.0], [99.0, 0.0]])
"""Closeness 1/2, 1/2 | 1/2, 0 | 0: means of the groups 1/2, 1/4, 0, of everyone 3/10."""
BATCH = Batch(target=torch.zeros(5, dtype=torch.int64), group=torch.tensor([0, 0, 1, 1, 2]))
PLAIN = 0.6 * LOG2


def never():
    raise AssertionError


def of(settings, **changes):
    return BoundaryDistance(**{"strength": 2.0, "minimum_members": 1, **settings, **changes}).begin(THREE)


@pytest.mark.parametrize(
    ("settings", "penalty"),
    [
        ({}, 0.2 + 0.05 + 0.3),
        ({"form": "squared"}, 0.04 + 0.0025 + 0.09),
        ({"form": "max_pair"}, 0.5),
        ({"minimum_members": 2}, 0.2 + 0.05),
        ({"minimum_members": 3}, 0.0),
        ({"fixed_population": True}, 0.2 + 0.05 + 0.3),
        ({"distance": "distance_logit"}, abs(0 - 39.6) + abs(49.5 - 39.6) + abs(99 - 39.6)),
    ],
)
def test_the_penalty_by_hand(settings, penalty):
    assert of(settings).loss(OUTPUTS, BATCH).item() == pytest.approx(PLAIN + 2 * penalty, rel=1e-5)


def test_signed_by_the_right_label():
    """Wrong by 99 is far on the wrong side: −99, not 99."""
    wrong = replace(BATCH, target=torch.tensor([0, 0, 0, 0, 1]))
    loss = of({"distance": "distance_logit_signed"}).loss(OUTPUTS, wrong)
    plain = torch.nn.functional.cross_entropy(OUTPUTS, wrong.target)
    assert (loss - plain).item() == pytest.approx(2 * (0 + 49.5 + 99), rel=1e-5)  # 0, 49.5, −99 about a mean of 0


def test_a_fixed_population_pulls_groups_only():
    def slope(fixed):
        outputs = OUTPUTS.clone().requires_grad_()
        course = of({"distance": "distance_logit", "fixed_population": fixed})
        (slope,) = torch.autograd.grad(course.loss(outputs, BATCH), outputs)
        return slope

    # λ = 2; σ = −1, 1, 1 of a, b, c, and an example of b is one of its 2 members and one of 5
    torch.testing.assert_close(slope(True)[3], torch.tensor([1.0, -1.0]))
    torch.testing.assert_close(slope(False)[3], torch.tensor([0.6, -0.6]))


def test_moving_averages():
    """The first batch counts whole, later ones by 1 − m, and only they are differentiated."""
    course = of({"average": 0.75, "distance": "distance_logit"})
    first = course.loss(OUTPUTS, BATCH)
    assert (first.item() - PLAIN) / 2 == pytest.approx(39.6 + 9.9 + 59.4)
    other = torch.tensor([[8.0, 0.0], [8.0, 0.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]], requires_grad=True)
    second = course.loss(other, BATCH)
    plain = torch.nn.functional.cross_entropy(other, BATCH.target)
    whole = 0.75 * 39.6 + 0.25 * 3.2
    means = (0.25 * 8, 0.75 * 49.5, 0.75 * 99)
    assert (second - plain).item() / 2 == pytest.approx(sum(abs(mean - whole) for mean in means), rel=1e-5)
    (slope,) = torch.autograd.grad(second - plain, other)
    # σ = −1, 1, 1: 2 · (1 − m) · (σ_a / 2 − Σσ / 5) for an example of a
    assert slope[0, 0].item() == pytest.approx(2 * 0.25 * (-1 / 2 - 1 / 5), rel=1e-4)


def test_the_strength_rises_over_the_warm_up():
    course = of({"warmup_epochs": 2})
    risen = []
    for epoch in range(1, 5):
        risen.append((course.loss(OUTPUTS, BATCH).item() - PLAIN) / (2 * 0.55))
        course.end_epoch(epoch, never)
    assert risen == pytest.approx([0, 0.5, 1, 1], abs=1e-5)


def test_multipliers_rise_by_the_violation_of_an_epoch_up_to_the_strength():
    course = of({"form": "lagrangian", "step": 1.0, "strength": 0.5})
    assert course.loss(OUTPUTS, BATCH).item() == pytest.approx(PLAIN)
    course.end_epoch(1, never)
    assert course.told()["multiplier"] == pytest.approx({"a": 0.2, "b": 0.05, "c": 0.3})
    expected = 0.2 * 0.2 + 0.05 * 0.05 + 0.3 * 0.3
    assert course.loss(OUTPUTS, BATCH).item() == pytest.approx(PLAIN + expected, rel=1e-5)
    course.end_epoch(2, never)
    assert course.told()["multiplier"] == pytest.approx({"a": 0.4, "b": 0.1, "c": 0.5})


def test_what_is_told():
    course = of({"minimum_members": 2})
    for _ in range(3):
        course.loss(OUTPUTS, BATCH)
    course.end_epoch(1, never)
    told = course.told()
    assert told["closeness_gini"] == pytest.approx({"a": 0.5, "b": 0.25, "c": 0.0})
    assert told["everyone"] == pytest.approx(0.3)
    assert told["violation"] == pytest.approx({"a": 0.2, "b": 0.05, "c": 0.3})
    assert told["skipped"] == {"a": 0, "b": 0, "c": 3}


@pytest.mark.parametrize(("distance", "space"), [("distance_input", "inputs"), ("distance_parameters", "parameters")])
@pytest.mark.parametrize("nearest", [None, 1])
def test_distances_in_space_are_those_of_the_geometry(distance, space, nearest):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 4)).double()
    inputs = torch.randn(5, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    rows = np.arange(5)
    surface = Surface(model=model, inputs=lambda rows: inputs[torch.from_numpy(rows)], rows=rows, target=rows)
    d = distances_to_flip(surface, nearest=nearest)[space]
    groups = (d[:2].mean(), d[2:4].mean(), d[4])
    course = of({"distance": distance, "nearest": nearest})
    leaf = inputs.clone().requires_grad_(course.differentiates_inputs)
    outputs = model(leaf)
    loss = course.loss(outputs, replace(BATCH, inputs=leaf, parameters=tuple(model.parameters())))
    plain = torch.nn.functional.cross_entropy(outputs, BATCH.target)
    assert (loss - plain).item() == pytest.approx(2 * sum(abs(group - d.mean()) for group in groups), rel=1e-9)


def test_a_distance_can_be_had_by_being_surer_of_the_same_errors():
    """The game that D2 can be won by: the gap of closeness goes to nothing, no answer changes."""
    course, surer = of({}), of({})
    unsure, sure = OUTPUTS + torch.tensor([0.0, 0.1]), 1000 * (OUTPUTS + torch.tensor([0.0, 0.1]))
    wrong = replace(BATCH, target=torch.zeros(5, dtype=torch.int64))
    for outputs, one in ((unsure, course), (sure, surer)):
        one.loss(outputs, wrong)
        one.end_epoch(1, never)
    assert torch.equal(unsure.argmax(1), sure.argmax(1))
    assert max(course.told()["violation"].values()) > 0.2
    assert max(surer.told()["violation"].values()) < 1e-6
