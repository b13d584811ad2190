"""Sparsity: which weights may go, which of them go, and what is left."""

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from disparate.choice import Labelled
from disparate.errors import BadInput, NotApplicable
from disparate.geometry.surface import Surface
from disparate.training.rules import Layer, weighted_layers

Scope = Literal["global", "layer"]
Order = Callable[[Tensor], Tensor]
"""From scores of shape (n,) to places from the smallest to the largest, int64 of shape (n,)."""

BATCH = 128
RECORD = "disparate_record"


def require_share(choice: str, share: float, setting: str = "rate") -> None:
    """Refuse a share to remove that is outside [0, 1).

    Args:
        choice: Name of the class, for the message.
        share: The share.
        setting: Name of the setting.

    Raises:
        BadInput: It is outside.
    """
    if not 0 <= share < 1:
        hint = f"; {share:g} % is {setting}={share / 100:g}" if 1 <= share < 100 else ""
        raise BadInput(f"{choice}({setting}={share}): a share in [0, 1) was expected{hint}.")


def prunable_layers(model: nn.Module, *, choice: str) -> dict[str, Layer]:
    """Return the layers whose weights may go, by name; a weight that two layers share stands once.

    Args:
        model: The network.
        choice: Name of the class that asks, for the message.

    Returns:
        Linear and convolution layers.

    Raises:
        NotApplicable: There is none, or a weight is not a plain floating-point parameter.
    """
    layers = weighted_layers(model)
    if not layers:
        raise NotApplicable(
            f"{choice} on {type(model).__name__}: it has no linear and no convolution layer with weights to remove. "
            "Leave the choice out for this model."
        )
    for name, layer in layers.items():
        if type(layer.weight) is not nn.Parameter or not layer.weight.is_floating_point():
            raise NotApplicable(
                f"{choice} on {type(model).__name__}: the weight of layer '{name}' is not a plain floating-point "
                f"parameter but a {type(layer.weight).__name__} ({layer.weight.dtype}). Prune before quantize."
            )
    return layers


def first_of_equals(scores: Tensor) -> Tensor:
    """Return the places from the smallest score to the largest, the first of equals first."""
    return torch.sort(scores, stable=True).indices


def smallest(scores: Tensor, share: float, order: Order = first_of_equals) -> Tensor:
    """Mark the smallest scores, exactly ``round(share × n)`` of them.

    Args:
        scores: Shape (n,).
        share: In [0, 1].
        order: What is smaller, and which of equals goes first.

    Returns:
        Boolean, shape (n,).

    Example:
        >>> smallest(torch.tensor([2.0, 1.0, 1.0, 1.0]), 0.5).tolist()
        [False, True, True, False]
    """
    marked = torch.zeros_like(scores, dtype=torch.bool)
    marked[order(scores)[: round(share * scores.numel())]] = True
    return marked


def marks(
    scores: Mapping[str, Tensor], share: float, scope: Scope, order: Order = first_of_equals
) -> dict[str, Tensor]:
    """Mark the smallest scores of the whole network, or of every layer.

    Args:
        scores: By layer name, each of shape (n,).
        share: In [0, 1].
        scope: Whether the share is taken over all of them together, or of each.
        order: What is smaller, and which of equals goes first.

    Returns:
        Boolean, by layer name, in the same shapes.
    """
    if scope == "layer":
        return {name: smallest(part, share, order) for name, part in scores.items()}
    marked = smallest(torch.cat(list(scores.values())), share, order)
    return dict(zip(scores, marked.split([len(part) for part in scores.values()]), strict=True))


def set_to_zero(layers: Mapping[str, Layer], marked: Mapping[str, Tensor]) -> None:
    """Set the marked weights to zero, in place.

    Args:
        layers: By name.
        marked: Boolean, by name of the layer, one per weight.
    """
    with torch.no_grad():
        for name, mark in marked.items():
            layers[name].weight.masked_fill_(mark.view_as(layers[name].weight), 0.0)


def achieved(model: nn.Module) -> dict[str, Any]:
    """Return the shares of weights that are zero.

    Args:
        model: A network with weights to prune.

    Returns:
        ``zeros`` of ``weights`` and their ratio ``rate``; ``layers``, the share of every layer; ``silenced``, the
        layers of which no weight is left.

    Example:
        >>> layer = nn.Linear(2, 1)
        >>> _ = layer.weight.data.copy_(torch.tensor([[0.0, 1.0]]))
        >>> achieved(layer)
        {'rate': 0.5, 'zeros': 1, 'weights': 2, 'layers': {'': 0.5}, 'silenced': []}
    """
    weights = {name: layer.weight for name, layer in weighted_layers(model).items()}
    zeros = {name: int((weight == 0).sum()) for name, weight in weights.items()}
    total = sum(weight.numel() for weight in weights.values())
    return {
        "rate": sum(zeros.values()) / total,
        "zeros": sum(zeros.values()),
        "weights": total,
        "layers": {name: zeros[name] / weight.numel() for name, weight in weights.items()},
        "silenced": [name for name, weight in weights.items() if zeros[name] == weight.numel()],
    }


@contextmanager
def group_surfaces(model: nn.Module, labelled: Labelled) -> Generator[dict[str, Surface]]:
    """Give the loss surface of every group over the weights that may be pruned, and over nothing else.

    Args:
        model: The network; which of its parameters are trained is as before afterwards.
        labelled: The examples.

    Yields:
        By group name; a group without an example has no surface. Parameters are called ``<layer>.weight``.
    """
    trained = [(value, value.requires_grad) for value in model.parameters()]
    weights = {id(layer.weight) for layer in weighted_layers(model).values()}
    for value, _ in trained:
        value.requires_grad_(id(value) in weights)
    surface = Surface(
        model=model,
        inputs=lambda rows: labelled.inputs[torch.from_numpy(rows).to(labelled.inputs.device)],
        target=labelled.target.cpu().numpy(),
        rows=np.arange(len(labelled.target)),
        batch_size=BATCH,
    )
    try:
        yield surface.by_group(labelled.groups)
    finally:
        for value, was in trained:
            value.requires_grad_(was)


def weight_of(layer: str) -> str:
    """Return the name of a layer's weight among the network's parameters."""
    return f"{layer}.weight".lstrip(".")


def numpy_generator(generator: torch.Generator) -> np.random.Generator:
    """Return a generator of numpy's, seeded by the next draw of a generator of torch's."""
    seed = torch.randint(2**62, (1,), generator=generator, device=generator.device)
    return np.random.default_rng(int(seed))


def remember(model: nn.Module, record: Mapping[str, Any]) -> None:
    """Leave what was done on the network that it was done to; no part of its weights."""
    setattr(model, RECORD, dict(record))


def remembered(model: nn.Module) -> dict[str, Any]:
    """Return what was left on the network last."""
    return dict(getattr(model, RECORD, {}))
