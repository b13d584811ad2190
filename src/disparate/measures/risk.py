"""Excessive risk and fairness violation: what a variant costs each group in loss (tran2022, eqs. 2 and 3)."""

import numpy as np
from numpy.typing import NDArray

from disparate.measures.disparity import spread
from disparate.measures.measure import ANY, POSITIVE, Measure
from disparate.predictions import Predictions

Array = NDArray[np.float64]


def excessive_risk(variant: Predictions, reference: Predictions) -> Array:
    """Return, per example, the loss under the variant minus the loss under the reference, nats.

    The mean over a group is R(a) = J(θ̂; D_a) − J(θ*; D_a) (tran2022, eq. 2); positive is harm. Undefined when the group
    has no example.

    Args:
        variant: Predictions under the choice being judged.
        reference: Predictions of the same examples, in the same order.

    Returns:
        Shape (examples,).
    """
    return variant.losses - reference.losses


def fairness_violation(risks: Array) -> Array:
    """Return ξ = max over a, a′ of |R(a) − R(a′)|, the spread of the risk over the groups seen (tran2022, eq. 3).

    Over hardware sensitivity instead of risk it is nelaturu2024's ξ(D, m). Undefined when fewer than two groups were
    seen.

    Args:
        risks: R(a), shape (..., G); NaN for a group that was not seen.

    Returns:
        Not negative, in the unit of the risks, shape (...).

    Example:
        >>> float(fairness_violation(np.array([0.5, -0.25, np.nan])))
        0.75
    """
    return spread(risks)


EXCESSIVE_RISK = Measure(
    name="excessive_risk",
    unit="nats",
    kind="pairwise",
    higher_is_better=False,
    bounds=ANY,
    undefined_when="no example of this group",
    function=excessive_risk,
)
FAIRNESS_VIOLATION = Measure(
    name="fairness_violation",
    unit="nats",
    kind="violation",
    higher_is_better=False,
    bounds=POSITIVE,
    undefined_when="fewer than two groups were seen",
    function=fairness_violation,
)
