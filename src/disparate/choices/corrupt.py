"""Corrupt: ask the network about pictures with noise, blur, weather or a poor encoding."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from disparate.choice import InputContext
from disparate.data.corruptions import Corruption
from disparate.errors import BadInput, NotApplicable

UNDRAWN = frozenset({
    "brightness", "contrast", "defocus_blur", "gaussian_blur", "jpeg_compression", "pixelate", "saturate", "zoom_blur",
})  # fmt: skip
"""Kinds that do the same to a picture every time."""
IMAGE_DIMENSIONS = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Corrupt:
    """Corrupt every picture that the deployed network is asked about, by a kind of ImageNet-C (hendrycks2019).

    Args:
        kind: Such as ``"gaussian_noise"``, ``"motion_blur"``, ``"fog"``, ``"jpeg_compression"``.
        severity: From 1, slight, to 5, strong; 0 leaves pictures as they are.

    Raises:
        BadInput: The kind is unknown, or the severity out of range.

    Example:
        >>> Corrupt(kind="fog").stochastic, Corrupt(kind="contrast").stochastic
        (True, False)
    """

    __pydantic_config__: ClassVar[Mapping[str, Any]] = {"extra": "forbid"}

    kind: str
    severity: int = 3

    def __post_init__(self) -> None:
        if not 0 <= self.severity <= 5:
            raise BadInput(f"Corrupt(severity={self.severity}): a whole number from 0 to 5 was expected.")
        Corruption(kind=self.kind)

    @property
    def stochastic(self) -> bool:
        """Whether another draw gives other pictures."""
        return self.severity > 0 and self.kind not in UNDRAWN

    def alter(self, inputs: Tensor, context: InputContext) -> Tensor:
        """Return corrupted pictures.

        Args:
            inputs: In [0, 1], shape (n, channels, height, width).
            context: The generator; the network is not looked at, so that all meet the same pictures.

        Returns:
            The same shape, rounded to the 256 levels of a byte.

        Raises:
            NotApplicable: The inputs are no pictures.
            BadInput: Pictures are smaller than 32 × 32, or have another number of channels than 1 or 3.
            MissingExtra: The package is not installed.
        """
        if not self.severity:
            return inputs
        if inputs.ndim != IMAGE_DIMENSIONS or context.span != (0.0, 1.0):
            raise NotApplicable(
                f"Corrupt(kind='{self.kind}'): inputs are no pictures. Leave the choice out for tables."
            )
        seed = int(torch.randint(2**62, (1,), generator=context.generator))
        stored = (255 * inputs).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
        corruption = Corruption(kind=self.kind, severity=self.severity)
        done = corruption.apply(np.ascontiguousarray(stored), np.random.default_rng(seed))
        return torch.from_numpy(done).permute(0, 3, 1, 2).to(inputs).div_(255).contiguous()
