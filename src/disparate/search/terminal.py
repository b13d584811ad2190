"""The outcome of a search on a terminal."""

from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from disparate.findings import Finding
from disparate.report.wording import ABSENT, mark, plain, shortened, value_text
from disparate.search import telling
from disparate.search.outcome import Outcome
from disparate.search.page import Row, rows

LONGEST = 40
STANDS = {"front": "front", "not distinguishable": "front or not", "dominated": "beaten"}
"""Standing in a narrow column."""


@dataclass(frozen=True, kw_only=False, slots=True)
class Told:
    """An outcome, for a console.

    Args:
        outcome: What a search found.
    """

    outcome: Outcome

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:  # ruff: ignore[bad-dunder-method-name] - rich's protocol
        """Yield headline, sentences, and a row per point."""
        yield Text(telling.headline(self.outcome), style="bold")
        for line in telling.summary(self.outcome):
            yield Text(line)
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in ("", "trial", "stands"):
            table.add_column(name)
        splits = " → ".join(plain(split) for split in self.outcome.splits)
        for aim in self.outcome.search.aims:
            table.add_column(f"{telling.aim_words(aim)}\n{splits}", justify="right")
        for row in rows(self.outcome):
            table.add_row(*(Text(text) for text in _texts(row)))
        yield table


def _texts(row: Row) -> list[str]:
    name = shortened(plain(row.point.name), LONGEST)
    number = str(row.number) if row.point.trial else ""
    levelled = ", levels down" if row.levelled else ""
    cells = [f"{_cell(chosen)} → {_cell(reported)}" for chosen, reported, _ in row.cells]
    return [number, name, f"{STANDS[row.point.standing]}{levelled}", *cells]


def _cell(finding: Finding | None) -> str:
    if finding is None:
        return ABSENT
    return value_text(finding) if finding.value is None else f"{mark(finding)} {value_text(finding)}"
