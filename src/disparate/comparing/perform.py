"""From a comparison to what it concludes."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from disparate.comparing.comparison import Comparison
from disparate.comparing.gathering import Gathered, gather
from disparate.comparing.label_sets import Sets, questions
from disparate.comparing.remarks import remarks
from disparate.errors import BadInput, suggestion
from disparate.findings import Finding, Findings, Result
from disparate.measures.assess import assess
from disparate.measures.gallery import shown_exemplars
from disparate.measures.harm import concluded
from disparate.measures.statements import corrected
from disparate.measures.table import measure_named
from disparate.predictions import REFERENCE, Predictions
from disparate.provenance import cores, machine, peak_memory, source_revision, versions
from disparate.report.cautions import cautions
from disparate.report.gate import gate
from disparate.store.atomic import replacing
from disparate.store.patterns import Progress, unheard

BOOTSTRAP_SEED = 20231206
MOST_GROUPS = 2_000
"""More groups than this nobody reads; a column with more holds ids or numbers."""


def perform(question: Comparison, *, progress: Progress = unheard) -> Result:
    """Answer a comparison.

    Args:
        question: The comparison.
        progress: Called while files are read, matched and counted, and before measuring.

    Returns:
        Findings, cautions, verdict and run record.

    Raises:
        BadInput: A table, a group, a measure or a threshold is not what it has to be.
    """
    started = time.monotonic()
    for name in question.measures:
        measure_named(name)
    gate(Findings(), maxima=question.maxima, minima=question.minima)  # thresholds that cannot be read are refused now
    _require_partitions(question)
    gathered = gather(question, progress)
    _require_few_groups(question, gathered.panels[0][0])
    progress("measuring", 0.0)
    first = gathered.panels[0][0]
    losses = all(item.loss is not None for panel in gathered.panels for item in panel)
    measures = question.asked(
        answers=first.answers, losses=losses, labels=len(first.label_names), labelled=first.labelled
    )
    findings = _assessed(question, gathered, measures, progress)
    record = _record(question, gathered) | {
        "wall_s": round(time.monotonic() - started, 1),
        "peak_mib": round(peak_memory(), 1),
    }
    runs = tuple({item.run: item for panel in gathered.panels for item in panel}.values())
    own = remarks(
        runs,
        left_out=gathered.left_out,
        spelled_alike=gathered.spelled_alike,
        zeros=gathered.zeros,
        paired=not question.population,
    )
    return Result(
        findings=findings,
        cautions=(*cautions(findings, record), *own),
        verdict=gate(findings, maxima=question.maxima, minima=question.minima),
        run=record,
    )


def write(result: Result, folder: Path) -> None:
    """Write ``result.json``, ``report.html`` and ``report.md`` into a folder.

    Args:
        result: What a comparison concludes.
        folder: The folder; it is created where it is absent.

    Raises:
        BadInput: There is a file in the folder's place.
    """
    from disparate.report.html import page
    from disparate.report.markdown import markdown

    if folder.exists() and not folder.is_dir():
        raise BadInput(f"'{folder}' is a file; a folder for the report was expected.")
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / "result.json") as temporary:
        result.write(temporary)
    for name, text in (("report.html", page(result)), ("report.md", markdown(result))):
        with replacing(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")


def _require_partitions(question: Comparison) -> None:
    if unknown := sorted(set(question.reference_groups) - set(question.groups)):
        known = suggestion(unknown[0], question.groups)
        raise BadInput(f"reference group given for '{unknown[0]}', which is not asked for.{known}")


def _require_few_groups(question: Comparison, first: Predictions) -> None:
    for by in question.groups:
        names = first.groups(by).names
        if len(names) > MOST_GROUPS:
            raise BadInput(
                f"groups '{by}' make {len(names):,} groups, such as '{names[0]}' and '{names[1]}'; at most "
                f"{MOST_GROUPS:,} were expected. Is it an id or a number? Cut numbers into bands, merge rare values."
            )


def _assessed(question: Comparison, gathered: Gathered, measures: Sequence[str], progress: Progress) -> Findings:
    first, *more = (_assess(question, panel, measures) for panel in gathered.panels)
    by_label = [] if gathered.sets is None else [*_of_labels(question, gathered.panels[0], gathered.sets, progress)]
    if not more and not by_label:
        return first
    # Each panel holds the reference: it is stated once, and what is judged is corrected over all of them together.
    rest = [item for found in more for item in found if item.variant != REFERENCE]
    items = [*first, *rest, *by_label]
    judged: list[Finding] = [item for item in items if item.distinguishable is not None]
    shown = [item for item in items if item.distinguishable is None]
    return Findings(tuple(concluded((*shown, *corrected(judged, rate=1 - question.level)))))


def _of_labels(question: Comparison, runs: Sequence[Predictions], sets: Sets, progress: Progress) -> Iterator[Finding]:
    """Yield what is found label by label, each one against the rest: rates are those of the label itself."""
    if not question.asked_of_labels:
        return
    for place, (label, panel) in enumerate(questions(runs, sets)):
        progress("judging label by label", place / len(sets.labels))
        for item in _assess(question, panel, question.asked_of_labels):
            if item.label in {None, label}:
                yield replace(item, label=label)


def _assess(question: Comparison, panel: Sequence[Predictions], measures: Sequence[str]) -> Findings:
    variants = dict.fromkeys(item.run.variant for item in panel if item.run.variant != REFERENCE)
    return assess(
        panel,
        by=question.groups,
        measures=measures,
        acts_on_training={name: question.population or name in question.retrained for name in variants},
        paired=not question.population,
        hardware=question.hardware,
        reference_groups=question.reference_groups,
        level=question.level,
        replicates=question.replicates,
        margin=question.margin,
        generator=np.random.default_rng(BOOTSTRAP_SEED),
    )


def _record(question: Comparison, gathered: Gathered) -> dict[str, Any]:
    first = gathered.panels[0][0]
    parts = {by: first.groups(by, reference=question.reference_groups.get(by)) for by in question.groups}
    repeats = 1 + max(source.run.repeat for source in question.sources)
    return {
        "audit": {"audit": {"name": "Comparison", "repeats": repeats}, "columns": _columns(question)},
        "data": _data(question, gathered),
        "groups": {groups.by: groups.counts() for groups in parts.values()},
        "reference_groups": {groups.by: groups.reference for groups in parts.values()},
        "tables": list(gathered.tables),
        "counted_on_disk": gathered.on_disk,
        "retrained": list(question.retrained),
        "hardware": list(question.hardware),
        "margin": question.margin,
        "models": question.models,
        "exemplars": _exemplars(question, gathered),
        "examples": first.examples,
        "versions": _versions(),
        "machine": machine(),
        "cores": cores(),
        "source": source_revision(),
    }


def _exemplars(question: Comparison, gathered: Gathered) -> list[dict[str, Any]]:
    by = question.groups[0]
    shown = () if gathered.sets or not question.columns.of_labels else shown_exemplars(gathered.runs, by=by)
    return [item.to_json() for item in shown]


def _data(question: Comparison, gathered: Gathered) -> dict[str, Any]:
    first = gathered.panels[0][0]
    labels = first.label_names if gathered.sets is None else gathered.sets.labels
    positive = {"positive": labels[1]} if first.answers == "labels" and len(labels) == 2 else {}
    target = question.columns.target if first.labelled else None
    return {"target": target, "labelled": first.labelled, "answers": first.answers, "labels": list(labels), **positive}


def _columns(question: Comparison) -> Mapping[str, Any]:
    found = {name: value for name, value in asdict(question.columns).items() if value not in ("", (), None, False)}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in found.items()}


def _versions() -> dict[str, str]:
    return {name: found for name, found in versions().items() if not name.startswith("torch")}
