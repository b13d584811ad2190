import pytest

from disparate.engine.events import time_left, wall_times
from disparate.engine.job import Job
from disparate.store.records import JobRecord


def a_job(function="train", threads=1):
    return Job(key=function, name=function, function=function, threads=threads)


def a_record(function, wall_s, state="done"):
    about = {"key": "k", "name": "n", "started": "", "finished": "", "peak_mib": None, "host": ""}
    return JobRecord(function=function, state=state, wall_s=wall_s, **about)


def test_wall_times_are_those_of_finished_jobs():
    records = [a_record("train", 4.0), a_record("train", 6.0), a_record("train", 1.0, "failed"), a_record("test", 2.0)]
    assert wall_times(records) == {"train": [4.0, 6.0], "test": [2.0]}


@pytest.mark.parametrize(
    ("waiting", "running", "slots", "expected"),
    [
        ([], [], 2, 0.0),
        ([a_job()] * 4, [], 2, 20.0),
        ([a_job(threads=2)] * 2, [], 2, 20.0),
        ([a_job(threads=8)], [], 2, 10.0),
        ([], [(a_job(), 4.0)], 2, 6.0),
        ([], [(a_job(), 400.0)], 2, 0.0),
        ([a_job("unseen")], [], 2, None),
        ([], [(a_job("unseen"), 3.0)], 2, None),
    ],
)
def test_time_left(waiting, running, slots, expected):
    times = {"train": [1.0, 10.0, 12.0]}
    assert time_left(waiting=waiting, running=running, wall_times=times, slots=slots) == expected


def test_times_are_looked_through_once_however_many_jobs_wait():
    class Seen(list[float]):
        times = 0

        def __iter__(self):
            Seen.times += 1
            return super().__iter__()

    left = time_left(waiting=[a_job()] * 1000, running=[], wall_times={"train": Seen([2.0])}, slots=1)
    assert left == pytest.approx(2000.0)
    assert Seen.times == 1
