"""Schedule: how the learning rate moves over a training, its peak unchanged."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from disparate.errors import BadInput
from disparate.training.config import Schedule as Shape
from disparate.training.config import TrainingConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class Schedule:
    """Train with another shape of the learning rate over the epochs, or another warm-up.

    Args:
        shape: ``"constant"``, ``"cosine"``, ``"step"`` or ``"one_cycle"``; the reference's where not given.
        warmup_epochs: Epochs of linear warm-up, 0 or more; the reference's where not given.

    Raises:
        BadInput: Nothing is given, or the warm-up is negative.

    Example:
        >>> Schedule(shape="constant").configure(TrainingConfig()).schedule
        'constant'
    """

    __pydantic_config__: ClassVar[Mapping[str, Any]] = {"extra": "forbid"}

    shape: Shape | None = None
    warmup_epochs: float | None = None

    def __post_init__(self) -> None:
        if self.shape is None and self.warmup_epochs is None:
            raise BadInput(f"{self}: nothing is changed; give shape or warmup_epochs.")
        if self.warmup_epochs is not None and not self.warmup_epochs >= 0:
            raise BadInput(f"Schedule(warmup_epochs={self.warmup_epochs}): 0 or more epochs were expected.")

    def configure(self, config: TrainingConfig) -> TrainingConfig:
        """Return the configuration with the other schedule.

        Args:
            config: The training configuration of the reference.

        Returns:
            The configuration; equal to ``config`` where it has that schedule anyway.

        Raises:
            BadInput: The warm-up is as long as the training.
        """
        given = {"schedule": self.shape, "warmup_epochs": self.warmup_epochs}
        return replace(config, **{name: value for name, value in given.items() if value is not None})
