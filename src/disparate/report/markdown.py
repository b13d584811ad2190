"""The report as GitHub-flavoured Markdown: headline, cautions and every table, without figures."""

import re
from collections.abc import Iterable, Sequence

from disparate.findings import Caution, Finding, Result
from disparate.report import headline, record
from disparate.report.part import Part
from disparate.report.selection import Grid, place, sections
from disparate.report.tables import parts
from disparate.report.wording import ABSENT, counted, floor_words, interval_text, mark, p_text, plain, value_text

SPECIAL = re.compile(r"([\\`*_{}\[\]()<>#+!|~@&-])")
ADDRESS = re.compile(r"(?i)\b(https?|ftp|www)([:.])")


def escaped(text: object) -> str:
    r"""Return a text that Markdown shows as it is, in a table too.

    Example:
        >>> escaped("a|b <img>")
        'a\\|b \\<img\\>'
    """
    return ADDRESS.sub(r"\1\\\2", SPECIAL.sub(r"\\\1", plain(text)))


def markdown(result: Result) -> str:
    """Return the report as Markdown.

    Args:
        result: Findings, cautions, verdict and run record; every part of the record may be absent.

    Returns:
        The text, ending with a line break.
    """
    blocks = [f"# {escaped(headline.headline(result))}", *_bullets(headline.summary(result))]
    blocks += [*_verdict(result), *_facts(result), *_cautions(result.cautions)]
    for by in sections(result):
        blocks += [f"## {f'By {escaped(by)}' if by else 'Findings'}", *_outcomes(result, by)]
        blocks += [block for part in parts(result, by) for block in _part(part)]
    return "\n\n".join([*blocks, *_problems(result), READING]) + "\n"


READING = (
    "---\n\nVariant minus reference; shares are in points (0.061 in the file is 6.1 here). "
    "● distinguishable from noise, ○ not distinguishable, ? cannot be said. "
    "In brackets: the interval, and the noise floor. Undefined is not zero."
)


def _bullets(lines: Iterable[str]) -> list[str]:
    text = "\n".join(f"- {escaped(line)}" for line in lines)
    return [text] if text else []


def _verdict(result: Result) -> list[str]:
    if result.verdict.outcome == "not asked":
        return []
    return [f"**Gate: {escaped(result.verdict.outcome)}**", *_bullets(result.verdict.reasons)]


def _facts(result: Result) -> list[str]:
    found = headline.facts(result)
    return table_block(("", ""), [(name, escaped(value)) for name, value in found]) if found else []


def _cautions(cautions: Sequence[Caution]) -> list[str]:
    lines = "\n".join(
        f"- **{escaped(caution.code)} {escaped(caution.title)}.** {escaped(caution.text)}" for caution in cautions
    )
    return ["## Before believing a number", lines] if lines else []


def _outcomes(result: Result, by: str) -> list[str]:
    told = [f"- **{escaped(one.variant)}**: {escaped(headline.sentence(one))}" for one in headline.outcomes(result, by)]
    return ["\n".join(told)] if told else []


def _part(part: Part) -> list[str]:
    tables = [block for grid in (*part.grids, *part.folded) for block in grid_blocks(grid)]
    return [f"### {escaped(part.title)}", escaped(part.words), *tables]


def grid_blocks(grid: Grid) -> list[str]:
    """Return a table of findings as Markdown: title and note, rows, and why cells are undefined."""
    head = [escaped(grid.corner), *(_column(grid, column) for column in grid.columns)]
    rows = [(escaped(row), *(_cell(grid.cell(row, column)) for column in grid.columns)) for row in grid.rows]
    word = next((value_text(cell).capitalize() for cell in grid.cells.values() if cell.undefined), "")
    reasons = [f"{word}: {escaped(reason)}" for reason in grid.reasons()]
    return [f"**{escaped(grid.title)}.** {escaped(grid.note)}", *table_block(head, rows), *reasons]


def _column(grid: Grid, column: str) -> str:
    return escaped(column) + (f" (n = {grid.sizes[column]:,})" if column in grid.sizes else "")


def _cell(finding: Finding | None) -> str:
    if finding is None:
        return ABSENT
    beside = [interval_text(finding), p_text(finding), floor_words(finding)]
    brackets = "; ".join(word for word in beside if word)
    is_floor = place(finding, "floor") is not None
    judged = not is_floor and (finding.reference is not None or finding.distinguishable is not None)
    sign = f"{mark(finding)} " if judged and finding.value is not None else ""
    return f"{sign}{value_text(finding)}{f' ({brackets})' if brackets else ''}"


def _problems(result: Result) -> list[str]:
    found = record.problems(result.run)
    if not found:
        return []
    rows = [tuple(escaped(text) for text in problem) for problem in found]
    return ["## Data problems", counted(len(found), "file or row", "files or rows"), *table_block(PROBLEM_HEAD, rows)]


PROBLEM_HEAD = ("what", "found", "action")


def table_block(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a table as Markdown; its cells are escaped already."""
    lines = [head, ["---"] * len(head), *rows]
    return ["\n".join(f"| {' | '.join(line)} |" for line in lines)]
