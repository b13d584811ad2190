import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager

import pytest

from disparate.engine.events import Blocked, Failed, Finished, Progressed, Retried, Reused, Started
from disparate.engine.job import Job
from disparate.engine.local import LocalEngine
from disparate.errors import BadInput, JobFailed
from disparate.store.runs import Store


def pages(diary):
    return [tuple(line.split()[:2]) for line in diary.read_text().splitlines()]


def ended(diary):
    return sum(word == "end" for _, word in pages(diary)) if diary.exists() else 0


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] != "Z"


def until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def test_jobs_follow_those_they_need(store, job, diary):
    jobs = [job("d", needs=["b", "c"]), job("c", needs=["a"]), job("b", needs=["a"]), job("a")]
    records = LocalEngine(slots=2).execute(jobs, store)
    assert list(records) == ["key-d", "key-c", "key-b", "key-a"]
    assert store.output("key-d", "text").read_text() == "d(b(a()),c(a()))"
    order = pages(diary)
    assert order[:2] == [("a", "begin"), ("a", "end")]
    assert order[-2:] == [("d", "begin"), ("d", "end")]


def most_at_once(events):
    running = most = 0
    for event in events:
        running += isinstance(event, Started)
        running -= isinstance(event, Finished)
        most = max(most, running)
    return most


@pytest.mark.parametrize(("threads", "slots", "expected"), [(1, 2, 2), (1, 1, 1), (2, 2, 1), (9, 2, 1)])
def test_the_machine_is_packed_by_threads(store, job, threads, slots, expected):
    events = []
    jobs = [job(name, threads=threads, seconds=0.2) for name in "abc"]
    LocalEngine(slots=slots).execute(jobs, store, progress=events.append)
    assert most_at_once(events) == expected


def test_the_longest_waiting_comes_first(store, job):
    events = []
    jobs = [job("a", seconds=0.1), job("wide", threads=2), job("b"), job("after", needs=["a"])]
    LocalEngine(slots=2).execute(jobs, store, progress=events.append)
    assert [event.job.name for event in events if isinstance(event, Started)] == ["a", "wide", "b", "after"]


def test_workers_stay_warm_and_carry_the_environment(store, job):
    tiny = (("TINY", "yes"),)
    jobs = [job("a", needs=[]), job("b", needs=["a"]), job("c", environment=tiny, needs=["b"])]
    records = LocalEngine(slots=2).execute(jobs, store)
    pids = [records[f"key-{name}"].record["pid"] for name in "abc"]
    assert pids[0] == pids[1] != pids[2]
    assert os.getpid() not in pids
    assert not any(is_alive(pid) for pid in pids)
    seen = LocalEngine(slots=2).execute(
        [job("e", "environment", environment=tiny, threads=3), job("f", "environment")], store
    )
    assert seen["key-e"].record == {
        "TINY": "yes", "OMP_NUM_THREADS": "3", "MKL_NUM_THREADS": "3", "PATH": os.environ["PATH"], "torch": False,
    }  # fmt: skip
    assert seen["key-f"].record["TINY"] is None
    assert seen["key-e"].environment == {"TINY": "yes"}


def test_finished_jobs_are_reused(store, job, diary):
    LocalEngine(slots=2).execute([job("a")], store)
    events = []
    LocalEngine(slots=2).execute([job("a"), job("b", needs=["a"])], store, progress=events.append)
    assert [(type(event), event.job.name) for event in events] == [
        (Reused, "a"), (Started, "b"), (Progressed, "b"), (Finished, "b"),
    ]  # fmt: skip
    assert Counter(pages(diary))["a", "begin"] == 1


def test_progress_is_told_live(store, job):
    events = []
    LocalEngine(slots=1).execute([job("a", "count")], store, progress=events.append)
    told = [event.done for event in events if isinstance(event, Progressed)]
    assert told == sorted(told)
    assert told[-1] == 1000


def test_a_failure_blocks_only_what_needs_it(store, job):
    events = []
    jobs = [
        job("a", "fail"),
        job("b", needs=["a"]),
        job("c", needs=["b"]),
        job("d", seconds=0.2),
        job("e", needs=["d"]),
    ]
    with pytest.raises(JobFailed) as caught:
        LocalEngine(slots=2).execute(jobs, store, progress=events.append)
    log = store.log("key-a")
    assert str(caught.value) == (
        f"job 'a' failed: ValueError: no such luck \\ud800 (what it printed, and the traceback: {log})\n"
        "2 jobs that need it were not run: 'b', 'c'. 2 finished jobs are kept. "
        "Remove the cause and start again: finished jobs are not repeated."
    )
    text = log.read_text()
    assert "printed before the error" in text
    assert 'raise ValueError("no such luck' in text
    assert [event.job.name for event in events if isinstance(event, Failed | Blocked)] == ["a", "b", "c"]
    assert {record.name for record in store.jobs() if record.state == "done"} == {"d", "e"}


def test_a_job_that_leaves_the_process_has_failed(store, job):
    with pytest.raises(JobFailed, match="job 'a' failed: SystemExit: 3"):
        LocalEngine(slots=1).execute([job("a", "leave")], store)


def test_a_lost_process_is_replaced_once(store, job):
    events = []
    LocalEngine(slots=1).execute([job("a", "die", deaths=1)], store, progress=events.append)
    assert [type(event) for event in events] == [Started, Retried, Started, Finished]
    assert events[1].reason.startswith(
        "its worker process was killed by SIGKILL (the system does so when memory runs out"
    )


@pytest.mark.parametrize(
    ("name", "hint"), [("SIGKILL", r" \(the system does so when memory runs out.*\)"), ("SIGSEGV", "")]
)
def test_a_job_that_kills_its_process_fails(store, job, name, hint):
    with pytest.raises(JobFailed, match=f"job 'a' failed: its worker process was killed by {name}{hint}, 2 times"):
        LocalEngine(slots=2).execute([job("a", "die", deaths=9, signal=name), job("b")], store)
    assert store.finished("key-b")
    assert store.job("key-a").state == "failed"
    if name == "SIGSEGV":
        assert "Fatal Python error: Segmentation fault" in store.log("key-a").read_text()


def test_a_worker_that_cannot_start_is_told_with_its_log(store, job):
    broken = (("PYTHONHOME", "/nowhere"),)
    with pytest.raises(JobFailed, match=r"its worker process ended with exit code 1, 2 times; .*workers\.log"):
        LocalEngine(slots=1).execute([job("a", environment=broken)], store)
    assert "encodings" in (store.logs / "workers.log").read_text()


def test_noise_on_standard_output_goes_to_the_log(store, job):
    records = LocalEngine(slots=1).execute([job("a", "chat"), job("b", needs=["a"])], store)
    assert records["key-a"].record == {"stdin": ""}
    text = store.log("key-a").read_text()
    for noise in ('{"event": "done"}', "no end of line", "raw bytes to descriptor 1", "from a child"):
        assert noise in text
    assert not store.log("key-b").exists()


def test_a_huge_record_comes_through(store, job):
    size = 20_000_000
    record = LocalEngine(slots=1).execute([job("a", "huge", size=size)], store)["key-a"].record
    assert record == {"text": "x" * size}


@pytest.mark.parametrize(
    ("function", "text"),
    [
        ("odd_record", "BadInput: record of job 'a'['loss'] is a builtins.set; a plain value was expected"),
        ("odd_file", "BadInput: job 'a': output 'weights' is "),
        ("odd_answer", "BadInput: job 'a': tiny_steps:odd_answer returned a dict; Outcome was expected"),
        ("absent", "BadInput: 'tiny_steps:absent' cannot be loaded"),
    ],
)
def test_what_cannot_be_kept_is_an_error_of_the_job(store, job, function, text):
    with pytest.raises(JobFailed, match=re.escape(f"job 'a' failed: {text}")):
        LocalEngine(slots=1).execute([job("a", function)], store)


def test_two_engines_share_one_store(store, job, diary):
    jobs = [job(name, seconds=0.05) for name in "abcdef"] + [job("z", needs=list("abcdef"))]
    results = []
    engines = [
        threading.Thread(target=lambda: results.append(LocalEngine(slots=1).execute(jobs, store))) for _ in range(2)
    ]
    for engine in engines:
        engine.start()
    for engine in engines:
        engine.join()
    assert len(results) == 2
    assert results[0] == results[1]
    assert len(store.jobs()) == 7


def test_an_interruption_ends_the_workers_and_keeps_what_is_done(store, job, tmp_path):
    pids = tmp_path / "pids"

    def interrupt(event):
        if isinstance(event, Started) and event.job.name == "b":
            until(pids.exists)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        LocalEngine(slots=1).execute([job("a"), job("b", "hang", pids=str(pids))], store, progress=interrupt)
    assert not any(is_alive(int(pid)) for pid in pids.read_text().split())
    assert [record.name for record in store.jobs()] == ["a"]
    assert list((store.root / "work").iterdir()) == []


SCRIPT = """
import sys
from pathlib import Path
from disparate.engine.job import Job
from disparate.engine.local import LocalEngine
from disparate.store.runs import Store
steps, runs, diary, pids = sys.argv[1:]
sys.path.insert(0, steps)
jobs = [Job(key=f"key-{n}", name=f"{n}", function="tiny_steps:write", needs=(f"key-{n - 2}",) if n > 1 else (),
            arguments={"name": f"{n}", "diary": diary, "seconds": 0.05}) for n in range(12)]
if pids:
    jobs = [Job(key="hang", name="hang", function="tiny_steps:hang", arguments={"pids": pids})]
LocalEngine(slots=2).execute(jobs, Store.open(Path(runs)))
"""


@contextmanager
def started(steps, runs, diary="", pids=""):
    with subprocess.Popen([sys.executable, "-c", SCRIPT, str(steps), str(runs), str(diary), str(pids)]) as engine:
        try:
            yield engine
        finally:
            engine.kill()


def test_killed_in_the_middle_no_finished_job_is_repeated(steps, tmp_path, diary):
    runs = tmp_path / "runs"
    for enough in (3, 7):
        with started(steps, runs, diary) as engine:
            until(lambda enough=enough: ended(diary) >= enough)
            engine.send_signal(signal.SIGKILL)
    until(lambda: not any(is_alive(int(line.split()[2])) for line in diary.read_text().splitlines()))
    finished = {record.name for record in Store.open(runs).jobs()}
    assert len(finished) >= 3  # at most two of the seven were not entered yet, each time
    before = Counter(name for name, word in pages(diary) if word == "begin")
    with started(steps, runs, diary) as engine:
        assert engine.wait(60) == 0
    after = Counter(name for name, word in pages(diary) if word == "begin")
    assert {name for name in after if after[name] > before[name]} == {str(n) for n in range(12)} - finished
    assert len(Store.open(runs).jobs()) == 12
    assert list((runs / "work").iterdir()) == []
    assert Store.open(runs).output("key-11", "text").read_text() == "11(9(7(5(3(1())))))"


def test_a_killed_engine_leaves_no_process_behind(steps, tmp_path):
    pids = tmp_path / "pids"
    with started(steps, tmp_path / "runs", pids=pids) as engine:
        until(lambda: pids.exists() and len(pids.read_text().split()) == 2)
        worker, child = (int(pid) for pid in pids.read_text().split())
        assert is_alive(worker)
        assert is_alive(child)
        engine.send_signal(signal.SIGKILL)
    until(lambda: not is_alive(worker) and not is_alive(child))


def test_an_engine_without_slots_is_refused():
    with pytest.raises(BadInput, match=r"LocalEngine\(slots=0\): at least 1 was expected"):
        LocalEngine(slots=0)


def test_nothing_to_do_is_done_at_once(store):
    assert LocalEngine().execute([], store) == {}


def test_arguments_arrive_as_they_were(store, steps):
    (steps / "echo_step.py").write_text(
        "from disparate.engine.job import Outcome\ndef run(a, w, i, r): return Outcome(record=a)"
    )
    arguments = {"none": None, "text": "ü\n\u2028", "number": 1e-300, "list": [1, [True]], "nested": {"a": {}}}
    job = Job(key="k", name="n", function="echo_step:run", arguments=arguments)
    assert LocalEngine(slots=1).execute([job], store)["k"].record == arguments
