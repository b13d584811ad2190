"""LearningRate: another peak learning rate, the schedule's shape unchanged."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from disparate.errors import BadInput
from disparate.training.config import TrainingConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class LearningRate:
    """Train with another peak learning rate, given as a number or as a multiple of the reference's.

    Args:
        value: The peak learning rate, positive.
        factor: What the reference's peak learning rate is multiplied by, positive; 1 changes nothing.

    Raises:
        BadInput: Neither or both are given, or the one given is not a positive finite number.

    Example:
        >>> LearningRate(factor=0.5).configure(TrainingConfig(learning_rate=0.1)).learning_rate
        0.05
        >>> LearningRate(value=0.3, factor=2.0)
        Traceback (most recent call last):
        ...
        disparate.errors.BadInput: LearningRate(value=0.3, factor=2.0): exactly one of value and factor was expected.
    """

    __pydantic_config__: ClassVar[Mapping[str, Any]] = {"extra": "forbid"}

    value: float | None = None
    factor: float | None = None

    def __post_init__(self) -> None:
        given = [number for number in (self.value, self.factor) if number is not None]
        if len(given) != 1:
            raise BadInput(f"{self}: exactly one of value and factor was expected.")
        if not (math.isfinite(given[0]) and given[0] > 0):
            raise BadInput(f"{self}: a positive finite number was expected.")

    def configure(self, config: TrainingConfig) -> TrainingConfig:
        """Return the configuration with the other learning rate."""
        if self.value is not None:
            return replace(config, learning_rate=self.value)
        return replace(config, learning_rate=config.learning_rate * (self.factor or 1.0))
