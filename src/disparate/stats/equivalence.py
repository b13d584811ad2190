"""Equivalence: that no meaningful harm was done, and not only that none was seen.

A difference that is not significant may be large and badly measured. These tests turn the burden round: the null
hypothesis is a difference beyond a margin, and a small p-value concludes that it lies within.

Answers that turned are rare, and a t test takes their spread from those few: with n = 150 examples of which 2 in 100
turn to the worse it concludes that fewer do in 20 % of all samples, not in 5 %. Where it is known how many turned
(:class:`Turned`), two corrections hold the rate:

- The spread is that of the null hypothesis where it is the larger one. If h and b are the shares that turned to the
  worse and to the better, the spread seen is h + b − (h − b)²; under a harm of exactly the margin δ, with those that
  turned to the better as they are, it is 2b + δ − δ². The variance over examples is multiplied with their ratio.
- The p-value is at least (1 − δ)ⁿ, the chance that not one of n examples turns to the worse where a share δ does: no
  n examples can say more.
"""

from dataclasses import dataclass, replace

from scipy import special

from disparate.errors import BadInput
from disparate.stats.paired import Axis, PairedEstimate


@dataclass(frozen=True, kw_only=True, slots=True)
class Turned:
    """How many answers turned, as shares of the examples.

    Args:
        up: Share whose value rose by 1.
        down: Share whose value fell by 1.
    """

    up: float
    down: float


def equivalence_p(estimate: PairedEstimate, axis: Axis, *, margin: float, turned: Turned | None = None) -> float | None:
    """Return the p-value of a difference of at least the margin in either direction (TOST, schuirmann1987).

    The larger of two one-sided t tests; over seeds below α exactly where the (1 − 2α) interval lies within ± margin.
    Undefined when there is no such axis of chance, and when nothing varies along it, but for shares over examples (see
    the head of this module).

    Args:
        estimate: A paired difference.
        axis: Over which chance.
        margin: Smallest difference that would matter, in the unit of the estimate.
        turned: Where the values are answers right (1) or wrong (0): how many turned.

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
    sides = [_beyond(estimate, axis, margin, sign, turned) for sign in (-1, 1)]
    known = [side for side in sides if side is not None]
    return max(known) if len(known) == len(sides) else None


def no_harm_p(
    estimate: PairedEstimate, axis: Axis, *, margin: float, higher_is_better: bool, turned: Turned | None = None
) -> float | None:
    """Return the p-value of a harm of at least the margin: a small one concludes that no meaningful harm was done.

    One of the two tests of :func:`equivalence_p`: a gain of any size is no harm. Undefined as there.

    Args:
        estimate: A paired difference, variant minus reference.
        axis: Over which chance.
        margin: Smallest harm that would matter, in the unit of the estimate.
        higher_is_better: Whether more of the measure is good, as of accuracy and not of loss.
        turned: Where the values are answers right (1) or wrong (0): how many turned.

    Returns:
        The p-value; None where undefined.

    Raises:
        BadInput: The margin is not positive.

    Example:
        >>> import numpy as np
        >>> from disparate.stats.paired import paired_mean
        >>> estimate, nobody = paired_mean(np.zeros((1, 500))), Turned(up=0.0, down=0.0)
        >>> round(no_harm_p(estimate, "examples", margin=0.01, higher_is_better=True, turned=nobody), 4)
        0.0066
    """
    return _beyond(estimate, axis, margin, -1 if higher_is_better else 1, turned)


def _beyond(estimate: PairedEstimate, axis: Axis, margin: float, sign: int, turned: Turned | None) -> float | None:
    """Return the p-value of a difference of at least ``margin`` in the direction of ``sign``."""
    if not margin > 0:
        raise BadInput(f"margin is {margin}; a positive number in the unit of the measure was expected, such as 0.01.")
    if turned is None or axis == "seeds" or margin >= 1:
        return _t(estimate, axis, margin, sign)
    least = (1 - margin) ** estimate.examples
    found = _t(_under_margin(estimate, margin, sign, turned), axis, margin, sign)
    if found is None:
        return least if estimate.se(axis) is not None and estimate.scale == 0 else None
    return max(found, least)


def _t(estimate: PairedEstimate, axis: Axis, margin: float, sign: int) -> float | None:
    se = estimate.se(axis)
    return float(special.stdtr(estimate.df(axis), (sign * estimate.value - margin) / se)) if se else None


def _under_margin(estimate: PairedEstimate, margin: float, sign: int, turned: Turned) -> PairedEstimate:
    """Return the estimate with at least the variance over examples that a difference of the margin brings with it."""
    away = turned.down if sign > 0 else turned.up
    seen = turned.up + turned.down - (turned.up - turned.down) ** 2
    larger = max(1.0, (2 * away + margin * (1 - margin)) / seen) if seen > 0 else 1.0
    over, rest = estimate.over_examples, estimate.interaction
    return replace(
        estimate,
        over_examples=None if over is None else over * larger,
        interaction=None if rest is None else rest * larger,
    )
