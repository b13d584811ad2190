"""Contestants that take turns, each in a process of its own: seconds of wall and of processors, and peak memory.

Processors' seconds are those of all threads. On a machine that does other work as well they are the fairer figure, as
wall time then measures the others; on a quiet one both say the same. Memory is read from /proc: Linux.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import torch

THREADS = 2
OPPONENTS = {"pyhessian": "pyhessian", "backpack": "backpack-for-pytorch", "curvlinops": "curvlinops-for-pytorch"}
T = TypeVar("T")
Row = dict[str, Any]


def require(*modules: str) -> None:
    """Leave with the command that installs what is missing.

    Args:
        modules: Names of modules.
    """
    missing = [OPPONENTS[module] for module in modules if find_spec(module) is None]
    if missing:
        sys.exit(
            f"{' and '.join(missing)} not found; the benchmark needs its opponents. Into an environment of their own:\n"
            f"  python -m venv --system-site-packages opponents && opponents/bin/pip install --no-deps "
            f"{' '.join(missing)}\nand run it from there."
        )


def measured(call: Callable[[], T]) -> tuple[T, Row]:
    """Return what a call gives, and what it cost.

    Args:
        call: What is measured.

    Returns:
        Its result; wall and processors' seconds, and by how much the peak of the process's memory rose, in MB.
    """
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak so far is forgotten
    before, start, cpu = _resident_mb("VmRSS"), time.perf_counter(), time.process_time()
    found = call()
    cost = {"wall_s": time.perf_counter() - start, "cpu_s": time.process_time() - cpu}
    return found, {**cost, "peak_mb": _resident_mb("VmHWM") - before}


def _resident_mb(key: str) -> float:
    """Return the resident size of this process, VmRSS, or its peak, VmHWM, in MB."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key)) / 1000


def play(
    names: Sequence[str],
    prepare: Callable[[Path], None],
    turn: Callable[[str, Path], Row],
    *,
    once: Sequence[str] = (),
) -> list[Row] | None:
    """Let the contestants take turns, or be one of them where the command line names one.

    Args:
        names: The contestants.
        prepare: Writes what all of them share into a folder; called once.
        turn: From a contestant and the folder to its row; called in a process of its own.
        once: Further contestants, which get a single turn after the others.

    Returns:
        Rows of every turn, each with its contestant; nothing where this process was a contestant.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=3, help="turns of every contestant")
    parser.add_argument("--threads", type=int, default=THREADS, help="of every contestant")
    parser.add_argument("--turn", nargs=2, metavar=("CONTESTANT", "FOLDER"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    if asked.turn:
        print(json.dumps(turn(asked.turn[0], Path(asked.turn[1]))))
        return None
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder))
        return [_turn(name, folder, asked.threads) for name in (*list(names) * asked.runs, *once)]


def _turn(name: str, folder: str, threads: int) -> Row:
    command = [sys.executable, sys.argv[0], "--threads", str(threads), "--turn", name, folder]
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    row = {"contestant": name, "threads": threads, **json.loads(done.stdout.splitlines()[-1])}
    print(f"{name}: {row['wall_s']:.1f} s, {row['cpu_s']:.1f} s of processors", file=sys.stderr)
    return row


def summary(rows: Sequence[Row], *, kept: Sequence[str] = ()) -> dict[str, Row]:
    """Return medians over the turns by contestant.

    Args:
        rows: Of all turns.
        kept: Keys whose value in the last turn is kept beside.

    Returns:
        Wall and processors' seconds (median, fastest, slowest) and the largest peak of memory.
    """
    found: dict[str, Row] = {}
    for name in dict.fromkeys(row["contestant"] for row in rows):
        own = [row for row in rows if row["contestant"] == name]
        found[name] = {
            "turns": len(own),
            "threads": own[0]["threads"],
            **{key: _spread([row[key] for row in own]) for key in ("wall_s", "cpu_s")},
            "peak_mb_above_loaded": round(max(row["peak_mb"] for row in own)),
            **{key: own[-1][key] for key in kept if key in own[-1]},
        }
    return found


def ratio(found: Mapping[str, Row], of: str, to: str) -> Row:
    """Return how many times as long one contestant takes as another, by medians.

    Args:
        found: A summary.
        of: The one.
        to: The other.

    Returns:
        By wall and by processors' seconds.
    """
    return {key: round(found[of][key]["median"] / found[to][key]["median"], 2) for key in ("wall_s", "cpu_s")}


def _spread(values: Sequence[float]) -> Row:
    middle = statistics.median(values)
    return {"median": round(middle, 2), "fastest": round(min(values), 2), "slowest": round(max(values), 2)}
