"""Which answers flip: does closeness to the boundary tell, and does the group still matter once it is known?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from disparate.errors import BadInput, NotEnoughData
from disparate.findings import Finding, Null
from disparate.groups import Groups
from disparate.stats.association import logistic, more_likely, separation
from disparate.stats.intervals import t_interval

Array = NDArray[np.float64]
SEPARATION = "flip_separation"
GROUP_BEYOND = "group_beyond_closeness"
CHANCE = Null(name="chance", value=0.5)
SMALLEST = 1e-12


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Flips:
    """Which answers of a variant differ from the reference's, and how near the boundary the examples lay before.

    Args:
        variant: The variant.
        measure: What says how near: ``"distance_parameters"`` …
        near: Under every seed of the reference, shape (seeds, examples); large is near.
        flipped: Whether the answer differs, same shape.
        split: The split that the examples are of.
    """

    variant: str
    measure: str
    near: Array
    flipped: NDArray[np.bool_]
    split: str

    def __post_init__(self) -> None:
        if self.near.shape != self.flipped.shape or self.near.ndim != 2:
            raise BadInput(
                f"flips of '{self.variant}': closeness of shape {self.near.shape} and flips of {self.flipped.shape}; "
                "(seeds, examples) for both was expected."
            )


def flip_findings(flips: Flips, groups: Groups, *, level: float = 0.95) -> Iterator[Finding]:
    """Yield how well closeness tells which answers flip, for everyone and per group, and what the group adds to it.

    - ``flip_separation``: probability that an answer that flips lay nearer the boundary than one that stays; 0.5 is
      chance. Mean over seeds; the interval is over seeds, or with one seed over examples (DeLong).
    - ``group_beyond_closeness``: largest ratio between groups in the odds of a flip at equal closeness, from a logistic
      regression of flips on the standardised rank of closeness, its square and the groups; median over seeds. The
      p-value is that of the likelihood-ratio test that the groups say nothing more: twice the median of those of the
      seeds, which holds however the seeds depend on each other (ruger1978).

    Undefined when fewer than two answers flip or stay.

    Args:
        flips: The flips.
        groups: The partition of the same examples.
        level: Level of intervals.

    Yields:
        Findings with ``near`` and ``split`` in ``where``.

    Example:
        >>> from disparate.groups import Attribute
        >>> groups = Groups.of({"sex": Attribute.of(["f", "f", "m", "m"])}, by="sex")
        >>> flips = Flips(variant="int8", measure="closeness_gini", near=np.array([[0.9, 0.8, 0.2, 0.1]]),
        ...               flipped=np.array([[True, True, False, False]]), split="test")
        >>> next(flip_findings(flips, groups)).value
        1.0
    """
    everyone = np.ones(flips.near.shape[1], dtype=np.bool_)
    yield _separated(flips, groups, None, everyone, level)
    for name in groups:
        yield _separated(flips, groups, name, groups.mask(name), level)
    yield _beyond(flips, groups)


def _blank(flips: Flips, groups: Groups, measure: str, group: str | None, n: int, unit: str) -> Finding:
    return Finding(
        measure=measure,
        group=group,
        where={"by": groups.by, "split": flips.split, "near": flips.measure},
        variant=flips.variant,
        value=None,
        undefined="fewer than two answers flip, or fewer than two stay",
        n=n,
        seeds=len(flips.near),
        unit=unit,
    )


def _separated(flips: Flips, groups: Groups, group: str | None, own: NDArray[np.bool_], level: float) -> Finding:
    base = _blank(flips, groups, SEPARATION, group, int(own.sum()), "share")
    found = [
        separation(near[own], flipped[own])
        for near, flipped in zip(flips.near, flips.flipped, strict=True)
        if min(flipped[own].sum(), (~flipped[own]).sum()) > 1
    ]
    if not found:
        return base
    values = np.array([item.value for item in found])
    if len(found) > 1:
        reach = t_interval(values, level=level) if np.ptp(values) > 0 else None
        low, high = (max(0.0, reach[0]), min(1.0, reach[1])) if reach else (None, None)
        method = f"t over the {len(found)} seeds with flips"
    else:
        (low, high), method = found[0].interval(level=level), "DeLong over examples"
    return replace(
        base,
        undefined=None,
        value=float(values.mean()),
        low=low,
        high=high,
        level=None if low is None else level,
        method=method,
        null=CHANCE,
    )


def _beyond(flips: Flips, groups: Groups) -> Finding:
    base = _blank(flips, groups, GROUP_BEYOND, None, flips.near.shape[1], "ratio")
    found = [_of_a_seed(near, flipped, groups) for near, flipped in zip(flips.near, flips.flipped, strict=True)]
    known = [item for item in found if item is not None]
    if not known:
        return base
    p_value = float(np.median([p for _, p in known])) * (2 if len(known) > 1 else 1)
    return replace(
        base,
        undefined=None,
        value=float(np.median([ratio for ratio, _ in known])),
        p_value=min(1.0, p_value),
        method=f"logistic regression, likelihood ratio, {len(known)} seeds; exploratory, not corrected",
    )


def _of_a_seed(near: Array, flipped: NDArray[np.bool_], groups: Groups) -> tuple[float, float] | None:
    """Return the largest ratio of odds between groups at equal closeness, and the p-value of the groups."""
    names = [name for name in groups if _varies(flipped[groups.mask(name)])]
    if len(names) < 2:
        return None
    own = np.isin(groups.codes, [groups.names.index(name) for name in names])
    rank = rankdata(near[own])
    rank = (rank - rank.mean()) / max(float(rank.std()), SMALLEST)
    plain = np.column_stack([np.ones(len(rank)), rank, rank**2])
    members = np.column_stack([groups.mask(name)[own] for name in names[1:]]).astype(np.float64)
    try:
        small = logistic(plain, flipped[own])
        large = logistic(np.column_stack([plain, members]), flipped[own])
    except NotEnoughData:
        return None
    effects = np.concatenate([[0.0], large.coefficients[plain.shape[1] :]])
    return float(np.exp(np.ptp(effects))), more_likely(small, large)


def _varies(flipped: Sequence[bool] | NDArray[np.bool_]) -> bool:
    return bool(np.any(flipped)) and not bool(np.all(flipped))
