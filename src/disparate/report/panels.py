"""Which figures stand in which part of the page, and what they say to those who cannot see them."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from disparate.findings import Finding, Result
from disparate.report import figures
from disparate.report.draw_figures import draw_figures
from disparate.report.glossary import term
from disparate.report.movement import ONE_RUN
from disparate.report.part import Part
from disparate.report.selection import EVERYONE, Grid, is_comparison, place, references
from disparate.report.why_panels import WHY_DRAWN, Drawn
from disparate.report.wording import counted, interval_text, mark_words, plain, value_text

ABSMAX = "absmax"


@dataclass(frozen=True, kw_only=True, slots=True)
class Panel:
    """One figure with its heading.

    Args:
        slug: Unique id on the page.
        title: What stands above it.
        words: What it shows, for those who cannot see it.
        json: The figure as JSON, escaped for a page.
        height: Pixels that the page keeps free for it.
        least_width: Pixels below which it scrolls sideways.
    """

    slug: str
    title: str
    words: str
    json: Markup
    height: int
    least_width: int = 0


def embedded(value: Any) -> Markup:
    r"""Return JSON that can stand inside a script element: no character in it can end the element.

    Args:
        value: Plain values, or a text that is JSON already.

    Returns:
        The JSON.

    Example:
        >>> print(embedded({"group": "</script>"}))
        {"group": "\u003c/script\u003e"}
    """
    text = value if isinstance(value, str) else json.dumps(value, allow_nan=False)
    for mark in "<>&\u2028\u2029":
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return Markup(text)


def panels(part: Part, result: Result, by: str, slug: str) -> tuple[Panel, ...]:
    """Return the figures of a part of the page; none where the part is tables only.

    Args:
        part: The part.
        result: Findings and run record.
        by: The attribute.
        slug: Prefix of the panels' ids.

    Returns:
        The panels, in the order of the part's rows or columns.
    """
    if not part.grids:
        return ()
    if part.slug == "draws":
        drawn = draw_figures(part.grids, result.findings)
    elif part.slug in WHY_DRAWN:
        drawn = WHY_DRAWN[part.slug](part, result, by)
    else:
        drawn = DRAWN[part.slug](part.grids[0], references(result.findings)) if part.slug in DRAWN else []
    if part.slug in ON_ONE_SCALE:
        scaled = figures.on_one_scale([figure for _, _, figure in drawn])
        drawn = [(title, words, figure) for (title, words, _), figure in zip(drawn, scaled, strict=True)]
    wide = 130 + 62 * len(part.grids[0].columns) if part.slug == "risk" else 0
    return tuple(
        Panel(
            slug=f"{slug}-{position}",
            title=plain(title),
            words=plain(words),
            json=embedded(figure.to_json()),
            height=figures.height(figure),
            least_width=wide,
        )
        for position, (title, words, figure) in enumerate(drawn)
    )


def _by_variant(grid: Grid, reference: Sequence[str]) -> Drawn:
    rows = [(name, figures.rows_of_variant(grid, name)) for name in grid.rows if name not in reference]
    return [(name, _words(found), figures.forest(found, two_sided=True)) for name, found in rows if found]


def _by_group(grid: Grid, reference: Sequence[str]) -> Drawn:
    drawn: Drawn = []
    for column in grid.columns:
        rows = [row for row in figures.rows_of_group(grid, column) if place(row.finding, "floor") is None]
        level = next((row.finding.value for row in rows if row.label in reference), None)
        size = f" · {counted(grid.sizes[column], 'example')}" if column in grid.sizes else ""
        drawn.append((f"{column}{size}", _words(rows), figures.forest(rows, two_sided=False, baseline=level)))
    return drawn


def _by_form(grid: Grid, reference: Sequence[str]) -> Drawn:
    del reference
    wanted = [name for name in grid.rows if ABSMAX in name] or list(grid.rows[:2])
    rows = [(name, figures.with_sizes(figures.rows_of_variant(grid, name), grid)) for name in wanted]
    drawn = [(_form(found[0].finding), found) for _, found in rows if found]
    return [(title, _words(found), figures.forest(found, two_sided=False)) for title, found in drawn]


def _form(finding: Finding) -> str:
    return f"{term(str(place(finding, 'of') or finding.measure)).title}, {place(finding, 'form') or 'as measured'}"


def _over_represented(grid: Grid, reference: Sequence[str]) -> Drawn:
    named = [(name, figures.rows_of_variant(grid, name)) for name in grid.rows if name not in reference]
    harmful = [(name, rows) for name, rows in named if rows and place(rows[0].finding, "of") == "harmful_flips"]
    drawn = harmful or [(name, rows) for name, rows in named if rows]
    return [
        (name, _words(rows), figures.forest(rows, two_sided=False, baseline=1.0))
        for name, rows in drawn
        if any(row.finding.value is not None for row in rows)
    ]


def _heat(grid: Grid, reference: Sequence[str]) -> Drawn:
    del reference
    if set(grid.columns) <= {EVERYONE}:
        return []
    words = "; ".join(f"{name}: {_words(figures.rows_of_variant(grid, name))}" for name in grid.rows)
    return [(grid.title, words, figures.heatmap(grid))]


def _stacked(grid: Grid, reference: Sequence[str]) -> Drawn:
    del reference
    if ONE_RUN not in grid.rows:
        return []
    columns = [column for column in grid.columns if figures.is_stacked(grid, column)]
    words = "; ".join(f"{name}: {_spoken_parts(grid, name)}" for name in columns)
    return [(grid.title, words, figures.stacks(grid, total=ONE_RUN))] if columns else []


def _spoken_parts(grid: Grid, column: str) -> str:
    found = [(row, grid.cell(row, column)) for row in grid.rows]
    return ", ".join(f"{row} {value_text(item)}" for row, item in found if item is not None and item.value is not None)


DRAWN: dict[str, Callable[[Grid, Sequence[str]], Drawn]] = {
    "who-pays": _by_variant,
    "risk": _heat,
    "churn": _by_group,
    "exemplars": _by_group,
    "flips": _over_represented,
    "levels": _by_group,
    "hardware": _by_form,
    "movement": _stacked,
}
"""Part of the page to what draws it; a part that is not here has tables only."""
ON_ONE_SCALE = frozenset({"who-pays", "churn", "flips", "exemplars", "levels", "weights"})
"""Parts whose panels share a unit, and so a scale."""


def _words(rows: Iterable[figures.Row]) -> str:
    return "; ".join(f"{row.label}: {_spoken(row.finding)}" for row in rows)


def _spoken(finding: Finding) -> str:
    words = [value_text(finding), interval_text(finding)]
    if finding.reference is not None or is_comparison(finding):
        words.append(mark_words(finding))
    return ", ".join(word for word in words if word)
