r"""Squared per-example gradients of a layer's parameters, summed over a batch, without per-example gradients.

A layer that multiplies has, for example $i$, its input $x_t$ and the gradient by its output $g_t$ at each place $t$.
The gradient by the weight is $\sum_t g_t x_t^\top$, and wanted is its square, entry by entry, summed over examples:

$$ \sum_i \Bigl( \sum_t g_{it} x_{it}^\top \Bigr)^2 = \sum_i \sum_{t, t'} (g_{it} g_{it'}) (x_{it} x_{it'})^\top $$

with few places the right side is one matrix product over all examples; with many the left side is made for some
examples at a time.
"""

from collections.abc import Callable, Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from disparate.geometry.lean import reached

Squares = Callable[[Tensor], Mapping[str, Tensor]]
"""From the gradient by a layer's output to Σ over examples of squared gradients, by the parameter's name."""
FEW_PLACES = 4
CHUNK_NUMBERS = 2**22
"""Numbers that one layer's per-example gradients may hold at a time (16 MB of float32)."""


def squares_rule(layer: nn.Module, received: Tensor) -> Squares:
    """Return how a layer's squared gradients follow from the gradient by its output.

    Args:
        layer: Of a type that :func:`has_rule` knows.
        received: What it got, shape (examples, ...).

    Returns:
        The rule.
    """
    return _RULES[type(layer)](layer, received)


def has_rule(layer: nn.Module) -> bool:
    """Return whether the squared gradients of a layer are known in closed form; a subclass may differ and has none.

    Args:
        layer: Any layer.

    Returns:
        Whether :func:`squares_rule` takes it.
    """
    if type(layer) not in _RULES:
        return False
    return not isinstance(layer, nn.Conv2d) or (layer.padding_mode == "zeros" and not isinstance(layer.padding, str))


def _linear(layer: nn.Linear, received: Tensor) -> Squares:
    places = received.reshape(len(received), 1, -1, layer.in_features)
    return lambda slope: _of_products(layer, places, slope.reshape(len(received), 1, -1, layer.out_features))


def _conv2d(layer: nn.Conv2d, received: Tensor) -> Squares:
    padding = cast("tuple[int, ...]", layer.padding)  # never a word: has_rule
    taps, left = reached(layer.kernel_size, received.shape[2:], layer.stride, padding, layer.dilation)
    size = tuple(part.stop - part.start for part in taps)
    columns = functional.unfold(received, size, dilation=layer.dilation, padding=left, stride=layer.stride)
    places = columns.unflatten(1, (layer.groups, -1)).mT

    def squares(slope: Tensor) -> dict[str, Tensor]:
        found = _of_products(layer, places, slope.flatten(2).unflatten(1, (layer.groups, -1)).mT)
        if "weight" in found:
            whole = torch.zeros_like(layer.weight)
            whole[:, :, *taps] = found["weight"].unflatten(1, (-1, *size))
            found["weight"] = whole
        return found

    return squares


def _of_products(layer: nn.Linear | nn.Conv2d, places: Tensor, slopes: Tensor) -> dict[str, Tensor]:
    """Return both parameters' sums, the weight's as (all outputs, inputs).

    Places are (examples, blocks, places, inputs), slopes (..., places, outputs).
    """
    found: dict[str, Tensor] = {}
    if layer.weight.requires_grad:
        few = places.shape[2] <= FEW_PLACES
        blocks = _over_pairs(places, slopes) if few else _in_chunks(places, slopes)
        found["weight"] = blocks.flatten(0, 1)
    if layer.bias is not None and layer.bias.requires_grad:
        found["bias"] = slopes.sum(dim=2).square().sum(dim=0).reshape(-1)
    return found


def _over_pairs(places: Tensor, slopes: Tensor) -> Tensor:
    """Return Σᵢ Σₜₜ′ (gₜ gₜ′)(xₜ xₜ′)ᵀ, shape (blocks, outputs, inputs)."""
    first, second = torch.triu_indices(places.shape[2], places.shape[2], device=places.device)
    twice = torch.where(first == second, 1.0, 2.0).to(slopes.dtype)[:, None]
    inputs = places[:, :, first] * places[:, :, second]
    outputs = slopes[:, :, first] * slopes[:, :, second] * twice
    return outputs.transpose(0, 1).flatten(1, 2).mT @ inputs.transpose(0, 1).flatten(1, 2)


def _in_chunks(places: Tensor, slopes: Tensor) -> Tensor:
    """Return Σᵢ (Σₜ gₜ xₜᵀ)², shape (blocks, outputs, inputs)."""
    blocks, outputs, inputs = places.shape[1], slopes.shape[3], places.shape[3]
    step = max(1, CHUNK_NUMBERS // (blocks * outputs * inputs))
    found = slopes.new_zeros(blocks, outputs, inputs)
    for chunk, slope in zip(places.split(step), slopes.split(step), strict=True):
        found += (slope.mT @ chunk).square_().sum(dim=0)
    return found


def _scaled(layer: Any, normalised: Tensor, over_places: Callable[[Tensor], Tensor]) -> Squares:
    """Return the rule of a normalisation, which scales and shifts each feature."""

    def squares(slope: Tensor) -> dict[str, Tensor]:
        parts = {"weight": slope * normalised, "bias": slope}
        trained = {name for name, value in layer.named_parameters(recurse=False) if value.requires_grad}
        return {name: over_places(parts[name]).square().sum(dim=0) for name in trained}

    return squares


def _over_channels(values: Tensor) -> Tensor:
    return values.flatten(2).sum(dim=2) if values.ndim > 2 else values


def _batch_norm(layer: nn.BatchNorm2d, received: Tensor) -> Squares:
    normalised = functional.batch_norm(received, layer.running_mean, layer.running_var, eps=layer.eps)
    return _scaled(layer, normalised, _over_channels)


def _group_norm(layer: nn.GroupNorm, received: Tensor) -> Squares:
    return _scaled(layer, functional.group_norm(received, layer.num_groups, eps=layer.eps), _over_channels)


def _layer_norm(layer: nn.LayerNorm, received: Tensor) -> Squares:
    def over_places(values: Tensor) -> Tensor:
        return values.reshape(len(values), -1, *layer.normalized_shape).sum(dim=1)

    return _scaled(layer, functional.layer_norm(received, layer.normalized_shape, eps=layer.eps), over_places)


_RULES: dict[type[nn.Module], Callable[..., Squares]] = {
    nn.Linear: _linear,
    nn.Conv2d: _conv2d,
    nn.GroupNorm: _group_norm,
    nn.LayerNorm: _layer_norm,
    **dict.fromkeys((nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d), _batch_norm),
}
