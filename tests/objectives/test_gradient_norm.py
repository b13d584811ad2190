"""Gradient norm: against norms that are taken one by one, and what is skipped."""

from dataclasses import replace

import pytest
import torch
from torch.nn.functional import cross_entropy

from disparate.objectives.gradient_norm import GradientNorm


def never():
    raise AssertionError


def norm_of(net, inputs, target):
    net.zero_grad()
    cross_entropy(net(inputs), target).backward()
    return torch.cat([parameter.grad.flatten() for parameter in net.parameters()]).norm().item()


def norms_of(net, inputs, batch):
    own = [norm_of(net, inputs[batch.group == code], batch.target[batch.group == code]) for code in range(3)]
    return own, norm_of(net, inputs, batch.target)


@pytest.mark.parametrize(("form", "power"), [("absolute", 1), ("squared", 2)])
def test_the_penalty_is_that_of_norms_taken_one_by_one(form, power, population, net, inputs, batch):
    own, whole = norms_of(net, inputs, batch)
    course = GradientNorm(strength=0.5, form=form, minimum_members=1).begin(population)
    loss = course.loss(net(inputs), replace(batch, parameters=tuple(net.parameters())))
    plain = cross_entropy(net(inputs), batch.target)
    expected = 0.5 * sum(abs(norm - whole) ** power for norm in own)
    assert (loss - plain).item() == pytest.approx(expected, rel=1e-9)
    course.end_epoch(1, never)
    told = course.told()
    assert told["gradient_norm"] == pytest.approx(dict(zip(population.names, own, strict=True)))
    assert told["everyone"] == pytest.approx(whole)


def test_too_few_members_are_skipped_and_counted(population, net, inputs, batch):
    course = GradientNorm(minimum_members=4).begin(population)
    course.loss(net(inputs), replace(batch, parameters=tuple(net.parameters())))
    course.end_epoch(1, never)
    assert course.told()["skipped"] == {"many": 0, "few": 1, "others": 1}
    assert set(course.told()["gradient_norm"]) == {"many"}


def test_the_penalty_brings_the_norms_together(population, net, inputs, batch):
    def spread():
        own, whole = norms_of(net, inputs, batch)
        return sum(abs(norm - whole) for norm in own)

    before = spread()
    course = GradientNorm(strength=1.0, minimum_members=1).begin(population)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
    for _ in range(200):
        optimizer.zero_grad()
        course.loss(net(inputs), replace(batch, parameters=tuple(net.parameters()))).backward()
        optimizer.step()
    assert spread() < 0.5 * before
