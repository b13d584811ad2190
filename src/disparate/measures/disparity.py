"""Disparities between the groups of a partition, from their confusion counts.

A group without examples is not seen and takes no part. A class that is absent in one of two groups has no true positive
rate there: the class is skipped for this pair, with both its rates, and :func:`classes_skipped` says how often. Where
every group holds a single class (the label is the group) rates of classes cannot be compared at all, and everything
built on them is undefined.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from disparate.measures.counts import Counts
from disparate.measures.measure import POSITIVE, SHARE, Bounds, Kind, Measure
from disparate.measures.rates import accuracy, f1_macro, fpr, targets, tnr, tpr

Array = NDArray[np.float64]
SINGLE_CLASS = "every group holds a single class"
ONE_GROUP = "fewer than two groups were seen"


def accuracy_gap(counts: Counts) -> Array:
    """Return the accuracy of the best group minus that of the worst, over the groups seen.

    tran2022 calls it the empirical fairness violation (section 6.2). Undefined when fewer than two groups were seen.

    Args:
        counts: Shape (..., G, K, K), target × predicted.

    Returns:
        Shares in [0, 1], shape (...).

    Example:
        >>> counts = np.array([[[8.0, 2.0], [0.0, 0.0]], [[1.0, 1.0], [1.0, 1.0]]])
        >>> round(float(accuracy_gap(counts)), 4)
        0.3
    """
    return spread(accuracy(counts))


def worst_group_accuracy(counts: Counts) -> Array:
    """Return the accuracy of the group seen that has the lowest.

    Undefined when no group was seen.

    Args:
        counts: Shape (..., G, K, K), target × predicted.

    Returns:
        Shares in [0, 1], shape (...).

    Example:
        >>> counts = np.array([[[8.0, 2.0], [0.0, 0.0]], [[1.0, 1.0], [1.0, 1.0]]])
        >>> float(worst_group_accuracy(counts))
        0.5
    """
    return _lowest(accuracy(counts))


def worst_group_f1(counts: Counts) -> Array:
    """Return the macro F1 of the group seen that has the lowest.

    Undefined when no group was seen.

    Args:
        counts: Shape (..., G, K, K), target × predicted.

    Returns:
        Shares in [0, 1], shape (...).

    Example:
        >>> counts = np.array([[[8.0, 2.0], [0.0, 0.0]], [[1.0, 1.0], [1.0, 1.0]]])
        >>> round(float(worst_group_f1(counts)), 4)
        0.4444
    """
    return _lowest(f1_macro(counts))


def _lowest(rates: Array) -> Array:
    worst = np.where(np.isfinite(rates), rates, np.inf).min(axis=-1)
    return np.where(np.isfinite(worst), worst, np.nan)


def equalized_odds_sum(counts: Counts, reference: int) -> Array:
    """Return Σ_k |TPR_k(a) − TPR_k(r)| + |FPR_k(a) − FPR_k(r)| of every group a against the reference group r.

    FairXbar, eq. 1, read with the sum over both terms. Not normalised by the number of classes. It equals
    :func:`equal_opportunity_1` + :func:`equal_opportunity_0`. Undefined when no class can be compared.

    Args:
        counts: Shape (..., G, K, K), target × predicted.
        reference: Place of the reference group.

    Returns:
        In [0, 2K], shape (..., G); NaN at the reference group itself.

    Example:
        >>> counts = np.array([[[8.0, 2.0], [1.0, 9.0]], [[5.0, 5.0], [1.0, 9.0]]])
        >>> equalized_odds_sum(counts, 0).round(3).tolist()
        [nan, 0.6]
    """
    terms = _against(counts, reference, tpr), _against(counts, reference, fpr)
    return _total(np.abs(np.stack(terms)), counts, reference)


def equalized_odds_abs_sum(counts: Counts, reference: int) -> Array:
    """Return Σ_k |ΔTPR_k + ΔFPR_k| of every group against the reference group, FairPrune's form: the two can cancel.

    Never above :func:`equalized_odds_sum`. A class with one of its two rates undefined contributes the other one.
    Undefined when no class can be compared.

    Args:
        counts: Shape (..., G, K, K), target × predicted.
        reference: Place of the reference group.

    Returns:
        In [0, 2K], shape (..., G); NaN at the reference group itself.

    Example:
        >>> counts = np.array([[[8.0, 2.0], [1.0, 9.0]], [[5.0, 5.0], [4.0, 6.0]]])
        >>> equalized_odds_abs_sum(counts, 0).round(3).tolist()
        [nan, 0.0]
    """
    terms = np.stack([_against(counts, reference, tpr), _against(counts, reference, fpr)])
    both = np.where(np.isfinite(terms), terms, 0.0).sum(axis=0)
    return _total(np.where(np.isfinite(terms).any(axis=0), np.abs(both), np.nan)[None], counts, reference)


def equal_opportunity_0(counts: Counts, reference: int) -> Array:
    """Return EOpp0 = Σ_k |TNR_k(a) − TNR_k(r)| of every group a against the reference group r.

    FairXbar, eq. 2. As TNR = 1 − FPR it is the FPR half of :func:`equalized_odds_sum`, no second witness. Undefined
    when no class can be compared.

    Args:
        counts: Shape (..., G, K, K), target × predicted.
        reference: Place of the reference group.

    Returns:
        In [0, K], shape (..., G); NaN at the reference group itself.

    Example:
        >>> counts = np.array([[[8.0, 2.0], [1.0, 9.0]], [[5.0, 5.0], [1.0, 9.0]]])
        >>> equal_opportunity_0(counts, 0).round(3).tolist()
        [nan, 0.3]
    """
    return _total(np.abs(_against(counts, reference, tnr))[None], counts, reference)


def equal_opportunity_1(counts: Counts, reference: int) -> Array:
    """Return EOpp1 = Σ_k |TPR_k(a) − TPR_k(r)| of every group a against the reference group r.

    The TPR half of :func:`equalized_odds_sum`. Undefined when no class can be compared.

    Args:
        counts: Shape (..., G, K, K), target × predicted.
        reference: Place of the reference group.

    Returns:
        In [0, K], shape (..., G); NaN at the reference group itself.

    Example:
        >>> counts = np.array([[[8.0, 2.0], [1.0, 9.0]], [[5.0, 5.0], [1.0, 9.0]]])
        >>> equal_opportunity_1(counts, 0).round(3).tolist()
        [nan, 0.3]
    """
    return _total(np.abs(_against(counts, reference, tpr))[None], counts, reference)


def equalized_odds_per_class(counts: Counts, reference: int) -> Array:
    """Return :func:`equalized_odds_sum` over the number of classes that were compared.

    The sum grows with the number of classes, 114 or 8; divided by it, data sets can be set side by side. Departs from
    FairXbar, which does not divide. Undefined when no class can be compared.

    Args:
        counts: Shape (..., G, K, K), target × predicted.
        reference: Place of the reference group.

    Returns:
        In [0, 2], shape (..., G); NaN at the reference group itself.

    Example:
        >>> counts = np.array([[[8.0, 2.0], [1.0, 9.0]], [[5.0, 5.0], [1.0, 9.0]]])
        >>> equalized_odds_per_class(counts, 0).round(3).tolist()
        [nan, 0.3]
    """
    return _per_class(equalized_odds_sum(counts, reference), counts, reference)


def equal_opportunity_0_per_class(counts: Counts, reference: int) -> Array:
    """Return :func:`equal_opportunity_0` over the number of classes that were compared.

    Departs from FairXbar, which does not divide. Undefined when no class can be compared.

    Args:
        counts: Shape (..., G, K, K), target × predicted.
        reference: Place of the reference group.

    Returns:
        In [0, 1], shape (..., G); NaN at the reference group itself.

    Example:
        >>> counts = np.array([[[8.0, 2.0], [1.0, 9.0]], [[5.0, 5.0], [1.0, 9.0]]])
        >>> equal_opportunity_0_per_class(counts, 0).round(3).tolist()
        [nan, 0.15]
    """
    return _per_class(equal_opportunity_0(counts, reference), counts, reference)


def equalized_odds_worst(counts: Counts) -> Array:
    """Return the largest difference of any class's TPR or FPR between any two groups.

    For two classes it is fairlearn's ``equalized_odds_difference``. Undefined when no class can be compared.

    Args:
        counts: Shape (..., G, K, K), target × predicted.

    Returns:
        Shares in [0, 1], shape (...).

    Example:
        >>> counts = np.array([[[8.0, 2.0], [1.0, 9.0]], [[5.0, 5.0], [1.0, 9.0]]])
        >>> round(float(equalized_odds_worst(counts)), 3)
        0.3
    """
    rates = [np.swapaxes(_where_present(counts, rate), -1, -2) for rate in (tpr, fpr)]
    spreads = np.concatenate([spread(rate) for rate in rates], axis=-1)
    return np.where(single_class(counts), np.nan, largest(spreads))


def equal_opportunity_difference(counts: Counts) -> Array:
    """Return the largest difference of the positive label's TPR between two groups; the positive label is the last.

    fairlearn's ``equal_opportunity_difference``. Undefined when there are other than two labels, or fewer than two
    groups with an example of the positive one.

    Args:
        counts: Shape (..., G, 2, 2), target × predicted.

    Returns:
        Shares in [0, 1], shape (...).

    Example:
        >>> counts = np.array([[[8.0, 2.0], [1.0, 9.0]], [[5.0, 5.0], [4.0, 6.0]]])
        >>> round(float(equal_opportunity_difference(counts)), 3)
        0.3
    """
    if counts.shape[-1] != 2:
        return np.full(counts.shape[:-3], np.nan)
    return spread(_where_present(counts, tpr)[..., -1])


def single_class(counts: Counts) -> NDArray[np.bool_]:
    """Return whether every group seen holds targets of one class only, shape (...)."""
    classes = (targets(counts) > 0).sum(axis=-1)
    return np.asarray(classes.max(axis=-1) <= 1)


def classes_skipped(counts: Counts, reference: int) -> NDArray[np.int64]:
    """Return how many classes are absent in a group or in the reference group, shape (..., G); 0 for unseen groups.

    Args:
        counts: Shape (..., G, K, K), target × predicted.
        reference: Place of the reference group.

    Returns:
        The number of classes without a TPR to compare.

    Example:
        >>> counts = np.array([[[8.0, 2.0], [1.0, 9.0]], [[5.0, 5.0], [0.0, 0.0]]])
        >>> classes_skipped(counts, 0).tolist()
        [0, 1]
    """
    present = targets(counts) > 0
    both = present & present[..., [reference], :]
    missing = both.shape[-1] - both.sum(axis=-1)
    return np.asarray(np.where(present.any(axis=-1), missing, 0), dtype=np.int64)


def largest(values: Array) -> Array:
    """Return the largest defined value along the last axis; NaN where none is defined."""
    most = np.where(np.isfinite(values), values, -np.inf).max(axis=-1)
    return np.where(np.isfinite(most), most, np.nan)


def spread(values: Array) -> Array:
    """Return the largest minus the smallest defined value along the last axis; NaN with fewer than two.

    Example:
        >>> float(spread(np.array([0.5, -0.25, np.nan])))
        0.75
    """
    seen = np.isfinite(values)
    most = np.where(seen, values, -np.inf).max(axis=-1)
    least = np.where(seen, values, np.inf).min(axis=-1)
    enough = seen.sum(axis=-1) >= 2
    return np.where(enough, np.subtract(most, least, out=np.zeros_like(most), where=enough), np.nan)


def _against(counts: Counts, reference: int, rate: Callable[[Counts], Array]) -> Array:
    rates = _where_present(counts, rate)
    return rates - rates[..., [reference], :]


def _where_present(counts: Counts, rate: Callable[[Counts], Array]) -> Array:
    return np.where(targets(counts) > 0, rate(counts), np.nan)


def _per_class(total: Array, counts: Counts, reference: int) -> Array:
    compared = counts.shape[-1] - classes_skipped(counts, reference)
    return total / np.maximum(compared, 1)


def _total(terms: Array, counts: Counts, reference: int) -> Array:
    """Sum terms of shape (kinds, ..., G, K) over kinds and classes, the undefined ones left out."""
    seen = np.isfinite(terms)
    total = np.einsum("i...k->...", np.where(seen, terms, 0.0))
    undefined = ~seen.any(axis=(0, -1)) | single_class(counts)[..., None]
    undefined[..., reference] = True
    return np.where(undefined, np.nan, total)


def _measure(
    function: Callable[..., Any], kind: Kind, *, unit: str = "rates", bounds: Bounds = POSITIVE, why: str = SINGLE_CLASS
) -> Measure:
    return Measure(
        name=function.__name__,
        unit=unit,
        kind=kind,
        higher_is_better=False,
        bounds=bounds,
        undefined_when=why,
        function=function,
    )


ACCURACY_GAP = _measure(accuracy_gap, "disparity", unit="share", bounds=SHARE, why=ONE_GROUP)
WORST_GROUP_ACCURACY = replace(
    _measure(worst_group_accuracy, "disparity", unit="share", bounds=SHARE, why="no group was seen"),
    higher_is_better=True,
)
WORST_GROUP_F1 = replace(WORST_GROUP_ACCURACY, name="worst_group_f1", function=worst_group_f1)
EQUALIZED_ODDS_SUM = _measure(equalized_odds_sum, "against_reference")
EQUALIZED_ODDS_PER_CLASS = _measure(equalized_odds_per_class, "against_reference", unit="share", bounds=(0.0, 2.0))
EQUAL_OPPORTUNITY_0_PER_CLASS = _measure(equal_opportunity_0_per_class, "against_reference", unit="share", bounds=SHARE)
EQUALIZED_ODDS_ABS_SUM = _measure(equalized_odds_abs_sum, "against_reference")
EQUALIZED_ODDS_WORST = _measure(equalized_odds_worst, "disparity", unit="share", bounds=SHARE)
EQUAL_OPPORTUNITY_DIFFERENCE = _measure(
    equal_opportunity_difference,
    "disparity",
    unit="share",
    bounds=SHARE,
    why="other than two labels, or fewer than two groups with an example of the positive one",
)
EQUAL_OPPORTUNITY_0 = _measure(equal_opportunity_0, "against_reference")
EQUAL_OPPORTUNITY_1 = _measure(equal_opportunity_1, "against_reference")
