import os

import pytest

from disparate.engine.events import Blocked, Failed, Finished, Progressed, Reused, Started
from disparate.engine.inline import InlineEngine
from disparate.engine.job import Job, Outcome
from disparate.errors import BadInput, JobFailed, NotApplicable


def test_functions_that_have_no_importable_name_are_run_here(store):
    seen = []

    def mine(arguments, workspace, inputs, report):
        seen.append((arguments, list(inputs)))
        report(1, 1)
        return Outcome(record={"pid": os.getpid()})

    events = []
    jobs = [Job(key="b", name="b", function="mine", needs=("a",)), Job(key="a", name="a", function="mine")]
    records = InlineEngine(functions={"mine": mine}).execute(jobs, store, progress=events.append)
    assert seen == [({}, []), ({}, ["a"])]
    assert list(records) == ["b", "a"]
    assert records["a"].record == {"pid": os.getpid()}
    assert [type(event) for event in events] == [Started, Progressed, Finished] * 2


def test_finished_jobs_are_reused_and_importable_names_work_too(store, job, diary):
    jobs = [job("a"), job("b", needs=["a"])]
    InlineEngine().execute(jobs, store)
    events = []
    InlineEngine().execute(jobs, store, progress=events.append)
    assert [type(event) for event in events] == [Reused, Reused]
    assert [line.split()[:2] for line in diary.read_text().splitlines()] == [
        ["a", "begin"], ["a", "end"], ["b", "begin"], ["b", "end"],
    ]  # fmt: skip
    assert store.output("key-b", "text").read_text() == "b(a())"


def test_a_job_with_an_environment_is_refused_before_anything_is_run(store, job, diary):
    jobs = [job("a"), job("b", environment=(("MKL_CBWR", "AVX2"), ("ONEDNN_MAX_CPU_ISA", "AVX2")))]
    with pytest.raises(NotApplicable) as caught:
        InlineEngine().execute(jobs, store)
    assert str(caught.value).startswith(
        "job 'b' has to be started with MKL_CBWR=AVX2, ONEDNN_MAX_CPU_ISA=AVX2, which are read when a process starts"
    )
    assert "Name model and data by an importable 'module:function'" in str(caught.value)
    assert not diary.exists()


def test_a_failure_blocks_only_what_needs_it(store, job):
    events = []
    jobs = [job("a", "fail"), job("b", needs=["a"]), job("c")]
    with pytest.raises(JobFailed) as caught:
        InlineEngine().execute(jobs, store, progress=events.append)
    log = store.log("key-a")
    assert str(caught.value) == (
        f"job 'a' failed: ValueError: no such luck \\ud800 (what it printed, and the traceback: {log})\n"
        "1 job that needs it was not run: 'b'. 1 finished job is kept. "
        "Remove the cause and start again: finished jobs are not repeated."
    )
    assert "Traceback (most recent call last)" in log.read_text()
    assert [type(event) for event in events if not isinstance(event, Started | Progressed)] == [
        Failed,
        Finished,
        Blocked,
    ]
    assert store.finished("key-c")
    assert store.job("key-a").error == "ValueError: no such luck \\ud800"
    assert list((store.root / "work").iterdir()) == []


def test_an_unknown_function_fails_with_its_name(store):
    with pytest.raises(JobFailed, match="'nowhere:nothing' cannot be loaded: No module named 'nowhere'"):
        InlineEngine().execute([Job(key="a", name="a", function="nowhere:nothing")], store)


def test_needs_that_nobody_meets_are_refused(store, job):
    with pytest.raises(BadInput, match="job 'b' needs the job key-a, which is neither planned nor finished in store"):
        InlineEngine().execute([job("b", needs=["a"])], store)


def test_needs_may_be_met_by_the_store_alone(store, job):
    InlineEngine().execute([job("a")], store)
    InlineEngine().execute([job("b", needs=["a"])], store)
    assert store.output("key-b", "text").read_text() == "b(a())"


def test_circles_are_refused(store, job):
    with pytest.raises(BadInput, match=r"jobs need each other in a circle: '[ab]' -> '[ab]' -> '[ab]'; correct"):
        InlineEngine().execute([job("a", needs=["b"]), job("b", needs=["a"])], store)


def test_a_damaged_file_is_made_again_and_nothing_else(store, job, diary):
    jobs = [job("a"), job("b", needs=["a"]), job("c")]
    InlineEngine().execute(jobs, store)
    store.output("key-a", "text").write_text("damaged")
    diary.unlink()
    InlineEngine().execute(jobs, store)
    assert [line.split()[0] for line in diary.read_text().splitlines()] == ["a", "a"]
    assert store.output("key-a", "text").read_text() == "a()"


def test_two_jobs_with_one_key_are_run_once(store, job, diary):
    InlineEngine().execute([job("a"), job("a")], store)
    assert len(diary.read_text().splitlines()) == 2


def test_interrupted_work_leaves_no_folder_behind(store):
    def interrupted(arguments, workspace, inputs, report):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        InlineEngine(functions={"f": interrupted}).execute([Job(key="a", name="a", function="f")], store)
    assert list((store.root / "work").iterdir()) == []
    assert store.jobs() == []
