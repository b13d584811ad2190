"""``disparate compare``: prediction files of any framework, side by side."""

from pathlib import Path
from typing import Annotated, Any

import typer

Words = list[str]
PATH = "a Parquet or CSV file; 'runs/int8_seed{seed}.parquet' in quotes for seeds, '*.parquet' for parts of one table"


def compare(  # ruff: ignore[too-many-arguments] - every column and every rule has an option
    reference: Annotated[str, typer.Argument(help=f"Predictions of the reference: {PATH}.")],
    variants: Annotated[Words, typer.Argument(help="Predictions of variants: NAME=PATH; NAME is the stem otherwise.")],
    groups: Annotated[str, typer.Option(help="Group columns: race,sex; race*sex for an intersection.")],
    id: Annotated[str, typer.Option(help="Column that rows are matched by.")] = "example_id",
    target: Annotated[str, typer.Option(help="Column with the right answer.")] = "target",
    predicted: Annotated[str, typer.Option(help="Column with the answer.")] = "predicted",
    scores: Annotated[str, typer.Option(help="Score columns: a prefix (p_), or names of labels: cat,dog.")] = "",
    threshold: Annotated[float | None, typer.Option(help="Least score that is answered as positive.")] = None,
    logits: Annotated[bool, typer.Option("--logits", help="Scores are logits, not probabilities.")] = False,
    loss: Annotated[str, typer.Option(help="Column with the loss per example, nats.")] = "",
    weight: Annotated[str, typer.Option(help="Column with what an example counts.")] = "",
    cluster: Annotated[str, typer.Option(help="Column with what rows share, such as a person.")] = "",
    reference_group: Annotated[Words | None, typer.Option(help="Reference group: race=white. Repeatable.")] = None,
    repeat: Annotated[Words | None, typer.Option(help="The reference computed again. Repeatable.")] = None,
    retrained: Annotated[Words | None, typer.Option(help="Variant that was trained anew. Repeatable.")] = None,
    hardware: Annotated[Words | None, typer.Option(help="Variant that is another machine. Repeatable.")] = None,
    measure: Annotated[Words | None, typer.Option(help="Measure; all that are possible otherwise.")] = None,
    maximum: Annotated[Words | None, typer.Option("--max", help="Fail above: accuracy_gap=0.02.")] = None,
    minimum: Annotated[Words | None, typer.Option("--min", help="Fail below: worst_group_accuracy=0.6.")] = None,
    allow_partial: Annotated[bool, typer.Option("--allow-partial", help="Leave out ids not in every file.")] = False,
    counts_only: Annotated[bool, typer.Option("--counts-only", help="Count on disk; answers, no losses.")] = False,
    memory: Annotated[str, typer.Option(help="Memory for counting on disk.")] = "1GB",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder for result.json and reports.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.", hidden=True)] = False,
) -> None:
    """Compare predictions of variants with the reference, per group: matched by id, held against chance."""
    from disparate.comparing.columns import Columns
    from disparate.comparing.comparison import Comparison
    from disparate.comparing.perform import perform, write
    from disparate.report.gate import limits

    question = Comparison(
        sources=_sources(reference, variants, repeat or ()),
        groups=tuple(_words(groups)),
        columns=Columns(
            id=id,
            target=target,
            predicted=predicted,
            scores=tuple(_words(scores)) if "," in scores else scores,
            weight=weight,
            cluster=cluster,
            loss=loss,
            threshold=threshold,
            logits=logits,
        ),
        measures=tuple(measure or ()),
        retrained=tuple(retrained or ()),
        hardware=tuple(hardware or ()),
        reference_groups=dict(_pair(text) for text in reference_group or ()),
        maxima=limits(maximum or (), side="max"),
        minima=limits(minimum or (), side="min"),
        allow_partial=allow_partial,
        counts_only=counts_only,
        memory=memory,
    )
    result = perform(question, progress=None if quiet or json else _Shown())
    if out is not None:
        write(result, out)
    _show(result, out, json)


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


class _Shown:
    """Progress of counting on disk, on standard error; one line that is written over where that is a terminal."""

    def __init__(self) -> None:
        self._last = ""

    def __call__(self, doing: str, share: float) -> None:
        line = f"{doing}: {100 * share:.0f} %"
        terminal = typer.get_text_stream("stderr").isatty()
        if line != self._last and (terminal or doing not in self._last):
            typer.echo(f"\r\x1b[K{line}" if terminal else line, err=True, nl=not terminal)
        self._last = line
