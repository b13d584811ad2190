"""Stopping: training ends early, its schedule unchanged."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from disparate.errors import BadInput
from disparate.training.config import TrainingConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class Stopping:
    """Stop training after an epoch, with the learning-rate schedule laid out over all epochs as before.

    The network is therefore the one that the reference training passes through at that epoch.

    Args:
        epoch: The last epoch that is trained, 1 or more; the reference's last epoch changes nothing.

    Raises:
        BadInput: The epoch is below 1.

    Example:
        >>> early = Stopping(epoch=3).configure(TrainingConfig(epochs=10))
        >>> early.epochs, early.last_epoch
        (10, 3)
    """

    __pydantic_config__: ClassVar[Mapping[str, Any]] = {"extra": "forbid"}

    epoch: int

    def __post_init__(self) -> None:
        if self.epoch < 1:
            raise BadInput(f"Stopping(epoch={self.epoch}): an epoch from 1 on was expected; 1 is the first.")

    def configure(self, config: TrainingConfig) -> TrainingConfig:
        """Return the configuration that stops after the epoch.

        Args:
            config: The training configuration of the reference.

        Returns:
            The configuration; equal to ``config`` where it stops there anyway.

        Raises:
            BadInput: The training ends before that epoch.
        """
        if self.epoch > config.last_epoch:
            raise BadInput(
                f"Stopping(epoch={self.epoch}): the training ends after epoch {config.last_epoch}; "
                f"an epoch from 1 to {config.last_epoch} was expected."
            )
        return config if self.epoch == config.last_epoch else replace(config, stop_after=self.epoch)
