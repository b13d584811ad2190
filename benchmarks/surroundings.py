"""What stands beside every figure: when, on what machine, under what load, with which versions."""

import json
import os
import platform
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from disparate.provenance import cores, cpu_name, versions


def surroundings(*packages: str) -> dict[str, Any]:
    """Return date, machine, load at this moment and versions.

    Args:
        packages: Packages whose version matters beside the usual ones.

    Returns:
        What a reader needs to judge a figure.
    """
    return {
        "date": time.strftime("%Y-%m-%d"),
        "machine": {
            "system": platform.system(),
            "processor": cpu_name(),
            "cores": cores(),
            "load_before": round(os.getloadavg()[0], 1),
        },
        "versions": versions() | {name: version(name) for name in packages},
    }


def publish(result: dict[str, Any], path: Path) -> None:
    """Write a result and print it.

    Args:
        result: The result.
        path: Where it is written.
    """
    text = json.dumps(result, indent=1)
    path.write_text(text + "\n", encoding="utf-8")
    print(text)
