"""Crossbar training: train on with the errors of a crossbar in the weights (mugdho2025, VA- and VFA-Retrain)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from torch import nn

from disparate.choice import DeployContext
from disparate.crossbar.deploying import Placement
from disparate.crossbar.device import Device
from disparate.crossbar.layers import mappable
from disparate.crossbar.presets import build_device
from disparate.errors import BadInput
from disparate.objectives import build_objective
from disparate.training.config import Optimizer, Schedule, TrainingConfig
from disparate.training.disturbance import Disturbance, Errors
from disparate.training.rules import WeightRule
from disparate.training.targeting import Target


@dataclass(frozen=True, kw_only=True, slots=True)
class CrossbarTraining:
    r"""Train the network on while a device disturbs its weights, another chip at every step.

    | arm                                      | settings                                                        |
    | ---------------------------------------- | --------------------------------------------------------------- |
    | VA-Retrain                                | ``device``, ``target``                                          |
    | VFA-Retrain (eq. 11)                      | and ``objective = {name = "fairness_gap", strength = 0.3}``      |
    | the same losses without hardware errors   | no ``device``                                                   |
    | noise-aware training                      | ``device`` without ``target``                                   |

    Batches hold as many examples of each group. The target follows the weights: it is found anew once per epoch, or
    every ``refresh`` steps. Deploy on a ``crossbar`` afterwards: nothing of a chip stays in the weights but with
    ``errors = "write_back"``.

    *Departs from the paper*, which leaves learning rate, epochs, α, β, the interval of the target and what becomes of
    errors open, and stops at a target accuracy or fairness: here the number of epochs is given.

    Args:
        epochs: Passes over the training split.
        learning_rate: Peak learning rate.
        optimizer: As in a training; the training's own where not given.
        schedule: As in a training.
        objective: What to minimise, as a recipe's table.
        balanced: Whether batches hold as many examples of each group.
        device: What disturbs the weights, as a table: ``preset`` and settings of a crossbar; nothing where empty.
        layers: Names of the layers that are disturbed; all that a crossbar can hold where empty.
        target: Which of their weights, a table of the settings of :class:`~disparate.training.targeting.Target`.
        errors: ``"straight_through"`` or ``"write_back"``.
        refresh: Steps from one target to the next; None for one per epoch.

    Raises:
        BadInput: A setting is out of range or contradicts another, or there is no such objective or device.

    Example:
        >>> CrossbarTraining(epochs=2, device={"preset": "fairxbar_noise"}).tuning(TrainingConfig(epochs=9)).optimizer
        'adam'
    """

    __pydantic_config__: ClassVar[Mapping[str, Any]] = {"extra": "forbid"}

    epochs: int
    learning_rate: float = 1e-4
    optimizer: Optimizer | None = "adam"
    schedule: Schedule = "constant"
    objective: dict[str, Any] = field(default_factory=lambda: {"name": "erm"})
    balanced: bool = True
    device: dict[str, Any] = field(default_factory=dict[str, Any])
    layers: tuple[str, ...] = ()
    target: Target | None = None
    errors: Errors = "straight_through"
    refresh: int | None = None

    def __post_init__(self) -> None:
        if self.disturbs.fidelity != "weights":
            raise BadInput(
                "crossbar_training: fidelity is 'mvm', whose converters have no gradient; 'weights' was expected."
            )
        if self.target is not None and not self.device:
            raise BadInput("crossbar_training: there is a target and no device that could disturb it. Name a device.")
        if self.refresh is not None and self.refresh < 1:
            raise BadInput(f"crossbar_training: refresh is {self.refresh}; 1 or more steps were expected.")
        if self.refresh is not None and self.target is None:
            raise BadInput(
                f"crossbar_training: refresh is {self.refresh} and there is no target that could be found anew. Name a "
                "target, or leave refresh out."
            )
        build_objective(self.objective)
        try:
            self.tuning(TrainingConfig())
        except BadInput as error:
            raise BadInput(f"crossbar_training: {error}") from error

    @property
    def disturbs(self) -> Device:
        """The device, every setting resolved."""
        return build_device(self.device)

    @property
    def by_group(self) -> bool:
        """Whether what is done depends on who belongs to which group."""
        return self.balanced or self.target is not None

    def tuning(self, config: TrainingConfig) -> TrainingConfig:
        """Return how to train on: as the network was trained, but for what stands here."""
        return config.continued(
            epochs=self.epochs, learning_rate=self.learning_rate, optimizer=self.optimizer, schedule=self.schedule
        )

    def rules(self, model: nn.Module, context: DeployContext) -> tuple[WeightRule, ...]:
        """Return what disturbs the weights meanwhile.

        Args:
            model: The network as it comes.
            context: Its labelled examples give the target.

        Returns:
            The disturbance; nothing without a device.

        Raises:
            NotApplicable: No layer can be held by a crossbar.
        """
        mappable(model, only=self.layers)
        if not self.device:
            return ()
        labelled = None if self.target is None else context.labelled(self.target.examples)
        placement = Placement(device=self.disturbs, layers=self.layers)
        return (
            Disturbance(
                placement,
                errors=self.errors,
                target=self.target,
                refresh=self.refresh,
                labelled=labelled,
                seed=context.seed,
            ),
        )
