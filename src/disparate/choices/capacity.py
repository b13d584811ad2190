"""Capacity: how wide the network is that is trained."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from disparate.errors import BadInput, NotApplicable


@dataclass(frozen=True, kw_only=True, slots=True)
class Capacity:
    """Train a wider or narrower network of the same kind, from initial weights of its own.

    Args:
        value: The width as the network's setting takes it, 1 or more.
        factor: What the reference's width is multiplied by, positive, rounded to a whole number of at least 1; 1
            changes nothing.
        setting: Name of the setting of the model table that is the width; ``"width"`` for ``small_cnn`` and
            ``small_mlp``, ``"width_per_group"`` for wide ResNets of torchvision.

    Raises:
        BadInput: Neither or both are given, or the one given is out of range.

    Example:
        >>> Capacity(factor=0.5).network({"name": "small_cnn", "width": 32})
        {'name': 'small_cnn', 'width': 16}
    """

    __pydantic_config__: ClassVar[Mapping[str, Any]] = {"extra": "forbid"}

    value: int | None = None
    factor: float | None = None
    setting: str = "width"

    def __post_init__(self) -> None:
        if (self.value is None) == (self.factor is None):
            raise BadInput(f"{self}: exactly one of value and factor was expected.")
        if self.value is not None and self.value < 1:
            raise BadInput(f"Capacity(value={self.value}): a width of at least 1 was expected.")
        if self.factor is not None and not (math.isfinite(self.factor) and self.factor > 0):
            raise BadInput(f"Capacity(factor={self.factor}): a positive finite number was expected.")

    def network(self, model: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the model table with the other width.

        Args:
            model: The model table of the reference.

        Returns:
            The table.

        Raises:
            NotApplicable: The network comes from Python, so that no table makes it, or has its weights from elsewhere.
            BadInput: A factor is given and the table does not say the width.
        """
        name = str(model["name"])
        if name.startswith("inline:") or {"trained", "weights"}.intersection(model):
            raise NotApplicable(
                f"Capacity on model '{name}': its width is settled by who made it. Name a model that takes a setting "
                f"'{self.setting}', such as small_cnn, or leave the choice out."
            )
        if self.value is not None:
            return {**model, self.setting: self.value}
        if not isinstance(model.get(self.setting), int):
            raise BadInput(
                f"{self}: [model] says {dict(model)} and no '{self.setting}' to multiply. Say {self.setting} there, or "
                "give value here."
            )
        return {**model, self.setting: max(1, round(model[self.setting] * (self.factor or 1)))}
