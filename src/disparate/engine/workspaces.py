"""Empty folders on the store's disk for jobs to write to."""

import os
import platform
import re
import secrets
import shutil
from pathlib import Path


def new_workspace(root: Path) -> Path:
    """Return a new empty folder; its name tells which process of which machine it belongs to.

    Args:
        root: The folder of all workspaces; created where it is absent.

    Returns:
        The folder.
    """
    workspace = root / f"{_owner(os.getpid())}-{secrets.token_hex(6)}"
    workspace.mkdir(parents=True)
    return workspace


def sweep(root: Path) -> None:
    """Delete the workspaces that killed processes of this machine left behind.

    Args:
        root: The folder of all workspaces.
    """
    left = re.compile(rf"{re.escape(platform.node())}-(\d+)-[0-9a-f]+")
    for workspace in root.glob("*"):
        found = left.fullmatch(workspace.name)
        if found and not _is_alive(int(found[1])):
            shutil.rmtree(workspace, ignore_errors=True)


def _owner(pid: int) -> str:
    return f"{platform.node()}-{pid}"


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
