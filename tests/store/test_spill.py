"""Memory and disk: what is needed is known before, and nothing stays behind."""

import shutil
import subprocess
import sys
from collections import namedtuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from disparate.errors import BadInput
from disparate.store import joined
from disparate.store.patterns import CountedTable
from disparate.store.spill import PREFIX, Room, disk_needed, spill_folder
from disparate.store.tables import pattern_counts

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def pair(tmp_path):
    def write(rows, spell=int):
        tables = []
        for name, seed in (("one", 0), ("two", 1)):
            ids = np.random.default_rng(seed).permutation(rows)
            content = pa.table({"id": [spell(number) for number in ids.tolist()], "p": ids % 3})
            pq.write_table(content, tmp_path / f"{name}.parquet")
            columns = {"id": "id", "predicted": "p"}
            tables.append(CountedTable(called=name, files=(tmp_path / f"{name}.parquet",), columns=columns))
        return tables

    return write


@pytest.mark.parametrize("memory", ["much", "", "1", "GB", "-1GB", "1 PB", "1GB;"])
def test_memory_that_is_no_size_is_refused(memory):
    with pytest.raises(BadInput, match="a number with its unit was expected, such as 1GB"):
        Room(memory=memory)


def test_what_cannot_fit_on_the_disk_is_refused_with_numbers(tmp_path, monkeypatch):
    room = Room(memory="1GB", folder=tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 10**12, 3 * 10**9))
    assert disk_needed(400_000_000, room) == ""
    assert disk_needed(2_500_000_000, room) == f"up to 2.5 GB on disk in '{tmp_path}', where 3.0 GB are free"
    with pytest.raises(BadInput, match=r"up to 3.1 GB on disk, and '.*' has 3.0 GB free; a folder with enough"):
        disk_needed(3_100_000_000, room)


def test_what_may_be_spilled_is_said_before(pair, tmp_path):
    told = []
    room = Room(memory="20MB", threads=1, folder=tmp_path)
    pattern_counts(pair(300_000), room=room, progress=lambda doing, _: told.append(doing))
    assert any(f"up to 14 MB on disk in '{tmp_path}', where" in doing for doing in told)
    assert not list(tmp_path.glob(f"{PREFIX}*"))


LONG = "user number {:09d} of the study".format


@pytest.mark.parametrize(("spell", "memory"), [(int, "16MB"), (LONG, "30MB")], ids=["numbers", "texts"])
def test_no_more_is_spilled_than_was_said(pair, tmp_path, monkeypatch, spell, memory):
    said, peak = [], []
    monkeypatch.setattr(joined, "disk_needed", lambda size, room: said.append(size) or "")
    monkeypatch.setattr(joined, "POLL_S", 0.002)

    def look(*_):
        peak.append(sum(path.stat().st_blocks * 512 for path in tmp_path.glob(f"{PREFIX}*/*") if path.exists()))

    pattern_counts(pair(300_000, spell), room=Room(memory=memory, threads=1, folder=tmp_path), progress=look)
    assert 0 < max(peak) <= said[0]


def test_folders_that_are_none_are_refused(tmp_path):
    (tmp_path / "file").write_text("x")
    for name in ("file", "absent"):
        with (
            pytest.raises(BadInput, match="is no folder; one for what does not fit into memory was expected"),
            spill_folder(Room(folder=tmp_path / name)),
        ):
            pass


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path):
    program = (
        "import os, signal, pathlib\nfrom disparate.store.spill import Room, spill_folder\n"
        f"with spill_folder(Room(folder=pathlib.Path({str(tmp_path)!r}))) as folder:\n"
        "    (folder / 'block').write_bytes(b'x' * 1000)\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=False)
    (tmp_path / "mine").mkdir()
    assert len(list(tmp_path.glob(f"{PREFIX}*/block"))) == 1
    with spill_folder(Room(folder=tmp_path)) as folder:
        assert {path.name for path in tmp_path.iterdir()} == {"mine", folder.name}
        assert folder.stat().st_mode & 0o077 == 0
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
