"""``disparate gate``: thresholds on a result, as an exit code."""

from pathlib import Path
from typing import Annotated

import typer

HELP = (
    "MEASURE=LIMIT in the unit of the file, such as accuracy_gap=0.02, change:accuracy_gap=0.01 "
    "or churn\\[group=f]=0.1."
)


def gate(
    result: Annotated[Path, typer.Argument(help="A result file, or a folder that holds result.json.")],
    maximum: Annotated[
        list[str] | None, typer.Option("--max", help=f"At most: {HELP}", metavar="MEASURE=LIMIT")
    ] = None,
    minimum: Annotated[list[str] | None, typer.Option("--min", help="At least.", metavar="MEASURE=LIMIT")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON: the verdict and the findings it rests on.")] = False,
) -> None:
    """Hold a result against thresholds, on interval ends. Exit codes: 0 pass, 1 fail, 2 inconclusive, 3 error."""
    from dataclasses import replace

    from disparate.errors import BadInput
    from disparate.findings import Findings
    from disparate.report.gate import EXIT_CODES, Threshold, judge, matching
    from disparate.report.opening import open_result
    from disparate.report.wording import plain

    found = open_result(result)
    thresholds = [Threshold.parse(text, side="max") for text in maximum or ()]
    thresholds += [Threshold.parse(text, side="min") for text in minimum or ()]
    verdict = judge(found.findings, thresholds) if thresholds else found.verdict
    if verdict.outcome == "not asked":
        raise BadInput("gate: no threshold was given, and the result holds no verdict; give --max or --min.")
    if json:
        rests_on = Findings(tuple(item for one in thresholds for item in matching(found.findings, one)))
        typer.echo(replace(found, findings=rests_on, verdict=verdict, run={}).to_text(), nl=False)
    else:
        typer.echo("\n".join([verdict.outcome.upper(), *map(plain, verdict.reasons)]))
    raise typer.Exit(EXIT_CODES[verdict.outcome])
