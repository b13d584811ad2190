"""Rates of one group, from its confusion counts. 0/0 is undefined (NaN inside arrays), never 0."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from disparate.measures.counts import Counts
from disparate.measures.measure import POSITIVE, SHARE, Kind, Measure
from disparate.predictions import Predictions

Array = NDArray[np.float64]


def targets(counts: Counts) -> Array:
    """Return how many examples are of each class, shape (..., K)."""
    return np.einsum("...tp->...t", counts)


def others(counts: Counts) -> Array:
    """Return how many examples are of another class, shape (..., K)."""
    return examples(counts)[..., None] - targets(counts)


def answers(counts: Counts) -> Array:
    """Return how many examples are answered as each class, shape (..., K)."""
    return np.einsum("...tp->...p", counts)


def examples(counts: Counts) -> Array:
    """Return how many examples there are, shape (...)."""
    return np.einsum("...tp->...", counts)


def accuracy(counts: Counts) -> Array:
    """Return the share of right answers, Σ_k n_kk / n; also the micro F1, see :func:`f1_micro`.

    Undefined when there is no example.

    Args:
        counts: Shape (..., K, K), target × predicted.

    Returns:
        Shares in [0, 1], shape (...).

    Example:
        >>> float(accuracy(np.array([[3.0, 1.0], [0.0, 4.0]])))
        0.875
    """
    return _share(np.einsum("...kk->...", counts), examples(counts))


def f1_micro(counts: Counts) -> Array:
    """Return F1 of the counts summed over classes, 2·TP / (2·TP + FP + FN).

    With one label per example each error is one FP and one FN, so it equals accuracy (FairXbar eq. 3 read literally).
    Undefined when there is no example.

    Args:
        counts: Shape (..., K, K), target × predicted.

    Returns:
        Shares in [0, 1], shape (...).

    Example:
        >>> float(f1_micro(np.array([[3.0, 1.0], [0.0, 4.0]])))
        0.875
    """
    return accuracy(counts)


def f1_macro(counts: Counts) -> Array:
    """Return the mean over classes of F1_k = 2·TP_k / (2·TP_k + FP_k + FN_k).

    A class that is neither a target nor an answer in the group is skipped, not counted as 0; how many were skipped is
    :func:`classes_absent`. Undefined when there is no example.

    Args:
        counts: Shape (..., K, K), target × predicted.

    Returns:
        Shares in [0, 1], shape (...).

    Example:
        >>> round(float(f1_macro(np.array([[3.0, 1.0], [0.0, 4.0]]))), 4)
        0.873
    """
    scores = f1(counts)
    seen = np.isfinite(scores)
    return _share(np.einsum("...k->...", np.where(seen, scores, 0.0)), seen.sum(axis=-1))


def f1(counts: Counts) -> Array:
    """Return F1 of every class, one against the rest.

    Undefined when the class is neither a target nor an answer.

    Args:
        counts: Shape (..., K, K), target × predicted.

    Returns:
        Shares in [0, 1], shape (..., K).

    Example:
        >>> f1(np.array([[3.0, 1.0], [0.0, 4.0]])).round(3).tolist()
        [0.857, 0.889]
    """
    return _share(2 * _hits(counts), targets(counts) + answers(counts))


def tpr(counts: Counts) -> Array:
    """Return the true positive rate of every class, TP_k / (TP_k + FN_k), one against the rest.

    Undefined when no example of the group is of the class.

    Args:
        counts: Shape (..., K, K), target × predicted.

    Returns:
        Shares in [0, 1], shape (..., K).

    Example:
        >>> tpr(np.array([[3.0, 1.0], [0.0, 4.0]])).tolist()
        [0.75, 1.0]
    """
    return _share(_hits(counts), targets(counts))


def fpr(counts: Counts) -> Array:
    """Return the false positive rate of every class, FP_k / (FP_k + TN_k), one against the rest.

    Undefined when every example of the group is of the class.

    Args:
        counts: Shape (..., K, K), target × predicted.

    Returns:
        Shares in [0, 1], shape (..., K).

    Example:
        >>> fpr(np.array([[3.0, 1.0], [0.0, 4.0]])).tolist()
        [0.0, 0.25]
    """
    return _share(answers(counts) - _hits(counts), others(counts))


def tnr(counts: Counts) -> Array:
    """Return the true negative rate of every class, TN_k / (FP_k + TN_k) = 1 − FPR_k.

    Undefined when every example of the group is of the class.

    Args:
        counts: Shape (..., K, K), target × predicted.

    Returns:
        Shares in [0, 1], shape (..., K).

    Example:
        >>> tnr(np.array([[3.0, 1.0], [0.0, 4.0]])).tolist()
        [1.0, 0.75]
    """
    return 1.0 - fpr(counts)


def precision(counts: Counts) -> Array:
    """Return the precision of every class, TP_k / (TP_k + FP_k), one against the rest.

    Undefined when the class is never answered.

    Args:
        counts: Shape (..., K, K), target × predicted.

    Returns:
        Shares in [0, 1], shape (..., K).

    Example:
        >>> precision(np.array([[3.0, 1.0], [0.0, 4.0]])).tolist()
        [1.0, 0.8]
    """
    return _share(_hits(counts), answers(counts))


def selection_rate(counts: Counts) -> Array:
    """Return the share of the examples that are answered as each class, right or wrong.

    Undefined when there is no example.

    Args:
        counts: Shape (..., K, K), target × predicted.

    Returns:
        Shares in [0, 1], shape (..., K).

    Example:
        >>> selection_rate(np.array([[3.0, 1.0], [0.0, 4.0]])).tolist()
        [0.375, 0.625]
    """
    return _share(answers(counts), examples(counts)[..., None])


def classes_absent(counts: Counts) -> NDArray[np.int64]:
    """Return how many classes are neither a target nor an answer, and were skipped by :func:`f1_macro`.

    Args:
        counts: Shape (..., K, K), target × predicted.

    Returns:
        Shape (...).

    Example:
        >>> int(classes_absent(np.array([[3.0, 0.0], [0.0, 0.0]])))
        1
    """
    return np.asarray((targets(counts) + answers(counts) == 0).sum(axis=-1), dtype=np.int64)


def correct(predictions: Predictions) -> Array:
    """Return 1 for every right answer and 0 for every wrong one; the mean is accuracy. Shape (examples,)."""
    return predictions.correct.astype(np.float64)


def losses(predictions: Predictions) -> Array:
    """Return the loss of every example, nats; the mean is J(θ; D_a). Shape (examples,)."""
    return predictions.losses


def _hits(counts: Counts) -> Array:
    return np.einsum("...kk->...k", counts)


def _share(part: NDArray[np.number], whole: NDArray[np.number]) -> Array:
    part, whole = np.broadcast_arrays(part, whole)
    out = np.full(part.shape, np.nan)
    return np.divide(part, whole, out=out, where=whole > 0)


NO_EXAMPLE = "no example of this group"


def _measure(name: str, kind: Kind, function: Callable[..., Any], better: bool | None, undefined_when: str) -> Measure:
    return Measure(
        name=name,
        unit="share",
        kind=kind,
        higher_is_better=better,
        bounds=SHARE,
        undefined_when=undefined_when,
        function=function,
    )


NOT_A_TARGET = "no example of the class in this group"
ONLY_TARGET = "every example of this group is of the class"
NOT_ANSWERED = "the class is never answered in this group"
ACCURACY = _measure("accuracy", "mean", correct, True, NO_EXAMPLE)
LOSS = replace(_measure("loss", "mean", losses, False, NO_EXAMPLE), unit="nats", bounds=POSITIVE)
F1_MICRO = _measure("f1_micro", "rate", f1_micro, True, NO_EXAMPLE)
F1_MACRO = _measure("f1_macro", "rate", f1_macro, True, NO_EXAMPLE)
F1 = _measure("f1", "class_rate", f1, True, "the class is neither a target nor an answer in this group")
TPR = replace(_measure("tpr", "class_rate", tpr, True, NOT_A_TARGET), support=targets)
FPR = replace(_measure("fpr", "class_rate", fpr, False, ONLY_TARGET), support=others)
TNR = replace(_measure("tnr", "class_rate", tnr, True, ONLY_TARGET), support=others)
PRECISION = replace(_measure("precision", "class_rate", precision, True, NOT_ANSWERED), support=answers)
SELECTION_RATE = _measure("selection_rate", "class_rate", selection_rate, None, NO_EXAMPLE)
