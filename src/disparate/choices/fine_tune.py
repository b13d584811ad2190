"""Fine-tune: train on from where the chain has come to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from torch import nn

from disparate.choice import DeployContext
from disparate.errors import BadInput, NotApplicable
from disparate.objectives import build_objective
from disparate.training.config import Optimizer, Schedule, TrainingConfig
from disparate.training.gradual import GradualPruning
from disparate.training.rules import KeptZeros, RoundedInputs, RoundedWeights, WeightRule, weighted_layers
from disparate.training.sparsity import Scope, require_share


@dataclass(frozen=True, kw_only=True, slots=True)
class FineTune:
    """Train the network on, with the training's batches, augmentation and weight decay, under an objective of its own.

    The stages of a chain share nothing but the weights: optimiser, schedule and multipliers begin anew.

    Args:
        epochs: Passes over the training split.
        learning_rate: Peak learning rate.
        optimizer: As in a training; the training's own where not given.
        schedule: As in a training.
        objective: What to minimise, as a recipe's table.
        keep_zeros: Whether weights that are zero at the start stay zero: the mask of a pruned network.
        bits: Weights are rounded to integers of so many bits in every pass (straight-through), so that the network
            gets used to them; None leaves them as they are. Quantise afterwards.
        round_inputs: Whether the inputs of these layers are rounded to as many bits, between the smallest and largest
            of each batch; needs ``bits``.
        prune_to: Share of weights that go by magnitude while it trains, by :class:`GradualPruning`; None for none.
        prune_epochs: Epochs over which they go; half of the epochs, rounded up, where not given.
        prune_scope: Whether that share is taken over the whole network or in each layer.
        dense_ends: Whether the first and the last layer stay whole meanwhile.

    Raises:
        BadInput: A setting is out of range, contradicts another, or there is no such objective.

    Example:
        >>> FineTune(epochs=2).tuning(TrainingConfig(epochs=9, batch_size=64, warmup_epochs=3)).batch_size
        64
    """

    __pydantic_config__: ClassVar[Mapping[str, Any]] = {"extra": "forbid"}

    epochs: int
    learning_rate: float = 0.01
    optimizer: Optimizer | None = None
    schedule: Schedule = "cosine"
    objective: dict[str, Any] = field(default_factory=lambda: {"name": "erm"})
    keep_zeros: bool = True
    bits: int | None = None
    round_inputs: bool = False
    prune_to: float | None = None
    prune_epochs: int | None = None
    prune_scope: Scope = "layer"
    dense_ends: bool = True

    def __post_init__(self) -> None:
        if self.bits is not None and not 2 <= self.bits <= 16:
            raise BadInput(f"FineTune(bits={self.bits}): a whole number from 2 to 16 was expected, or none.")
        if self.round_inputs and self.bits is None:
            raise BadInput("FineTune(round_inputs=True, bits=None): to how many bits? Set bits, such as bits=8.")
        self._require_schedule()
        build_objective(self.objective)
        try:
            self.tuning(TrainingConfig())
        except BadInput as error:
            raise BadInput(f"FineTune: {error}") from error

    def _require_schedule(self) -> None:
        if self.prune_to is None:
            if self.prune_epochs is not None:
                raise BadInput(f"FineTune(prune_epochs={self.prune_epochs}, prune_to=None): prune to which share?")
            return
        require_share("FineTune", self.prune_to, "prune_to")
        if self.prune_epochs is not None and not 1 <= self.prune_epochs <= self.epochs:
            raise BadInput(
                f"FineTune(prune_epochs={self.prune_epochs}, epochs={self.epochs}): 1 to {self.epochs} was expected; "
                "the share is reached while the network is trained on."
            )
        if not self.keep_zeros:
            raise BadInput(
                f"FineTune(prune_to={self.prune_to}, keep_zeros=False): what is pruned would grow again. Leave out "
                "one of the two."
            )

    def tuning(self, config: TrainingConfig) -> TrainingConfig:
        """Return how to train on: as the network was trained, but for what stands here."""
        return config.continued(
            epochs=self.epochs, learning_rate=self.learning_rate, optimizer=self.optimizer, schedule=self.schedule
        )

    def rules(self, model: nn.Module, context: DeployContext) -> tuple[WeightRule, ...]:
        """Return what holds for the weights meanwhile.

        Args:
            model: The network as it comes.
            context: Not used.

        Returns:
            The frozen mask or the growing one, and the rounding, where they are asked for.

        Raises:
            NotApplicable: The network has no floating-point weights that could be trained, or none that could go.
        """
        weights = [layer.weight for layer in weighted_layers(model).values()]
        if not weights or any(type(weight) is not nn.Parameter for weight in weights):
            raise NotApplicable(
                f"FineTune on {type(model).__name__}: it has no linear and no convolution layer with weights that can "
                "be trained. Fine-tune before quantize."
            )
        kept = (KeptZeros.of(model),) if self.keep_zeros else ()
        rounding = () if self.bits is None else (RoundedWeights(self.bits),)
        inputs = (RoundedInputs(self.bits),) if self.bits is not None and self.round_inputs else ()
        return (*(self._gradual(model) or kept), *rounding, *inputs)

    def _gradual(self, model: nn.Module) -> tuple[WeightRule, ...]:
        if self.prune_to is None:
            return ()
        rule = GradualPruning(
            to=self.prune_to,
            epochs=self.prune_epochs or -(-self.epochs // 2),
            scope=self.prune_scope,
            dense_ends=self.dense_ends,
        )
        if not rule.layers(model):
            raise NotApplicable(
                f"FineTune(prune_to={self.prune_to}, dense_ends=True) on {type(model).__name__}: it has no layer "
                "between the first and the last. Set dense_ends=False."
            )
        return (rule,)
