"""From a number per example to groups: which group holds the hard examples, and whether that is more than chance."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import special

from disparate.errors import BadInput
from disparate.findings import Finding, Null
from disparate.groups import Groups
from disparate.measures.difficulty import in_hardest
from disparate.measures.statements import OVER
from disparate.stats.paired import PairedEstimate, paired_mean
from disparate.stats.permuted import PERMUTED

Array = NDArray[np.float64]
HARDEST = 0.1
ABOVE = "above_everyone"
TENTH = "hardest_tenth"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Numbers:
    """A number per example under every seed of a variant.

    Args:
        measure: What the number is, such as ``"closeness_gini"``.
        variant: The variant.
        split: The split that the examples are of.
        values: Shape (seeds, examples); NaN where undefined.
        unit: Its unit.
        hard: Whether ``"high"`` or ``"low"`` values are hard; None where the number is not about difficulty.
        undefined_when: When an example has no such number.
    """

    measure: str
    variant: str
    split: str
    values: Array
    unit: str
    hard: str | None = None
    undefined_when: str = "no example of the group has a value"

    def __post_init__(self) -> None:
        if self.values.ndim != 2:
            raise BadInput(f"{self.measure}: values of shape {self.values.shape}; (seeds, examples) was expected.")

    @property
    def hardness(self) -> Array:
        """Mean over seeds per example, turned so that large is hard; NaN where any seed has no value."""
        return (-1.0 if self.hard == "low" else 1.0) * self.values.mean(axis=0)


def group_numbers(numbers: Numbers, groups: Groups, *, level: float = 0.95, min_count: int = 30) -> Iterator[Finding]:
    r"""Yield what a number is in every group: mean, mean above everyone's, and share among the hardest tenth.

    Examples that lack a value under some seed are left out of the mean and counted in the method. The mean above
    everyone's is held against N3: with labels dealt at random a group of n of N examples lies

    $$ s \sqrt{\frac{N - n}{n (N - 1)}} $$

    away, root mean square, s being the standard deviation over examples; its p-value is the normal one, not corrected.

    Args:
        numbers: The numbers.
        groups: The partition of the same examples.
        level: Level of intervals.
        min_count: Fewest examples for an interval or a test.

    Yields:
        Findings without a reference; ``form`` in ``where`` tells them apart, and the mean has none.

    Raises:
        BadInput: The groups are of another number of examples.

    Example:
        >>> from disparate.groups import Attribute
        >>> groups = Groups.of({"sex": Attribute.of(["f", "f", "m", "m"])}, by="sex")
        >>> numbers = Numbers(measure="el2n", variant="reference", split="test", values=np.array([[1.0, 2, 3, 4]]),
        ...                   unit="length", hard="high")
        >>> [(item.group, item.value) for item in group_numbers(numbers, groups) if "form" not in item.where]
        [('f', 1.5), ('m', 3.5)]
    """
    if numbers.values.shape[1] != len(groups.codes):
        raise BadInput(
            f"{numbers.measure}: numbers of {numbers.values.shape[1]} examples and groups of {len(groups.codes)}; the "
            "same examples were expected."
        )
    known = np.isfinite(numbers.values).all(axis=0)
    belongs = in_hardest(numbers.hardness, share=HARDEST) if numbers.hard else None
    for name in groups:
        own = groups.mask(name) & known
        missing = int(groups.mask(name).sum() - own.sum())
        base = _blank(numbers, groups, name, int(own.sum()), missing)
        if not own.any():
            yield base
            continue
        enough = int(own.sum()) >= min_count
        yield _mean(base, paired_mean(numbers.values[:, own]), level=level, enough=enough)
        yield _above(base, numbers.values[:, known].mean(axis=0), numbers.values[:, own].mean(axis=0), enough=enough)
        if belongs is not None:
            yield _in_tenth(base, belongs[None, own], level=level, enough=enough)


def _blank(numbers: Numbers, groups: Groups, name: str, n: int, missing: int) -> Finding:
    return Finding(
        measure=numbers.measure,
        group=name,
        where={"by": groups.by, "split": numbers.split},
        variant=numbers.variant,
        value=None,
        undefined=numbers.undefined_when,
        method=f"{missing} examples have no value" if missing else None,
        n=n,
        seeds=len(numbers.values),
        unit=numbers.unit,
    )


def _mean(base: Finding, estimate: PairedEstimate, *, level: float, enough: bool) -> Finding:
    axis = estimate.widest
    interval = estimate.interval(axis, level=level) if enough and axis else None
    how = f"t {OVER[axis]}" if interval and axis else ""
    return replace(
        base,
        undefined=None,
        value=estimate.value,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        level=level if interval else None,
        method="; ".join(part for part in (how, base.method) if part) or None,
    )


def _in_tenth(base: Finding, belongs: Array, *, level: float, enough: bool) -> Finding:
    found = _mean(base, paired_mean(belongs), level=level, enough=enough)
    low, high = (None if end is None else min(1.0, max(0.0, end)) for end in (found.low, found.high))
    return replace(
        found,
        where={**(base.where or {}), "form": TENTH},
        low=low,
        high=high,
        null=Null(name=PERMUTED, value=HARDEST),
        effect_over_null=None if found.value is None else found.value / HARDEST,
        unit="share",
    )


def _above(base: Finding, everyone: Array, own: Array, *, enough: bool) -> Finding:
    total, n = len(everyone), len(own)
    value = float(own.mean() - everyone.mean())
    floor = float(everyone.std()) * math.sqrt((total - n) / (n * (total - 1))) if total > 1 else 0.0
    found = replace(base, where={**(base.where or {}), "form": ABOVE}, undefined=None, value=value)
    if floor == 0:
        return found
    return replace(
        found,
        null=Null(name=PERMUTED, value=floor),
        effect_over_null=abs(value) / floor,
        p_value=float(2 * special.ndtr(-abs(value) / floor)) if enough else None,
    )
