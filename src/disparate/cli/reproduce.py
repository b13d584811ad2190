"""``disparate reproduce``: make a figure of a paper again, the paper's sign or number beside ours."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer


def reproduce(
    name: Annotated[str | None, typer.Argument(help="Paper and figure, such as tran2022_pruning/fig8.")] = None,
    scale: Annotated[str, typer.Option(help="smoke (does it run), laptop (under an hour), paper (a GPU).")] = "laptop",
    on: Annotated[str | None, typer.Option(help="Data; those of the figure are listed by --list.")] = None,
    network: Annotated[str | None, typer.Option(help="Another network, such as torchvision:resnet18.")] = None,
    seeds: Annotated[
        int | None, typer.Option(help="Training seeds, and networks of a population; as the scale has them otherwise.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Epochs of a training; as the scale has them otherwise.")] = None,
    store: Annotated[Path, typer.Option(help="Folder for runs; what it holds is reused.")] = Path("runs"),
    data: Annotated[Path | None, typer.Option(help="Folder that holds the data; DISPARATE_DATA otherwise.")] = None,
    listed: Annotated[bool, typer.Option("--list", help="List papers, figures, claims and data.")] = False,
    recipe: Annotated[
        bool, typer.Option("--recipe", help="Print the recipe behind the figure, and run nothing.")
    ] = False,
    slots: Annotated[int | None, typer.Option(help="Cores to use; all by default.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.", hidden=True)] = False,
) -> None:
    """Make a figure of a paper again: what it says, what was found here, beside the noise it is held against."""
    from disparate.cli.surroundings import set_up

    set_up(data=data, trust=())
    from disparate.errors import BadInput
    from disparate.recipes.figures import FIGURES, figure_named
    from disparate.recipes.setting import setting
    from disparate.recipes.telling import Told, written

    if listed or name is None:
        for figure in FIGURES.values():
            typer.echo(f"{figure.name:32} {figure.title}")
            typer.echo(f"{'':32} claims {', '.join(map(str, figure.claims))}; on {', '.join(figure.on)}")
        return
    figure = figure_named(name)
    wanted = setting(scale, on or figure.on[0], network=network, seeds=seeds, epochs=epochs)
    if wanted.on not in figure.on:
        raise BadInput(f"--on '{on}': {figure.name} is made on {', '.join(figure.on)}. Name one of these.")
    own = {name: getattr(wanted, name) for name, given in (("seeds", seeds), ("epochs", epochs)) if given is not None}
    at = replace(figure.fit(wanted), **own)
    if recipe:
        from tomli_w import dumps

        from disparate.auditing.recipe import recipe_tables

        typer.echo(dumps(recipe_tables(figure.ask(at))), nl=False)
        return
    from disparate.cli.progress import shown
    from disparate.engine.local import LocalEngine
    from disparate.recipes.reproduction import reproduce as made_again
    from disparate.store.runs import Store

    opened = Store.open(store)
    with shown(opened, slots=slots, quiet=quiet or json) as progress:
        made = made_again(figure, at, store=opened, engine=LocalEngine(slots=slots), progress=progress)
    path = written(made, opened.root)
    if json:
        typer.echo(path.read_text(encoding="utf-8"), nl=False)
        return
    from rich.console import Console

    Console().print(Told(made))
    typer.echo(f"Written: {path.with_suffix('.md')}\nReport of the audit behind it: {opened.root / made.report}")
