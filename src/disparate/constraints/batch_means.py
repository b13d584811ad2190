"""Means by group: within a batch, with their graph, and over an epoch as batches go by."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class GroupMeans:
    """Means of the groups that are present in a batch; an absent group has no row.

    Args:
        codes: Index of each present group, shape (present,), ascending.
        mean: Mean of its examples, shape (present,), with its graph.
    """

    codes: Tensor
    mean: Tensor

    def take(self, by_group: Tensor) -> Tensor:
        """Return the present groups' entries of a tensor over all groups, in the type and place of the means."""
        return by_group.to(self.mean)[self.codes]

    def by_name(self, names: Sequence[str]) -> dict[str, float]:
        """Return the means as plain numbers, given the groups' names in the order of their indices."""
        codes: list[int] = self.codes.tolist()
        return {names[code]: mean for code, mean in zip(codes, self.mean.tolist(), strict=True)}


def group_means(values: Tensor, group: Tensor, *, minimum: int = 1) -> GroupMeans:
    """Return the mean of every group with enough examples in a batch.

    What one group holds never reaches the mean of another, not even where it is not finite.

    Args:
        values: One number per example, shape (batch,).
        group: Index of the group per example, shape (batch,).
        minimum: Examples that a group needs to be looked at.

    Returns:
        The groups that have as many, and their means.

    Example:
        >>> found = group_means(torch.tensor([1.0, 3.0, 8.0]), torch.tensor([2, 2, 0]))
        >>> found.codes.tolist(), found.mean.tolist()
        ([0, 2], [8.0, 2.0])
        >>> group_means(torch.tensor([1.0, 3.0, 8.0]), torch.tensor([2, 2, 0]), minimum=2).codes.tolist()
        [2]
    """
    codes, counts = torch.unique(group.long(), return_counts=True)
    enough = counts >= minimum
    codes, counts = codes[enough], counts[enough]
    own = torch.where(group == codes[:, None], values, values.new_zeros(()))
    return GroupMeans(codes=codes, mean=own.sum(dim=1) / counts)


class Tally:
    """Means by group over an epoch, as batches go by; kept on the device, so that no step waits for them.

    Args:
        names: Names of the groups, in the order of their indices.

    Example:
        >>> tally = Tally(["a", "b"])
        >>> tally.add(torch.tensor([1.0, 2.0]), torch.tensor([0, 0]))
        >>> tally.means(), tally.whole
        ({'a': 1.5}, 1.5)
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names: tuple[str, ...] = tuple(names)
        self.parts: list[tuple[Tensor, Tensor]] = []

    def add(self, values: Tensor, group: Tensor) -> None:
        """Take note of one number per entry, each with the index of its group."""
        self.parts.append((values.detach(), group))

    def means(self) -> dict[str, float]:
        """Return the mean of every group that was met, by name."""
        if not self.parts:
            return {}
        return group_means(*self._all()).by_name(self.names)

    def shares(self) -> dict[str, float]:
        """Return the share of every group among the entries that were met, by name.

        Example:
            >>> tally = Tally(["a", "b"])
            >>> tally.add(torch.zeros(4), torch.tensor([0, 0, 0, 1]))
            >>> tally.shares()
            {'a': 0.75, 'b': 0.25}
        """
        if not self.parts:
            return {}
        counts = torch.bincount(self._all()[1].long().cpu(), minlength=len(self.names)).double()
        shares = (counts / counts.sum()).tolist()
        return {name: share for name, share in zip(self.names, shares, strict=True) if share}

    @property
    def whole(self) -> float | None:
        """Mean over everything; None where nothing was met."""
        return self._all()[0].mean().item() if self.parts else None

    def _all(self) -> tuple[Tensor, Tensor]:
        values, groups = zip(*self.parts, strict=True)
        return torch.cat(values).double(), torch.cat(groups)


def too_few(group: Tensor, *, groups: int, minimum: int) -> Tensor:
    """Return which groups have fewer than ``minimum`` examples in a batch, shape (groups,), int64: 1 for each.

    Example:
        >>> too_few(torch.tensor([0, 0, 2]), groups=3, minimum=2).tolist()
        [0, 1, 1]
    """
    return (torch.bincount(group.long(), minlength=groups) < minimum).long()
