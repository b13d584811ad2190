"""The straight line between two solutions: what every example's loss does on the way from one to the other."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from disparate.errors import BadInput
from disparate.geometry.per_example import BATCH_NORMS, answers
from disparate.geometry.surface import Surface, evaluated

Array = NDArray[np.float64]
Settle = Callable[[nn.Module], None]
"""What is done to a network at every point of the line before it answers."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Line:
    """Losses and answers along θ(t) = (1 − t) θ + t θ′.

    Args:
        at: The positions t, from 0 to 1, shape (points,).
        loss: Loss per example, nats, shape (points, rows).
        correct: Whether each answer is right, shape (points, rows).
    """

    at: Array
    loss: Array
    correct: NDArray[np.bool_]

    @property
    def excess(self) -> Array:
        """Loss above the straight line between its ends, per example: 0 at both ends, shape (points, rows).

        Over a group its mean is the mean loss above the chord; the largest over t is the barrier.
        """
        chord = (1 - self.at)[:, None] * self.loss[0] + self.at[:, None] * self.loss[-1]
        return self.loss - chord


def line(
    surface: Surface,
    start: Mapping[str, Tensor],
    end: Mapping[str, Tensor],
    *,
    points: int = 11,
    settle: Settle | None = None,
) -> Line:
    r"""Return the loss and the answers of every example along the straight line between two solutions.

    $$ \theta(t) = (1 - t)\,\theta + t\,\theta', \qquad 0 \le t \le 1 $$

    Everything real in the two states is interpolated, BatchNorm's running statistics included; counters are those of
    the start. Interpolated statistics are not those of the interpolated weights, and make a barrier look higher than it
    is. With ``settle=reestimated(training)`` they are estimated anew at every point.

    A barrier between two solutions does not say that they compute different functions: hidden units can be permuted
    (entezari2022).

    Args:
        surface: The network's structure and the examples; its own weights are neither used nor changed.
        start: State of one solution, tensor by name (``Checkpoint.state``).
        end: State of the other.
        points: Number of positions, both ends included.
        settle: What is done to the network at every point before it answers.

    Returns:
        The line.

    Raises:
        BadInput: There are fewer than three points, or the states do not fit the network.

    Example:
        >>> model = nn.Linear(1, 2, bias=False)
        >>> rows = np.arange(1)
        >>> surface = Surface(model=model, inputs=lambda rows: torch.ones(1, 1), rows=rows, target=rows)
        >>> one, other = ({"weight": torch.tensor([[w], [-w]])} for w in (1.0, -1.0))
        >>> line(surface, one, other, points=3).loss.round(4)[:, 0].tolist()
        [0.1269, 0.6931, 2.1269]
    """
    if points < 3:
        raise BadInput(f"points is {points}; at least 3 were expected, for something to lie between the ends.")
    model = deepcopy(surface.model)
    _require_fitting(model, start=start, end=end)
    at = np.linspace(0, 1, points)
    seen: list[tuple[Array, NDArray[np.bool_]]] = []
    for t in at.tolist():
        model.load_state_dict({name: _between(value, end[name], t) for name, value in start.items()})
        if settle is not None:
            settle(model)
        seen.append(_answered(model, surface))
    losses, correct = zip(*seen, strict=True)
    return Line(at=at, loss=np.stack(losses), correct=np.stack(correct))


def reestimated(surface: Surface) -> Settle:
    """Return what estimates BatchNorm's statistics anew: the mean over batches of their means and variances.

    Args:
        surface: Training examples; several batches of equal size are best, as every batch counts alike.

    Returns:
        What :func:`line` does at every point. It changes statistics alone; a network without BatchNorm stays as it is.

    Example:
        >>> model = nn.Sequential(nn.BatchNorm1d(1))
        >>> rows = np.arange(2)
        >>> values = torch.tensor([[1.0], [5.0]])
        >>> settle = reestimated(Surface(model=model, inputs=lambda rows: values[rows], rows=rows, target=rows))
        >>> settle(model)
        >>> model[0].running_mean.tolist(), model[0].running_var.tolist()
        ([3.0], [8.0])
    """

    def settle(model: nn.Module) -> None:
        layers = [layer for layer in model.modules() if isinstance(layer, BATCH_NORMS) and layer.track_running_stats]
        momenta = [layer.momentum for layer in layers]
        with evaluated(model), torch.no_grad():
            for layer in layers:
                layer.reset_running_stats()
                layer.momentum = None  # the plain mean over batches
                layer.train()
            for inputs, _ in surface.batches() if layers else ():
                model(inputs)
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum

    return settle


def _between(start: Tensor, end: Tensor, t: float) -> Tensor:
    return (1 - t) * start + t * end if start.is_floating_point() else start


def _answered(model: nn.Module, surface: Surface) -> tuple[Array, NDArray[np.bool_]]:
    losses: list[Array] = []
    correct: list[NDArray[np.bool_]] = []
    with evaluated(model), torch.no_grad():
        for inputs, target in surface.batches():
            logits = answers(model, inputs).double()
            losses.append(cross_entropy(logits, target, reduction="none").cpu().numpy())
            correct.append((logits.argmax(dim=1) == target).cpu().numpy())
    return np.concatenate(losses), np.concatenate(correct)


def _require_fitting(model: nn.Module, **states: Mapping[str, Tensor]) -> None:
    own = model.state_dict()
    for end, state in states.items():
        if lost := sorted(set(own) ^ set(state)):
            raise BadInput(
                f"tensor '{lost[0]}' is in only one of the line's {end} and the network "
                f"({len(lost)} such names); the same network was expected at both ends."
            )
        for name, value in state.items():
            if value.shape != own[name].shape:
                raise BadInput(
                    f"tensor '{name}' at the line's {end} has shape {tuple(value.shape)}; {tuple(own[name].shape)}, "
                    "that of the network, was expected."
                )
