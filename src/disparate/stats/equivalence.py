"""Equivalence: that no meaningful harm was done, and not only that none was seen.

A difference that is not significant may be large and badly measured. These tests turn the burden round: the null
hypothesis is a difference beyond a margin, and a small p-value concludes that it lies within.
"""

from scipy import special

from disparate.errors import BadInput
from disparate.stats.paired import Axis, PairedEstimate


def equivalence_p(estimate: PairedEstimate, axis: Axis, *, margin: float) -> float | None:
    """Return the p-value of a difference of at least the margin in either direction (TOST, schuirmann1987).

    The larger of two one-sided t tests; below α exactly where the (1 − 2α) interval lies within ± margin. Where not one
    of n examples changed it is (1 − margin)ⁿ, the chance of seeing none if a share ``margin`` of all examples changes:
    for shares, over examples. Undefined when there is no such axis of chance, and when all differences are alike
    otherwise.

    Args:
        estimate: A paired difference.
        axis: Over which chance.
        margin: Smallest difference that would matter, in the unit of the estimate.

    Returns:
        The p-value; None where undefined.

    Raises:
        BadInput: The margin is not positive.

    Example:
        >>> import numpy as np
        >>> from disparate.stats.paired import paired_mean
        >>> estimate = paired_mean(np.array([[0.01], [-0.01], [0.02], [0.0]]))
        >>> round(equivalence_p(estimate, "seeds", margin=0.03), 4)
        0.0152
    """
    sides = [_beyond(estimate, axis, margin, sign) for sign in (-1, 1)]
    known = [side for side in sides if side is not None]
    return max(known) if len(known) == len(sides) else None


def no_harm_p(estimate: PairedEstimate, axis: Axis, *, margin: float, higher_is_better: bool) -> float | None:
    """Return the p-value of a harm of at least the margin: a small one concludes that no meaningful harm was done.

    One of the two tests of :func:`equivalence_p`: a gain of any size is no harm. Undefined as there.

    Args:
        estimate: A paired difference, variant minus reference.
        axis: Over which chance.
        margin: Smallest harm that would matter, in the unit of the estimate.
        higher_is_better: Whether more of the measure is good, as of accuracy and not of loss.

    Returns:
        The p-value; None where undefined.

    Raises:
        BadInput: The margin is not positive.

    Example:
        >>> import numpy as np
        >>> from disparate.stats.paired import paired_mean
        >>> estimate = paired_mean(np.zeros((1, 500)))
        >>> round(no_harm_p(estimate, "examples", margin=0.01, higher_is_better=True), 4)
        0.0066
    """
    return _beyond(estimate, axis, margin, -1 if higher_is_better else 1)


def _beyond(estimate: PairedEstimate, axis: Axis, margin: float, sign: int) -> float | None:
    """Return the p-value of a difference of at least ``margin`` in the direction of ``sign``."""
    if not margin > 0:
        raise BadInput(f"margin is {margin}; a positive number in the unit of the measure was expected, such as 0.01.")
    se = estimate.se(axis)
    if se is None:
        return None
    if se > 0:
        return float(special.stdtr(estimate.df(axis), (sign * estimate.value - margin) / se))
    return _without_a_change(estimate, axis, margin)


def _without_a_change(estimate: PairedEstimate, axis: Axis, margin: float) -> float | None:
    """Return how likely no change at all is among so many examples, if a share ``margin`` of all of them changes."""
    if estimate.scale > 0 or axis == "seeds" or margin >= 1:
        return None
    return (1 - margin) ** estimate.examples
