"""Answers that are sets of labels, judged as wholes; single labels are judged one against the rest, as two classes."""

import numpy as np
from numpy.typing import NDArray

from disparate.measures.disparity import ONE_GROUP, spread
from disparate.measures.measure import SHARE, Measure
from disparate.measures.rates import NO_EXAMPLE
from disparate.predictions import Predictions

Array = NDArray[np.float64]


def subset_accuracy(predictions: Predictions) -> Array:
    """Return 1 for every set that is answered exactly, label by label, and 0 for any other; the mean is its share.

    Undefined when the group has no example.

    Args:
        predictions: Answers that are sets of labels.

    Returns:
        0 or 1, shape (examples,).
    """
    return (predictions.shares_right >= 1.0).astype(np.float64)


def hamming_accuracy(predictions: Predictions) -> Array:
    """Return the share of all labels that are rightly given or rightly left out, per example.

    The mean over a group is the mean over labels of their accuracies, 1 − the Hamming loss: where most labels are rare
    it is near 1 for an answer that names none. Undefined when the group has no example.

    Args:
        predictions: Answers that are sets of labels.

    Returns:
        Shares in [0, 1], shape (examples,).
    """
    return predictions.shares_right


def subset_accuracy_gap(accuracies: Array) -> Array:
    """Return the share of exact sets of the best group minus that of the worst, over the groups seen.

    Undefined when fewer than two groups were seen.

    Args:
        accuracies: Share of exact sets per group, shape (..., G); NaN for a group that was not seen.

    Returns:
        Shares in [0, 1], shape (...).

    Example:
        >>> float(subset_accuracy_gap(np.array([0.5, 0.25, np.nan])))
        0.25
    """
    return spread(accuracies)


SUBSET_ACCURACY = Measure(
    name="subset_accuracy",
    unit="share",
    kind="mean",
    higher_is_better=True,
    bounds=SHARE,
    undefined_when=NO_EXAMPLE,
    function=subset_accuracy,
)
HAMMING_ACCURACY = Measure(
    name="hamming_accuracy",
    unit="share",
    kind="mean",
    higher_is_better=True,
    bounds=SHARE,
    undefined_when=NO_EXAMPLE,
    function=hamming_accuracy,
)
SUBSET_ACCURACY_GAP = Measure(
    name="subset_accuracy_gap",
    unit="share",
    kind="mean_disparity",
    higher_is_better=False,
    bounds=SHARE,
    undefined_when=ONE_GROUP,
    function=subset_accuracy_gap,
    base=SUBSET_ACCURACY,
)
