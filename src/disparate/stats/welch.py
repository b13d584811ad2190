"""Welch's test between two populations of models, class by class or group by group, with the correction it needs."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from disparate.errors import BadInput, NotEnoughData
from disparate.stats.intervals import Interval, t_quantile
from disparate.stats.multiplicity import benjamini_hochberg
from disparate.stats.paired import NO_SPREAD

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Welch:
    """A difference of two means of independent populations.

    Args:
        value: Mean of the variant minus mean of the baseline.
        se: Its standard error.
        df: Degrees of freedom (Welch–Satterthwaite).
    """

    value: float
    se: float
    df: float

    @property
    def p_value(self) -> float:
        """The two-sided p-value against a difference of 0."""
        return float(2 * special.stdtr(self.df, -abs(self.value) / self.se))

    def interval(self, *, level: float = 0.95) -> Interval:
        """Return the t interval of the difference."""
        reach = t_quantile(level, self.df) * self.se
        return Interval(self.value - reach, self.value + reach)


def welch(baseline: Array, variant: Array) -> Welch | None:
    """Return the difference of two means without assuming equal variances (welch1947).

    Undefined when neither population varies: there is no spread to judge by.

    Args:
        baseline: One value per model, shape (models,).
        variant: One value per model, shape (other models,).

    Returns:
        The difference; None where undefined.

    Raises:
        NotEnoughData: A population has fewer than two models.

    Example:
        >>> found = welch(np.array([0.0, 2.0]), np.array([4.0, 6.0]))
        >>> found.value, round(found.se, 4), round(found.df, 6)
        (4.0, 1.4142, 2.0)
    """
    if min(len(baseline), len(variant)) < 2:
        raise NotEnoughData(
            f"Welch's test: {len(baseline)} and {len(variant)} models; at least 2 in each population are needed."
        )
    parts = np.array([float(values.var(ddof=1)) / len(values) for values in (baseline, variant)])
    se = float(np.sqrt(parts.sum()))
    if se <= NO_SPREAD * max(np.abs(baseline).max(), np.abs(variant).max()):
        return None
    df = se**4 / float((parts**2 / np.array([len(baseline) - 1, len(variant) - 1])).sum())
    return Welch(value=float(variant.mean() - baseline.mean()), se=se, df=df)


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """How much more or less than everyone a class or a group moved.

    Args:
        welch: The normalised change with its test.
        adjusted: Its p-value after Benjamini–Hochberg over all places that have one.
    """

    welch: Welch
    adjusted: float


def normalised_changes(
    baseline: Array, variant: Array, *, baseline_overall: Array, variant_overall: Array
) -> list[Change | None]:
    """Return for every class or group how its rate moved beyond the move of the overall accuracy (hooker2019).

    (rate(variant) − rate(baseline)) − (overall(variant) − overall(baseline)), by Welch's test between the two
    populations of models. Null hypothesis: the place moves by exactly the change of the overall accuracy. Undefined
    when a rate is undefined in a model, and when neither population varies.

    Departs from the paper: p-values are corrected for their number (with 1000 classes 50 fall below 0.05 by chance),
    and each model's own overall accuracy is subtracted instead of the mean over its population, which has the same mean
    and leaves the common movement of a model out of the spread. The populations have to be independent: where variant
    and baseline share seeds, a paired test says more.

    Args:
        baseline: Rate of every model and place, such as recall per class or accuracy per group, shape (models, places).
        variant: The same of the variant's models, shape (other models, places).
        baseline_overall: Accuracy over all examples per model, shape (models,).
        variant_overall: The same of the variant's models, shape (other models,).

    Returns:
        One change per place; None where undefined.

    Raises:
        BadInput: The numbers of models or of places differ.
        NotEnoughData: A population has fewer than two models.

    Example:
        >>> before, after = np.array([[0.9, 0.8], [0.9, 0.6]]), np.array([[0.9, 0.3], [0.8, 0.2]])
        >>> found = normalised_changes(before, after, baseline_overall=np.array([0.9, 0.8]),
        ...                            variant_overall=np.array([0.7, 0.6]))
        >>> [round(change.welch.value, 2) for change in found]
        [0.15, -0.25]
    """
    _require_models(baseline, variant, baseline_overall, variant_overall)
    before, after = baseline - baseline_overall[:, None], variant - variant_overall[:, None]
    found = [
        welch(own, other) if np.isfinite(own).all() and np.isfinite(other).all() else None
        for own, other in zip(before.T, after.T, strict=True)
    ]
    adjusted = iter(benjamini_hochberg(np.array([item.p_value for item in found if item], dtype=np.float64)).tolist())
    return [None if item is None else Change(welch=item, adjusted=next(adjusted)) for item in found]


def _require_models(baseline: Array, variant: Array, baseline_overall: Array, variant_overall: Array) -> None:
    for name, rates, overall in (("baseline", baseline, baseline_overall), ("variant", variant, variant_overall)):
        if rates.ndim != 2 or overall.shape != rates.shape[:1]:
            raise BadInput(
                f"normalised change: rates of the {name} have shape {rates.shape} and overall accuracies "
                f"{overall.shape}; (models, places) and (models,) were expected."
            )
    if baseline.shape[1] != variant.shape[1]:
        raise BadInput(
            f"normalised change: {baseline.shape[1]} places in the baseline and {variant.shape[1]} in the variant; "
            "the same classes or groups were expected."
        )
