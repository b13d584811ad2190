"""Normalisation: the network is built with other normalising layers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from disparate.errors import require
from disparate.models.normalisation import MOST_GROUPS


@dataclass(frozen=True, kw_only=True, slots=True)
class Normalisation:
    """Build the network with group normalisation (wu2018) in the place of batch normalisation, and train that.

    Training by private steps needs it. It changes what a network learns by itself, so it is an arm of its own: what it
    costs is not the price of privacy.

    Args:
        kind: What the layers are replaced by.
        groups: Most groups of channels of a layer; each has at least four channels.

    Raises:
        BadInput: There are to be no groups.

    Example:
        >>> Normalisation(groups=8).network({"name": "small_cnn"})
        {'name': 'small_cnn', 'group_norm': 8}
    """

    __pydantic_config__: ClassVar[Mapping[str, Any]] = {"extra": "forbid"}

    kind: Literal["group"] = "group"
    groups: int = MOST_GROUPS

    def __post_init__(self) -> None:
        require(self.groups >= 1, f"Normalisation(groups={self.groups})", "1 or more")

    def network(self, model: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the model's table with these layers.

        Args:
            model: As a recipe holds it.

        Returns:
            The same table, but for ``group_norm``.
        """
        return {**model, "group_norm": self.groups}
