"""Is there a barrier between two solutions, and for whom?"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from disparate.errors import BadInput
from disparate.findings import Finding
from disparate.geometry.line import Line
from disparate.groups import Groups
from disparate.measures.statements import OVER
from disparate.predictions import REFERENCE
from disparate.stats.paired import paired_mean

Array = NDArray[np.float64]
LEVELS = {"loss": ("loss_along_line", "nats"), "correct": ("accuracy_along_line", "share")}


def barrier_findings(
    lines: Sequence[Line], groups: Groups, *, variant: str, split: str, level: float = 0.95, min_count: int = 30
) -> Iterator[Finding]:
    r"""Yield how high every group's loss rises above the chord between two solutions, and the line itself.

    $$ B_a = \max_t \; \frac{1}{|D_a|} \sum_{i \in D_a} e_i(t), \qquad
       e_i(t) = \ell_i(\theta(t)) - (1 - t)\,\ell_i(\theta) - t\,\ell_i(\theta') $$

    in nats, from 0 upwards, as both ends lie on the chord (entezari2022's error barrier, per group). The mean over
    seeds is taken before the maximum over t; it is paired by example and by seed. The maximum of noisy means is too
    high by itself, so the interval is made of the intervals at every point between the ends, each at level
    1 − (1 − level)/(points − 2): it holds the maximum of the true means at these points with at least ``level``.

    Args:
        lines: One line per seed, over the same examples at the same positions.
        groups: The partition of these examples.
        variant: Whose weights are at t = 1; the reference's are at 0.
        split: The split that the examples are of.
        level: Level of the intervals.
        min_count: Fewest examples for an interval.

    Yields:
        For everyone and per group ``loss_barrier`` (``t`` in ``where`` is where it is attained), and at every t
        ``loss_along_line`` and ``accuracy_along_line``. Undefined where a group has no example.

    Raises:
        BadInput: There is no line, or the lines or the groups are of other positions or examples.
    """
    shapes = {line.loss.shape for line in lines} | {(len(line.at), len(groups.codes)) for line in lines}
    if len(shapes) != 1:
        raise BadInput(f"{len(lines)} lines of shapes {sorted(shapes)}; one shape (points, examples) was expected.")
    excess = np.stack([line.excess for line in lines])
    for name in (None, *groups):
        own = np.ones(len(groups.codes), dtype=np.bool_) if name is None else groups.mask(name)
        blank = Finding(
            measure="loss_barrier",
            group=name,
            where={"split": split} if name is None else {"by": groups.by, "split": split},
            variant=variant,
            reference=REFERENCE,
            value=None,
            undefined="no example of this group",
            n=int(own.sum()),
            seeds=len(lines),
            unit="nats",
        )
        if not own.any():
            yield blank
            continue
        enough = level if int(own.sum()) >= min_count else None
        yield _highest(blank, excess[:, :, own], lines[0].at, level=enough)
        for kind, (measure, unit) in LEVELS.items():
            values = np.stack([getattr(line, kind)[:, own] for line in lines]).astype(np.float64)
            for place, t in enumerate(lines[0].at.tolist()):
                base = replace(blank, measure=measure, unit=unit, where={**(blank.where or {}), "t": t}, reference=None)
                yield _mean(base, values[:, place], level=enough)


def _highest(blank: Finding, excess: Array, at: Array, *, level: float | None) -> Finding:
    """Return the highest mean over t; shape of the excess is (seeds, points, examples)."""
    means = excess.mean(axis=(0, 2))
    peak = int(means.argmax())
    each = None if level is None else 1 - (1 - level) / (len(at) - 2)
    between = [_mean(blank, excess[:, place], level=each) for place in range(1, len(at) - 1)]
    lows = [item.low for item in between if item.low is not None]
    highs = [item.high for item in between if item.high is not None]
    known = len(lows) == len(between)
    return replace(
        blank,
        undefined=None,
        where={**(blank.where or {}), "t": float(at[peak])},
        value=max(0.0, float(means[peak])),
        low=max(0.0, *lows) if known else None,
        high=max(0.0, *highs) if known else None,
        level=level if known else None,
        method=f"simultaneous {between[0].method}, {len(between)} points" if known else None,
    )


def _mean(base: Finding, values: Array, *, level: float | None) -> Finding:
    estimate = paired_mean(values)
    axis = estimate.widest
    interval = estimate.interval(axis, level=level) if axis and level is not None else None
    return replace(
        base,
        undefined=None,
        value=estimate.value,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        level=level if interval else None,
        method=f"t {OVER[axis]}" if interval and axis else None,
    )
