"""Quantize: integer weights, and integer inputs of the layers, after training.

Linear layers go through torchao, which computes with int8 kernels on the CPU. Convolutions have no such kernel there
outside a compiled graph; they go through a small quantiser of ours, which computes the same integers in float32.
"""

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from disparate.choice import DeployContext
from disparate.errors import BadInput, NotApplicable

BATCH = 64
INPUT_LEVELS = 255
CONVOLUTIONS: dict[type[nn.Module], Callable[..., Tensor]] = {
    nn.Conv1d: functional.conv1d,
    nn.Conv2d: functional.conv2d,
    nn.Conv3d: functional.conv3d,
}

Mode = Literal["static", "dynamic", "weight_only"]
Bits = Literal[8, 4]


@dataclass(frozen=True, kw_only=True, slots=True)
class Quantize:
    """Store the weights of linear and convolution layers as integers and, but for weight-only, compute with integers.

    Weights are symmetric with one scale per output channel, so that a zero stays exactly zero. Inputs of a layer are
    affine with 256 levels between their smallest and largest value, zero included:

    | mode          | range of a layer's inputs                                                                  |
    | ------------- | ------------------------------------------------------------------------------------------ |
    | `static`      | smallest and largest value over the calibration inputs, fixed (jacob2018)                   |
    | `dynamic`     | of each example; in a linear layer of each row, symmetric. No answer depends on its batch   |
    | `weight_only` | inputs stay floating-point                                                                 |

    Convolutions: our quantiser, levels -127…127 (-7…7 for 4 bits), integer sums exact up to 2^24. Linear layers:
    torchao, levels -128…127 (-8…7). Biases, batch normalisation (not folded into the convolution) and everything
    else stay floating-point; so do subclasses of convolutions, transposed convolutions, convolutions with a padding
    that is not zero, and layers that calibration never reaches: :meth:`effective` lists them.

    Args:
        bits: Bits of a weight: 8, or 4 with ``mode="weight_only"``.
        mode: Which inputs are quantised, and by which range.
        calibration: Training inputs that the ranges of ``mode="static"`` are taken from, 1 or more.

    Raises:
        BadInput: 4 bits are combined with another mode, or ``calibration`` is below 1.

    Example:
        >>> model = nn.Sequential(nn.Conv2d(1, 1, 1, bias=False), nn.Flatten())
        >>> _ = model[0].weight.data.fill_(0.5)
        >>> context = DeployContext(calibration=lambda n: torch.ones(n, 1, 1, 1), generator=torch.Generator())
        >>> deployed = Quantize().apply(model, context)
        >>> deployed[0].weight.flatten().tolist(), round(deployed(torch.full((1, 1, 1, 1), 0.6)).item(), 6)
        ([127], 0.3)
    """

    __pydantic_config__: ClassVar[Mapping[str, Any]] = {"extra": "forbid"}

    bits: Bits = 8
    mode: Mode = "static"
    calibration: int = 256

    def __post_init__(self) -> None:
        if self.bits == 4 and self.mode != "weight_only":
            raise BadInput(
                f"Quantize(bits=4, mode='{self.mode}'): 4 bits hold weights only. Use mode='weight_only' or bits=8."
            )
        if self.bits not in {4, 8}:
            raise BadInput(f"Quantize(bits={self.bits}): 8 or 4 was expected.")
        if self.calibration < 1:
            raise BadInput(f"Quantize(calibration={self.calibration}): at least 1 example was expected.")

    def apply(self, model: nn.Module, context: DeployContext) -> nn.Module:
        """Return a quantised copy.

        Args:
            model: The network; it keeps its weights.
            context: Its calibration inputs give the ranges of ``mode="static"``; nothing is drawn at random.

        Returns:
            The copy, in evaluation mode.

        Raises:
            NotApplicable: No layer can be quantised, or calibration meets a number that is not finite.
        """
        deployed = deepcopy(model).eval()
        layers = _quantisable(deployed)
        ranges: Mapping[str, Range] = {}
        if self.mode == "static":
            ranges = _calibrate(deployed, layers, context.calibration(self.calibration))
            layers = {name: layer for name, layer in layers.items() if name in ranges}
        if not layers:
            raise NotApplicable(
                f"Quantize on {type(model).__name__}: it has no linear and no convolution layer with floating-point "
                "weights that calibration reaches. Leave the choice out for this model."
            )
        for name, layer in layers.items():
            if isinstance(layer, nn.Linear):
                _quantise_linear(layer, self, ranges.get(name))
            else:
                deployed = _replaced(deployed, layer, _quantised_convolution(layer, self, ranges.get(name)))
        return deployed

    def effective(self, deployed: nn.Module) -> Mapping[str, Any]:
        """Return what was quantised and how.

        Args:
            deployed: What :meth:`apply` returned.

        Returns:
            Per quantised layer ``bits``, ``levels`` (distinct integers in its weight), ``backend`` and, for static
            ranges, ``input_scale`` and ``input_zero``; ``left_in_float``, the other layers with weights;
            ``linear_sums_exact``, whether int8 products are exact in this process (without VNNI instructions the
            kernel behind torchao saturates; null where no linear layer uses it).
        """
        layers = {name: found for name, layer in deployed.named_modules() if (found := _found(layer, self.bits))}
        kernel = self.mode != "weight_only" and any(found["backend"] == "torchao" for found in layers.values())
        return {
            "mode": self.mode,
            "layers": layers,
            "left_in_float": [name for name, layer in deployed.named_modules() if _is_float(layer)],
            "linear_sums_exact": _sums_are_exact() if kernel else None,
        }


@dataclass(kw_only=True, slots=True)
class Range:
    """Smallest and largest input of a layer, zero included, and the number of dimensions of its inputs."""

    low: float = 0.0
    high: float = 0.0
    dimensions: int = 2

    def widen(self, inputs: Tensor) -> None:
        """Take in more inputs."""
        self.low = min(self.low, inputs.min().item())
        self.high = max(self.high, inputs.max().item())
        self.dimensions = inputs.dim()


def affine(low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """Return step and zero point of 256 levels between two numbers.

    ``scale = (high - low) / 255`` and ``zero = round(-low / scale)``: the level that stands for 0.

    Args:
        low: At most 0.
        high: At least 0, same shape.

    Returns:
        Scale and zero point (0 to 255), same shape.

    Example:
        >>> scale, zero = affine(torch.tensor(-1.0), torch.tensor(1.55))
        >>> round(scale.item(), 6), zero.item()
        (0.01, 100.0)
    """
    scale = ((high - low) / INPUT_LEVELS).clamp_min(torch.finfo(torch.float32).tiny)
    return scale, (-low / scale).round()


def integer_weight(weight: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    """Return integers and one scale per output channel: ``weight ≈ integers × scale``, zeros exactly.

    ``scale = max |w| / (2^(bits-1) - 1)``; rounding is to nearest, ties to even.

    Args:
        weight: Shape (out, ...).
        bits: 8 or 4.

    Returns:
        int8 of the same shape, and float32 of shape (out, 1, ...).

    Example:
        >>> integers, scale = integer_weight(torch.tensor([[0.7, -0.2, 0.0]]), 4)
        >>> integers.tolist(), round(scale.item(), 6)
        ([[7, -2, 0]], 0.1)
    """
    top = 2 ** (bits - 1) - 1
    wide = weight.detach().float()
    peak = wide.abs().flatten(1).amax(dim=1).view(-1, *[1] * (weight.dim() - 1))
    scale = (peak / top).clamp_min(torch.finfo(torch.float32).tiny)
    return (wide / scale).round().clamp(-top, top).to(torch.int8), scale


class _Convolution(nn.Module):
    """A convolution with integer weights; the integers survive a cast of the module to another format."""

    weight: Tensor
    weight_scale: Tensor

    def __init__(self, layer: nn.Conv1d | nn.Conv2d | nn.Conv3d, bits: int) -> None:
        super().__init__()
        self.bits = bits
        self.bias = layer.bias
        self.convolve = partial(
            CONVOLUTIONS[type(layer)],
            stride=layer.stride,
            padding=layer.padding,
            dilation=layer.dilation,
            groups=layer.groups,
        )
        integers, scale = integer_weight(layer.weight, bits)
        self.register_buffer("weight", integers)
        self.register_buffer("weight_scale", scale)

    def per_channel(self, values: Tensor) -> Tensor:
        """Return one number per output channel, shaped to act on the channels of an output."""
        return values.reshape(1, -1, *[1] * (self.weight.dim() - 2))


class WeightOnlyConvolution(_Convolution):
    """Integer weights, floating-point inputs: the weight is restored before it is used."""

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the convolution with the restored weight."""
        weight = (self.weight * self.weight_scale).to(inputs.dtype)
        return self.convolve(inputs, weight, self.bias)


class IntegerConvolution(_Convolution):
    """Integer weights and inputs: integers are multiplied and summed, then scaled once.

    The integers stand in float32, where their sums are exact up to 2^24; the sums therefore hang neither on the
    batch nor on the order of summation.
    """

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the scaled integer convolution, in the format of the inputs."""
        wide = inputs.float()
        scale, zero = self.input_levels(wide)
        levels = (wide / scale).round_().add_(zero).clamp_(0, INPUT_LEVELS).sub_(zero)
        sums = self.convolve(levels, self.weight.float())
        outputs = sums.mul_(scale * self.per_channel(self.weight_scale).float())
        if self.bias is not None:
            outputs = outputs.add_(self.per_channel(self.bias).float())
        return outputs.to(inputs.dtype)

    def input_levels(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return scale and zero point of every example's own range, shape (examples, 1, ...)."""
        flat = inputs.flatten(1)
        shape = (-1, *[1] * (inputs.dim() - 1))
        low, high = flat.amin(dim=1).clamp_max(0.0), flat.amax(dim=1).clamp_min(0.0)
        scale, zero = affine(low, high)
        return scale.view(shape), zero.view(shape)


class StaticConvolution(IntegerConvolution):
    """An integer convolution whose input range was fixed by calibration."""

    input_scale: Tensor
    input_zero: Tensor

    def __init__(self, layer: nn.Conv1d | nn.Conv2d | nn.Conv3d, bits: int, seen: Range) -> None:
        super().__init__(layer, bits)
        scale, zero = affine(torch.tensor(seen.low), torch.tensor(seen.high))
        self.register_buffer("input_scale", scale.to(layer.weight.device))
        self.register_buffer("input_zero", zero.to(layer.weight.device))

    def input_levels(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return the fixed scale and zero point, whatever the inputs."""
        return self.input_scale.float(), self.input_zero.float()


def _is_float(layer: nn.Module) -> bool:
    """Whether a layer has a weight of two or more dimensions that is held in floating-point."""
    weight = getattr(layer, "weight", None)
    return type(weight) is nn.Parameter and weight.is_floating_point() and weight.dim() > 1


def _quantisable(model: nn.Module) -> dict[str, nn.Module]:
    return {
        name: layer
        for name, layer in model.named_modules()
        if _is_float(layer)
        and (
            type(layer) is nn.Linear
            or (type(layer) in CONVOLUTIONS and getattr(layer, "padding_mode", "zeros") == "zeros")
        )
    }


def _calibrate(model: nn.Module, layers: Mapping[str, nn.Module], inputs: Tensor) -> dict[str, Range]:
    """Return the range of the inputs of every layer that the calibration inputs reach."""
    ranges: dict[str, Range] = {}
    with _watching(layers, ranges), torch.no_grad():
        for batch in inputs.split(BATCH):
            model(batch)
    return ranges


@contextmanager
def _watching(layers: Mapping[str, nn.Module], ranges: dict[str, Range]) -> Generator[None]:
    def watch(name: str, layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        del layer
        if not inputs[0].isfinite().all():
            raise NotApplicable(
                f"Quantize(mode='static'): layer '{name}' met a number that is not finite during calibration; "
                "there is no range. Check the trained network."
            )
        ranges.setdefault(name, Range()).widen(inputs[0].float())

    hooks = [layer.register_forward_pre_hook(partial(watch, name)) for name, layer in layers.items()]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _quantise_linear(layer: nn.Linear, choice: Quantize, seen: Range | None) -> None:
    from torchao import quantization as torchao

    config: Any
    if choice.mode == "dynamic":
        config = torchao.Int8DynamicActivationInt8WeightConfig(set_inductor_config=False)
    elif choice.mode == "weight_only":
        config = (
            torchao.Int8WeightOnlyConfig(set_inductor_config=False)
            if choice.bits == 8
            else torchao.IntxWeightOnlyConfig(weight_dtype=torch.int4)  # pyright: ignore[reportAttributeAccessIssue]  no stub
        )
    else:
        config = _static_config(seen or Range(), layer.weight.device)
    torchao.quantize_(layer, config)


def _static_config(seen: Range, device: torch.device) -> Any:
    from torchao import quantization as torchao
    from torchao.quantization.quant_primitives import MappingType

    scale, zero = affine(torch.tensor(seen.low), torch.tensor(seen.high))
    shape = [1] * seen.dimensions
    return torchao.Int8StaticActivationInt8WeightConfig(
        act_quant_scale=scale.view(shape).to(device),
        act_quant_zero_point=(zero - 128).to(torch.int8).view(shape).to(device),
        granularity=[torchao.PerTensor(), torchao.PerRow()],
        act_mapping_type=MappingType.ASYMMETRIC,
        set_inductor_config=False,
    )


def _quantised_convolution(layer: Any, choice: Quantize, seen: Range | None) -> nn.Module:
    if choice.mode == "weight_only":
        return WeightOnlyConvolution(layer, choice.bits)
    return IntegerConvolution(layer, choice.bits) if seen is None else StaticConvolution(layer, choice.bits, seen)


def _replaced(model: nn.Module, old: nn.Module, new: nn.Module) -> nn.Module:
    """Put a layer in another's place wherever the model holds it, and return the model."""
    places = [path for path, layer in model.named_modules(remove_duplicate=False) if layer is old and path]
    for path in places:
        parent, _, name = path.rpartition(".")
        setattr(model.get_submodule(parent), name, new)
    return new if model is old else model


def _found(layer: nn.Module, bits: int) -> dict[str, Any] | None:
    """Return what a quantised layer holds; None for every other layer."""
    if isinstance(layer, _Convolution):
        found = {"bits": layer.bits, "levels": layer.weight.unique().numel(), "backend": "disparate"}
        if isinstance(layer, StaticConvolution):
            found |= {"input_scale": layer.input_scale.item(), "input_zero": int(layer.input_zero.item())}
        return found
    integers = getattr(getattr(layer, "weight", None), "qdata", None)
    if integers is None:
        return None
    found = {"bits": bits, "levels": integers.unique().numel(), "backend": "torchao"}
    scale, zero = (getattr(layer.weight, f"act_quant_{part}", None) for part in ("scale", "zero_point"))
    if scale is not None and zero is not None:
        found |= {"input_scale": scale.item(), "input_zero": int(zero.item()) + 128}
    return found


def _sums_are_exact() -> bool:
    """Whether the int8 kernel sums exactly; processors without VNNI saturate pairs of products at 16 bits."""
    full = torch.full((32, 64), 127, dtype=torch.int8)
    return bool((torch.ops.aten._int_mm(full, full.t()) == 64 * 127 * 127).all())
