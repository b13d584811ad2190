"""How long ``disparate compare`` takes from the shell on 10,000 rows, as a ratio to an empty Python and to its imports.

Run: python benchmarks/compare_small.py. Ratios are of medians within one run, so that they compare between machines.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from surroundings import publish, surroundings

ROWS, GROUPS, CLASSES = 10_000, 5, 10
RUNS = 11
LIMIT_S = 2.0


def table(seed: int) -> pa.Table:
    """Return answers of a model to the same questions."""
    truth, own = np.random.default_rng(0), np.random.default_rng(seed)
    target = truth.integers(CLASSES, size=ROWS)
    group = truth.choice(np.array([f"group {place}" for place in range(GROUPS)]), size=ROWS)
    predicted = np.where(own.random(ROWS) < 0.9, target, own.integers(CLASSES, size=ROWS))
    return pa.table({"example_id": np.arange(ROWS), "target": target, "predicted": predicted, "group": group})


def wall_s(command: list[str]) -> float:
    """Return the wall time of one run, seconds."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def commands(folder: Path) -> dict[str, list[str]]:
    """Return what is timed, and write the files it needs."""
    for name, seed in (("dense", 1), ("int8", 2)):
        pq.write_table(table(seed), folder / f"{name}.parquet")
        pyarrow.csv.write_csv(table(seed), folder / f"{name}.csv")
    disparate = str(Path(sys.executable).with_name("disparate"))
    words = ["--groups", "group", "--quiet"]
    return {
        "compare, Parquet": [disparate, "compare", *(str(folder / f"{n}.parquet") for n in ("dense", "int8")), *words],
        "compare, CSV": [disparate, "compare", *(str(folder / f"{n}.csv") for n in ("dense", "int8")), *words],
        "compare, Parquet, with report": [
            *(disparate, "compare", *(str(folder / f"{n}.parquet") for n in ("dense", "int8")), *words),
            *("--out", str(folder / "report")),
        ],
        "import numpy, scipy.stats, pyarrow": [sys.executable, "-c", "import numpy, scipy.stats, pyarrow"],
        "python -c pass": [sys.executable, "-c", "pass"],
    }


def main() -> None:
    """Measure, write the result beside this file and print it."""
    around = surroundings("duckdb", "typer", "rich")
    with tempfile.TemporaryDirectory() as folder:
        timed = commands(Path(folder))
        for command in timed.values():
            wall_s(command)
        rounds = [{name: wall_s(command) for name, command in timed.items()} for _ in range(RUNS)]
    medians = {name: statistics.median(each[name] for each in rounds) for name in timed}
    whole = medians["compare, Parquet"]
    result = {
        "rows": ROWS,
        "groups": GROUPS,
        "classes": CLASSES,
        "runs": RUNS,
        "median_s": {name: round(value, 3) for name, value in medians.items()},
        "fastest_s": {name: round(min(each[name] for each in rounds), 3) for name in timed},
        "ratio_to_compare_parquet": {name: round(value / whole, 3) for name, value in medians.items()},
        "limit_s": LIMIT_S,
        **around,
    }
    publish(result, Path(__file__).with_suffix(".json"))


if __name__ == "__main__":
    main()
