"""Provenance: what ran where. Nothing here imports torch; a worker adds what only torch knows."""

import os
import platform
import resource
import subprocess
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("disparate", "torch", "torchvision", "torchao", "numpy", "scipy", "pyarrow", "timm")


def versions() -> dict[str, str]:
    """Return the version of Python and of every package that shapes a number; absent packages are left out."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        known = version_of(package)
        if known is not None:
            found[package] = known
    return found


@cache
def version_of(package: str) -> str | None:
    """Return the version of a package, read once as its metadata is a file; None where it is absent."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


@cache
def cpu_flags() -> frozenset[str]:
    """Return the CPU's feature flags as the kernel names them; empty where they cannot be read."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return frozenset()
    line = next((line for line in text.splitlines() if line.startswith(("flags", "Features"))), "")
    return frozenset(line.partition(":")[2].split())


@cache
def cpu_name() -> str:
    """Return the processor's own name."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    line = next((line for line in text.splitlines() if line.startswith("model name")), "")
    return line.partition(":")[2].strip() or platform.machine()


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


def peak_memory() -> float:
    """Return the largest resident size of this process so far, MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


def source_revision() -> dict[str, Any]:
    """Return the revision of disparate's own source and whether it was changed; empty for an installed wheel."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return {}
    head = _git(root, "rev-parse", "HEAD")
    return {"revision": head, "dirty": bool(_git(root, "status", "--porcelain", "--", "src"))} if head else {}


def machine() -> dict[str, Any]:
    """Return what this machine is: system, processor, cores."""
    return {"system": platform.platform(), "processor": cpu_name(), "cores": cores()}


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
