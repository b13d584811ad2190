"""Chosen: examples that a user asked to leave out, of unknown attributes or of groups that outnumber the others."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from disparate.data.grouped import SPLITS, GroupedDataset, Problem
from disparate.errors import BadInput, suggestion
from disparate.groups import MISSING, Attribute


def chosen(data: GroupedDataset, *, known: Sequence[str], balanced: str, seed: int) -> GroupedDataset:
    """Return the examples whose attributes are known, in groups of equal size where that is asked for.

    Args:
        data: The data set, split.
        known: Attributes; an example is left out where one of them is missing.
        balanced: An attribute whose groups get equally many examples within each split, and whose unknown are left
            out; none where empty.
        seed: Seed of which examples stay: those first in the order of the SHA-256 of seed and id.

    Returns:
        The smaller data set; how many were left out stands among its problems.

    Raises:
        BadInput: There is no such attribute, or it is known of nobody.

    Example:
        >>> data = GroupedDataset(
        ...     name="toy", kind="table", inputs=np.zeros((5, 2), np.float32), target=np.array([0, 1, 1, 0, 1]),
        ...     label_names=("no", "yes"), target_name="paid", example_id=np.array(list("abcde")),
        ...     attributes={"sex": Attribute.of(["f", "m", "m", None, "m"])}, split=np.array(["test"] * 5),
        ... )
        >>> chosen(data, known=(), balanced="sex", seed=0).groups("sex").counts()
        {'f': 1, 'm': 1}
    """
    needed = (known,) if isinstance(known, str) else tuple(known)
    for by in dict.fromkeys((*needed, *((balanced,) if balanced else ()))):
        data = _known(data, by)
    return _balanced(data, balanced, seed) if balanced else data


def _known(data: GroupedDataset, by: str) -> GroupedDataset:
    if by not in data.attributes:
        raise BadInput(f"data set '{data.name}' has no attribute '{by}'.{suggestion(by, data.attributes)}")
    found = data.attributes[by]
    if MISSING not in found.names:
        return data
    kept = np.flatnonzero(found.values() != MISSING)
    if not len(kept):
        raise BadInput(f"data set '{data.name}': {by} is known of no example; leave it out of known and balanced.")
    left = _without(data, kept, f"{len(data) - len(kept)} examples of unknown {by}")
    return replace(left, attributes={name: _named(attribute) for name, attribute in left.attributes.items()})


def _named(attribute: Attribute) -> Attribute:
    """Return the attribute without the group ``(missing)`` where that holds nobody: it was no group to begin with."""
    values = attribute.values()
    names = tuple(name for name in attribute.names if name != MISSING or (values == MISSING).any())
    return Attribute.of(values, names=names)


def _balanced(data: GroupedDataset, by: str, seed: int) -> GroupedDataset:
    groups = data.attributes[by].codes
    order = np.argsort(_numbers(data.example_id, seed), kind="stable")
    kept = np.sort(np.concatenate([_equally_many(groups, order[data.split[order] == split]) for split in SPLITS]))
    return _without(data, kept, f"{len(data) - len(kept)} examples of groups of {by} that outnumber the smallest")


def _equally_many(groups: NDArray[np.int32], rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the first rows of every group, as many as the smallest group has."""
    found, counts = np.unique(groups[rows], return_counts=True)
    most = counts.min(initial=len(rows))
    return np.concatenate([rows[:0], *(rows[groups[rows] == group][:most] for group in found)])


def _numbers(ids: NDArray[np.str_], seed: int) -> NDArray[np.uint64]:
    digests = b"".join(hashlib.sha256(f"balanced:{seed}:{name}".encode()).digest()[:8] for name in ids.tolist())
    return np.frombuffer(digests, dtype="<u8")


def _without(data: GroupedDataset, kept: NDArray[np.intp], what: str) -> GroupedDataset:
    if len(kept) == len(data):
        return data
    note = Problem(what=data.name, found=what, action="left out")
    return replace(data.take(kept), problems=(*data.problems, note))
