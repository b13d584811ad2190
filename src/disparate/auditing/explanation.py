"""Explanation: from an answered audit to why groups pay. Jobs look at every network; findings come from their files."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from disparate.auditing.audit import Audit
from disparate.auditing.causes import correlation_findings, size_levels
from disparate.auditing.curves import curves_of
from disparate.auditing.damaging import damage_told
from disparate.auditing.evidence import Evidence
from disparate.auditing.look import Look, networks
from disparate.auditing.plan import acts_on_training
from disparate.auditing.run import Answers, Engine, answer, run
from disparate.auditing.subsets import judged_scores, subset_findings, subset_runs
from disparate.auditing.telling import (
    flips_told,
    learnt_findings,
    level_findings,
    line_findings,
    surface_findings,
    weight_findings,
)
from disparate.data import data_named
from disparate.data.grouped import GroupedDataset
from disparate.engine.events import Planned
from disparate.engine.job import Job
from disparate.findings import Finding, Findings, Result
from disparate.report.cautions import cautions
from disparate.store.runs import Store


@dataclass(frozen=True, kw_only=True, slots=True)
class Explained:
    """What a look at the networks of an audit says.

    Args:
        findings: The numbers.
        curves: What figures draw beside them, see :func:`disparate.auditing.curves.curves_of`.
        record: How closely was looked, and what it took.
    """

    findings: Findings
    curves: Mapping[str, Any]
    record: Mapping[str, Any]


def explain(
    audit: Audit,
    answers: Answers,
    *,
    look: Look,
    store: Store,
    engine: Engine,
    data: GroupedDataset | None = None,
    progress: Callable[[Any], None] | None = None,
) -> Explained:
    """Look at the networks of an answered audit and say what tells who pays.

    Args:
        audit: The question.
        answers: What its jobs gave.
        look: How closely to look.
        store: Where jobs leave their files.
        engine: What executes them.
        data: The data set, where it is at hand already.
        progress: Called with the engine's events.

    Returns:
        Levels of every number by variant, split and group, bounds beside what they bound, and what tells who pays.

    Raises:
        BadInput: There is no such variant or seed, or subsets were asked for and cannot be trained.
    """
    data = data if data is not None else data_named(audit.data)
    looked = networks(audit, answers, look, store)
    subsets = subset_runs(audit, answers, look)
    wanted = [job for item in looked for job in item.jobs]
    wanted += [job for item in subsets for job in item.jobs]
    jobs = tuple({job.key: job for job in wanted}.values())
    if progress is not None:
        progress(Planned(jobs=jobs))
    engine.execute(jobs, store, progress=progress)
    evidence = Evidence.read(audit, answers, data, looked, store, along=look.along)
    told: list[Finding] = []
    for by in audit.groups:
        told += size_levels(evidence, by)
        told += level_findings(evidence, by)
        told += flips_told(evidence, by)
        told += surface_findings(evidence, by)
        told += line_findings(evidence, by)
        told += subset_findings(audit, subsets, data, by=by, store=store)
        told += correlation_findings(evidence, by)
    told += weight_findings(evidence, acts_on_training(audit, answers.fingerprints))
    told += learnt_findings(evidence)
    told += damage_told(evidence, judged_scores(subsets, split=audit.split, store=store))
    return Explained(findings=Findings(tuple(told)), curves=curves_of(evidence), record=_record(look, jobs, store))


def explained(
    audit: Audit,
    *,
    look: Look,
    store: Store,
    engine: Engine,
    data: GroupedDataset | None = None,
    progress: Callable[[Any], None] | None = None,
) -> Result:
    """Answer an audit, look at its networks, and add why to what.

    Jobs that the store holds are not done again; after an audit only the looking is left.

    Args:
        audit: The question.
        look: How closely to look.
        store: Where jobs leave their files.
        engine: What executes them.
        data: The data set, where it is at hand already.
        progress: Called with the engine's events.

    Returns:
        The audit's result with the findings of the explanation after its own.

    Raises:
        BadInput: The audit cannot be answered, or there is no such variant or seed.
    """
    data = data if data is not None else data_named(audit.data)
    result = run(audit, store=store, engine=engine, data=data, progress=progress)
    answers = answer(audit, data, store=store, engine=engine)
    told = explain(audit, answers, look=look, store=store, engine=engine, data=data, progress=progress)
    findings = result.findings + told.findings
    record = {**result.run, "explanation": dict(told.record), "curves": dict(told.curves)}
    return replace(result, findings=findings, cautions=tuple(cautions(findings, record)), run=record)


def _record(look: Look, jobs: tuple[Job, ...], store: Store) -> dict[str, Any]:
    """Return the look as it was, and seconds of all its jobs together, those of an earlier look included."""
    done = [record for job in jobs if (record := store.job(job.key)) is not None]
    seconds = sum(record.wall_s for record in done)
    return {**asdict(look), "jobs": len(jobs), "job_seconds": round(seconds, 1)}
