"""Splits: by a seed of their own, from ids and not from positions."""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from disparate.data.grouped import SPLITS
from disparate.errors import BadInput, suggestion

DEFAULT_SHARES: Mapping[str, float] = {"test": 0.2, "validation": 0.0}
"""Shares of the splits that are cut out; what is left is the training split."""

NO_SHARES: Mapping[str, float] = {}
"""Nothing asked for: ``DEFAULT_SHARES`` hold, or the published split."""


def assign_splits(
    example_id: NDArray[np.str_],
    *,
    cluster_id: NDArray[np.str_] | None = None,
    strata: NDArray[Any] | None = None,
    shares: Mapping[str, float] = NO_SHARES,
    seed: int = 0,
) -> NDArray[np.str_]:
    """Return the split of every example, drawn from its id and the split's seed alone.

    Each cluster gets a number from the SHA-256 of seed and name; within a stratum clusters stand in the order of these
    numbers, and the first share of the examples is ``"test"``, the next ``"validation"``, the rest ``"train"``.
    The order of the rows does not matter, and an example more or less moves few others. A cluster whose members
    stand in several strata counts to the first of these.

    Args:
        example_id: Unique id per example.
        cluster_id: What stays together (a person, a lesion, near-identical images); each example alone where absent.
        strata: What the shares are kept within, such as the target; one stratum where absent.
        shares: Share of ``"test"`` and ``"validation"``, in [0, 1]; 0.2 and 0 where not given.
        seed: Seed of the split; never the training seed, or answers could not be paired over seeds.

    Returns:
        ``"train"``, ``"validation"`` or ``"test"`` per example.

    Raises:
        BadInput: A share has another name, lies outside [0, 1], or the shares sum to more than 1.

    Example:
        >>> ids = np.array(["a", "b", "c", "d", "e"])
        >>> assign_splits(ids, seed=1).tolist().count("test")
        1
        >>> forwards, backwards = assign_splits(ids), assign_splits(ids[::-1])[::-1]
        >>> bool((forwards == backwards).all())
        True
    """
    share = _full(shares)
    names, cluster = np.unique(example_id if cluster_id is None else cluster_id, return_inverse=True)
    size = np.bincount(cluster, minlength=len(names))
    stratum = _stratum_of_clusters(strata, cluster, len(names))
    order = np.lexsort((_numbers(names, seed), stratum))
    place = np.empty(len(names))
    place[order] = _places(size[order], stratum[order])
    cut = np.select(
        [place < share["test"], place < share["test"] + share["validation"]], ["test", "validation"], "train"
    )
    return cut[cluster]


def keep_published(
    published: NDArray[np.str_],
    example_id: NDArray[np.str_],
    *,
    cluster_id: NDArray[np.str_] | None = None,
    strata: NDArray[Any] | None = None,
    shares: Mapping[str, float] = NO_SHARES,
    seed: int = 0,
) -> NDArray[np.str_]:
    """Return the published split, with a validation split cut out of its training split where one is asked for.

    Args:
        published: The split as published, per example.
        example_id: Unique id per example.
        cluster_id: What stays together.
        strata: What the share is kept within.
        shares: At most ``"validation"``, as a share of the published training split.
        seed: Seed of the cut.

    Returns:
        The split of every example.

    Raises:
        BadInput: A share of ``"test"`` was given, although the test split is published.

    Example:
        >>> keep_published(np.array(["train", "test"]), np.array(["a", "b"])).tolist()
        ['train', 'test']
    """
    if "test" in shares:
        raise BadInput(
            f"shares test={shares['test']}: the test split of this data set is published and kept; "
            "only validation may be given."
        )
    train = np.flatnonzero(published == "train")
    kept = published.astype(f"<U{max(map(len, SPLITS))}")
    kept[train] = assign_splits(
        example_id[train],
        cluster_id=None if cluster_id is None else cluster_id[train],
        strata=None if strata is None else strata[train],
        shares={"test": 0.0, **shares},
        seed=seed,
    )
    return kept


def split_of(
    example_id: NDArray[np.str_],
    *,
    published: NDArray[np.str_] | None,
    cluster_id: NDArray[np.str_] | None = None,
    strata: NDArray[Any] | None = None,
    shares: Mapping[str, float] = NO_SHARES,
    seed: int = 0,
) -> NDArray[np.str_]:
    """Return the published split where there is one (``keep_published``), a drawn one otherwise (``assign_splits``)."""
    if published is None:
        return assign_splits(example_id, cluster_id=cluster_id, strata=strata, shares=shares, seed=seed)
    return keep_published(published, example_id, cluster_id=cluster_id, strata=strata, shares=shares, seed=seed)


def join_clusters(first: NDArray[np.str_], second: NDArray[np.str_]) -> NDArray[np.str_]:
    """Return the clusters in which whatever shares either id is together.

    Args:
        first: Cluster id per example, such as the person.
        second: Another cluster id per example, such as near-identical images.

    Returns:
        Id of the connected part per example: the smallest of its first ids.

    Example:
        >>> join_clusters(np.array(["p", "p", "q", "r"]), np.array(["1", "2", "2", "3"])).tolist()
        ['p', 'p', 'p', 'r']
    """
    names, left = np.unique(first, return_inverse=True)
    _, right = np.unique(second, return_inverse=True)
    label = left.copy()
    while True:
        joined = _smallest(_smallest(label, right), left)
        if np.array_equal(joined, label):
            return names[label]
        label = joined


def _smallest(label: NDArray[np.intp], cluster: NDArray[np.intp]) -> NDArray[np.intp]:
    lowest = np.full(cluster.max(initial=-1) + 1, label.max(initial=0))
    np.minimum.at(lowest, cluster, label)
    return lowest[cluster]


def _full(shares: Mapping[str, float]) -> dict[str, float]:
    for name, share in shares.items():
        if name not in DEFAULT_SHARES:
            raise BadInput(f"shares: unknown split '{name}'.{suggestion(name, DEFAULT_SHARES)}")
        if not 0 <= share <= 1:
            raise BadInput(f"shares {name}={share}: a share in [0, 1] was expected; 20 % is 0.2.")
    full = {**DEFAULT_SHARES, **shares}
    if sum(full.values()) > 1:
        raise BadInput(f"shares {full} sum to {sum(full.values()):g}; at most 1 was expected.")
    return full


def _stratum_of_clusters(strata: NDArray[Any] | None, cluster: NDArray[np.intp], clusters: int) -> NDArray[np.intp]:
    if strata is None:
        return np.zeros(clusters, dtype=np.intp)
    _, codes = np.unique(strata, return_inverse=True)
    stratum = np.full(clusters, len(codes))
    np.minimum.at(stratum, cluster, codes)
    return stratum


def _numbers(names: NDArray[np.str_], seed: int) -> NDArray[np.uint64]:
    digests = b"".join(hashlib.sha256(f"{seed}:{name}".encode()).digest()[:8] for name in names.tolist())
    return np.frombuffer(digests, dtype="<u8")


def _places(size: NDArray[np.intp], stratum: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return where the middle of each cluster lies among the examples of its stratum, in (0, 1); both are sorted."""
    end = np.cumsum(size)
    _, first, index = np.unique(stratum, return_index=True, return_inverse=True)
    start = (end - size)[first]
    total = np.add.reduceat(size, first) if len(size) else size
    return (end - size / 2 - start[index]) / total[index]
