"""Adversarial inputs: closed forms of linear networks, the bound, and what hides a gradient."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import cross_entropy

from disparate.errors import BadInput, NotApplicable
from disparate.geometry.adversarial import fgsm, pgd

WEIGHT = torch.tensor([[0.7, -1.2, 0.0, 0.4], [-0.3, 0.8, 0.0, 0.4]], dtype=torch.float64)
"""Two classes, four numbers: the third is not used and the fourth does not tell the classes apart."""


def linear(inputs):
    return inputs @ WEIGHT.T


@pytest.fixture(scope="module")
def trained():
    """A network of three classes with curvature, its examples and their classes."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.rand(300, 6, generator=generator)
    target = (inputs[:, 0] + inputs[:, 1] * inputs[:, 2] > 0.8).long() + (inputs[:, 3] > 0.7).long()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(6, 32), nn.Tanh(), nn.Linear(32, 3))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(200):
        optimizer.zero_grad()
        cross_entropy(model(inputs), target).backward()
        optimizer.step()
    return model.eval(), inputs, target


def losses(model, inputs, target):
    with torch.no_grad():
        return cross_entropy(model(inputs).double(), target, reduction="none")


def errors(model, inputs, target):
    with torch.no_grad():
        return model(inputs).argmax(dim=1) != target


@pytest.mark.parametrize("attack", [fgsm, pgd])
def test_linear_network_in_closed_form(attack):
    """For two classes the margin (w_y - w_k) x falls by at most ε ‖w_y - w_k‖₁, and both attacks reach that."""
    inputs = torch.randn(50, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    target = torch.arange(50) % 2
    moved = attack(linear, inputs, target, epsilon=0.3)
    sign = torch.where(target == 0, 1.0, -1.0)
    margin, before = (sign * (linear(x)[:, 0] - linear(x)[:, 1]) for x in (moved, inputs))
    torch.testing.assert_close(margin, before - 0.3 * (WEIGHT[0] - WEIGHT[1]).abs().sum())
    assert torch.equal(moved[:, 2], inputs[:, 2])


def test_range_of_inputs_is_kept():
    inputs = torch.tensor([[0.0, 1.0, 0.5, 0.5]], dtype=torch.float64)
    moved = fgsm(linear, inputs, torch.tensor([0]), epsilon=0.3, span=(0.0, 1.0))
    assert moved[0, :2].tolist() == [0.0, 1.0]  # the worst is beyond, and there is nothing


@pytest.mark.parametrize("attack", [fgsm, pgd])
def test_no_reach_changes_nothing_bit_for_bit(attack, trained):
    model, inputs, target = trained
    assert torch.equal(attack(model, inputs, target, epsilon=0.0), inputs)


@pytest.mark.parametrize("epsilon", [0.01, 0.05, 0.2])
def test_several_steps_are_no_weaker_than_one(epsilon, trained):
    model, inputs, target = trained
    one = fgsm(model, inputs, target, epsilon=epsilon)
    several = pgd(model, inputs, target, epsilon=epsilon, generator=torch.Generator().manual_seed(0))
    found = [errors(model, moved, target) for moved in (several, one, inputs)]
    assert bool((found[0] | ~(found[1] | found[2])).all())
    alike = found[0] == found[1]
    assert bool((losses(model, several, target) >= losses(model, one, target))[alike].all())
    assert found[0].double().mean() > found[2].double().mean()


def test_several_steps_find_more_than_one(trained):
    model, inputs, target = trained
    one = fgsm(model, inputs, target, epsilon=0.2)
    several = pgd(model, inputs, target, epsilon=0.2)
    assert errors(model, several, target).sum() > errors(model, one, target).sum()


def test_what_is_wrong_stays_wrong(trained):
    model, inputs, target = trained
    asked = (target + torch.arange(len(target)) % 2) % 3  # every second answer is wrong by construction
    moved = pgd(model, inputs, asked, epsilon=0.1, steps=3)
    before, after = errors(model, inputs, asked), errors(model, moved, asked)
    assert before.any()
    assert bool((after | ~before).all())
    both_right = ~before & ~after
    assert bool((losses(model, moved, asked) >= losses(model, inputs, asked))[both_right].all())


@settings(max_examples=60, deadline=None)
@given(
    epsilon=st.floats(0.0, 2.0),
    steps=st.integers(1, 4),
    step=st.none() | st.floats(1e-3, 3.0),
    seed=st.none() | st.integers(0, 5),
    low=st.floats(-1.0, 0.0),
)
def test_the_bound_is_kept(epsilon, steps, step, seed, low):
    span = (low, low + 1.5)
    inputs = low + 1.5 * torch.rand(7, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    target = torch.arange(7) % 2
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    moved = pgd(linear, inputs, target, epsilon=epsilon, steps=steps, step=step, generator=generator, span=span)
    for found in (moved, fgsm(linear, inputs, target, epsilon=epsilon, span=span)):
        assert float((found - inputs).abs().max()) <= epsilon * (1 + 1e-12) + 1e-15
        assert span[0] <= float(found.min())
        assert float(found.max()) <= span[1]


def test_a_sure_answer_can_be_attacked():
    """Its probability is 1 in float32, and its gradient would be 0 there."""
    inputs = torch.tensor([[40.0, 0.0, 0.0, 0.0]])
    moved = fgsm(lambda x: x @ WEIGHT.float().T, inputs, torch.tensor([0]), epsilon=1.0)
    assert moved[0, :2].tolist() == [39.0, 1.0]


def test_a_hidden_gradient_is_not_called_robust():
    inputs = torch.rand(5, 4, generator=torch.Generator().manual_seed(0))
    with pytest.raises(NotApplicable, match="hides the gradient, as rounding to integers does"):
        fgsm(lambda x: (8 * x).round() @ WEIGHT.float().T, inputs, torch.zeros(5, dtype=torch.int64), epsilon=0.1)
    with pytest.raises(NotApplicable, match="Attack the network without that choice"):
        pgd(lambda x: x.detach() @ WEIGHT.float().T, inputs, torch.zeros(5, dtype=torch.int64), epsilon=0.1)


def test_one_answer_for_everything_cannot_be_attacked_and_is_no_error():
    inputs = torch.rand(5, 4, generator=torch.Generator().manual_seed(0))
    constant = torch.tensor([0.0, 1.0]).expand(5, 2)
    assert torch.equal(pgd(lambda x: constant, inputs, torch.zeros(5, dtype=torch.int64), epsilon=0.1), inputs)


@pytest.mark.parametrize("epsilon", [-0.1, float("nan"), float("inf")])
def test_a_reach_that_is_none(epsilon):
    with pytest.raises(BadInput, match=f"epsilon is {epsilon}; a finite number, 0 or more, was expected"):
        fgsm(linear, torch.zeros(1, 4), torch.tensor([0]), epsilon=epsilon)


def test_steps_that_are_none():
    with pytest.raises(BadInput, match="pgd: 0 steps of length"):
        pgd(linear, torch.zeros(1, 4), torch.tensor([0]), epsilon=0.1, steps=0)
    with pytest.raises(BadInput, match=r"2 steps of length -1\.0"):
        pgd(linear, torch.zeros(1, 4), torch.tensor([0]), epsilon=0.1, steps=2, step=-1.0)


def test_the_network_is_left_as_it_is(trained):
    model, inputs, target = trained
    before = [parameter.clone() for parameter in model.parameters()]
    fgsm(model, inputs, target, epsilon=0.1)
    assert all(torch.equal(*pair) for pair in zip(before, model.parameters(), strict=True))
    assert np.isfinite(losses(model, inputs, target).numpy()).all()
