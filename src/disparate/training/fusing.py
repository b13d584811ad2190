"""Fusing: a network in evaluation with fewer passes over memory, the same function up to rounding.

Which layers can be fused is found once per network; a network that was disturbed a hundred times is fused by that a
hundred times. Normalisation by fixed statistics is a scale and a shift, which the convolution before it takes over.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

Convolution = nn.Conv1d | nn.Conv2d | nn.Conv3d
Normalisation = nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
NORMALISATIONS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
OVERWRITTEN = (*CONVOLUTIONS, *NORMALISATIONS, nn.Linear)
"""Layers whose output is memory of its own, which the activation behind them may overwrite."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fusion:
    """What of a network can be fused.

    Args:
        folded: Names of a convolution and of the normalisation that alone reads its output.
        in_place: Names of activations that alone read the output of a layer.
    """

    folded: tuple[tuple[str, str], ...] = ()
    in_place: tuple[str, ...] = ()


def fusion_of(model: nn.Module) -> Fusion:
    """Return what of a network can be fused; nothing where its forward pass depends on numbers.

    Args:
        model: The network; it is left as it is.

    Returns:
        Names of layers.

    Example:
        >>> fusion_of(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU()))
        Fusion(folded=(('0', '1'),), in_place=('2',))
    """
    try:
        graph = fx.Tracer().trace(model)
    except Exception:  # whatever a user's forward pass raises when it meets a stand-in for a tensor
        return Fusion()
    calls = [node for node in graph.nodes if node.op == "call_module"]
    often = Counter(node.target for node in calls)
    pairs = [
        (str(node.args[0].target), str(node.target))
        for node in calls
        if _follows(node) and often[node.target] == often[node.args[0].target] == 1
    ]
    layers = dict(model.named_modules())
    return Fusion(
        folded=tuple(pair for pair in pairs if _can_fold(layers[pair[0]], layers[pair[1]])),
        in_place=tuple(
            own for before, own in pairs if type(layers[own]) is nn.ReLU and type(layers[before]) in OVERWRITTEN
        ),
    )


def _follows(node: fx.Node) -> bool:
    """Return whether a layer reads the output of one other layer, and nobody else does."""
    first: Any = node.args[0] if node.args else None
    return isinstance(first, fx.Node) and first.op == "call_module" and len(first.users) == 1


def _can_fold(first: nn.Module, second: nn.Module) -> bool:
    return type(first) in CONVOLUTIONS and type(second) in NORMALISATIONS


def fused(model: nn.Module, fusion: Fusion) -> nn.Module:
    """Fuse a network in place and lay it out channels last.

    Args:
        model: The network, in evaluation mode; its layers may be other ones than when the fusion was found, and those
            that no longer fit stay as they are.
        fusion: What can be fused.

    Returns:
        The network; its answers are the same up to rounding.
    """
    layers = dict(model.named_modules())
    for first, second in fusion.folded:
        if _fits(layers.get(first), layers.get(second)):
            _fold(layers[first], layers[second])
            parent, _, own = second.rpartition(".")
            setattr(model.get_submodule(parent), own, nn.Identity())
    for name in fusion.in_place:
        layer = layers.get(name)
        if type(layer) is nn.ReLU:
            layer.inplace = True
    return model.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]  a keyword torch documents


def _fits(first: nn.Module | None, second: nn.Module | None) -> bool:
    return (
        first is not None
        and second is not None
        and _can_fold(first, second)
        and type(first.weight) is nn.Parameter
        and not second.training
        and second.running_mean is not None
        and not any((first._forward_hooks, first._forward_pre_hooks, second._forward_hooks, second._forward_pre_hooks))
    )


def _fold(convolution: Any, normalisation: Any) -> None:
    weight, bias = fuse_conv_bn_weights(
        convolution.weight,
        convolution.bias,
        normalisation.running_mean,
        normalisation.running_var,
        normalisation.eps,
        normalisation.weight,
        normalisation.bias,
    )
    convolution.weight, convolution.bias = weight, bias
