"""Empty folders for jobs to write to, and for what does not fit into memory."""

import os
import platform
import re
import secrets
import shutil
from pathlib import Path


def new_workspace(root: Path, *, prefix: str = "") -> Path:
    """Return a new empty folder; its name tells which process of which machine it belongs to.

    Args:
        root: The folder of all workspaces; created where it is absent.
        prefix: What its name begins with, where the root holds other things too.

    Returns:
        The folder, which nobody else may read.
    """
    workspace = root / f"{prefix}{platform.node()}-{os.getpid()}-{secrets.token_hex(6)}"
    root.mkdir(parents=True, exist_ok=True)
    workspace.mkdir(mode=0o700)
    return workspace


def sweep(root: Path, *, prefix: str = "") -> None:
    """Delete the workspaces that killed processes of this machine left behind.

    Args:
        root: The folder of all workspaces.
        prefix: What their names begin with.
    """
    left = re.compile(rf"{re.escape(prefix + platform.node())}-(\d+)-[0-9a-f]+")
    for workspace in root.glob(f"{prefix}*"):
        found = left.fullmatch(workspace.name)
        if found and not _is_alive(int(found[1])):
            shutil.rmtree(workspace, ignore_errors=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
