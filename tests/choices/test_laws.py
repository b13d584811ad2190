"""Laws that every choice obeys; what they are tried with stands in choice_settings.py."""

import json
import tomllib
from copy import deepcopy
from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import pytest
import tomli_w
import torch
from torch import nn

from disparate.choice import (
    ExecutionChoice,
    InputChoice,
    ModelChoice,
    NetworkChoice,
    ObjectiveChoice,
    TrainingChoice,
    TuningChoice,
    is_choice,
)
from disparate.choices import CHOICES, build_choice, choice_table
from disparate.errors import BadInput, NotApplicable
from disparate.profiles import Profile
from disparate.training.config import TrainingConfig

CARDS = Path(__file__).parents[2] / "docs" / "choices"


def answers(network: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return network(inputs)


def test_every_choice_has_a_line(name, lines):
    assert name in lines, f"choice '{name}' has no line in tests/choices/choice_settings.py"
    line = lines[name]
    assert line.examples, f"choice '{name}' has no example in tests/choices/choice_settings.py"
    assert bool(line.zero) != bool(line.no_zero), f"choice '{name}': a zero strength or the reason why it has none"
    assert line.bad, f"choice '{name}' has no bad table in tests/choices/choice_settings.py"
    kind = CHOICES.load(name)
    assert all(type(choice) is kind for choice in (*line.examples, *line.zero, *line.drawn))


def test_every_choice_has_a_card(name):
    assert (CARDS / f"{name}.md").is_file(), f"choice '{name}' has no card docs/choices/{name}.md"


def test_every_setting_is_on_the_card(name):
    card = (CARDS / f"{name}.md").read_text(encoding="utf-8")
    for setting in fields(CHOICES.load(name)):
        assert f"`{setting.name}`" in card, f"docs/choices/{name}.md does not describe the setting '{setting.name}'"


def test_is_a_choice(example):
    assert is_choice(example)


def test_is_frozen(example):
    with pytest.raises(FrozenInstanceError):
        setattr(example, fields(example)[0].name, None)


def test_zero_strength_changes_nothing(zero, model, inputs, context_of, pixels_of, input_context_of):
    pixels = pixels_of(zero)
    if isinstance(zero, ModelChoice):
        assert torch.equal(answers(zero.apply(model, context_of()), inputs), answers(model, inputs))
    if isinstance(zero, TrainingChoice):
        config = TrainingConfig(epochs=10, learning_rate=0.3).seeded(4)
        assert zero.configure(config) == config
    if isinstance(zero, NetworkChoice):
        assert zero.network({"name": "small_cnn", "width": 32}) == {"name": "small_cnn", "width": 32}
    if isinstance(zero, ExecutionChoice):
        assert zero.execute(Profile()) == Profile()
    if isinstance(zero, ObjectiveChoice):
        assert zero.aim({"name": "erm"}) == {"name": "erm"}
    if isinstance(zero, InputChoice):
        assert torch.equal(zero.alter(pixels, input_context_of()), pixels)


def test_strength_changes_something(example, model, inputs, context_of, pixels_of, input_context_of):
    """The other side of the law above: a choice that did nothing at all would pass it."""
    pixels = pixels_of(example)
    changed = False
    if isinstance(example, ModelChoice):
        changed |= not torch.equal(answers(example.apply(model, context_of()), inputs), answers(model, inputs))
    if isinstance(example, TrainingChoice):
        changed |= example.configure(TrainingConfig(epochs=10)) != TrainingConfig(epochs=10)
    if isinstance(example, NetworkChoice):
        changed |= example.network({"name": "small_cnn", "width": 32}) != {"name": "small_cnn", "width": 32}
    if isinstance(example, ExecutionChoice):
        changed |= example.execute(Profile()) != Profile()
    if isinstance(example, ObjectiveChoice):
        changed |= example.aim({"name": "another"}) != {"name": "another"}
    if isinstance(example, TuningChoice):
        changed |= example.tuning(TrainingConfig(epochs=10)).epochs > 0
    if isinstance(example, InputChoice):
        changed |= not torch.equal(example.alter(pixels, input_context_of()), pixels)
    assert changed


def test_given_values_are_untouched(acting, model, inputs, context_of):
    before, mode = deepcopy(model.state_dict()), [module.training for module in model.modules()]
    deployed = acting.apply(model, context_of())
    answers(deployed, inputs)
    with torch.no_grad():
        for parameter in deployed.parameters():
            if type(parameter) is nn.Parameter:
                parameter.fill_(7.0)
    assert deployed is not model
    assert before.keys() == model.state_dict().keys()
    assert all(torch.equal(value, model.state_dict()[key]) for key, value in before.items())
    assert mode == [module.training for module in model.modules()]
    assert not any(module._forward_pre_hooks or module._forward_hooks for module in model.modules())


def test_same_generator_same_answers(acting, model, inputs, context_of):
    first, second = (answers(acting.apply(model, context_of(3)), inputs) for _ in range(2))
    assert torch.equal(first, second)


def test_another_generator_another_draw(drawn, model, inputs, context_of, pixels_of, input_context_of):
    pixels = pixels_of(drawn)
    if isinstance(drawn, InputChoice):
        first, second = (drawn.alter(pixels, input_context_of(seed)) for seed in (3, 4))
    else:
        first, second = (answers(drawn.apply(model, context_of(seed)), inputs) for seed in (3, 4))
    assert not torch.equal(first, second)


def test_global_randomness_is_left_alone(acting, model, context_of):
    before = torch.get_rng_state()
    acting.apply(model, context_of())
    assert torch.equal(before, torch.get_rng_state())


def test_altered_inputs_are_inputs(altering, pixels_of, input_context_of):
    pixels = pixels_of(altering)
    moved = altering.alter(pixels, input_context_of())
    assert (moved.shape, moved.dtype) == (pixels.shape, pixels.dtype)
    assert moved.min() >= 0
    assert moved.max() <= 1
    assert not moved.requires_grad


def test_altering_leaves_everything_else_alone(altering, model, pixels_of, input_context_of):
    pixels = pixels_of(altering)
    given, state, random = pixels.clone(), deepcopy(model.state_dict()), torch.get_rng_state()
    altering.alter(pixels, input_context_of())
    assert torch.equal(pixels, given)
    assert all(torch.equal(value, model.state_dict()[key]) for key, value in state.items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert torch.equal(random, torch.get_rng_state())


def test_altering_repeats_itself(altering, pixels_of, input_context_of):
    pixels = pixels_of(altering)
    first, second = (altering.alter(pixels, input_context_of(3)) for _ in range(2))
    assert torch.equal(first, second)


def test_round_trip_through_toml(example):
    text = tomli_w.dumps({"choices": [choice_table(example)]})
    assert build_choice(tomllib.loads(text)["choices"][0]) == example


def test_objects_politely_to_a_model_without_weights(acting, context_of):
    with pytest.raises(NotApplicable, match=r"on Sequential: it has no .* Leave the choice out for this model\.$"):
        acting.apply(nn.Sequential(nn.Flatten(), nn.ReLU()), context_of())


def test_what_was_done_is_plain_json(acting, model, context_of):
    done = acting.effective(acting.apply(model, context_of()))
    assert json.loads(json.dumps(done, allow_nan=False)) == done


def test_answers_do_not_hang_on_the_batch(acting, model, inputs, context_of):
    deployed = acting.apply(model, context_of())
    parts = torch.cat([answers(deployed, part) for part in inputs.split(7)])
    torch.testing.assert_close(parts, answers(deployed, inputs), rtol=0, atol=1e-6)


def test_refuses_bad_values_with_its_text(bad):
    table, text = bad
    with pytest.raises(BadInput) as caught:
        build_choice(table)
    assert text in str(caught.value)
    assert str(caught.value).startswith(f"choice '{table['choice']}': ")
