"""``disparate audit``: run a recipe and write its report."""

from pathlib import Path
from typing import Annotated

import typer


def audit(
    recipe: Annotated[str, typer.Argument(help="A recipe file, or the name of one that comes along ('demo').")],
    store: Annotated[Path, typer.Option(help="Folder for runs; a second audit reuses what it holds.")] = Path("runs"),
    data: Annotated[Path | None, typer.Option(help="Folder that holds the data; DISPARATE_DATA otherwise.")] = None,
    change: Annotated[
        list[str] | None, typer.Option("--set", help="Change a setting: training.epochs=3. May be repeated.")
    ] = None,
    maximum: Annotated[
        list[str] | None, typer.Option("--max", help="Fail above: accuracy_gap=0.02. May be repeated.")
    ] = None,
    minimum: Annotated[
        list[str] | None, typer.Option("--min", help="Fail below: worst_group_accuracy=0.6. May be repeated.")
    ] = None,
    trust: Annotated[
        list[str] | None, typer.Option(help="Allow a model 'module:function' of your own to be imported and run.")
    ] = None,
    slots: Annotated[int | None, typer.Option(help="Cores to use; all by default.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.", hidden=True)] = False,
) -> None:
    """Run a recipe: train, deploy, predict, measure; write result and report into STORE/NAME."""
    from dataclasses import replace

    from disparate.cli.surroundings import set_up

    set_up(data=data, trust=trust or ())
    from disparate.auditing.recipe import read_recipe
    from disparate.auditing.run import perform
    from disparate.cli.progress import shown
    from disparate.engine.local import LocalEngine
    from disparate.recipes import find_recipe
    from disparate.report.gate import EXIT_CODES, limits
    from disparate.store.runs import Store

    question = read_recipe(find_recipe(recipe), changes=change or (), trust=trust or ())
    question = replace(
        question,
        maxima={**question.maxima, **limits(maximum or (), side="max")},
        minima={**question.minima, **limits(minimum or (), side="min")},
    )
    opened = Store.open(store)
    with shown(opened, slots=slots, quiet=quiet or json) as progress:
        result = perform(question, store=opened, engine=LocalEngine(slots=slots), progress=progress)
    if json:
        typer.echo(result.to_text(), nl=False)
    else:
        from rich.console import Console

        from disparate.report.terminal import Summary

        Console().print(Summary(result))
        typer.echo(f"Report: {opened.root / question.name / 'report.html'}")
    raise typer.Exit(EXIT_CODES[result.verdict.outcome])
