"""Worker processes seen from the engine, and a pool of them that stay warm."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from disparate.engine.job import Job

IDLE_LIMIT = 4
MEMORY_FLOOR_MIB = 1024.0
"""Below this much available memory idle workers are let go."""

KEPT_MEMORY: Mapping[str, str] = {
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TOP_PAD_": str(64 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 32),
}
"""Tells glibc to keep what a process frees. Otherwise every step of a training takes its activations from the system
anew, page by page: a tenth of the time of a small network. No number changes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """What a worker was started for; it serves every job of the same kind.

    Args:
        environment: Variables it was started with, sorted.
        threads: Threads it may use.
    """

    environment: tuple[tuple[str, str], ...]
    threads: int

    @classmethod
    def of(cls, job: Job) -> "Kind":
        """Return the kind of worker that a job has to run in."""
        return cls(environment=tuple(sorted(job.environment)), threads=job.threads)

    def variables(self, inherited: Mapping[str, str]) -> dict[str, str]:
        """Return the whole environment of such a worker.

        Args:
            inherited: Environment of the engine.

        Returns:
            Variables by name; those of the kind win, the thread counts of OpenMP and MKL are set, and glibc keeps
            memory where nothing else is said.
        """
        threads = {name: str(self.threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
        return {**KEPT_MEMORY, **inherited, **threads, **dict(self.environment)}


class Worker:
    """One worker process.

    Args:
        kind: What it is started for.
        log: The file that takes what it prints outside of jobs.
    """

    def __init__(self, kind: Kind, log: Path) -> None:
        self.kind = kind
        self._unread = bytearray()
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "disparate.engine.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=kind.variables(os.environ),
                start_new_session=True,
            )
        os.set_blocking(self.stdout.fileno(), False)
        self.send({"path": sys.path})

    @property
    def pid(self) -> int:
        """Id of the process."""
        return self._process.pid

    @property
    def stdout(self) -> IO[bytes]:
        """The pipe that its messages come through."""
        assert self._process.stdout is not None
        return self._process.stdout

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def send(self, message: Mapping[str, Any]) -> None:
        """Send a message; a worker that is dead does not get it, which is noticed when its answer is waited for."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()

    def receive(self) -> tuple[list[dict[str, Any]], bool]:
        """Return the messages that have arrived, and whether the worker is lost, so that no more will come."""
        lost = not self.alive
        whole = False
        while piece := self._piece():
            self._unread += piece
            whole = whole or b"\n" in piece
        return self._messages() if whole else [], lost or piece == b""

    def _messages(self) -> list[dict[str, Any]]:
        *lines, self._unread = self._unread.split(b"\n")
        return [json.loads(line) for line in lines]

    def end(self, *, grace_s: float = 0.0) -> str:
        """End the process and all it has started.

        Args:
            grace_s: How long it may take to end by itself.

        Returns:
            How it ended, as the rest of a sentence that begins with "its worker process".
        """
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(grace_s)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        code = self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with suppress(BrokenPipeError):
                pipe.close()
        return _ending(code)

    def _piece(self) -> bytes | None:
        try:
            return os.read(self.stdout.fileno(), 1 << 20)
        except BlockingIOError:
            return None


class Pool:
    """Idle workers by kind.

    Args:
        log: The file that takes what workers print outside of jobs.
        idle_limit: How many workers may wait for work; beyond it the one that waited longest is let go.
    """

    def __init__(self, log: Path, *, idle_limit: int = IDLE_LIMIT) -> None:
        self.log = log
        self._idle_limit = idle_limit
        self._idle: list[Worker] = []

    def take(self, kind: Kind) -> Worker:
        """Return a worker of that kind, a warm one where there is one."""
        for worker in reversed(self._idle):
            if worker.kind == kind:
                self._idle.remove(worker)
                if worker.alive:
                    return worker
                worker.end()
        self._let_go()
        return Worker(kind, self.log)

    def give(self, worker: Worker) -> None:
        """Take back a worker that is ready for the next job."""
        self._idle.append(worker)
        self._let_go()

    def close(self) -> None:
        """End all idle workers."""
        while self._idle:
            self._idle.pop().end()

    def _let_go(self) -> None:
        for _ in range(surplus(len(self._idle), limit=self._idle_limit, available_mib=available_memory())):
            self._idle.pop(0).end()


def surplus(idle: int, *, limit: int, available_mib: float | None) -> int:
    """Return how many idle workers are too many.

    Args:
        idle: How many there are.
        limit: How many there may be.
        available_mib: Memory that is available, MiB; None where it is not known.

    Returns:
        All of them where memory is short, otherwise those beyond the limit.

    Example:
        >>> surplus(5, limit=4, available_mib=8000.0), surplus(5, limit=4, available_mib=100.0)
        (1, 5)
    """
    if available_mib is not None and available_mib < MEMORY_FLOOR_MIB:
        return idle
    return max(0, idle - limit)


def available_memory() -> float | None:
    """Return how much memory new work could use, MiB; None where the system does not tell."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    found = next((line for line in lines if line.startswith("MemAvailable:")), None)
    return int(found.split()[1]) / 1024 if found else None


def slots_of(job: Job, slots: int) -> int:
    """Return how many slots a job takes: as many as its threads, or the whole machine."""
    return min(job.threads, slots)


def fits(job: Job, running: Sequence[Job], slots: int) -> bool:
    """Return whether a job can be begun beside those that run.

    Args:
        job: The job to be begun.
        running: Jobs that run.
        slots: Slots of the machine.

    Returns:
        Whether enough slots are free.

    Example:
        >>> one, wide = Job(key="a", name="a", function="f"), Job(key="b", name="b", function="f", threads=8)
        >>> fits(one, [one], 2), fits(wide, [one], 2), fits(wide, [], 2)
        (True, False, True)
    """
    return slots_of(job, slots) <= slots - sum(slots_of(other, slots) for other in running)


def _ending(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
    memory = " (the system does so when memory runs out: use fewer slots or smaller batches)"
    return f"was killed by {name}{memory if name == 'SIGKILL' else ''}"
