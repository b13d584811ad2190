"""BatchSize: how many examples a step of the optimiser sees."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from disparate.errors import BadInput
from disparate.training.config import TrainingConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchSize:
    """Train with another number of examples per step; as many epochs, so fewer or more steps.

    Args:
        value: Examples per step, 1 or more; the reference's number changes nothing.
        scale_rate: Whether the learning rate is multiplied as the batch is (goyal2017), so that a smaller share of the
            difference is one of step length.

    Raises:
        BadInput: The value is below 1.

    Example:
        >>> larger = BatchSize(value=512, scale_rate=True).configure(TrainingConfig(batch_size=128, learning_rate=0.1))
        >>> larger.batch_size, larger.learning_rate
        (512, 0.4)
    """

    __pydantic_config__: ClassVar[Mapping[str, Any]] = {"extra": "forbid"}

    value: int
    scale_rate: bool = False

    def __post_init__(self) -> None:
        if self.value < 1:
            raise BadInput(f"BatchSize(value={self.value}): at least 1 example per step was expected.")

    def configure(self, config: TrainingConfig) -> TrainingConfig:
        """Return the configuration with the other batch size, and with the rate that goes with it where asked."""
        rate = config.learning_rate * (self.value / config.batch_size if self.scale_rate else 1)
        return replace(config, batch_size=self.value, learning_rate=rate)
