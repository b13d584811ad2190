"""Seed: another draw of what training leaves to chance."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from disparate.errors import BadInput
from disparate.training.config import TrainingConfig

Part = Literal["init", "order", "augment"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Seed:
    """Move the named seeds of training by an offset; the others stay as the reference has them.

    Args:
        offset: What is added to each named seed; 0 changes nothing.
        parts: Which seeds move: ``"init"`` (initial weights), ``"order"`` (order of examples), ``"augment"``
            (augmentation and dropout).

    Raises:
        BadInput: No part is named, or one is named twice.

    Example:
        >>> moved = Seed(offset=7, parts=("order",)).configure(TrainingConfig())
        >>> moved.init_seed, moved.order_seed, moved.augment_seed
        (0, 7, 0)
    """

    __pydantic_config__: ClassVar[Mapping[str, Any]] = {"extra": "forbid"}

    offset: int = 1000
    parts: tuple[Part, ...] = ("init", "order", "augment")

    def __post_init__(self) -> None:
        if not self.parts or len(set(self.parts)) != len(self.parts):
            raise BadInput(
                f"Seed(parts={list(self.parts)}): at least one of 'init', 'order', 'augment' was expected, each once."
            )

    def configure(self, config: TrainingConfig) -> TrainingConfig:
        """Return the configuration with the named seeds moved."""
        names = [f"{part}_seed" for part in self.parts]
        return replace(config, **{name: getattr(config, name) + self.offset for name in names})
