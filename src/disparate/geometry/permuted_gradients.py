r"""N3 of gradient norms: their distribution over groups dealt at random, from sketches of small random blocks.

Dealing single examples anew hundreds of times would need all their gradients. Here the examples are dealt into about
a hundred random blocks once, and blocks are dealt to groups. A block's gradient is kept as a sketch: entries times
random signs, summed into ``WIDTH`` numbers per parameter tensor. Sketches keep scalar products in the mean, with a
relative error of the squared norm of at most about √(2 / width) per tensor, 4 % at 1024, and less over all of them;
tensors that are no longer than that are kept as they are.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from disparate.errors import NotEnoughData
from disparate.geometry.gradients import blocks, gradient
from disparate.geometry.surface import Surface
from disparate.groups import Groups

Array = NDArray[np.float64]
BLOCKS = 128
WIDTH = 1024


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class PermutedNorms:
    """Gradient norms of groups of one size dealt at random.

    Args:
        n: Examples of the group.
        norms: Over all parameters, shape (permutations,).
        by_layer: Per layer, shape (permutations,).
    """

    n: int
    norms: Array
    by_layer: Mapping[str, Array]

    def p_value(self, norm: float) -> float:
        """Return the share of groups dealt at random with a norm at least as large, in (0, 1].

        Args:
            norm: Of the real group.

        Returns:
            (1 + number at least as large) / (1 + permutations).
        """
        return float((1 + (self.norms >= norm).sum()) / (1 + len(self.norms)))


def permuted_norms(
    surface: Surface, groups: Groups, *, times: int = 499, width: int = WIDTH, generator: np.random.Generator
) -> dict[str, PermutedNorms]:
    r"""Return the norms that groups of the same sizes would have if membership were dealt at random.

    A group of $n_a$ examples becomes the nearest number of whole blocks; what the sizes differ by is made up by
    stretching the deviation from the whole by the ratio of the standard errors, so that the mean square is right for
    $n_a$. Costs one forward and one backward pass in small batches.

    Args:
        surface: The network and its examples.
        groups: The group of every example.
        times: Number of permutations.
        width: Numbers that a sketch keeps per parameter tensor.
        generator: Source of blocks, signs and deals.

    Returns:
        By group name; a group without an example among the surface's rows has no place.

    Raises:
        NotEnoughData: There are fewer than two examples.
        BadInput: A gradient is not finite.
    """
    n = len(surface.rows)
    if n < 2:
        raise NotEnoughData(f"permuted groups of {n} example; at least 2 are needed.")
    most = min(surface.batch_size, max(1, n // BLOCKS))
    dealt = blocks(surface.rows, most=most, fewest=1, generator=generator)
    sizes = np.array([len(block) for block in dealt], dtype=np.float64)
    layers = _gram(surface, dealt, width, generator)
    found: dict[str, PermutedNorms] = {}
    for name, part in surface.by_group(groups).items():
        shares = np.stack([_shares(sizes, len(part.rows), generator) for _ in range(times)])
        squares = {layer: ((shares @ gram) * shares).sum(axis=1) for layer, gram in layers.items()}
        found[name] = PermutedNorms(
            n=len(part.rows),
            norms=_roots(sum(squares.values(), np.zeros(times))),
            by_layer={layer: _roots(square) for layer, square in squares.items()},
        )
    return found


def _gram(
    surface: Surface, dealt: list[NDArray[np.intp]], width: int, generator: np.random.Generator
) -> dict[str, Array]:
    """Return scalar products between the blocks' mean gradients, by layer."""
    signs = torch.from_numpy(generator.integers(0, 2, surface.size, dtype=np.int8)).mul_(2).sub_(1)
    signs = signs.to(surface.parameters[0].device)
    rows = [
        [_sketch(slope, sign, width) for slope, sign in zip(surface.split(slopes), surface.split(signs), strict=True)]
        for slopes in (gradient(surface.over(block)) for block in dealt)
    ]
    grams: dict[str, Array] = defaultdict(lambda: np.zeros((len(dealt), len(dealt))))
    for name, column in zip(surface.names, zip(*rows, strict=True), strict=True):
        stacked = torch.stack(column).double().cpu().numpy()
        grams[name.rpartition(".")[0]] += stacked @ stacked.T
    return dict(grams)


def _sketch(slope: Tensor, signs: Tensor, width: int) -> Tensor:
    if slope.numel() <= width:
        return slope.reshape(-1)
    flat = (slope * signs).reshape(-1)
    padded = torch.nn.functional.pad(flat, (0, -len(flat) % width))
    return padded.view(-1, width).sum(dim=0)


def _shares(sizes: Array, n: int, generator: np.random.Generator) -> Array:
    """Return one random group as weights of the blocks, stretched around the whole to the size that is meant."""
    whole = sizes / sizes.sum()
    if n == sizes.sum():
        return whole
    number = int(np.clip(round(n / sizes.mean()), 1, len(sizes) - 1))
    chosen = np.zeros(len(sizes))
    chosen[generator.choice(len(sizes), number, replace=False)] = 1
    drawn = float(chosen @ sizes)
    stretch = np.sqrt((1 / n - 1 / sizes.sum()) / (1 / drawn - 1 / sizes.sum()))
    return whole + stretch * (chosen * sizes / drawn - whole)


def _roots(squares: Array) -> Array:
    return np.sqrt(np.maximum(squares, 0))
