"""Telling: a figure made again for the terminal, as Markdown and as JSON."""

import json
from pathlib import Path

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from disparate.recipes.reproduction import Outcome, Reproduction
from disparate.report.markdown import escaped, grid_blocks, table_block
from disparate.report.terminal import grid_table
from disparate.report.wording import plain
from disparate.store.atomic import replacing

STYLES: dict[Outcome, str] = {"seen": "green", "contradicted": "red", "not seen": "yellow", "cannot be told": "dim"}
READING = (
    "seen: the sign is right under at least 80 % of the seeds and the interval excludes 0, or the finding clears its "
    "noise floors; contradicted: the same of the other sign."
)


class Told:
    """A figure made again, for a rich console.

    Args:
        made: The figure.
    """

    def __init__(self, made: Reproduction) -> None:
        self.made = made

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:  # ruff: ignore[bad-dunder-method-name] - rich's protocol
        """Yield heading, statements and tables."""
        yield Text(f"{self.made.figure.name}: {self.made.figure.title}", style="bold")
        yield Text(f"{_setting(self.made)}\n", style="dim")
        table = Table(box=None, header_style="bold", padding=(0, 2, 1, 0), pad_edge=False)
        for name in ("claim", "paper", "here", ""):
            table.add_column(name, no_wrap=name == "")
        for item in self.made.statements:
            outcome = Text(item.outcome, style=STYLES[item.outcome])
            table.add_row(plain(item.claim), plain(item.paper), plain(item.here), outcome)
        yield table
        yield Text(f"{READING}\n", style="dim")
        for grid in self.made.grids:
            yield grid_table(grid, options.max_width)
            yield Text()


def written(made: Reproduction, root: Path) -> Path:
    """Write a figure as JSON and Markdown into the folder of the audit behind it.

    Args:
        made: The figure.
        root: Folder of the store.

    Returns:
        The JSON file; the Markdown file stands beside it.
    """
    path = (root / made.report).parent / f"{made.figure.name.replace('/', '-')}.json"
    text = json.dumps(made.to_json(), indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    for target, content in ((path, text), (path.with_suffix(".md"), markdown(made))):
        with replacing(target) as place:
            place.write_text(content, encoding="utf-8")
    return path


def markdown(made: Reproduction) -> str:
    """Return a figure as Markdown: statements, then tables."""
    rows = [tuple(map(escaped, (item.claim, item.paper, item.here, item.outcome))) for item in made.statements]
    blocks = [
        f"# {escaped(made.figure.name)}: {escaped(made.figure.title)}",
        escaped(_setting(made)),
        *table_block(("claim", "paper", "here", "outcome"), rows),
        escaped(READING),
        *(block for grid in made.grids for block in grid_blocks(grid)),
    ]
    return "\n\n".join(blocks) + "\n"


def _setting(made: Reproduction) -> str:
    at = made.setting
    told = f"{at.material.says}; scale {at.scale}: {at.model['name']}, {_counted(at.epochs, 'epoch')}"
    return f"{told}, {_counted(len(at.seeds), 'seed')}, fine-tuning {_counted(at.tuning, 'epoch')}"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
