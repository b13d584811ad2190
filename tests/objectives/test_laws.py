"""Laws that every objective obeys; what they are tried with stands in objective_settings.py."""

import json
import tomllib
from dataclasses import FrozenInstanceError, asdict, fields, replace

import pytest
import tomli_w
import torch
from torch import nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy

from disparate.errors import BadInput
from disparate.groups import Groups
from disparate.objectives import OBJECTIVES, Population, Separate, build_objective
from disparate.objectives.erm import ERM
from disparate.profiles import Profile
from disparate.training.config import TrainingConfig
from disparate.training.loop import Start, train

CONFIG = TrainingConfig(epochs=3, batch_size=16, learning_rate=0.05, flip=True)


def network() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Tanh(), nn.Dropout(0.1), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
            nn.Linear(4, 2),
        )  # fmt: skip


def trained(data, objective, levels, config=CONFIG):
    groups = Groups.of(data.attributes, by="size")
    order = ["few", "many", "others"]
    assert list(groups.names) == order
    dense = levels_in(levels, order)
    start = Start(dense=dense)
    return train(network(), data, config=config, profile=Profile(), objective=objective, groups=groups, start=start)


def levels_in(levels, order):
    places = [("many", "few", "others").index(name) for name in order]
    return replace(levels, count=levels.count[places], loss=levels.loss[places], accuracy=levels.accuracy[places])


def same(left, right) -> bool:
    return all(torch.equal(value, right.states[3][name]) for name, value in left.states[3].items())


def value(course, model, inputs, batch):
    parameters = tuple(model.parameters())
    seen = inputs.clone().requires_grad_(course.differentiates_inputs)
    return course.loss(model(seen), replace(batch, inputs=seen, parameters=parameters))


def after_an_epoch(objective, population, levels, model, inputs, batch):
    """Return a course that has multipliers and averages, where it keeps any."""
    course = objective.begin(population)
    value(course, model, inputs, batch)
    course.end_epoch(1, lambda: levels)
    return course


def test_every_objective_has_a_line(name, lines):
    assert name in lines, f"objective '{name}' has no line in tests/objectives/objective_settings.py"
    line = lines[name]
    assert line.examples, f"objective '{name}' has no example in tests/objectives/objective_settings.py"
    assert bool(line.zero) != bool(line.no_zero), f"objective '{name}': a zero strength or the reason why it has none"
    assert line.bad, f"objective '{name}' has no bad table in tests/objectives/objective_settings.py"
    kind = OBJECTIVES.load(name)
    assert all(type(objective) is kind for objective in (*line.examples, *line.zero))


def test_is_frozen(example):
    _, objective = example
    for setting in fields(objective):
        with pytest.raises(FrozenInstanceError):
            setattr(objective, setting.name, None)


def test_zero_strength_is_plain_training_bit_for_bit(zero, pictures, levels):
    assert same(trained(pictures, zero, levels), trained(pictures, ERM(), levels))


def test_strength_changes_the_weights(example, pictures, levels):
    """The other side of the law above: an objective that did nothing at all would pass it."""
    name, objective = example
    if name == "erm" or "step=0.01" in repr(objective):  # too small a step to meet an effect in 9 steps
        return
    found = trained(pictures, objective, levels)
    assert not same(found, trained(pictures, ERM(), levels))
    assert all(bool(torch.isfinite(weight).all()) for weight in found.states[3].values())


def test_the_same_training_gives_the_same_weights_and_history(example, pictures, levels):
    first, second = (trained(pictures, example[1], levels) for _ in range(2))
    assert same(first, second)
    assert first.history == second.history


def test_the_global_generator_is_left_as_it_was(example, population, levels, net, inputs, batch):
    before = torch.get_rng_state()
    value(after_an_epoch(example[1], population, levels, net, inputs, batch), net, inputs, batch)
    assert torch.equal(before, torch.get_rng_state())


def test_what_is_told_is_plain_json_by_group(example, pictures, levels):
    names = {"few", "many", "others"}
    for epoch in trained(pictures, example[1], levels).history:
        assert json.loads(json.dumps(epoch.told, allow_nan=False)) == epoch.told
        for key in ("multiplier", "violation", "weight", "skipped", "loss", "times_met"):
            assert set(epoch.told.get(key, {})) <= names, key


def test_the_gradient_is_that_of_finite_differences(smooth, population, levels, net, inputs, batch):
    names, start = zip(*net.named_parameters(), strict=True)

    def loss(*parameters):
        course = after_an_epoch(smooth, population, levels, net, inputs, batch)
        seen = inputs.clone().requires_grad_(course.differentiates_inputs)
        outputs = functional_call(net, dict(zip(names, parameters, strict=True)), seen)
        return course.loss(outputs, replace(batch, inputs=seen, parameters=parameters))

    leaves = tuple(parameter.detach().clone().requires_grad_() for parameter in start)
    assert torch.autograd.gradcheck(loss, leaves, eps=1e-6, atol=1e-6, rtol=1e-4)


def test_a_group_absent_from_a_batch_is_left_out(example, population, levels, net, inputs, batch):
    course = after_an_epoch(example[1], population, levels, net, inputs, batch)
    part = slice(6, None)
    lacking = replace(batch, target=batch.target[part], group=batch.group[part])
    loss = value(course, net, inputs[part], lacking)
    loss.backward()
    assert bool(torch.isfinite(loss))
    assert all(bool(torch.isfinite(parameter.grad).all()) for parameter in net.parameters())


def test_a_group_absent_from_training_has_no_number(example, population, levels, net, inputs, batch):
    _, objective = example
    without = replace(
        population,
        names=(*population.names, "nobody"),
        counts=(*population.counts, 0),
        by_class=(*population.by_class, (0, 0, 0)),
        dense=with_nobody(population.dense),
    )
    course = after_an_epoch(objective, without, with_nobody(levels), net, inputs, batch)
    told = course.told()
    if told:
        assert told["absent"] == ["nobody"]
        assert all("nobody" not in found for key, found in told.items() if key != "absent" and isinstance(found, dict))
    assert bool(torch.isfinite(value(course, net, inputs, batch)))


def with_nobody(levels):
    none = torch.full((1,), torch.nan, dtype=torch.float64)
    return replace(
        levels,
        count=torch.cat([levels.count, torch.zeros(1, dtype=torch.int64)]),
        loss=torch.cat([levels.loss, none]),
        accuracy=torch.cat([levels.accuracy, none]),
    )


def test_one_group_alone_is_plain_training(example, lines, levels, net, inputs, batch):
    name, objective = example
    if lines[name].needs_all:
        with pytest.raises(BadInput, match=r"'many' is no group here\. Known: everyone\."):
            objective.begin(Population(names=("everyone",), counts=(12,)))
        return
    alone = Population(
        names=("everyone",), counts=(12,), dense=alone_in(levels), labels=("x", "y", "z"), by_class=((4, 4, 4),)
    )
    everyone = replace(batch, group=torch.zeros(12, dtype=torch.int64))
    course = after_an_epoch(objective, alone, alone_in(levels), net, inputs, everyone)
    plain = cross_entropy(net(inputs), batch.target)
    torch.testing.assert_close(value(course, net, inputs, everyone), plain, rtol=1e-12, atol=1e-12)


def alone_in(levels):
    return replace(levels, count=torch.tensor([12]), loss=levels.loss[:1], accuracy=levels.accuracy[:1])


def test_a_loss_that_is_no_number_names_group_and_epoch(guarding, population, levels, net, inputs, batch):
    course = after_an_epoch(guarding, population, levels, net, inputs, batch)
    broken = net(inputs).detach().clone()
    broken[6:9] = torch.nan  # the examples of 'few'
    text = (
        r"^the loss of group 'few' is nan (in|at the end of) epoch 2; a finite number was expected\. "
        r"Multipliers stood at many \d\S*, few \d\S*, others \d\S*\. Lower learning_rate"
    )
    lost = replace(levels, loss=torch.tensor([0.1, torch.nan, 0.2], dtype=torch.float64))
    with pytest.raises(BadInput, match=text):  # ruff: ignore[pytest-raises-with-multiple-statements]  whichever of the two comes first
        course.loss(broken, batch)
        course.end_epoch(2, lambda: lost)


def test_round_trip_through_toml(example):
    name, objective = example
    table = {key: found for key, found in asdict(objective).items() if found is not None}
    text = tomli_w.dumps({"objective": {"name": name, **table}})
    assert build_objective(tomllib.loads(text)["objective"]) == objective


def test_refuses_bad_settings_with_its_text(bad):
    table, text = bad
    with pytest.raises(BadInput) as caught:
        build_objective(table)
    assert text in str(caught.value)
    assert str(caught.value).startswith(f"objective '{table['name']}': ")


def test_label_smoothing_reaches_every_objective(example, population, levels, net, inputs, batch):
    losses = [
        value(after_an_epoch(example[1], population, levels, net, inputs, smoothed), net, inputs, smoothed)
        for smoothed in (batch, replace(batch, label_smoothing=0.3))
    ]
    assert losses[0] != losses[1]


def test_separate_losses_see_their_own_example_alone_and_their_mean_is_the_loss(
    example, population, levels, net, inputs, batch
):
    course = example[1].begin(population)
    if not isinstance(course, Separate):
        assert example[0] not in {"erm", "reweighting"}
        return
    assert example[0] in {"erm", "reweighting"}
    outputs = net(inputs).detach()
    losses = course.example_losses(outputs, batch)
    torch.testing.assert_close(losses.mean(), course.loss(outputs, batch))
    for row in range(len(outputs)):
        alone = replace(batch, target=batch.target[row : row + 1], group=batch.group[row : row + 1])
        torch.testing.assert_close(course.example_losses(outputs[row : row + 1], alone)[0], losses[row])
