"""Group-balanced sampling: every batch holds as many examples of each group (the baseline of idrissi2022)."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from disparate.errors import BadInput
from disparate.objectives import Batch, Course, Levels, Population

Rows = NDArray[np.intp]


@dataclass(frozen=True, kw_only=True, slots=True)
class GroupBalancedSampling:
    r"""The mean loss over batches with the same number of examples of each group, $\lfloor b / G \rfloor$.

    An epoch has as many batches as a shuffled one. Each group is met in an order of its own, a new one whenever it is
    used up: a small group comes round several times in an epoch, a large one may not come to its end, and what was left
    over is shuffled anew with the rest. Augmentation draws anew for every repeat. Groups without a training example are
    left out. Where the batch size is no multiple of the number of groups, the remainder is dropped.

    Repeating few examples often makes them learnt by heart: the training accuracy of small groups rises, their test
    accuracy need not.

    Raises:
        BadInput: When batches are made: a batch has no room for one example of each group.

    Example:
        >>> rows, codes = np.arange(5), np.array([0, 0, 0, 0, 1], np.int32)
        >>> batches = GroupBalancedSampling().batches(rows, codes, 4, torch.Generator().manual_seed(0))
        >>> [(len(batch), int((batch == 4).sum())) for batch in batches]  # as a shuffled epoch: 4, and 1 that joins it
        [(4, 2)]
    """

    def begin(self, population: Population) -> Course:
        """Return the objective at the start of a training."""
        return _GroupBalancedSampling(population)

    def batches(
        self, rows: Rows, codes: NDArray[np.int32], batch_size: int, generator: torch.Generator
    ) -> Iterator[Rows]:
        """Yield the rows of one epoch.

        Args:
            rows: Positions in the data set.
            codes: Index of the group of each of them.
            batch_size: Most rows per batch.
            generator: On the CPU, so that every device draws alike.

        Yields:
            Positions of one batch.

        Raises:
            BadInput: A batch has no room for one example of each group.
        """
        groups = [rows[codes == code] for code in np.unique(codes)]
        each = batch_size // len(groups)
        if not each:
            raise BadInput(
                f"objective 'group_balanced_sampling': batch_size is {batch_size} and there are {len(groups)} groups; "
                "room for one example of each was expected. Raise batch_size, or merge groups."
            )
        count = _batches(len(rows), batch_size)
        streams = [_stream(own, count * each, generator).reshape(count, each) for own in groups]
        yield from np.concatenate(streams, axis=1)


class _GroupBalancedSampling:
    differentiates_inputs = False

    def __init__(self, population: Population) -> None:
        self.population = population
        self.met = torch.zeros(len(population.names), dtype=torch.int64)
        self.last: dict[str, float] = {}

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        self.met = self.met.to(outputs.device) + torch.bincount(batch.group.long(), minlength=len(self.met))
        return cross_entropy(outputs, batch.target, label_smoothing=batch.label_smoothing)

    def end_epoch(self, epoch: int, levels: Callable[[], Levels]) -> None:
        counts = torch.tensor(self.population.counts).clamp(min=1)
        self.last = self.population.by_name(self.met.cpu().double() / counts)
        self.met = torch.zeros_like(self.met)

    def told(self) -> dict[str, Any]:
        return {"times_met": dict(self.last), "absent": self.population.absent}


def _batches(examples: int, batch_size: int) -> int:
    """Return how many batches a shuffled epoch has: a last one of a single row joins the one before it."""
    count = math.ceil(examples / batch_size)
    return count - 1 if count > 1 and examples % batch_size == 1 else count


def _stream(rows: Rows, count: int, generator: torch.Generator) -> Rows:
    rounds = math.ceil(count / len(rows))
    return np.concatenate([rows[torch.randperm(len(rows), generator=generator).numpy()] for _ in range(rounds)])[:count]
