"""Fusing: a network in evaluation with fewer passes over memory, the same function up to rounding.

Which layers can be fused is found once per network; a network that was disturbed a hundred times is fused by that a
hundred times. Normalisation by fixed statistics is a scale and a shift, which the convolution before it takes over.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from typing import Any, cast

import torch
from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

Convolution = nn.Conv1d | nn.Conv2d | nn.Conv3d
Normalisation = nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d
Size = tuple[int, int]
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
NORMALISATIONS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
OVERWRITTEN = (*CONVOLUTIONS, *NORMALISATIONS, nn.Linear)
"""Layers whose output is memory of its own, which the activation behind them may overwrite."""

WRAPPED = "model"
"""Name of the only child of what wraps a network."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fusion:
    """What of a network can be fused.

    Args:
        folded: Names of a convolution and of the normalisation that alone reads its output.
        in_place: Names of activations that alone read the output of a layer.
        summed: Names of a pool that repeats its one place many times, as VGG's does with small images, and of the
            linear layer that reads the places: the sum of its weights over them does the same.
        unrolled: Convolutions by the height and width of their input, where that has so few places that most taps meet
            padding: one matrix product does the same.
    """

    folded: tuple[tuple[str, str], ...] = ()
    in_place: tuple[str, ...] = ()
    summed: tuple[tuple[str, str], ...] = ()
    unrolled: Mapping[str, Size] = field(default_factory=dict[str, Size])


def fusion_of(model: nn.Module, example: Tensor | None = None) -> Fusion:
    """Return what of a network can be fused; nothing where its forward pass depends on numbers.

    Args:
        model: The network, in evaluation mode; it is left as it is.
        example: Inputs of the size that the network will meet; without them nothing that hangs on it is found.

    Returns:
        Names of layers.

    Example:
        >>> fusion_of(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU()))
        Fusion(folded=(('0', '1'),), in_place=('2',), summed=(), unrolled={})
    """
    try:
        graph = fx.Tracer().trace(model)
    except Exception:  # whatever a user's forward pass raises when it meets a stand-in for a tensor
        return Fusion()
    calls = [node for node in graph.nodes if node.op == "call_module"]
    often = Counter(node.target for node in calls)
    sizes = {} if example is None else _input_sizes(model, example)
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
        summed=tuple(_repeating(calls, layers, sizes)),
        unrolled={name: size for name, size in sizes.items() if is_small(layers[name], size)},
    )


def _repeating(
    calls: Sequence[fx.Node], layers: Mapping[str, nn.Module], sizes: Mapping[str, Size]
) -> Iterator[tuple[str, str]]:
    for node in calls:
        pool, linear = _flattened(node), str(node.target)
        fits = type(layers.get(pool)) is nn.AdaptiveAvgPool2d and type(layers[linear]) is nn.Linear
        if fits and sizes.get(pool) == (1, 1):
            yield pool, linear


def _flattened(node: fx.Node) -> str:
    """Return the layer whose output, flattened from the first axis after the examples, a layer alone reads; or none."""
    flat: Any = node.args[0] if node.args else None
    if not isinstance(flat, fx.Node) or flat.target is not torch.flatten or flat.args[1:] != (1,) or flat.kwargs:
        return ""
    first: Any = flat.args[0]
    alone = len(flat.users) == 1 and isinstance(first, fx.Node) and len(first.users) == 1
    return str(first.target) if alone and first.op == "call_module" else ""


def _input_sizes(model: nn.Module, example: Tensor) -> dict[str, Size]:
    """Return height and width of what every convolution and pool reads, where that is one size."""
    seen: dict[str, set[Size]] = {}
    hooks = [
        layer.register_forward_pre_hook(partial(_note, seen.setdefault(name, set())))
        for name, layer in model.named_modules()
        if isinstance(layer, nn.Conv2d | nn.AdaptiveAvgPool2d)
    ]
    try:
        with torch.no_grad():
            model(example)
    finally:
        for hook in hooks:
            hook.remove()
    return {name: next(iter(sizes)) for name, sizes in seen.items() if len(sizes) == 1}


def _note(seen: set[Size], _: nn.Module, inputs: tuple[Any, ...]) -> None:
    seen.add((inputs[0].shape[-2], inputs[0].shape[-1]))


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
            that no longer fit stay as they are. Where it was wrapped since, as for another number format, what is
            wrapped is fused.
        fusion: What can be fused.

    Returns:
        The network; its answers are the same up to rounding.
    """
    inner = model
    while [name for name, _ in inner.named_children()] == [WRAPPED]:
        inner = inner.get_submodule(WRAPPED)
    for step in (_fold_all, _sum_all, _unroll_all, _overwrite):
        step(inner, fusion)
    return model.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]  a keyword torch documents


def _fold_all(model: nn.Module, fusion: Fusion) -> None:
    layers = dict(model.named_modules())
    for first, second in fusion.folded:
        if _fits(layers.get(first), layers.get(second)):
            _fold(layers[first], layers[second])
            _replace(model, second, nn.Identity())


def _sum_all(model: nn.Module, fusion: Fusion) -> None:
    layers = dict(model.named_modules())
    for pool, linear in fusion.summed:
        first, second = layers.get(pool), layers.get(linear)
        if type(first) is nn.AdaptiveAvgPool2d and type(second) is nn.Linear and _can_sum(first, second):
            _sum(first, second)
            _replace(model, pool, nn.Identity())


def _unroll_all(model: nn.Module, fusion: Fusion) -> None:
    layers = dict(model.named_modules())
    for name, size in fusion.unrolled.items():
        if is_small(layers.get(name), size):
            _replace(model, name, Unrolled(cast("nn.Conv2d", layers[name]), size))


def _overwrite(model: nn.Module, fusion: Fusion) -> None:
    layers = dict(model.named_modules())
    for name in fusion.in_place:
        layer = layers.get(name)
        if type(layer) is nn.ReLU:
            layer.inplace = True


class Unrolled(nn.Module):
    """A convolution over few places as one matrix product: from all places that go in to all that come out.

    With n places in it takes n products per output and channel, and the convolution one for every tap, of which most
    meet padding where n is small: 9 against 1 at one place, 9 against 4 at four.

    Args:
        convolution: The convolution; not grouped, padded with zeros.
        size: Height and width of its input.
    """

    weight: Tensor
    bias: Tensor | None

    def __init__(self, convolution: nn.Conv2d, size: Size) -> None:
        super().__init__()
        self.size = cast("Size", tuple(_outputs(convolution, size, axis) for axis in (0, 1)))
        weight = convolution.weight.detach()
        outputs, inputs = weight.shape[:2]
        whole = weight.new_zeros(*self.size, outputs, *size, inputs)
        for place in product(range(self.size[0]), range(self.size[1]), range(size[0]), range(size[1])):
            tap = _tap(convolution, place[:2], place[2:])
            if tap is not None:
                whole[place[0], place[1], :, place[2], place[3]] = weight[:, :, tap[0], tap[1]]
        self.register_buffer("weight", whole.reshape(self.size[0] * self.size[1] * outputs, -1))
        bias = convolution.bias
        self.register_buffer("bias", None if bias is None else bias.detach().repeat(self.size[0] * self.size[1]))

    def forward(self, inputs: Tensor) -> Tensor:
        """Return what the convolution gives, channels last in memory."""
        found = nn.functional.linear(inputs.permute(0, 2, 3, 1).flatten(1), self.weight, self.bias)
        return found.unflatten(1, (*self.size, -1)).permute(0, 3, 1, 2)


def is_small(layer: nn.Module | None, size: Size) -> bool:
    """Return whether a convolution meets fewer places than it has taps, so that it pays to unroll it."""
    if type(layer) is not nn.Conv2d or not _is_plain(layer) or isinstance(layer.padding, str):
        return False
    plain = layer.groups == 1 and layer.padding_mode == "zeros"
    return plain and size[0] * size[1] < layer.kernel_size[0] * layer.kernel_size[1]


def _outputs(convolution: nn.Conv2d, size: Size, axis: int) -> int:
    reach = convolution.dilation[axis] * (convolution.kernel_size[axis] - 1) + 1
    return (size[axis] + 2 * int(convolution.padding[axis]) - reach) // convolution.stride[axis] + 1


def _tap(convolution: nn.Conv2d, output: tuple[int, ...], place: tuple[int, ...]) -> tuple[int, int] | None:
    """Return the tap through which an output reads a place; None where it does not."""
    found: list[int] = []
    for axis in (0, 1):
        offset = place[axis] - output[axis] * convolution.stride[axis] + int(convolution.padding[axis])
        tap, rest = divmod(offset, convolution.dilation[axis])
        if rest or not 0 <= tap < convolution.kernel_size[axis]:
            return None
        found.append(tap)
    return found[0], found[1]


def _replace(model: nn.Module, name: str, layer: nn.Module) -> None:
    parent, _, own = name.rpartition(".")
    setattr(model.get_submodule(parent), own, layer)


def _is_plain(layer: nn.Module) -> bool:
    """Return whether a layer does with its weight what its type says, and nothing else."""
    return type(getattr(layer, "weight", None)) is nn.Parameter and not _has_hooks(layer)


def _has_hooks(layer: nn.Module) -> bool:
    return bool(vars(layer)["_forward_hooks"] or vars(layer)["_forward_pre_hooks"])


def _can_sum(pool: nn.Module, linear: nn.Module) -> bool:
    return _is_plain(linear) and not _has_hooks(pool)


def _sum(pool: Any, linear: Any) -> None:
    size = pool.output_size
    places = size * size if isinstance(size, int) else (size[0] or 1) * (size[1] or 1)
    summed = linear.weight.detach().unflatten(1, (-1, places)).sum(dim=2)
    linear.weight = nn.Parameter(summed, requires_grad=False)
    linear.in_features = summed.shape[1]


def _fits(first: nn.Module | None, second: nn.Module | None) -> bool:
    if first is None or second is None or not _can_fold(first, second):
        return False
    fixed = not second.training and isinstance(getattr(second, "running_mean", None), Tensor)
    return fixed and _is_plain(first) and not _has_hooks(second)


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
