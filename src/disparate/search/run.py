"""Run: from the question of a search to its outcome."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from importlib.metadata import version
from typing import Any

from disparate.auditing.recipe import recipe_tables
from disparate.auditing.run import Engine, check
from disparate.choice import Choice
from disparate.choices import choice_table
from disparate.data import data_named
from disparate.data.grouped import GroupedDataset
from disparate.errors import BadInput
from disparate.findings import Findings
from disparate.provenance import cores, machine, peak_memory, source_revision, versions
from disparate.report.cautions import cautions
from disparate.search.outcome import Outcome, Point
from disparate.search.proposing import Trial, given, proposer
from disparate.search.question import Search
from disparate.search.space import written
from disparate.search.standing import Tried, assessed, levelled_down, numbers_of, pairs_of, points_of
from disparate.search.trials import Answered, Bench, answered
from disparate.store.runs import Store


def search(
    question: Search,
    *,
    store: Store,
    engine: Engine,
    data: GroupedDataset | None = None,
    progress: Callable[[Any], None] | None = None,
) -> Outcome:
    """Answer a search: try variants, choose on one split, report on another.

    Every trial is a variant of one audit, and what the store holds is not done again. The proposals follow from the
    recipe and from what trials gave, so a search that was killed passes through what it has tried and continues.

    Args:
        question: The search.
        store: Where jobs leave their files.
        engine: What executes them.
        data: The data set, where it is at hand already.
        progress: Called with the engine's events.

    Returns:
        The points, where each one stands, and whether it holds on the split that is reported.

    Raises:
        BadInput: The data, a group, an aim or a place is not what it has to be, or no trial could be answered.
        JobFailed: The reference could not be answered.
        MissingExtra: The method is not installed.
    """
    started = time.monotonic()
    bench = Bench(
        data=data if data is not None else data_named(question.audit.data),
        store=store,
        engine=engine,
        progress=progress,
    )
    _check(question, bench.data)
    tried = _tried(question, bench)
    good = [trial for name, trial in tried.trials.items() if name not in tried.failed]
    if not good:
        name, reason = next(iter(tried.failed.items()), ("none", "nothing was proposed"))
        raise BadInput(f"search '{question.audit.name}': no trial could be answered. '{name}': {reason}")
    chosen, reported = (_answered(question, split, good, bench) for split in (question.select_on, question.audit.split))
    selection, report = (assessed(question, found) for found in (chosen, reported))
    pairs = pairs_of(question, chosen)
    down = {question.select_on: levelled_down(selection), question.audit.split: levelled_down(report)}
    points = tuple(
        replace(point, levelling_down={split: told[point.name] for split, told in down.items() if point.name in told})
        for point in points_of(question, chosen, tried, pairs)
    )
    beside = _beside(question, points, bench)
    record = _record(question, reported, bench, tried) | {
        "wall_s": round(time.monotonic() - started, 1),
        "peak_mib": round(peak_memory(), 1),
    }
    return Outcome(
        search=question,
        points=points,
        pairs=pairs,
        selection=selection,
        report=report,
        beside=beside,
        cautions=tuple(cautions(report, record)),
        run=record,
    )


def _check(question: Search, data: GroupedDataset) -> None:
    for split in (question.select_on, question.audit.split):
        if not len(data.rows(split)):
            raise BadInput(
                f"data set '{data.name}' has no example in the split '{split}'; a search chooses on one split and "
                "reports on another. Cut one out, as in [data] shares = { test = 0.2, validation = 0.2 }."
            )
    corners = tuple(template.at(template.first()) for template in question.templates)
    check(replace(question.audit, variants=corners, split=question.select_on), data)


def _tried(question: Search, bench: Bench) -> Tried:
    """Return every trial that was proposed; each is answered on the split that trials are chosen on."""
    source, tried = proposer(question), Tried()
    _try(given(question), question, bench, tried)
    while asked := source.ask():
        _try(asked, question, bench, tried)
        source.tell([tried.numbers.get(trial.variant.name) for trial in asked])
    return tried


def _try(trials: Sequence[Trial], question: Search, bench: Bench, tried: Tried) -> None:
    new = {trial.variant.name: trial for trial in trials if trial.variant.name not in tried.trials}
    if new:
        found = _answered(question, question.select_on, list(new.values()), bench)
        tried.trials.update(new)
        tried.failed.update(found.failed)
        tried.numbers.update(numbers_of(question, found))


def _answered(question: Search, split: str, trials: Sequence[Trial], bench: Bench) -> Answered:
    variants = tuple(trial.variant for trial in trials)
    return answered(replace(question.audit, variants=variants, split=split), bench)


def _beside(question: Search, points: Sequence[Point], bench: Bench) -> Findings:
    """Return what reference and front do under the choices that stand beside, each against the reference under them."""
    front = [point.trial for point in points if point.on_front and point.trial is not None]
    if not question.beside or not front:
        return Findings()
    reference = question.audit.reference
    asked = replace(reference, choices=(*reference.choices, *question.beside))
    under = replace(question, audit=replace(question.audit, reference=asked))
    return assessed(under, _answered(under, question.audit.split, front, bench))


def _written(choice: Choice) -> str:
    return written(choice_table(choice))


def _record(question: Search, found: Answered, bench: Bench, tried: Tried) -> dict[str, Any]:
    audit, data = found.audit, bench.data
    first = found.answers.predictions[0]
    parts = {by: first.groups(by, reference=audit.reference_groups.get(by)) for by in audit.groups}
    return {
        "audit": recipe_tables(audit),
        "data": {
            "name": data.name,
            "content": data.content,
            "target": data.target_name,
            "labels": list(data.label_names),
            "splits": {split: int((data.split == split).sum()) for split in sorted(set(data.split.tolist()))},
        },
        "groups": {by: groups.counts() for by, groups in parts.items()},
        "reference_groups": {by: groups.reference for by, groups in parts.items()},
        "problems": [asdict(problem) for problem in data.problems],
        "predictions": [{**asdict(planned.run), "key": planned.key} for planned in found.answers.plan.runs],
        "trials": len(tried.trials),
        "beside": "; ".join(_written(choice) for choice in question.beside),
        "versions": versions() | ({} if question.method == "grid" else {"optuna": version("optuna")}),
        "machine": machine(),
        "cores": cores(),
        "source": source_revision(),
    }
