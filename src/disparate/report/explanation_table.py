"""The explanation table: what the reference is like for every group, beside what its variants cost the group."""

import math
from collections.abc import Iterable

from disparate.findings import Finding, Findings, Result
from disparate.predictions import REFERENCE
from disparate.report.glossary import term
from disparate.report.selection import Grid, groups, is_part, pivot, place
from disparate.report.wording import counted, plain, unit_words

CORRELATION = "explanation_correlation"
CAUSES = {
    "group_size": "training examples",
    "gradient_norm": "gradient norm ‖g‖",
    "hessian_eigenvalue": "top eigenvalue λ(H)",
    "closeness_gini": "closeness 1 − Σp²",
    "vog": "VoG",
    "distance_parameters": "distance in weights",
    "first_correct": "first right epoch",
}
"""What may tell who pays, in order, with its head in a table."""
SHOWN = ("group_size", "gradient_norm", "hessian_eigenvalue", "closeness_gini", "vog")
"""What of it stands in the explanation table; the table of correlations has all."""
OF_TRAINING = frozenset({"group_size", "gradient_norm", "hessian_eigenvalue"})
EFFECTS = {"excessive_risk": "R", "hardware_sensitivity": "Δ", "accuracy": "accuracy gained", "churn": "churn"}
MOST_EFFECTS = 4
"""Most variants whose harm stands in the explanation table, those that move the groups furthest apart; the table of
correlations has all."""
SIGNIFICANT = 0.05
MANY = 8


def why_words(result: Result, by: str, correlated: Findings) -> str:
    """Return what the explanation table can and cannot say, with the number of groups and of correlations.

    Args:
        result: Findings and run record.
        by: The attribute.
        correlated: The correlations.

    Returns:
        Some sentences.
    """
    n = max((item.n or 0 for item in correlated), default=len(groups(result, by)))
    known = [item.p_value for item in correlated if item.p_value is not None]
    told = [
        "What the reference is like for every group, beside what its variants cost the group. Sizes, gradients and "
        "curvature are of the training split, everything else of the judged one."
    ]
    if n < 3:
        told.append(f"{counted(n, 'group')}: an order of fewer than three groups proves nothing.")
    else:
        least = f"the smallest p-value there can be is {2 / math.factorial(n):.2g}, and " if n <= MANY else ""
        told.append(f"{_spelt(n)} groups prove little: {least}what goes together need not cause.")
    if known:
        below = sum(p < SIGNIFICANT for p in known)
        told.append(
            f"Of {counted(len(known), 'correlation')}, {below} {'has' if below == 1 else 'have'} p below "
            f"{SIGNIFICANT}, before any correction for looking at so many."
        )
    return " ".join(told)


def _spelt(n: int) -> str:
    words = ("Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten")
    return words[n - 3] if 3 <= n <= 10 else str(n)


def explanation_table(result: Result, by: str, own: Findings) -> Grid:
    """Return the explanation table: a row per group, its properties and what it pays, and correlations below.

    Args:
        result: Findings and run record, to know the order of the groups.
        by: The attribute.
        own: Findings of the attribute.

    Returns:
        The table. A column without any finding is left out.
    """
    chosen = _costliest(own)
    cells = _properties(own)
    for effect, variant in chosen:
        cells |= _costs(own, effect, variant)
    rows = [*map(plain, groups(result, by)), *(_below(effect, variant) for effect, variant in chosen)]
    heads = [*(CAUSES[name] for name in SHOWN), *(_head(effect, variant) for effect, variant in chosen)]
    found = {row for row, _ in cells}, {column for _, column in cells}
    return Grid(
        title=f"Explanation table by {by}",
        note=f"{_units_of(cells.values())} Below the groups: Spearman's correlation over them of each column with what "
        "stands at the left, and its permutation p.",
        corner="group",
        rows=tuple(row for row in dict.fromkeys(rows) if row in found[0]),
        columns=tuple(head for head in heads if head in found[1]),
        sizes={},
        cells=cells,
    )


def _properties(own: Findings) -> dict[tuple[str, str], Finding]:
    return {
        (plain(item.group), CAUSES[name]): item
        for name in SHOWN
        for item in _of_reference(own, name)
        if item.group is not None
    }


def _costs(own: Findings, effect: str, variant: str) -> dict[tuple[str, str], Finding]:
    """Return what groups pay for a variant, and below what it correlates with."""
    head = _head(effect, variant)
    paid = {(plain(item.group), head): item for item in _paid(own, effect, variant) if item.group is not None}
    correlated = own.where(measure=CORRELATION, effect=effect, variant=variant, of="harm")
    shown = [item for item in correlated if place(item, "cause") in SHOWN]
    return paid | {(_below(effect, variant), CAUSES[str(place(item, "cause"))]): item for item in shown}


def _below(effect: str, variant: str) -> str:
    return f"with {_head(effect, variant)}"


def _units_of(cells: Iterable[Finding]) -> str:
    found = {term(item.measure).title: unit_words(item.unit) for item in cells if item.measure != CORRELATION}
    return "; ".join(f"{name} in {unit}" for name, unit in found.items()) + "."


def _head(effect: str, variant: str) -> str:
    if effect == "hardware_sensitivity":
        return "Δ over machines"
    return f"R under {plain(variant)}"


def _of_reference(own: Findings, name: str) -> Findings:
    found = own.where(measure=name, variant=REFERENCE).where(lambda item: not is_part(item))
    splits = list(dict.fromkeys(place(item, "split") for item in found))
    if name in OF_TRAINING or len(splits) < 2:
        wanted = "train" if name in OF_TRAINING else next(iter(splits), None)
    else:
        wanted = next(split for split in splits if split != "train")
    return found.where(split=wanted)


def _paid(own: Findings, effect: str, variant: str) -> Findings:
    found = own.where(measure=effect, variant=variant).where(lambda item: item.label is None)
    if effect == "hardware_sensitivity":
        return found.where(form="absmax", of="loss")
    axes = list(dict.fromkeys(place(item, "axis") for item in found))
    return found.where(axis="both" if "both" in axes else next(iter(axes), None))


def _costliest(own: Findings) -> list[tuple[str, str]]:
    """Return the variants whose loss moves the groups furthest apart, and the machines together."""
    told = (item for item in own.where(measure=CORRELATION, effect="excessive_risk") if item.value is not None)
    variants = list(dict.fromkeys(item.variant for item in told))
    spread = {name: _spread(_paid(own, "excessive_risk", name)) for name in variants}
    chosen = sorted(variants, key=lambda name: -spread[name])[:MOST_EFFECTS]
    machines = own.where(measure=CORRELATION, effect="hardware_sensitivity")
    pairs = [("excessive_risk", name) for name in variants if name in chosen]
    return [*pairs, *[("hardware_sensitivity", item.variant) for item in list(machines)[:1]]]


def _spread(found: Findings) -> float:
    values = [item.value for item in found if item.value is not None and item.group is not None]
    return max(values) - min(values) if values else 0.0


def matrix(found: Findings, title: str) -> Grid:
    """Return correlations as a table: what may be a cause in columns, what it is held against in rows.

    Args:
        found: Correlations.
        title: What the table shows.

    Returns:
        The table.
    """

    def row(item: Finding) -> str:
        effect = EFFECTS.get(str(place(item, "effect")), term(str(place(item, "effect"))).title)
        return effect if place(item, "of") == "property" else f"{effect} · {plain(item.variant)}"

    def column(item: Finding) -> str:
        return CAUSES.get(str(place(item, "cause")), term(str(place(item, "cause"))).title)

    note = "Permutation p, not corrected; under how many seeds the sign is the same stands in the file."
    return pivot(found, title=title, note=note, row=row, column=column, corner="with")
