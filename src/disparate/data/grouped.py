"""GroupedDataset: examples with target, group attributes and a stable id."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from disparate.errors import BadInput, suggestion
from disparate.groups import MISSING, Attribute, Groups
from disparate.predictions import RESERVED

Kind = Literal["image", "table", "array"]
SPLITS = ("train", "validation", "test")
MOST_SET_ASIDE = 0.01
"""Share of the files that may be set aside; above it the data set is refused."""

SHOWN = 5
INPUTS: dict[str, tuple[str, int | None, str]] = {
    "array": ("float32", None, "(examples, ...)"),
    "image": ("uint8", 4, "(examples, height, width, channels)"),
    "table": ("float32", 2, "(examples, features)"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """Something wrong with one file or row, kept in a list and never dropped silently.

    Args:
        what: File name or row.
        found: What is wrong with it.
        action: ``"set aside"``, ``"kept"`` where the example stays, ``"left out"`` where the user asked for it.
    """

    what: str
    found: str
    action: Literal["set aside", "kept", "left out"] = "set aside"

    def __str__(self) -> str:
        return f"{self.what}: {self.found} ({self.action})"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class GroupedDataset:
    """Examples with target, group attributes and a stable example id.

    Args:
        name: Name of the data set.
        kind: ``"image"`` (uint8, shape (examples, height, width, channels)), ``"table"`` (float32,
            shape (examples, features)) or ``"array"`` (float32, any shape, handed to the network as it is).
        inputs: The inputs; may be memory-mapped.
        target: Label index per example; whole numbers of any type become int64.
        label_names: Name of every label; all are kept as texts.
        target_name: What the target is called, such as ``"race"``.
        example_id: Stable, unique id per example; kept as text, as are splits and clusters.
        attributes: Group attributes by name; no name may be that of a column of predictions, such as ``"loss"``.
        split: ``"train"``, ``"validation"`` or ``"test"`` per example.
        cluster_id: What several rows share (a person, near-identical images).
        problems: What was set aside or noted while loading.
        content: SHA-256 of everything above but the problems; computed, so that it changes when any of it changes.

    Raises:
        BadInput: Lengths, shape, number type, ids, labels, names of attributes or splits are not what they have to be.

    Example:
        >>> data = GroupedDataset(
        ...     name="toy", kind="table", inputs=np.zeros((3, 2), np.float32), target=np.array([0, 1, 1]),
        ...     label_names=("no", "yes"), target_name="paid", example_id=np.array(["a", "b", "c"]),
        ...     attributes={"sex": Attribute.of(["f", "m", "m"])}, split=np.array(["train", "train", "test"]),
        ... )
        >>> data.sizes("sex")
        {'train': {'f': 1, 'm': 1}, 'validation': {'f': 0, 'm': 0}, 'test': {'f': 0, 'm': 1}}
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
    content: str = field(init=False)

    def __post_init__(self) -> None:
        for name, column in _in_type(self).items():
            object.__setattr__(self, name, column)
        _require_attribute_names(self)
        _require_lengths(self)
        _require_inputs(self)
        _require_unique_ids(self)
        _require_labels(self)
        _require_split_names(self)
        object.__setattr__(self, "content", _content(self))

    def __len__(self) -> int:
        return len(self.target)

    def rows(self, split: str) -> NDArray[np.intp]:
        """Return the positions of the examples of a split, in order."""
        return np.flatnonzero(self.split == split)

    def groups(self, by: str, *, reference: str | None = None) -> Groups:
        """Partition the examples by an attribute, ``"race"``, or an intersection, ``"race*sex"``."""
        return Groups.of(self.attributes, by=by, reference=reference)

    def sizes(self, by: str) -> dict[str, dict[str, int]]:
        """Return the number of examples by split and group; 0 for a group that a split does not hold.

        Args:
            by: An attribute's name, or several joined by ``*``.

        Returns:
            Split to group to number of examples.
        """
        groups = self.groups(by)
        return {split: dict(zip(groups.names, _counts(self, split, groups), strict=True)) for split in SPLITS}

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> "GroupedDataset":
        """Return some examples, in the given order; ids, names and problems stay."""
        return replace(
            self,
            inputs=self.inputs[rows],
            target=self.target[rows],
            example_id=self.example_id[rows],
            attributes={name: attribute.take(rows) for name, attribute in self.attributes.items()},
            split=self.split[rows],
            cluster_id=None if self.cluster_id is None else self.cluster_id[rows],
        )

    def subset(self, examples: int, *, generator: np.random.Generator) -> "GroupedDataset":
        """Return about so many examples drawn at random; every split keeps its share of every label.

        Args:
            examples: How many examples; every combination of split and label that occurs keeps at least one.
            generator: The only source of randomness.

        Returns:
            The smaller data set, in the order of this one.

        Raises:
            BadInput: Fewer than one example was asked for.
        """
        if examples < 1:
            raise BadInput(
                f"data set '{self.name}': a subset of {examples} examples was asked for; at least 1 is needed."
            )
        _, stratum = np.unique(_joint(self.split, self.target), return_inverse=True)
        order = np.lexsort((generator.random(len(self)), stratum))
        size = np.bincount(stratum)
        rank = np.arange(len(self)) - np.repeat(np.cumsum(size) - size, size)
        kept = (rank == 0) | ((rank + 0.5) * len(self) < examples * np.repeat(size, size))
        return self.take(np.sort(order[kept]))


def checked(data: GroupedDataset, *, listed: Mapping[str, Attribute] | None = None) -> GroupedDataset:
    """Return the data set unchanged if groups can be compared on it.

    The group ``(missing)`` may be absent from a split: nobody chose it.

    Args:
        data: The data set as loaded.
        listed: The attributes of everything that was listed, what was set aside included, where they are known.

    Returns:
        The same data set.

    Raises:
        BadInput: More than 1 % of what was listed was set aside, a group vanished with it, only one label
            occurs, or a split holds no example of a group.
    """
    _require_few_set_aside(data, listed or {})
    _require_no_group_lost(data, listed or {})
    _require_several_labels(data)
    _require_groups_in_splits(data)
    return data


def _counts(data: GroupedDataset, split: str, groups: Groups) -> list[int]:
    return np.bincount(groups.codes[data.rows(split)], minlength=len(groups)).tolist()


def _joint(split: NDArray[np.str_], target: NDArray[np.int64]) -> NDArray[np.int64]:
    _, codes = np.unique(split, return_inverse=True)
    return codes * (target.max(initial=0) + 1) + target


def _content(data: GroupedDataset) -> str:
    digest = hashlib.sha256()
    _add(digest, [data.name, data.kind, list(data.label_names), data.target_name, list(data.inputs.shape)])
    digest.update(np.ascontiguousarray(data.inputs).data)
    digest.update(np.ascontiguousarray(data.target, dtype="<i8").data)
    _add(digest, [data.example_id.tolist(), data.split.tolist()])
    _add(digest, None if data.cluster_id is None else data.cluster_id.tolist())
    for name, attribute in sorted(data.attributes.items()):
        _add(digest, [name, list(attribute.names)])
        digest.update(np.ascontiguousarray(attribute.codes, dtype="<i4").data)
    return digest.hexdigest()


def _add(digest: Any, plain: object) -> None:
    digest.update(json.dumps(plain).encode())


def _in_type(data: GroupedDataset) -> dict[str, Any]:
    texts = {name: getattr(data, name) for name in ("example_id", "split", "cluster_id")}
    return {
        "target": _whole(data),
        "label_names": tuple(map(str, data.label_names)),
        **{name: _texts(data, name, column) for name, column in texts.items() if column is not None},
    }


def _whole(data: GroupedDataset) -> NDArray[np.int64]:
    found = np.asarray(data.target)
    if found.dtype == object:
        found = np.array(found.tolist())
    if found.ndim != 1 or found.dtype.kind not in "iub":
        raise BadInput(
            f"data set '{data.name}': target is {found.dtype} of shape {found.shape}; whole numbers, the label index "
            "per example, were expected."
        )
    return found.astype(np.int64, copy=False)


def _texts(data: GroupedDataset, name: str, column: Any) -> NDArray[np.str_]:
    found = np.asarray(column)
    if found.dtype.kind == "U":
        return found
    plain = found.astype(np.str_) if found.dtype.kind == "S" else found
    values: list[Any] = plain.tolist()
    missing = [row for row, value in enumerate(values) if value is None or value != value]
    if missing:
        raise BadInput(
            f"data set '{data.name}': {name} of row {missing[0]} is {values[missing[0]]} ({len(missing)} such rows); "
            "a text was expected."
        )
    return np.array([str(value) for value in values], dtype=np.str_)


def _require_attribute_names(data: GroupedDataset) -> None:
    if clash := sorted(RESERVED & set(data.attributes)):
        raise BadInput(
            f"data set '{data.name}': group attribute '{clash[0]}' is called like a column of predictions "
            f"({', '.join(sorted(RESERVED))}); rename the attribute."
        )


def _require_lengths(data: GroupedDataset) -> None:
    columns: dict[str, Any] = {
        "inputs": data.inputs,
        "example_id": data.example_id,
        "split": data.split,
        **{f"attribute '{name}'": attribute for name, attribute in data.attributes.items()},
        **({} if data.cluster_id is None else {"cluster_id": data.cluster_id}),
    }
    for name, column in columns.items():
        if len(column) != len(data.target):
            raise BadInput(
                f"data set '{data.name}': {name} has {len(column)} rows; {len(data.target)} were expected, "
                "one per target."
            )


def _require_inputs(data: GroupedDataset) -> None:
    dtype, dimensions, shape = INPUTS[data.kind]
    if data.inputs.dtype != np.dtype(dtype) or dimensions not in {None, data.inputs.ndim}:
        raise BadInput(
            f"data set '{data.name}': inputs are {data.inputs.dtype} of shape {data.inputs.shape}; "
            f"{dtype} of shape {shape} was expected for kind '{data.kind}'."
        )
    if data.kind != "image" and not np.isfinite(data.inputs).all():
        row, *place = np.argwhere(~np.isfinite(data.inputs))[0].tolist()
        feature = ", ".join(map(str, place))
        raise BadInput(
            f"data set '{data.name}': row {row}, feature {feature} is {data.inputs[row, *place]}; "
            "a finite number was expected. Fill in or leave out what is missing."
        )


def _require_unique_ids(data: GroupedDataset) -> None:
    ids, counts = np.unique(data.example_id, return_counts=True)
    doubled = counts > 1
    if doubled.any():
        raise BadInput(
            f"data set '{data.name}': example id '{ids[doubled][0]}' occurs {counts[doubled][0]} times "
            f"({int(doubled.sum())} ids occur more than once); ids have to be unique."
        )


def _require_labels(data: GroupedDataset) -> None:
    wrong = np.flatnonzero((data.target < 0) | (data.target >= len(data.label_names)))
    if wrong.size:
        raise BadInput(
            f"data set '{data.name}': target of row {wrong[0]} is {data.target[wrong[0]]}; a label index "
            f"from 0 to {len(data.label_names) - 1} was expected ({wrong.size} such rows)."
        )


def _require_split_names(data: GroupedDataset) -> None:
    wrong = np.flatnonzero(~np.isin(data.split, SPLITS))
    if wrong.size:
        found = str(data.split[wrong[0]])
        raise BadInput(
            f"data set '{data.name}': split of row {wrong[0]} is '{found}' ({wrong.size} such rows)."
            f"{suggestion(found, SPLITS)}"
        )


def _require_few_set_aside(data: GroupedDataset, listed: Mapping[str, Attribute]) -> None:
    aside = [problem for problem in data.problems if problem.action == "set aside"]
    total = max([len(data) + len(aside), *(len(attribute) for attribute in listed.values())])
    if len(aside) > MOST_SET_ASIDE * total:
        raise BadInput(
            f"data set '{data.name}': {len(aside)} of {total} were set aside ({len(aside) / total:.1%}); "
            f"at most {MOST_SET_ASIDE:.0%} may be. The first: {_beginning(aside)}"
        )


def _beginning(problems: list[Problem]) -> str:
    return "; ".join(f"{problem.what}: {problem.found}" for problem in problems[:SHOWN]) + "."


def _require_no_group_lost(data: GroupedDataset, listed: Mapping[str, Attribute]) -> None:
    aside = [problem for problem in data.problems if problem.action == "set aside"]
    for by, before in listed.items():
        lost = sorted(set(before.values().tolist()) - set(data.attributes[by].values().tolist()) - {MISSING})
        if lost:
            raise BadInput(
                f"data set '{data.name}': group '{lost[0]}' of '{by}' vanished, all its examples were set aside. "
                f"The first set aside: {_beginning(aside)}"
            )


def _require_several_labels(data: GroupedDataset) -> None:
    found = np.unique(data.target)
    if not found.size:
        raise BadInput(f"data set '{data.name}' holds no example.")
    if found.size == 1:
        raise BadInput(
            f"data set '{data.name}': every example has {data.target_name} '{data.label_names[found[0]]}'; "
            "at least two labels have to occur."
        )


def _require_groups_in_splits(data: GroupedDataset) -> None:
    for by in data.attributes:
        sizes = data.sizes(by)
        held = {split: counts for split, counts in sizes.items() if any(counts.values())}
        for group in sorted({group for counts in held.values() for group in counts} - {MISSING}):
            where = {split: counts[group] for split, counts in held.items()}
            empty = [split for split, count in where.items() if not count]
            if empty and any(where.values()):
                raise BadInput(
                    f"data set '{data.name}': group '{group}' of '{by}' has no example in split '{empty[0]}' "
                    f"({where}). Merge small groups, choose another split_seed, or give larger shares."
                )
