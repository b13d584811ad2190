"""Faults: which cells of a layer are stuck on a chip, and which of its stored bits are inverted."""

from dataclasses import dataclass

import torch
from torch import Tensor

from disparate.crossbar.arrays import Arrays
from disparate.crossbar.chips import Defects
from disparate.crossbar.coding import Coded, digits, levels


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Stuck:
    """Cells of one slice and polarity that are stuck.

    Args:
        where: Positions in the flat weight, each once.
        on: Whether each is stuck at the highest conductance, not at the lowest.
    """

    where: Tensor
    on: Tensor


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Flipped:
    """Cells of one slice and polarity in which bits are inverted.

    Args:
        where: Positions in the flat weight, each once.
        bits: What is inverted, as a number.
        count: How many bits that are.
    """

    where: Tensor
    bits: Tensor
    count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Count:
    """How many exposed cells and bits of a layer are faulty.

    Args:
        stuck_on: Cells that are stuck at the highest conductance.
        stuck_off: Cells that are stuck at the lowest conductance.
        flipped: Bits that are inverted, those in stuck cells included.

    Example:
        >>> Count(stuck_on=1) + Count(stuck_on=1, flipped=2)
        Count(stuck_on=2, stuck_off=0, flipped=2)
    """

    stuck_on: int = 0
    stuck_off: int = 0
    flipped: int = 0

    @classmethod
    def of(cls, stuck: Stuck, flipped: Flipped) -> "Count":
        """Count the faults of one slice and polarity."""
        on = int(stuck.on.sum())
        return cls(stuck_on=on, stuck_off=len(stuck.on) - on, flipped=flipped.count)

    def __add__(self, other: "Count") -> "Count":
        """Return both together."""
        return Count(
            stuck_on=self.stuck_on + other.stuck_on,
            stuck_off=self.stuck_off + other.stuck_off,
            flipped=self.flipped + other.flipped,
        )


def stuck_cells(arrays: Arrays, defects: Defects, sign: int, place: int) -> Stuck:
    """Return the exposed cells of one slice and polarity that are stuck on a chip.

    Args:
        arrays: The layer.
        defects: The chip.
        sign: 1 or -1: which cell of a pair.
        place: Which slice, 0 the most significant.

    Returns:
        The cells.
    """
    device = arrays.device
    on = defects.events(arrays.layer, kind("stuck on", sign, place), arrays.weights, device.stuck_on)
    # Of the cells that are not stuck on, this share is stuck off, so that both shares of all cells are as asked for.
    rate = min(1.0, device.stuck_off / (1 - device.stuck_on)) if device.stuck_off > 0 else 0.0
    off = defects.events(arrays.layer, kind("stuck off", sign, place), arrays.weights, rate)
    off = off[~torch.isin(off, on, assume_unique=True)]
    high = torch.cat([torch.ones_like(on, dtype=torch.bool), torch.zeros_like(off, dtype=torch.bool)])
    where, high = (part.to(arrays.exposed.device) for part in (torch.cat([on, off]), high))
    kept = arrays.is_exposed(where)
    return Stuck(where=where[kept], on=high[kept])


def flipped_bits(arrays: Arrays, defects: Defects, sign: int, place: int) -> Flipped:
    """Return the inverted bits of exposed cells of one slice and polarity on a chip.

    A bit is known by its worth in the whole weight, so that the same bits are inverted however they are sliced.

    Args:
        arrays: The layer.
        defects: The chip.
        sign: 1 or -1: which cell of a pair.
        place: Which slice, 0 the most significant.

    Returns:
        The bits.
    """
    widths = arrays.held.widths
    below = sum(widths[place + 1 :])
    found = torch.zeros(2, 0, dtype=torch.int64, device=arrays.exposed.device)
    for bit in range(widths[place] if widths else 0):
        where = defects.events(arrays.layer, kind("flipped", sign, below + bit), arrays.weights, arrays.device.flips)
        where = where.to(found.device)
        where = where[arrays.is_exposed(where)]
        found = torch.cat([found, torch.stack([where, torch.full_like(where, 2**bit)])], dim=1)
    where, inverse = found[0].unique(return_inverse=True)
    bits = torch.zeros_like(where).index_add_(0, inverse, found[1])
    return Flipped(where=where, bits=bits, count=found.shape[1])


def inverted(meant: Tensor, bits: Tensor) -> Tensor:
    """Return digits with bits inverted.

    Args:
        meant: Digits, whole numbers in floating-point.
        bits: What is inverted of each, as a number.

    Returns:
        Digits of the same shape and format.

    Example:
        >>> inverted(torch.tensor([3.0, 0.0]), torch.tensor([1, 2])).tolist()
        [2.0, 2.0]
    """
    return torch.bitwise_xor(meant.long(), bits).to(meant.dtype)


def fault_errors(arrays: Arrays, defects: Defects, sign: int, place: int) -> tuple[Tensor, Tensor, Count]:
    """Return by how much faulty cells of one slice and polarity are off, where nothing but faults is wrong.

    Args:
        arrays: The layer.
        defects: The chip.
        sign: 1 or -1: which cell of a pair.
        place: Which slice, 0 the most significant.

    Returns:
        Positions in the flat weight, each once; errors in levels of the slice; how many cells and bits are faulty.
    """
    held = arrays.held
    stuck = stuck_cells(arrays, defects, sign, place)
    flipped = flipped_bits(arrays, defects, sign, place)
    free = ~torch.isin(flipped.where, stuck.where)
    where = torch.cat([stuck.where, flipped.where[free]])
    there = Coded(stored=held.stored.view(-1)[where], step=held.step, widths=held.widths, encoding=held.encoding)
    meant = digits(levels(there), held, sign, place)
    stands = stuck.on.to(meant) * held.full(place)
    errors = torch.cat([stands, inverted(meant[len(stands) :], flipped.bits[free])]) - meant
    return where, errors, Count.of(stuck, flipped)


def kind(what: str, sign: int, place: int) -> str:
    """Return what something random is called on a chip."""
    return f"{what}, {'positive' if sign > 0 else 'negative'}, {place}"
