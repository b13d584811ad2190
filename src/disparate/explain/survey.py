"""Surveys of loss surfaces, one per training seed: gradients per group, what chance makes of them, what size forces."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from disparate.explain.bounds import SizeAndGradient, size_and_gradient
from disparate.explain.over_seeds import About, mean_over_seeds
from disparate.findings import Finding, Null
from disparate.stats.permuted import PERMUTED

Row = Mapping[str, Any]
WHY = "no example of this group in this split"
COIN = Null(name="chance", value=0.5)
"""What a statement about an order is right in half of the time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Survey:
    """What was found around the weights of one network.

    Args:
        seed: Its training seed.
        rows: One per partition, split and group: ``n``, ``norm``, ``chance``, ``by_layer``; on the training split also
            ``loss`` and what is known of the curvature.
        flow: The same gradients by ``epoch``.
        whole: Norm of the gradient over everybody; None where it was not asked for.
        undefined: Why gradients, curvature and others could not be had.
    """

    seed: int
    rows: Sequence[Row]
    flow: Sequence[Row] = ()
    whole: float | None = None
    undefined: Mapping[str, str] = field(default_factory=dict[str, str])

    def row(self, by: str, split: str, group: str) -> Row | None:
        """Return a group's row; None where it has no example in the split."""
        return next((row for row in self.rows if (row["by"], row["split"], row["group"]) == (by, split, group)), None)

    def splits(self, by: str) -> list[str]:
        """Return the splits with a row, in order."""
        return list(dict.fromkeys(row["split"] for row in self.rows if row["by"] == by))


def reason(surveys: Sequence[Survey], what: str, otherwise: str = WHY) -> str:
    """Return why something could not be had under some seed; the usual reason where none is known."""
    return next((found.undefined[what] for found in surveys if what in found.undefined), otherwise)


def each(surveys: Sequence[Survey], by: str, split: str, group: str, *path: str) -> list[float | None]:
    """Return a number of a group under every seed; None where a seed has none.

    Args:
        surveys: One per seed.
        by: The partition.
        split: The split.
        group: The group.
        *path: Key of the number in the row, and keys in what is found there.

    Returns:
        One entry per seed.
    """
    found: list[float | None] = []
    for survey in surveys:
        value: Any = survey.row(by, split, group)
        for key in path:
            value = value.get(key) if isinstance(value, Mapping) else None
        found.append(None if value is None else float(value))
    return found


def gradient_findings(
    surveys: Sequence[Survey], groups: Sequence[str], *, by: str, variant: str, level: float = 0.95
) -> Iterator[Finding]:
    r"""Yield ‖g_a‖ per group and split, whole and by layer, and by epoch where epochs were kept; the mean over seeds.

    The null is N3: the root mean square norm of as many examples dealt at random. A small group has a long gradient by
    that alone, so only a ratio above 1 says something about the group. The p-value is the share of groups dealt at
    random with as long a gradient: twice the median of those of the seeds (ruger1978).

    Args:
        surveys: One per seed.
        groups: Names of the groups; one without an example is undefined.
        by: The partition.
        variant: The variant.
        level: Level of the intervals, over seeds.

    Yields:
        ``gradient_norm``, with ``layer`` or ``epoch`` in ``where`` for the parts.
    """
    for split in surveys[0].splits(by) or ["train"]:
        for group in groups:
            about = About(
                measure="gradient_norm",
                variant=variant,
                group=group,
                unit="nats per weight",
                where={"by": by, "split": split},
                n=_first(surveys, by, split, group, "n"),
                least=0.0,
            )
            values = each(surveys, by, split, group, "norm")
            floor = _floor(each(surveys, by, split, group, "chance"))
            found = mean_over_seeds(values, about, level=level, floor=floor, why=reason(surveys, "gradients"))
            yield _dealt(found, each(surveys, by, split, group, "p_value"))
            yield from _layers(surveys, about, level)
            if split == "train":
                yield from _flow(surveys, about, level)


def size_findings(
    surveys: Sequence[Survey], *, by: str, variant: str, split: str = "train", level: float = 0.95
) -> Iterator[Finding]:
    """Yield whether larger groups have shorter gradients, as theorem 4.3 / proposition 1 has it, and what forces it.

    - ``size_order_violations``: share of the pairs of groups of different size whose larger group has the *longer*
      gradient; where sizes say nothing it is a half.
    - ``gradient_ratio``: with two groups, the smaller group's norm over the larger one's. At a stationary point of the
      training loss it *is* the inverse ratio of the sizes, whatever the data; ``inverse_sizes`` in ``where`` names that
      ratio and ``slack`` how far from it the ratio can be at all (the largest of the seeds).

    Args:
        surveys: One per seed.
        by: The partition.
        variant: The variant.
        split: The split.
        level: Level of the intervals, over seeds.

    Yields:
        Findings of the whole; nothing where no seed has two groups.
    """
    found = [item for survey in surveys if (item := _sizes_and_norms(survey, by, split)) is not None]
    if not found:
        return
    about = About(
        measure="size_order_violations", variant=variant, unit="share", where={"by": by, "split": split}, least=0.0
    )
    broken = [len(item.violations) / item.pairs if item.pairs else None for item in found]
    said = f"{sum(len(item.violations) for item in found)} of {sum(item.pairs for item in found)} pairs, all seeds"
    shares = mean_over_seeds(broken, about, level=level, floor=COIN, why="no two groups differ in size")
    high = None if shares.high is None else min(1.0, shares.high)
    yield replace(shares, high=high, method=f"{shares.method}; {said}")
    forced = found[0].inverse_sizes
    if forced is not None:
        slacks = [item.slack for item in found if item.slack is not None]
        where = {**(about.where or {}), "inverse_sizes": forced, "slack": max(slacks) if slacks else None}
        ratio = replace(about, measure="gradient_ratio", unit="ratio", where=where)
        yield mean_over_seeds([item.ratio for item in found], ratio, level=level, why="the larger gradient is 0")


def _sizes_and_norms(survey: Survey, by: str, split: str) -> SizeAndGradient | None:
    rows = [row for row in survey.rows if (row["by"], row["split"]) == (by, split)]
    if len(rows) < 2:
        return None
    sizes, norms = ({row["group"]: row[key] for row in rows} for key in ("n", "norm"))
    return size_and_gradient(sizes, norms, whole=survey.whole or 0.0)


def _layers(surveys: Sequence[Survey], about: About, level: float) -> Iterator[Finding]:
    where = about.where or {}
    rows = [survey.row(where["by"], where["split"], about.group or "") for survey in surveys]
    for layer in rows[0]["by_layer"] if rows[0] else ():
        values = [None if row is None else row["by_layer"].get(layer) for row in rows]
        yield mean_over_seeds(values, replace(about, where={**where, "layer": layer}), level=level, why=WHY)


def _flow(surveys: Sequence[Survey], about: About, level: float) -> Iterator[Finding]:
    by = (about.where or {})["by"]
    own = [[row for row in survey.flow if (row["by"], row["group"]) == (by, about.group)] for survey in surveys]
    if len({tuple(row["epoch"] for row in rows) for rows in own}) > 1:  # a seed without this group, or other epochs
        return
    for rows in zip(*own, strict=True):
        where = {**(about.where or {}), "epoch": rows[0]["epoch"]}
        floor = _floor([row["chance"] for row in rows])
        yield mean_over_seeds([row["norm"] for row in rows], replace(about, where=where), level=level, floor=floor)


def _floor(chance: Sequence[float | None]) -> Null | None:
    known = [value for value in chance if value is not None]
    return Null(name=PERMUTED, value=float(np.mean(known))) if known else None


def _dealt(finding: Finding, p_values: Sequence[float | None]) -> Finding:
    known = [p for p in p_values if p is not None]
    if not known or finding.value is None:
        return finding
    p_value = min(1.0, float(np.median(known)) * (2 if len(known) > 1 else 1))
    return replace(finding, p_value=p_value, method=f"{finding.method}; p of groups dealt at random, one-sided")


def _first(surveys: Sequence[Survey], by: str, split: str, group: str, key: str) -> int | None:
    return next((row[key] for survey in surveys if (row := survey.row(by, split, group)) is not None), None)
