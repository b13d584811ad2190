"""Converters: numbers between an array and the digital world, with so many bits over a range that was calibrated."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class Converter:
    """A converter with evenly spaced levels, zero among them.

    Args:
        step: Distance of two levels.
        bottom: Lowest level: 0, or minus ``top`` where there are negative numbers.
        top: Highest level.
    """

    step: float
    bottom: int
    top: int

    def levels(self, values: Tensor) -> Tensor:
        """Return the nearest levels, ties to even, as whole numbers in floating-point; what is beyond is cut off."""
        return (values / self.step).round_().clamp_(self.bottom, self.top)


def converter_for(low: float, high: float, bits: int) -> Converter:
    """Return the converter for numbers within a range.

    Args:
        low: Smallest number seen.
        high: Largest number seen.
        bits: Bits, 2 or more.

    Returns:
        ``2^bits`` levels from 0 where no number is negative, ``2^bits - 1`` around 0 otherwise.

    Example:
        >>> converter_for(0.0, 3.0, 2), converter_for(-3.0, 1.0, 3)
        (Converter(step=1.0, bottom=0, top=3), Converter(step=1.0, bottom=-3, top=3))
    """
    top = 2**bits - 1 if low >= 0 else 2 ** (bits - 1) - 1
    largest = max(abs(low), abs(high), torch.finfo(torch.float32).tiny * top)
    return Converter(step=largest / top, bottom=0 if low >= 0 else -top, top=top)
