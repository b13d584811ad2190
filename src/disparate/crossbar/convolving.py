"""Convolving: what a layer multiplies, as rows that an array takes, and its products in their places."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from disparate.crossbar.layers import Mappable, blocks_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """How a convolution slides, one number per spatial dimension.

    Args:
        kernel: Its size.
        stride: Its step.
        dilation: Distance of its taps.
        padding: What is added before and after each dimension.
        mode: What is added.
    """

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    mode: str


def window_of(layer: nn.Conv1d | nn.Conv2d | nn.Conv3d) -> Window:
    """Return how a convolution slides."""
    return Window(
        kernel=layer.kernel_size,
        stride=layer.stride,
        dilation=layer.dilation,
        padding=_padding(layer),
        mode="constant" if layer.padding_mode == "zeros" else layer.padding_mode,
    )


def _padding(layer: nn.Conv1d | nn.Conv2d | nn.Conv3d) -> tuple[tuple[int, int], ...]:
    sizes: Any = layer.padding
    if sizes == "valid":
        return tuple((0, 0) for _ in layer.kernel_size)
    if sizes == "same":
        whole = [step * (size - 1) for size, step in zip(layer.kernel_size, layer.dilation, strict=True)]
        return tuple((total // 2, total - total // 2) for total in whole)
    return tuple((size, size) for size in sizes)


def rows_of(layer: Mappable, inputs: Tensor) -> tuple[Tensor, tuple[int, ...]]:
    """Return what each product of a layer takes, and the shape of the places it is for.

    Args:
        layer: The layer.
        inputs: Shape (examples, ..., features) of a linear layer, (examples, channels, ...) of a convolution.

    Returns:
        Shape (blocks, products, inputs of a block), and (examples, ...) with ``products`` numbers in it.

    Example:
        >>> import torch
        >>> rows, places = rows_of(nn.Conv1d(1, 1, 2), torch.tensor([[[1.0, 2.0, 3.0]]]))
        >>> rows.tolist(), places
        ([[[1.0, 2.0], [2.0, 3.0]]], (1, 2))
    """
    if isinstance(layer, nn.Linear):
        return inputs.reshape(1, -1, inputs.shape[-1]), tuple(inputs.shape[:-1])
    window, blocks = window_of(layer), blocks_of(layer)
    patches = _padded(inputs, window)
    for dimension, size in enumerate(window.kernel):
        reach = window.dilation[dimension] * (size - 1) + 1
        patches = patches.unfold(2 + dimension, reach, window.stride[dimension])
        patches = patches[..., :: window.dilation[dimension]]
    places = (patches.shape[0], *patches.shape[2 : 2 + len(window.kernel)])
    ordered = patches.movedim(1, 1 + len(window.kernel))  # examples, places, channels, taps
    rows = ordered.reshape(math.prod(places), blocks, -1)
    return rows.transpose(0, 1), places


def _padded(inputs: Tensor, window: Window) -> Tensor:
    sizes = [size for pair in reversed(window.padding) for size in pair]
    return functional.pad(inputs, sizes, mode=window.mode) if any(sizes) else inputs


def in_places(products: Tensor, layer: Mappable, places: Sequence[int]) -> Tensor:
    """Return products where the layer puts them.

    Args:
        products: Shape (blocks, products, outputs of a block).
        layer: The layer.
        places: What :func:`rows_of` returned.

    Returns:
        Shape (examples, ..., features) of a linear layer, (examples, channels, ...) of a convolution.
    """
    joined = products.transpose(0, 1).reshape(*places, -1)
    return joined if isinstance(layer, nn.Linear) else joined.movedim(-1, 1)
