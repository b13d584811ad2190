"""Export: an audit's predictions as Parquet files that any tool reads, one per variant, seed, draw and repeat."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from disparate.errors import BadInput
from disparate.findings import Result
from disparate.predictions import Run
from disparate.store.parquet import write_predictions
from disparate.store.runs import Store


def export_predictions(store: Store, audit: str, folder: Path) -> list[Path]:
    """Write an audit's predictions into a folder.

    Args:
        store: The store that holds the audit.
        audit: The audit's id.
        folder: Where to write; it is made where it does not exist.

    Returns:
        The files, ``<variant>_seed<seed>.parquet``; draws and repeats above 0 are in the name.

    Raises:
        BadInput: There is no such audit, or it is not finished.
    """
    found = store.audit(audit)
    if found.result is None:
        raise BadInput(f"audit '{audit}' ({found.name}) is {found.state} and has no result; run it to its end first.")
    folder.mkdir(parents=True, exist_ok=True)
    result = Result.read(store.blobs.get(found.result))
    written: list[Path] = []
    for item in result.run["predictions"]:
        run = Run(**{name: item[name] for name in ("variant", "seed", "draw", "repeat")})
        path = folder / file_name(run)
        write_predictions(replace(store.predictions(item["key"]), run=run), path)
        written.append(path)
    return written


def file_name(run: Run) -> str:
    """Return the file name of a run's predictions.

    Example:
        >>> file_name(Run(variant="prune 50 % + int8", seed=3))
        'prune-50-int8_seed3.parquet'
    """
    word = re.sub(r"[^A-Za-z0-9.]+", "-", run.variant).strip("-") or "variant"
    tail: list[Any] = [f"_{name}{value}" for name, value in (("draw", run.draw), ("repeat", run.repeat)) if value]
    return f"{word}_seed{run.seed}{''.join(tail)}.parquet"
