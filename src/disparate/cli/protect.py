"""``disparate protect``: which cells of a crossbar to write with verify, what it costs and to whom it matters."""

from pathlib import Path
from typing import Annotated

import typer

Words = list[str]


def protect(
    recipe: Annotated[str, typer.Argument(help="A recipe file, or the name of one that comes along ('demo').")],
    device: Annotated[Words, typer.Option(help="Setting of the crossbar: preset='fairxbar_noise'. Repeatable.")],
    rule: Annotated[Words | None, typer.Option(help="fr, fr_and_ar, random, highest. Repeatable.")] = None,
    share: Annotated[list[float] | None, typer.Option(help="Share left unverified: 0.05. Repeatable.")] = None,
    target: Annotated[Words | None, typer.Option(help="Setting of the targets: beta=0.3. Repeatable.")] = None,
    chips: Annotated[int, typer.Option(help="Chips per seed.")] = 10,
    most_lost: Annotated[float, typer.Option(help="Macro F1 that may be lost against verifying everything.")] = 0.01,
    store: Annotated[Path, typer.Option(help="Folder for runs; what an audit left there is used.")] = Path("runs"),
    data: Annotated[Path | None, typer.Option(help="Folder that holds the data; DISPARATE_DATA otherwise.")] = None,
    change: Annotated[Words | None, typer.Option("--set", help="Change a setting: training.epochs=3.")] = None,
    trust: Annotated[Words | None, typer.Option(help="Allow a model 'module:function' of your own.")] = None,
    slots: Annotated[int | None, typer.Option(help="Cores to use; all by default.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.", hidden=True)] = False,
) -> None:
    """Price which cells of a crossbar are written with verify: cells and writes against accuracy and fairness.

    Writes summary.json, protection.html and a map per seed (Parquet) into STORE/NAME/protection.
    """
    from disparate.cli.surroundings import set_up

    set_up(data=data, trust=trust or ())
    from disparate.auditing.recipe import read_recipe
    from disparate.cli.progress import shown
    from disparate.engine.local import LocalEngine
    from disparate.recipes import find_recipe
    from disparate.search.protection import Protection, settings_of
    from disparate.search.protection import protect as priced
    from disparate.search.protection_page import cells, written
    from disparate.store.runs import Store

    given = {"rules": tuple(rule or ()), "shares": tuple(share or ())}
    asked = Protection(
        device=settings_of(device),
        target=settings_of(target or ()),
        chips=chips,
        most_lost=most_lost,
        **{name: value for name, value in given.items() if value},  # type: ignore[arg-type] - refused there
    )
    question = read_recipe(find_recipe(recipe), changes=change or (), trust=trust or ())
    at = Store.open(store)
    with shown(at, slots=slots, quiet=quiet or json) as progress:
        found = priced(question, asked, store=at, engine=LocalEngine(slots=slots), progress=progress)
    folder = written(found, at)
    if json:
        typer.echo((folder / "summary.json").read_text(encoding="utf-8"), nl=False)
        return
    from rich.console import Console
    from rich.table import Table

    heads, rows = cells(found, intervals=False, groups=2)
    ways = Table(box=None, header_style="bold", pad_edge=False)
    for place, head in enumerate(heads[1:]):
        ways.add_column(head, justify="right" if place else "left", no_wrap=not place)
    for row in rows:
        ways.add_row(*row[1:])
    console = Console()
    console.print(ways)
    for text in found.notes():
        console.print(text, style="dim")
    best = found.chosen
    typer.echo(
        f"{best.name}: {100 * best.verified:.1f} % of the cells verified, {best.writes:.2f} writes per {found.unit} "
        f"(chosen on {found.chosen_on}).\nPage: {folder / 'protection.html'}"
    )
