"""What the index says about jobs and audits, as values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

JobState = Literal["done", "failed"]
AuditState = Literal["running", "finished", "failed", "interrupted"]


@dataclass(frozen=True, kw_only=True, slots=True)
class JobRecord:
    """What the index says about one job that ended.

    Args:
        key: The job's key.
        name: What the job is called.
        function: What was run, ``"package.module:callable"``.
        arguments: What it was given, plain values.
        environment: Variables its process was started with.
        state: ``"done"`` or ``"failed"``.
        outputs: Digest of each file it left, by the output's name.
        record: What it returned, plain values.
        started: When it began, ISO 8601 in UTC.
        finished: When it ended.
        wall_s: How long it ran, seconds.
        peak_mib: Largest resident memory of its process while it ran, MiB; None where the process was lost.
        host: Name of the machine.
        error: What went wrong; None for a job that is done.
    """

    key: str
    name: str
    function: str
    arguments: Mapping[str, Any] = field(default_factory=dict[str, Any])
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    state: JobState = "done"
    outputs: Mapping[str, str] = field(default_factory=dict[str, str])
    record: Mapping[str, Any] = field(default_factory=dict[str, Any])
    started: str
    finished: str
    wall_s: float
    peak_mib: float | None
    host: str
    error: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditRecord:
    """What the index says about one audit.

    Args:
        id: Name of this run of the audit, unique in the store.
        name: What the audit is called.
        recipe: The audit as resolved, plain values.
        created: When it was begun, ISO 8601 in UTC.
        finished: When it ended; None while it runs, or where it was killed.
        state: ``"running"``, ``"finished"``, ``"failed"`` or ``"interrupted"``.
        result: Digest of its result; None without one.
        keys: Keys of its jobs.
    """

    id: str
    name: str
    recipe: Mapping[str, Any]
    created: str
    finished: str | None = None
    state: AuditState = "running"
    result: str | None = None
    keys: Sequence[str] = ()


def now() -> str:
    """Return the time as ISO 8601 in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
