"""Confusion counts per group: all that a measure of answers needs to know."""

import numpy as np
from numpy.typing import NDArray

from disparate.errors import BadInput

Counts = NDArray[np.float64]
"""Counts of shape (..., classes, classes), target × predicted; weighted where examples have weights."""


def confusion_counts(
    target: NDArray[np.int64],
    predicted: NDArray[np.int64],
    group: NDArray[np.integer],
    *,
    groups: int,
    classes: int,
    weight: NDArray[np.float64] | None = None,
) -> Counts:
    """Return the counts of every group, target × predicted.

    Args:
        target: Label index per example, shape (examples,).
        predicted: Answered label index, shape (..., examples); leading axes are runs.
        group: Group index per example, shape (examples,).
        groups: Number of groups.
        classes: Number of classes.
        weight: Weight per example; 1 where not given.

    Returns:
        Shape (..., groups, classes, classes).

    Raises:
        BadInput: The arrays differ in length.

    Example:
        >>> target, predicted, group = np.array([0, 1, 1]), np.array([0, 0, 1]), np.array([0, 0, 1])
        >>> confusion_counts(target, predicted, group, groups=2, classes=2).tolist()
        [[[1.0, 0.0], [1.0, 0.0]], [[0.0, 0.0], [0.0, 1.0]]]
    """
    if not len(target) == len(group) == predicted.shape[-1]:
        raise BadInput(
            f"counts: {len(target)} targets, {predicted.shape[-1]} answers and {len(group)} groups; "
            "one of each per example was expected."
        )
    cells = groups * classes * classes
    runs = predicted.reshape(-1, len(target))
    inside = (group.astype(np.int64) * classes + target) * classes + runs
    ones = np.ones(len(target)) if weight is None else weight
    flat = np.array([np.bincount(row, weights=ones, minlength=cells) for row in inside], dtype=np.float64)
    return flat.reshape(*predicted.shape[:-1], groups, classes, classes)
