r"""What each example adds to a group's mean: what a movement would be if examples moved independently of each other.

The mean of a group in run r is $x_r = \sum_j u_{jr}$ with $u_{jr} = w_j v_{jr} / \sum w$, and between runs

$$ \operatorname{var}(x) = \sum_j \operatorname{var}(u_j) + \sum_{j \ne k} \operatorname{cov}(u_j, u_k) $$

The first sum falls as 1/n with the size of the test set: it is what the *finite test set* makes of training or
execution noise, near err / 2n for the accuracy of a calibrated ensemble (jordan2024). What is left, the examples do
together, and no larger test set averages it away. The sum is taken in every line of an analysis of variance alike.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
BLOCK = 1 << 16
"""How many units are condensed at a time."""


def contributions(
    values: Array,
    *,
    clusters: NDArray[np.int64] | None = None,
    weight: Array | None = None,
    multiplicity: NDArray[np.int64] | None = None,
) -> Array:
    """Return what every unit adds to the mean of every run; sums over units of squares are those over all examples.

    Args:
        values: Value of every row in every run, shape (runs, rows).
        clusters: Cluster index per row, shape (rows,); rows of one cluster are one unit.
        weight: Weight per row, shape (rows,).
        multiplicity: How many alike examples a row stands for, shape (rows,): k units of 1/k each count √k times as
            one. Not with clusters.

    Returns:
        Shape (runs, units), units being rows or clusters.

    Example:
        >>> contributions(np.array([[0.0, 1.0], [1.0, 1.0]])).tolist()
        [[0.0, 0.5], [0.5, 0.5]]
    """
    ones = np.ones(values.shape[1]) if weight is None else weight
    alike = np.ones(values.shape[1]) if multiplicity is None else multiplicity
    own = values * (ones * np.sqrt(alike) / (ones * alike).sum())
    if clusters is None:
        return own
    labels = np.unique(clusters, return_inverse=True)[1]
    return np.array([np.bincount(labels, weights=row) for row in own], dtype=np.float64)


def condensed(values: Array) -> Array:
    """Return at most ``runs`` columns per block that have the same products between runs as the given ones.

    Sums of squares over units need the products between runs only, so a million examples become a few columns.

    Args:
        values: Shape (runs, units).

    Returns:
        Shape (runs, columns), with ``condensed(v) @ condensed(v).T`` equal to ``v @ v.T``.

    Example:
        >>> few = condensed(np.array([[3.0, 4.0, 0.0]]))
        >>> few.shape, (few @ few.T).round(9).tolist()
        ((1, 1), [[25.0]])
    """
    return np.concatenate(list(_blocks(values)), axis=1)


def _blocks(values: Array) -> Iterator[Array]:
    for start in range(0, max(1, values.shape[1]), BLOCK):
        triangle: Array = np.linalg.qr(values[:, start : start + BLOCK].T, mode="r")  # pyright: ignore[reportAssignmentType] - an array in this mode
        yield triangle.T
