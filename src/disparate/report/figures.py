"""The figures of a report: plotly values made of findings. Colours are tokens that the page swaps for its theme."""

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast

import plotly.graph_objects as go

from disparate.findings import Finding
from disparate.report.glossary import term
from disparate.report.selection import EVERYONE, Grid, harm, is_directed
from disparate.report.wording import (
    floor_text,
    interval_text,
    mark_words,
    number,
    plain,
    scaled,
    shortened,
    times_text,
    unit_words,
    value_text,
)

T = TypeVar("T")
INK, MUTED, LINE, FLOOR, EMPTY = "#16181d", "#5b6270", "#dfe3e8", "#cdd3db", "#f4f5f7"
PAYS, GAINS, PLAIN = "#b5450b", "#0b62a4", "#3f4a5a"
TOKENS = {
    "ink": INK,
    "muted": MUTED,
    "line": LINE,
    "floor": FLOOR,
    "empty": EMPTY,
    "pays": PAYS,
    "gains": GAINS,
    "plain": PLAIN,
    "device": "#6a2c91",
    "mixed": "#a67bc4",
    "seed": "#1b7a72",
    "repeat": "#d39b22",
}
"""Colour by role, as it stands in a figure; the page replaces each one with the colour of its theme."""

HOLLOW = "circle-open"
OVER_REPRESENTATION, HARM = "over_representation", "harm"
ROW, TOP, BOTTOM = 30, 6, 46
LONGEST_LABEL = 19
TINY = 0.0005
"""A cell whose number would be rounded to nothing says so; hover and table hold the digits."""
FAINT = 0.3
"""How strongly a cell is coloured that is not distinguishable from noise."""
FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif'


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One row of a figure.

    Args:
        label: What stands at the left.
        finding: The number.
    """

    label: str
    finding: Finding


def forest(rows: Sequence[Row], *, two_sided: bool, baseline: float | None = None) -> go.Figure:
    """Return one row per finding: a point with its interval, over a bar that is the noise floor.

    Args:
        rows: The rows, the first one on top; all in one unit.
        two_sided: Whether the floor reaches to both sides of zero, as for a change, or from zero upwards.
        baseline: Where a dashed line stands, in the unit of the findings; None for no line.

    Returns:
        The figure. A filled point is distinguishable from noise, a hollow one is not.
    """
    unit = rows[0].finding.unit if rows else ""
    traces = [_floors(rows, two_sided=two_sided), *_points(rows), _undefined(rows)]
    longest = max((len(shown_label(row.label)) for row in rows), default=0)
    layout = blank_layout(len(rows) * ROW + TOP + BOTTOM, left=18 + round(7.2 * longest))
    layout["xaxis"] |= {
        "title": {"text": shown_text(unit_words(unit)), "standoff": 6, "font": {"size": 12, "color": MUTED}},
        "range": span(rows, two_sided=two_sided),
    }
    layout["yaxis"] |= {
        "tickvals": list(range(len(rows))),
        "ticktext": [shown_label(row.label) for row in rows],
        "range": [len(rows) - 0.5, -0.5],
    }
    if baseline is not None:
        layout["shapes"] = [dashed(scaled(baseline, unit))]
    return assembled([trace for trace in traces if trace["y"]], layout)


def span(rows: Sequence[Row], *, two_sided: bool) -> list[float]:
    """Return the range of an axis on which every point, interval and floor of the rows has room."""
    ends = [
        scaled(end, row.finding.unit)
        for row in rows
        for end in (row.finding.value, row.finding.low, row.finding.high, *_floor_ends(row.finding, two_sided))
        if end is not None
    ]
    if not ends:
        return [-1.0, 1.0]
    room = 0.06 * (max(ends) - min(ends)) or max(0.1 * abs(ends[0]), 0.01)
    return [min(ends) - room, max(ends) + room]


def on_one_scale(figures: Sequence[go.Figure]) -> list[go.Figure]:
    """Return the figures with one common range; each keeps its own as ``layout.meta.own``, for the page's switch."""
    ranges = [_shape(figure)["xaxis"]["range"] for figure in figures]
    common = [min((low for low, _ in ranges), default=-1.0), max((high for _, high in ranges), default=1.0)]
    return [_rescaled(figure, common, own) for figure, own in zip(figures, ranges, strict=True)]


def _rescaled(figure: go.Figure, common: list[float], own: list[float]) -> go.Figure:
    return go.Figure(figure).update_layout(meta={"own": own, "common": common}, xaxis_range=common)


def _floor_ends(finding: Finding, two_sided: bool) -> tuple[float, ...]:
    if finding.null is None:
        return ()
    if finding.measure == OVER_REPRESENTATION:  # its parity is 1, and the floor stands on one side of it
        return tuple(sorted((1.0, finding.null.value)))
    return (-finding.null.value if two_sided else 0.0, finding.null.value)


def _floors(rows: Sequence[Row], *, two_sided: bool) -> dict[str, Any]:
    ends = [(place, row.finding.unit, _floor_ends(row.finding, two_sided)) for place, row in enumerate(rows)]
    held = [(place, scaled(pair[0], unit), scaled(pair[1], unit)) for place, unit, pair in ends if pair]
    return {
        "type": "bar",
        "orientation": "h",
        "y": [place for place, _, _ in held],
        "base": [low for _, low, _ in held],
        "x": [high - low for _, low, high in held],
        "width": 0.66,
        "marker": {"color": FLOOR, "line": {"width": 0}},
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _points(rows: Sequence[Row]) -> list[dict[str, Any]]:
    drawn = [(place, row) for place, row in enumerate(rows) if row.finding.value is not None]
    looks = dict.fromkeys(look(row.finding) for _, row in drawn)
    return [_trace([item for item in drawn if look(item[1].finding) == one], *one) for one in looks]


def look(finding: Finding) -> tuple[str, str]:
    """Return colour and symbol of a finding: filled where distinguishable, coloured where that is harm or gain."""
    if finding.reference is None and finding.distinguishable is None:
        return PLAIN, "circle"
    if finding.measure == HARM:
        return _concluded(finding)
    if not finding.distinguishable:
        return MUTED, HOLLOW
    against = harm(finding) if is_directed(finding) else None
    colour = PLAIN if against is None else PAYS if against else GAINS
    return colour, "circle"


def _concluded(finding: Finding) -> tuple[str, str]:
    conclusion = (finding.where or {}).get("conclusion")
    if conclusion not in {"pays", "within margin"}:
        return MUTED, HOLLOW
    return (PAYS if conclusion == "pays" else PLAIN), "circle"


def _trace(drawn: Sequence[tuple[int, Row]], colour: str, symbol: str) -> dict[str, Any]:
    findings = [row.finding for _, row in drawn]
    values = [scaled(item.value or 0.0, item.unit) for item in findings]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": values,
        "y": [place for place, _ in drawn],
        "hovertext": [_hover(row) for _, row in drawn],
        "hoverinfo": "text",
        "marker": {"color": colour, "symbol": symbol, "size": 10, "line": {"color": colour, "width": 2}},
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [_reach(value, item.high, item) for value, item in zip(values, findings, strict=True)],
            "arrayminus": [_reach(value, item.low, item) for value, item in zip(values, findings, strict=True)],
            "color": colour,
            "thickness": 2,
            "width": 0,
        },
        "showlegend": False,
    }


def _reach(value: float, end: float | None, finding: Finding) -> float:
    return 0.0 if end is None else abs(scaled(end, finding.unit) - value)


def _undefined(rows: Sequence[Row]) -> dict[str, Any]:
    lost = [(place, row) for place, row in enumerate(rows) if row.finding.value is None]
    return {
        "type": "scatter",
        "mode": "text",
        "x": [0] * len(lost),
        "y": [place for place, _ in lost],
        "text": ["undefined"] * len(lost),
        "textfont": {"color": MUTED, "size": 12},
        "hovertext": [shown_text(f"{row.label}: {row.finding.undefined}") for _, row in lost],
        "hoverinfo": "text",
        "showlegend": False,
    }


def heatmap(grid: Grid) -> go.Figure:
    """Return a table of variants by groups as colours around zero, on a square-root scale, with the numbers on top.

    Args:
        grid: The table; its findings share a unit.

    Returns:
        The figure. A cell without a number is empty; ● and ○ say whether it is distinguishable from noise.
    """
    columns = [name for name in grid.columns if name != EVERYONE] or list(grid.columns)
    cells = [[grid.cell(row, column) for column in columns] for row in grid.rows]
    extent = max((abs(item.value or 0.0) for row in cells for item in row if item), default=0.0) or 1.0
    layout = blank_layout(
        len(grid.rows) * 34 + 70, left=18 + round(7.2 * max(len(shown_label(row)) for row in grid.rows))
    )
    layout["xaxis"] |= {"side": "top", "tickvals": list(range(len(columns))), "showgrid": False, "zeroline": False}
    layout["xaxis"] |= {"ticktext": [shown_label(name, 11) for name in columns], "range": [-0.5, len(columns) - 0.5]}
    layout["yaxis"] |= {"tickvals": list(range(len(grid.rows))), "ticktext": [shown_label(row) for row in grid.rows]}
    layout["yaxis"] |= {"range": [len(grid.rows) - 0.5, -0.5]}
    layout["margin"] |= {"t": 34, "b": 8}
    return assembled([_heat(cells, grid.rows, columns, math.sqrt(extent))], layout)


def _heat(
    cells: list[list[Finding | None]], rows: Sequence[str], columns: Sequence[str], extent: float
) -> dict[str, Any]:
    return {
        "type": "heatmap",
        "z": [[_signed_root(item) for item in line] for line in cells],
        "zmin": -extent,
        "zmax": extent,
        "text": [[_cell_text(item) for item in line] for line in cells],
        "texttemplate": "%{text}",
        "textfont": {"size": 12},
        "hovertext": [
            [
                _hover(Row(label=f"{name}, {group}", finding=item)) if item else ""
                for group, item in _paired(columns, line)
            ]
            for name, line in _paired(rows, cells)
        ],
        "hoverinfo": "text",
        "colorscale": [[0.0, GAINS], [0.5, EMPTY], [1.0, PAYS]],
        "showscale": False,
        "xgap": 2,
        "ygap": 2,
    }


def _paired(names: Sequence[str], values: Sequence[T]) -> list[tuple[str, T]]:
    return list(zip(names, values, strict=True))


def _signed_root(finding: Finding | None) -> float | None:
    if finding is None or finding.value is None:
        return None
    strength = FAINT if finding.distinguishable is False else 1.0
    return strength * math.copysign(math.sqrt(abs(finding.value)), finding.value)


def _cell_text(finding: Finding | None) -> str:
    if finding is None:
        return ""
    if finding.value is None:
        return "undef."
    sign = {True: "●", False: "○", None: ""}[finding.distinguishable]
    is_tiny = 0 < abs(finding.value) < TINY
    return f"{sign} {'≈0' if is_tiny else value_text(finding)}".strip()


SEGMENTS = {
    "device": TOKENS["device"],
    "device × seed": TOKENS["mixed"],
    "seed": TOKENS["seed"],
    "repeat": TOKENS["repeat"],
    "test set": FLOOR,
}
"""Colour of each part of a stack, the first one at the left."""


def is_stacked(grid: Grid, column: str) -> bool:
    """Return whether a column has parts that can be stacked: some of them has a value."""
    return any((item := grid.cell(name, column)) is not None and item.value is not None for name in SEGMENTS)


def stacks(grid: Grid, *, total: str) -> go.Figure:
    """Return one bar per group whose parts sum to the whole, the size of the whole at its right.

    Args:
        grid: Parts by group, shares that sum to 1; the rows are named as in ``SEGMENTS``.
        total: Name of the row that says how large the whole is.

    Returns:
        The figure, the widest group on top.
    """
    columns = [name for name in grid.columns if is_stacked(grid, name)]
    labels = {name: _sized(name, grid) for name in columns}
    traces = [_segments(grid, columns, name, colour) for name, colour in SEGMENTS.items() if name in grid.rows]
    longest = max((len(shown_label(label)) for label in labels.values()), default=0)
    layout = blank_layout(len(columns) * ROW + TOP + BOTTOM, left=18 + round(7.2 * longest))
    layout["barmode"] = "stack"
    layout["margin"] |= {"r": 84}
    layout["xaxis"] |= {"range": [0, 100], "ticksuffix": " %", "nticks": 5, "showgrid": False}
    layout["yaxis"] |= {
        "tickvals": list(range(len(columns))),
        "ticktext": [shown_label(labels[name]) for name in columns],
    }
    layout["yaxis"] |= {"range": [len(columns) - 0.5, -0.5]}
    layout["annotations"] = [_whole(grid.cell(total, name), row) for row, name in enumerate(columns)]
    return assembled(traces, layout)


def _sized(name: str, grid: Grid) -> str:
    return f"{shortened(plain(name), 12)} · {number(grid.sizes[name], 'count')}" if name in grid.sizes else name


def _segments(grid: Grid, columns: Sequence[str], name: str, colour: str) -> dict[str, Any]:
    cells = [(place, column, grid.cell(name, column)) for place, column in enumerate(columns)]
    held = [(place, column, item, item.value) for place, column, item in cells if item and item.value]
    return {
        "type": "bar",
        "orientation": "h",
        "name": name,
        "y": [place for place, _, _, _ in held],
        "x": [100 * value for _, _, _, value in held],
        "hovertext": [f"<b>{shown_text(column)}</b><br>{name}: {value_text(item)} %" for _, column, item, _ in held],
        "hoverinfo": "text",
        "width": 0.66,
        "marker": {"color": colour, "line": {"width": 0}},
        "showlegend": False,
    }


def _whole(finding: Finding | None, row: int) -> dict[str, Any]:
    unit = "" if finding is None else {"share": "pt"}.get(finding.unit, finding.unit)
    text = "" if finding is None or finding.value is None else f"± {value_text(finding)} {shown_text(unit)}"
    place = {"x": 1, "xref": "paper", "xanchor": "left", "y": row, "yref": "y", "yanchor": "middle"}
    return {**place, "text": text, "showarrow": False, "xshift": 8, "font": {"size": 12, "color": INK}}


def _hover(row: Row) -> str:
    item = row.finding
    lines = [f"<b>{shown_text(row.label)}</b>", f"{shown_text(term(item.measure).title)}: {_value(item)}"]
    if interval := interval_text(item):
        lines.append(f"interval {interval}")
    if item.null is not None:
        times = f", the number is {times_text(item)} × it" if times_text(item) else ""
        lines.append(f"noise floor {floor_text(item)} ({shown_text(item.null.name)}){times}")
    counts = [f"{count:,} {name}" for count, name in ((item.n, "examples"), (item.seeds, "seeds")) if count is not None]
    if counts:
        lines.append(", ".join(counts))
    return "<br>".join([*lines, mark_words(item)] if item.reference is not None else lines)


def _value(finding: Finding) -> str:
    if finding.value is None:
        return f"undefined: {shown_text(finding.undefined)}"
    return f"{value_text(finding)} {shown_text(unit_words(finding.unit))}"


def shown_text(text: object) -> str:
    """Return a text as figures show it, with nothing in it that plotly would read as a mark."""
    return html.escape(plain(text), quote=False)


def shown_label(text: str, limit: int = LONGEST_LABEL) -> str:
    """Return a name as it stands at an axis, shortened."""
    return shown_text(shortened(plain(text), limit))


def height(figure: go.Figure) -> int:
    """Return the height of a figure, pixels."""
    return int(_shape(figure)["height"])


def _shape(figure: go.Figure) -> dict[str, Any]:
    return cast("dict[str, Any]", figure.to_dict())["layout"]


def assembled(data: Sequence[dict[str, Any]], layout: dict[str, Any]) -> go.Figure:
    """Return a figure of traces and a layout, without plotly's template."""
    return go.Figure({"data": list(data), "layout": {**layout, "template": go.layout.Template()}})


def dashed(x: float) -> dict[str, Any]:
    """Return a dotted line from top to bottom."""
    line = {"color": MUTED, "width": 1.5, "dash": "dot"}
    return {"type": "line", "x0": x, "x1": x, "y0": 0, "y1": 1, "yref": "paper", "line": line}


def blank_layout(height: int, *, left: int) -> dict[str, Any]:
    """Return a layout without traces: margins, colours and fonts of the house."""
    axis = {"gridcolor": LINE, "zerolinecolor": MUTED, "linecolor": LINE, "fixedrange": True, "tickcolor": LINE}
    return {
        "height": height,
        "margin": {"l": left, "r": 14, "t": TOP, "b": BOTTOM, "pad": 4},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": INK, "family": FONT, "size": 13},
        "xaxis": {**axis, "zeroline": True, "zerolinewidth": 1.5, "nticks": 6},
        "yaxis": {**axis, "showgrid": False, "zeroline": False},
        "hoverlabel": {"bgcolor": EMPTY, "bordercolor": MUTED, "font": {"color": INK, "family": FONT}, "align": "left"},
        "dragmode": False,
        "showlegend": False,
        "barmode": "overlay",
    }


def rows_of_variant(grid: Grid, variant: str) -> list[Row]:
    """Return the rows of one variant of a table: a row per group, labelled with the group's name."""
    found = ((column, grid.cell(variant, column)) for column in grid.columns)
    return [Row(label=column, finding=item) for column, item in found if item is not None]


def rows_of_group(grid: Grid, group: str) -> list[Row]:
    """Return the rows of one group of a table: a row per variant, labelled with the variant's name."""
    found = ((row, grid.cell(row, group)) for row in grid.rows)
    return [Row(label=row, finding=item) for row, item in found if item is not None]


def with_sizes(rows: Sequence[Row], grid: Grid) -> list[Row]:
    """Return the rows with the number of examples in each group's label: the whole, then the groups by falling size."""
    ordered = sorted(rows, key=lambda row: -grid.sizes.get(row.label, math.inf))
    return [
        replace(row, label=f"{shortened(plain(row.label), 12)} · {number(grid.sizes[row.label], 'count')}")
        if row.label in grid.sizes
        else row
        for row in ordered
    ]
