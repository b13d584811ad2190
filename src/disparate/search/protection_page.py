"""The page of a protection: what every way costs and gives, and where the verified cells lie; one file, no script."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from shutil import copyfile
from typing import Any

from markupsafe import Markup, escape

from disparate.search.protection import Priced, Protected
from disparate.store.atomic import replacing
from disparate.store.runs import Store

WIDTH, HEIGHT, MARGIN = 640, 380, 56
OF_EVERYONE = ("f1", "odds")
"""Scores that are no group's own."""
SIDE = 14
"""Side of a square that stands for an array, pixels."""
STYLE = """
body{font:15px/1.5 system-ui,sans-serif;color:#1d2433;margin:2rem auto;max-width:60rem;padding:0 1rem}
table{border-collapse:collapse;margin:1rem 0}
td,th{padding:.25rem .8rem;text-align:right;border-bottom:1px solid #dde1e8}
td:nth-child(-n+2),th:nth-child(-n+2){text-align:left;white-space:nowrap}
.chosen{font-weight:600}svg text{font-size:12px;fill:#1d2433}
.muted{color:#5b6575}
"""
HEAD = Markup(
    '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
)


def written(found: Protected, store: Store) -> Path:
    """Write summary, page and maps into the folder ``protection`` of the audit.

    Args:
        found: What protecting costs and gives.
        store: Holds the maps.

    Returns:
        The folder, with ``summary.json``, ``protection.html`` and a ``map_seed<seed>.parquet`` per seed.
    """
    folder = store.root / found.audit / "protection"
    folder.mkdir(parents=True, exist_ok=True)
    summary = json.dumps(found.to_json(), indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    for name, text in (("summary.json", summary), ("protection.html", page(found))):
        with replacing(folder / name) as place:
            place.write_text(text, encoding="utf-8")
    for seed, key in found.maps.items():
        with replacing(folder / f"map_seed{seed}.parquet") as place:
            copyfile(store.output(key, "map"), place)
    return folder


def page(found: Protected) -> str:
    """Return the whole page; it needs no other file and no script.

    Args:
        found: What protecting costs and gives.

    Returns:
        HTML.
    """
    best = found.chosen
    seed = min(found.arrays)
    return (
        HEAD
        + Markup("<title>Protection: {}</title><style>{}</style></head><body>").format(found.audit, Markup(STYLE))
        + Markup("<h1>Which cells to write with verify: {}</h1>").format(found.audit)
        + Markup(
            "<p>Chosen on the split {}: <b>{}</b>, {:.1f} % of the {:,} cells verified, {:.2f} writes per {}. "
            "Numbers below are of the split {}, the mean over {} chips per seed, with intervals over seeds.</p>"
        ).format(
            found.chosen_on,
            best.name,
            100 * best.verified,
            best.cells,
            best.writes,
            found.unit,
            found.judged_on,
            found.protection.chips,
        )
        + trade_off(found)
        + table(found)
        + Markup("<h2>Arrays, seed {}</h2>").format(seed)
        + Markup(
            '<p class="muted">A square is an array (slices and polarities lie on top of each other); the darker, the '
            "more of its weights have to be verified. Every weight stands in map_seed{}.parquet.</p>"
        ).format(seed)
        + arrays(found.arrays[seed])
        + Markup("</body></html>\n")
    )


def table(found: Protected) -> Markup:
    """Return every way as a row: cells, writes, macro F1 of everyone and of every group, equalised odds."""
    heads, rows = cells(found)
    head = Markup("").join(Markup("<th>{}</th>").format(name) for name in heads)
    body = Markup("").join(_row(way, row) for way, row in zip(found.priced, rows, strict=True))
    notes = Markup("").join(Markup('<p class="muted">{}</p>').format(text) for text in found.notes())
    return Markup("<table><tr>{}</tr>{}</table>{}").format(head, body, notes)


def cells(found: Protected, *, intervals: bool = True, groups: int | None = None) -> tuple[list[str], list[list[str]]]:
    """Return heads, and a row per way in words; the first cell is the number that the picture has.

    Args:
        found: What protecting costs and gives.
        intervals: Whether scores are followed by their intervals over seeds.
        groups: Most groups with a column each; of more only the one with the lowest F1 is shown, by name. None for all.

    Returns:
        Heads and rows, all of one length.
    """
    split = found.judged_on
    own = [score for score in found.priced[0].scores[split] if score not in OF_EVERYONE]
    few = groups is None or len(own) <= groups
    scores = [*OF_EVERYONE, *(own if few else ())]
    rows = [
        [
            str(place),
            way.name,
            f"{100 * way.verified:.1f} %",
            f"{way.writes:.2f}",
            *(_shown(way.scores[split][score], intervals) for score in scores),
            *(() if few else (_lowest(way.scores[split], own),)),
            "front" if way.on_front else "",
        ]
        for place, way in enumerate(found.priced, 1)
    ]
    named = [score.replace("f1", "F1").replace("odds", "EOdds") for score in scores]
    last = [] if few else ["F1 of the lowest group"]
    return ["#", "way", "cells verified", f"writes per {found.unit}", *named, *last, "front"], rows


def _lowest(scores: Mapping[str, Any], groups: Sequence[str]) -> str:
    lowest = min(groups, key=lambda group: scores[group]["mean"])
    return f"{_shown(scores[lowest], interval=False)} {lowest.removeprefix('f1 ')}"


def _row(way: Priced, row: Sequence[str]) -> Markup:
    filled = Markup("").join(Markup("<td>{}</td>").format(cell) for cell in row)
    return Markup("<tr{}>{}</tr>").format(Markup(' class="chosen"') if way.chosen else "", filled)


def _shown(score: Any, interval: bool) -> str:
    if score["mean"] is None:
        return "undefined"
    ends = "" if score["low"] is None or not interval else f" [{100 * score['low']:.1f}, {100 * score['high']:.1f}]"
    return f"{100 * score['mean']:.1f}{ends}".replace("-", "−")


def trade_off(found: Protected) -> Markup:
    """Return the picture: macro F1 across, equalised odds up; numbers are those of the table.

    The darker a point, the more cells are verified; the larger ones are on the front, the chosen one has a thick edge.
    """
    drawn = [
        (place, way, way.scores[found.judged_on]["f1"]["mean"], way.scores[found.judged_on]["odds"]["mean"])
        for place, way in enumerate(found.priced, 1)
    ]
    known = [(place, way, f1, odds) for place, way, f1, odds in drawn if f1 is not None and odds is not None]
    if not known:
        return Markup("<p>Equalised odds are undefined here.</p>")
    f1s, odds_of = [f1 for *_, f1, _ in known], [odds for *_, odds in known]
    across, up = _scale(f1s, WIDTH), _scale(odds_of, HEIGHT)
    marks = Markup("").join(
        _mark(
            way,
            MARGIN + across(f1),
            HEIGHT + MARGIN - up(odds),
            number=place,
            words=f"{way.name}: F1 {100 * f1:.1f}, EOdds {100 * odds:.1f}",
        )
        for place, way, f1, odds in known
    )
    marks += Markup("").join(_tick(100 * end, MARGIN + across(end), HEIGHT + MARGIN + 16) for end in _ends(f1s))
    marks += Markup("").join(_tick(100 * end, MARGIN - 18, HEIGHT + MARGIN - up(end) + 4) for end in _ends(odds_of))
    return Markup(
        '<svg viewBox="0 0 {w} {h}" role="img" aria-label="Macro F1 against equalised odds">'
        '<rect x="{m}" y="{m}" width="{iw}" height="{ih}" fill="none" stroke="#c5cbd6"/>'
        '<text x="{cx}" y="{by}" text-anchor="middle">macro F1, points (right is better)</text>'
        '<text x="14" y="{cy}" transform="rotate(-90 14 {cy})" text-anchor="middle">EOdds (down is better)</text>'
        "{marks}</svg>"
    ).format(
        w=WIDTH + 2 * MARGIN,
        h=HEIGHT + 2 * MARGIN,
        m=MARGIN,
        iw=WIDTH,
        ih=HEIGHT,
        cx=MARGIN + WIDTH // 2,
        by=HEIGHT + 2 * MARGIN - 12,
        cy=MARGIN + HEIGHT // 2,
        marks=marks,
    )


def _ends(values: Sequence[float]) -> set[float]:
    return {min(values), max(values)}


def _tick(value: float, x: float, y: float) -> Markup:
    return Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="middle">{:.1f}</text>').format(x, y, value)


def _scale(values: Sequence[float], length: int) -> Callable[[float], float]:
    low, high = min(values), max(values)
    span = high - low or 1.0
    return lambda value: length * (0.05 + 0.9 * (value - low) / span)


def _mark(way: Priced, x: float, y: float, *, number: int, words: str) -> Markup:
    return Markup(
        '<circle cx="{x:.1f}" cy="{y:.1f}" r="{r}" fill="{fill}" stroke="{edge}" stroke-width="{thick}"><title>{words}'
        '</title></circle><text x="{tx:.1f}" y="{ty:.1f}">{number}</text>'
    ).format(
        x=x,
        y=y,
        r=8 if way.on_front else 5,
        fill=shade(way.verified),
        edge="#c2410c" if way.chosen else "#1d2433",
        thick=3 if way.chosen else 1,
        words=words,
        tx=x + 11,
        ty=y + 4,
        number=number,
    )


def shade(share: float) -> str:
    """Return a colour from nearly white to dark blue.

    Example:
        >>> shade(0.0), shade(1.0)
        ('rgb(240,244,250)', 'rgb(23,55,120)')
    """
    ends = zip((240, 244, 250), (23, 55, 120), strict=True)
    return f"rgb({','.join(str(round(low + share * (high - low))) for low, high in ends)})"


def arrays(told: Sequence[dict[str, Any]]) -> Markup:
    """Return one picture per layer: its arrays as squares, rows of arrays down, columns across."""
    layers = dict.fromkeys(one["layer"] for one in told)
    return Markup("").join(_layer(layer, [one for one in told if one["layer"] == layer]) for layer in layers)


def _layer(name: str, own: Sequence[dict[str, Any]]) -> Markup:
    columns = 1 + max(one["array_column"] for one in own)
    rows = 1 + max(one["array_row"] for one in own)
    squares = Markup("").join(_square(one, columns) for one in own)
    blocks = 1 + max(one["block"] for one in own)
    verified, weights = (sum(one[key] for one in own) for key in ("verify", "weights"))
    size = (blocks * columns * SIDE, rows * SIDE)
    return Markup(
        '<h3>{}</h3><p class="muted">{:,} of {:,} weights verified</p>'
        '<svg width="{}" height="{}" role="img" aria-label="{}">{}</svg>'
    ).format(name or "the network", verified, weights, *size, escape(name or "the network"), squares)


def _square(one: dict[str, Any], columns: int) -> Markup:
    share = one["verify"] / one["weights"]
    return Markup('<rect x="{}" y="{}" width="{s}" height="{s}" fill="{fill}"><title>{words}</title></rect>').format(
        (one["block"] * columns + one["array_column"]) * SIDE,
        one["array_row"] * SIDE,
        s=SIDE - 1,
        fill=shade(share),
        words=f"{one['verify']} of {one['weights']} weights verified",
    )
