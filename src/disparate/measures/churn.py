"""Churn: whose answers change, whether or not the accuracy does."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from disparate.measures.measure import SHARE, Measure
from disparate.predictions import Predictions

Array = NDArray[np.float64]


def churn(variant: Predictions, reference: Predictions) -> Array:
    """Return, per example, 1 where the answer differs from the reference's and 0 where it is the same.

    The mean over a group is its churn. Undefined when the group has no example.

    Args:
        variant: Predictions under the choice being judged.
        reference: Predictions of the same examples, in the same order.

    Returns:
        Shape (examples,).
    """
    return (variant.predicted != reference.predicted).astype(np.float64)


def harmful_flips(variant: Predictions, reference: Predictions) -> Array:
    """Return, per example, 1 where the reference was right and the variant is wrong.

    Harmful minus beneficial flips is the accuracy lost. Undefined when the group has no example.

    Args:
        variant: Predictions under the choice being judged.
        reference: Predictions of the same examples, in the same order.

    Returns:
        Shape (examples,).
    """
    return (reference.correct & ~variant.correct).astype(np.float64)


def beneficial_flips(variant: Predictions, reference: Predictions) -> Array:
    """Return, per example, 1 where the reference was wrong and the variant is right.

    Undefined when the group has no example.

    Args:
        variant: Predictions under the choice being judged.
        reference: Predictions of the same examples, in the same order.

    Returns:
        Shape (examples,).
    """
    return (variant.correct & ~reference.correct).astype(np.float64)


def net_flips(variant: Predictions, reference: Predictions) -> Array:
    """Return, per example, 1 for a harmful flip, −1 for a beneficial one and 0 otherwise.

    The mean over a group is (harmful − beneficial) / n, the accuracy lost; positive is harm. It is tested as McNemar
    does, exactly: whether more answers turned to the worse than to the better. The odds ratio of the two has no value
    where nothing turned to the better. Undefined when the group has no example.

    Args:
        variant: Predictions under the choice being judged.
        reference: Predictions of the same examples, in the same order.

    Returns:
        Shape (examples,).
    """
    return harmful_flips(variant, reference) - beneficial_flips(variant, reference)


def _measure(function: Callable[[Predictions, Predictions], Array], better: bool) -> Measure:
    return Measure(
        name=function.__name__,
        unit="share",
        kind="pairwise",
        higher_is_better=better,
        bounds=SHARE,
        undefined_when="no example of this group",
        function=function,
        signed=False,
    )


CHURN = _measure(churn, better=False)
HARMFUL_FLIPS = _measure(harmful_flips, better=False)
BENEFICIAL_FLIPS = _measure(beneficial_flips, better=True)
NET_FLIPS = Measure(
    name="net_flips",
    unit="share",
    kind="pairwise",
    higher_is_better=False,
    bounds=(-1.0, 1.0),
    undefined_when="no example of this group",
    function=net_flips,
    exact=True,
)
