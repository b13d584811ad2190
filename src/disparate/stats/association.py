"""What goes with what: rank correlation over a few groups, and what tells flipped examples from others."""

import math
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, special, stats

from disparate.errors import BadInput, NotEnoughData

Array = NDArray[np.float64]
FEWEST_PAIRS = 3
MOST_EXACT = 8
"""With up to this many pairs every order is tried: 40,320 orders."""
ROUNDING = 1e-12
MOST_STEPS = 100
"""Newton steps of a logistic fit, which takes about ten."""
SEPARATED = 1e-6
"""A mean log loss below this says that the columns tell the outcome with certainty: the coefficients are infinite."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Correlation:
    """Spearman's rank correlation with its permutation p-value.

    Args:
        value: In [−1, 1].
        p_value: Share of orders whose correlation is at least as far from zero.
        n: Number of pairs.
        exact: Whether all orders were tried; a random sample of them otherwise.
    """

    value: float
    p_value: float
    n: int
    exact: bool

    @property
    def least_p(self) -> float:
        """The smallest p-value that so many pairs can give: two orders of all n!."""
        return min(1.0, 2 / math.factorial(self.n)) if self.n < 20 else 0.0


def rank_correlation(x: Array, y: Array, *, times: int = 10_000, generator: np.random.Generator) -> Correlation:
    """Return Spearman's correlation and how often another order of the pairs would give as strong a one.

    With five pairs a perfect order has p = 2/120 = 0.017: five groups prove little.

    Args:
        x: One value per group.
        y: One value per group.
        times: Random orders where there are more than 8 pairs.
        generator: Source of the random orders.

    Returns:
        The correlation.

    Raises:
        BadInput: The lengths differ, or a value is not finite.
        NotEnoughData: There are fewer than three pairs, or all values of one side are equal.

    Example:
        >>> found = rank_correlation(np.arange(5.0), np.arange(5.0) ** 2, generator=np.random.default_rng(0))
        >>> round(found.value, 6), round(found.p_value, 4), found.exact
        (1.0, 0.0167, True)
    """
    if x.shape != y.shape or x.ndim != 1 or not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise BadInput(f"rank correlation of shapes {x.shape} and {y.shape}; two equally long rows of numbers.")
    if len(x) < FEWEST_PAIRS:
        raise NotEnoughData(f"rank correlation of {len(x)} pair(s); at least {FEWEST_PAIRS} are needed.")
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        raise NotEnoughData("rank correlation where all values of one side are equal; values that differ are needed.")
    left, right = _standard_ranks(x), _standard_ranks(y)
    observed = float(left @ right)
    exact = len(x) <= MOST_EXACT
    orders = np.array(list(permutations(right))) if exact else generator.permuted(np.tile(right, (times, 1)), axis=1)
    beyond = int((np.abs(orders @ left) >= abs(observed) - ROUNDING).sum())
    p_value = beyond / len(orders) if exact else (1 + beyond) / (1 + len(orders))
    return Correlation(value=max(-1.0, min(1.0, observed)), p_value=p_value, n=len(x), exact=exact)


@dataclass(frozen=True, kw_only=True, slots=True)
class Separation:
    """How well a number tells examples that changed from those that did not.

    Args:
        value: Probability that an example that changed has the larger number; 0.5 is no better than chance.
        se: Its standard error (delong1988).
        events: Examples that changed.
        others: Examples that did not.
    """

    value: float
    se: float
    events: int
    others: int

    def interval(self, *, level: float = 0.95) -> tuple[float, float]:
        """Return the interval on the logit scale, which stays inside [0, 1]; the point itself where nothing varies."""
        if self.se == 0 or self.value in {0.0, 1.0}:
            return self.value, self.value
        centre, scale = float(special.logit(self.value)), self.se / (self.value * (1 - self.value))
        half = float(special.ndtri((1 + level) / 2)) * scale
        return float(special.expit(centre - half)), float(special.expit(centre + half))


def separation(number: Array, changed: NDArray[np.bool_]) -> Separation:
    """Return the area under the ROC curve, ties counted half, with DeLong's standard error.

    Args:
        number: One per example, such as minus the distance to the boundary.
        changed: Whether the example's answer changed.

    Returns:
        The separation.

    Raises:
        BadInput: The lengths differ, or a number is not finite.
        NotEnoughData: Fewer than two examples changed, or fewer than two did not.

    Example:
        >>> separation(np.array([0.9, 0.8, 0.3, 0.1]), np.array([True, True, False, False])).value
        1.0
    """
    if number.shape != changed.shape or not np.isfinite(number).all():
        raise BadInput(f"separation of {number.shape} numbers by {changed.shape} changes; finite numbers, one each.")
    own, other = number[changed], number[~changed]
    m, n = len(own), len(other)
    if min(m, n) < 2:
        raise NotEnoughData(f"separation of {m} changed and {n} unchanged examples; at least 2 of each are needed.")
    together = stats.rankdata(np.concatenate([own, other]))
    placed_own = (together[:m] - stats.rankdata(own)) / n
    placed_other = 1 - (together[m:] - stats.rankdata(other)) / m
    variance = placed_own.var(ddof=1) / m + placed_other.var(ddof=1) / n
    return Separation(value=float(placed_own.mean()), se=math.sqrt(variance), events=m, others=n)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Logistic:
    """A logistic regression.

    Args:
        coefficients: Per column, log odds per unit.
        covariance: Of the coefficients.
        log_likelihood: At the coefficients.
    """

    coefficients: Array
    covariance: Array
    log_likelihood: float

    @property
    def columns(self) -> int:
        """Number of coefficients."""
        return len(self.coefficients)


def logistic(design: Array, changed: NDArray[np.bool_]) -> Logistic:
    """Return the maximum-likelihood fit of P(changed) = 1 / (1 + exp(−design · coefficients)), by Newton's method.

    Args:
        design: Shape (examples, columns), with a column of ones where an intercept is wanted.
        changed: Shape (examples,).

    Returns:
        The fit.

    Raises:
        NotEnoughData: There is no finite fit: the columns depend on each other, or they separate the two outcomes.

    Example:
        >>> fit = logistic(np.ones((4, 1)), np.array([True, False, False, False]))
        >>> round(float(np.exp(fit.coefficients[0])), 6), round(1 / 3, 6)
        (0.333333, 0.333333)
    """
    coefficients = np.zeros(design.shape[1])
    likelihood = _log_likelihood(design @ coefficients, changed)
    for _ in range(MOST_STEPS):
        share = special.expit(design @ coefficients)
        curvature = (design * (share * (1 - share))[:, None]).T @ design
        try:
            step = linalg.solve(curvature, design.T @ (changed - share), assume_a="pos")
        except (linalg.LinAlgError, linalg.LinAlgWarning) as error:
            raise NotEnoughData(f"logistic regression on {design.shape[1]} columns has no single fit.") from error
        coefficients = coefficients + step
        previous, likelihood = likelihood, _log_likelihood(design @ coefficients, changed)
        if likelihood > -SEPARATED * len(changed):
            break
        if abs(likelihood - previous) <= ROUNDING * (1 + abs(likelihood)):
            return Logistic(coefficients=coefficients, covariance=linalg.inv(curvature), log_likelihood=likelihood)
    raise NotEnoughData(f"logistic regression on {design.shape[1]} columns: they separate the two outcomes entirely.")


def more_likely(small: Logistic, large: Logistic) -> float:
    """Return the p-value of the likelihood-ratio test that the further columns of a larger fit say nothing.

    Args:
        small: The fit on some columns.
        large: The fit on those and more.

    Returns:
        The p-value, from χ² with as many degrees of freedom as there are more columns.

    Raises:
        BadInput: The larger fit has no more columns.

    Example:
        >>> ones, changed = np.ones((4, 1)), np.array([True, False, False, True])
        >>> side = np.column_stack([ones, [1.0, 0.0, 1.0, 0.0]])
        >>> more_likely(logistic(ones, changed), logistic(side, changed))
        1.0
    """
    more = large.columns - small.columns
    if more < 1:
        raise BadInput(f"likelihood ratio of {small.columns} columns against {large.columns}; more were expected.")
    return float(stats.chi2.sf(max(0.0, 2 * (large.log_likelihood - small.log_likelihood)), more))


def _log_likelihood(odds: Array, changed: NDArray[np.bool_]) -> float:
    return float(-np.logaddexp(0, np.where(changed, -odds, odds)).sum())


def _standard_ranks(values: Array) -> Array:
    ranks = stats.rankdata(values)
    centred = ranks - ranks.mean()
    return centred / np.linalg.norm(centred)
