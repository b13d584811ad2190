"""Many comparisons at once: p-values that hold for the whole family."""

import numpy as np
from numpy.typing import NDArray

from disparate.errors import BadInput


def benjamini_hochberg(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return p-values adjusted so that those below q hold a share of at most q false discoveries.

    The i-th smallest of m becomes min over j ≥ i of p_(j) · m / j (benjamini1995). Valid for independent and for
    positively dependent tests.

    Args:
        p_values: One p-value per comparison, in [0, 1], shape (comparisons,).

    Returns:
        The adjusted p-values, in the order given.

    Raises:
        BadInput: A p-value is NaN or not in [0, 1].

    Example:
        >>> benjamini_hochberg(np.array([0.01, 0.04, 0.03])).round(4).tolist()
        [0.03, 0.04, 0.04]
    """
    outside = ~((p_values >= 0) & (p_values <= 1))
    if outside.any():
        raise BadInput(
            f"p-value {p_values[outside][0]} found; numbers in [0, 1] were expected. Leave out those undefined."
        )
    order = np.argsort(p_values)[::-1]
    ranks = np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values), dtype=np.float64)
    adjusted[order] = np.minimum.accumulate(p_values[order] * len(p_values) / ranks)
    return adjusted
