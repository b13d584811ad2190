"""Chips: where everything random about a piece of hardware comes from, one number per chip.

A number that a chip holds depends on the chip, the layer and what it is for, and on nothing else. So draw k has the
same deviates and the same unlucky cells under every σ, every rate and every mask (common random numbers), and a layer
has them whether or not others are on crossbars too.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

BANDS = 32
DENSE, DENSE_FLEETING = 0.1, 0.2
"""Shares from which positions are found by asking every place: on chips, where they belong to what a chip is, and on
fleeting ones, where the second is about where asking is as quick."""


class Defects(Protocol):
    """What is wrong with a piece of hardware for good: a chip that is drawn, or a fault map that is replayed."""

    def normals(self, layer: str, kind: str, shape: Sequence[int]) -> Tensor:
        """Return standard normal deviates, float32."""
        ...

    def uniforms(self, layer: str, kind: str, shape: Sequence[int]) -> Tensor:
        """Return numbers uniform in [0, 1), float32."""
        ...

    def events(self, layer: str, kind: str, places: int, rate: float) -> Tensor:
        """Return the sorted positions, out of so many places, where something happens that does so at a rate."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Chip:
    """A piece of hardware, drawn.

    Args:
        seed: Which one.
        mirrored: Whether every normal deviate has the other sign than on the chip of that seed: the second of an
            antithetic pair. Positions of faults have no mirror image and are drawn anew.

    Example:
        >>> chip, other = Chip(seed=1), Chip(seed=1, mirrored=True)
        >>> bool((chip.normals("fc", "written", (3,)) == -other.normals("fc", "written", (3,))).all())
        True
        >>> rare, often = (chip.events("fc", "stuck", 1000, rate) for rate in (0.01, 0.05))
        >>> set(rare.tolist()) <= set(often.tolist())
        True
    """

    seed: int
    mirrored: bool = False

    def normals(self, layer: str, kind: str, shape: Sequence[int]) -> Tensor:
        """Return standard normal deviates, float32."""
        generator = torch.Generator().manual_seed(number_of(self.seed, layer, kind))
        drawn = torch.randn(tuple(shape), generator=generator)
        return drawn.neg_() if self.mirrored else drawn

    def uniforms(self, layer: str, kind: str, shape: Sequence[int]) -> Tensor:
        """Return numbers uniform in [0, 1), float32."""
        return torch.rand(tuple(shape), generator=torch.Generator().manual_seed(self._own(layer, kind)))

    def events(self, layer: str, kind: str, places: int, rate: float) -> Tensor:
        """Return the sorted positions where something happens; those of a lower rate are among those of a higher."""
        number = self._own(layer, kind)
        return torch.from_numpy(events_below(rate, places, lambda band: np.random.default_rng((number, band))))

    def _own(self, layer: str, kind: str) -> int:
        return number_of(self.seed, layer, f"{kind}, mirrored" if self.mirrored else kind)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Fleeting:
    """A chip that is met once: its numbers come from a generator, in the order in which they are asked for.

    Of the same law as a :class:`Chip`, and quicker, as nothing of it is ever to be had again.

    Args:
        generator: On the CPU.
    """

    generator: torch.Generator

    def normals(self, layer: str, kind: str, shape: Sequence[int]) -> Tensor:
        """Return standard normal deviates, float32."""
        del layer, kind
        return torch.randn(tuple(shape), generator=self.generator)

    def uniforms(self, layer: str, kind: str, shape: Sequence[int]) -> Tensor:
        """Return numbers uniform in [0, 1), float32."""
        del layer, kind
        return torch.rand(tuple(shape), generator=self.generator)

    def events(self, layer: str, kind: str, places: int, rate: float) -> Tensor:
        """Return the sorted positions where something happens."""
        del layer, kind
        if rate <= 0:
            return torch.empty(0, dtype=torch.int64)
        number = int(torch.randint(2**63 - 1, (), generator=self.generator))
        return torch.from_numpy(_claimed(np.random.default_rng(number), places, rate, dense=DENSE_FLEETING))


def chip_of(seed: int, draw: int, *, antithetic: bool = False) -> Chip:
    """Return the chip of a draw.

    Args:
        seed: Of the whole study.
        draw: Number of the draw, from 0.
        antithetic: Whether draws 2j and 2j + 1 are a pair with opposite deviates.

    Returns:
        The chip.

    Example:
        >>> chip_of(0, 3, antithetic=True) == Chip(seed=chip_of(0, 2, antithetic=True).seed, mirrored=True)
        True
    """
    pair, mirrored = divmod(draw, 2) if antithetic else (draw, 0)
    return Chip(seed=number_of(seed, "draw", str(pair)), mirrored=bool(mirrored))


def events_below(rate: float, places: int, stream: Callable[[int], np.random.Generator]) -> NDArray[np.int64]:
    """Return the places whose own uniform number is below a rate, without drawing a number for every place.

    The numbers are drawn band by band, [0, 2^-32), [2^-32, 2^-31), …, [1/2, 1): a place that no lower band took is
    taken by [l, h) with probability (h - l) / (1 - l). Bands above the rate are never drawn, and no band depends on it.

    Args:
        rate: In [0, 1].
        places: How many places there are.
        stream: Gives the generator of a band, always the same.

    Returns:
        Sorted positions, int64.

    Example:
        >>> events_below(1.0, 4, lambda band: np.random.default_rng((7, band))).tolist()
        [0, 1, 2, 3]
    """
    taken = np.zeros(places, dtype=bool)
    below = [np.empty(0, dtype=np.int64)]
    for band in range(BANDS, -1, -1):
        low, high = (0.0 if band == BANDS else 2.0 ** -(band + 1)), 2.0**-band
        if low >= rate:
            break
        generator = stream(band)
        claimed = _claimed(generator, places, (high - low) / (1 - low))
        number = low + (high - low) * generator.random(len(claimed))
        fresh = ~taken[claimed]
        below.append(claimed[fresh & (number < rate)])
        taken[claimed] = True
    return np.sort(np.concatenate(below), kind="stable")  # merges what is sorted already


def _claimed(generator: np.random.Generator, places: int, share: float, *, dense: float = DENSE) -> NDArray[np.int64]:
    """Return each place with the same probability: by asking each, or by the gaps between those that are taken."""
    if share >= dense:
        return np.flatnonzero(generator.random(places) < share)
    found: list[NDArray[np.int64]] = []
    last, step = -1, int(places * share + 6 * np.sqrt(places * share) + 8)
    while last < places:
        found.append(last + np.cumsum(generator.geometric(share, size=step)))
        last = int(found[-1][-1])
    positions = np.concatenate(found)
    return positions[positions < places]


def number_of(seed: int, *names: str) -> int:
    """Return a number in [0, 2^63) that belongs to a seed and some names, and looks unlike that of any other.

    Args:
        seed: Any.
        names: What the number is for.

    Returns:
        The number. torch's generator uses its lower 32 bits: two of a thousand streams coincide with probability 1e-4.
    """
    text = "/".join((str(seed), *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
