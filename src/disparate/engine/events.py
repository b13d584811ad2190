"""What happens while jobs are executed, as values for a live display, and how long it will still take."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from disparate.engine.job import Job
from disparate.store.records import JobRecord


@dataclass(frozen=True, kw_only=True, slots=True)
class Started:
    """A job was begun in the process ``pid``."""

    job: Job
    pid: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Progressed:
    """A job tells that ``done`` of ``total`` is done."""

    job: Job
    done: float
    total: float
    message: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finished:
    """A job was done; its files and its record are in the store."""

    job: Job
    record: JobRecord


@dataclass(frozen=True, kw_only=True, slots=True)
class Reused:
    """A job was not run: the store holds its record already."""

    job: Job
    record: JobRecord


@dataclass(frozen=True, kw_only=True, slots=True)
class Retried:
    """The process of a job was lost for the stated reason; the job is run once more."""

    job: Job
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Failed:
    """A job stopped with an error."""

    job: Job
    error: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Blocked:
    """A job was not run because a job that it needs failed."""

    job: Job


@dataclass(frozen=True, kw_only=True, slots=True)
class Planned:
    """Jobs that will be executed next, or found in the store."""

    jobs: tuple[Job, ...]


Event = Planned | Started | Progressed | Finished | Reused | Retried | Failed | Blocked
Listener = Callable[[Event], None]


def wall_times(records: Iterable[JobRecord]) -> dict[str, list[float]]:
    """Return how long finished jobs took, seconds, by the function they ran.

    Args:
        records: Jobs of a store; failed ones are left out.

    Returns:
        Seconds by function.
    """
    times: dict[str, list[float]] = {}
    for record in records:
        if record.state == "done":
            times.setdefault(record.function, []).append(record.wall_s)
    return times


def time_left(
    *,
    waiting: Sequence[Job],
    running: Sequence[tuple[Job, float]],
    wall_times: Mapping[str, Sequence[float]],
    slots: int,
) -> float | None:
    """Estimate how long the jobs that are not finished will take.

    Every job is taken to last as long as the median of the finished jobs of the same function. The work (duration
    times slots) is spread over the machine; it cannot end before its longest job does.

    Args:
        waiting: Jobs that were not begun.
        running: Jobs that were begun, each with the seconds since then.
        wall_times: Seconds that finished jobs took, by function; never an empty list.
        slots: Slots of the machine.

    Returns:
        Seconds; None where a function has no finished job yet, so that nothing can be said.

    Example:
        >>> train = Job(key="a", name="train", function="f")
        >>> time_left(waiting=[train], running=[(train, 4.0)], wall_times={"f": [10.0]}, slots=2)
        10.0
        >>> time_left(waiting=[train], running=[], wall_times={}, slots=2) is None
        True
    """
    begun = [*((job, 0.0) for job in waiting), *running]
    if any(job.function not in wall_times for job, _ in begun):
        return None
    usual = {function: median(wall_times[function]) for function in {job.function for job, _ in begun}}
    left = [(job, max(0.0, usual[job.function] - elapsed)) for job, elapsed in begun]
    work = sum(seconds * min(job.threads, slots) for job, seconds in left)
    return max([work / slots, *(seconds for _, seconds in left)])
