"""The engine that runs jobs one by one in the current process, for functions that no other process can import."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from disparate.engine.events import Listener, Progressed, Started
from disparate.engine.job import Job, JobFunction
from disparate.engine.ledger import Ledger
from disparate.engine.perform import Failure, perform
from disparate.errors import NotApplicable
from disparate.registry import import_object
from disparate.store.records import JobRecord
from disparate.store.runs import Store


@dataclass(frozen=True, kw_only=True, slots=True)
class InlineEngine:
    """Runs jobs in the current process.

    Args:
        functions: Functions by the name that jobs call them; any other name is imported.
    """

    functions: Mapping[str, JobFunction] = field(default_factory=dict[str, JobFunction])

    def execute(self, jobs: Iterable[Job], store: Store, *, progress: Listener | None = None) -> dict[str, JobRecord]:
        """Run the jobs that the store does not hold yet, one after another.

        Args:
            jobs: What is to be executed.
            store: Holds what is finished already, and takes the rest.
            progress: Called with every event.

        Returns:
            The record of every job, by key.

        Raises:
            NotApplicable: A job carries an environment, which only a new process can have.
            JobFailed: A job failed; the others were run and are kept.
            BadInput: A job needs one that is neither planned nor finished, or jobs need each other in a circle.
        """
        planned = list(jobs)
        for job in planned:
            _refuse_environment(job)
        tell = progress or (lambda event: None)
        ledger = Ledger(planned, store, tell)
        try:
            while (job := ledger.waiting()) is not None:
                self._run(job, ledger, tell)
        finally:
            ledger.abandon()
        return ledger.close()

    def _run(self, job: Job, ledger: Ledger, tell: Listener) -> None:
        def report(done: float, total: float, message: str = "") -> None:
            tell(Progressed(job=job, done=done, total=total, message=message))

        order = ledger.begin(job)
        tell(Started(job=job, pid=os.getpid()))
        try:
            function = self.functions.get(job.function) or import_object(job.function)
            performed = perform(function, order, report)
        except Exception as error:
            ledger.failed(job, Failure.of(error))
        else:
            ledger.finished(job, performed)


def _refuse_environment(job: Job) -> None:
    if job.environment:
        variables = ", ".join(f"{name}={value}" for name, value in job.environment)
        raise NotApplicable(
            f"job '{job.name}' has to be started with {variables}, which are read when a process starts; this process "
            "has started already. Name model and data by an importable 'module:function', so that another process can "
            "run the job, or leave such variants out."
        )
