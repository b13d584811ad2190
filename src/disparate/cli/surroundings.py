"""What a command sets up for this process and for its workers before anything is imported."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path


def set_up(*, data: Path | None, trust: Sequence[str]) -> None:
    """Name the folder of the data, and let what is trusted lie in the current folder.

    Args:
        data: Folder that holds the data; None leaves ``DISPARATE_DATA`` as it is.
        trust: Models of the user's own that may be imported.
    """
    if data is not None:
        os.environ["DISPARATE_DATA"] = str(data.resolve())
    if trust:
        here = str(Path.cwd())
        sys.path.insert(0, here)
        os.environ["PYTHONPATH"] = os.pathsep.join([here, os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
