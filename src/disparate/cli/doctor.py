"""``disparate doctor``: what this machine can do."""

from pathlib import Path
from typing import Annotated, Any

import typer


def doctor(
    fingerprints: Annotated[
        bool, typer.Option("--fingerprints", help="Take every profile's fingerprint (seconds each).")
    ] = False,
    data: Annotated[Path | None, typer.Option(help="Folder to look for data in; DISPARATE_DATA otherwise.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell what this machine can do: instruction sets, GPUs, profiles, extras, data found."""
    from disparate.auditing.diagnosis import diagnose

    found = diagnose(fingerprints=fingerprints, data=data)
    if json:
        from json import dumps

        typer.echo(dumps(found, indent=1))
        return
    for title, rows in found.items():
        _print(title, rows)


def _print(title: str, rows: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold", box=None, show_header=False, pad_edge=False)
    for name, value in rows.items():
        table.add_row(f"  {escape(name)}", escape(str(value)))
    Console().print(table)
