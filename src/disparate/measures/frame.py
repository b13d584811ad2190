"""Results the way fairlearn's users know them: overall, by group, difference, ratio, smallest and largest."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from disparate.errors import BadInput
from disparate.groups import Groups
from disparate.measures.counts import confusion_counts
from disparate.measures.measure import Measure
from disparate.measures.table import measure_named
from disparate.predictions import Predictions

if TYPE_CHECKING:
    import pandas as pd

Method = Literal["between_groups", "to_overall"]
Scores = Mapping[str, float | None]
AnyMeasure = str | Callable[[NDArray[np.int64], NDArray[np.int64]], float]
"""The name of a measure, or any function of targets and answers (label indices) that gives a number."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GroupedResult:
    """Measures of one set of predictions, for everyone and by group; None where undefined.

    Args:
        by: What the groups are made by, such as ``"race"`` or ``"race*sex"``.
        sizes: Number of examples by group name.
        overall: Measure to its value for everyone.
        by_group: Measure to group name to value. Measures of a class are called ``"tpr[cat]"``.
    """

    by: str
    sizes: Mapping[str, int]
    overall: Scores
    by_group: Mapping[str, Scores]

    def group_min(self) -> dict[str, float | None]:
        """Return the smallest value over the groups, per measure; None where no group has one."""
        return {name: min(_defined(scores), default=None) for name, scores in self.by_group.items()}

    def group_max(self) -> dict[str, float | None]:
        """Return the largest value over the groups, per measure; None where no group has one."""
        return {name: max(_defined(scores), default=None) for name, scores in self.by_group.items()}

    def difference(self, method: Method = "between_groups") -> dict[str, float | None]:
        """Return the largest absolute difference, per measure.

        Args:
            method: ``"between_groups"``: largest minus smallest; ``"to_overall"``: the largest distance of a group to
                the value for everyone.

        Returns:
            Measure to difference; None where there is nothing to compare.
        """
        return {name: self._compare(name, method, _distance, max) for name in self.by_group}

    def ratio(self, method: Method = "between_groups") -> dict[str, float | None]:
        """Return the smallest ratio, smaller over larger, per measure; 1 is parity.

        Args:
            method: ``"between_groups"``: smallest over largest; ``"to_overall"``: the smallest ratio of a group and the
                value for everyone, whichever way round is below 1.

        Returns:
            Measure to ratio; None where there is nothing to compare or the larger value is 0.
        """
        return {name: self._compare(name, method, _quotient, min) for name in self.by_group}

    def to_pandas(self) -> "pd.DataFrame":
        """Return a frame with a row per group and a column per measure; undefined values are NA."""
        import pandas as pd

        frame = pd.DataFrame({name: dict(scores) for name, scores in self.by_group.items()}, dtype="Float64")
        return frame.reindex(list(self.sizes)).rename_axis(self.by)

    def _compare(
        self,
        name: str,
        method: Method,
        compare: Callable[[float, float], float | None],
        choose: Callable[[list[float]], float],
    ) -> float | None:
        values = _defined(self.by_group[name])
        if method == "between_groups":
            return compare(min(values), max(values)) if values else None
        if method != "to_overall":
            raise BadInput(f"method is '{method}'; 'between_groups' or 'to_overall' was expected.")
        whole = self.overall[name]
        found = [] if whole is None else [compare(value, whole) for value in values]
        known = [value for value in found if value is not None]
        return choose(known) if known else None


def by_group(predictions: Predictions, *, by: str, measures: Sequence[AnyMeasure] = ("accuracy",)) -> GroupedResult:
    """Return measures for everyone and for every group.

    Args:
        predictions: Answers of one run.
        by: A group attribute, ``"race"``, or an intersection, ``"race*sex"``.
        measures: Names of measures of one group, or functions of targets and answers; a function is called by
            its name and gets no weights.

    Returns:
        The result; a group without an example has None, and so has what a function gives as NaN.

    Raises:
        BadInput: A measure compares groups or runs, so that it has no value per group.

    Example:
        >>> from disparate.groups import Attribute
        >>> zeros = np.zeros(3, dtype=np.float32)
        >>> answers = Predictions(
        ...     example_id=np.array(["1", "2", "3"]), target=np.array([0, 1, 1]), predicted=np.array([0, 1, 0]),
        ...     loss=zeros, margin=zeros, label_names=("cat", "dog"), attributes={"sex": Attribute.of(["f", "f", "m"])},
        ... )
        >>> result = by_group(answers, by="sex", measures=["accuracy"])
        >>> dict(result.by_group["accuracy"]), result.difference()
        ({'f': 1.0, 'm': 0.0}, {'accuracy': 1.0})
    """
    groups = predictions.groups(by)
    codes = np.zeros(len(predictions), dtype=np.int32)
    everyone = Groups(by=by, names=("",), codes=codes, reference="", multiplicity=predictions.multiplicity)
    split: dict[str, dict[str, float | None]] = {}
    whole: dict[str, float | None] = {}
    for measure in measures:
        split |= _scores(measure, predictions, groups)
        whole |= {name: scores[""] for name, scores in _scores(measure, predictions, everyone).items()}
    return GroupedResult(by=groups.by, sizes=groups.counts(), overall=whole, by_group=split)


def group_values(measure: Measure, predictions: Predictions, groups: Groups) -> NDArray[np.float64]:
    """Return a measure of one group for all groups, NaN where undefined.

    Args:
        measure: A measure of kind ``mean``, ``root_mean``, ``rate`` or ``class_rate``.
        predictions: Answers of one run.
        groups: The partition.

    Returns:
        Shape (groups,), and (groups, classes) for measures of a class.

    Raises:
        BadInput: The measure compares groups or runs.
    """
    if measure.kind in {"mean", "root_mean"}:
        means = group_means(measure.function(predictions), groups, weight=predictions.mass)
        return means if measure.kind == "mean" else np.sqrt(means)
    if measure.kind not in {"rate", "class_rate"}:
        raise BadInput(
            f"measure '{measure.name}' compares groups or runs and has no value per group; measures such as "
            "'accuracy', 'f1_macro' or 'tpr' were expected here. Use assess(...) for comparisons."
        )
    return measure.function(group_counts(predictions, groups))


def group_counts(predictions: Predictions, groups: Groups) -> NDArray[np.float64]:
    """Return the confusion counts of every group, shape (groups, classes, classes).

    Raises:
        BadInput: Answers are numbers, or the right ones are not known.
    """
    if not predictions.labelled:
        raise BadInput(
            f"{predictions.run} has no right answers, and so no rates; take measures such as modal_exemplars."
        )
    if predictions.answers == "numbers":
        raise BadInput(f"{predictions.run} holds numbers and no labels; take measures such as mean_absolute_error.")
    return confusion_counts(
        predictions.target,
        predictions.predicted,
        groups.codes,
        groups=len(groups),
        classes=len(predictions.label_names),
        weight=predictions.mass,
    )


def group_means(
    values: NDArray[np.float64], groups: Groups, *, weight: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Return the mean over every group, NaN for a group without examples.

    Args:
        values: One value per example, shape (examples,).
        groups: The partition.
        weight: What every row counts.

    Returns:
        Shape (groups,).
    """
    ones = np.ones(len(values)) if weight is None else weight
    total = np.bincount(groups.codes, weights=values * ones, minlength=len(groups))
    n = np.bincount(groups.codes, weights=ones, minlength=len(groups))
    return np.divide(total, n, out=np.full(len(groups), np.nan), where=n > 0)


def _scores(measure: AnyMeasure, predictions: Predictions, groups: Groups) -> dict[str, dict[str, float | None]]:
    if not isinstance(measure, str):
        name = getattr(measure, "__name__", type(measure).__name__)
        return {name: {group: _called(measure, predictions, groups, group) for group in groups}}
    values = group_values(measure_named(measure), predictions, groups)
    columns = {measure: values} if values.ndim == 1 else _per_class(measure, values, predictions.label_names)
    return {name: dict(zip(groups.names, map(_number, column), strict=True)) for name, column in columns.items()}


def _per_class(name: str, values: NDArray[np.float64], labels: tuple[str, ...]) -> dict[str, NDArray[np.float64]]:
    return {f"{name}[{label}]": values[:, place] for place, label in enumerate(labels)}


def _called(measure: Callable[..., Any], predictions: Predictions, groups: Groups, group: str) -> float | None:
    rows = groups.mask(group)
    if not rows.any():
        return None
    return _number(measure(predictions.target[rows], predictions.predicted[rows]))


def _number(value: Any) -> float | None:
    number = float(value)
    return number if np.isfinite(number) else None


def _defined(scores: Scores) -> list[float]:
    return [value for value in scores.values() if value is not None]


def _distance(value: float, other: float) -> float:
    return abs(value - other)


def _quotient(value: float, other: float) -> float | None:
    low, high = sorted((value, other))
    return None if high == 0 else low / high
