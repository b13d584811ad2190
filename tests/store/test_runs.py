import logging
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from disparate.errors import BadInput
from disparate.store.parquet import write_predictions
from disparate.store.runs import Store


def test_a_finished_job_comes_back_as_it_was(store, job_record):
    record = job_record(outputs={"weights": store.blobs.put(b"w")}, arguments={"a": [1, None, {"b": "ü"}]})
    assert store.finished("k") is None
    assert store.finish(record) == record
    assert Store.open(store.root).finished("k") == record
    assert store.jobs() == [record]


def test_the_index_is_readable_without_disparate(store, job_record):
    store.finish(job_record())
    with sqlite3.connect(store.root / "runs.sqlite") as index:
        row = index.execute("SELECT key, state, json_extract(record, '$.accuracy') FROM jobs").fetchone()
        mode = index.execute("PRAGMA journal_mode").fetchone()[0]
    index.close()
    assert row == ("k", "done", 0.75)
    assert mode == "wal"


def test_the_first_to_finish_wins(store, job_record):
    first, second = job_record(record={"n": 1}), job_record(record={"n": 2})
    store.finish(first)
    assert store.finish(second) == first
    assert store.finished("k") == first


def test_a_job_cannot_be_finished_before_its_files_are_there(store, job_record):
    with pytest.raises(BadInput, match=r"blob .* is absent"):
        store.finish(job_record(outputs={"weights": "ab" * 32}))
    assert store.job("k") is None


@pytest.mark.parametrize("harm", [lambda path: path.write_bytes(b"x"), lambda path: path.unlink()])
def test_a_job_whose_file_is_harmed_is_not_finished_and_may_be_finished_anew(store, job_record, caplog, harm):
    digest = store.blobs.put(b"w")
    store.finish(job_record(outputs={"weights": digest}))
    harm(store.blobs.get(digest))
    with caplog.at_level(logging.WARNING):
        assert store.finished("k") is None
    assert f"job 'job k': output 'weights' (blob {digest}) is absent or damaged" in caplog.text
    anew = job_record(outputs={"weights": store.blobs.put(b"other")})
    assert store.finish(anew) == anew
    assert store.finished("k") == anew


def test_a_failed_job_is_kept_but_not_finished(store, job_record):
    failed = job_record(state="failed", error="ValueError: no")
    store.fail(failed)
    assert store.finished("k") is None
    assert store.job("k") == failed
    done = job_record()
    store.finish(done)
    store.fail(failed)
    assert store.finished("k") == done


def test_predictions_of_a_job(store, job_record, predictions, tmp_path):
    write_predictions(predictions, tmp_path / "p.parquet")
    digest = store.blobs.put(tmp_path / "p.parquet")
    store.finish(job_record(outputs={"predictions": digest}))
    assert store.predictions("k").example_id.tolist() == predictions.example_id.tolist()
    with pytest.raises(BadInput, match=r"job 'job k' has no output 'prediction'. Did you mean 'predictions'?"):
        store.predictions("k", output="prediction")
    store.blobs.get(digest).write_bytes(b"x")
    with pytest.raises(BadInput, match=f"blob {digest} is damaged"):
        store.predictions("k")


def test_predictions_of_an_unfinished_job_are_refused(store):
    with pytest.raises(BadInput, match=r"job k is not finished in store .*. Run its audit first"):
        store.predictions("k")


def test_audits_are_entered_and_ended(store):
    first = store.add_audit(name="faces", recipe={"seeds": [0, 1]}, keys=["a", "b"])
    second = store.add_audit(name="faces", recipe={}, keys=[])
    assert first.id != second.id
    assert {audit.id for audit in store.audits()} == {first.id, second.id}
    result = store.blobs.put(b"{}")
    store.finish_audit(first.id, result=result)
    back = store.audit(first.id)
    assert (back.state, back.result, back.recipe, back.keys) == ("finished", result, {"seeds": [0, 1]}, ["a", "b"])
    assert back.finished is not None
    assert store.audit(second.id).state == "running"


def test_unknown_audits_and_values_that_are_not_plain_are_refused(store):
    with pytest.raises(BadInput, match=r"store .* has no audit 'x'"):
        store.audit("x")
    with pytest.raises(BadInput, match=r"has no audit 'x'"):
        store.finish_audit("x")
    with pytest.raises(BadInput, match=r"recipe\['rate'\] is nan"):
        store.add_audit(name="faces", recipe={"rate": float("nan")}, keys=[])
    assert store.audits() == []


def test_a_file_is_no_store(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(BadInput, match=r"store .*file is a file; a folder was expected. Name another folder"):
        Store.open(tmp_path / "file")


@pytest.mark.parametrize("place", ["/dev/null/runs", "/proc/runs"])
def test_a_place_without_room_for_folders_is_refused(place):
    with pytest.raises(BadInput, match=f"store {place} cannot be used: .*A folder that can be written to was expected"):
        Store.open(Path(place))


def test_a_folder_that_cannot_be_written_to_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(BadInput, match=r"store .* cannot be used: it cannot be written to"):
        Store.open(tmp_path)


def test_an_index_that_is_no_sqlite_is_refused(tmp_path):
    (tmp_path / "runs.sqlite").write_text("not a database, and long enough to be looked at as one" * 20)
    with pytest.raises(BadInput, match="cannot be used: file is not a database"):
        Store.open(tmp_path)


@pytest.mark.parametrize("version", [2, 99])
def test_a_store_of_another_version_is_refused(store, version):
    with sqlite3.connect(store.root / "runs.sqlite") as index:
        index.execute(f"PRAGMA user_version = {version}")
    index.close()
    with pytest.raises(BadInput, match=f"has an index of version {version}; 1 was expected. .* name another folder"):
        Store.open(store.root)


def test_the_index_of_another_program_is_refused(tmp_path):
    with sqlite3.connect(tmp_path / "runs.sqlite") as index:
        index.execute("CREATE TABLE theirs (a)")
    index.close()
    with pytest.raises(BadInput, match="has an index of version 0; 1 was expected"):
        Store.open(tmp_path)


def test_many_may_begin_and_write_one_store_at_once(tmp_path, job_record):
    def work(number):
        store = Store.open(tmp_path / "runs")
        record = job_record(str(number % 4), record={"by": number}, outputs={"o": store.blobs.put(b"same")})
        return store.finish(record)

    with ThreadPoolExecutor(8) as pool:
        winners = list(pool.map(work, range(24)))
    held = {record.key: record for record in Store.open(tmp_path / "runs").jobs()}
    assert len(held) == 4
    assert all(held[winner.key] == winner for winner in winners)


def test_killed_at_any_point_a_store_stays_sound(tmp_path):
    script = textwrap.dedent("""
        import itertools, sys
        from pathlib import Path
        from disparate.store.records import JobRecord, now
        from disparate.store.runs import Store
        store = Store.open(Path(sys.argv[1]))
        for number in itertools.count(len(store.jobs())):
            digest = store.blobs.put(str(number).encode() * 2000)
            store.finish(JobRecord(key=str(number), name="n", function="f:f", outputs={"o": digest}, started=now(),
                                   finished=now(), wall_s=0.0, peak_mib=0.0, host="h"))
            print(number, flush=True)
    """)
    told = []
    for wait in range(1, 5):
        command = [sys.executable, "-c", script, str(tmp_path / "runs")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            told += [int(process.stdout.readline()) for _ in range(wait * 3)]
            os.kill(process.pid, signal.SIGKILL)
            told += [int(line) for line in process.stdout if line.strip().isdigit() and line.endswith("\n")]
    store = Store.open(tmp_path / "runs")
    held = {int(job.key) for job in store.jobs()}
    assert set(told) <= held
    assert held == set(range(len(held)))
    assert all(store.finished(str(number)) for number in held)
