"""N3: what a number gets when the group labels are dealt at random, sizes kept.

A group is then a draw without replacement from all examples. Examples with the same values in every run are alike, so
the draw is a hypergeometric one over the cells of alike examples: the distribution of shuffled labels, and no example
moves. Where examples are hardly ever alike (losses), the labels are shuffled.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from disparate.errors import BadInput, NotEnoughData
from disparate.stats.bootstrap import CHUNK_NUMBERS, Units

Array = NDArray[np.float64]
PERMUTED = "N3 permuted groups"
PERMUTATIONS = 1000
MANY_CELLS = 0.1
"""With more cells than this share of the examples, shuffling labels is faster than drawing from cells."""


def permuted_means(
    values: Array, units: Units, sizes: NDArray[np.int64], *, times: int = PERMUTATIONS, generator: np.random.Generator
) -> Array:
    """Return the group means that randomly dealt group labels give.

    All runs get the same labels, so that what is paired stays paired.

    Args:
        values: Value of every row in every run, shape (runs, rows); alike within a cell.
        units: Cells of alike examples or single ones. Not clusters: who belongs together cannot be dealt apart.
        sizes: Number of examples of every group, shape (groups,).
        times: Number of permutations.
        generator: Source of randomness.

    Returns:
        Shape (times, runs, groups); NaN for a group without an example.

    Raises:
        NotEnoughData: There is no example.
        BadInput: The groups do not hold as many examples as there are.

    Example:
        >>> values = np.array([[1.0, 0.0, 0.0]])
        >>> cells = Units.cells([values[0]])
        >>> drawn = permuted_means(values, cells, np.array([1, 2]), times=200, generator=np.random.default_rng(0))
        >>> sorted({tuple(means) for means in drawn[:, 0].tolist()})
        [(0.0, 0.5), (1.0, 0.0)]
    """
    examples = int(units.multiplicity.sum())
    if not examples:
        raise NotEnoughData(f"{PERMUTED}: no example was given.")
    if int(sizes.sum()) != examples:
        raise BadInput(f"{PERMUTED}: groups of {sizes.tolist()} examples were given for {examples} examples.")
    deal = _dealt if len(units) <= MANY_CELLS * examples else _shuffled
    own = np.ascontiguousarray(values[:, units.rows].T)
    largest = int(np.argmax(sizes))
    others = np.delete(sizes, largest)
    sums = np.concatenate(list(deal(own, units.multiplicity, others, times, generator)))
    last = units.multiplicity @ own - sums.sum(axis=1)
    sums = np.moveaxis(np.insert(sums, largest, last, axis=1), 1, 2)
    return np.divide(sums, sizes, out=np.full_like(sums, np.nan), where=sizes > 0)


def _dealt(
    values: Array, cells: NDArray[np.int64], sizes: NDArray[np.int64], times: int, generator: np.random.Generator
) -> Iterator[Array]:
    """Yield the sums of groups, shape (times, groups, runs), drawn from the cells one group after the other."""
    rest = np.tile(cells, (times, 1))
    sums = np.empty((times, len(sizes), values.shape[1]))
    for group, size in enumerate(sizes.tolist()):
        drawn = _draw(rest, size, generator)
        rest -= drawn
        sums[:, group] = drawn @ values
    yield sums


def _draw(cells: NDArray[np.int64], size: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Return a draw without replacement of ``size`` examples from every row of cells, cell by cell."""
    drawn = np.empty_like(cells)
    left, others = np.full(len(cells), size), cells.sum(axis=1)
    for place in range(cells.shape[1]):
        others -= cells[:, place]
        drawn[:, place] = generator.hypergeometric(cells[:, place], others, left)
        left -= drawn[:, place]
    return drawn


def _shuffled(
    values: Array, cells: NDArray[np.int64], sizes: NDArray[np.int64], times: int, generator: np.random.Generator
) -> Iterator[Array]:
    """Yield the same sums, chunk by chunk, from shuffled examples."""
    places = np.repeat(np.arange(len(cells), dtype=np.int32), cells)
    used = int(sizes.sum())
    chunk = max(1, CHUNK_NUMBERS // len(places))
    for start in range(0, times, chunk):
        rows = min(chunk, times - start)
        order = generator.permuted(np.tile(places, (rows, 1)), axis=1)[:, :used]
        ends = np.cumsum(np.tile(sizes, rows))
        labels = sparse.csr_array(
            (np.ones(order.size), order.ravel(), np.concatenate([[0], ends])), shape=(len(ends), len(cells))
        )
        yield (labels @ values).reshape(rows, len(sizes), values.shape[1])
