"""Equal loss: by hand, against an independent solver, and what the cap is for."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch.nn.functional import cross_entropy

from disparate.constraints.batch_means import group_means
from disparate.objectives import Batch, Levels, Population
from disparate.objectives.equal_loss import EqualLoss

LOG2 = math.log(2)
TWO = Population(names=("many", "few"), counts=(3, 1))


def levels_of(*losses, count=(3, 1)):
    return Levels(
        count=torch.tensor(count), loss=torch.tensor(losses, dtype=torch.float64), accuracy=torch.zeros(len(losses))
    )


def sure_of_many():
    """Losses 0, 0, 0 of many and log 2 of few; their mean is log 2 / 4."""
    outputs = torch.tensor([[99.0, 0.0]] * 3 + [[0.0, 0.0]])
    return outputs, Batch(target=torch.zeros(4, dtype=torch.int64), group=torch.tensor([0, 0, 0, 1]))


@pytest.mark.parametrize(("form", "signs"), [("absolute", (1, 1)), ("signed", (-1, 1))])
def test_the_loss_by_hand(form, signs):
    course = EqualLoss(step=0.5, form=form).begin(TWO)
    course.end_epoch(1, lambda: levels_of(0.1, 0.9))  # J = 0.3: excess −0.2 and 0.6
    assert course.told()["multiplier"] == pytest.approx({"many": signs[0] * 0.1, "few": 0.3})
    assert course.told()["violation"] == pytest.approx({"many": -0.2, "few": 0.6})
    excess = (LOG2 / 4, 3 * LOG2 / 4) if form == "absolute" else (-LOG2 / 4, 3 * LOG2 / 4)
    expected = LOG2 / 4 + signs[0] * 0.1 * excess[0] + 0.3 * excess[1]
    assert course.loss(*sure_of_many()).item() == pytest.approx(expected)


def test_multipliers_rise_every_so_many_epochs_after_the_kick_in():
    course = EqualLoss(step=0.1, every=2, kick_in=1, cap=9.0).begin(TWO)
    risen = []
    for epoch in range(1, 8):
        course.end_epoch(epoch, lambda: levels_of(0.0, 1.0))
        risen.append(round(course.told()["multiplier"]["few"] / 0.075))
    assert risen == [0, 0, 1, 1, 2, 2, 3]


def test_the_absolute_form_never_falls_and_the_signed_one_does():
    rising, falling = (EqualLoss(step=0.1, form=form).begin(TWO) for form in ("absolute", "signed"))
    for course in (rising, falling):
        course.end_epoch(1, lambda: levels_of(0.0, 1.0))
        course.end_epoch(2, lambda: levels_of(1.0, 0.0))
    assert rising.told()["multiplier"] == pytest.approx({"many": 0.05, "few": 0.15})
    assert falling.told()["multiplier"] == pytest.approx({"many": 0.0, "few": 0.0})


def test_the_cap_is_nine_tenths_of_the_largest_share_and_told():
    course = EqualLoss(step=10.0).begin(TWO)
    course.end_epoch(1, lambda: levels_of(0.0, 1.0))
    assert course.told()["multiplier"] == pytest.approx({"many": 0.675, "few": 0.675})
    assert course.told()["at_cap"] == ["many", "few"]
    assert course.told()["weight"] == pytest.approx({"many": 0.75 - 0.675, "few": 0.25 + 0.675})


def test_without_the_cap_the_history_tells_that_a_loss_is_driven_up():
    course = EqualLoss(step=2.0, cap=9.0).begin(TWO)
    for epoch in (1, 2):
        course.end_epoch(epoch, lambda: levels_of(0.0, 1.0))
    assert course.told()["weight"]["many"] < 0


def test_by_steps_from_the_buffers():
    course = EqualLoss(step=0.5, update="step", replay=2, cap=9.0).begin(TWO)
    outputs, batch = sure_of_many()
    course.loss(outputs, batch)  # many's buffer is full, few's is not; alone, many is everyone
    assert course.told()["multiplier"] == {"many": 0.0, "few": 0.0}
    loss = course.loss(outputs, batch)  # J = 0.25 log 2: violations log 2 / 4 and 3 log 2 / 4
    many, few = 0.5 * LOG2 / 4, 0.5 * 3 * LOG2 / 4
    assert course.told()["multiplier"] == pytest.approx({"many": many, "few": few})
    assert loss.item() == pytest.approx(LOG2 / 4 + many * LOG2 / 4 + few * 3 * LOG2 / 4)


def test_by_steps_nothing_rises_at_the_end_of_an_epoch_or_before_the_kick_in():
    course = EqualLoss(step=0.5, update="step", replay=1, kick_in=1).begin(TWO)
    course.loss(*sure_of_many())
    course.end_epoch(1, lambda: levels_of(0.0, 1.0))
    assert course.told()["multiplier"] == {"many": 0.0, "few": 0.0}
    course.loss(*sure_of_many())
    assert course.told()["multiplier"]["few"] > 0


class Logistic:
    """Logistic regression of two groups whose best boundaries differ: convex, three numbers to find."""

    def __init__(self, counts=(140, 60), seed=0):
        rng = np.random.default_rng(seed)
        group = np.repeat([0, 1], counts)
        x = rng.normal(size=(sum(counts), 2))
        direction = np.where(group[:, None] == 0, [2.0, 0.5], [0.3, 1.5])
        target = ((x * direction).sum(axis=1) + rng.logistic(size=len(x)) > 0).astype(int)
        self.x, self.target = torch.from_numpy(np.column_stack([x, np.ones(len(x))])), torch.from_numpy(target)
        self.batch = Batch(target=self.target, group=torch.from_numpy(group))
        self.population = Population(names=("many", "few"), counts=counts)

    def outputs(self, weights):
        score = self.x @ weights
        return torch.stack([torch.zeros_like(score), score], dim=1)

    def losses(self, weights):
        return cross_entropy(self.outputs(weights), self.target, reduction="none")

    def of_groups(self, weights):
        return group_means(self.losses(weights), self.batch.group).mean

    def levels(self, weights):
        accuracy = (self.outputs(weights).argmax(1) == self.target).double()
        return Levels(
            count=torch.tensor(self.population.counts),
            loss=self.of_groups(weights).detach(),
            accuracy=group_means(accuracy, self.batch.group).mean,
        )

    def solved(self):
        """Return the optimum that sequential quadratic programming finds, and its multiplier of J_few − J_many."""

        def number(function):
            def of(w):
                leaf = torch.tensor(w, requires_grad=True)
                value = function(leaf)
                value.backward()
                return value.item(), leaf.grad.numpy()

            return of

        mean = number(lambda w: self.losses(w).mean())
        gap = number(lambda w: self.of_groups(w)[1] - self.of_groups(w)[0])
        found = minimize(
            mean,
            np.zeros(3),
            jac=True,
            method="SLSQP",
            constraints=[{"type": "eq", "fun": lambda w: gap(w)[0], "jac": lambda w: gap(w)[1]}],
            options={"ftol": 1e-14, "maxiter": 500},
        )
        slope, along = mean(found.x)[1], gap(found.x)[1]
        return found.x, -float(slope @ along / (along @ along))


def minimised(loss, weights):
    optimizer = torch.optim.LBFGS(
        [weights], max_iter=500, tolerance_grad=1e-11, tolerance_change=1e-14, line_search_fn="strong_wolfe"
    )

    def closure():
        optimizer.zero_grad()
        value = loss()
        value.backward()
        return value

    optimizer.step(closure)


def test_the_lagrangian_reaches_the_optimum_of_an_independent_solver():
    toy = Logistic()
    best, multiplier = toy.solved()
    plain = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    minimised(lambda: toy.losses(plain).mean(), plain)
    assert (toy.of_groups(plain)[1] - toy.of_groups(plain)[0]).item() > 0.05  # the constraint is not met by itself

    course = EqualLoss(step=2.0, form="signed", cap=9.0).begin(toy.population)
    weights = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    for epoch in range(1, 81):
        minimised(lambda: course.loss(toy.outputs(weights), toy.batch), weights)
        course.end_epoch(epoch, lambda: toy.levels(weights))
    told = course.told()
    np.testing.assert_allclose(weights.detach(), best, atol=1e-5)
    assert told["violation"] == pytest.approx({"many": 0, "few": 0}, abs=1e-6)
    share = toy.population.shares
    pull = told["multiplier"]["few"] * share["many"] - told["multiplier"]["many"] * share["few"]
    assert pull == pytest.approx(multiplier, abs=1e-4)
    assert min(told["weight"].values()) > 0  # so that the Lagrangian is convex and the optimum the only one


def test_steps_are_those_of_an_independent_library():
    """Dual, then primal, step by step, as cooper's alternating optimiser does it with equality constraints."""
    cooper = pytest.importorskip("cooper", reason="cooper-optim is not installed")
    toy = Logistic(counts=(60, 60))
    theirs, ours = (torch.zeros(3, dtype=torch.float64, requires_grad=True) for _ in range(2))

    class Problem(cooper.ConstrainedMinimizationProblem):
        def __init__(self):
            super().__init__()
            multiplier = cooper.multipliers.DenseMultiplier(num_constraints=2, dtype=torch.float64)
            self.equal = cooper.Constraint(
                constraint_type=cooper.ConstraintType.EQUALITY,
                formulation_type=cooper.formulations.Lagrangian,
                multiplier=multiplier,
            )

        def compute_cmp_state(self):
            mean = toy.losses(theirs).mean()
            state = cooper.ConstraintState(violation=toy.of_groups(theirs) - mean)
            return cooper.CMPState(loss=mean, observed_constraints={self.equal: state})

    problem = Problem()
    both = cooper.optim.AlternatingDualPrimalOptimizer(
        cmp=problem,
        primal_optimizers=torch.optim.SGD([theirs], lr=0.3),
        dual_optimizers=torch.optim.SGD(problem.dual_parameters(), lr=0.1, maximize=True),
    )
    course = EqualLoss(step=0.1, update="step", form="signed", replay=60, cap=9.0).begin(toy.population)
    optimizer = torch.optim.SGD([ours], lr=0.3)
    for _ in range(50):
        both.roll()
        optimizer.zero_grad()
        course.loss(toy.outputs(ours), toy.batch).backward()
        optimizer.step()
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)
        found = list(course.told()["multiplier"].values())
        np.testing.assert_allclose(found, problem.equal.multiplier.weight.detach(), rtol=1e-9, atol=1e-12)
    assert max(map(abs, found)) > 0.05


def with_coins():
    """The toy with coin flips for the labels of the smaller group: no boundary serves it, its loss stays at log 2."""
    toy = Logistic(seed=1)
    coins = torch.from_numpy(np.random.default_rng(2).integers(0, 2, 60))
    toy.target = torch.cat([toy.target[:140], coins])
    toy.batch = replace(toy.batch, target=toy.target)
    return toy


@pytest.mark.parametrize(("cap", "collapses"), [(None, False), (1.0, True)])
def test_the_cap_prevents_the_collapse(cap, collapses):
    """Losses that cannot be equal on a good level are made equal on a bad one, by multipliers that rise without end."""
    toy = with_coins()
    weights = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([weights], lr=0.1)
    course = EqualLoss(step=1.0, cap=cap).begin(toy.population)
    for epoch in range(1, 41):
        for _ in range(10):
            optimizer.zero_grad()
            course.loss(toy.outputs(weights), toy.batch).backward()
            optimizer.step()
        course.end_epoch(epoch, lambda: toy.levels(weights))
    found = toy.levels(weights)
    assert (found.loss[0].item() > 0.67) is collapses  # 0.49 without a constraint, 0.60 with the cap
    assert (found.accuracy[0].item() < 0.6) is collapses  # 0.79, 0.75
    assert (course.told()["weight"]["many"] < 0) is collapses
