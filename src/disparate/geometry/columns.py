"""Columns of the softmax Hessian: directions over the classes whose squared slopes make up a diagonal."""

import numpy as np
import torch
from torch import Tensor, nn


def softmax_factor(logits: Tensor) -> Tensor:
    r"""Return columns whose outer products sum to diag(p) − p pᵀ of every example (tanabe1992).

    Args:
        logits: Shape (examples, classes), 2 classes or more.

    Returns:
        Shape (classes − 1, examples, classes), float64.

    Example:
        >>> columns = softmax_factor(torch.tensor([[0.0, 0.0]]))
        >>> columns.tolist()  # √(½ · ½) · (1, −1)
        [[[0.5, -0.5]]]
    """
    chances, classes = logits.double().softmax(dim=1).sort(dim=1, descending=True, stable=True)
    tails = chances.flip(1).cumsum(dim=1).flip(1)
    after = tails[:, 1:].clamp(min=torch.finfo(torch.float64).tiny)
    lengths = (chances[:, :-1] * tails[:, 1:] / tails[:, :-1].clamp(min=torch.finfo(torch.float64).tiny)).sqrt()
    rest = torch.triu(chances[:, None, :] / after[:, :, None], diagonal=1)
    ordered = (torch.eye(logits.shape[1]).to(rest)[:-1] - rest) * lengths[:, :, None]
    places = classes[:, None, :].expand_as(ordered)
    return torch.zeros_like(ordered).scatter_(2, places, ordered).transpose(0, 1)


def signed(columns: Tensor, draws: int, generator: np.random.Generator) -> Tensor:
    """Return sums of columns with random signs.

    Args:
        columns: Shape (columns, examples, classes).
        draws: Number of sums.
        generator: Source of the signs.

    Returns:
        Shape (draws, examples, classes).
    """
    signs = generator.choice([-1.0, 1.0], (draws, *columns.shape[:2]))
    return torch.einsum("dcn,cnk->dnk", torch.from_numpy(signs).to(columns), columns)


def drawn_labels(logits: Tensor, draws: int, generator: np.random.Generator) -> Tensor:
    """Return e_y − p of labels drawn from the model's own probabilities.

    Args:
        logits: Shape (examples, classes).
        draws: Number of labels per example.
        generator: Source of the labels.

    Returns:
        Shape (draws, examples, classes), float64.
    """
    steps = logits.double().softmax(dim=1).cumsum(dim=1)
    places = torch.from_numpy(generator.random((draws, len(logits), 1))).to(steps) * steps[:, -1:]
    return torch.stack([off_target(logits, drawn) for drawn in (places >= steps).sum(dim=2)])


def off_target(logits: Tensor, target: Tensor) -> Tensor:
    """Return e_y − p of given labels: minus the slope of the loss by the logits.

    Args:
        logits: Shape (examples, classes).
        target: Shape (examples,).

    Returns:
        Shape (examples, classes), float64.
    """
    return nn.functional.one_hot(target, logits.shape[1]) - logits.double().softmax(dim=1)
