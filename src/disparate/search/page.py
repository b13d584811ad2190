"""The page of a search: one HTML file that needs nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from markupsafe import Markup

from disparate.findings import Finding, Findings
from disparate.predictions import REFERENCE
from disparate.report import figures
from disparate.report.glossary import NOISE_FLOORS, TERMS
from disparate.report.html import asset, digest, environment, library
from disparate.report.panels import Panel, embedded
from disparate.report.record import sheets
from disparate.report.selection import Grid, group_name, is_change, is_level, main_axis, pivot
from disparate.report.wording import interval_text, mark_words, plain, value_text
from disparate.search import telling
from disparate.search.aims import Aim
from disparate.search.figure import marks, span, trade_off
from disparate.search.outcome import Outcome, Point

MOST_AIMS = 3
"""Most aims of which every two are drawn."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One point in the table of all points.

    Args:
        number: Its number in the figures.
        point: The point.
        standing: Where it stands, in words.
        cells: For every aim the change on the split trials are chosen on, that on the split that is reported, and
            whether it holds.
        levelled: Splits on which the gap closes though nobody is better off.
    """

    number: int
    point: Point
    standing: str
    cells: tuple[tuple[Finding | None, Finding | None, str], ...]
    levelled: str


def page(outcome: Outcome) -> str:
    """Return the whole page.

    Args:
        outcome: What a search found.

    Returns:
        The page, under 6 MB. Its content security policy allows no connection at all, and no script but its own two.
    """
    plotly, script = library(), asset("page.js")
    shown = rows(outcome)
    return (
        environment("disparate.search")
        .get_template("search.html.j2")
        .render(
            outcome=outcome,
            title=plain(outcome.search.audit.name),
            headline=telling.headline(outcome),
            summary=telling.summary(outcome),
            facts=telling.facts(outcome),
            aims=[telling.aim_words(aim) for aim in outcome.search.aims],
            splits=outcome.splits,
            panels=_panels(outcome),
            rows=shown,
            named=[row for row in shown if row.point.trial and row.point.standing == "front"],
            reasons=_reasons(shown),
            lost=[point for point in outcome.points if point.standing == "undefined"],
            by_group=by_group(outcome),
            beside=beside(outcome),
            sheets=sheets(outcome.run),
            version=plain(outcome.run["versions"].get("disparate", "")),
            terms=[TERMS[aim.measure] for aim in outcome.search.aims if aim.measure in TERMS],
            floors=NOISE_FLOORS,
            library=plotly.packed,
            script=Markup(script),
            style=Markup(asset("page.css")),
            tokens=embedded({colour: f"--{role}" for role, colour in figures.TOKENS.items()}),
            script_hashes=Markup(f"{plotly.digest} {digest(script)}"),
        )
    )


def rows(outcome: Outcome) -> list[Row]:
    """Return every point with a place: the front, what cannot be told from it, what is beaten."""
    order = {standing: place for place, standing in enumerate(telling.STANDINGS)}
    selected, reported = outcome.splits
    found = [
        Row(
            number=number,
            point=point,
            standing=telling.standing_words(point),
            cells=tuple(
                (
                    outcome.change(point, aim, selected),
                    outcome.change(point, aim, reported),
                    telling.HOLDS[outcome.holds(point, aim)] if point.trial else "",
                )
                for aim in outcome.search.aims
            ),
            levelled=" and ".join(point.levelling_down),
        )
        for number, point in enumerate(outcome.points)
        if point.standing != "undefined"
    ]
    return sorted(found, key=lambda row: order[row.point.standing])


def by_group(outcome: Outcome) -> list[Grid]:
    """Return what every trial of the front does to the accuracy of every group, on the split that is reported."""
    return [
        _grid(
            outcome,
            outcome.report.where(is_change, measure="accuracy", label=None, by=by),
            title=f"Change of accuracy by {by}, {outcome.splits[1]}",
            note="Points, trial minus reference. ● distinguishable from noise, ○ not.",
        )
        for by in outcome.search.audit.groups
    ]


def beside(outcome: Outcome) -> list[Grid]:
    """Return accuracy under what stands beside, of the reference and of the front, and the changes between them."""
    tables: list[Grid] = []
    for by in outcome.search.audit.groups if len(outcome.beside) else ():
        for keep, title, note in (
            (is_level, "Accuracy", "Points; 100 minus it is the error under it."),
            (is_change, "Change of accuracy", "Points, trial minus reference, both under it."),
        ):
            found = outcome.beside.where(keep, measure="accuracy", label=None, by=by)
            tables.append(_grid(outcome, found, title=f"{title} by {by}, {outcome.splits[1]}", note=note))
    return tables


def _grid(outcome: Outcome, found: Findings, *, title: str, note: str) -> Grid:
    shown = [REFERENCE, *(point.name for point in outcome.front if point.trial)]
    kept = [item for item in main_axis(found) if item.variant in shown]
    ordered = sorted(kept, key=lambda item: shown.index(item.variant))
    return pivot(Findings(tuple(ordered)), title=title, note=note, row=lambda item: item.variant, column=group_name)


def _panels(outcome: Outcome) -> list[tuple[str, list[Panel]]]:
    found: list[tuple[str, list[Panel]]] = []
    for place, (up, across) in enumerate(combinations(outcome.search.aims[:MOST_AIMS], 2)):
        title = f"{telling.aim_words(up)} against {telling.aim_words(across)}"
        found.append((
            title,
            [_panel(outcome, split, up, across, f"p{place}-{side}") for side, split in _sides(outcome)],
        ))
    return found


def _sides(outcome: Outcome) -> list[tuple[int, str]]:
    return list(enumerate(outcome.splits))


def _panel(outcome: Outcome, split: str, up: Aim, across: Aim, slug: str) -> Panel:
    both = [mark for side in outcome.splits for mark in marks(outcome, side, across=across, up=up)]
    drawn = marks(outcome, split, across=across, up=up)
    figure = trade_off(
        drawn, across=across, up=up, spans=(span([mark.across for mark in both]), span([mark.up for mark in both]))
    )
    role = "where trials are chosen" if split == outcome.splits[0] else "which no choice was made by"
    return Panel(
        slug=slug,
        title=f"{plain(split)}, {role}",
        words="; ".join(
            f"{mark.number} {plain(mark.point.name)}: {_spoken(mark.up)}, {_spoken(mark.across)}" for mark in drawn
        ),
        json=embedded(figure.to_json()),
        height=figures.height(figure),
        least_width=420,
    )


def _spoken(finding: Finding) -> str:
    return ", ".join(word for word in (value_text(finding), interval_text(finding), mark_words(finding)) if word)


def _reasons(shown: Sequence[Row]) -> list[str]:
    cells = [item for row in shown for cell in row.cells for item in cell[:2] if item is not None]
    return list(dict.fromkeys(plain(item.undefined) for item in cells if item.undefined))
