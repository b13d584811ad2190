"""``disparate report``: a result as a page for people."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

PRINTED = Path("-")


class Format(StrEnum):
    """What a report can be written as."""

    HTML = "html"
    MARKDOWN = "markdown"
    JSON = "json"


SUFFIX = {Format.HTML: ".html", Format.MARKDOWN: ".md", Format.JSON: ".json"}


def report(
    result: Annotated[Path, typer.Argument(help="A result file, or a folder that holds result.json.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Where to write; - prints. Beside the result where not given.")
    ] = None,
    form: Annotated[Format, typer.Option("--format", "-f", help="What to write.")] = Format.HTML,
) -> None:
    """Write a report of a result: one HTML page that needs nothing else, Markdown, or JSON."""
    from disparate.errors import BadInput
    from disparate.report.opening import result_file
    from disparate.store.atomic import replacing

    text = _text(result, form)
    if out == PRINTED:
        typer.echo(text, nl=False)
        return
    target = out or result_file(result).with_name(f"report{SUFFIX[form]}")
    try:
        with replacing(target) as temporary:
            temporary.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadInput(f"report '{target}' cannot be written: {error.strerror}; name a file with --out.") from error
    typer.echo(str(target))


def _text(path: Path, form: Format) -> str:
    from disparate.report.opening import open_result

    result = open_result(path)
    if form is Format.JSON:
        return result.to_text()
    if form is Format.MARKDOWN:
        from disparate.report.markdown import markdown

        return markdown(result)
    from disparate.report.html import page

    return page(result)
