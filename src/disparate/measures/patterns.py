"""How populations of models answered, every pattern of answers once: what populations are compared by.

Most examples are answered alike by every model, and the others repeat each other. A distance between populations is a
function of the pattern alone: it is computed once per pattern and weighed by how many examples have it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from disparate.measures.exemplars import modal_disagreement, taxicab_distance, ties
from disparate.predictions import Predictions

Array = NDArray[np.float64]
Members = NDArray[np.integer] | NDArray[np.bool_]
CHUNK_NUMBERS = 4_000_000
"""Most numbers that the shares of a chunk of populations may hold (32 MB)."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Block:
    """Patterns with about as many different labels each, so that little room is empty.

    Args:
        given: Share of a model's runs that give a label, shape (labels, models, patterns). Labels are those that occur
            within the pattern, so there are few however many classes there are.
        right: 1 at the label that is the target, shape (patterns, labels); 0 throughout where no model gives it.
        labels: Label index of the labels of a pattern, shape (patterns, labels); 0 beyond those that occur.
    """

    given: Array
    right: Array
    labels: NDArray[np.int64]

    def shares(self, weights: Array) -> Array:
        """Return label shares of populations, shape (populations, patterns, labels), from weights of the models.

        Labels lie apart in memory: sums and maxima over a few of them are then sums of large arrays.
        """
        return np.moveaxis(weights @ self.given, 0, -1)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Patterns:
    """The answers of several models, pattern by pattern.

    Args:
        pattern: Pattern of every row, shape (rows,).
        blocks: The patterns in order, cut where they hold more labels.
    """

    pattern: NDArray[np.intp]
    blocks: tuple[Block, ...]

    @classmethod
    def of(cls, models: Sequence[Sequence[Predictions]]) -> "Patterns":
        """Return the patterns of models over the same examples.

        Args:
            models: The runs of every model: one, or several draws of device noise.

        Returns:
            The patterns.
        """
        runs = [run.predicted for model in models for run in model]
        table, pattern = _distinct(np.stack([models[0][0].target, *runs], axis=1))
        local = _local(table[:, 1:])
        order = np.argsort(local.max(axis=1), kind="stable")
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        cuts = np.searchsorted(local.max(axis=1)[order], [1, 2, 4, 8, 16])
        owners = [(owner, 1 / len(model)) for owner, model in enumerate(models) for _ in model]
        blocks = [_block(table[rows], local[rows], owners, len(models)) for rows in np.split(order, cuts) if len(rows)]
        return cls(pattern=place[pattern], blocks=tuple(blocks))

    @property
    def models(self) -> int:
        """Number of models."""
        return self.blocks[0].given.shape[1]

    @property
    def size(self) -> int:
        """Number of patterns."""
        return sum(len(block.right) for block in self.blocks)

    @property
    def chunk(self) -> int:
        """How many populations are compared at once."""
        return max(1, CHUNK_NUMBERS // sum(block.right.size for block in self.blocks))

    def compared(self, own: Members, other: Members) -> "Compared":
        """Return what pairs of populations give, pattern by pattern.

        Args:
            own: First population of every pair: places of models, shape (pairs, size), or flags, shape (pairs, models).
            other: Second population of every pair.

        Returns:
            The comparison.
        """
        weights, others = self._weights(own), self._weights(other)
        parts = [_compared(block, block.shares(weights), block.shares(others)) for block in self.blocks]
        modal, taxicab, right = (np.concatenate(part, axis=-1) for part in zip(*parts, strict=True))
        return Compared(modal=modal, taxicab=taxicab, right=right)

    def ties(self, members: Members) -> Array:
        """Return 1 where the modal label of a population ties and 0 elsewhere, shape (patterns,)."""
        weights = self._weights(members[None])
        return np.concatenate([ties(block.shares(weights)[0]) for block in self.blocks])

    def chosen(self, members: Members, choose: Callable[[Array, slice], NDArray[np.intp]]) -> NDArray[np.int64]:
        """Return one label per pattern.

        Args:
            members: Places of a population's models, shape (size,).
            choose: From shares (patterns, labels) of a block, and which patterns these are, to the place of a label.

        Returns:
            Label index per pattern.
        """
        weights, found, start = self._weights(members[None]), list[NDArray[np.int64]](), 0
        for block in self.blocks:
            patterns = slice(start, start + len(block.right))
            own = choose(block.shares(weights)[0], patterns)
            found.append(block.labels[np.arange(len(own)), own])
            start = patterns.stop
        return np.concatenate(found)

    def _weights(self, members: Members) -> Array:
        if members.dtype == np.bool_:
            belongs = members.astype(np.float64)
        else:
            belongs = np.zeros((len(members), self.models))
            np.put_along_axis(belongs, members.astype(np.intp), 1.0, axis=-1)
        return belongs / belongs.sum(axis=-1, keepdims=True)

    def mass(self, codes: NDArray[np.int32], groups: int, mass: Array | None) -> Array:
        """Return what every pattern counts in every group.

        Args:
            codes: Group of every row.
            groups: Number of groups.
            mass: What every row counts; 1 each where not given.

        Returns:
            Shape (groups, patterns).
        """
        cells = codes.astype(np.int64) * self.size + self.pattern
        counted = np.bincount(cells, weights=mass, minlength=groups * self.size)
        return counted.reshape(groups, self.size).astype(np.float64)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Compared:
    """Pairs of populations, pattern by pattern.

    Args:
        modal: How probable a modal exemplar is, shape (pairs, patterns).
        taxicab: Distance of the label distributions, shape (pairs, patterns).
        right: Share of the first population that is right, shape (pairs, patterns).
    """

    modal: Array
    taxicab: Array
    right: Array


def _compared(block: Block, own: Array, other: Array) -> tuple[Array, Array, Array]:
    return modal_disagreement(own, other), taxicab_distance(own, other), (own * block.right).sum(axis=-1)


def _block(
    table: NDArray[np.int64], local: NDArray[np.intp], owners: Sequence[tuple[int, float]], models: int
) -> Block:
    target, answers, rows = table[:, :1], table[:, 1:], np.arange(len(table))
    given = np.zeros((int(local.max()) + 1, models, len(table)))
    for run, (owner, weight) in enumerate(owners):
        given[local[:, run], owner, rows] += weight
    labels = np.zeros((len(table), len(given)), dtype=np.int64)
    np.put_along_axis(labels, local, answers, axis=1)
    right = np.zeros(labels.shape)
    hit = answers == target
    answered = np.flatnonzero(hit.any(axis=1))
    right[answered, local[answered, hit[answered].argmax(axis=1)]] = 1.0
    return Block(given=given, right=right, labels=labels)


def _distinct(table: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
    """Return the different rows of a table, and which of them every row is."""
    small = np.ascontiguousarray(table.astype(np.min_scalar_type(int(table.max(initial=0)))))
    whole = small.view(np.dtype((np.void, small.dtype.itemsize * small.shape[1])))[:, 0]
    _, first, pattern = np.unique(whole, return_index=True, return_inverse=True)
    return table[first], pattern


def _local(answers: NDArray[np.int64]) -> NDArray[np.intp]:
    """Return the place of every answer among the different answers of its row."""
    order = np.argsort(answers, axis=1, kind="stable")
    ranked = np.take_along_axis(answers, order, axis=1)
    rank = np.zeros(answers.shape, dtype=np.intp)
    rank[:, 1:] = np.cumsum(ranked[:, 1:] != ranked[:, :-1], axis=1)
    local = np.empty_like(rank)
    np.put_along_axis(local, order, rank, axis=1)
    return local
