"""The engine that packs one machine with worker processes."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import wait
from typing import Any

from disparate.engine.events import Listener, Progressed, Started
from disparate.engine.job import Job
from disparate.engine.ledger import Ledger
from disparate.engine.perform import Failure, Performed
from disparate.engine.pool import IDLE_LIMIT, Kind, Pool, Worker, fits
from disparate.errors import BadInput
from disparate.provenance import cores
from disparate.store.records import JobRecord
from disparate.store.runs import Store

LIVES = 2
"""How often a job is begun when its process is lost."""

_POLL_S = 0.5
_GRACE_S = 5.0


@dataclass(frozen=True, kw_only=True, slots=True)
class LocalEngine:
    """Runs jobs side by side in worker processes that carry the environment of the job and stay warm.

    A job takes as many slots as it has threads; one that asks for more than there are runs alone. The job that has been
    ready longest comes first, so that a wide job is not overtaken for ever by narrow ones.

    Args:
        slots: Slots of the machine; as many as this process may use cores, where not given.
        idle_limit: How many workers may wait for work of their kind.
    """

    slots: int | None = None
    idle_limit: int = IDLE_LIMIT

    def __post_init__(self) -> None:
        if self.slots is not None and self.slots < 1:
            raise BadInput(f"LocalEngine(slots={self.slots}): at least 1 was expected.")

    def execute(self, jobs: Iterable[Job], store: Store, *, progress: Listener | None = None) -> dict[str, JobRecord]:
        """Run the jobs that the store does not hold yet, each after those it needs.

        A job that fails does not stop the others, except those that need it. A job whose process is lost is begun
        once more. Every worker has ended when this returns or raises.

        Args:
            jobs: What is to be executed.
            store: Holds what is finished already, and takes the rest.
            progress: Called with every event.

        Returns:
            The record of every job, by key.

        Raises:
            JobFailed: A job failed; the others were run and are kept.
            BadInput: A job needs one that is neither planned nor finished, or jobs need each other in a circle.
        """
        tell = progress or (lambda event: None)
        ledger = Ledger(jobs, store, tell)
        pool = Pool(store.logs / "workers.log", idle_limit=self.idle_limit)
        crew = _Crew(ledger, pool, tell, self.slots or cores())
        try:
            crew.work()
        finally:
            crew.stop()
        return ledger.close()


class _Crew:
    """The workers that run a job now."""

    def __init__(self, ledger: Ledger, pool: Pool, tell: Listener, slots: int) -> None:
        self._ledger = ledger
        self._pool = pool
        self._tell = tell
        self._slots = slots
        self._busy: dict[Worker, Job] = {}
        self._losses: Counter[str] = Counter()

    def work(self) -> None:
        self._begin_jobs()
        while self._busy:
            wait([worker.stdout.fileno() for worker in self._busy], timeout=_POLL_S)
            for worker in list(self._busy):
                self._hear(worker)
            self._begin_jobs()

    def stop(self) -> None:
        for worker in self._busy:
            worker.end()
        self._busy.clear()
        self._pool.close()
        self._ledger.abandon()

    def _begin_jobs(self) -> None:
        while (job := self._ledger.waiting()) is not None and fits(job, list(self._busy.values()), self._slots):
            worker = self._pool.take(Kind.of(job))
            self._busy[worker] = job
            worker.send(self._ledger.begin(job).to_json())
            self._tell(Started(job=job, pid=worker.pid))

    def _hear(self, worker: Worker) -> None:
        messages, lost = worker.receive()
        for message in messages:
            self._handle(worker, message)
        if lost and worker in self._busy:
            self._lose(worker)

    def _handle(self, worker: Worker, message: Mapping[str, Any]) -> None:
        content: dict[str, Any] = dict(message)
        event = content.pop("event")
        job = self._busy[worker]
        if event == "progress":
            self._tell(Progressed(job=job, **content))
            return
        del self._busy[worker]
        if event == "done":
            self._pool.give(worker)
            self._ledger.finished(job, Performed(**content))
        else:
            worker.end()  # nobody knows in which state an error leaves a process
            self._ledger.failed(job, Failure(**content))

    def _lose(self, worker: Worker) -> None:
        job = self._busy.pop(worker)
        reason = worker.end(grace_s=_GRACE_S)
        self._losses[job.key] += 1
        if self._losses[job.key] < LIVES:
            self._ledger.again(job, f"its worker process {reason}")
        else:
            self._ledger.failed(job, Failure(message=self._told(reason)))

    def _told(self, reason: str) -> str:
        return f"its worker process {reason}, {LIVES} times; what workers say outside of jobs: {self._pool.log}"
