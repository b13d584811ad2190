"""Errors of predicted numbers, by group: how far off, how far off at worst, and to which side."""

import numpy as np
from numpy.typing import NDArray

from disparate.measures.disparity import ONE_GROUP, largest, spread
from disparate.measures.measure import ANY, POSITIVE, Measure
from disparate.measures.rates import NO_EXAMPLE
from disparate.predictions import Predictions

Array = NDArray[np.float64]
TARGET = "target"
"""The unit of a number that is in the unit of the target: years, euros, degrees …"""


def mean_absolute_error(predictions: Predictions) -> Array:
    """Return |ŷ − y| per example; the mean over a group is its mean absolute error.

    Undefined when the group has no example.

    Args:
        predictions: Answers that are numbers.

    Returns:
        Not negative, in the unit of the target, shape (examples,).
    """
    return np.abs(predictions.errors)


def mean_signed_error(predictions: Predictions) -> Array:
    """Return ŷ − y per example; the mean over a group is its bias: above zero where too much is predicted.

    Undefined when the group has no example.

    Args:
        predictions: Answers that are numbers.

    Returns:
        In the unit of the target, shape (examples,).
    """
    return predictions.errors


def root_mean_squared_error(predictions: Predictions) -> Array:
    """Return (ŷ − y)² per example; the root of the mean over a group is its root mean squared error.

    Large errors count more than in the mean absolute error, which it is never below. Undefined when the group has no
    example.

    Args:
        predictions: Answers that are numbers.

    Returns:
        Not negative, in the unit of the target squared, shape (examples,).
    """
    return predictions.errors**2


def mean_absolute_error_gap(errors: Array) -> Array:
    """Return the mean absolute error of the worst group minus that of the best, over the groups seen.

    Undefined when fewer than two groups were seen.

    Args:
        errors: Mean absolute error per group, shape (..., G); NaN for a group that was not seen.

    Returns:
        Not negative, in the unit of the target, shape (...).

    Example:
        >>> float(mean_absolute_error_gap(np.array([2.0, 0.5, np.nan])))
        1.5
    """
    return spread(errors)


def worst_group_mean_absolute_error(errors: Array) -> Array:
    """Return the mean absolute error of the group seen that has the largest.

    Undefined when no group was seen.

    Args:
        errors: Mean absolute error per group, shape (..., G); NaN for a group that was not seen.

    Returns:
        Not negative, in the unit of the target, shape (...).

    Example:
        >>> float(worst_group_mean_absolute_error(np.array([2.0, 0.5, np.nan])))
        2.0
    """
    return largest(errors)


MEAN_ABSOLUTE_ERROR = Measure(
    name="mean_absolute_error",
    unit=TARGET,
    kind="mean",
    higher_is_better=False,
    bounds=POSITIVE,
    undefined_when=NO_EXAMPLE,
    function=mean_absolute_error,
)
ROOT_MEAN_SQUARED_ERROR = Measure(
    name="root_mean_squared_error",
    unit=TARGET,
    kind="root_mean",
    higher_is_better=False,
    bounds=POSITIVE,
    undefined_when=NO_EXAMPLE,
    function=root_mean_squared_error,
)
MEAN_SIGNED_ERROR = Measure(
    name="mean_signed_error",
    unit=TARGET,
    kind="mean",
    higher_is_better=None,
    bounds=ANY,
    undefined_when=NO_EXAMPLE,
    function=mean_signed_error,
)
MEAN_ABSOLUTE_ERROR_GAP = Measure(
    name="mean_absolute_error_gap",
    unit=TARGET,
    kind="mean_disparity",
    higher_is_better=False,
    bounds=POSITIVE,
    undefined_when=ONE_GROUP,
    function=mean_absolute_error_gap,
    base=MEAN_ABSOLUTE_ERROR,
)
WORST_GROUP_MEAN_ABSOLUTE_ERROR = Measure(
    name="worst_group_mean_absolute_error",
    unit=TARGET,
    kind="mean_disparity",
    higher_is_better=False,
    bounds=POSITIVE,
    undefined_when="no group was seen",
    function=worst_group_mean_absolute_error,
    base=MEAN_ABSOLUTE_ERROR,
)
