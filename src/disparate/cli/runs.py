"""``disparate runs``: what a store holds."""

from pathlib import Path
from typing import Annotated

import typer


def runs(
    store: Annotated[Path, typer.Option(help="The store's folder.")] = Path("runs"),
    jobs: Annotated[bool, typer.Option("--jobs", help="List jobs rather than audits.")] = False,
    export: Annotated[str | None, typer.Option(help="Write the predictions of the audit with this id.")] = None,
    out: Annotated[Path, typer.Option(help="Folder that --export writes to.")] = Path("predictions"),
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the audits or jobs of a store, or export an audit's predictions as Parquet files."""
    from disparate.errors import BadInput
    from disparate.store.runs import Store

    if not (store / "runs.sqlite").exists():
        raise BadInput(f"folder '{store}' holds no store; name one with --store, or run 'disparate audit' first.")
    opened = Store.open(store)
    if export is not None:
        from disparate.auditing.export import export_predictions

        for path in export_predictions(opened, export, out):
            typer.echo(str(path))
        return
    rows = [_job(job) for job in opened.jobs()] if jobs else [_audit(audit) for audit in opened.audits()]
    if json:
        from json import dumps

        typer.echo(dumps(rows, indent=1))
    else:
        _print(rows)


def _job(job: object) -> dict[str, object]:
    return {name: getattr(job, name) for name in ("name", "state", "wall_s", "peak_mib", "finished")}


def _audit(audit: object) -> dict[str, object]:
    return {name: getattr(audit, name) for name in ("id", "name", "state", "created", "finished")}


def _print(rows: list[dict[str, object]]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    if not rows:
        typer.echo("The store is empty.")
        return
    table = Table(*rows[0], box=None)
    for row in rows:
        table.add_row(*(escape(_cell(value)) for value in row.values()))
    Console().print(table)


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.1f}" if isinstance(value, float) else str(value)[:40]
