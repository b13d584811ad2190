"""Levels: where a network stands on every group's training examples, in evaluation mode."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from disparate.objectives import Levels, Population
from disparate.training.batches import Source

BATCH = 500


def group_levels(
    model: nn.Module, source: Source, rows: NDArray[np.intp], codes: NDArray[np.int32], *, groups: int
) -> Levels:
    """Return loss and accuracy of every group over some examples, summed in float64.

    Args:
        model: The network; its mode is restored.
        source: The inputs as it sees them.
        rows: Positions of the examples.
        codes: Index of the group of every example of the data set.
        groups: Number of groups.

    Returns:
        The levels, on the CPU.
    """
    count, loss, right = (torch.zeros(groups, dtype=torch.float64) for _ in range(3))
    was_training = model.training
    model.eval()
    with torch.no_grad():
        for start in range(0, len(rows), BATCH):
            part = rows[start : start + BATCH]
            outputs, target = model(source.inputs(part)).float(), source.target(part)
            own = torch.from_numpy(codes[part]).long()
            losses = cross_entropy(outputs, target, reduction="none")
            count.index_add_(0, own, torch.ones(len(part), dtype=torch.float64))
            loss.index_add_(0, own, losses.double().cpu())
            right.index_add_(0, own, (outputs.argmax(1) == target).double().cpu())
    model.train(was_training)
    return Levels(count=count.long(), loss=_mean(loss, count), accuracy=_mean(right, count))


def unmeasured(population: Population) -> Levels:
    """Return levels that nobody has taken, all NaN: enough to see whether an objective can begin.

    Example:
        >>> unmeasured(Population(names=("a", "b"), counts=(3, 1))).count.tolist()
        [3, 1]
    """
    nothing = torch.full((len(population.names),), torch.nan, dtype=torch.float64)
    return Levels(count=torch.tensor(population.counts), loss=nothing, accuracy=nothing)


def _mean(total: Tensor, count: Tensor) -> Tensor:
    return torch.where(count > 0, total / count.clamp(min=1), torch.nan)
