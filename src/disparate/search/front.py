"""Front: which points no other point beats, where what chance could have made of a difference is no difference."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from disparate.errors import BadInput

Told = NDArray[np.int8]
"""Shape (aims, points, points): 1 where the row is distinguishably better than the column, −1 where it is worse, 0
where the two cannot be told apart."""


def dominates(told: Told) -> NDArray[np.bool_]:
    """Return which point dominates which: distinguishably better in one aim, distinguishably worse in none.

    Never both ways. Not transitive: a may beat b and b beat c where a and c cannot be told apart.

    Args:
        told: What can be told of every two points, by aim.

    Returns:
        Shape (points, points); true where the row dominates the column.

    Raises:
        BadInput: The comparisons contradict themselves.

    Example:
        >>> worse = np.array([[[0, 1], [-1, 0]], [[0, 0], [0, 0]]], dtype=np.int8)
        >>> dominates(worse).tolist()
        [[False, True], [False, False]]
    """
    if told.ndim != 3 or told.shape[1] != told.shape[2] or (told != -told.transpose(0, 2, 1)).any():
        raise BadInput(f"comparisons of shape {told.shape}; (aims, points, points), each the reverse of its mirror.")
    return np.asarray((told > 0).any(axis=0) & ~(told < 0).any(axis=0))


def front(dominated_by: NDArray[np.bool_], defined: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which points are on the front: those that no defined point dominates.

    As dominance under uncertainty is not transitive, points may dominate each other in a ring. Members of a ring count
    as one: they are on the front where nothing outside of it dominates any of them. So there always is a front.

    Args:
        dominated_by: Shape (points, points); true where the row dominates the column.
        defined: Shape (points,); a point with an undefined aim is on no front and dominates nothing.

    Returns:
        Shape (points,).

    Example:
        >>> ring = np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]], dtype=bool)
        >>> front(ring, np.array([True, True, True])).tolist()
        [True, True, True]
        >>> front(ring, np.array([True, True, False])).tolist()
        [True, False, False]
    """
    beats = dominated_by & defined[:, None] & defined[None, :]
    rings, ring = connected_components(csr_array(beats.astype(np.int8)), directed=True, connection="strong")
    beaten = np.zeros(rings, dtype=bool)
    rows, columns = np.nonzero(beats)
    outside = ring[rows] != ring[columns]
    beaten[ring[columns[outside]]] = True
    return defined & ~beaten[ring]


def front_by_value(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which points would be on the front if every number were exact.

    Args:
        values: Shape (points, aims), larger is better; NaN where undefined.

    Returns:
        Shape (points,); false where a value is undefined.

    Example:
        >>> front_by_value(np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0], [np.nan, 9.0]])).tolist()
        [True, True, False, False]
    """
    told = np.sign(values[:, None] - values[None, :]).transpose(2, 0, 1)
    defined = np.asarray(np.isfinite(values).all(axis=1))
    return front(dominates(np.where(np.isfinite(told), told, 0).astype(np.int8)), defined)
