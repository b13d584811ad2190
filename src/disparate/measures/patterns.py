"""How populations of models answered, every pattern of answers once: what populations are compared by.

Most examples are answered alike by every model, and the others repeat each other. A distance between populations is a
function of the pattern alone: it is computed once per pattern and weighed by how many examples have it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from disparate.predictions import Predictions

Array = NDArray[np.float64]
Members = NDArray[np.integer] | NDArray[np.bool_]
CHUNK_NUMBERS = 4_000_000
"""Most numbers that the shares of a chunk of populations may hold (32 MB)."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Patterns:
    """The answers of several models, pattern by pattern.

    Args:
        pattern: Pattern of every row, shape (rows,).
        given: Share of a model's runs that give a label, shape (models, patterns, labels). Labels are those that occur
            within the pattern, so there are few however many classes there are.
        right: 1 at the label that is the target, shape (patterns, labels); 0 throughout where no model gives it.
        labels: Label index of the labels of a pattern, shape (patterns, labels); 0 beyond those that occur.
    """

    pattern: NDArray[np.intp]
    given: Array
    right: Array
    labels: NDArray[np.int64]

    @classmethod
    def of(cls, models: Sequence[Sequence[Predictions]]) -> "Patterns":
        """Return the patterns of models over the same examples.

        Args:
            models: The runs of every model: one, or several draws of device noise.

        Returns:
            The patterns.
        """
        first = models[0][0]
        runs = [run.predicted for model in models for run in model]
        table, pattern = _distinct(np.stack([first.target, *runs], axis=1))
        answers, local = table[:, 1:], _local(table[:, 1:])
        given = np.zeros((len(models), len(table), int(local.max()) + 1))
        owner = [place for place, model in enumerate(models) for _ in model]
        for run, place in enumerate(owner):
            given[place, np.arange(len(table)), local[:, run]] += 1 / len(models[place])
        right = np.zeros(given.shape[1:])
        hit = answers == table[:, :1]
        answered = np.flatnonzero(hit.any(axis=1))
        right[answered, local[answered, hit[answered].argmax(axis=1)]] = 1.0
        labels = np.zeros(given.shape[1:], dtype=np.int64)
        np.put_along_axis(labels, local, answers, axis=1)
        return cls(pattern=pattern, given=given, right=right, labels=labels)

    @property
    def models(self) -> int:
        """Number of models."""
        return len(self.given)

    @property
    def chunk(self) -> int:
        """How many populations are compared at once."""
        return max(1, CHUNK_NUMBERS // max(1, self.given[0].size))

    def shares(self, members: Members) -> Array:
        """Return the label shares of populations.

        Args:
            members: Places of the models, shape (..., size), or whether a model belongs, bool of shape (..., models).

        Returns:
            Shape (..., patterns, labels).
        """
        if members.dtype == np.bool_:
            belongs = members.astype(np.float64)
        else:
            belongs = np.zeros((*members.shape[:-1], self.models))
            np.put_along_axis(belongs, members.astype(np.intp), 1.0, axis=-1)
        weights = belongs / belongs.sum(axis=-1, keepdims=True)
        flat = weights @ self.given.reshape(self.models, -1)
        return flat.reshape(*weights.shape[:-1], *self.given.shape[1:])

    def accuracy(self, shares: Array) -> Array:
        """Return which share of a population is right, pattern by pattern, shape (..., patterns)."""
        return (shares * self.right).sum(axis=-1)

    def mass(self, codes: NDArray[np.int32], groups: int, mass: Array | None) -> Array:
        """Return what every pattern counts in every group.

        Args:
            codes: Group of every row.
            groups: Number of groups.
            mass: What every row counts; 1 each where not given.

        Returns:
            Shape (groups, patterns).
        """
        patterns = self.given.shape[1]
        cells = codes.astype(np.int64) * patterns + self.pattern
        return (
            np.bincount(cells, weights=mass, minlength=groups * patterns).reshape(groups, patterns).astype(np.float64)
        )


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
