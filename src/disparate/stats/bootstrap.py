"""The bootstrap over examples, without resampling examples.

For measures of counts the table of joint patterns (group × target × the answers of all runs) is all there is to know,
so a replicate is one multinomial draw over its cells: exactly what resampling examples would have given. All runs
answer the same examples, so one draw serves them all and what is paired stays paired.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

CHUNK_NUMBERS = 4_000_000
"""Largest number of float64 that a chunk of replicates may hold in one array (32 MB)."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Units:
    """What is drawn in a bootstrap: cells of alike examples, single examples, or clusters.

    Args:
        rows: Positions of the examples that stand for the units.
        unit: Unit of each of these rows, same shape.
        multiplicity: How many draws would have found the unit: the number of alike examples in a cell, 1 otherwise.
    """

    rows: NDArray[np.intp]
    unit: NDArray[np.intp]
    multiplicity: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.multiplicity)

    @classmethod
    def cells(cls, columns: Sequence[NDArray[np.generic]], *, multiplicity: NDArray[np.int64] | None = None) -> "Units":
        """Return the cells of examples that agree in every column.

        Args:
            columns: Groups, targets, answers of every run …, each of shape (rows,).
            multiplicity: How many alike examples a row stands for; 1 each where not given.

        Returns:
            One unit per pattern that occurs.

        Example:
            >>> Units.cells([np.array([0, 0, 1]), np.array([2, 2, 2])]).multiplicity.tolist()
            [2, 1]
        """
        cell, n_cells = np.zeros(len(columns[0]), dtype=np.int64), 1
        for column in columns:
            level, levels = _ranked(column)
            cell, n_cells = _ranked(cell * levels + level)
        rows = np.empty(n_cells, dtype=np.intp)
        rows[cell[::-1]] = np.arange(len(cell))[::-1]
        size = np.bincount(cell, weights=multiplicity, minlength=n_cells)
        return cls(rows=rows, unit=np.arange(n_cells), multiplicity=size.astype(np.int64))

    @classmethod
    def singles(cls, rows: int, multiplicity: NDArray[np.int64] | None = None) -> "Units":
        """Return the rows, each one a unit.

        Args:
            rows: Number of rows.
            multiplicity: How many alike examples a row stands for; 1 each where not given.

        Returns:
            One unit per row.
        """
        each = np.ones(rows, dtype=np.int64) if multiplicity is None else multiplicity
        return cls(rows=np.arange(rows), unit=np.arange(rows), multiplicity=each)

    @classmethod
    def clusters(cls, labels: NDArray[np.generic]) -> "Units":
        """Return the clusters; with labels that all differ, the single examples.

        Args:
            labels: Cluster per example, shape (examples,).

        Returns:
            One unit per cluster, each drawn as a whole.
        """
        unit = np.unique(labels, return_inverse=True)[1]
        return cls(rows=np.arange(len(labels)), unit=unit, multiplicity=np.ones(int(unit.max()) + 1, dtype=np.int64))


def _ranked(column: NDArray[np.generic]) -> tuple[NDArray[np.int64], int]:
    """Return the place of every value among the sorted values that occur, and how many of these there are."""
    if len(column) and np.issubdtype(column.dtype, np.integer):
        numbers = column.astype(np.int64)
        least = int(numbers.min())
        if int(numbers.max()) - least < len(numbers):  # counting is faster than sorting
            seen = np.bincount(numbers - least) > 0
            return (np.cumsum(seen) - 1)[numbers - least], int(seen.sum())
    values, place = np.unique(column, return_inverse=True)
    return place.astype(np.int64), len(values)


def replicate_weights(units: Units, replicates: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Return how often every unit is drawn in every replicate.

    Args:
        units: What is drawn.
        replicates: Number of replicates.
        generator: Source of randomness.

    Returns:
        Shape (replicates, units); every row sums to the number of examples (of clusters, where these are drawn).

    Example:
        >>> units = Units.cells([np.array([0, 0, 1])])
        >>> replicate_weights(units, 5, np.random.default_rng(0)).sum(axis=1).tolist()
        [3, 3, 3, 3, 3]
    """
    total = int(units.multiplicity.sum())
    if total == len(units):
        return np.stack([np.bincount(row, minlength=total) for row in _positions(total, replicates, generator)])
    return generator.multinomial(total, units.multiplicity / total, size=replicates)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Tally:
    """What one draw of every unit adds to every bin: all that resampling needs to know of the examples.

    Args:
        sums: Shape (bins, units), sparse.
        units: What is drawn.
        shape: Shape of the bins.
    """

    sums: sparse.csr_array
    units: Units
    shape: tuple[int, ...]

    @classmethod
    def of_counts(
        cls,
        target: NDArray[np.int64],
        predicted: NDArray[np.int64],
        group: NDArray[np.integer],
        units: Units,
        *,
        shape: tuple[int, int],
        weight: NDArray[np.float64] | None = None,
    ) -> "Tally":
        """Return the confusion counts of every unit.

        Args:
            target: Label index per row, shape (rows,).
            predicted: Answered label index, shape (runs, rows).
            group: Group index per row, shape (rows,).
            units: What is drawn; cells have to tell apart groups, targets, all answers and weights.
            shape: Number of groups and of classes.
            weight: Weight per row.

        Returns:
            The tally; its bins have shape (runs, groups, classes, classes), target × predicted.
        """
        groups, classes = shape
        runs, rows = len(predicted), units.rows
        inside = (group[rows].astype(np.int64) * classes + target[rows]) * classes + predicted[:, rows]
        bins = inside + np.arange(runs)[:, None] * (groups * classes * classes)
        values = np.broadcast_to(np.ones(len(rows)) if weight is None else weight[rows], bins.shape)
        size = (runs, groups, classes, classes)
        return cls(sums=_table(bins, values, units.unit, (math.prod(size), len(units))), units=units, shape=size)

    def observed(self) -> NDArray[np.float64]:
        """Return the sums of the examples as they are, of the shape of the bins."""
        return (self.sums @ self.units.multiplicity.astype(np.float64)).reshape(self.shape)

    def replicated(self, replicates: int, generator: np.random.Generator) -> Iterator[NDArray[np.float64]]:
        """Yield, chunk by chunk, the sums that every replicate of the examples gives.

        Args:
            replicates: Number of replicates, over all chunks.
            generator: Source of randomness.

        Yields:
            Sums of shape (replicates of the chunk, *shape of the bins).
        """
        size = max(1, min(replicates, CHUNK_NUMBERS // max(math.prod(self.shape), len(self.units))))
        for start in range(0, replicates, size):
            weights = replicate_weights(self.units, min(size, replicates - start), generator)
            sums = np.ascontiguousarray((self.sums @ weights.T.astype(np.float64)).T)
            yield sums.reshape(-1, *self.shape)

    def left_out(self) -> Iterator[NDArray[np.float64]]:
        """Yield, chunk by chunk, the sums that are left without one draw of each unit in turn: the jackknife.

        All examples of a cell are alike, so leaving out one of them stands for leaving out each.

        Yields:
            Sums of shape (units of the chunk, *shape of the bins), in the order of the units.
        """
        columns, total = self.sums.tocsc(), self.observed().ravel()
        size = max(1, CHUNK_NUMBERS // len(total))
        for start in range(0, len(self.units), size):
            yield (total - columns[:, start : start + size].toarray().T).reshape(-1, *self.shape)


def replicated_sums(
    bins: NDArray[np.int64],
    values: NDArray[np.float64],
    units: Units,
    *,
    n_bins: int,
    replicates: int,
    generator: np.random.Generator,
) -> Iterator[NDArray[np.float64]]:
    """Yield, chunk by chunk, the sums that every replicate of the examples gives.

    Args:
        bins: Bin to which a value is added, shape (runs, examples); a bin may occur in several runs.
        values: What is added, shape (runs, examples); alike within a cell.
        units: What is drawn.
        n_bins: Number of bins.
        replicates: Number of replicates, over all chunks.
        generator: Source of randomness.

    Yields:
        Sums of shape (replicates of the chunk, n_bins).
    """
    sums = _table(bins[:, units.rows], values[:, units.rows], units.unit, (n_bins, len(units)))
    yield from Tally(sums=sums, units=units, shape=(n_bins,)).replicated(replicates, generator)


def replicated_counts(
    target: NDArray[np.int64],
    predicted: NDArray[np.int64],
    group: NDArray[np.integer],
    units: Units,
    *,
    shape: tuple[int, int],
    replicates: int,
    generator: np.random.Generator,
    weight: NDArray[np.float64] | None = None,
) -> Iterator[NDArray[np.float64]]:
    """Yield, chunk by chunk, the confusion counts that every replicate of the examples gives.

    Args:
        target: Label index per example, shape (examples,).
        predicted: Answered label index, shape (runs, examples).
        group: Group index per example, shape (examples,).
        units: What is drawn; cells have to tell apart groups, targets, all answers and weights.
        shape: Number of groups and of classes.
        replicates: Number of replicates, over all chunks.
        generator: Source of randomness.
        weight: Weight per example.

    Yields:
        Counts of shape (replicates of the chunk, runs, groups, classes, classes), target × predicted.
    """
    tally = Tally.of_counts(target, predicted, group, units, shape=shape, weight=weight)
    yield from tally.replicated(replicates, generator)


@dataclass(slots=True)
class Moments:
    """Covariance of a run's values over replicates, gathered chunk by chunk.

    Args:
        centre: The observed values, shape (runs, places).
    """

    centre: NDArray[np.float64]
    seen: NDArray[np.int64]
    total: NDArray[np.float64]
    products: NDArray[np.float64]

    @classmethod
    def around(cls, centre: NDArray[np.float64]) -> "Moments":
        """Return empty moments around the observed values, shape (runs, places)."""
        runs, places = centre.shape
        return cls(
            centre=np.nan_to_num(centre),
            seen=np.zeros(places, dtype=np.int64),
            total=np.zeros((places, runs)),
            products=np.zeros((places, runs, runs)),
        )

    def add(self, replicated: NDArray[np.float64]) -> None:
        """Add replicates, shape (replicates, runs, places); where a run has no value, one is left out at that place."""
        moved = np.moveaxis(replicated - self.centre, -1, 0)
        defined = np.asarray(np.isfinite(moved).all(axis=-1))
        moved = np.where(np.expand_dims(defined, -1), moved, 0.0)
        self.seen += defined.sum(axis=-1)
        self.total += moved.sum(axis=1)
        self.products += np.swapaxes(moved, 1, 2) @ moved

    def covariance(self, place: int, *, replicates: int) -> NDArray[np.float64] | None:
        """Return the covariance between runs at a place; None where one replicate in twenty or more had no value."""
        seen = int(self.seen[place])
        if seen < 2 or seen <= 0.95 * replicates:
            return None
        mean = self.total[place] / seen
        return (self.products[place] - seen * np.outer(mean, mean)) / (seen - 1)


def _positions(n: int, replicates: int, generator: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Yield the positions that each replicate draws: with single examples this is faster than a multinomial draw."""
    for _ in range(replicates):
        yield generator.integers(n, size=n)


def _table(
    bins: NDArray[np.int64], values: NDArray[np.float64], unit: NDArray[np.intp], shape: tuple[int, int]
) -> sparse.csr_array:
    columns = np.broadcast_to(unit, bins.shape)
    return sparse.csr_array((values.ravel(), (bins.ravel(), columns.ravel())), shape=shape)
