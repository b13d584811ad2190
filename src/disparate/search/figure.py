"""The figure of a trade-off: every point with its interval in both aims, the reference where the zeros cross."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
from markupsafe import escape

from disparate.findings import Finding
from disparate.report.figures import EMPTY, FONT, INK, LINE, MUTED, PAYS, TOKENS
from disparate.report.glossary import term
from disparate.report.wording import interval_text, mark_words, plain, scaled, unit_words, value_text
from disparate.search.aims import Aim
from disparate.search.outcome import Outcome, Point, Standing

FRONT = TOKENS["device"]
HEIGHT = 430
CORNERS = ("top right", "bottom right", "top left", "bottom left")
"""Where numbers stand at their points, in turn, so that neighbours do not cover each other."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """How the points of one standing are drawn.

    Args:
        colour: Colour of mark and interval.
        symbol: Its shape.
        size: Its size, pixels.
        thickness: Of the interval, pixels.
    """

    colour: str
    symbol: str
    size: int
    thickness: float


LOOKS: dict[Standing, Look] = {
    "dominated": Look(colour=MUTED, symbol="circle-open", size=7, thickness=0.8),
    "not distinguishable": Look(colour=FRONT, symbol="circle-open", size=10, thickness=1.2),
    "front": Look(colour=FRONT, symbol="circle", size=12, thickness=1.8),
}
"""In the order in which they are drawn, the most important on top."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """One point of the figure.

    Args:
        number: Its number on the page.
        point: The point.
        across: Its number on the horizontal axis.
        up: Its number on the vertical axis.
        levelled: Whether a gap closes under it though nobody is better off.
    """

    number: int
    point: Point
    across: Finding
    up: Finding
    levelled: bool


def marks(outcome: Outcome, split: str, *, across: Aim, up: Aim) -> list[Mark]:
    """Return the points that have a number in both aims on a split."""
    found: list[Mark] = []
    for number, point in enumerate(outcome.points):
        pair = outcome.change(point, across, split), outcome.change(point, up, split)
        if pair[0] is None or pair[1] is None or pair[0].value is None or pair[1].value is None:
            continue
        levelled = split in point.levelling_down
        found.append(Mark(number=number, point=point, across=pair[0], up=pair[1], levelled=levelled))
    return found


def trade_off(drawn: Sequence[Mark], *, across: Aim, up: Aim, spans: tuple[list[float], list[float]]) -> go.Figure:
    """Return the points of one split as changes against the reference, with their intervals as crosses.

    Args:
        drawn: The points.
        across: The aim of the horizontal axis.
        up: The aim of the vertical axis.
        spans: Ranges of both axes.

    Returns:
        The figure; a full mark is on the front, a hollow one cannot be told from it, a triangle levels down.
    """
    traces = [
        _trace([mark for mark in drawn if mark.point.standing == standing], look) for standing, look in LOOKS.items()
    ]
    layout = _layout()
    for key, aim, span in (("xaxis", across, spans[0]), ("yaxis", up, spans[1])):
        unit = next((mark.across.unit if key == "xaxis" else mark.up.unit for mark in drawn), "share")
        layout[key] |= {"title": {"text": _title(aim, unit), "font": {"size": 12, "color": MUTED}}, "range": span}
    levelled = _levelled([mark for mark in drawn if mark.levelled])
    kept = [trace for trace in (*traces, levelled, _reference()) if trace["x"]]
    return go.Figure({"data": kept, "layout": {**layout, "template": go.layout.Template()}})


def span(findings: Sequence[Finding]) -> list[float]:
    """Return the range of an axis: every point and the reference have room, and intervals so far that points show.

    An interval may reach as far beyond the points as these lie apart; what is longer runs into the edge.

    Args:
        findings: The numbers on the axis.

    Returns:
        Both ends, as shown.
    """
    values = [0.0, *(_shown(item) for item in findings)]
    apart = max(values) - min(values)
    known = [(end, item.unit) for item in findings for end in (item.low, item.high) if end is not None]
    ends = [*values, *(scaled(end, unit) for end, unit in known)]
    low, high = max(min(ends), min(values) - apart), min(max(ends), max(values) + apart)
    room = 0.09 * (high - low) or 1.0
    return [low - room, high + room]


def _trace(drawn: Sequence[Mark], look: Look) -> dict[str, Any]:
    is_front = look is LOOKS["front"]
    return {
        "type": "scatter",
        "mode": "markers+text",
        "x": [_shown(mark.across) for mark in drawn],
        "y": [_shown(mark.up) for mark in drawn],
        "text": [f"<b>{mark.number}</b>" if is_front else str(mark.number) for mark in drawn],
        "textposition": [CORNERS[mark.number % len(CORNERS)] for mark in drawn],
        "textfont": {"size": 14 if is_front else 11, "color": INK if is_front else MUTED},
        "hovertext": [_hover(mark) for mark in drawn],
        "hoverinfo": "text",
        "marker": {
            "color": look.colour,
            "symbol": look.symbol,
            "size": look.size,
            "line": {"color": look.colour, "width": 2},
        },
        "error_x": _error([mark.across for mark in drawn], look),
        "error_y": _error([mark.up for mark in drawn], look),
        "cliponaxis": False,
        "showlegend": False,
    }


def _error(findings: Sequence[Finding], look: Look) -> dict[str, Any]:
    reach = [
        [0.0 if end is None else abs(scaled(end, item.unit) - _shown(item)) for end in (item.high, item.low)]
        for item in findings
    ]
    return {
        "type": "data",
        "symmetric": False,
        "array": [up for up, _ in reach],
        "arrayminus": [down for _, down in reach],
        "color": look.colour,
        "thickness": look.thickness,
        "width": 0,
    }


def _levelled(drawn: Sequence[Mark]) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [_shown(mark.across) for mark in drawn],
        "y": [_shown(mark.up) for mark in drawn],
        "hoverinfo": "skip",
        "marker": {"color": PAYS, "symbol": "triangle-down-open", "size": 20, "line": {"color": PAYS, "width": 2}},
        "showlegend": False,
    }


def _reference() -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [0.0],
        "y": [0.0],
        "hovertext": ["<b>reference</b>"],
        "hoverinfo": "text",
        "marker": {"color": INK, "symbol": "diamond", "size": 11, "line": {"color": INK, "width": 1}},
        "showlegend": False,
    }


def _shown(finding: Finding) -> float:
    return scaled(finding.value or 0.0, finding.unit)


def _title(aim: Aim, unit: str) -> str:
    where = f" of {plain(aim.group)}" if aim.group else ""
    label = f", class {plain(aim.label)}" if aim.label else ""
    return str(
        escape(f"change of {term(aim.measure).inline}{where}{label}, {unit_words(unit)}: {aim.better} is better")
    )


def _hover(mark: Mark) -> str:
    lines = [f"<b>{escape(plain(mark.point.name))}</b>"]
    for item in (mark.up, mark.across):
        interval = f" ({interval_text(item)})" if interval_text(item) else ""
        title = escape(term(item.measure).title)
        lines.append(f"{title}: {value_text(item)} {unit_words(item.unit)}{interval}, {mark_words(item)}")
    lines += ["levelling down: the gap closes and nobody is better off"] if mark.levelled else []
    return "<br>".join(lines)


def _layout() -> dict[str, Any]:
    axis = {"gridcolor": LINE, "zerolinecolor": MUTED, "linecolor": LINE, "fixedrange": True, "tickcolor": LINE}
    axis |= {"zeroline": True, "zerolinewidth": 1.2, "nticks": 7}
    return {
        "height": HEIGHT,
        "margin": {"l": 62, "r": 20, "t": 14, "b": 50, "pad": 4},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": INK, "family": FONT, "size": 13},
        "xaxis": dict(axis),
        "yaxis": dict(axis),
        "hoverlabel": {"bgcolor": EMPTY, "bordercolor": MUTED, "font": {"color": INK, "family": FONT}, "align": "left"},
        "dragmode": False,
        "showlegend": False,
    }
