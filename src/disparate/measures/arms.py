"""Arms of randomness: what trainings that differ by some sources of chance, and by nothing else, disagree about.

zhuang2022 trains the same network several times with some sources of chance held fixed, and asks how far the models
lie apart: in their accuracy, in that of each class, in their answers.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from disparate.errors import BadInput
from disparate.findings import Finding, Null
from disparate.measures.churn import churn
from disparate.predictions import Predictions
from disparate.stats.intervals import binomial_floor
from disparate.stats.nulls import TEST_SET

Array = NDArray[np.float64]
FEWEST = 2
"""Fewest models of a set: one training does not differ from itself."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Arm:
    """Sets of models; within a set they differ by what the arm leaves to chance.

    Args:
        name: ``"ALGO"``, ``"IMPL"``, ``"ALGO+IMPL"`` or ``"control"``.
        sets: Models of the same examples in the same order, two or more in each set.

    Raises:
        BadInput: There is no set, a set of one model, or models are of different examples.
    """

    name: str
    sets: tuple[tuple[Predictions, ...], ...]

    def __post_init__(self) -> None:
        small = [len(models) for models in self.sets if len(models) < FEWEST]
        if not self.sets or small:
            raise BadInput(
                f"arm {self.name}: {len(self.sets)} sets, {len(small)} of them of fewer than {FEWEST} models; models "
                "of a set are compared with each other. Add seeds, machines or repeats."
            )
        first = self.sets[0][0]
        if any(not np.array_equal(item.example_id, first.example_id) for models in self.sets for item in models):
            raise BadInput(f"arm {self.name}: its models answer different examples; the same split was expected.")


def spreads(models: Sequence[Predictions], masks: Sequence[NDArray[np.bool_]]) -> Array:
    """Return the standard deviation of accuracy over models, per group of examples.

    Args:
        models: Two or more models of the same examples.
        masks: Which examples are of a group, one mask per group.

    Returns:
        Shape (groups,), √ of the unbiased variance; NaN where a group has no example.

    Example:
        >>> from disparate.predictions import Predictions, Run
        >>> def model(predicted):
        ...     return Predictions(example_id=np.arange(2), target=np.zeros(2, int), predicted=np.array(predicted),
        ...                        label_names=("a", "b"), attributes={}, run=Run())
        >>> spreads([model([0, 0]), model([0, 1])], [np.ones(2, bool)]).round(4).tolist()  # accuracies 1 and 0.5
        [0.3536]
    """
    right = np.stack([item.correct for item in models]).astype(np.float64)
    return np.array([_means(right, mask).std(ddof=1) if mask.any() else np.nan for mask in masks])


def pairwise_churn(models: Sequence[Predictions], masks: Sequence[NDArray[np.bool_]]) -> Array:
    """Return the share of examples that two models answer differently, the mean over all pairs, per group.

    C(f₁, f₂) = P[f₁(x) ≠ f₂(x)]. *Departs from the published code*, whose function of that name returns agreement.

    Args:
        models: Two or more models of the same examples.
        masks: Which examples are of a group, one mask per group.

    Returns:
        Shape (groups,); NaN where a group has no example.
    """
    differ = np.mean([churn(left, right) for left, right in combinations(models, 2)], axis=0)
    return np.array([differ[mask].mean() if mask.any() else np.nan for mask in masks])


def class_over_overall(models: Sequence[Predictions]) -> tuple[float, float] | None:
    """Return how many times the accuracy of a class spreads as that of everybody, and what class sizes alone give.

    Args:
        models: Two or more models of the same examples.

    Returns:
        The root mean square of the classes' standard deviations over that of the overall accuracy; and the same of
        √(err / 2n), which models give whose errors are independent. None where the overall accuracy does not move.
    """
    target = models[0].target
    masks = [target == label for label in np.unique(target)]
    everyone = np.ones(len(target), bool)
    overall = spreads(models, [everyone])[0]
    if overall == 0:
        return None
    expected = np.array([_test_set(models, mask) for mask in masks])
    usual = _test_set(models, everyone)
    if usual == 0:
        return None
    found = spreads(models, masks)
    return float(np.sqrt(np.mean(found**2)) / overall), float(np.sqrt(np.mean(expected**2)) / usual)


def arm_findings(arm: Arm, *, by: str | None, reference: str | None = None, level: float = 0.95) -> Iterator[Finding]:
    """Yield spread of accuracy and churn of an arm, of everyone, of each class and of the groups of a partition.

    Spreads are pooled over the sets, √ of the mean variance, with the interval of a variance of normal numbers; they
    stand beside √(err / 2n), what the finite test set alone gives models whose errors are independent (N4).

    Args:
        arm: The arm.
        by: A partition; None for everyone and the classes alone.
        reference: Its reference group.
        level: Level of the intervals.

    Yields:
        ``run_sd`` and ``churn``; the variant is the arm.
    """
    for base, mask in _places(arm.sets[0][0], by, reference):
        n = int(mask.sum())
        blank = replace(base, variant=arm.name, n=n, seeds=max(len(models) for models in arm.sets))
        if not n:
            yield blank
            continue
        yield _spread(blank, arm, mask, level)
        shares = [float(pairwise_churn(models, [mask])[0]) for models in arm.sets]
        yield replace(blank, measure="churn", value=float(np.mean(shares)), undefined=None, method=_sets(arm))


def _spread(base: Finding, arm: Arm, mask: NDArray[np.bool_], level: float) -> Finding:
    variances = [float(spreads(models, [mask])[0]) ** 2 for models in arm.sets]
    value = float(np.sqrt(np.mean(variances)))
    freedom = sum(len(models) - 1 for models in arm.sets)
    floor = float(np.mean([_test_set(models, mask) for models in arm.sets]))
    ends = stats.chi2.ppf([(1 + level) / 2, (1 - level) / 2], freedom)
    low, high = (float(end) for end in value * np.sqrt(freedom / ends))
    return replace(
        base,
        value=value,
        undefined=None,
        low=low if value else None,
        high=high if value else None,
        level=level if value else None,
        method=f"{_sets(arm)}; χ² of a variance, {freedom} degrees of freedom" if value else _sets(arm),
        null=Null(name=TEST_SET, value=floor),
        effect_over_null=value / floor if floor else None,
    )


def _sets(arm: Arm) -> str:
    return f"{len(arm.sets)} sets of {len(arm.sets[0])} models"


def _places(first: Predictions, by: str | None, reference: str | None) -> Iterator[tuple[Finding, NDArray[np.bool_]]]:
    blank = Finding(
        measure="run_sd", variant="", value=None, unit="share", undefined="no example of this group or class"
    )
    yield blank, np.ones(len(first.target), bool)
    for index, label in enumerate(first.label_names):
        yield replace(blank, label=label), first.target == index
    if by is not None:
        groups = first.groups(by, reference=reference)
        for name in groups:
            yield replace(blank, group=name, where={"by": by}), groups.mask(name)


def _test_set(models: Sequence[Predictions], mask: NDArray[np.bool_]) -> float:
    wrong = 1 - float(np.mean([item.correct[mask].mean() for item in models]))
    return binomial_floor(wrong, int(mask.sum()))


def _means(right: Array, mask: NDArray[np.bool_]) -> Array:
    return right[:, mask].mean(axis=1)
