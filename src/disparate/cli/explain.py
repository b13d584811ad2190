"""``disparate explain``: look at the networks of an audit, and say why groups pay."""

from pathlib import Path
from typing import Annotated

import typer

Words = list[str]


def explain(
    recipe: Annotated[str, typer.Argument(help="A recipe file, or the name of one that comes along ('demo').")],
    store: Annotated[Path, typer.Option(help="Folder for runs; what an audit left there is used.")] = Path("runs"),
    data: Annotated[Path | None, typer.Option(help="Folder that holds the data; DISPARATE_DATA otherwise.")] = None,
    change: Annotated[Words | None, typer.Option("--set", help="Change a setting: training.epochs=3.")] = None,
    variant: Annotated[Words | None, typer.Option(help="Variant to be explained; all otherwise. Repeatable.")] = None,
    seed: Annotated[list[int] | None, typer.Option(help="Seed to be looked at; all otherwise. Repeatable.")] = None,
    examples: Annotated[int, typer.Option(help="Most training examples that get numbers of their own.")] = 4000,
    subsets: Annotated[int, typer.Option(help="Trainings on parts of the data, for memorisation; 0 for none.")] = 0,
    look: Annotated[Words | None, typer.Option(help="Look closer or less: eigenvalues=5, thorough=true.")] = None,
    trust: Annotated[Words | None, typer.Option(help="Allow a model 'module:function' of your own.")] = None,
    slots: Annotated[int | None, typer.Option(help="Cores to use; all by default.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.", hidden=True)] = False,
) -> None:
    """Look at the networks of an audit: gradients, curvature, distance to the boundary, difficulty, per group.

    Writes explanation.json, explanation.html and explanation.md into STORE/NAME; the audit is run first where the store
    does not hold it.
    """
    from disparate.cli.surroundings import set_up

    set_up(data=data, trust=trust or ())
    from disparate.auditing.explanation import explained
    from disparate.auditing.look import Look
    from disparate.auditing.recipe import read_recipe
    from disparate.auditing.writing import write
    from disparate.cli.progress import shown
    from disparate.engine.local import LocalEngine
    from disparate.recipes import find_recipe
    from disparate.store.runs import Store

    question = read_recipe(find_recipe(recipe), changes=change or (), trust=trust or ())
    at = Store.open(store)
    asked = Look(variants=tuple(variant or ()), seeds=tuple(seed or ()), examples=examples, subsets=subsets)
    asked = asked.changed(look or ())
    with shown(at, slots=slots, quiet=quiet or json) as progress:
        result = explained(question, look=asked, store=at, engine=LocalEngine(slots=slots), progress=progress)
    write(result, at.root / question.name, json="explanation", report="explanation")
    if json:
        typer.echo(result.to_text(), nl=False)
    else:
        typer.echo(f"Explanation: {at.root / question.name / 'explanation.html'}")
