"""``disparate compare`` of two Parquet files of a hundred million rows each: time, memory, disk.

Run: python benchmarks/compare_100m.py [--rows N] [--orders sorted shuffled textual] [--folder F]. The files (5 groups ×
10 classes) are generated into a temporary folder, a piece at a time. Every command runs in a process of its own; its
peak memory is what the kernel counted for it, and what it spills is looked at ten times a second.

- sorted: both hold the same int64 ids in increasing order.
- shuffled: the second holds the same ids in another order.
- textual: ids are texts, and shuffled.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from surroundings import publish, surroundings

ROWS, GROUPS, CLASSES = 100_000_000, 5, 10
PIECE = 1 << 20
ORDERS = ("sorted", "shuffled", "textual")
LIMITS = {"sorted": {"wall_s": 60, "peak_mib": 2048}, "shuffled": {"wall_s": 600}, "textual": {"wall_s": 600}}
LOOK_S = 0.1
FACTOR = 0x9E3779B97F4A7C15
Ints = NDArray[np.uint64]


def mixed(ids: Ints, salt: int) -> Ints:
    """Return numbers that look random and follow from the ids, so that any order of rows tells the same truth."""
    found = (ids + np.uint64(salt)) * np.uint64(FACTOR)
    found = (found ^ (found >> np.uint64(29))) * np.uint64(FACTOR)
    return found ^ (found >> np.uint64(32))


def shuffled(places: Ints, rows: int) -> Ints:
    """Return the ids at these places of a permutation of all ids: multiplication by a number prime to their count."""
    step = int(rows * 0.6180339887) | 1
    while np.gcd(step, rows) != 1:
        step += 2
    return (places * np.uint64(step) + np.uint64(17)) % np.uint64(rows)


def piece(ids: Ints, *, salt: int, error: int, texts: bool) -> pa.Table:
    """Return the rows of some ids: about ``error`` of 1,000 answers are wrong, more in the last group."""
    group, target = mixed(ids, 1) % np.uint64(GROUPS), mixed(ids, 2) % np.uint64(CLASSES)
    wrong = mixed(ids, salt) % np.uint64(1000) < np.uint64(error) * (1 + (group == GROUPS - 1))
    answer = np.where(wrong, (target + mixed(ids, salt + 1) % np.uint64(CLASSES)) % np.uint64(CLASSES), target)
    names = pa.array([f"group {place}" for place in range(GROUPS)])
    found = pa.array(ids.astype(np.int64))
    return pa.table({
        "example_id": found.cast(pa.string()) if texts else found,
        "target": target.astype(np.int8),
        "predicted": answer.astype(np.int8),
        "group": pa.DictionaryArray.from_arrays(group.astype(np.int8), names).cast(pa.string()),
    })


def generate(path: Path, rows: int, *, order: str, variant: bool) -> None:
    """Write a file of predictions, a piece at a time."""
    writer = None
    for start in range(0, rows, PIECE):
        places = np.arange(start, min(start + PIECE, rows), dtype=np.uint64)
        ids = shuffled(places, rows) if variant and order != "sorted" else places
        salt, error = (30, 120) if variant else (20, 100)
        table = piece(ids, salt=salt, error=error, texts=order == "textual")
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


class Watch:
    """The largest size a folder has while the block runs."""

    def __init__(self, folder: Path) -> None:
        self.peak = 0
        self._folder = folder
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._done.wait(LOOK_S):
            self.peak = max(self.peak, _size(self._folder))


def _size(folder: Path) -> int:
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.stat(os.path.join(parent, name)).st_blocks * 512
            except FileNotFoundError:
                continue
    return total


def timed(words: list[str], spill: Path) -> dict[str, Any]:
    """Return wall time, peak memory and spilled bytes of a command."""
    disparate = str(Path(sys.executable).with_name("disparate"))
    start = time.perf_counter()
    with Watch(spill) as watch:
        child = subprocess.Popen(
            [disparate, "compare", *words, "--groups", "group"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**os.environ, "TMPDIR": str(spill)},
            text=True,
        )
        told = "" if child.stderr is None else child.stderr.read()
        _, status, used = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(told)
    return {
        "wall_s": round(time.perf_counter() - start, 1),
        "cpu_s": round(used.ru_utime + used.ru_stime, 1),
        "peak_mib": round(used.ru_maxrss / 1024),
        "spilled_mib": round(watch.peak / 2**20),
        "said": [line for line in told.splitlines() if "disk" in line],
    }


def measured(order: str, rows: int, folder: Path) -> dict[str, Any]:
    """Return what comparing two files in one order takes; the files are removed afterwards."""
    paths = {name: folder / f"{name}_{order}.parquet" for name in ("dense", "int8")}
    spill = folder / "spill"
    spill.mkdir(exist_ok=True)
    for name, path in paths.items():
        generate(path, rows, order=order, variant=name == "int8")
    found = {"files_mib": round(sum(path.stat().st_size for path in paths.values()) / 2**20)}
    found |= {"load_before": round(os.getloadavg()[0], 1)} | timed([str(path) for path in paths.values()], spill)
    for path in paths.values():
        path.unlink()
    return found


def main() -> None:
    """Measure, write the result beside this file and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--orders", nargs="+", choices=ORDERS, default=ORDERS)
    parser.add_argument(
        "--folder", type=Path, help="where files are generated; the folder for temporary files otherwise"
    )
    parser.add_argument("--dry", action="store_true", help="print the result and keep the one beside this file")
    asked = parser.parse_args()
    around = surroundings("duckdb")
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        found = {order: measured(order, asked.rows, Path(folder)) for order in asked.orders}
    result = {
        "rows_per_file": asked.rows,
        "groups": GROUPS,
        "classes": CLASSES,
        "orders": found,
        "limits": LIMITS,
        **around,
    }
    publish(result, Path(os.devnull) if asked.dry else Path(__file__).with_suffix(".json"))


if __name__ == "__main__":
    main()
