"""Every printed statement on a case: where it holds, and the counter-example where it does not. See docs/theory.md."""

import numpy as np
import pytest
import torch
from scipy import optimize
from torch import nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy

from disparate.errors import NotApplicable
from disparate.explain.bounds import TaylorBound, closeness_bound, gauss_newton_bound, size_and_gradient
from disparate.geometry.logit_curvature import gauss_newton_traces, logit_terms, probability_terms
from disparate.geometry.surface import Surface
from disparate.measures.closeness import closeness_gini, closeness_product


def surface_of(model, inputs, target, batch_size=8):
    return Surface(
        model=model,
        inputs=lambda rows: inputs[torch.from_numpy(rows)],
        rows=np.arange(len(inputs)),
        target=target,
        batch_size=batch_size,
    )


def mlp(classes=2, seed=0, activation=nn.Tanh):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 4), activation(), nn.Linear(4, classes)).double()


def data(examples=24, classes=2, seed=1):
    inputs = torch.randn(examples, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return inputs, np.random.default_rng(seed).integers(0, classes, examples)


def loss_of(surface):
    """The loss as a function of the flat parameters, and these."""
    sizes = [value.numel() for value in surface.parameters]
    inputs, target = surface.inputs(surface.rows), torch.from_numpy(surface.target[surface.rows])

    def loss(flat):
        parts = zip(surface.names, flat.split(sizes), surface.parameters, strict=True)
        return cross_entropy(functional_call(surface.model, {n: p.view_as(v) for n, p, v in parts}, (inputs,)), target)

    return loss, torch.cat([value.detach().flatten() for value in surface.parameters])


def dense(surface):
    loss, flat = loss_of(surface)
    return torch.func.grad(loss)(flat).numpy(), torch.func.hessian(loss)(flat).numpy()


# Theorem 4.1, theorem 1


def logistic(inputs, target, weights):
    """Mean loss, gradient and Hessian of logistic regression."""
    f = 1 / (1 + np.exp(-inputs @ weights))
    loss = float(np.mean(np.logaddexp(0, inputs @ weights) - target * (inputs @ weights)))
    return loss, inputs.T @ (f - target) / len(target), (inputs.T * (f * (1 - f))) @ inputs / len(target)


@pytest.mark.parametrize(("distance", "vacuous"), [(1e-6, False), (0.01, False), (0.1, False), (30.0, True)])
def test_theorem_41_holds_for_steps_of_any_size_and_is_vacuous_for_those_of_devices(distance, vacuous):
    generator = np.random.default_rng(0)
    inputs, target = generator.normal(size=(200, 3)), generator.integers(0, 2, 200)
    weights, step = generator.normal(size=3), generator.normal(size=3)
    step *= distance / np.linalg.norm(step)
    before, gradient, hessian = logistic(inputs, target, weights)
    bound = TaylorBound(
        gradient_norm=float(np.linalg.norm(gradient)),
        eigenvalue=float(np.linalg.eigvalsh(hessian)[-1]),
        distance=distance,
        change=abs(logistic(inputs, target, weights + step)[0] - before),
        loss_range=max(np.log(2), before),
        form="absolute",
    )
    assert bound.holds
    assert bound.vacuous == vacuous


def test_theorem_1_without_its_remainder_can_be_broken():
    # One weight, x = 1, y = 0: log(1 + e^w) is steeper to the right of w = -3 than its parabola
    x, y = np.ones((1, 1)), np.zeros(1)
    before, gradient, hessian = logistic(x, y, np.array([-3.0]))
    bound = TaylorBound(
        gradient_norm=float(np.linalg.norm(gradient)),
        eigenvalue=float(hessian[0, 0]),
        distance=3.0,
        change=logistic(x, y, np.zeros(1))[0] - before,
        loss_range=np.log(2),
        form="signed",
    )
    assert not bound.holds
    assert bound.tightness > 1.5


def test_theorem_41_with_the_largest_eigenvalue_is_false_for_absolute_changes_even_of_a_quadratic():
    hessian, step = np.diag([1.0, -5.0]), np.array([0.0, 1.0])
    change = abs(float(0.5 * step @ hessian @ step))
    values = np.linalg.eigvalsh(hessian)
    settings = {"gradient_norm": 0.0, "distance": 1.0, "change": change, "loss_range": 10.0, "form": "absolute"}
    assert not TaylorBound(eigenvalue=float(values[-1]), **settings).holds
    assert TaylorBound(eigenvalue=float(np.abs(values).max()), **settings).tightness == pytest.approx(1.0)


def test_corollary_1_needs_a_curvature_that_is_not_negative():
    sums = [
        TaylorBound(gradient_norm=0.1, eigenvalue=-1.0, distance=d, change=-1.0, loss_range=1.0, form="signed").sum
        for d in (0.1, 0.5)
    ]
    assert sums[1] < sums[0]


# Theorem 4.3, proposition 1


def fitted(inputs, target):
    """Weights at which the mean loss is stationary."""
    done = optimize.minimize(
        lambda w: logistic(inputs, target, w)[0],
        np.zeros(inputs.shape[1]),
        jac=lambda w: logistic(inputs, target, w)[1],
        hess=lambda w: logistic(inputs, target, w)[2],
        method="trust-exact",
        options={"gtol": 1e-13},
    )
    return done.x


def norms_at(inputs, target, names, weights):
    return {
        name: float(np.linalg.norm(logistic(inputs[names == name], target[names == name], weights)[1]))
        for name in np.unique(names).tolist()
    }


def population(sizes, seed):
    """Groups with their own labelling rule."""
    generator = np.random.default_rng(seed)
    names = np.repeat(list(sizes), list(sizes.values()))
    inputs = np.c_[generator.normal(size=(len(names), 2)), np.ones(len(names))]
    rules = {name: generator.normal(size=3) for name in sizes}
    chance = 1 / (1 + np.exp(-np.array([x @ rules[name] for x, name in zip(inputs, names, strict=True)])))
    return inputs, (generator.random(len(names)) < chance).astype(np.float64), names


@pytest.mark.parametrize("seed", range(5))
def test_two_groups_have_the_inverse_ratio_of_their_sizes_whatever_the_data(seed):
    inputs, target, names = population({"large": 900, "small": 100}, seed)
    weights = fitted(inputs, target)
    whole = float(np.linalg.norm(logistic(inputs, target, weights)[1]))
    found = size_and_gradient({"large": 900, "small": 100}, norms_at(inputs, target, names, weights), whole=whole)
    assert found.ratio == pytest.approx(9.0, abs=5e-4)
    assert found.slack < 1e-3


@pytest.mark.parametrize("decay", [0.0, 0.1, 1.0])
def test_away_from_stationarity_the_ratio_stays_within_its_slack(decay):
    inputs, target, names = population({"large": 900, "small": 100}, 0)
    weights = fitted(inputs, target) * (1 - 0.3 * decay)
    whole = float(np.linalg.norm(logistic(inputs, target, weights)[1]))
    found = size_and_gradient({"large": 900, "small": 100}, norms_at(inputs, target, names, weights), whole=whole)
    assert abs(found.ratio - 9.0) <= found.slack + 1e-9


def test_three_groups_can_have_the_smallest_gradient_in_the_smallest_group():
    # Only an intercept: the gradient of a group is f minus its share of ones, and f is the share of all
    ones = {"a": (300, 500), "b": (150, 400), "c": (50, 100)}
    target = np.concatenate([np.repeat([1.0, 0.0], [k, n - k]) for k, n in ones.values()])
    names = np.repeat(list(ones), [n for _, n in ones.values()])
    inputs = np.ones((1000, 1))
    weights = fitted(inputs, target)
    norms = norms_at(inputs, target, names, weights)
    assert norms == pytest.approx({"a": 0.1, "b": 0.125, "c": 0.0}, abs=1e-9)
    found = size_and_gradient({name: n for name, (_, n) in ones.items()}, norms, whole=0.0)
    assert found.violations == (("a", "c"), ("b", "c"))
    assert (found.ratio, found.slack) == (None, None)


def test_three_groups_drawn_at_random_break_it_often():
    sizes = {"a": 500, "b": 400, "c": 100}
    broken = 0
    for seed in range(20):
        inputs, target, names = population(sizes, seed)
        norms = norms_at(inputs, target, names, fitted(inputs, target))
        broken += bool(size_and_gradient(sizes, norms, whole=0.0).violations)
    assert broken >= 5


# Theorem 4.4, theorem 2


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("activation", [nn.Tanh, nn.Softplus, nn.Identity])
def test_theorem_44_holds_with_the_logit(seed, activation):
    inputs, target = data(seed=seed)
    surface = surface_of(mlp(seed=seed, activation=activation), inputs, target)
    terms = logit_terms(surface)
    bound = closeness_bound(terms.probability, target, slope=terms.slope, curvature=terms.curvature)
    assert np.linalg.eigvalsh(dense(surface)[1])[-1] <= bound.sum + 1e-12


@pytest.mark.parametrize("seed", range(4))
def test_theorem_44_as_printed_is_broken_by_logistic_regression(seed):
    inputs, target = data(seed=seed)
    torch.manual_seed(seed)
    surface = surface_of(nn.Linear(3, 2).double(), inputs, target)
    top = np.linalg.eigvalsh(dense(surface)[1])[-1]
    right, printed = logit_terms(surface), probability_terms(surface)
    assert closeness_bound(right.probability, target, slope=right.slope, curvature=right.curvature).sum >= top
    assert closeness_bound(printed.probability, target, slope=printed.slope, curvature=printed.curvature).sum < top


def test_terms_are_those_of_the_closed_form():
    inputs, target = data()
    torch.manual_seed(0)
    model = nn.Linear(3, 2).double()
    surface = surface_of(model, inputs, target)
    z = (model(inputs).detach() @ torch.tensor([-1.0, 1.0], dtype=torch.float64)).numpy()
    f, length = 1 / (1 + np.exp(-z)), np.sqrt(2 * ((inputs.numpy() ** 2).sum(1) + 1))
    right, printed = logit_terms(surface), probability_terms(surface)
    np.testing.assert_allclose(right.probability, f, rtol=1e-12)
    np.testing.assert_allclose(right.slope, length, rtol=1e-12)
    np.testing.assert_allclose(right.curvature, 0, atol=1e-12)
    np.testing.assert_allclose(printed.slope, f * (1 - f) * length, rtol=1e-12)
    np.testing.assert_allclose(printed.curvature, np.abs(f * (1 - f) * (1 - 2 * f)) * length**2, rtol=1e-9)


@pytest.mark.parametrize("classes", [2, 3, 6])
def test_its_form_for_several_classes_holds_and_its_parts_are_the_hessian(classes):
    inputs, target = data(classes=classes)
    surface = surface_of(mlp(classes), inputs, target)
    _, hessian = dense(surface)
    loss_like, flat = loss_of(surface)
    sizes = [value.numel() for value in surface.parameters]

    def logits(weights):
        parts = zip(surface.names, weights.split(sizes), surface.parameters, strict=True)
        return functional_call(surface.model, {n: p.view_as(v) for n, p, v in parts}, (inputs,))

    slopes = torch.func.jacrev(logits)(flat).numpy()
    p = torch.softmax(logits(flat), dim=1).numpy()
    inner = np.stack([np.diag(row) - np.outer(row, row) for row in p])
    each = np.einsum("nkp,nkl,nlq->npq", slopes, inner, slopes)
    np.testing.assert_allclose(gauss_newton_traces(surface), np.trace(each, axis1=1, axis2=2), rtol=1e-9)
    residual = float(np.abs(np.linalg.eigvalsh(hessian - each.mean(axis=0))).max())
    bound = gauss_newton_bound(gauss_newton_traces(surface), residual=residual)
    assert np.linalg.eigvalsh(hessian)[-1] <= bound.sum + 1e-12
    assert np.linalg.eigvalsh(each.mean(axis=0))[-1] <= bound.first + 1e-12
    assert np.isfinite(float(loss_like(flat)))


def test_with_two_classes_its_first_term_is_that_of_theorem_44():
    inputs, target = data()
    surface = surface_of(mlp(), inputs, target)
    terms = logit_terms(surface)
    first = closeness_bound(terms.probability, target, slope=terms.slope, curvature=terms.curvature).first
    assert gauss_newton_bound(gauss_newton_traces(surface)).first == pytest.approx(first, rel=1e-9)


def test_large_networks_and_other_tasks_are_refused():
    inputs, target = data()
    wide = nn.Sequential(nn.Linear(3, 500), nn.Linear(500, 2)).double()
    with pytest.raises(NotApplicable, match=r"has 3002 trained parameters; .* up to 2000"):
        logit_terms(surface_of(wide, inputs, target))
    with pytest.raises(NotApplicable, match="2 classes; the network has 3"):
        logit_terms(surface_of(mlp(3), inputs, target))


# Proposition 2, proposition 3


def test_proposition_2_has_no_constant_with_the_slope_of_the_probability():
    ratios = []
    for weight in (0.0, -5.0, -10.0):  # x = 1, y = 1: more and more wrong
        f = 1 / (1 + np.exp(-weight))
        ratios.append(abs(f - 1) / (abs(f - 1) * f * (1 - f)))  # |gradient| over |f - y| |f'|
    assert ratios[0] == pytest.approx(4.0)
    assert ratios[2] > 20_000


def test_proposition_3_closeness_is_largest_at_equal_probabilities():
    gaps = np.linspace(-6, 6, 241)
    values = closeness_product(np.stack([np.zeros(241), gaps], axis=1))
    assert gaps[values.argmax()] == pytest.approx(0.0, abs=1e-12)
    assert values.max() == pytest.approx(0.25)
    logits = np.random.default_rng(0).normal(size=(1000, 5))
    assert closeness_gini(logits).max() < closeness_gini(np.zeros((1, 5)))[0]
