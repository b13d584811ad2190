"""Distances to the boundary: exact where the network is linear, and free of the scale of the logits."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch import nn

from disparate.errors import BadInput
from disparate.geometry.margins import certified_radius, distances_to_flip
from disparate.geometry.surface import Surface

SPACES = ["inputs", "parameters"]


def surface_of(model, inputs, batch_size=7):
    rows = np.arange(len(inputs))
    return Surface(
        model=model,
        inputs=lambda rows: inputs[torch.from_numpy(rows)],
        rows=rows,
        target=np.zeros(len(rows), dtype=np.int64),
        batch_size=batch_size,
    )


def linear(features=4, classes=3, seed=0):
    torch.manual_seed(seed)
    return nn.Linear(features, classes).double()


def points(examples=20, features=4, seed=1):
    return torch.randn(examples, features, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def mlp(classes=4):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, classes)).double()


@settings(max_examples=25, deadline=None)
@given(features=st.integers(1, 6), classes=st.integers(2, 7), seed=st.integers(0, 1000))
def test_distances_of_a_linear_classifier_are_exact(features, classes, seed):
    model, x = linear(features, classes, seed), points(5, features, seed)
    found = distances_to_flip(surface_of(model, x, batch_size=2))
    w, b = model.weight.detach().numpy(), model.bias.detach().numpy()
    for row, example in enumerate(x.numpy()):
        z = w @ example + b
        answer = int(z.argmax())
        others = [k for k in range(classes) if k != answer]
        by_input = min((z[answer] - z[k]) / np.linalg.norm(w[answer] - w[k]) for k in others)
        by_parameters = min((z[answer] - z[k]) / np.sqrt(2 * (example @ example + 1)) for k in others)
        assert found["inputs"][row] == pytest.approx(by_input, rel=1e-9)
        assert found["parameters"][row] == pytest.approx(by_parameters, rel=1e-9)


def test_a_step_of_that_length_flips_and_a_shorter_one_does_not():
    model, x = linear(), points()
    distance = torch.from_numpy(distances_to_flip(surface_of(model, x))["inputs"])
    z = model(x).detach()
    answer = z.argmax(dim=1)
    gap = model.weight[answer][:, None] - model.weight[None]
    ratio = (z.gather(1, answer[:, None]) - z) / gap.norm(dim=2)
    ratio[torch.arange(len(x)), answer] = torch.inf
    nearest = ratio.argmin(dim=1)
    step = -gap[torch.arange(len(x)), nearest]
    step = step / step.norm(dim=1, keepdim=True) * distance[:, None]
    assert (model(x + 1.001 * step).argmax(dim=1) == nearest).all()
    assert (model(x + 0.999 * step).argmax(dim=1) == answer).all()


def test_no_move_of_the_weights_below_the_distance_flips_a_linear_classifier():
    model, x = linear(), points()
    distance = distances_to_flip(surface_of(model, x))["parameters"]
    answer = model(x).argmax(dim=1)
    generator = torch.Generator().manual_seed(3)
    for _ in range(200):
        step = torch.randn(15, generator=generator, dtype=torch.float64)
        step *= 0.999 * float(np.median(distance)) / step.norm()
        moved = x @ (model.weight + step[:12].view(3, 4)).T + model.bias + step[12:]
        stays = moved.argmax(dim=1) == answer
        assert stays[torch.from_numpy(distance > np.median(distance))].all()


@pytest.mark.parametrize("space", SPACES)
def test_scaling_the_logits_changes_nothing(space):
    class Scaled(nn.Module):
        def __init__(self, factor):
            super().__init__()
            self.inner, self.factor = mlp(), factor

        def forward(self, inputs):
            return self.factor * self.inner(inputs)

    one, three = (distances_to_flip(surface_of(Scaled(c), points()))[space] for c in (1.0, 3.0))
    np.testing.assert_allclose(one, three, rtol=1e-9)


def test_scaling_the_last_layer_leaves_the_distance_of_the_input():
    before = distances_to_flip(surface_of(mlp(), points()), wrt=["inputs"])["inputs"]
    model = mlp()
    with torch.no_grad():
        model[2].weight.mul_(5)
        model[2].bias.mul_(5)
    np.testing.assert_allclose(distances_to_flip(surface_of(model, points()))["inputs"], before, rtol=1e-9)


@pytest.mark.parametrize("space", SPACES)
def test_fewer_classes_give_an_upper_bound(space):
    surface = surface_of(mlp(6), points(40))
    few, more, whole = (distances_to_flip(surface, wrt=[space], nearest=m)[space] for m in (1, 3, None))
    assert (few >= more).all()
    assert (more >= whole).all()
    assert (few > whole).any()  # the nearest logit is not always the nearest boundary
    np.testing.assert_array_equal(distances_to_flip(surface, wrt=[space], nearest=5)[space], whole)
    np.testing.assert_array_equal(distances_to_flip(surface, wrt=[space], nearest=99)[space], whole)


def test_on_the_boundary_it_is_0_even_without_a_gradient():
    model = linear()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    found = distances_to_flip(surface_of(model, torch.zeros(2, 4, dtype=torch.float64)))
    assert found["inputs"].tolist() == found["parameters"].tolist() == [0.0, 0.0]


def test_without_a_gradient_it_is_infinite():
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2)).double()
    with torch.no_grad():
        model[0].weight.zero_()
        model[0].bias.fill_(-1.0)
        model[2].bias.copy_(torch.tensor([1.0, 0.0]))
    model[2].bias.requires_grad_(False)
    found = distances_to_flip(surface_of(model, points(3)))
    assert found["inputs"].tolist() == found["parameters"].tolist() == [np.inf] * 3


@pytest.mark.parametrize("nearest", [0, -1])
def test_no_class_to_look_at_is_refused(nearest):
    with pytest.raises(BadInput, match=f"nearest is {nearest}; at least 1"):
        distances_to_flip(surface_of(linear(), points()), nearest=nearest)


@pytest.mark.parametrize("sigma", [0.25, 1.0])
def test_certified_radius_of_a_linear_classifier_stays_below_the_distance_and_comes_close(sigma):
    model, x = linear(3, 2), points(40, 3)
    surface = surface_of(model, x, batch_size=40)
    distance = distances_to_flip(surface, wrt=["inputs"])["inputs"]
    found = certified_radius(surface, sigma=sigma, generator=torch.Generator().manual_seed(0), samples=1500)
    certified = ~np.isnan(found.radius)
    assert certified.mean() > 0.5
    assert (found.predicted == model(x).argmax(dim=1).numpy())[certified].all()
    # the smoothed network has the boundary of the linear one, so the true radius is the distance
    assert (found.radius[certified] <= distance[certified]).all()
    well_inside = certified & (distance < 2 * sigma) & (distance > 0.5 * sigma)
    exact = stats.norm.cdf(distance / sigma)
    assert well_inside.sum() >= 3
    np.testing.assert_allclose(found.probability[well_inside], exact[well_inside], atol=0.07)
    assert np.nanmax(found.radius) <= sigma * stats.norm.ppf(0.001 ** (1 / 1500)) + 1e-12


def test_on_the_boundary_nothing_is_certified():
    model = linear(3, 2)
    with torch.no_grad():
        model.bias.zero_()
    found = certified_radius(
        surface_of(model, torch.zeros(1, 3, dtype=torch.float64)),
        sigma=1.0,
        generator=torch.Generator().manual_seed(0),
    )
    assert np.isnan(found.radius).all()
    assert found.probability[0] < 0.5


def test_one_generator_state_gives_one_answer():
    surface = surface_of(mlp(), points(6))
    first, again, other = (
        certified_radius(surface, sigma=0.5, generator=torch.Generator().manual_seed(s), samples=50).probability
        for s in (0, 0, 1)
    )
    assert (first == again).all()
    assert (first != other).any()


@pytest.mark.parametrize("settings", [{"sigma": 0.0}, {"sigma": float("nan")}, {"sigma": 1.0, "samples": 0}])
def test_noise_that_certifies_nothing_is_refused(settings):
    with pytest.raises(BadInput, match="positive ones were expected"):
        certified_radius(surface_of(linear(), points()), generator=torch.Generator(), **settings)


def test_a_level_of_1_is_refused():
    with pytest.raises(BadInput, match="level of the bound is 1"):
        certified_radius(surface_of(linear(), points()), sigma=1.0, generator=torch.Generator(), samples=2, level=1)
