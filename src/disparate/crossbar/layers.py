"""Layers: which of them a crossbar can hold, and what becomes of the others."""

from collections.abc import Mapping, Sequence
from typing import TypeGuard

import torch
from torch import Tensor, nn

from disparate.errors import BadInput, NotApplicable, suggestion

Mappable = nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d
MAPPABLE = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
"""Layers that are products with a weight; a subclass may compute something else and does not count."""


def mappable(model: nn.Module, *, only: Sequence[str] = ()) -> dict[str, Mappable]:
    """Return the layers that go onto crossbars, by name, in the order of the model.

    Args:
        model: The network.
        only: Names of layers; all that can be held where empty.

    Returns:
        Layers whose weight is a plain floating-point parameter.

    Raises:
        NotApplicable: There is no such layer, or one that is named cannot be held.
        BadInput: A name is no layer of the model.
    """
    held: dict[str, Mappable] = {name: layer for name, layer in model.named_modules() if is_mappable(layer)}
    if not held:
        raise NotApplicable(
            f"Crossbar on {type(model).__name__}: it has no linear and no convolution layer with a plain "
            "floating-point weight. Leave the choice out for this model."
        )
    every = dict(model.named_modules())
    for name in only:
        if name not in every:
            raise BadInput(f"crossbar: layers names '{name}', which the model does not have.{suggestion(name, held)}")
        if name not in held:
            raise NotApplicable(
                f"crossbar: layer '{name}' is a {type(every[name]).__name__}, which no crossbar holds; linear layers "
                "and convolutions can. It stays digital when it is not named."
            )
    return {name: layer for name, layer in held.items() if not only or name in only}


def is_mappable(layer: nn.Module) -> TypeGuard[Mappable]:
    """Return whether a crossbar can hold a layer."""
    weight = getattr(layer, "weight", None)
    return type(layer) in MAPPABLE and type(weight) is nn.Parameter and weight.is_floating_point()


def left_digital(model: nn.Module, held: Mapping[str, nn.Module]) -> dict[str, str]:
    """Return the other layers with weights of two or more dimensions, name to type: they stay as exact as they were.

    Args:
        model: The network, before anything is mapped.
        held: The layers that go onto crossbars.

    Returns:
        Name to type; the type of a tensor that belongs to no layer of its own is that of its owner.
    """
    return {
        name: type(layer).__name__
        for name, layer in model.named_modules()
        if name not in held and any(values.dim() > 1 for values in layer.parameters(recurse=False))
    }


def require_masks(masks: Mapping[str, Tensor], held: Mapping[str, Mappable]) -> None:
    """Refuse masks that do not fit: one per layer on a crossbar, boolean, of the shape of its weight; or none at all.

    Args:
        masks: Which weights are exposed, by layer.
        held: The layers that go onto crossbars.

    Raises:
        BadInput: A layer is unknown or lacks its mask, or a mask is of another shape or type.
    """
    if not masks:
        return
    strangers, lacking = sorted(set(masks) - set(held)), sorted(set(held) - set(masks))
    if strangers:
        raise BadInput(f"mask: '{strangers[0]}' is no layer on a crossbar.{suggestion(strangers[0], held)}")
    if lacking:
        raise BadInput(
            f"mask: layer '{lacking[0]}' has none; every layer on a crossbar needs one ({len(lacking)} lack it)."
        )
    for name, mask in masks.items():
        expected = held[name].weight.shape
        if mask.dtype != torch.bool or mask.shape != expected:
            raise BadInput(
                f"mask of layer '{name}' is {mask.dtype} of shape {tuple(mask.shape)}; torch.bool of shape "
                f"{tuple(expected)} was expected: true where a weight may be disturbed."
            )


def blocks_of(layer: Mappable) -> int:
    """Return into how many independent blocks of outputs a layer falls apart: the groups of a convolution."""
    return 1 if isinstance(layer, nn.Linear) else layer.groups


def as_blocks(weight: Tensor, blocks: int) -> Tensor:
    """Return a weight as arrays hold it, shape (blocks, inputs, outputs)."""
    return weight.reshape(blocks, weight.shape[0] // blocks, -1).mT


def from_blocks(held: Tensor, shape: Sequence[int]) -> Tensor:
    """Return what :func:`as_blocks` returned in the shape of the weight."""
    return held.mT.reshape(tuple(shape))
