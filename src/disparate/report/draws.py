"""Draws of devices in tables, figures and words: what somebody gets who has one of many."""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from disparate.findings import Finding, Findings, Result
from disparate.measures.drawn import DOWN, LEVELLED, MEAN, OF_DRAWS, QUANTILES, SPREAD
from disparate.report import figures
from disparate.report.glossary import term
from disparate.report.record import mapping
from disparate.report.selection import EVERYONE, Grid, group_name, of_attribute, pivot, place, references, units
from disparate.report.wording import counted, number, plain, scaled, unit_words, value_text

OVER_DRAWS = "over_draws"
COLUMNS = (MEAN, SPREAD, *QUANTILES, DOWN)
DRAWN = ("equalized_odds_sum", "worst_group_f1", "f1_macro", "accuracy")
"""Measures that have a figure; the tables hold all."""
LOW, LEFT, MIDDLE, RIGHT, HIGH = QUANTILES
BOX, ROW = 9, 34


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


def draw_figures(grids: Sequence[Grid], findings: Findings) -> list[tuple[str, str, go.Figure]]:
    """Return a figure per measure in ``DRAWN``: a row per variant and group, a box over its draws.

    Args:
        grids: The tables of the part.
        findings: All findings, to know which variants are references.

    Returns:
        Title, words for those who cannot see it, and the figure.
    """
    known = set(references(findings))
    drawn: list[tuple[str, str, go.Figure]] = []
    for grid in grids:
        of = next(str(place(item, "of")) for item in grid.cells.values())
        rows = [row for row in grid.rows if grid.cell(row, MIDDLE) is not None and not row.endswith(f" · {EVERYONE}")]
        if of in DRAWN and rows:
            words = "; ".join(f"{row}: {_spoken(grid, row)}" for row in rows)
            drawn.append((grid.title, words, boxes(grid, rows, known)))
    return drawn


def _spoken(grid: Grid, row: str) -> str:
    found = ((name, grid.cell(row, name)) for name in (MEAN, *QUANTILES))
    return ", ".join(f"{name} {value_text(item)}" for name, item in found if item is not None)


def boxes(grid: Grid, rows: Sequence[str], known: set[str]) -> go.Figure:
    """Return one row each: a line from the 5 % to the 95 % quantile, a box over the middle half, a point at the mean.

    Args:
        grid: The table.
        rows: Its rows that are drawn.
        known: Names of references; a reference without draws is a dashed line where it is alone.

    Returns:
        The figure.
    """
    unit = next(iter(grid.cells.values())).unit
    longest = max(len(figures.shown_label(row)) for row in rows)
    layout = figures.blank_layout(len(rows) * ROW + figures.TOP + figures.BOTTOM, left=18 + round(7.2 * longest))
    layout["xaxis"] |= {
        "title": {"text": unit_words(unit), "standoff": 6, "font": {"size": 12, "color": figures.MUTED}},
        "zeroline": False,
    }
    layout["yaxis"] |= {
        "tickvals": list(range(len(rows))),
        "ticktext": [figures.shown_label(row) for row in rows],
        "range": [len(rows) - 0.5, -0.5],
    }
    lines = [item for (row, name), item in grid.cells.items() if name == MEAN and row in known]
    layout["shapes"] = [figures.dashed(scaled(item.value, unit)) for item in lines if item.value is not None]
    return figures.assembled(
        [
            _span(grid, rows, unit, LOW, HIGH, width=2, colour=figures.MUTED),
            _span(grid, rows, unit, LEFT, RIGHT, width=BOX, colour=figures.FLOOR),
            _points(grid, rows, unit),
        ],
        layout,
    )


def _span(grid: Grid, rows: Sequence[str], unit: str, first: str, last: str, *, width: int, colour: str) -> Any:
    x: list[float | None] = []
    y: list[int | None] = []
    for index, row in enumerate(rows):
        ends = [grid.cells[row, name].value or 0.0 for name in (first, last)]
        x += [scaled(ends[0], unit), scaled(ends[1], unit), None]
        y += [index, index, None]
    line = {"color": colour, "width": width}
    return {"type": "scatter", "mode": "lines", "x": x, "y": y, "line": line, "hoverinfo": "skip", "showlegend": False}


def _points(grid: Grid, rows: Sequence[str], unit: str) -> dict[str, Any]:
    means = [grid.cells[row, MEAN].value or 0.0 for row in rows]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [scaled(mean, unit) for mean in means],
        "y": list(range(len(rows))),
        "marker": {"color": figures.PLAIN, "symbol": "circle", "size": 10},
        "hovertext": [
            figures.shown_text(f"{row}: mean {number(mean, unit)}; {_spoken(grid, row)}")
            for row, mean in zip(rows, means, strict=True)
        ],
        "hoverinfo": "text",
        "showlegend": False,
    }
