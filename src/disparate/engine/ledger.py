"""The ledger of one execution: which job comes next, what was achieved, what went wrong."""

import platform
import shutil
import time
from collections import deque
from collections.abc import Iterable
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from disparate.engine.events import Blocked, Failed, Finished, Listener, Retried, Reused
from disparate.engine.job import Job
from disparate.engine.perform import Failure, Order, Performed
from disparate.errors import BadInput, JobFailed
from disparate.store.plain import plain
from disparate.store.records import JobRecord, now
from disparate.store.runs import Store
from disparate.store.workspaces import new_workspace, sweep

TOLD = 3
"""How many failed jobs a message tells of in full."""


class Ledger:
    """Keeps the order of jobs, enters what they leave into the store, and tells a listener.

    Args:
        jobs: What is to be executed; of two jobs with one key the first is taken.
        store: Holds what is finished already, and takes the rest.
        tell: Called with every event.

    Raises:
        BadInput: A job needs one that is neither planned nor finished, or jobs need each other in a circle.
    """

    def __init__(self, jobs: Iterable[Job], store: Store, tell: Listener) -> None:
        self._store = store
        self._tell = tell
        self._jobs: dict[str, Job] = {}
        for job in jobs:
            self._jobs.setdefault(job.key, job)
        self._places = {key: place for place, key in enumerate(self._jobs)}
        self._records: dict[str, JobRecord] = {}
        self._errors: dict[str, str] = {}
        self._begun: dict[str, tuple[str, float]] = {}
        self._workspaces: dict[str, Path] = {}
        self._ready: deque[Job] = deque()
        sweep(self._folder)
        self._reuse_finished()
        self._sorter = self._sorted()
        self._admit()

    @property
    def _folder(self) -> Path:
        return self._store.root / "work"

    def waiting(self) -> Job | None:
        """Return the job that has been ready longest; None where none is ready now."""
        while self._ready:
            job = self._ready[0]
            record = self._store.finished(job.key)  # another process may have finished it meanwhile
            if record is None:
                return job
            self._ready.popleft()
            self._reuse(job, record)
            self._settle(job)
        return None

    def begin(self, job: Job) -> Order:
        """Take a waiting job off the queue and return the order to perform it."""
        self._ready.remove(job)
        self._begun[job.key] = now(), time.perf_counter()
        self._workspaces[job.key] = workspace = new_workspace(self._folder)
        return Order(
            name=job.name,
            function=job.function,
            arguments=plain(job.arguments, "arguments"),
            inputs={key: self._files(key) for key in job.needs},
            workspace=workspace,
            blobs=self._store.blobs.root,
            log=self._store.log(job.key),
        )

    def finished(self, job: Job, performed: Performed) -> None:
        """Enter a job that is done; those that waited for it may be ready now."""
        record = _record(job, performed)
        self._records[job.key] = kept = self._store.finish(record)
        self._clear(job)
        self._tell(Finished(job=job, record=kept))
        self._settle(job)

    def failed(self, job: Job, failure: Failure) -> None:
        """Enter a job that stopped with an error; those that need it will not be run."""
        started, begin = self._begun[job.key]
        with self._store.log(job.key).open("a", encoding="utf-8", errors="backslashreplace") as log:
            log.write(f"{now()} job '{job.name}' failed\n{failure.trace or failure.message}\n")
        wall_s = time.perf_counter() - begin
        self._store.fail(_failed_record(job, failure, started=started, wall_s=wall_s))
        self._errors[job.key] = failure.message
        self._clear(job)
        self._tell(Failed(job=job, error=failure.message))

    def again(self, job: Job, reason: str) -> None:
        """Put a job whose process was lost back to the head of the queue."""
        self._clear(job)
        self._ready.appendleft(job)
        self._tell(Retried(job=job, reason=reason))

    def abandon(self) -> None:
        """Delete the workspaces of jobs that were begun and did not end."""
        for workspace in self._workspaces.values():
            shutil.rmtree(workspace, ignore_errors=True)
        self._workspaces.clear()

    def close(self) -> dict[str, JobRecord]:
        """Return the records of all jobs by key, or raise what went wrong.

        Returns:
            The record of every job.

        Raises:
            JobFailed: A job failed; the message names it, its error and its log, and what was not run.
        """
        blocked = [job for key, job in self._jobs.items() if key not in self._records and key not in self._errors]
        for job in blocked:
            self._tell(Blocked(job=job))
        if self._errors:
            raise JobFailed(self._complaint(blocked))
        return {key: self._records[key] for key in self._jobs}

    def _reuse_finished(self) -> None:
        for key, job in self._jobs.items():
            if (record := self._store.finished(key)) is not None:
                self._reuse(job, record)

    def _reuse(self, job: Job, record: JobRecord) -> None:
        self._records[job.key] = record
        self._tell(Reused(job=job, record=record))

    def _sorted(self) -> "TopologicalSorter[str]":
        sorter: TopologicalSorter[str] = TopologicalSorter()
        for key, job in self._jobs.items():
            if key not in self._records:
                sorter.add(key, *(need for need in job.needs if not self._holds(job, need)))
        try:
            sorter.prepare()
        except CycleError as error:
            names = " -> ".join(f"'{self._jobs[key].name}'" for key in error.args[1])
            raise BadInput(f"jobs need each other in a circle: {names}; correct their needs.") from None
        return sorter

    def _holds(self, job: Job, need: str) -> bool:
        if need in self._records:
            return True
        if need in self._jobs:
            return False
        if (record := self._store.finished(need)) is None:
            raise BadInput(self._lacking(job, need))
        self._records[need] = record
        return True

    def _lacking(self, job: Job, need: str) -> str:
        before = self._store.job(need)
        if before is not None and before.state == "done":
            lost = [name for name, digest in before.outputs.items() if not self._store.blobs.intact(digest)]
            return (
                f"job '{job.name}' needs {', '.join(map(repr, lost))} of job '{before.name}', which was finished and "
                f"whose files are absent or damaged in store {self._store.root}. Run its audit again: only what "
                "is lost is done anew."
            )
        return (
            f"job '{job.name}' needs the job {need}, which is neither planned nor finished in store "
            f"{self._store.root}; plan it too."
        )

    def _admit(self) -> None:
        keys = sorted(self._sorter.get_ready(), key=self._places.__getitem__)
        self._ready.extend(self._jobs[key] for key in keys)

    def _settle(self, job: Job) -> None:
        self._sorter.done(job.key)
        self._admit()

    def _files(self, key: str) -> dict[str, Path]:
        return {name: self._store.blobs.get(digest) for name, digest in self._records[key].outputs.items()}

    def _clear(self, job: Job) -> None:
        shutil.rmtree(self._workspaces.pop(job.key), ignore_errors=True)

    def _complaint(self, blocked: list[Job]) -> str:
        told = [
            f"job '{self._jobs[key].name}' failed: {error} (what it printed, and the traceback: {self._store.log(key)})"
            for key, error in list(self._errors.items())[:TOLD]
        ]
        if len(self._errors) > TOLD:
            told.append(
                f"and {_counted(len(self._errors) - TOLD, 'more job', 'more jobs')} failed; see: disparate runs --jobs"
            )
        kept = sum(key in self._records for key in self._jobs)
        return (
            "\n".join(told)
            + f"\n{_unrun(blocked)}{_counted(kept, 'finished job is', 'finished jobs are')} kept. "
            + ("Remove the cause and start again: finished jobs are not repeated.")
        )


def _unrun(blocked: list[Job]) -> str:
    if not blocked:
        return ""
    names = ", ".join(f"'{job.name}'" for job in blocked[:5]) + (" …" if len(blocked) > 5 else "")
    return f"{_counted(len(blocked), 'job that needs it was', 'jobs that need it were')} not run: {names}. "


def _counted(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def _record(job: Job, performed: Performed) -> JobRecord:
    return JobRecord(
        key=job.key,
        name=job.name,
        function=job.function,
        arguments=plain(job.arguments, "arguments"),
        environment=dict(job.environment),
        outputs=performed.outputs,
        record=performed.record,
        started=performed.started,
        finished=performed.finished,
        wall_s=performed.wall_s,
        peak_mib=performed.peak_mib,
        host=platform.node(),
    )


def _failed_record(job: Job, failure: Failure, *, started: str, wall_s: float) -> JobRecord:
    return JobRecord(
        key=job.key,
        name=job.name,
        function=job.function,
        arguments=plain(job.arguments, "arguments"),
        environment=dict(job.environment),
        state="failed",
        started=started,
        finished=now(),
        wall_s=wall_s,
        peak_mib=None,
        host=platform.node(),
        error=failure.message,
    )
