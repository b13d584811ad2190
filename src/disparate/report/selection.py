"""Which findings belong together: variants, attributes, groups, levels, changes and comparisons."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from disparate.findings import Finding, Findings, Result
from disparate.predictions import REFERENCE
from disparate.report.glossary import term
from disparate.report.record import group_sizes, reference_group
from disparate.report.wording import plain, unit_words

AXES = (None, "both", "examples", "seeds")
"""Axes of chance, the one shown first in front."""
EVERYONE = "everyone"
ORDINARY = frozenset({"by", "axis", "margin", "conclusion"})
PARTS = frozenset({"form", "layer", "epoch", "rank"})
"""Keys of ``where`` of a number that is a part of another, or made of it."""
SPEAKING = frozenset({"form", "of"})
"""Keys of ``where`` whose values say what they are without the key."""


def place(finding: Finding, key: str) -> Any:
    """Return what ``where`` says under a key; None where it says nothing."""
    return (finding.where or {}).get(key)


def by_of(finding: Finding) -> str | None:
    """Return the attribute a finding is split by, as text."""
    by = place(finding, "by")
    return None if by is None else str(by)


def is_comparison(finding: Finding) -> bool:
    """Return whether the measure itself compares with the reference, as excessive risk and churn do."""
    return term(finding.measure).kind == "comparison"


def is_change(finding: Finding) -> bool:
    """Return whether it is the difference of a level to the reference."""
    return finding.reference is not None and not is_comparison(finding)


def is_level(finding: Finding) -> bool:
    """Return whether it is a level or a disparity of one variant."""
    return finding.reference is None and not is_comparison(finding)


def references(findings: Findings) -> tuple[str, ...]:
    """Return the names of the reference variants: ``reference``, and what any finding is compared with."""
    return tuple(dict.fromkeys((REFERENCE, *(item.reference for item in findings if item.reference is not None))))


def variants(findings: Iterable[Finding], without: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the names of the variants in the order in which they occur.

    Args:
        findings: Where to look.
        without: Names to leave out, such as the references.

    Returns:
        The names.
    """
    out = set(without)
    return tuple(dict.fromkeys(item.variant for item in findings if item.variant not in out))


def attributes(result: Result) -> tuple[str, ...]:
    """Return the attributes that anything is split by, in the order of the findings, then of the record."""
    found = (by for by in map(by_of, result.findings) if by is not None)
    return tuple(dict.fromkeys((*found, *group_sizes(result.run))))


def groups(result: Result, by: str) -> tuple[str, ...]:
    """Return the groups of an attribute: the reference group first, then by falling size."""
    sizes = group_sizes(result.run).get(by, {})
    seen = (item.group for item in result.findings if item.group is not None and by_of(item) == by)
    names = tuple(dict.fromkeys((*sizes, *seen)))
    reference = reference_group(result.run, by)
    return tuple(sorted(names, key=lambda name: (name != reference, -sizes.get(name, 0))))


def of_attribute(findings: Findings, by: str) -> Findings:
    """Return the findings split by an attribute, and those that are split by none."""
    return findings.where(lambda item: by_of(item) in {by, None})


def main_axis(findings: Findings) -> Findings:
    """Return one finding of those that differ in the axis of chance alone: the one over all axes, where there is one.

    Example:
        >>> def change(axis):
        ...     return Finding(measure="accuracy", variant="int8", reference="reference", value=0.0, unit="share",
        ...                    where={"by": "sex", "axis": axis})
        >>> [place(item, "axis") for item in main_axis(Findings((change("seeds"), change("both"))))]
        ['both']
    """
    chosen: dict[str, Finding] = {}
    for item in findings:
        key = _identity(item)
        if key not in chosen or _axis_rank(item) < _axis_rank(chosen[key]):
            chosen[key] = item
    return Findings(tuple(chosen.values()))


def _axis_rank(finding: Finding) -> int:
    axis = place(finding, "axis")
    return AXES.index(axis) if axis in AXES else len(AXES)


def _identity(finding: Finding) -> str:
    where = {key: value for key, value in (finding.where or {}).items() if key != "axis"}
    parts = [finding.measure, finding.group, finding.label, finding.variant, finding.reference, where]
    return json.dumps(parts, sort_keys=True, default=str)


def main_measure(findings: Findings) -> str | None:
    """Return the measure that says who pays: accuracy, else the first that has changes per group; None without any."""
    found = (item for item in findings if is_change(item) and item.group is not None and item.label is None)
    names = dict.fromkeys(item.measure for item in found)
    return "accuracy" if "accuracy" in names else next(iter(names), None)


def is_directed(finding: Finding) -> bool:
    """Return whether the sign of the number says who is better off: as of a change, or of excessive risk."""
    return is_change(finding) or term(finding.measure).signed


def harm(finding: Finding) -> bool | None:
    """Return whether a difference is to the group's disadvantage; None for no difference or no known direction."""
    better = term(finding.measure).better
    if not finding.value or better is None:
        return None
    return (finding.value < 0) == (better == "higher")


@dataclass(frozen=True, kw_only=True, slots=True)
class Grid:
    """Findings laid out as a table; a cell is a finding, its numbers are never computed again.

    Args:
        title: What the table shows.
        note: The unit, and how to read it.
        corner: Head of the column of row names.
        rows: Names of the rows.
        columns: Names of the columns.
        sizes: Number of examples behind a column, by its name.
        cells: The finding by row and column; a pair without a finding is absent.
    """

    title: str
    note: str
    corner: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    sizes: Mapping[str, int]
    cells: Mapping[tuple[str, str], Finding]

    def cell(self, row: str, column: str) -> Finding | None:
        """Return the finding at a place; None where nothing was measured."""
        return self.cells.get((row, column))

    def reasons(self) -> tuple[str, ...]:
        """Return why cells are undefined, every reason once, in order."""
        return tuple(dict.fromkeys(plain(item.undefined) for item in self.cells.values() if item.undefined))


UNSPLIT = ""
"""The attribute of findings that are split by none, where there is no other."""


def sections(result: Result) -> tuple[str, ...]:
    """Return the attributes the report goes through; one without a name where nothing is split by any."""
    return attributes(result) or ((UNSPLIT,) if len(result.findings) else ())


def by_of_section(result: Result, by: str) -> Findings:
    """Return the findings of an attribute; those split by none belong to the first section."""
    is_first = by == sections(result)[0]
    return result.findings.where(lambda item: by_of(item) == by or (is_first and by_of(item) is None))


def is_part(finding: Finding) -> bool:
    """Return whether the number is a part of another, or made of it: a layer, an epoch, a quantile, a further rank.

    Example:
        >>> whole = Finding(measure="gradient_norm", variant="reference", value=0.1, unit="nats", where={"by": "sex"})
        >>> is_part(whole)
        False
    """
    return not PARTS.isdisjoint(finding.where or {})


Naming = Callable[[Finding], str]


def pivot(
    findings: Findings,
    *,
    title: str,
    note: str = "",
    row: Naming,
    column: Naming,
    corner: str = "variant",
    columns: Iterable[str] = (),
    sizes: Mapping[str, int] | None = None,
) -> Grid:
    """Lay findings out as a table.

    Args:
        findings: The findings; of two with one place the first is kept.
        title: What the table shows.
        note: The unit, and how to read it.
        row: Name of the row of a finding.
        column: Name of the column of a finding.
        corner: Head of the column of row names.
        columns: Order of the columns; others follow as they occur, and those without a finding are left out.
        sizes: Number of examples behind a column.

    Returns:
        The table.
    """
    cells: dict[tuple[str, str], Finding] = {}
    for item in findings:
        cells.setdefault((row(item), column(item)), item)
    found = dict.fromkeys(name for _, name in cells)
    return Grid(
        title=title,
        note=note,
        corner=corner,
        rows=tuple(dict.fromkeys(name for name, _ in cells)),
        columns=tuple(dict.fromkeys((*(name for name in columns if name in found), *found))),
        sizes=sizes or {},
        cells=cells,
    )


def group_name(finding: Finding) -> str:
    """Return the group, or ``everyone`` for the whole; a group that is called so is told apart."""
    if finding.group is None:
        return EVERYONE
    return f"{EVERYONE} (group)" if finding.group == EVERYONE else finding.group


def full_name(finding: Finding) -> str:
    """Return variant, class and whatever else places the number, so that no two findings share a row."""
    placed = {key: value for key, value in (finding.where or {}).items() if key not in ORDINARY}
    extra = [str(value).replace("_", " ") if key in SPEAKING else f"{key} {value}" for key, value in placed.items()]
    label = [] if finding.label is None else [finding.label]
    return " · ".join((finding.variant, *label, *extra))


def by_group(
    result: Result,
    by: str,
    findings: Findings,
    *,
    title: str,
    note: str,
    row: Naming = full_name,
    corner: str = "variant",
    sizes: Mapping[str, int] | None = None,
) -> Grid:
    """Lay findings out with a column per group: everyone, the reference group, then the groups by falling size.

    Args:
        result: Findings and run record, to know the groups.
        by: The attribute.
        findings: The findings.
        title: What the table shows.
        note: The unit, and how to read it.
        row: Name of the row of a finding.
        corner: Head of the column of row names.
        sizes: Number of examples behind a column; those of the judged split where not given.

    Returns:
        The table.
    """
    return pivot(
        findings,
        title=title,
        note=note,
        row=row,
        column=group_name,
        corner=corner,
        columns=(EVERYONE, *groups(result, by)),
        sizes=group_sizes(result.run).get(by, {}) if sizes is None else sizes,
    )


def filled(grid: Grid) -> tuple[Grid, ...]:
    """Return the table where it holds anything."""
    return (grid,) if grid.cells else ()


def units(findings: Iterable[Finding]) -> str:
    """Return the units of some findings as a sentence; empty without any.

    Example:
        >>> units([Finding(measure="churn", variant="int8", value=0.1, unit="share")])
        'In points.'
    """
    found = dict.fromkeys(unit_words(item.unit) for item in findings)
    return f"In {' and '.join(found)}." if found else ""
