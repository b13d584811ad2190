"""Thinning: fewer training examples of one group, so that what group size does is seen by itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from disparate.errors import BadInput, require, suggestion
from disparate.groups import Attribute, Groups

if TYPE_CHECKING:
    from disparate.data.grouped import GroupedDataset

Rows = NDArray[np.intp]


@dataclass(frozen=True, kw_only=True, slots=True)
class Thinning:
    """Keep a share of the training examples of one group, drawn at random; all others stay.

    Shares of one seed lie within each other: who is kept at 5 % is kept at 10 %.

    Args:
        by: Group attribute, an intersection such as ``"sex*race"``, or the name of the target.
        group: Name of the group, or of the class.
        keep: Share that is kept, in (0, 1]; at least one example is.
        seed: Of the draw; the same for every training seed.

    Raises:
        BadInput: The share is out of range.

    Example:
        >>> Thinning(by="digit", group="8", keep=10)
        Traceback (most recent call last):
        ...
        disparate.errors.BadInput: Thinning(keep=10): a share in (0, 1] was expected.
    """

    __pydantic_config__: ClassVar[Mapping[str, Any]] = {"extra": "forbid"}

    by: str
    group: str
    keep: float
    seed: int = 0

    def __post_init__(self) -> None:
        require(0 < self.keep <= 1, f"{type(self).__name__}(keep={self.keep})", "a share in (0, 1]")

    def kept(self, rows: Rows, data: "GroupedDataset") -> Rows:
        """Return the rows that are left.

        Args:
            rows: Positions of training examples.
            data: The data set.

        Returns:
            The rows in their order, without those that go.

        Raises:
            BadInput: There is no such attribute or group, or it has no training example.
        """
        groups = _groups(data, self.by)
        if self.group not in groups.names:
            raise BadInput(f"thin: '{self.group}' is no group of '{self.by}'.{suggestion(self.group, groups.names)}")
        own = np.flatnonzero(groups.codes[rows] == groups.names.index(self.group))
        if not len(own):
            raise BadInput(f"thin: group '{self.group}' of '{self.by}' has no training example that could go.")
        order = np.random.default_rng(self.seed).permutation(own)
        return np.delete(rows, order[max(1, round(self.keep * len(own))) :])


def _groups(data: "GroupedDataset", by: str) -> Groups:
    target = Attribute(names=tuple(data.label_names), codes=data.target.astype(np.int32))
    return Groups.of({data.target_name: target, **data.attributes}, by=by)
