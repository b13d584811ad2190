"""``disparate compare``: prediction files of any framework, side by side."""

from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from disparate.cli.line import progress_line
from disparate.cli.options import spread

if TYPE_CHECKING:
    from disparate.comparing.columns import Columns

Words = list[str]
PATH = "a Parquet or CSV file; 'runs/int8_seed{seed}.parquet' in quotes for seeds, '*.parquet' for parts of one table"


SETS = (
    "Sets of labels: lists, texts with a separator, or a score per label, each held against the threshold on its own."
)
column = partial(typer.Option, rich_help_panel="Columns of the files")
rule = partial(typer.Option, rich_help_panel="How variants are judged")
output = partial(typer.Option, rich_help_panel="Output")


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What the columns are called and how they are read."""

    id: Annotated[str, column(help="Column that rows are matched by.")] = "example_id"
    target: Annotated[str, column(help="Column with the right answer.")] = "target"
    predicted: Annotated[str, column(help="Column with the answer.")] = "predicted"
    scores: Annotated[str, column(help="Score columns: a prefix (p_), or names of labels: cat,dog.")] = ""
    threshold: Annotated[float | None, column(help="Least score that is answered as positive.")] = None
    positive: Annotated[str, column(help="Positive label of two; the last in order otherwise.")] = ""
    logits: Annotated[bool, column("--logits", help="Scores are logits, not probabilities.")] = False
    multilabel: Annotated[bool, column("--multilabel", help=f"{SETS}")] = False
    separator: Annotated[str, column("--labels-separator", help="What separates the labels of a text.")] = ""
    regression: Annotated[bool, column("--regression", help="Target and answer are numbers: errors by group.")] = False
    loss: Annotated[str, column(help="Column with the loss per example, nats.")] = ""
    weight: Annotated[str, column(help="Column with what an example counts.")] = ""
    cluster: Annotated[str, column(help="Column with what rows share, such as a person.")] = ""

    def columns(self) -> "Columns":
        """Return them as a comparison takes them."""
        from disparate.comparing.columns import Columns

        named: dict[str, Any] = asdict(self)
        if "," in self.scores:
            named["scores"] = tuple(_words(self.scores))
        return Columns(**named)


@dataclass(frozen=True, kw_only=True, slots=True)
class Judging:
    """What the runs are, what is measured, and what may be left out."""

    reference_group: Annotated[Words | None, rule(help="Reference group: race=white. Repeatable.")] = None
    repeat: Annotated[Words | None, rule(help="The reference computed again. Repeatable.")] = None
    retrained: Annotated[Words | None, rule(help="Variant that was trained anew. Repeatable.")] = None
    hardware: Annotated[Words | None, rule(help="Variant that is another machine. Repeatable.")] = None
    measure: Annotated[Words | None, rule(help="Measure; all that are possible otherwise.")] = None
    margin: Annotated[float, rule(help="Largest harm that does not matter: 0.02 is 2 points of accuracy.")] = 0.02
    maximum: Annotated[Words | None, rule("--max", help="Fail above: accuracy_gap=0.02.")] = None
    minimum: Annotated[Words | None, rule("--min", help="Fail below: worst_group_accuracy=0.6.")] = None
    allow_partial: Annotated[bool, rule("--allow-partial", help="Leave out ids not in every file.")] = False
    counts_only: Annotated[bool, rule("--counts-only", help="Count on disk; answers, no losses.")] = False
    population: Annotated[
        bool, rule("--population", help="Files of a variant are a population of its own; no target is needed.")
    ] = False
    memory: Annotated[str, rule(help="Memory for counting on disk.")] = "1GB"
    spill: Annotated[Path | None, rule(help="Folder for what does not fit into it; TMPDIR otherwise.")] = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Output:
    """Where the result goes."""

    out: Annotated[Path | None, output("--out", "-o", help="Folder for result.json and reports.")] = None
    json: Annotated[bool, output("--json", help="Print the result as JSON.")] = False
    quiet: Annotated[bool, output("--quiet", "-q", help="Show no progress.")] = False
    debug: Annotated[bool, output("--debug", help="Show the traceback of an error.", hidden=True)] = False


@spread
def compare(
    reference: Annotated[str, typer.Argument(help=f"Predictions of the reference: {PATH}.")],
    variants: Annotated[Words, typer.Argument(help="Predictions of variants: NAME=PATH; NAME is the stem otherwise.")],
    groups: Annotated[str, typer.Option(help="Group columns: race,sex; race*sex for an intersection.")],
    reading: Reading,
    judging: Judging,
    output: Output,
) -> None:
    """Compare predictions of variants with the reference, per group: matched by id, held against chance."""
    from disparate.comparing.comparison import Comparison
    from disparate.comparing.perform import perform, write
    from disparate.report.gate import limits

    question = Comparison(
        sources=_sources(reference, variants, judging.repeat or ()),
        groups=tuple(_words(groups)),
        columns=reading.columns(),
        measures=tuple(judging.measure or ()),
        retrained=tuple(judging.retrained or ()),
        hardware=tuple(judging.hardware or ()),
        reference_groups=dict(_pair(text) for text in judging.reference_group or ()),
        margin=judging.margin,
        maxima=limits(judging.maximum or (), side="max"),
        minima=limits(judging.minimum or (), side="min"),
        allow_partial=judging.allow_partial,
        counts_only=judging.counts_only,
        population=judging.population,
        memory=judging.memory,
        spill=judging.spill,
    )
    with progress_line(silent=output.quiet or output.json) as progress:
        result = perform(question, progress=progress)
    if output.out is not None:
        write(result, output.out)
    _show(result, output.out, output.json)


def _sources(reference: str, variants: list[str], repeats: Any) -> tuple[Any, ...]:
    from disparate.comparing.sources import named, require_names, sources_of
    from disparate.predictions import REFERENCE

    pairs = [named(text) for text in variants]
    require_names([name for name, _ in pairs], [path for _, path in pairs])
    found = sources_of(REFERENCE, named(reference)[1])
    for place, text in enumerate(repeats, start=1):
        found += sources_of(REFERENCE, text, repeat=place)
    return (*found, *(source for name, path in pairs for source in sources_of(name, path)))


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _pair(text: str) -> tuple[str, str]:
    from disparate.errors import BadInput

    name, equals, value = text.partition("=")
    if not equals:
        raise BadInput(f"reference group '{text}' cannot be read; COLUMN=GROUP was expected, such as race=white.")
    return name.strip(), value.strip()


def _show(result: Any, out: Path | None, json: bool) -> None:
    from disparate.report.gate import EXIT_CODES

    if json:
        typer.echo(result.to_text(), nl=False)
    else:
        from rich.console import Console

        from disparate.report.terminal import Summary

        Console().print(Summary(result))
        if out is not None:
            typer.echo(f"Report: {out / 'report.html'}")
    raise typer.Exit(EXIT_CODES[result.verdict.outcome])
