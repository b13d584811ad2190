"""Steps of DP-SGD by opacus: gradients clipped example by example, noise from a generator that is handed in."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from disparate.constraints.batch_means import Tally
from disparate.errors import NotApplicable
from disparate.extras import require
from disparate.objectives import Batch, Course, Objective, Separate
from disparate.training.batches import Ordering
from disparate.training.out_of_place import OutOfPlace, same_answers
from disparate.training.privacy import Budget
from disparate.training.rules import RoundedInputs, WeightRule

UNBOUNDED = 2.0**64
"""A norm that no gradient has; a power of two, so that noise divided by it and multiplied again is the same noise."""
BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
INSTANCE_NORMS = (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)
FEW = 4
"""Inputs that a network is asked about twice before it trains."""
WANTED_FOR = "choice 'privacy'"


class PrivateSteps:
    """The step rule of DP-SGD, with opacus' hooks and optimiser.

    Args:
        model: The network; its layers get hooks until :meth:`end`.
        optimizer: Of the trained parameters.
        course: What is minimised, a mean of losses of single examples.
        budget: Noise and ε.
        names: Names of the groups, in the order of a batch's indices.
        generator: What the noise is drawn from, where the parameters are.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        course: Course,
        *,
        budget: Budget,
        names: Sequence[str],
        generator: torch.Generator,
    ) -> None:
        self.model = model
        self.course = cast("Separate", course)
        self.budget, self.ghost = budget, budget.settings.gradients == "ghost"
        self.parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        norm = budget.settings.max_norm if budget.settings.clip else UNBOUNDED
        self.hooked = _hooked(model, norm, ghost=self.ghost)
        optimizers: Any = require("opacus.optimizers", wanted_for=WANTED_FOR)
        kind = optimizers.DPOptimizerFastGradientClipping if self.ghost else optimizers.DPOptimizer
        self.optimizer = kind(
            optimizer,
            noise_multiplier=budget.noise_multiplier * budget.settings.max_norm / norm,
            max_grad_norm=norm,
            expected_batch_size=budget.expected_batch,
            generator=generator,
        )
        self.names, self.steps = names, 0
        self._forget()

    def outputs(self, inputs: Tensor) -> Tensor:
        """Return what the network gives, nothing of it written in place: hooks keep what layers gave.

        Raises:
            NotApplicable: The network answers otherwise then.
        """
        if not self.steps and not same_answers(self.model, inputs[:FEW]):
            raise NotApplicable(
                f"privacy on {type(self.model).__name__}: it changes tensors in place that are used again, which hooks "
                "on its layers do not allow. Write x = x + y for x.add_(y)."
            )
        with OutOfPlace():
            return self.model(inputs)

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Return one loss per example."""
        return self.course.example_losses(outputs, batch)

    def backward(self, loss: Tensor, batch: Batch) -> None:
        """Take and clip the gradient of every example; note the norms by group."""
        if self.budget.settings.sampling == "shuffle":
            self.optimizer.expected_batch_size = len(loss)
        self.optimizer.zero_grad(set_to_none=True)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Full backward hook is firing")  # pictures need no gradient
            own = (self._ghost_norms(loss) if self.ghost else self._norms(loss)).detach()
        self.norms.add(own, batch.group)
        self.clipped.add((own > self.budget.settings.max_norm).to(own), batch.group)

    def without_examples(self) -> None:
        """Take gradients of zero; noise is added to them as to others."""
        self.optimizer.zero_grad(set_to_none=True)
        for parameter in self.parameters:
            if self.ghost:
                parameter.grad = torch.zeros_like(parameter)
            else:
                parameter.grad_sample = parameter.new_zeros((0, *parameter.shape))  # type: ignore[attr-defined]

    def advance(self) -> None:
        """Add noise and take a step of the optimiser."""
        self.optimizer.step()
        self.steps += 1

    def told(self) -> dict[str, Any]:
        """Return the ε so far, and how long the gradients of each group were and how many of them were clipped."""
        known = {"norm": self.norms.means(), "longer_than_max_norm": self.clipped.means()}
        self._forget()
        return {"privacy": {**self.budget.told(self.steps), **known}}

    def end(self) -> None:
        """Take the hooks off, and what they left on the parameters."""
        self.hooked.to_standard_module()

    def _norms(self, losses: Tensor) -> Tensor:
        losses.mean().backward()
        gradients: list[Tensor] = [parameter.grad_sample for parameter in self.parameters]  # type: ignore[attr-defined]
        return torch.stack([own.flatten(1).norm(dim=1) for own in gradients]).norm(dim=0)

    def _ghost_norms(self, losses: Tensor) -> Tensor:
        ghost: Any = require("opacus.utils.fast_gradient_clipping_utils", wanted_for=WANTED_FOR)
        ghost.DPTensorFastGradientClipping(self.hooked, self.optimizer, losses, "mean").backward()
        return self.hooked.per_sample_gradient_norms

    def _forget(self) -> None:
        self.norms, self.clipped = Tally(self.names), Tally(self.names)


def _hooked(model: nn.Module, norm: float, *, ghost: bool) -> Any:
    grad_sample: Any = require("opacus.grad_sample", wanted_for=WANTED_FOR)
    if not ghost:
        return grad_sample.GradSampleModule(model, loss_reduction="mean")
    return grad_sample.GradSampleModuleFastGradientClipping(
        model, loss_reduction="mean", max_grad_norm=norm, use_ghost_clipping=True
    )


def require_private(
    model: nn.Module, objective: Objective, course: Course, *, rules: Sequence[WeightRule] = ()
) -> None:
    """Refuse what private steps do not go together with.

    Args:
        model: The network.
        objective: What is minimised.
        course: The objective at its start.
        rules: What holds for the weights meanwhile.

    Raises:
        NotApplicable: Network, objective or rules are such; every reason, one per line.
        MissingExtra: Opacus is not installed.
    """
    reasons = [*against_objective(objective, course), *against_rules(rules), *against_network(model)]
    if reasons:
        told = "".join(f"\n- {reason}" for reason in reasons)
        raise NotApplicable(f"privacy cannot be had here, for {len(reasons)} reason(s):{told}")


def against_objective(objective: Objective, course: Course) -> list[str]:
    """Return why an objective cannot be minimised by private steps; nothing where it can.

    Args:
        objective: What is minimised.
        course: The objective at its start.

    Returns:
        One sentence or none.
    """
    name = type(objective).__name__
    if isinstance(objective, Ordering):
        return [
            f"objective {name} decides which examples are met and how often, while the accountant presumes that each "
            "is in a batch by its own coin. Use reweighting."
        ]
    if not isinstance(course, Separate):
        return [
            f"the loss of objective {name} is no mean of losses of single examples: one person's data act on the "
            "gradients of others, by means or multipliers of groups, and clipping bounds nobody's part. Use erm or "
            "reweighting."
        ]
    return []


def against_rules(rules: Sequence[WeightRule]) -> list[str]:
    """Return why rules of weights cannot hold during private steps; nothing where they can."""
    if not any(isinstance(rule, RoundedInputs) for rule in rules):
        return []
    return [
        "inputs of layers are rounded between the smallest and largest of the batch: one person's data move the grid "
        "of others. Leave out round_inputs."
    ]


def against_network(model: nn.Module) -> list[str]:
    """Return every reason why a network cannot be trained by private steps; nothing where it can.

    Args:
        model: The network.

    Returns:
        Sentences that name the layer, and what to put in its place.

    Raises:
        MissingExtra: Opacus is not installed.
    """
    validators: Any = require("opacus.validators", wanted_for=WANTED_FOR).ModuleValidator.VALIDATORS
    found = [reason for name, module in model.named_modules() for reason in _against_layer(name, module, validators)]
    if not any(parameter.requires_grad for parameter in model.parameters()):
        found.append(f"network {type(model).__name__} has no parameter that is trained.")
    return found


def _against_layer(name: str, module: nn.Module, validators: Mapping[type[nn.Module], Any]) -> list[str]:
    layer = f"layer '{name}' ({type(module).__name__})" if name else f"the network ({type(module).__name__})"
    if isinstance(module, BATCH_NORMS):
        return [
            f"{layer}: what it makes of an example depends on the others of the batch. Replace it by the choice "
            "normalisation, in the reference as well."
        ]
    if isinstance(module, INSTANCE_NORMS) and module.track_running_stats:
        return [f"{layer} keeps running statistics of the data. Set track_running_stats=False."]
    if not any(parameter.requires_grad for parameter in module.parameters(recurse=False)):
        return []
    told = [str(error).partition(". ")[0].rstrip(".") for error in validators.get(type(module), _none)(module)]
    if not told and any(True for _ in module.buffers(recurse=False)):
        told = ["it keeps buffers beside its weights, which no noise covers"]
    return [f"{layer}: {reason}." for reason in told]


def _none(module: nn.Module) -> list[Exception]:
    del module
    return []
