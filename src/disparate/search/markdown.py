"""The outcome of a search as GitHub-flavoured Markdown: headline, every point on both splits, groups, cautions."""

from collections.abc import Sequence

from disparate.findings import Finding
from disparate.report.markdown import bullets, escaped, grid_blocks, table_block
from disparate.report.wording import ABSENT, interval_text, mark, value_text
from disparate.search import telling
from disparate.search.outcome import Outcome
from disparate.search.page import Row, beside, by_group, rows

READING = (
    "---\n\nTrial minus reference; shares are in points (0.061 in the file is 6.1 here). "
    "● distinguishable from noise, ○ not distinguishable, ? cannot be said. A trial is beaten by one that is "
    "distinguishably better in one aim and distinguishably worse in none; what nothing beats is on the front. "
    "Undefined is not zero."
)


def markdown(outcome: Outcome) -> str:
    """Return the outcome as Markdown.

    Args:
        outcome: What a search found.

    Returns:
        The text, ending with a line break.
    """
    blocks = [f"# {escaped(telling.headline(outcome))}", *bullets(telling.summary(outcome))]
    blocks += table_block(("", ""), [(name, escaped(value)) for name, value in telling.facts(outcome)])
    blocks += ["## Every trial on both splits", *table_block(_head(outcome), [_row(row) for row in rows(outcome)])]
    lost = [f"{point.name}: {point.undefined}" for point in outcome.points if point.standing == "undefined"]
    blocks += ["Without a place, since a number is undefined:", *bullets(lost)] if lost else []
    blocks += ["## What the front does to every group", *_grids(outcome)]
    if len(outcome.beside):
        blocks += [f"## Beside: under {escaped(outcome.run['beside'])}"]
        blocks += [block for found in beside(outcome) for block in grid_blocks(found)]
    cautions = [f"{one.code} {one.title}. {one.text}" for one in outcome.cautions]
    blocks += ["## Before believing a number", *bullets(cautions)] if cautions else []
    return "\n\n".join([*blocks, READING]) + "\n"


def _grids(outcome: Outcome) -> list[str]:
    return [block for found in by_group(outcome) for block in grid_blocks(found)]


def _head(outcome: Outcome) -> list[str]:
    aims = [telling.aim_words(aim) for aim in outcome.search.aims]
    return ["", "trial", "stands", *(escaped(f"{aim}, {side}") for aim in aims for side in (*outcome.splits, "holds"))]


def _row(row: Row) -> Sequence[str]:
    levelled = f"; levels down on {row.levelled}" if row.levelled else ""
    cells = [
        text for chosen, reported, holds in row.cells for text in (_cell(chosen), _cell(reported), holds or ABSENT)
    ]
    number = str(row.number) if row.point.trial else ABSENT
    return [number, escaped(row.point.name), escaped(f"{row.standing}{levelled}"), *cells]


def _cell(finding: Finding | None) -> str:
    if finding is None:
        return ABSENT
    interval = f" ({interval_text(finding)})" if interval_text(finding) else ""
    sign = "" if finding.value is None else f"{mark(finding)} "
    return f"{sign}{value_text(finding)}{interval}"
