"""What a comparison could have seen, in words and tables."""

from collections.abc import Callable, Sequence

from disparate.findings import Finding, Findings, Result
from disparate.report.glossary import term
from disparate.report.power import POWER, Need, Reach, reaches, smallest_group
from disparate.report.selection import main_measure
from disparate.report.wording import amount, counted, percent, plain

SMALLEST, EXAMPLES, SEEDS = "smallest_change_seen", "examples_needed", "seeds_needed"
"""Names under which tables show what power says; they are no findings of a file."""


def sentence(result: Result, by: str) -> str:
    """Return what could have been seen in the smallest group of an attribute, and what 2 points would need.

    Args:
        result: Findings and run record.
        by: The attribute.

    Returns:
        A sentence about the choice that is hardest to judge; empty where nothing was tested.
    """
    group = smallest_group(result, by)
    found = [] if group is None else [(one, one.need) for one in reaches(result, by, group=group) if one.need]
    if not found:
        return ""
    reach, need = max(found, key=lambda pair: pair[1].smallest or 0.0)
    measure = term(main_measure(result.findings) or "").inline
    under = f" (under '{plain(reach.variant)}', the hardest of {counted(len(found), 'choice')} to judge)"
    return (
        f"With {counted(reach.seeds, 'seed')} and {counted(reach.examples, 'example')} the smallest change of {measure}"
        f" of '{plain(reach.group)}' that would have been seen ({percent(POWER)}) is "
        f"{amount(need.smallest or 0.0, reach.unit)}{under if len(found) > 1 else ''}; {_needed(reach, need)}."
    )


def _needed(reach: Reach, need: Need) -> str:
    asked = amount(need.change, reach.unit)
    if need.examples and need.examples <= reach.examples:
        return f"{asked} would have been seen"
    ways = [counted(need.examples, "example")] if need.examples else []
    ways += [counted(need.seeds, "seed")] if need.seeds else []
    lost = [why for why in (need.why_examples, need.why_seeds) if why]
    if not ways:
        return f"for {asked} {'; '.join(lost)}"
    return f"for {asked} {' or '.join(ways)} are needed{''.join(f', and {text}' for text in lost)}"


def tables(result: Result, by: str, *, group: str | None = None) -> tuple[Findings, ...]:
    """Return what could have been seen, per variant and group: smallest change, examples needed, seeds needed.

    Args:
        result: Findings and run record.
        by: The attribute.
        group: The only group to speak of; every group where not given.

    Returns:
        Three lists of findings, made to be laid out as tables.
    """
    found = reaches(result, by, group=group)
    columns: Sequence[tuple[str, str, Callable[[Need], float | None], Callable[[Need], str]]] = (
        (SMALLEST, "", lambda need: need.smallest, lambda _: ""),
        (EXAMPLES, "examples", lambda need: need.examples, lambda need: need.why_examples),
        (SEEDS, "seeds", lambda need: need.seeds, lambda need: need.why_seeds),
    )
    return tuple(
        Findings(tuple(_cell(reach, name, unit or reach.unit, value, why) for reach in found))
        for name, unit, value, why in columns
    )


def _cell(
    reach: Reach, name: str, unit: str, value: Callable[[Need], float | None], why: Callable[[Need], str]
) -> Finding:
    known = None if reach.need is None else value(reach.need)
    reason = reach.undefined if reach.need is None else why(reach.need)
    return Finding(
        measure=name,
        group=reach.group,
        where={"by": reach.by},
        variant=reach.variant,
        value=known,
        undefined=None if known is not None else reason,
        unit=unit,
        n=reach.examples,
        seeds=reach.seeds,
    )
