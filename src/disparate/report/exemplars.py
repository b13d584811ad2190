"""Exemplars in tables and in words: whose modal answer a choice changes, beside what another population changes."""

from collections.abc import Iterable
from dataclasses import replace

from disparate.findings import Finding, Findings, Result
from disparate.measures.exemplars import BEYOND
from disparate.report.record import group_sizes
from disparate.report.selection import EVERYONE, Grid, group_name, groups, of_attribute, pivot, place
from disparate.report.wording import counted, interval_text, number, plain, unit_words

MODAL = "modal_exemplars"
EXEMPLARS = (MODAL, "taxicab_distance", "exemplar_accuracy")
"""Measures that are shown here."""
ALL_EXAMPLES = "all examples"
FLOOR_ROWS = "Rows of a floor: two disjoint populations of the reference alone, of so many models each."


def exemplar_words(result: Result) -> str:
    """Return what exemplars are, and what they are held against."""
    models = max((item.seeds or 0 for item in result.findings.where(measure=MODAL)), default=0)
    return (
        f"The same training under several seeds is a population of models, here of up to {models}. A modal exemplar is "
        "an example that the models of a variant answer most often otherwise than those of the reference. No right "
        "answer is needed for that, and it says that an answer changed, not that it became worse. Two populations of "
        "the reference disagree as well; the floor is what models dealt again between the two populations give. "
        "Examples on which models disagree are hard by how they are chosen, those of the floor too."
    )


def exemplar_grids(result: Result, by: str) -> tuple[Grid, ...]:
    """Return the tables of an attribute: exemplars, beyond the floor, over-representation, accuracy on them.

    Args:
        result: Findings and run record.
        by: The attribute.

    Returns:
        The tables that hold a value.
    """
    own = of_attribute(result.findings, by)
    modal = own.where(measure=MODAL)
    among = own.where(measure="over_representation", of=MODAL)
    tables = (
        (_plain(modal), "Modal exemplars", FLOOR_ROWS),
        (_beyond(modal), "Modal exemplars beyond the floor", _halves(modal)),
        (among, "Over-representation among modal exemplars", "1 is the group's share of all examples."),
        (_plain(own.where(measure="exemplar_accuracy")), "Accuracy of the reference on exemplars", FLOOR_ROWS),
    )
    return tuple(grid for made in tables for grid in _grid(result, by, *made))


def folded_grids(result: Result, by: str) -> tuple[Grid, ...]:
    """Return the tables of detail: taxicab distance, and accuracy on exemplars beyond the floor."""
    own = of_attribute(result.findings, by)
    taxicab, accuracy = (own.where(measure=measure) for measure in ("taxicab_distance", "exemplar_accuracy"))
    tables = (
        (_plain(taxicab), "Taxicab distance", FLOOR_ROWS),
        (_beyond(taxicab), "Taxicab distance beyond the floor", _halves(taxicab)),
        (_beyond(accuracy), "Accuracy of the reference on exemplars, beyond the floor", _halves(accuracy)),
    )
    return tuple(grid for made in tables for grid in _grid(result, by, *made))


def without_right_answers(result: Result) -> Findings:
    """Return the judged exemplars of groups, where a result says nothing of right answers; nothing otherwise."""
    if any(item.measure == "accuracy" for item in result.findings):
        return Findings()
    return _plain(result.findings.where(measure=MODAL)).where(
        lambda item: item.group is not None and item.reference is not None and place(item, "floor") is None
    )


def sentence(exemplars: Findings) -> str:
    """Return what exemplars say where there are no right answers to say who pays.

    Args:
        exemplars: Those of :func:`without_right_answers`, at least one.

    Returns:
        One sentence.
    """
    clear = [item for item in exemplars if item.distinguishable and item.value is not None]
    if not clear:
        return (
            "No choice changes the modal answers of any group by more than another population of the reference does. "
            "That is not a proof that none does."
        )
    most = max(clear, key=lambda item: item.value or 0.0)
    return f"{plain(most.variant)} changes the modal answers of {plain(most.group)} most: {_amount(most)} of them."


def lines(exemplars: Findings) -> tuple[str, ...]:
    """Return what follows the sentence: of every choice the groups whose modal answers it changes, or that none."""
    found: list[str] = []
    for variant in dict.fromkeys(item.variant for item in exemplars):
        own = exemplars.where(variant=variant)
        clear = [item for item in own if item.distinguishable]
        told = ", ".join(f"{plain(item.group)} {_amount(item)}" for item in clear)
        found.append(f"{plain(variant)}: {told or 'no group beyond another population of the reference'}.")
    return tuple(found)


def _amount(finding: Finding) -> str:
    floor = f"; floor {number(finding.null.value, finding.unit)}" if finding.null else ""
    interval = interval_text(finding)
    beside = f" ({interval}{floor})" if interval else ""
    return f"{number(finding.value or 0.0, finding.unit)} %{beside}"


def _plain(findings: Findings) -> Findings:
    return findings.where(lambda item: place(item, "form") is None)


def _beyond(findings: Findings) -> Findings:
    return findings.where(lambda item: place(item, "form") == BEYOND)


def _halves(findings: Iterable[Finding]) -> str:
    size = max((place(item, "models") or 0 for item in findings if place(item, "form") == BEYOND), default=0)
    return f"What {size} models of a variant give above as many of the reference in their place, with other seeds."


def _grid(result: Result, by: str, found: Findings, title: str, note: str) -> tuple[Grid, ...]:
    if not any(item.value is not None and place(item, "floor") is None for item in found):
        return ()
    units = " and ".join(dict.fromkeys(unit_words(item.unit) for item in found))
    grid = pivot(
        found,
        title=f"{title} by {by}" if by else title,
        note=f"In {units}. {note}",
        row=_row,
        column=group_name,
        columns=(EVERYONE, *groups(result, by)),
        sizes=group_sizes(result.run).get(by, {}),
    )
    return (_ordered(grid),)


def _row(finding: Finding) -> str:
    if place(finding, "of") == "everyone":
        return ALL_EXAMPLES
    floor, models = place(finding, "floor"), place(finding, "models")
    if floor is None:
        return finding.variant
    return f"floor of {counted(models, 'model')}" if isinstance(models, int) else "floor of repeats"


def _ordered(grid: Grid) -> Grid:
    """Return the table with its floors at the end; a row is one where every finding of it is."""
    floors = {row for (row, _), item in grid.cells.items() if place(item, "floor") is not None}
    return replace(grid, rows=tuple(sorted(grid.rows, key=lambda row: row in floors)))
