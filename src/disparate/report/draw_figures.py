"""Boxes of draws of devices: a figure per measure, a row per variant and group."""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from disparate.findings import Findings
from disparate.measures.drawn import MEAN, QUANTILES
from disparate.report import figures
from disparate.report.selection import EVERYONE, Grid, place, references
from disparate.report.wording import number, scaled, unit_words, value_text

DRAWN = ("equalized_odds_sum", "worst_group_f1", "f1_macro", "accuracy")
"""Measures that have a figure; the tables hold all."""
LOW, LEFT, MIDDLE, RIGHT, HIGH = QUANTILES
BOX, ROW = 9, 34


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
