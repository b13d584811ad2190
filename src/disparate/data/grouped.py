"""GroupedDataset: examples with target, group attributes and a stable id."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from disparate.groups import Attribute

Kind = Literal["image", "table"]
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """Something wrong with one file or row, kept in a list and never dropped silently.

    Args:
        what: File name or row.
        found: What is wrong with it.
        action: ``"set aside"``, or ``"kept"`` where the example stays.
    """

    what: str
    found: str
    action: Literal["set aside", "kept"] = "set aside"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class GroupedDataset:
    """Examples with target, group attributes and a stable example id.

    Args:
        name: Name of the data set.
        kind: ``"image"`` (uint8, shape (examples, height, width, channels)) or ``"table"`` (float32,
            shape (examples, features)).
        inputs: The inputs; may be memory-mapped.
        target: Label index per example.
        label_names: Name of every label.
        target_name: What the target is called, such as ``"race"``.
        example_id: Stable, unique id per example.
        attributes: Group attributes by name.
        split: ``"train"``, ``"validation"`` or ``"test"`` per example.
        cluster_id: What several rows share (a person, near-identical images).
        problems: What was set aside or noted while loading.
        content: SHA-256 of everything above; changes when any of it changes.
    """

    name: str
    kind: Kind
    inputs: NDArray[Any]
    target: NDArray[np.int64]
    label_names: tuple[str, ...]
    target_name: str
    example_id: NDArray[np.str_]
    attributes: Mapping[str, Attribute]
    split: NDArray[np.str_]
    cluster_id: NDArray[np.str_] | None = None
    problems: tuple[Problem, ...] = field(default=())
    content: str = ""

    def __len__(self) -> int:
        return len(self.target)

    def rows(self, split: str) -> NDArray[np.intp]:
        """Return the positions of the examples of a split, in order."""
        return np.flatnonzero(self.split == split)
