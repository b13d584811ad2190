"""Replay: the last few numbers of every group, for groups that a batch holds too few of."""

from collections import deque
from collections.abc import Sequence

from torch import Tensor


class Replay:
    """Cyclic buffers, one for each group (hashemizadeh2024).

    Args:
        names: Names of the groups, in the order of their indices.
        size: Numbers that are kept of each group.

    Example:
        >>> import torch
        >>> replay = Replay(["a", "b"], size=2)
        >>> replay.push(torch.tensor([1.0, 2.0, 3.0, 9.0]), torch.tensor([0, 0, 0, 1]))
        >>> replay.means()  # the last two of a; b is not full
        {'a': 2.5}
    """

    def __init__(self, names: Sequence[str], *, size: int) -> None:
        self.names = tuple(names)
        self.buffers = tuple(deque[float](maxlen=size) for _ in names)

    def push(self, values: Tensor, group: Tensor) -> None:
        """Take note of one number per example, in the order of the batch."""
        for value, code in zip(values.detach().tolist(), group.tolist(), strict=True):
            self.buffers[code].append(value)

    def means(self) -> dict[str, float]:
        """Return the mean of every buffer that is full, by name; a group whose buffer is not yet full is left out."""
        return {
            name: sum(buffer) / len(buffer)
            for name, buffer in zip(self.names, self.buffers, strict=True)
            if len(buffer) == buffer.maxlen
        }
