"""What a terminal shows after an audit: one table of variants by groups, in colour where there is colour."""

from collections.abc import Callable, Iterator
from textwrap import wrap

from rich.console import Console, ConsoleOptions, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from disparate.findings import Finding, Result
from disparate.report import headline, sight
from disparate.report.exemplars import exemplar_grids
from disparate.report.margin import three_ways
from disparate.report.record import mapping
from disparate.report.selection import Grid, harm, main_measure, place, sections
from disparate.report.tables import who_pays
from disparate.report.wording import (
    ABSENT,
    floor_text,
    interval_text,
    mark,
    number,
    plain,
    shortened,
    times_text,
    value_text,
)

LONGEST_NAME = 20
Lines = Callable[[Finding | None], list[str]]
"""What stands in a cell, line by line."""
KEY = "● distinguishable from noise  ○ not  ? cannot be said  ± interval  ⌊ ⌋ floor  ×"


class Summary:
    """A result for a rich console: headline, a table per attribute, cautions, verdict.

    Args:
        result: What an audit or a comparison concludes.

    Example:
        >>> from disparate.findings import Findings
        >>> Console(width=60).print(Summary(Result(findings=Findings(), run={})))
        Nothing was measured, so nothing can be said.
    """

    def __init__(self, result: Result) -> None:
        self.result = result

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:  # ruff: ignore[bad-dunder-method-name] - rich's protocol
        """Yield the parts, as wide as the console."""
        yield Text(headline.headline(self.result), style="bold")
        for line in headline.summary(self.result):
            yield Text(line)
        yield from self._tables(options.max_width)
        if positive := mapping(self.result.run.get("data")).get("positive"):
            yield Text(f"positive label: {plain(positive)}\n", style="dim")
        for caution in self.result.cautions:
            yield Text.assemble((f"{plain(caution.code)} ", "yellow bold"), plain(caution.title), style="yellow")
            yield Padding(Text(plain(caution.text), style="dim"), (0, 0, 0, 5))
        yield from self._verdict()

    def _tables(self, width: int) -> Iterator[Text | Table]:
        measure = main_measure(self.result.findings)
        for by in sections(self.result):
            grids = who_pays(self.result, by, measure).grids if measure else exemplar_grids(self.result, by)
            for grid in grids[:1]:
                yield Text()
                yield grid_table(grid, width)
                yield Text(KEY, style="dim")
                yield from self._harm(by)
                yield Text(f"{plain(by)}: {headline.group_facts(self.result.run, by)}" if by else "", style="dim")
                yield Text(f"{sight.sentence(self.result, by)}\n" if by else "", style="dim")

    def _harm(self, by: str) -> Iterator[Text]:
        for outcome in headline.outcomes(self.result, by):
            words = three_ways(outcome.harms, outcome.unclear) if outcome.harms and not outcome.identical else ()
            if words:
                yield Text.assemble((f"{plain(outcome.variant)}: ", "bold"), " ".join(words))

    def _verdict(self) -> Iterator[Text]:
        verdict = self.result.verdict
        if verdict.outcome == "not asked":
            return
        colour = {"pass": "green", "fail": "red"}.get(verdict.outcome, "yellow")
        yield Text.assemble("\nGate: ", (verdict.outcome.upper(), f"{colour} bold"))
        for reason in verdict.reasons:
            yield Text(f"  {plain(reason)}")


def grid_table(grid: Grid, width: int) -> Table:
    """Return a table of findings as wide as there is room for; a long one where there is little.

    Args:
        grid: The findings.
        width: Columns of the terminal.

    Returns:
        The table.
    """
    for lines in (_two_lines, _three_lines):
        if _width(grid, lines) <= width:
            return _matrix(grid, lines)
    return _long(grid)


def _width(grid: Grid, lines: Lines) -> int:
    names = max((len(line) for row in grid.rows for line in _name(row).splitlines()), default=0)
    cells = [[line for row in grid.rows for line in lines(grid.cell(row, column))] for column in grid.columns]
    return names + sum(2 + max(len(line) for line in [_head(column), *own]) for column, own in _pairs(grid, cells))


def _pairs(grid: Grid, cells: list[list[str]]) -> list[tuple[str, list[str]]]:
    return list(zip(grid.columns, cells, strict=True))


def _head(column: str) -> str:
    return shortened(plain(column), 16)


def _empty(grid: Grid) -> Table:
    title = Text(f"{plain(grid.title)}. {plain(grid.note)}", style="italic")
    return Table(box=None, title=title, title_justify="left", header_style="bold", padding=(0, 2, 0, 0), pad_edge=False)


def _matrix(grid: Grid, lines: Lines) -> Table:
    table = _empty(grid)
    table.add_column(Text(grid.corner), no_wrap=True)
    for column in grid.columns:
        table.add_column(Text(_head(column)), no_wrap=True)
    for row in grid.rows:
        found = (grid.cell(row, column) for column in grid.columns)
        table.add_row(Text(_name(row), style="bold"), *(_cell(item, lines(item)) for item in found))
    return table


def _long(grid: Grid) -> Table:
    table = _empty(grid)
    for name in (grid.corner, "group", "", "change", "interval", "floor"):
        table.add_column(
            Text(name), no_wrap=name != "interval", justify="right" if name in {"change", "floor"} else "left"
        )
    for row in grid.rows:
        found = [(column, item) for column in grid.columns if (item := grid.cell(row, column)) is not None]
        for position, (column, item) in enumerate(found):
            name = Text(_name(row) if position == 0 else "", style="bold")
            table.add_row(name, Text(shortened(plain(column), LONGEST_NAME)), *_columns(item))
    return table


def _columns(finding: Finding) -> tuple[Text, ...]:
    style = _style(finding)
    texts = (mark(finding), value_text(finding), interval_text(finding))
    return (*(Text(text, style=style) for text in texts), Text(_floor(finding), style="dim"))


def _floor(finding: Finding) -> str:
    times = times_text(finding)
    return f"{floor_text(finding)} ({times}×)" if times else floor_text(finding)


def _name(row: str) -> str:
    """Return a name on lines of its own: variants often differ at the end alone."""
    return "\n".join(wrap(shortened(plain(row), 3 * LONGEST_NAME), LONGEST_NAME))


def _two_lines(finding: Finding | None) -> list[str]:
    first, *rest = _three_lines(finding)
    reach = [line.strip() for line in rest if "±" in line]
    floor = [line.strip() for line in rest if "±" not in line]
    return [" ".join([first, *reach]), *([f"  {' '.join(floor)}"] if floor else [])]


def _three_lines(finding: Finding | None) -> list[str]:
    if finding is None or finding.value is None:
        return [ABSENT if finding is None else "undefined"]
    reach = [f"  ±{_reach(finding.value, finding)}"] if finding.low is not None and finding.high is not None else []
    floor = [f"  ⌊{floor_text(finding)}⌋"] if finding.null else []
    times = [f"  {times_text(finding)}×"] if times_text(finding) else []
    judged = finding.reference is not None or finding.distinguishable is not None
    sign = f"{mark(finding)} " if judged and place(finding, "floor") is None else ""
    return [f"{sign}{value_text(finding)}", *reach, *floor, *times]


def _reach(value: float, finding: Finding) -> str:
    ends = [end for end in (finding.low, finding.high) if end is not None]
    return number(max(abs(end - value) for end in ends), finding.unit)


def _cell(finding: Finding | None, lines: list[str]) -> Text:
    first, *rest = lines
    style = "dim" if finding is None else _style(finding)
    return Text.assemble((first, style), *((f"\n{line}", "dim") for line in rest))


def _style(finding: Finding) -> str:
    if not finding.distinguishable:
        return ""
    return {True: "bold dark_orange", False: "bold blue", None: "bold"}[harm(finding)]
