"""Listing: what is known of image files before they are decoded, and the data set that comes of it."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from disparate.data.grouped import GroupedDataset, Problem, checked
from disparate.data.images import DecodedImages, Progress, conflicting_labels, decode, near_identical
from disparate.data.split import join_clusters, split_of
from disparate.groups import Attribute


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Listing:
    """Image files with what is known of each; one row per file.

    Args:
        files: Names relative to the data set's folder.
        example_id: Id per file.
        target: Label index per file.
        label_names: Name of every label.
        target_name: What the target is called.
        attributes: Group attributes by name.
        stated: What identical images should agree on, by name.
        published: The split as published, where there is one.
        cluster_id: The person or lesion per file, where it is known.
        problems: What was set aside before this listing was made.
    """

    files: NDArray[np.str_]
    example_id: NDArray[np.str_]
    target: NDArray[np.int64]
    label_names: tuple[str, ...]
    target_name: str
    attributes: Mapping[str, Attribute]
    stated: Mapping[str, NDArray[np.str_]]
    published: NDArray[np.str_] | None = None
    cluster_id: NDArray[np.str_] | None = None
    problems: tuple[Problem, ...] = ()

    def take(self, rows: NDArray[np.intp]) -> "Listing":
        """Return the listing of some files, in the given order."""
        columns: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        arrays = {name: column[rows] for name, column in columns.items() if isinstance(column, np.ndarray)}
        return replace(
            self,
            **arrays,
            attributes={name: attribute.take(rows) for name, attribute in self.attributes.items()},
            stated={name: column[rows] for name, column in self.stated.items()},
        )


def image_dataset(
    listing: Listing,
    *,
    name: str,
    folder: Path,
    size: int,
    split_seed: int,
    shares: Mapping[str, float],
    progress: Progress | None = None,
) -> GroupedDataset:
    """Return the data set of a listing: images decoded, near-identical ones kept in one split, problems collected.

    Args:
        listing: The files and what is known of them.
        name: Name of the data set.
        folder: Folder the files are relative to.
        size: Side of the images, pixels.
        split_seed: Seed of the split.
        shares: Shares of the splits; only ``"validation"`` where the split is published.
        progress: Called while decoding for the first time.

    Returns:
        The data set; its cluster ids join the listing's with those of near-identical images.

    Raises:
        BadInput: Too many files are damaged, or groups cannot be compared on what is left.
    """
    images = decode(folder, listing.files.tolist(), size=size, progress=progress)
    kept = listing.take(images.rows)
    cluster_id = _clusters(kept, images)
    conflicts = conflicting_labels(images.pixel_hash, kept.files.tolist(), kept.stated)
    split = split_of(
        kept.example_id,
        published=kept.published,
        cluster_id=cluster_id,
        strata=kept.target,
        shares=shares,
        seed=split_seed,
    )
    data = GroupedDataset(
        name=name,
        kind="image",
        inputs=images.pixels,
        target=kept.target,
        label_names=kept.label_names,
        target_name=kept.target_name,
        example_id=kept.example_id,
        attributes=kept.attributes,
        split=split,
        cluster_id=cluster_id,
        problems=(*listing.problems, *images.problems, *conflicts, *_parted(kept.files, cluster_id, split)),
    )
    return checked(data, listed=listing.attributes)


def _clusters(listing: Listing, images: DecodedImages) -> NDArray[np.str_]:
    alike = near_identical(images.difference_hash)
    return alike if listing.cluster_id is None else join_clusters(listing.cluster_id, alike)


def _parted(files: NDArray[np.str_], cluster_id: NDArray[np.str_], split: NDArray[np.str_]) -> list[Problem]:
    """Return a note for every cluster that a published split parts; the images stay."""
    _, code = np.unique(cluster_id, return_inverse=True)
    _, place = np.unique(split, return_inverse=True)
    lowest = np.full(code.max() + 1, len(files))
    highest = np.zeros(code.max() + 1, dtype=np.intp)
    np.minimum.at(lowest, code, place)
    np.maximum.at(highest, code, place)
    notes: list[Problem] = []
    for cluster in np.flatnonzero(lowest < highest):
        rows = np.flatnonzero(code == cluster)
        where = ", ".join(f"{files[row]} ({split[row]})" for row in rows[:4])
        found = f"near-identical images or one cluster, parted by the published split: {where}"
        notes.append(Problem(what=str(files[rows[0]]), found=found, action="kept"))
    return notes
