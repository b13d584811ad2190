"""Disturbance: what passes see, what stays, when the target is found anew; and that a network gets used to noise."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from disparate.choice import Labelled
from disparate.crossbar.chips import Chip
from disparate.crossbar.deploying import Placement, on_crossbars
from disparate.crossbar.device import Device
from disparate.groups import Attribute, Groups
from disparate.training.disturbance import Disturbance
from disparate.training.rules import TellingRule
from disparate.training.targeting import Target

NOISE = Placement(device=Device(programming=0.1))


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 12), nn.ReLU(), nn.Linear(12, 3))


@pytest.fixture
def labelled() -> Labelled:
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(90, 5, generator=generator)
    names = ["f" if row % 3 == 0 else "m" for row in range(90)]
    return Labelled(
        inputs=inputs,
        target=(inputs @ torch.randn(5, 3, generator=generator)).argmax(1),
        groups=Groups.of({"sex": Attribute.of(names)}, by="sex"),
    )


def weights(network: nn.Module) -> list[Tensor]:
    return [network.get_parameter(name).detach().clone() for name in ("0.weight", "2.weight")]


def test_passes_see_a_chip_and_the_weights_come_back_bit_for_bit(network):
    rule, before = Disturbance(NOISE), weights(network)
    with rule.seen(network):
        seen = weights(network)
    assert all(not torch.equal(a, b) for a, b in zip(seen, before, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(weights(network), before, strict=True))
    spread = (seen[0] - before[0]).std() / before[0].abs().max()
    assert spread.item() == pytest.approx(0.1 * 2**0.5, rel=0.35)  # a pair of cells, each with 0.1 of the window


def test_weights_come_back_after_an_error(network):
    before = weights(network)
    with pytest.raises(ZeroDivisionError), Disturbance(NOISE).seen(network):
        raise ZeroDivisionError
    assert all(torch.equal(a, b) for a, b in zip(weights(network), before, strict=True))


def test_every_step_is_another_chip_and_a_seed_repeats_it(network):
    def course(seed: int) -> list[Tensor]:
        rule, found = Disturbance(NOISE, seed=seed), []
        for _ in range(3):
            with rule.seen(network):
                found.append(weights(network)[0])
            rule.after_step(network)
        return found

    first, again, other = course(0), course(0), course(1)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], first[1])
    assert not torch.equal(first[0], other[0])


def test_the_ideal_device_shows_the_weights_as_they_are(network):
    rule, before = Disturbance(Placement(device=Device())), weights(network)
    with rule.seen(network):
        assert all(torch.equal(a, b) for a, b in zip(weights(network), before, strict=True))


def test_written_back_errors_stay_and_rounding_does_not(network):
    rule, before = Disturbance(Placement(device=Device(bits=3)), errors="write_back"), weights(network)
    with rule.seen(network):
        assert torch.equal(weights(network)[0], before[0])
    rule.after_step(network)
    assert torch.equal(weights(network)[0], before[0])
    noisy = Disturbance(NOISE, errors="write_back")
    noisy.after_step(network)
    moved = (weights(network)[0] - before[0]).abs().max()
    noisy.after_step(network)
    assert moved > 0
    assert not torch.equal(weights(network)[0], before[0])


def test_noise_of_reading_is_part_of_it(network):
    rule, before = Disturbance(Placement(device=Device(read=0.1))), weights(network)
    with rule.seen(network):
        assert not torch.equal(weights(network)[0], before[0])


@pytest.mark.parametrize("errors", ["straight_through", "write_back"])
def test_only_the_target_is_disturbed(network, labelled, errors):
    rule = Disturbance(NOISE, errors=errors, target=Target(share=0.2), labelled=labelled)
    before = weights(network)
    rule.begin_epoch(network, 1)
    with rule.seen(network):
        seen = weights(network)
    rule.after_step(network)
    found = seen if errors == "straight_through" else weights(network)
    changed = [int((a != b).sum()) for a, b in zip(found, before, strict=True)]
    assert changed == [round(0.2 * 60), round(0.2 * 36)]
    assert rule.told()["selected"] == [sum(changed)]


@pytest.mark.parametrize(("refresh", "expected"), [(None, 2), (1, 7), (4, 2), (100, 1)])
def test_the_target_is_found_anew_as_often_as_asked(network, labelled, refresh, expected):
    rule = Disturbance(NOISE, target=Target(share=0.2), labelled=labelled, refresh=refresh)
    for epoch in (1, 2):
        rule.begin_epoch(network, epoch)
        for _ in range(3):
            rule.after_step(network)
    assert rule.told()["refreshed"] == expected


def test_the_target_follows_the_weights(network, labelled):
    rule = Disturbance(NOISE, target=Target(share=0.2), labelled=labelled)
    rule.begin_epoch(network, 1)
    first = rule.placement.masks["0"]
    with torch.no_grad():
        network.get_parameter("0.weight").mul_(torch.rand(12, 5))
    rule.begin_epoch(network, 2)
    assert not torch.equal(first, rule.placement.masks["0"])


def test_it_tells_what_it_did_and_nothing_without_a_target(network):
    rule = Disturbance(NOISE)
    rule.begin_epoch(network, 1)
    assert isinstance(rule, TellingRule)
    assert rule.told() == {}


def test_a_network_that_learnt_with_noise_answers_better_under_noise():
    generator = torch.Generator().manual_seed(3)
    inputs = torch.randn(300, 5, generator=generator)
    target = torch.tanh(inputs @ torch.randn(5, 8, generator=generator)) @ torch.randn(8, 3, generator=generator)
    target = target.argmax(1)
    noisy = Placement(device=Device(programming=0.3))

    def loss(rule: Disturbance | None) -> float:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(5, 24), nn.ReLU(), nn.Linear(24, 3))
        optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
        for _ in range(120):
            optimizer.zero_grad()
            if rule is None:
                cross_entropy(model(inputs), target).backward()
            else:
                with rule.seen(model):
                    cross_entropy(model(inputs), target).backward()
            optimizer.step()
            if rule is not None:
                rule.after_step(model)
        chips = [on_crossbars(model, noisy, Chip(seed=seed), cycle_seed=0) for seed in range(20)]
        with torch.no_grad():
            return float(np.mean([cross_entropy(chip(inputs), target) for chip in chips]))

    assert loss(Disturbance(noisy)) < 0.8 * loss(None)
