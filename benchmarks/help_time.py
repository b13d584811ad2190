"""How long ``disparate --help`` takes, as a ratio to what this machine needs for nothing and for torch.

Run: python benchmarks/help_time.py. Ratios are of medians within one run, so that they compare between machines.
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

from surroundings import publish, surroundings

RUNS = 11
LIMIT_S = 0.3
COMMANDS = {
    "disparate --help": [str(Path(sys.executable).with_name("disparate")), "--help"],
    "python -c pass": [sys.executable, "-c", "pass"],
    'python -c "import torch"': [sys.executable, "-c", "import torch"],
}


def wall_s(command: list[str]) -> float:
    """Return the wall time of one run, seconds."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def measure() -> dict[str, list[float]]:
    """Return the wall times of every command; the commands take turns, after one run that is not counted."""
    for command in COMMANDS.values():
        wall_s(command)
    rounds = [{name: wall_s(command) for name, command in COMMANDS.items()} for _ in range(RUNS)]
    return {name: [times[name] for times in rounds] for name in COMMANDS}


def main() -> None:
    """Measure, write the result beside this file and print it."""
    around = surroundings()
    times = measure()
    medians = {name: statistics.median(values) for name, values in times.items()}
    whole = medians["disparate --help"]
    result = {
        "runs": RUNS,
        "median_s": {name: round(value, 4) for name, value in medians.items()},
        "fastest_s": {name: round(min(values), 4) for name, values in times.items()},
        "ratio": {name: round(whole / value, 3) for name, value in medians.items() if value != whole},
        "limit_s": LIMIT_S,
        **around,
    }
    publish(result, Path(__file__).with_suffix(".json"))


if __name__ == "__main__":
    main()
