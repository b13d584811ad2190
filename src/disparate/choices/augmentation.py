"""Augmentation: which random changes of images a training sees."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from disparate.errors import BadInput
from disparate.training.config import TrainingConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class Augmentation:
    """Train with other random changes of the images; tables have none.

    Args:
        flip: Whether images are mirrored at random; as the reference has it where not given.
        crop: Pixels of padding for random crops, 0 for none; as the reference has it where not given.

    Raises:
        BadInput: Nothing is given, or the padding is negative.

    Example:
        >>> plain = Augmentation(flip=False, crop=0).configure(TrainingConfig(flip=True, crop=4))
        >>> plain.flip, plain.crop
        (False, 0)
    """

    __pydantic_config__: ClassVar[Mapping[str, Any]] = {"extra": "forbid"}

    flip: bool | None = None
    crop: int | None = None

    def __post_init__(self) -> None:
        if self.flip is None and self.crop is None:
            raise BadInput(f"{self}: nothing is changed; give flip or crop.")
        if self.crop is not None and self.crop < 0:
            raise BadInput(f"Augmentation(crop={self.crop}): 0 or more pixels were expected.")

    def configure(self, config: TrainingConfig) -> TrainingConfig:
        """Return the configuration with the other augmentation."""
        given = {"flip": self.flip, "crop": self.crop}
        return replace(config, **{name: value for name, value in given.items() if value is not None})
