"""Diagnosis: what this machine can do, as plain tables."""

import os
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from disparate.auditing.plan import fingerprint_jobs
from disparate.engine.local import LocalEngine
from disparate.errors import DisparateError, JobFailed
from disparate.extras import EXTRAS
from disparate.profiles import PROFILES, Profile, require_available
from disparate.provenance import cores, cpu_flags, machine, versions
from disparate.store.runs import Store
from disparate.training.execution import device_of

INSTRUCTION_SETS = ("sse4_1", "avx", "avx2", "fma", "avx512f", "avx512_bf16", "amx_bf16", "asimd")
LAYOUTS = ("UTKFace", "cifar-10-batches-bin", "HAM10000", "fitzpatrick17k", "tabular")


def diagnose(*, fingerprints: bool = False, data: Path | None = None) -> dict[str, dict[str, Any]]:
    """Return what this machine can do.

    Args:
        fingerprints: Whether to take every profile's fingerprint, which starts a process for each.
        data: Folder to look for data in; ``DISPARATE_DATA`` where not given.

    Returns:
        Title to table.
    """
    return {
        "machine": {**machine(), "instruction sets": _instruction_sets(), "GPUs": _gpus()},
        "versions": dict(versions()),
        "profiles": _profiles(fingerprints),
        "extras": {name: _installed(modules) for name, modules in EXTRAS.items()},
        "data": _data(data),
    }


def _instruction_sets() -> str:
    return ", ".join(name for name in INSTRUCTION_SETS if name in cpu_flags()) or "unknown"


def _gpus() -> str:
    import torch

    names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return ", ".join(names) or "none"


def _profiles(fingerprints: bool) -> dict[str, str]:
    status = {profile: _status(profile) for profile in PROFILES.values()}
    if fingerprints:
        available = tuple(profile for profile, text in status.items() if text == "available")
        status |= _fingerprints(available)
    return {profile.name: text for profile, text in status.items()}


def _status(profile: Profile) -> str:
    try:
        require_available(profile)
        device_of(profile)
    except DisparateError as error:
        return f"not here: {error}"
    return "available"


def _fingerprints(profiles: tuple[Profile, ...]) -> dict[Profile, str]:
    found: dict[Profile, str] = {}
    first: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="disparate-") as folder:
        store = Store.open(Path(folder))
        jobs = fingerprint_jobs(profiles)
        try:
            LocalEngine(slots=cores()).execute(tuple(jobs.values()), store)
        except JobFailed as error:
            found |= dict.fromkeys(profiles, f"fingerprint failed: {error}")
        for profile, job in jobs.items():
            if (done := store.finished(job.key)) is not None:
                print_of = done.record["fingerprint"]
                same = first.setdefault(print_of, profile.name)
                found[profile] = print_of + ("" if same == profile.name else f", one profile with {same}")
    return found


def _installed(modules: tuple[str, ...]) -> str:
    missing = [module for module in modules if find_spec(module) is None]
    return "installed" if not missing else f"not installed: {', '.join(missing)}"


def _data(folder: Path | None) -> dict[str, str]:
    root = folder or (Path(os.environ["DISPARATE_DATA"]) if os.environ.get("DISPARATE_DATA") else None)
    if root is None:
        return {"folder": "none; set DISPARATE_DATA or give --data. The recipe 'demo' needs no data."}
    found = [name for name in LAYOUTS if (root / name).exists()]
    return {"folder": str(root), "found": ", ".join(found) or "no layout that disparate knows"}
