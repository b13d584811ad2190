"""Objectives: what a training minimises. A value with one method, ``loss``."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from disparate.errors import BadInput
from disparate.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

OBJECTIVES = Registry(family="objectives", entries={"erm": "disparate.objectives.erm:ERM"})
"""Objectives that a recipe can name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """What an objective sees of one step.

    Args:
        target: Label index per example, shape (batch,).
        group: Index of the group per example, shape (batch,).
        label_smoothing: In [0, 1).
    """

    target: "Tensor"
    group: "Tensor"
    label_smoothing: float = 0.0


class Objective(Protocol):
    """Something to minimise."""

    def loss(self, outputs: "Tensor", batch: Batch) -> "Tensor":
        """Return the scalar to minimise, given logits of shape (batch, classes)."""
        ...


def build_objective(table: "Mapping[str, Any]") -> Objective:
    """Return the objective that a recipe's table describes.

    Args:
        table: ``{"name": "erm", setting: value, ...}``.

    Returns:
        The objective.

    Raises:
        BadInput: The name or a setting is unknown.

    Example:
        >>> build_objective({"name": "erm"})
        ERM()
    """
    settings = dict(table)
    name = settings.pop("name", "erm")
    kind = OBJECTIVES.load(name)
    try:
        return kind(**settings)
    except TypeError as error:
        raise BadInput(f"objective '{name}' with settings {settings}: {error}.") from error
