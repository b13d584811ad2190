r"""Convolution and batch normalisation at less cost: for slopes of a loss, and above all for the slopes of slopes.

A product with the Hessian differentiates the gradient. Of a convolution $y = w * x$ with the slope $g$ by its output,
$g_x = w^\top * g$ and $g_w = x \star g$, that second pass is given $u$ by $g_x$ and $v$ by $g_w$, and needs

$$ w * u + x * v \;\text{ by } g, \qquad v^\top * g \;\text{ by } x, \qquad u \star g \;\text{ by } w $$

which are the same three kernels again. torch takes the last two by convolutions with examples in the place of channels,
for which processors have no fast kernel. Of batch normalisation in evaluation mode, which scales and shifts by
constants, torch takes the second slopes in a dozen passes over memory; four are enough.

Taps of a kernel that meet nothing but padding, eight of nine where 3 × 3 taps look at a single place, are left out.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

Pair = tuple[int, int]


class Lean(TorchFunctionMode):
    """While it is entered, any network's convolutions over pictures and batch normalisations are the lean ones.

    Values and slopes are torch's up to rounding.

    Args:
        linear: Whether slopes are differentiated by what they are linear in, the slopes of later layers, and by nothing
            else: enough for a product with the Jacobian, and two of four convolutions less.

    Example:
        >>> inputs, weight = torch.ones(1, 1, 2, 2), torch.full((1, 1, 1, 1), 3.0, requires_grad=True)
        >>> with Lean():
        ...     loss = torch.conv2d(inputs, weight).square().sum()
        >>> (slope,) = torch.autograd.grad(loss, weight, create_graph=True)
        >>> float(slope.detach()), float(torch.autograd.grad(slope.sum(), weight)[0])  # of 4 w²: 8 w and 8
        (24.0, 8.0)
    """

    def __init__(self, *, linear: bool = False) -> None:
        super().__init__()
        self._replaced: dict[Callable[..., Any], Callable[..., Tensor]] = {
            torch.conv2d: lambda *args, **settings: _conv2d(linear, *args, **settings),
            functional.batch_norm: lambda *args, **settings: _batch_norm(linear, *args, **settings),
        }

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Take our own function in the place of torch's, where there is one."""
        return self._replaced.get(func, func)(*args, **(kwargs or {}))


def reach(taps: int, *, places: int, stride: int, padding: int, dilation: int) -> tuple[slice, int]:
    """Return the taps of a kernel that meet more than padding, and the padding that is left without the others.

    Args:
        taps: Length of the kernel along one axis.
        places: Length of what it is moved over.
        stride: Step.
        padding: Zeros added on each side.
        dilation: Distance of neighbouring taps.

    Returns:
        All taps and the same padding, where nothing can be left out.

    Example:
        >>> reach(3, places=1, stride=1, padding=1, dilation=1)
        (slice(1, 2, None), 0)
        >>> reach(3, places=2, stride=2, padding=1, dilation=1)
        (slice(1, 3, None), 0)
    """

    def moves(length: int, around: int) -> int:
        return (places + 2 * around - dilation * (length - 1) - 1) // stride + 1

    starts = range(-padding, -padding + moves(taps, padding) * stride, stride)
    met = [tap for tap in range(taps) if any(0 <= start + tap * dilation < places for start in starts)]
    first, end = (met[0], met[-1] + 1) if met else (0, taps)
    left = padding - first * dilation
    fits = left >= 0 and moves(end - first, left) == len(starts)
    return (slice(first, end), left) if fits else (slice(0, taps), padding)


def reached(
    taps: Sequence[int],
    places: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
) -> tuple[tuple[slice, slice], Pair]:
    """Return :func:`reach` along both axes of a picture: the taps, and the padding that is left.

    Args:
        taps: Height and width of the kernel.
        places: Height and width of the picture.
        stride: Steps.
        padding: Zeros added on each side.
        dilation: Distances of neighbouring taps.

    Returns:
        Slices of the kernel, and the padding.
    """
    down, across = (
        reach(length, places=over, stride=step, padding=zeros, dilation=apart)
        for length, over, step, zeros, apart in zip(taps, places, stride, padding, dilation, strict=True)
    )
    return (down[0], across[0]), (down[1], across[1])


Geometry = tuple[Pair, Pair, Pair, int]
"""Stride, padding, dilation, groups."""


def _conv2d(
    linear: bool,
    input: Tensor,  # names are torch's: calls may give them
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sequence[int] = 1,
    padding: int | str | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Tensor:
    if isinstance(padding, str) or input.ndim != 4:
        return torch.conv2d(input, weight, bias, stride, padding, dilation, groups)
    steps, zeros, apart = _pair(stride), _pair(padding), _pair(dilation)
    taps, left = reached(weight.shape[2:], input.shape[2:], steps, zeros, apart)
    found: Any = _Convolution.apply(input, weight[:, :, *taps], (steps, left, apart, groups), linear)
    return found if bias is None else found + bias[:, None, None]


def _batch_norm(
    linear: bool,
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    if training or running_mean is None or running_var is None or weight is None or bias is None:
        return functional.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)
    found: Any = _Normalisation.apply(input, weight, bias, running_mean, running_var, eps, linear)
    return found


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, received: Tensor, weight: Tensor, geometry: Geometry, linear: bool) -> Tensor:
        ctx.save_for_backward(received, weight)
        ctx.settings = (geometry, linear)
        return torch.conv2d(received, weight, None, *geometry)

    @staticmethod
    def backward(ctx: Any, *slopes: Any) -> Any:
        wanted = tuple(ctx.needs_input_grad[:2])
        found: Any = _ConvolutionSlopes.apply(slopes[0], *ctx.saved_tensors, wanted, *ctx.settings)
        return *found, None, None


class _ConvolutionSlopes(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        slope: Tensor,
        received: Tensor,
        weight: Tensor,
        wanted: Sequence[bool],
        geometry: Geometry,
        linear: bool,
    ) -> tuple[Tensor | None, Tensor | None]:
        ctx.save_for_backward(slope, received, weight)
        ctx.set_materialize_grads(False)
        ctx.settings = (geometry, linear)
        return _slopes(slope, received, weight, geometry, wanted)

    @staticmethod
    def backward(ctx: Any, *directions: Tensor | None) -> Any:
        slope, received, weight = ctx.saved_tensors
        by_input, by_weight = directions
        geometry, linear = ctx.settings
        _, input_varies, weight_varies = ctx.needs_input_grad[:3]
        along: Tensor | None = None
        input_slope, weight_slope = None, None
        if by_input is not None:
            along = torch.conv2d(by_input, weight, None, *geometry)
            if weight_varies and not linear:
                weight_slope = _slopes(slope, by_input, weight, geometry, (False, True))[1]
        if by_weight is not None:
            along = _plus(along, torch.conv2d(received, by_weight, None, *geometry))
            if input_varies and not linear:
                input_slope = _slopes(slope, received, by_weight, geometry, (True, False))[0]
        return along, input_slope, weight_slope, None, None, None


class _Normalisation(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        received: Tensor,
        weight: Tensor,
        bias: Tensor,
        mean: Tensor,
        variance: Tensor,
        eps: float,
        linear: bool,
    ) -> Tensor:
        ctx.save_for_backward(received, weight, mean, variance)
        ctx.settings = (eps, linear)
        return functional.batch_norm(received, mean, variance, weight, bias, eps=eps)

    @staticmethod
    def backward(ctx: Any, *slopes: Any) -> Any:
        wanted = tuple(ctx.needs_input_grad[:3])
        found: Any = _NormalisationSlopes.apply(slopes[0], *ctx.saved_tensors, wanted, *ctx.settings)
        return *found, None, None, None, None


class _NormalisationSlopes(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        slope: Tensor,
        received: Tensor,
        weight: Tensor,
        mean: Tensor,
        variance: Tensor,
        wanted: Sequence[bool],
        eps: float,
        linear: bool,
    ) -> tuple[Tensor | None, ...]:
        ctx.save_for_backward(slope, received, weight, mean, variance)
        ctx.set_materialize_grads(False)
        ctx.settings = (eps, linear)
        return _normalised_slopes(slope, received, weight, mean, variance, eps, wanted)

    @staticmethod
    def backward(ctx: Any, *directions: Tensor | None) -> Any:
        slope, received, weight, mean, variance = ctx.saved_tensors
        by_input, by_weight, by_bias = directions
        eps, linear = ctx.settings
        scale, shape = (variance + eps).rsqrt(), (-1, *[1] * (slope.ndim - 2))
        along: Tensor | None = None
        input_slope, weight_slope = None, None
        if by_weight is not None or by_bias is not None:
            factor, shift = (torch.zeros_like(weight) if part is None else part for part in (by_weight, by_bias))
            along = functional.batch_norm(received, mean, variance, factor, shift, eps=eps)
        if by_weight is not None and not linear:
            input_slope = slope * (by_weight * scale).view(shape)
        if by_input is not None:
            along = _plus(along, by_input, (weight * scale).view(shape))
            if not linear:
                around_zero = (torch.zeros_like(mean), variance, eps, (False, True, False))
                weight_slope = _normalised_slopes(slope, by_input, weight, *around_zero)[1]
        return along, input_slope, weight_slope, None, None, None, None, None


def _slopes(
    slope: Tensor, received: Tensor, weight: Tensor, geometry: Geometry, wanted: Sequence[bool]
) -> tuple[Tensor | None, Tensor | None]:
    """Return the slopes by what a convolution received and by its weight; None where it is not wanted."""
    stride, padding, dilation, groups = geometry
    kernel = torch.ops.aten.convolution_backward
    asked = (*wanted, False)
    by_input, by_weight, _ = kernel(
        slope, received, weight, None, stride, padding, dilation, False, (0, 0), groups, asked
    )
    return by_input if wanted[0] else None, by_weight if wanted[1] else None


def _normalised_slopes(
    slope: Tensor, received: Tensor, weight: Tensor, mean: Tensor, variance: Tensor, eps: float, wanted: Sequence[bool]
) -> tuple[Tensor | None, ...]:
    """Return the slopes by what a normalisation received, by its weight and by its bias; None where not wanted."""
    kernel = torch.ops.aten.native_batch_norm_backward
    found = kernel(slope, received, weight, mean, variance, None, None, False, eps, list(wanted))
    return tuple(part if asked else None for part, asked in zip(found, wanted, strict=True))


def _plus(total: Tensor | None, more: Tensor, factor: Tensor | None = None) -> Tensor:
    """Return total + more · factor, in the place of a total that is ours."""
    if total is None:
        return more if factor is None else more * factor
    return total.add_(more) if factor is None else total.addcmul_(more, factor)


def _pair(value: int | Sequence[int]) -> Pair:
    return (value, value) if isinstance(value, int) else (value[0], value[-1])
