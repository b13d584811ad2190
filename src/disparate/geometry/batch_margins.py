r"""Closeness and distance of the examples of a batch, with their graph: what a training can be made to align.

``measures.closeness`` and ``geometry.margins`` have the same numbers for evaluation, without a graph.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from disparate.errors import BadInput

FLOOR = 1e-6
"""Norm below which a gradient leads nowhere; it bounds a distance at 10⁶ times the difference of logits."""


def gini(logits: Tensor) -> Tensor:
    r"""Return $1 - \sum_k p_k^2$ (D2): large near the boundary, in [0, 1 − 1/K].

    Args:
        logits: Shape (examples, classes).

    Returns:
        Shape (examples,).

    Example:
        >>> gini(torch.zeros(1, 4)).tolist()
        [0.75]
    """
    return 1 - logits.softmax(dim=1).square().sum(dim=1)


def lead(logits: Tensor) -> Tensor:
    r"""Return $z_{(1)} - z_{(2)}$ (D4): large is far, from 0 upwards.

    Args:
        logits: Shape (examples, classes).

    Returns:
        Shape (examples,), in the unit of the logits.

    Example:
        >>> lead(torch.tensor([[3.0, -1.0, 2.5]])).tolist()
        [0.5]
    """
    top = logits.topk(2, dim=1).values
    return top[:, 0] - top[:, 1]


def signed_lead(logits: Tensor, target: Tensor) -> Tensor:
    r"""Return $z_y - \max_{k \ne y} z_k$ (D4 with the true label): negative where the answer is wrong.

    Args:
        logits: Shape (examples, classes).
        target: Right class per example, shape (examples,).

    Returns:
        Shape (examples,), in the unit of the logits.

    Example:
        >>> signed_lead(torch.tensor([[3.0, 1.0], [3.0, 1.0]]), torch.tensor([0, 1])).tolist()
        [2.0, -2.0]
    """
    own = functional.one_hot(target, logits.shape[1]).bool()
    return logits[own] - logits.masked_fill(own, -torch.inf).amax(dim=1)


def distance_by_inputs(logits: Tensor, inputs: Tensor, *, nearest: int | None = None) -> Tensor:
    r"""Return how far every example is from another answer by its input, to first order (D5): large is far.

    $$ \min_{k \ne \hat y} \frac{z_{\hat y} - z_k}{\lVert \nabla_x (z_{\hat y} - z_k) \rVert_2} $$

    One backward pass per class, with a graph of its own. The gradient is that of the sum over the batch: with batch
    normalisation in training mode it holds what an example does to its neighbours, which the numbers of
    ``geometry.margins``, taken in evaluation mode, do not.

    Args:
        logits: Shape (examples, classes), with their graph.
        inputs: What they were computed from, shape (examples, ...); differentiable.
        nearest: Classes to look at, those of the largest logits after the answer; all where not given.

    Returns:
        Shape (examples,), in input units.

    Raises:
        BadInput: The logits do not hang on the inputs.

    Example:
        >>> weight = torch.tensor([[3.0, 4.0], [0.0, 0.0]])
        >>> inputs = torch.tensor([[1.0, 2.0]], requires_grad=True)
        >>> round(distance_by_inputs(inputs @ weight.T, inputs).item(), 4)  # (3 + 8) / 5
        2.2
    """
    if not inputs.requires_grad:
        raise BadInput("inputs have no gradient; an objective that differentiates by them has to say so.")
    found: list[Tensor] = []
    for gap in _gaps(logits, nearest):
        (slope,) = torch.autograd.grad(gap.sum(), inputs, create_graph=True)
        found.append(gap / _norm([slope.flatten(1)], dim=1))
    return torch.stack(found).amin(dim=0)


def distance_by_parameters(logits: Tensor, parameters: Sequence[Tensor], *, nearest: int | None = None) -> Tensor:
    r"""Return how far every example is from another answer by the parameters, to first order (D7): large is far.

    $$ \min_{k \ne \hat y} \frac{z_{\hat y} - z_k}{\lVert \nabla_\theta (z_{\hat y} - z_k) \rVert_2} $$

    One backward pass per example *and* class, each with a graph of its own: for small networks only.

    Args:
        logits: Shape (examples, classes), with their graph.
        parameters: What is trained.
        nearest: Classes to look at, those of the largest logits after the answer; all where not given.

    Returns:
        Shape (examples,), in the unit of the parameters.

    Example:
        >>> weight = torch.tensor([[3.0, 4.0], [0.0, 0.0]], requires_grad=True)
        >>> logits = torch.tensor([[1.0, 2.0]]) @ weight.T
        >>> round(distance_by_parameters(logits, [weight]).item(), 4)  # 11 / √(1 + 4 + 1 + 4)
        3.4785
    """
    found = [torch.stack([value / gradient_norm(value, parameters) for value in gap]) for gap in _gaps(logits, nearest)]
    return torch.stack(found).amin(dim=0)


def gradient_norm(value: Tensor, parameters: Sequence[Tensor]) -> Tensor:
    r"""Return $\lVert \nabla_\theta v \rVert_2$ with its graph.

    Args:
        value: A scalar, with its graph.
        parameters: By what to differentiate; one that has no part in the value counts as 0.

    Returns:
        A scalar, at least ``FLOOR``.

    Example:
        >>> weight = torch.tensor([3.0, 4.0], requires_grad=True)
        >>> gradient_norm(weight.square().sum() / 2, [weight]).item()
        5.0
    """
    slopes = torch.autograd.grad(value, parameters, create_graph=True, materialize_grads=True)
    return _norm([slope.flatten() for slope in slopes], dim=0)


def _norm(parts: Sequence[Tensor], dim: int) -> Tensor:
    # Below the floor the root has no slope: that of √0 is infinite.
    square = torch.stack([part.square().sum(dim=dim) for part in parts]).sum(dim=0)
    return square.clamp(min=FLOOR**2).sqrt()


def _gaps(logits: Tensor, nearest: int | None) -> list[Tensor]:
    """Return z_ŷ − z_k for the classes of the next largest logits, each of shape (examples,)."""
    count = logits.shape[1] if nearest is None else min(nearest + 1, logits.shape[1])
    ordered = logits.gather(1, logits.detach().argsort(dim=1, descending=True, stable=True))
    return [ordered[:, 0] - ordered[:, place] for place in range(1, count)]
