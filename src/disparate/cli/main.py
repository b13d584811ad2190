"""The command line. Nothing heavy is imported before a command runs."""

import sys
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.exceptions import TyperException

from disparate.cli.audit import audit
from disparate.cli.compare import compare
from disparate.cli.doctor import doctor
from disparate.cli.explain import explain
from disparate.cli.gate import gate
from disparate.cli.power import power
from disparate.cli.protect import protect
from disparate.cli.recipe import recipe
from disparate.cli.report import report
from disparate.cli.reproduce import reproduce
from disparate.cli.runs import runs
from disparate.cli.search import search
from disparate.errors import DisparateError

ERROR = 3
INTERRUPTED = 130

app = typer.Typer(
    name="disparate",
    help="Shows which groups of people pay for a choice everybody calls neutral.",
    epilog="Exit codes: 0 pass, 1 gate failed, 2 inconclusive, 3 error, 130 interrupted.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (
    audit,
    compare,
    explain,
    search,
    protect,
    reproduce,
    report,
    gate,
    power,
    runs,
    recipe,
    doctor,
):
    app.command()(command)


@app.callback(invoke_without_command=True)
def options(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Shows which groups of people pay for a choice everybody calls neutral."""
    if version:
        from importlib.metadata import version as installed

        typer.echo(f"disparate {installed('disparate')}")
        raise typer.Exit


def invoke(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code.

    Args:
        arguments: Words after the program's name; those of this process where not given.

    Returns:
        0 pass, 1 gate failed, 2 inconclusive, 3 any error including wrong usage, 130 interrupted.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return int(app(args=words, standalone_mode=False) or 0)
    except TyperException as error:
        typer.echo(f"error: {error.format_message()} See: disparate --help", err=True)
        return ERROR
    except (KeyboardInterrupt, typer.Abort):
        typer.echo("Interrupted. Finished jobs are kept; run the same command to go on.", err=True)
        return INTERRUPTED
    except Exception as error:  # nothing that goes wrong may look like a failed gate
        if "--debug" in words:
            traceback.print_exc()
        typer.echo(f"error: {_said(error)}", err=True)
        return ERROR


def _said(error: Exception) -> str:
    from disparate.report.wording import plain

    if isinstance(error, DisparateError):
        return "\n".join(plain(line) for line in str(error).splitlines())
    if isinstance(error, OSError) and error.strerror:
        where = "" if error.filename is None else f"'{plain(error.filename)}': "
        return f"{where}{plain(error.strerror)}. Is there space, and may this user read and write there?"
    return (
        f"unexpected {type(error).__name__}: {plain(error)}; this is a defect of disparate. "
        "Run again as 'disparate --debug ...' for the traceback."
    )


def main() -> None:
    """Run the command line of this process."""
    sys.exit(invoke())
