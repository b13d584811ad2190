"""Objective: what the training minimises."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from disparate.errors import BadInput
from disparate.objectives import build_objective


@dataclass(frozen=True, kw_only=True, slots=True)
class Objective:
    """Train with another objective than the audit's.

    Args:
        name: Name of the objective, such as ``"equal_loss"``.
        settings: Its settings.

    Raises:
        BadInput: There is no such objective, or a setting is unknown or out of range.

    Example:
        >>> Objective(name="erm").aim({"name": "equal_loss"})
        {'name': 'erm'}
    """

    __pydantic_config__: ClassVar[Mapping[str, Any]] = {"extra": "forbid"}

    name: str
    settings: dict[str, Any] = field(default_factory=dict[str, Any])

    def __post_init__(self) -> None:
        if "name" in self.settings:
            raise BadInput(f"Objective(name='{self.name}'): settings name '{self.settings['name']}' as well; one name.")
        build_objective(self.aim({}))

    def aim(self, objective: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return this objective as a table, whatever the audit's own was."""
        del objective
        return {"name": self.name, **self.settings}
