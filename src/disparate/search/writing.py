"""Writing: the outcome of a search, its pages, and a recipe for every point of the front."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from tomli_w import dumps

from disparate.auditing.recipe import recipe_tables
from disparate.auditing.run import Engine
from disparate.choice import Variant
from disparate.data.grouped import GroupedDataset
from disparate.findings import Result
from disparate.search.markdown import markdown
from disparate.search.outcome import Outcome, Point
from disparate.search.page import page
from disparate.search.question import Search
from disparate.search.run import search
from disparate.store.atomic import replacing
from disparate.store.runs import Store

CHOSEN = "chosen"
"""Folder of the recipes, beside the file of the search."""
LONGEST = 80


def perform(
    question: Search,
    *,
    store: Store,
    engine: Engine,
    data: GroupedDataset | None = None,
    progress: Callable[[Any], None] | None = None,
) -> Outcome:
    """Answer a search, enter it in the store's index, and write what it found into its folder.

    Args:
        question: The search.
        store: Where jobs leave their files; the folder ``<store>/<name>`` takes the outcome.
        engine: What executes the jobs.
        data: The data set, where it is at hand already.
        progress: Called with the engine's events.

    Returns:
        The outcome.
    """
    entry = store.add_audit(name=question.audit.name, recipe=recipe_tables(question.audit), keys=())
    try:
        outcome = with_recipes(search(question, store=store, engine=engine, data=data, progress=progress))
        digest = store.blobs.put(write(outcome, store.root / question.audit.name))
    except BaseException as error:
        store.finish_audit(entry.id, state="interrupted" if isinstance(error, KeyboardInterrupt) else "failed")
        raise
    store.finish_audit(entry.id, result=digest, keys=sorted({item["key"] for item in outcome.run["predictions"]}))
    return outcome


def with_recipes(outcome: Outcome) -> Outcome:
    """Return the outcome whose front knows the files its recipes go to."""
    numbers = {point.name: number for number, point in enumerate(outcome.points)}
    points = tuple(
        replace(point, recipe=f"{CHOSEN}/{_slug(point.name, numbers[point.name])}.toml")
        if point.on_front and point.trial
        else point
        for point in outcome.points
    )
    return replace(outcome, points=points)


def write(outcome: Outcome, folder: Path) -> Path:
    """Write search.json, search.html, search.md, a recipe for every point of the front, and the audit of all trials.

    Args:
        outcome: What a search found, its front with the names of files.
        folder: Where; it is made where it does not exist. Recipes of an earlier search are replaced.

    Returns:
        The result of the audit behind it, on the split that is reported.
    """
    (folder / CHOSEN).mkdir(parents=True, exist_ok=True)
    for old in (folder / CHOSEN).glob("*.toml"):
        old.unlink()
    texts = {"search.json": outcome.to_text(), "search.html": page(outcome), "search.md": markdown(outcome)}
    texts |= {point.recipe: recipe_of(outcome, point) for point in outcome.points if point.recipe is not None}
    for name, text in texts.items():
        with replacing(folder / name) as path:
            path.write_text(text, encoding="utf-8")
    result = Result(findings=outcome.report, cautions=outcome.cautions, run=outcome.run)
    with replacing(folder / "result.json") as path:
        result.write(path)
    return folder / "result.json"


def recipe_of(outcome: Outcome, point: Point) -> str:
    """Return the recipe that audits one point of the front against the same reference.

    Args:
        outcome: What a search found.
        point: A trial.

    Returns:
        TOML; its trainings and predictions are those that the search left in the store.
    """
    audit = outcome.search.audit
    variants: tuple[Variant, ...] = () if point.trial is None else (point.trial.variant,)
    stem = Path(point.recipe or point.name).stem
    told = f"# Found by 'disparate search' of '{audit.name}': {point.name}, {point.standing} on {outcome.splits[0]}."
    return f"{told}\n{dumps(recipe_tables(replace(audit, name=f'{audit.name}-{stem}', variants=variants)))}"


def _slug(name: str, number: int) -> str:
    words = re.sub(r"[^A-Za-z0-9.]+", "-", name).strip("-.")
    return f"{number:02d}-{words[:LONGEST].strip('-.') or 'trial'}"
