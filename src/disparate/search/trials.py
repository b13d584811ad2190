"""Trials: variants answered on one split, those that cannot be answered set aside with the reason."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from disparate.auditing.audit import Audit
from disparate.auditing.plan import Plan, fingerprint_jobs, plan, profiles_of
from disparate.auditing.run import Answers, Engine, answer
from disparate.data.grouped import GroupedDataset
from disparate.errors import JobFailed
from disparate.predictions import REFERENCE
from disparate.store.records import JobRecord
from disparate.store.runs import Store


@dataclass(frozen=True, kw_only=True, slots=True)
class Bench:
    """What answers an audit.

    Args:
        data: The data set.
        store: Where jobs leave their files.
        engine: What executes them.
        progress: Called with the engine's events.
    """

    data: GroupedDataset
    store: Store
    engine: Engine
    progress: Callable[[Any], None] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Answered:
    """What the variants of an audit gave.

    Args:
        audit: The audit, with the variants that were answered.
        answers: What its jobs gave.
        failed: Why a variant could not be answered, by its name.
    """

    audit: Audit
    answers: Answers
    failed: Mapping[str, str]


def answered(audit: Audit, bench: Bench) -> Answered:
    """Answer an audit; a variant that cannot be answered is set aside, and the others go on.

    Args:
        audit: The question.
        bench: What answers it.

    Returns:
        What was answered, and what was not.

    Raises:
        JobFailed: The reference itself could not be answered.
    """
    try:
        return Answered(audit=audit, answers=_answer(audit, bench), failed={})
    except JobFailed:
        failed = _failures(audit, bench)
        if not failed or REFERENCE in failed:
            raise
    rest = replace(audit, variants=tuple(variant for variant in audit.variants if variant.name not in failed))
    return Answered(audit=rest, answers=_answer(rest, bench), failed=failed)


def weights_of(answers: Answers, names: Sequence[str]) -> dict[str, object]:
    """Return where each trial's weights come from, by name."""
    seed = answers.plan.runs[0].run.seed
    return {name: answers.plan.weights(name, seed) for name in names}


def _answer(audit: Audit, bench: Bench) -> Answers:
    return answer(audit, bench.data, store=bench.store, engine=bench.engine, progress=bench.progress)


def _failures(audit: Audit, bench: Bench) -> dict[str, str]:
    laid_out = _laid_out(audit, bench)
    needs = {job.key: job.needs for job in laid_out.jobs}
    found: dict[str, str] = {}
    for planned in laid_out.runs:
        if reason := _reason(planned.key, needs, bench.store):
            found.setdefault(planned.run.variant, reason)
    return found


def _laid_out(audit: Audit, bench: Bench) -> Plan:
    records = {profile: bench.store.job(job.key) for profile, job in fingerprint_jobs(profiles_of(audit)).items()}
    fingerprints = {profile: _fingerprint(record) for profile, record in records.items()}
    return plan(audit, content=bench.data.content, fingerprints=fingerprints)


def _fingerprint(record: JobRecord | None) -> str:
    return "" if record is None else str(record.record.get("fingerprint", ""))


def _reason(key: str, needs: Mapping[str, tuple[str, ...]], store: Store) -> str | None:
    """Return why a job has no answer: its own error, or that of one it needs; None where it is done."""
    record = store.job(key)
    if record is not None and record.state == "done":
        return None
    for needed in needs.get(key, ()):
        if reason := _reason(needed, needs, store):
            return reason
    return (record.error if record is not None else None) or "it was not answered"
