"""``disparate search``: try variants, choose on one split, report on another."""

from pathlib import Path
from typing import Annotated

import typer

Words = list[str]


def search(
    recipe: Annotated[Path, typer.Argument(help="A recipe file with a table \\[search] and places to be searched.")],
    trials: Annotated[int | None, typer.Option(help="Most trials; as the recipe says otherwise.")] = None,
    store: Annotated[Path, typer.Option(help="Folder for runs; a killed search continues from it.")] = Path("runs"),
    data: Annotated[Path | None, typer.Option(help="Folder that holds the data; DISPARATE_DATA otherwise.")] = None,
    change: Annotated[Words | None, typer.Option("--set", help="Change a setting: search.method=tpe.")] = None,
    trust: Annotated[Words | None, typer.Option(help="Allow a model 'module:function' of your own.")] = None,
    slots: Annotated[int | None, typer.Option(help="Cores to use; all by default.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.", hidden=True)] = False,
) -> None:
    """Search a trade-off: variants of one audit, chosen on a validation split, reported on the test split.

    Writes search.json, search.html, search.md and chosen/*.toml into STORE/NAME.
    """
    from disparate.cli.surroundings import set_up

    set_up(data=data, trust=trust or ())
    from disparate.cli.progress import shown
    from disparate.engine.local import LocalEngine
    from disparate.search.recipe import read_search
    from disparate.search.terminal import Told
    from disparate.search.writing import perform
    from disparate.store.runs import Store

    changes = [*(change or ()), *([f"search.trials={trials}"] if trials is not None else [])]
    question = read_search(recipe, changes=changes, trust=trust or ())
    at = Store.open(store)
    with shown(at, slots=slots, quiet=quiet or json) as progress:
        outcome = perform(question, store=at, engine=LocalEngine(slots=slots), progress=progress)
    if json:
        typer.echo(outcome.to_text(), nl=False)
        return
    from rich.console import Console

    Console().print(Told(outcome))
    typer.echo(f"Search: {at.root / question.audit.name / 'search.html'}")
