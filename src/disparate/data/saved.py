"""A grouped data set as a folder of arrays, so that another process reads what this one has in memory."""

import json
import os
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from disparate.data.grouped import GroupedDataset, Problem
from disparate.errors import BadInput
from disparate.groups import Attribute

ARRAYS = ("inputs", "target", "example_id", "split", "cluster_id")


def save_dataset(data: GroupedDataset, folder: Path) -> Path:
    """Write a data set below a folder, under the hash of its content; one that is there already is left alone.

    Args:
        data: The data set.
        folder: Where to write.

    Returns:
        The data set's own folder.
    """
    home = folder / data.content
    if home.exists():
        return home
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".writing-") as temporary:
        unfinished = Path(temporary) / "data"
        unfinished.mkdir()
        for name in ARRAYS:
            if (array := getattr(data, name)) is not None:
                np.save(unfinished / f"{name}.npy", array, allow_pickle=False)
        for name, attribute in data.attributes.items():
            np.save(unfinished / f"group-{list(data.attributes).index(name)}.npy", attribute.codes, allow_pickle=False)
        (unfinished / "about.json").write_text(json.dumps(_about(data)), encoding="utf-8")
        if not home.exists():  # another process may have been first
            unfinished.rename(home)
    return home


def saved(root: Path) -> GroupedDataset:
    """Return a data set that :func:`save_dataset` wrote; inputs are memory-mapped.

    Args:
        root: The data set's own folder.

    Returns:
        The data set.

    Raises:
        BadInput: The folder does not hold one, or it was changed since.
    """
    try:
        data, expected = _read(root)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, EOFError, RecursionError) as error:
        raise BadInput(
            f"folder '{os.fspath(root)}' holds no saved data set ({type(error).__name__}: {error}); remove the folder, "
            "so that it is written again."
        ) from error
    if data.content != expected:
        raise BadInput(
            f"saved data set '{os.fspath(root)}' has content {data.content[:12]}; {str(expected)[:12]} was written. "
            "It was changed since; remove the folder, so that it is written again."
        )
    return data


def _read(root: Path) -> tuple[GroupedDataset, object]:
    about = json.loads((root / "about.json").read_text(encoding="utf-8"))
    arrays: dict[str, Any] = {
        name: np.load(root / f"{name}.npy", mmap_mode="r" if name == "inputs" else None, allow_pickle=False)
        for name in ARRAYS
        if (root / f"{name}.npy").exists()
    }
    attributes = {
        item["name"]: Attribute(
            names=tuple(item["names"]), codes=np.load(root / f"group-{place}.npy", allow_pickle=False)
        )
        for place, item in enumerate(about["attributes"])
    }
    data = GroupedDataset(
        name=about["name"],
        kind=about["kind"],
        label_names=tuple(about["label_names"]),
        target_name=about["target_name"],
        attributes=attributes,
        problems=tuple(map(_problem, about["problems"])),
        **arrays,
    )
    return data, about["content"]


def _problem(item: dict[str, Any]) -> Problem:
    if not all(isinstance(text, str) for text in item.values()):
        raise TypeError(f"a problem is {item}, and texts were expected")
    return Problem(**item)


def _about(data: GroupedDataset) -> dict[str, Any]:
    return {
        "name": data.name,
        "kind": data.kind,
        "label_names": list(data.label_names),
        "target_name": data.target_name,
        "content": data.content,
        "attributes": [{"name": name, "names": list(attribute.names)} for name, attribute in data.attributes.items()],
        "problems": [asdict(problem) for problem in data.problems],
    }
