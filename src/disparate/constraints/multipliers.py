r"""Multipliers of constraints on groups: how they rise, where they stop, and what they make of each group's gradient.

For a Lagrangian $J + \sum_b \lambda_b \sigma_b (J_b - J)$, σ_b = ±1, the gradient of group a has the weight

$$ w_a = \pi_a \Bigl(1 - \sum_b \lambda_b \sigma_b\Bigr) + \lambda_a \sigma_a $$

with π_a its share of the examples. Where w_a < 0 the loss of group a is driven *up*. That is no constraint any more, so
multipliers have a cap.
"""

import math
from collections.abc import Mapping

from disparate.errors import BadInput


def ascended(
    multipliers: Mapping[str, float],
    violations: Mapping[str, float],
    *,
    step: float,
    low: float,
    high: float,
    when: str,
) -> dict[str, float]:
    r"""Return multipliers after one step of ascent, $\lambda_a \leftarrow [\lambda_a + \eta v_a]$, kept in a range.

    Args:
        multipliers: By group.
        violations: By group; a group without one keeps its multiplier.
        step: η.
        low: Smallest value.
        high: Largest value.
        when: Where the training is, for the message.

    Returns:
        Multipliers by group.

    Raises:
        BadInput: A violation is not finite.

    Example:
        >>> ascended({"a": 0.0, "b": 0.25}, {"b": 5.0}, step=0.1, low=0.0, high=0.5, when="in epoch 1")
        {'a': 0.0, 'b': 0.5}
    """
    require_finite(violations, "violation", multipliers, when)
    return {name: min(high, max(low, value + step * violations.get(name, 0.0))) for name, value in multipliers.items()}


def require_finite(values: Mapping[str, float], what: str, multipliers: Mapping[str, float], when: str) -> None:
    """Refuse numbers that multipliers would be lost by, and say where the multipliers stood.

    Args:
        values: By group.
        what: What they are.
        multipliers: By group, as they stand.
        when: Where the training is.

    Raises:
        BadInput: A number is not finite.

    Example:
        >>> require_finite({"b": math.nan}, "violation", {"a": 0.0, "b": 0.25}, "in epoch 3")
        Traceback (most recent call last):
        ...
        disparate.errors.BadInput: the violation of group 'b' is nan in epoch 3; a finite number was expected. \
Multipliers stood at a 0, b 0.25. Lower learning_rate, or the step or strength of the objective.
    """
    for name, value in values.items():
        if not math.isfinite(value):
            stood = ", ".join(f"{group} {multiplier:.4g}" for group, multiplier in multipliers.items())
            raise BadInput(
                f"the {what} of group '{name}' is {value} {when}; a finite number was expected. Multipliers stood at "
                f"{stood}. Lower learning_rate, or the step or strength of the objective."
            )


def weighted_mean(values: Mapping[str, float], shares: Mapping[str, float]) -> float:
    """Return the mean over some groups, each by its share of the examples.

    Args:
        values: By group.
        shares: By group, of all groups.

    Returns:
        The mean over the groups that have a value; 0 where none has.

    Example:
        >>> weighted_mean({"a": 1.0, "b": 4.0}, {"a": 0.5, "b": 0.25, "c": 0.25})
        2.0
    """
    known = sum(shares[name] for name in values)
    return sum(shares[name] * value for name, value in values.items()) / known if values else 0.0


def within_sum(multipliers: Mapping[str, float], most: float) -> dict[str, float]:
    """Return the nearest multipliers, each 0 or more, whose sum is at most ``most``.

    What is too much is taken from all of them alike, and no multiplier falls below 0: the Euclidean projection.

    Args:
        multipliers: By group, each 0 or more.
        most: Largest sum, 0 or more.

    Returns:
        Multipliers by group.

    Example:
        >>> within_sum({"a": 0.5, "b": 0.25}, 1.0)
        {'a': 0.5, 'b': 0.25}
        >>> within_sum({"a": 1.25, "b": 0.75, "c": 0.0}, 1.0)  # 0.5 off each
        {'a': 0.75, 'b': 0.25, 'c': 0.0}
    """
    if sum(multipliers.values()) <= most:
        return dict(multipliers)
    total, off = 0.0, 0.0
    for rank, value in enumerate(sorted(multipliers.values(), reverse=True), start=1):
        total += value
        if value >= (total - most) / rank:
            off = (total - most) / rank
    return {name: max(0.0, value - off) for name, value in multipliers.items()}


def group_weights(shares: Mapping[str, float], pulls: Mapping[str, float]) -> dict[str, float]:
    r"""Return the weight of each group's gradient, $\pi_a (1 - \sum_b p_b) + p_a$ with $p_b = \lambda_b \sigma_b$.

    They sum to 1. A negative one says that the loss of this group is being driven up.

    Args:
        shares: π by group.
        pulls: p by group; a group without one has 0.

    Returns:
        Weights by group.

    Example:
        >>> group_weights({"many": 0.75, "few": 0.25}, {"many": -0.5, "few": 0.5})
        {'many': 0.25, 'few': 0.75}
    """
    rest = 1 - sum(pulls.values())
    return {name: share * rest + pulls.get(name, 0.0) for name, share in shares.items()}
