"""Images in a folder, described by a table with columns that the user names."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from disparate.data.columns import MISSING_TEXTS, read_table, required_texts
from disparate.data.described import NO_BINS, described
from disparate.data.grouped import GroupedDataset
from disparate.data.images import Progress
from disparate.data.layout import find_file, is_inside
from disparate.data.listing import Listing, image_dataset
from disparate.data.split import NO_SHARES
from disparate.errors import BadInput


def image_folder(
    root: Path,
    *,
    table: str,
    path: str,
    target: str,
    groups: Sequence[str],
    id: str = "",
    split: str = "",
    cluster: str = "",
    suffix: str = "",
    bins: Mapping[str, Sequence[float]] = NO_BINS,
    missing: Sequence[str] = MISSING_TEXTS,
    size: int = 64,
    split_seed: int = 0,
    shares: Mapping[str, float] = NO_SHARES,
    progress: Progress | None = None,
) -> GroupedDataset:
    """Return images with target and groups from the columns of a CSV or Parquet table.

    Known problems such data has: rows without a target and files that cannot be decoded are set aside and listed;
    near-identical images (equal difference hash) stay in one split, together with whatever shares a cluster; a
    published split is kept even where it parts them.

    Args:
        root: Folder that the table's name is relative to.
        table: Relative name of the table; images are looked for beside it.
        path: Column with the image's path relative to the table's folder.
        target: Column with the label.
        groups: Columns with group attributes; missing values become the group ``(missing)``.
        id: Column with a unique id; the path column where not given.
        split: Column with ``train``, ``validation`` or ``test``; a split is drawn where not given.
        cluster: Column with what several images share, such as a person or a lesion.
        suffix: Added to every path, such as ``".jpg"``.
        bins: Inner edges by group column, for groups given as numbers.
        missing: Texts that stand for a missing value.
        size: Side of the images, pixels.
        split_seed: Seed of the split.
        shares: Shares of ``"test"`` and ``"validation"``; only the latter where a split column is given.
        progress: Called while decoding for the first time.

    Returns:
        The data set, named after the table's folder.

    Raises:
        BadInput: The table or a column is absent, ids are not unique, too many files are damaged, or a split lacks
            a group.
    """
    file = find_file(root, table, wanted_for="image_folder table")
    content = read_table(file)
    known = described(
        content, target=target, groups=groups, id=id or path, split=split, cluster=cluster, bins=bins, missing=missing
    )
    files = [name + suffix for name in required_texts(content, path)[known.rows].tolist()]
    _require_inside(files, path)
    listing = Listing(
        files=np.array(files, dtype=np.str_),
        example_id=known.example_id,
        target=known.target,
        label_names=known.label_names,
        target_name=target,
        attributes=known.attributes,
        stated={target: np.array(known.label_names)[known.target]},
        published=known.published,
        cluster_id=known.cluster_id,
        problems=known.problems,
    )
    folder = file.parent
    return image_dataset(
        listing,
        name=folder.resolve().name,
        folder=folder,
        size=size,
        split_seed=split_seed,
        shares=shares,
        progress=progress,
    )


def _require_inside(files: list[str], column: str) -> None:
    outside = next((name for name in files if not is_inside(name)), None)
    if outside is not None:
        raise BadInput(
            f"column '{column}' holds '{outside}', which leads out of the table's folder; "
            "a path inside it was expected."
        )
