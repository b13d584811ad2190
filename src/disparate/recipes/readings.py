"""Readings: from findings to the tables of a figure, and to what a correlation over groups says."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from disparate.errors import NotEnoughData
from disparate.findings import Finding, Findings
from disparate.recipes.reproduction import Answered, Outcome, Statement
from disparate.report.glossary import term
from disparate.report.selection import EVERYONE, Grid, group_name, pivot
from disparate.report.wording import number
from disparate.stats.association import rank_correlation

Array = NDArray[np.float64]
Read = tuple[tuple[Grid, ...], tuple[Statement, ...]]
"""What a figure is read into: tables and statements."""
ORDERS_SEED = 17
SIGNIFICANT = 0.05
PARTS = frozenset({"layer", "epoch", "form", "stage"})
"""What stands in ``where`` of a finding that is a part of another."""


def changes(answered: Answered, measure: str, *, title: str, note: str = "points") -> Grid:
    """Return the change of every group under every variant, variants in rows."""
    found = answered.result.findings.where(
        lambda item: (item.where or {}).get("axis") in {"both", None} and item.reference is not None,
        measure=measure,
        by=answered.by,
        label=None,
    )
    return by_group(found, answered, title=title, note=note)


def by_group(found: Findings, answered: Answered, *, title: str, note: str = "") -> Grid:
    """Return findings as a table of variants by groups, everyone and the largest group first."""
    return pivot(
        found,
        title=title,
        note=note,
        row=lambda item: item.variant,
        column=group_name,
        columns=(EVERYONE, *answered.groups),
        sizes=answered.result.run["groups"][answered.by],
    )


def measures_by_group(found: Findings, answered: Answered, *, title: str, note: str = "") -> Grid:
    """Return findings of one variant as a table of measures by groups, everyone and the largest group first."""
    return pivot(
        found,
        title=title,
        note=note,
        corner="measure",
        row=lambda item: term(item.measure).title,
        column=group_name,
        columns=(EVERYONE, *answered.groups),
    )


def level_of(answered: Answered, measure: str, variant: str, *, split: str | None = None) -> Findings:
    """Return one number per group of a variant: its whole, not its parts by layer or epoch."""
    return answered.result.findings.where(
        lambda item: (
            item.group is not None
            and item.reference is None
            and not PARTS.intersection(item.where or {})
            and (split is None or (item.where or {}).get("split") == split)
        ),
        measure=measure,
        variant=variant,
        by=answered.by,
        label=None,
    )


def values(found: Findings) -> dict[str, float]:
    """Return the value by group; groups without one are absent."""
    return {item.group: item.value for item in found if item.group is not None and item.value is not None}


def sizes(answered: Answered, variant: str) -> Findings:
    """Return the number of training examples of every group, as findings that a table can show."""
    gradients = level_of(answered, "gradient_norm", variant, split="train")
    return gradients.map(
        lambda item: Finding(
            measure="group_size",
            group=item.group,
            variant=variant,
            value=float(item.n or 0),
            unit="count",
            where=item.where,
        )
    )


def together(left: Mapping[str, float], right: Mapping[str, float], *, claim: str, sign: int) -> Statement:
    """Return whether two numbers go together over groups, by Spearman's correlation and its permutation p-value.

    Args:
        left: One number per group.
        right: Another.
        claim: What the paper says.
        sign: The sign it says, 1 or −1.

    Returns:
        *Seen* where the sign is right and p is below 0.05; few groups prove little, and the statement says how many.

    Example:
        >>> size, norm = {"a": 5, "b": 3, "c": 1}, {"a": 0.1, "b": 0.2, "c": 0.9}
        >>> together(size, norm, claim="larger groups have smaller gradients", sign=-1).here
        'Spearman −1.00 over 3 groups, p = 0.33 (least possible 0.33)'
    """
    shared = [name for name in left if name in right]
    x, y = (np.array([side[name] for name in shared], dtype=np.float64) for side in (left, right))
    paper = "rising together" if sign > 0 else "one falls as the other rises"
    try:
        found = rank_correlation(x, y, generator=np.random.default_rng(ORDERS_SEED))
    except NotEnoughData as error:
        return Statement(claim=claim, paper=paper, here=str(error), outcome="cannot be told")
    here = f"Spearman {found.value:+.2f} over {found.n} groups, p = {found.p_value:.2g}"
    here = here.replace("-", "−") + f" (least possible {found.least_p:.2g})"
    return Statement(claim=claim, paper=paper, here=here, outcome=_signed(found.value * sign, found.p_value))


def _signed(agreement: float, p_value: float) -> Outcome:
    if p_value >= SIGNIFICANT:
        return "not seen"
    return "seen" if agreement > 0 else "contradicted"


def shown(item: Finding | None) -> str:
    """Return a finding's value with its interval, in words for a statement."""
    if item is None or item.value is None:
        return "undefined"
    text = number(item.value, item.unit, signed=item.reference is not None)
    if item.low is None or item.high is None:
        return text
    ends = (number(end, item.unit, signed=item.reference is not None) for end in (item.low, item.high))
    return f"{text} [{', '.join(ends)}]"


def judged(item: Finding, *, sign: int) -> Outcome:
    """Return whether a finding has the sign that a paper says, by the finding's own verdict.

    Args:
        item: A change or a comparison.
        sign: 1 or −1.

    Returns:
        *Seen* or *contradicted* where it is distinguishable, else *not seen*; *cannot be told* where it is undefined.
    """
    if item.value is None or item.distinguishable is None:
        return "cannot be told"
    if not item.distinguishable:
        return "not seen"
    return "seen" if item.value * sign > 0 else "contradicted"


def counted(outcomes: Sequence[Outcome]) -> str:
    """Return how often each outcome occurs.

    Example:
        >>> counted(["seen", "not seen", "seen"])
        'seen 2 of 3, not seen 1'
    """
    names = dict.fromkeys(outcomes)
    parts = [f"{name} {outcomes.count(name)}" for name in names]
    return f"{parts[0]} of {len(outcomes)}" + "".join(f", {part}" for part in parts[1:])


def overall(outcomes: Sequence[Outcome]) -> Outcome:
    """Return one outcome of several: contradicted if any is, seen if most are and none contradicts."""
    if "contradicted" in outcomes:
        return "contradicted"
    told = [item for item in outcomes if item != "cannot be told"]
    if not told:
        return "cannot be told"
    return "seen" if told.count("seen") > len(told) / 2 else "not seen"
