import os
import sys
import time

import pytest

from disparate.engine.job import Job
from disparate.engine.pool import KEPT_MEMORY, Kind, Pool, Worker, available_memory, fits, surplus


@pytest.fixture
def log(tmp_path):
    return tmp_path / "workers.log"


@pytest.fixture
def pool(log):
    pool = Pool(log, idle_limit=1)
    yield pool
    pool.close()


def kind(**variables):
    return Kind(environment=tuple(variables.items()), threads=1)


def test_the_environment_of_a_kind_wins_over_what_is_inherited():
    variables = Kind(environment=(("A", "2"), ("MKL_NUM_THREADS", "7")), threads=3).variables({"A": "1", "B": "1"})
    assert variables == {**KEPT_MEMORY, "A": "2", "B": "1", "OMP_NUM_THREADS": "3", "MKL_NUM_THREADS": "7"}


def test_a_user_who_sets_how_memory_is_kept_is_heard():
    assert kind().variables({"MALLOC_TRIM_THRESHOLD_": "1"})["MALLOC_TRIM_THRESHOLD_"] == "1"


def test_the_order_of_variables_makes_no_other_kind():
    left = Job(key="a", name="a", function="f", environment=(("A", "1"), ("B", "2")))
    right = Job(key="b", name="b", function="f", environment=(("B", "2"), ("A", "1")))
    assert Kind.of(left) == Kind.of(right)


def test_a_worker_given_back_is_taken_again_and_the_oldest_is_let_go(pool):
    first = pool.take(kind(A="1"))
    pool.give(first)
    assert pool.take(kind(A="1")) is first
    other = pool.take(kind(A="2"))
    assert other.pid != first.pid
    pool.give(first)
    pool.give(other)
    assert not first.alive
    assert other.alive
    pool.close()
    assert not other.alive


def test_an_idle_worker_that_died_is_replaced(pool):
    first = pool.take(kind())
    pool.give(first)
    os.kill(first.pid, 9)
    while first.alive:
        time.sleep(0.01)
    second = pool.take(kind())
    assert second.alive
    assert (
        second.end()
        == "was killed by SIGKILL (the system does so when memory runs out: use fewer slots or smaller batches)"
    )


def test_a_worker_ends_when_its_input_is_closed(log):
    worker = Worker(kind(), log)
    worker._process.stdin.close()
    assert worker._process.wait(10) == -9
    worker.end()


def test_memory_that_is_short_lets_all_idle_workers_go():
    assert surplus(3, limit=4, available_mib=None) == 0
    assert surplus(3, limit=4, available_mib=1e9) == 0
    assert surplus(3, limit=4, available_mib=10.0) == 3
    assert surplus(6, limit=4, available_mib=None) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how much memory is available")
def test_available_memory_is_told():
    assert 1 < available_memory() < 1e9


def test_wide_jobs_run_alone():
    def threads(n):
        return Job(key="k", name="n", function="f", threads=n)

    assert fits(threads(4), [threads(2), threads(2)], 8)
    assert not fits(threads(5), [threads(2), threads(2)], 8)
    assert fits(threads(99), [], 8)
    assert not fits(threads(99), [threads(1)], 8)
    assert not fits(threads(1), [threads(99)], 8)
