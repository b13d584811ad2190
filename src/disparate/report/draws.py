"""Draws of devices in tables, figures and words: what somebody gets who has one of many."""

from disparate.findings import Finding, Findings, Result
from disparate.measures.drawn import DOWN, LEVELLED, MEAN, OF_DRAWS, QUANTILES, SPREAD
from disparate.report.glossary import term
from disparate.report.record import mapping
from disparate.report.selection import Grid, group_name, of_attribute, pivot, place, units
from disparate.report.wording import counted, plain

OVER_DRAWS = "over_draws"
COLUMNS = (MEAN, SPREAD, *QUANTILES, DOWN)


def draw_words(result: Result) -> str:
    """Return what draws are, how many were made, and how often a disparity shrank with nobody better off."""
    return " ".join(text for text in (_what(result), _enough(result), _down(result)) if text)


def _what(result: Result) -> str:
    told = mapping(result.run.get("draws"))
    made = told.get("made") or max((item.draws or 0 for item in result.findings.where(measure=OVER_DRAWS)), default=0)
    pairs = " in mirrored pairs" if told.get("mirrored") else ""
    return (
        f"A draw is one piece of hardware; {counted(made, 'draw')}{pairs} of every variant that draws. The mean is "
        "what a fleet of devices gives; the quantiles, over draws and seeds, are what somebody gets who has one of "
        "them. The interval of the mean is over draws, with seeds and examples as they are."
    )


def _enough(result: Result) -> str:
    told = mapping(result.run.get("draws"))
    until = mapping(told.get("until"))
    if not until:
        return ""
    widest = max((width for width in mapping(told.get("half_widths")).values()), default=0.0)
    asked = f"{term(str(until['measure'])).inline} to ±{until['half_width']:g}"
    if told.get("enough"):
        return f"Drawn until the mean over draws was known of {asked}; it is to ±{widest:.2g}."
    return f"The most draws that were allowed did not reach {asked}: it is known to ±{widest:.2g}."


def _down(result: Result) -> str:
    found = result.findings.where(lambda item: item.measure == OVER_DRAWS and place(item, "statistic") == DOWN)
    often = [item for item in found.where(of=LEVELLED[0]) if (item.value or 0.0) >= 0.5]
    told = [f"'{plain(item.variant)}' by '{plain(place(item, 'by'))}' in {item.value:.0%} of them" for item in often]
    if not told:
        return ""
    return f"Levelling down: equalised odds come closer though no group's F1 rises, under {' and under '.join(told)}."


def draw_grids(result: Result, by: str) -> tuple[Grid, ...]:
    """Return a table per measure: variants and groups by mean, standard deviation and quantiles over draws."""
    own = of_attribute(result.findings, by).where(measure=OVER_DRAWS)
    return tuple(grid for of in OF_DRAWS for grid in (_grid(own.where(of=of), of, by),) if grid.cells)


def _grid(found: Findings, of: str, by: str) -> Grid:
    return pivot(
        found,
        title=f"{term(of).title} over draws{f' by {by}' if by else ''}",
        note=units(item for item in found if place(item, "statistic") != DOWN),
        row=_row,
        column=lambda item: str(place(item, "statistic")),
        columns=COLUMNS,
    )


def _row(finding: Finding) -> str:
    split = term(str(place(finding, "of"))).kind == "level"
    return f"{finding.variant} · {group_name(finding)}" if split else finding.variant
