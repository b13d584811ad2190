"""Closeness and distance to the decision boundary that logits alone can tell.

A *closeness* is large near the boundary, a *distance* is large far from it: the sign of every correlation hangs on the
word. None of these is a distance in the space of inputs or of weights; ``disparate.geometry.margins`` has those.
"""

import numpy as np
from numpy.typing import NDArray

from disparate.errors import BadInput

Array = NDArray[np.float64]
Logits = NDArray[np.floating]


def closeness_product(logits: Logits) -> Array:
    r"""Return $f (1 - f)$ of two classes, large near the boundary, in [0, 1/4].

    f is the probability of the second class. It is the factor by which the curvature of the cross-entropy is weighted
    (nelaturu2024, theorem 4.4); tran2022's text calls it a distance, which it is not. Undefined with more than two
    classes: use :func:`closeness_gini`, which is twice this with two.

    Args:
        logits: Shape (examples, 2).

    Returns:
        Shape (examples,).

    Raises:
        BadInput: There are more or fewer than two classes, or a logit is not finite.

    Example:
        >>> closeness_product(np.array([[0.0, 0.0], [0.0, 1000.0]])).tolist()
        [0.25, 0.0]
    """
    values = _logits(logits)
    if values.shape[1] != 2:
        raise BadInput(f"closeness_product: {values.shape[1]} classes given; 2 were expected. Use closeness_gini.")
    return closeness_gini(values) / 2


def closeness_gini(logits: Logits) -> Array:
    r"""Return $1 - \sum_k p_k^2$, large near the boundary, in [0, 1 − 1/K].

    It equals the trace of the Hessian of the cross-entropy in logit space, $\mathrm{diag}(p) - p p^\top$. The range
    depends on the number of classes K: never compare across tasks of different K. A confident wrong answer counts as
    far, and multiplying the logits lowers it without moving the boundary.

    Args:
        logits: Shape (examples, classes).

    Returns:
        Shape (examples,). Saturated probabilities keep their relative precision.

    Raises:
        BadInput: There is one class only, or a logit is not finite.

    Example:
        >>> closeness_gini(np.zeros((1, 4))).tolist()
        [0.75]
    """
    odds, rest = _odds(_logits(logits))
    total = 1 + rest
    return (rest + (odds * (total[:, None] - odds)).sum(axis=1)) / total**2


def distance_probability(logits: Logits) -> Array:
    r"""Return $p_{(1)} - p_{(2)}$, the two largest probabilities' difference: large is far, in [0, 1].

    Args:
        logits: Shape (examples, classes).

    Returns:
        Shape (examples,).

    Raises:
        BadInput: There is one class only, or a logit is not finite.

    Example:
        >>> distance_probability(np.log([[0.5, 0.3, 0.2]])).round(12).tolist()
        [0.2]
    """
    values = _logits(logits)
    return -np.expm1(-distance_logit(values)) / (1 + _odds(values)[1])


def distance_logit(logits: Logits) -> Array:
    r"""Return $z_{(1)} - z_{(2)}$, the two largest logits' difference: large is far, from 0 upwards.

    Not free of scale: multiplying the last layer by c multiplies it by c and leaves the boundary where it is.

    Args:
        logits: Shape (examples, classes).

    Returns:
        Shape (examples,), in the unit of the logits.

    Raises:
        BadInput: There is one class only, or a logit is not finite.

    Example:
        >>> distance_logit(np.array([[3.0, -1.0, 2.5]])).tolist()
        [0.5]
    """
    values = _logits(logits)
    top = np.partition(values, -2, axis=1)[:, -2:]
    return top[:, 1] - top[:, 0]


def distance_logit_signed(logits: Logits, target: NDArray[np.integer]) -> Array:
    r"""Return $z_y - \max_{k \ne y} z_k$: large is far on the right side, negative where the answer is wrong.

    It is the ``margin`` of stored predictions.

    Args:
        logits: Shape (examples, classes).
        target: Right class per example, shape (examples,).

    Returns:
        Shape (examples,), any sign, in the unit of the logits.

    Raises:
        BadInput: There is one class only, a logit is not finite, or a target is no class.

    Example:
        >>> distance_logit_signed(np.array([[3.0, 1.0], [3.0, 1.0]]), np.array([0, 1])).tolist()
        [2.0, -2.0]
    """
    values = _logits(logits)
    if target.shape != (len(values),) or (target.size and not 0 <= target.min() <= target.max() < values.shape[1]):
        raise BadInput(f"targets have shape {target.shape}; one class from 0 to {values.shape[1] - 1} per example.")
    place = np.arange(len(values))
    others = values.copy()
    others[place, target] = -np.inf
    return values[place, target] - others.max(axis=1)


def _logits(logits: Logits) -> Array:
    values = np.asarray(logits, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] < 2:
        raise BadInput(f"logits have shape {values.shape}; (examples, classes) with 2 classes or more was expected.")
    wrong = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if wrong.size:
        raise BadInput(
            f"logits of {wrong.size} of {len(values)} examples are not finite, first in row {wrong[0]}; finite numbers "
            "were expected. The network diverged, or rules classes out by minus infinity: use -1e4 there."
        )
    return values


def _odds(values: Array) -> tuple[Array, Array]:
    """Return p_k / p_(1) of every class but the answered one, which gets 0, and their sum."""
    top = values.argmax(axis=1)[:, None]
    odds = np.exp(values - np.take_along_axis(values, top, axis=1))
    np.put_along_axis(odds, top, 0.0, axis=1)
    return odds, odds.sum(axis=1)
