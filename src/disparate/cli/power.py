"""``disparate power``: how large a change an experiment can see, before it and after."""

from pathlib import Path
from typing import Annotated, Any

import typer

Sizes = list[str]


def power(
    result: Annotated[
        Path | None, typer.Argument(help="After an experiment: a result file, or a folder that holds result.json.")
    ] = None,
    change: Annotated[
        float | None, typer.Option(help="The change to see, as a share: 0.02 is 2 points, and what is asked otherwise.")
    ] = None,
    wanted: Annotated[float, typer.Option("--power", help="Wanted probability of seeing it.")] = 0.8,
    group_size: Annotated[
        Sizes | None, typer.Option(help="Before: test examples of a group, 340 or other=340. Repeatable.")
    ] = None,
    error: Annotated[float | None, typer.Option(help="Before: share of wrong answers of the reference.")] = None,
    flips: Annotated[
        float | None, typer.Option(help="Before: share of answers that a choice on the trained model turns.")
    ] = None,
    retrained: Annotated[bool, typer.Option("--retrained", help="Before: the choice acts on training.")] = False,
    seeds: Annotated[int | None, typer.Option(help="Before: training seeds; 5 where not given.")] = None,
    comparisons: Annotated[
        int | None, typer.Option(help="Before: variants × groups among which it has to stand out; 1 where not given.")
    ] = None,
    level: Annotated[float | None, typer.Option(help="Before: level of the test; 0.95 where not given.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell the smallest change that can be seen per group, and the examples or seeds that a smaller one needs."""
    from disparate.report.outlook import Outlook, after, before

    planned: dict[str, Any] = {
        "error": error, "flips": flips, "seeds": seeds, "comparisons": comparisons, "level": level
    }  # fmt: skip
    if result is not None:
        from disparate.report.opening import open_result

        _require_nothing_planned({**planned, "group-size": group_size or None, "retrained": retrained or None})
        found: Outlook = after(open_result(result), change=change, power=wanted)
    else:
        found = before(_sizes(group_size or []), change=change, power=wanted, retrained=retrained, **planned)
    if json:
        from json import dumps

        typer.echo(dumps(found.to_json(), indent=1, ensure_ascii=False, allow_nan=False))
    else:
        from rich.console import Console

        Console().print(found)


def _require_nothing_planned(planned: dict[str, Any]) -> None:
    from disparate.errors import BadInput

    if given := [name for name, value in planned.items() if value is not None]:
        raise BadInput(
            f"--{given[0]} is given beside a result, which says that itself; leave it out, or ask without a result."
        )


def _sizes(texts: Sizes) -> dict[str, int]:
    from disparate.errors import BadInput

    found: dict[str, int] = {}
    for text in texts:
        name, _, written = text.rpartition("=")
        try:
            size = int(written)
        except ValueError:
            raise BadInput(f"group size '{text}' cannot be read; 340 or other=340 was expected.") from None
        if (group := name.strip() or written) in found:
            raise BadInput(f"group '{group}' is given twice; a name for each was expected, as in other=340.")
        found[group] = size
    return found
