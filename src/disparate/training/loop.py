"""The training loop: plain, deterministic given configuration and profile, with the objective handed in."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from disparate.data.grouped import GroupedDataset
from disparate.errors import BadInput
from disparate.groups import Groups
from disparate.objectives import Batch, Course, Levels, Objective, Population
from disparate.profiles import Profile
from disparate.training.batches import (
    Augmentation,
    Normalisation,
    Ordering,
    Source,
    normalisation_of,
    sampled,
    shuffled,
)
from disparate.training.config import TrainingConfig
from disparate.training.execution import in_force, memory_format, place
from disparate.training.levels import group_levels
from disparate.training.privacy import Budget
from disparate.training.private_steps import PrivateSteps, require_private
from disparate.training.rules import WeightRule, all_seen
from disparate.training.step_rules import PlainSteps, StepRule

Report = Callable[[float, float, str], None]
"""Called with steps done, steps in all, and a line of text."""

NOISE_STREAM = 2**40
"""What the seed of augmentation is moved by to seed the noise of private steps, which is a stream of its own."""
AUTOCAST = {"bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True, kw_only=True, slots=True)
class Epoch:
    """What one epoch showed on the training batches as they went by.

    Args:
        epoch: Counted from 1.
        loss: Mean of the objective.
        accuracy: Share of right answers.
        told: What the objective keeps of it: multipliers, violations.
    """

    epoch: int
    loss: float
    accuracy: float
    told: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Trained:
    """What a training leaves.

    Args:
        states: Weights by epoch; always holds the last epoch.
        normalisation: How inputs were normalised.
        history: One entry per epoch.
        steps: Optimiser steps taken.
    """

    states: dict[int, dict[str, Tensor]]
    normalisation: Normalisation
    history: tuple[Epoch, ...]
    steps: int = field(default=0)


def silent(done: float, total: float, message: str) -> None:
    """Report nothing."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Start:
    """Where a training starts from, if not from nothing.

    Args:
        normalisation: How inputs are normalised; measured on the training examples where not given.
        dense: Levels of the network before it was compressed.
        rules: What holds for the weights, the first below the others.
        ordering: In which order examples are met, where the objective does not decide it; shuffled otherwise.
    """

    normalisation: Normalisation | None = None
    dense: Levels | None = None
    rules: Sequence[WeightRule] = ()
    ordering: Ordering | None = None


def train(
    model: nn.Module,
    data: GroupedDataset,
    *,
    config: TrainingConfig,
    profile: Profile,
    objective: Objective,
    groups: Groups | None = None,
    start: Start = Start(),
    report: Report = silent,
) -> Trained:
    """Train a network under a profile.

    The same arguments give the same weights, bit for bit, on the same machine. The global generator, which dropout
    draws from, is seeded inside and restored.

    Args:
        model: The network with its initial weights; it is trained in place.
        data: The data set; its training split is used.
        config: How to train.
        profile: Where and how to run.
        objective: What to minimise.
        groups: The group of every example of the data set; everyone is one group where not given.
        start: What is known of the weights before.
        report: Live progress.

    Returns:
        The weights, and how it went.

    Raises:
        BadInput: The loss became NaN or infinite, there is nothing to train on, or no noise keeps to the ε.
        NotApplicable: The profile cannot run here, or private steps do not go together with what is trained.
    """
    rows = config.training_rows(data)
    if not len(rows):
        raise BadInput(f"data set '{data.name}' has no example in the split 'train'; training needs some.")
    normalisation = start.normalisation or normalisation_of(data, rows)
    names, codes = _named(data, groups)
    with in_force(profile) as device, torch.random.fork_rng():
        torch.manual_seed(config.augment_seed)
        place(model, profile)
        source = Source(data=data, normalisation=normalisation, device=device, memory_format=memory_format(profile))
        course = objective.begin(population_of(data, rows, groups, dense=start.dense))
        if config.privacy is not None:
            require_private(model, objective, course, rules=start.rules)
        fed = _Fed(source=source, rows=rows, codes=codes, config=config)
        stepper = _Stepper(model, config, course, start.rules, device, names=names, examples=len(rows))
        order = torch.Generator().manual_seed(config.order_seed)
        draws = torch.Generator().manual_seed(config.augment_seed)
        ordered = objective if isinstance(objective, Ordering) else start.ordering
        states: dict[int, dict[str, Tensor]] = {}
        history: list[Epoch] = []
        for epoch in range(1, config.last_epoch + 1):
            tally = _Tally()
            stepper.begin(epoch)
            for batch in fed.order(order, ordered):
                tally.add(*stepper.step(*fed.batch(batch, draws)))
                report(stepper.done, stepper.total, f"epoch {epoch} of {config.last_epoch}")
            seen = tally.epoch(epoch, config, history)
            course.end_epoch(epoch, stepper.levels(lambda: group_levels(model, source, rows, codes, groups=len(names))))
            history.append(replace(seen, told={**course.told(), **stepper.rule.told()}))
            if epoch == config.last_epoch or epoch in config.keep_epochs:
                states[epoch] = {name: value.detach().cpu().clone() for name, value in model.state_dict().items()}
        stepper.rule.end()
    return Trained(states=states, normalisation=normalisation, history=tuple(history), steps=stepper.done)


def population_of(
    data: GroupedDataset, rows: NDArray[np.intp], groups: Groups | None, *, dense: Levels | None = None
) -> Population:
    """Return who is trained on.

    Args:
        data: The data set.
        rows: Positions of the examples that are trained on.
        groups: The group of every example of the data set; everyone is one group where not given.
        dense: Levels of the network before it was compressed.

    Returns:
        The groups with their numbers of examples, whole and by class.
    """
    names, codes = _named(data, groups)
    cells = np.zeros((len(names), len(data.label_names)), np.int64)
    np.add.at(cells, (codes[rows], data.target[rows]), 1)
    return Population(
        names=names,
        counts=tuple(cells.sum(axis=1).tolist()),
        dense=dense,
        labels=tuple(data.label_names),
        by_class=tuple(tuple(row) for row in cells.tolist()),
    )


def _named(data: GroupedDataset, groups: Groups | None) -> tuple[tuple[str, ...], NDArray[np.int32]]:
    return (groups.names, groups.codes) if groups else (("everyone",), np.zeros(len(data), np.int32))


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Fed:
    """What a training is fed with."""

    source: Source
    rows: NDArray[np.intp]
    codes: NDArray[np.int32]
    config: TrainingConfig

    def order(self, generator: torch.Generator, ordered: Ordering | None) -> Iterator[NDArray[np.intp]]:
        private = self.config.privacy
        if private is not None and private.sampling == "poisson":
            rate = min(1.0, self.config.batch_size / len(self.rows))
            return sampled(self.rows, rate, steps_per_epoch(len(self.rows), self.config), generator)
        if ordered is None:
            return shuffled(self.rows, self.config.batch_size, generator)
        return ordered.batches(self.rows, self.codes[self.rows], self.config.batch_size, generator)

    def batch(self, rows: NDArray[np.intp], draws: torch.Generator) -> tuple[Tensor, Batch]:
        augmentation = Augmentation(flip=self.config.flip, crop=self.config.crop)
        inputs = self.source.inputs(rows, augmentation, draws)
        seen = Batch(
            target=self.source.target(rows),
            group=torch.from_numpy(self.codes[rows]).to(self.source.device),
            label_smoothing=self.config.label_smoothing,
        )
        return inputs, seen


def steps_per_epoch(examples: int, config: TrainingConfig) -> int:
    """Return the number of batches that an epoch has; a last one of a single example joins the one before it.

    Example:
        >>> [steps_per_epoch(examples, TrainingConfig(batch_size=4)) for examples in (8, 9, 10, 1)]
        [2, 2, 3, 1]
    """
    steps = math.ceil(examples / config.batch_size)
    return steps - 1 if steps > 1 and examples % config.batch_size == 1 else steps


def budget_of(config: TrainingConfig, examples: int) -> Budget:
    """Return the noise of a private training and its ε, which is meant for all epochs even where it stops early.

    Args:
        config: How it is trained, with ``privacy``.
        examples: Training examples.

    Returns:
        The budget.

    Raises:
        BadInput: There is no privacy to be had, or no noise keeps to the ε.
    """
    if config.privacy is None:
        raise BadInput("training privacy is not set; settings of private steps were expected.")
    steps = steps_per_epoch(examples, config) * config.epochs
    return Budget.of(config.privacy, batch_size=config.batch_size, examples=examples, steps=steps)


class _Stepper:
    """Takes steps; owns optimiser, schedule and the rule by which gradients are made and weights moved."""

    def __init__(
        self,
        model: nn.Module,
        config: TrainingConfig,
        course: Course,
        rules: Sequence[WeightRule],
        device: torch.device,
        *,
        names: Sequence[str],
        examples: int,
    ) -> None:
        self.model, self.config, self.course, self.rules, self.device = model, config, course, rules, device
        steps = steps_per_epoch(examples, config)
        self.total = steps * config.last_epoch
        self.done = 0
        self.optimizer = optimizer_of(model, config)
        self.rate = rate_of(config, steps)
        self.rule = self._rule(names, examples)
        self.parameters = tuple(parameter for parameter in model.parameters() if parameter.requires_grad)

    def begin(self, epoch: int) -> None:
        self.model.train()
        for rule in self.rules:
            rule.begin_epoch(self.model, epoch)

    def step(self, inputs: Tensor, batch: Batch) -> tuple[Tensor, Tensor, int]:
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate(self.done)
        self.optimizer.zero_grad(set_to_none=True)
        loss, right = self._gradients(inputs, batch) if len(batch.target) else self._no_gradients()
        self.rule.advance()
        for rule in self.rules:
            rule.after_step(self.model)
        self.done += 1
        return loss, right, len(batch.target)

    def _gradients(self, inputs: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        with all_seen(self.rules, self.model):
            outputs, loss = self._passed(inputs.requires_grad_(self.course.differentiates_inputs), batch)
            self.rule.backward(loss, batch)
        return loss.detach().mean(), (outputs.detach().argmax(1) == batch.target).sum()

    def _no_gradients(self) -> tuple[Tensor, Tensor]:
        self.rule.without_examples()
        return torch.zeros((), device=self.device), torch.zeros((), device=self.device)

    def levels(self, taken: Callable[[], Levels]) -> Callable[[], Levels]:
        """Return how levels are taken of the weights that the passes see: rounded, where a rule rounds them."""

        def seen() -> Levels:
            with all_seen(self.rules, self.model):
                return taken()

        return seen

    def _passed(self, inputs: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        dtype = AUTOCAST.get(self.config.precision, torch.bfloat16)
        with torch.autocast(self.device.type, dtype=dtype, enabled=self.config.precision != "float32"):
            outputs = self.rule.outputs(inputs)
        whole = replace(batch, inputs=inputs, parameters=self.parameters)
        return outputs, self.rule.loss(outputs.float(), whole)

    def _rule(self, names: Sequence[str], examples: int) -> StepRule:
        config = self.config
        if config.privacy is None:
            scaler = torch.amp.GradScaler(self.device.type, enabled=config.precision == "fp16")
            return PlainSteps(self.model, self.optimizer, self.course, scaler=scaler)
        budget = budget_of(config, examples)
        noise = torch.Generator(self.device).manual_seed(config.augment_seed + NOISE_STREAM)
        return PrivateSteps(self.model, self.optimizer, self.course, budget=budget, names=names, generator=noise)


class _Tally:
    """Sums of one epoch, kept on the device so that no step waits for them."""

    def __init__(self) -> None:
        self.losses: list[Tensor] = []
        self.right: list[Tensor] = []
        self.sizes: list[int] = []

    def add(self, loss: Tensor, right: Tensor, size: int) -> None:
        self.losses.append(loss * size)
        self.right.append(right)
        self.sizes.append(size)

    def epoch(self, epoch: int, config: TrainingConfig, before: Sequence[Epoch]) -> Epoch:
        examples = max(1, sum(self.sizes))
        loss = torch.stack(self.losses).sum().item() / examples
        if not math.isfinite(loss):
            raise BadInput(
                f"training diverged: the loss is {loss} in epoch {epoch} with {config.optimizer}, learning rate "
                f"{config.learning_rate:g}, precision {config.precision}; a finite loss was expected. "
                f"Lower learning_rate, add warmup_epochs, or check the inputs.{_last(before)}"
            )
        return Epoch(epoch=epoch, loss=loss, accuracy=torch.stack(self.right).sum().item() / examples)


def _last(before: Sequence[Epoch]) -> str:
    if not before:
        return ""
    last = before[-1]
    told = f", and the objective told {dict(last.told)}" if last.told else ""
    return f" Epoch {last.epoch} ended with loss {last.loss:.4g} and accuracy {last.accuracy:.4g}{told}."


def optimizer_of(model: nn.Module, config: TrainingConfig) -> torch.optim.Optimizer:
    """Return the optimiser of a configuration."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    rate, decay = config.learning_rate, config.weight_decay
    if config.optimizer == "sgd":
        return torch.optim.SGD(parameters, lr=rate, momentum=config.momentum, weight_decay=decay)
    kind = torch.optim.Adam if config.optimizer == "adam" else torch.optim.AdamW
    return kind(parameters, lr=rate, weight_decay=decay)


def rate_of(config: TrainingConfig, steps_per_epoch: int) -> Callable[[int], float]:
    """Return the learning rate as a function of the step, counted from 0; it is laid out over all epochs.

    Args:
        config: The configuration.
        steps_per_epoch: Optimiser steps per epoch.

    Returns:
        Step to learning rate.

    Example:
        >>> rate = rate_of(TrainingConfig(epochs=10, schedule="step", learning_rate=1.0), steps_per_epoch=10)
        >>> [round(rate(step), 3) for step in (0, 59, 60, 80, 90)]
        [1.0, 1.0, 0.1, 0.01, 0.001]
    """
    total, warmup = steps_per_epoch * config.epochs, config.warmup_epochs * steps_per_epoch
    shape = SHAPES[config.schedule]

    def rate(step: int) -> float:
        ramp = min(1.0, (step + 1) / warmup) if warmup else 1.0
        return config.learning_rate * ramp * shape(step / total)

    return rate


def _one_cycle(progress: float) -> float:
    if progress < 0.3:
        return 0.04 + 0.96 * (1 - math.cos(math.pi * progress / 0.3)) / 2
    return (1 + math.cos(math.pi * (progress - 0.3) / 0.7)) / 2


SHAPES: dict[str, Callable[[float], float]] = {
    "constant": lambda progress: 1.0,
    "cosine": lambda progress: (1 + math.cos(math.pi * progress)) / 2,
    "step": lambda progress: 0.1 ** sum(progress >= edge for edge in (0.6, 0.8, 0.9)),
    "one_cycle": _one_cycle,
}
"""Schedule to its shape: share of the training done, in [0, 1), to the share of the peak learning rate."""
