"""Ratios of two means, with Fieller's interval: how much larger a rate became, in parts of what it was."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from disparate.errors import BadInput, NotEnoughData
from disparate.stats.intervals import Interval, t_quantile
from disparate.stats.paired import NO_SPREAD

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Ratio:
    """The mean of a variant over the mean of a baseline.

    Args:
        value: The ratio.
        baseline: Mean of the baseline.
        variance: Variance of the baseline's mean.
        other: Variance of the variant's mean.
        covariance: Covariance of the two means; 0 where the populations are independent.
        df: Degrees of freedom of their spread.
    """

    value: float
    baseline: float
    variance: float
    other: float
    covariance: float
    df: float

    def interval(self, *, level: float = 0.95) -> Interval | None:
        """Return Fieller's interval: every ratio r for which variant − r · baseline has a mean that may be 0.

        Args:
            level: Level of the interval.

        Returns:
            The interval; None where nothing varies, and where the baseline itself cannot be told from 0, so that no
            ratio can be excluded.
        """
        square = t_quantile(level, self.df) ** 2
        leading = self.baseline**2 - square * self.variance
        middle = self.baseline**2 * self.value - square * self.covariance
        last = (self.baseline * self.value) ** 2 - square * self.other
        if leading <= 0:
            return None
        root = math.sqrt(max(0.0, middle**2 - leading * last))
        reach = root / leading
        if reach <= NO_SPREAD * max(1.0, abs(self.value)):
            return None
        return Interval(middle / leading - reach, middle / leading + reach)


def ratio_of_means(baseline: Array, variant: Array, *, paired: bool) -> Ratio | None:
    """Return the ratio of two means over models (fieller1954).

    Undefined when the baseline's mean is 0.

    Args:
        baseline: One value per model, shape (models,).
        variant: One value per model, shape (other models,).
        paired: Whether the k-th model of either belong together, as those of one training seed do.

    Returns:
        The ratio; None where undefined.

    Raises:
        NotEnoughData: A population has fewer than two models.
        BadInput: Pairs are asked for and the numbers of models differ.

    Example:
        >>> found = ratio_of_means(np.array([0.2, 0.2]), np.array([0.2, 0.4]), paired=False)
        >>> round(found.value, 9), found.df
        (1.5, 1.0)
    """
    if min(len(baseline), len(variant)) < 2:
        raise NotEnoughData(
            f"ratio of means: {len(baseline)} and {len(variant)} models; at least 2 in each population are needed."
        )
    if paired and len(baseline) != len(variant):
        raise BadInput(f"ratio of means: {len(baseline)} and {len(variant)} models cannot be paired.")
    mean = float(baseline.mean())
    if mean == 0:
        return None
    variances = [float(values.var(ddof=1)) / len(values) for values in (baseline, variant)]
    value = float(variant.mean()) / mean
    return Ratio(
        value=value,
        baseline=mean,
        variance=variances[0],
        other=variances[1],
        covariance=float(np.cov(baseline, variant)[0, 1]) / len(baseline) if paired else 0.0,
        df=len(baseline) - 1.0 if paired else _welch_df(value, variances, (len(baseline), len(variant))),
    )


def _welch_df(ratio: float, variances: list[float], models: tuple[int, int]) -> float:
    """Return the degrees of freedom of variant − ratio · baseline (Welch–Satterthwaite)."""
    parts = np.array([ratio**2 * variances[0], variances[1]])
    each = np.array(models) - 1.0
    if not parts.any():
        return float(each.min())
    return float(parts.sum() ** 2 / (parts**2 / each).sum())
