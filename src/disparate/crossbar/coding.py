r"""Coding: from weights to the levels of cells, and back.

A weight is $w = s \sum_p \pm \sum_k 2^{o_k} d_{pk}$ with the step $s$ of its layer, the digit $d_{pk}$ in cell $k$ of
polarity $p$ and the place $o_k$ of slice $k$, most significant first; with the offset encoding there is one polarity,
and $2^{N-1}$ is subtracted. Where conductances are continuous there is one slice, and a digit is a share of its window.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from disparate.crossbar.device import Device, Encoding


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Coded:
    """The weights of a layer as they are meant to be stored.

    Args:
        stored: The weights, quantised where the device has bits; float32 or float64.
        step: Weight of one level, 0-dimensional; of the whole range where conductances are continuous.
        widths: Bits of each slice, most significant first; empty where conductances are continuous.
        encoding: How signs are held.
    """

    stored: Tensor
    step: Tensor
    widths: tuple[int, ...]
    encoding: Encoding

    @property
    def signs(self) -> tuple[int, ...]:
        """Sign of each polarity."""
        return (1, -1) if self.encoding == "differential" else (1,)

    @property
    def slices(self) -> int:
        """Number of slices."""
        return max(1, len(self.widths))

    @property
    def shift(self) -> float:
        """What is added to a level before it is stored, and subtracted after."""
        if self.encoding == "differential":
            return 0.0
        return float(2 ** (sum(self.widths) - 1)) if self.widths else 1.0

    def place(self, slice_: int) -> float:
        """Return what one level of a slice is worth, in steps."""
        if not self.widths:
            return 1.0 if self.encoding == "differential" else 2.0
        return float(2 ** sum(self.widths[slice_ + 1 :]))

    def full(self, slice_: int) -> int:
        """Return the highest level of a cell of a slice."""
        return 2 ** self.widths[slice_] - 1 if self.widths else 1


def coded(weight: Tensor, device: Device) -> Coded:
    """Return a layer's weights as the device is meant to store them.

    ``step = max |w| / (2^(N-1) - 1)``, levels rounded to nearest, ties to even: a zero stays a zero.

    Args:
        weight: Any shape, floating-point.
        device: The device.

    Returns:
        The coded weights; without bits they are the given ones, bit for bit.

    Example:
        >>> held = coded(torch.tensor([0.7, -0.2, 0.0]), Device(bits=4, slices=3))
        >>> [round(value, 6) for value in held.stored.tolist()], held.widths, levels(held).tolist()
        ([0.7, -0.2, 0.0], (1, 1, 1), [7.0, -2.0, 0.0])
    """
    wide = weight.detach().to(torch.promote_types(weight.dtype, torch.float32)).contiguous()
    least, most = wide.aminmax() if wide.numel() else (wide.new_zeros(()), wide.new_zeros(()))
    peak = torch.maximum(-least, most)
    if device.bits is None:
        return Coded(stored=wide, step=peak, widths=(), encoding=device.encoding)
    top = 2 ** (device.bits - 1) - 1
    step = (peak / top).clamp_min(torch.finfo(torch.float32).tiny)
    rounded = (wide / step).round_().clamp_(-top, top)
    widths = slice_widths(device.bits - (device.encoding == "differential"), device.slices)
    return Coded(stored=rounded.mul_(step), step=step, widths=widths, encoding=device.encoding)


def slice_widths(bits: int, slices: int) -> tuple[int, ...]:
    """Return the bits of each slice, most significant first: as equal as they can be, the first ones the narrower.

    Args:
        bits: Bits to be held.
        slices: Cells that hold them, at most ``bits``.

    Returns:
        Bits per slice; their sum is ``bits``.

    Example:
        >>> slice_widths(7, 4), slice_widths(8, 4)
        ((1, 2, 2, 2), (2, 2, 2, 2))
    """
    narrow, wider = divmod(bits, slices)
    return tuple(narrow + (place >= slices - wider) for place in range(slices))


def levels(held: Coded) -> Tensor:
    """Return levels, integers as floating-point numbers, of coded weights; shares of the range where continuous."""
    shares = held.stored / held.step.clamp_min(torch.finfo(torch.float32).tiny)
    return shares.round_() if held.widths else shares.clamp_(-1.0, 1.0)


def digits(level: Tensor, held: Coded, sign: int, slice_: int) -> Tensor:
    """Return what the cells of one slice and polarity are meant to hold.

    Args:
        level: Levels of some weights.
        held: How weights are coded.
        sign: 1 or -1: which cell of a pair.
        slice_: Which slice, 0 the most significant.

    Returns:
        Digits from 0 to ``held.full(slice_)``, in the format of ``level``.

    Example:
        >>> held = coded(torch.tensor([0.7, -0.2]), Device(bits=4, slices=2))
        >>> [digits(levels(held), held, sign, place).tolist() for sign in (1, -1) for place in (0, 1)]
        [[1.0, 0.0], [3.0, 0.0], [0.0, 0.0], [0.0, 2.0]]
    """
    if held.encoding == "offset":
        magnitude = (level + held.shift) / (1.0 if held.widths else 2.0)
    else:
        magnitude = (level * sign).clamp_min_(0.0)
    if not held.widths:
        return magnitude
    place = held.place(slice_)
    return (magnitude / place).floor_().remainder_(held.full(slice_) + 1.0)
