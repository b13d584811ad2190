"""``disparate recipe``: list the recipes that come along, or print one."""

from typing import Annotated

import typer


def recipe(
    name: Annotated[str | None, typer.Argument(help="A recipe's name or file; all are listed without one.")] = None,
    filled: Annotated[bool, typer.Option("--filled", help="Print every setting, defaults included.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the recipes that come along, or print one, ready to be changed."""
    from disparate.recipes import find_recipe, shipped

    if name is None:
        for known, path in shipped().items():
            typer.echo(f"{known:20} {_first_line(path.read_text(encoding='utf-8'))}")
        return
    path = find_recipe(name)
    if not (filled or json):
        typer.echo(path.read_text(encoding="utf-8"), nl=False)
        return
    from disparate.auditing.recipe import read_recipe, recipe_tables

    tables = recipe_tables(read_recipe(path))
    if json:
        from json import dumps

        typer.echo(dumps(tables, indent=1, ensure_ascii=False))
    else:
        from tomli_w import dumps as toml

        typer.echo(toml(tables), nl=False)


def _first_line(text: str) -> str:
    return text.splitlines()[0].removeprefix("#").strip()
