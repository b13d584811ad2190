"""Writing: a result and its reports into the folder of an audit."""

from pathlib import Path

from disparate.findings import Result
from disparate.report.html import page
from disparate.report.markdown import markdown
from disparate.store.atomic import replacing


def write(result: Result, folder: Path, *, json: str = "result", report: str = "report") -> Path:
    """Write a result as JSON, HTML and Markdown; each file is whole or not there.

    Args:
        result: What was found.
        folder: Where; it is made where it does not exist.
        json: Name of the JSON file, without its ending.
        report: Name of the two reports, without their endings.

    Returns:
        The JSON file.
    """
    folder.mkdir(exist_ok=True)
    for ending, text in (("html", page(result)), ("md", markdown(result))):
        with replacing(folder / f"{report}.{ending}") as path:
            path.write_text(text, encoding="utf-8")
    written = folder / f"{json}.json"
    with replacing(written) as path:
        result.write(path)
    return written
