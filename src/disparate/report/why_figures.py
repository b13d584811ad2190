"""The figures that say why: a plane of gradients and curvature, ridges of densities, flows, and bounds against changes.

Axes with powers of ten are drawn in logarithms with their own ticks, so that bars have a width there too.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from disparate.findings import Finding
from disparate.report.figures import (
    BOTTOM,
    FLOOR,
    HOLLOW,
    INK,
    MUTED,
    PAYS,
    PLAIN,
    ROW,
    TOKENS,
    TOP,
    assembled,
    blank_layout,
    dashed,
    shown_label,
    shown_text,
)
from disparate.report.wording import number, unit_words, value_text

SEED = TOKENS["seed"]
RIDGE, FULL = 44, 0.86
"""Height of one ridge in pixels, and how much of it the highest bar takes."""
LEAST_SHARE = 1e-8
"""Smallest share of eigenvalues that a ridge still shows."""
MANY_EPOCHS = 12
FEWEST_TICKS, MOST_TICKS = 3, 5
ROUND = ((1,), (1, 3), (1, 2, 5), (1, 2, 3, 5, 7), (1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 9))
"""Numbers between 1 and 10 that are round, coarse ones first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """One group on the plane.

    Args:
        label: Its name.
        x: Its gradient norm.
        y: Its eigenvalue.
    """

    label: str
    x: Finding
    y: Finding


def plane(places: Sequence[Place], *, x: str, y: str) -> go.Figure:
    """Return a point per group with its name, both axes in powers of ten, with intervals as far as they fit.

    Args:
        places: The groups; values are above 0.
        x: What the horizontal axis is.
        y: What the vertical axis is.

    Returns:
        The figure.
    """
    xs, ys = ([math.log10(getattr(place, axis).value or 1.0) for place in places] for axis in ("x", "y"))
    trace = {
        "type": "scatter",
        "mode": "markers+text",
        "x": xs,
        "y": ys,
        "text": [shown_label(place.label, 14) for place in places],
        "textposition": _alternating([place.x.value or 0.0 for place in places]),
        "textfont": {"size": 12, "color": INK},
        "hovertext": [_of_place(place) for place in places],
        "hoverinfo": "text",
        "marker": {"color": PLAIN, "size": 10},
        "error_x": _error([place.x for place in places]),
        "error_y": _error([place.y for place in places]),
        "showlegend": False,
    }
    layout = blank_layout(300, left=72)
    layout["xaxis"] |= _powers(min(xs), max(xs), room=0.22) | _title(x)
    layout["yaxis"] |= _powers(min(ys), max(ys), room=0.22) | _title(y) | {"showgrid": True}
    layout["margin"] |= {"t": 18}
    return assembled([trace], layout)


def _of_place(place: Place) -> str:
    return (
        f"<b>{shown_text(place.label)}</b><br>gradient norm {value_text(place.x)}<br>eigenvalue {value_text(place.y)}"
    )


def _error(findings: Sequence[Finding]) -> dict[str, Any]:
    reach = [[abs(end - math.log10(item.value or 1.0)) for end in _limits(item)] for item in findings]
    return {
        "type": "data",
        "symmetric": False,
        "array": [high for _, high in reach],
        "arrayminus": [low for low, _ in reach],
        "color": FLOOR,
        "thickness": 1.5,
        "width": 0,
    }


def _alternating(values: Sequence[float]) -> list[str]:
    """Return where names stand: of neighbours from left to right one above its point and the next below.

    Example:
        >>> _alternating([2.0, 1.0])
        ['bottom center', 'top center']
    """
    rank = {place: order for order, place in enumerate(sorted(range(len(values)), key=lambda place: values[place]))}
    return ["bottom center" if rank[place] % 2 else "top center" for place in range(len(values))]


def _limits(finding: Finding) -> tuple[float, float]:
    """Return where an interval ends in powers of ten; at the value where there is no end, or one at 0."""
    value = math.log10(finding.value or 1.0)
    low = math.log10(finding.low) if finding.low is not None and finding.low > 0 else value
    high = math.log10(finding.high) if finding.high is not None and finding.high > 0 else value
    return low, high


@dataclass(frozen=True, kw_only=True, slots=True)
class Ridge:
    """One group's distribution, as bars on a common axis.

    Args:
        label: Name of the group.
        edges: Ends of the bars.
        heights: Height of each bar, in [0, 1].
        words: What the pointer says at each bar.
    """

    label: str
    edges: Sequence[float]
    heights: Sequence[float]
    words: Sequence[str]


def ridges(rows: Sequence[Ridge], *, axis: Mapping[str, Any], title: str, lines: Sequence[float] = ()) -> go.Figure:
    """Return one row of bars per group on a common axis.

    Args:
        rows: The groups, the first one on top.
        axis: Range and ticks of the horizontal axis.
        title: What it is.
        lines: Where dotted lines stand.

    Returns:
        The figure.
    """
    longest = max((len(shown_label(row.label)) for row in rows), default=0)
    layout = blank_layout(len(rows) * RIDGE + TOP + BOTTOM, left=18 + round(7.2 * longest))
    layout["xaxis"] |= {**axis, **_title(title)}
    layout["yaxis"] |= {
        "tickvals": [place + 0.5 for place in range(len(rows))],
        "ticktext": [shown_label(row.label) for row in rows],
        "range": [len(rows) + 0.04, 0.0],
    }
    layout["bargap"] = 0
    layout["shapes"] = [*(_base(place + 1) for place in range(len(rows))), *(dashed(line) for line in lines)]
    return assembled([_bars(row, place) for place, row in enumerate(rows)], layout)


def _bars(row: Ridge, place: int) -> dict[str, Any]:
    pairs = list(zip(row.edges[:-1], row.edges[1:], strict=True))
    held = [
        (pair, height, words) for pair, height, words in zip(pairs, row.heights, row.words, strict=True) if height > 0
    ]
    return {
        "type": "bar",
        "x": [(low + high) / 2 for (low, high), _, _ in held],
        "width": [high - low for (low, high), _, _ in held],
        "base": [place + 1 - FULL * height for _, height, _ in held],
        "y": [FULL * height for _, height, _ in held],
        "hovertext": [f"<b>{shown_text(row.label)}</b><br>{shown_text(words)}" for _, _, words in held],
        "hoverinfo": "text",
        "marker": {"color": SEED, "line": {"width": 0}},
        "showlegend": False,
    }


def _base(y: float) -> dict[str, Any]:
    line = {"color": TOKENS["line"], "width": 1}
    return {"type": "line", "x0": 0, "x1": 1, "xref": "paper", "y0": y, "y1": y, "layer": "below", "line": line}


def histogram_ridges(histogram: Mapping[str, Any], groups: Sequence[str], *, unit: str) -> go.Figure:
    """Return the histogram of a number in every group; each group's highest bar has full height.

    Args:
        histogram: ``edges``, and ``counts`` by group.
        groups: Their order.
        unit: Unit of the number.

    Returns:
        The figure.
    """
    edges = [float(edge) for edge in histogram["edges"]]
    shown = _without_tail(edges)
    rows = [_histogram_ridge(name, edges, shown, histogram["counts"][name]) for name in groups]
    axis = {"range": [shown[0], shown[-1]], "nticks": 7}
    return ridges(rows, axis=axis, title=unit_words(unit))


def _without_tail(edges: Sequence[float]) -> list[float]:
    """Return the edges with a last bar as wide as the others, where it reaches from the 99th percentile to the end."""
    width = edges[1] - edges[0]
    is_long = len(edges) > 2 and edges[-1] - edges[-2] > 1.5 * width
    return [*edges[:-1], edges[-2] + width] if is_long else list(edges)


def _histogram_ridge(name: str, edges: Sequence[float], shown: Sequence[float], counts: Sequence[int]) -> Ridge:
    whole, most = max(sum(counts), 1), max(*counts, 1)
    words = [
        f"{number(low, 'nats')} to {number(high, 'nats')}: {100 * count / whole:.1f} % of the group"
        for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True)
    ]
    return Ridge(label=name, edges=shown, heights=[count / most for count in counts], words=words)


def spectrum_ridges(spectra: Mapping[str, Mapping[str, Sequence[float]]], groups: Sequence[str]) -> go.Figure:
    """Return where every group's eigenvalues lie: shares of all eigenvalues, their logarithm as height.

    The horizontal axis is linear around 0 and runs in powers of ten on either side.

    Args:
        spectra: By group, ``nodes`` and ``weights`` that sum to 1.
        groups: Their order.

    Returns:
        The figure.
    """
    nodes = [abs(node) for name in groups for node in spectra[name]["nodes"] if node]
    unit = max(max(nodes, default=1.0) / 10**4, 1e-12)
    scale = _around_zero(unit)
    reach = [scale(node) for name in groups for node in spectra[name]["nodes"]]
    low, high = min(reach), max(reach)
    bins = 48
    width = max(high - low, 1e-9) / (bins - 1)
    edges = [low - width / 2 + width * place for place in range(bins + 1)]
    rows = [_spectrum_ridge(name, spectra[name], edges, scale) for name in groups]
    axis = {"range": [edges[0], edges[-1]], **_symmetric_ticks(unit, edges[0], edges[-1], scale)}
    return ridges(rows, axis=axis, title="eigenvalue, nats per squared weight")


def _around_zero(unit: float) -> Callable[[float], float]:
    return lambda value: math.asinh(value / unit)


def _spectrum_ridge(
    name: str, spectrum: Mapping[str, Sequence[float]], edges: Sequence[float], scale: Callable[[float], float]
) -> Ridge:
    shares = [0.0] * (len(edges) - 1)
    width = edges[1] - edges[0]
    for node, weight in zip(spectrum["nodes"], spectrum["weights"], strict=True):
        shares[min(int((scale(node) - edges[0]) / width), len(shares) - 1)] += max(weight, 0.0)
    heights = [_of_share(share) for share in shares]
    words = [f"{share:.2g} of all eigenvalues" for share in shares]
    return Ridge(label=name, edges=edges, heights=heights, words=words)


def _of_share(share: float) -> float:
    """Return the height of a share: 1 for all of them, 0 for one in a hundred million."""
    return max(0.0, 1 - math.log10(share) / math.log10(LEAST_SHARE)) if share > LEAST_SHARE else 0.0


def _symmetric_ticks(unit: float, low: float, high: float, scale: Callable[[float], float]) -> dict[str, Any]:
    top = math.ceil(math.log10(unit) + 4.5)
    powers = [10.0**power for power in range(top - 5, top + 1)]
    values = [value for value in (*(-power for power in powers), 0.0, *powers) if low <= scale(value) <= high]
    texts = ["0" if not value else number(value, "nats") for value in values]
    return {"tickvals": [scale(value) for value in values], "ticktext": [_trimmed(text) for text in texts]}


def flows(panels: Sequence[Sequence[tuple[int, Finding]]]) -> list[go.Figure]:
    """Return a group's gradient norm over the training per panel, and in grey what chance makes of such a group.

    Args:
        panels: Epoch and norm, in order, of every group; the vertical axis, in powers of ten, is common.

    Returns:
        The figures.
    """
    numbers = [value for norms in panels for _, item in norms for value in _norm_and_chance(item)]
    powers = [math.log10(value) for value in numbers if value is not None and value > 0] or [0.0]
    axis = _powers(min(powers), max(powers), room=0.1) | {"showgrid": True}
    return [_flow(norms, axis) for norms in panels]


def _norm_and_chance(finding: Finding) -> tuple[float | None, float | None]:
    return finding.value, finding.null.value if finding.null else None


def _flow(norms: Sequence[tuple[int, Finding]], axis: Mapping[str, Any]) -> go.Figure:
    epochs = [epoch for epoch, _ in norms]
    values, chances = zip(*(_norm_and_chance(item) for _, item in norms), strict=True)
    layout = blank_layout(190, left=52)
    layout["xaxis"] |= {"range": [min(epochs) - 0.3, max(epochs) + 0.3], "zeroline": False, **_title("epoch")}
    if len(epochs) < MANY_EPOCHS:
        layout["xaxis"] |= {"tickvals": epochs}
    layout["yaxis"] |= axis
    return assembled([_line(epochs, chances, FLOOR, "dealt at random"), _line(epochs, values, PLAIN, "norm")], layout)


def _line(epochs: Sequence[int], values: Sequence[float | None], colour: str, name: str) -> dict[str, Any]:
    held = [(epoch, value) for epoch, value in zip(epochs, values, strict=True) if value is not None and value > 0]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "x": [epoch for epoch, _ in held],
        "y": [math.log10(value) for _, value in held],
        "hovertext": [f"epoch {epoch}: {name} {number(value, 'nats')}" for epoch, value in held],
        "hoverinfo": "text",
        "line": {"color": colour, "width": 2.5},
        "marker": {"color": colour, "size": 7},
        "showlegend": False,
    }


@dataclass(frozen=True, kw_only=True, slots=True)
class Bound:
    """What a theorem allows one group, and what happened.

    Args:
        label: Name of the group.
        allowed: The bound.
        happened: What it bounds.
        vacuous: Whether it allows more than can be.
        words: What the pointer says.
    """

    label: str
    allowed: float | None
    happened: float | None
    vacuous: bool
    words: str


def bounds(rows: Sequence[Bound], *, title: str, limit: float | None = None) -> go.Figure:
    """Return a row per group: what happened, and how far the bound lies from it, in powers of ten.

    Args:
        rows: The groups, the first one on top.
        title: What the axis is.
        limit: Where a bound becomes vacuous.

    Returns:
        The figure; a bound that is vacuous is hollow, and a change to the better is drawn by its size, hollow too.
    """
    longest = max((len(shown_label(row.label)) for row in rows), default=0)
    layout = blank_layout(len(rows) * ROW + TOP + BOTTOM, left=18 + round(7.2 * longest))
    ends = [abs(value) for row in rows for value in (row.allowed, row.happened, limit) if value]
    powers = [math.log10(value) for value in ends] or [0.0]
    layout["xaxis"] |= _powers(min(powers), max(powers), room=0.06) | _title(title)
    layout["yaxis"] |= {
        "tickvals": list(range(len(rows))),
        "ticktext": [shown_label(row.label) for row in rows],
        "range": [len(rows) - 0.5, -0.5],
    }
    layout["shapes"] = [dashed(math.log10(limit))] if limit else []
    return assembled([*_gaps(rows), *_marks(rows)], layout)


def _gaps(rows: Sequence[Bound]) -> list[dict[str, Any]]:
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "x": [math.log10(abs(row.happened)), math.log10(row.allowed)],
            "y": [place, place],
            "line": {"color": FLOOR, "width": 8},
            "hoverinfo": "skip",
            "showlegend": False,
        }
        for place, row in enumerate(rows)
        if row.happened and row.allowed and row.allowed > 0
    ]


def _marks(rows: Sequence[Bound]) -> list[dict[str, Any]]:
    drawn = [(place, row) for place, row in enumerate(rows)]
    kinds = (
        ("circle", PLAIN, [(y, row.happened, row) for y, row in drawn if row.happened and row.happened > 0]),
        (HOLLOW, PLAIN, [(y, -row.happened, row) for y, row in drawn if row.happened and row.happened < 0]),
        ("diamond", PAYS, [(y, row.allowed, row) for y, row in drawn if _allows(row) and not row.vacuous]),
        ("diamond-open", PAYS, [(y, row.allowed, row) for y, row in drawn if _allows(row) and row.vacuous]),
    )
    return [_mark(symbol, colour, held) for symbol, colour, held in kinds if held]


def _allows(row: Bound) -> bool:
    return row.allowed is not None and row.allowed > 0


def _mark(symbol: str, colour: str, held: Iterable[tuple[int, float | None, Bound]]) -> dict[str, Any]:
    points = [(place, math.log10(value), row) for place, value, row in held if value]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [x for _, x, _ in points],
        "y": [place for place, _, _ in points],
        "hovertext": [f"<b>{shown_text(row.label)}</b><br>{shown_text(row.words)}" for _, _, row in points],
        "hoverinfo": "text",
        "marker": {"color": colour, "symbol": symbol, "size": 11, "line": {"color": colour, "width": 2}},
        "showlegend": False,
    }


def _title(text: str) -> dict[str, Any]:
    return {"title": {"text": shown_text(text), "standoff": 6, "font": {"size": 12, "color": MUTED}}}


def _powers(low: float, high: float, *, room: float) -> dict[str, Any]:
    """Return range and ticks of an axis that is drawn in logarithms."""
    reach = max(high - low, 0.05)
    low, high = low - room * reach, high + room * reach
    shown = _round_numbers(low, high)
    return {
        "range": [low, high],
        "tickvals": [math.log10(value) for value in shown],
        "ticktext": [_trimmed(number(value, "nats")) for value in shown],
        "zeroline": False,
    }


def _round_numbers(low: float, high: float) -> list[float]:
    """Return some round numbers whose logarithms lie between two ends: powers of ten where there are enough.

    Example:
        >>> _round_numbers(-1.1, 2.1), _round_numbers(0.1, 1.1)
        ([0.1, 1.0, 10.0, 100.0], [2.0, 5.0, 10.0])
    """
    powers = range(math.floor(low) - 1, math.ceil(high) + 1)
    step = max(1, math.ceil((high - low) / MOST_TICKS))
    for factors in ROUND:
        found = [factor * 10.0**power for power in powers if power % step == 0 for factor in factors]
        shown = [value for value in found if low <= math.log10(value) <= high]
        if len(shown) >= FEWEST_TICKS:
            return shown[:: math.ceil(len(shown) / (MOST_TICKS + 1))]
    return [float(f"{10 ** (low + (high - low) * share):.3g}") for share in (0.15, 0.5, 0.85)]


def _trimmed(text: str) -> str:
    """Return digits without the zeros that end them.

    Example:
        >>> _trimmed("0.100"), _trimmed("1,000.0"), _trimmed("100")
        ('0.1', '1,000', '100')
    """
    return text.rstrip("0").rstrip(".") if "." in text else text
