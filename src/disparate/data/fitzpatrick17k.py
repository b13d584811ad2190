"""Fitzpatrick17k: clinical images of skin conditions, with Fitzpatrick skin types by two annotators."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from disparate.data.chosen import chosen
from disparate.data.columns import Texts, attribute, labels, read_table, required_texts, texts
from disparate.data.grouped import GroupedDataset
from disparate.data.images import Progress
from disparate.data.layout import find_folder, first_of
from disparate.data.listing import Listing, image_dataset
from disparate.data.split import NO_SHARES
from disparate.errors import BadInput, suggestion
from disparate.groups import Attribute

TABLES = ("metadata.csv", "fitzpatrick17k.csv")
TARGETS = ("three_partition_label", "nine_partition_label", "label")
ANNOTATORS = {"scale": "fitzpatrick_scale", "centaur": "fitzpatrick_centaur"}
TONES = {"1": "light", "2": "light", "3": "light", "4": "dark", "5": "dark", "6": "dark"}
SHARES: Mapping[str, float] = {"test": 0.2, "validation": 0.2}
UNKNOWN = ("", "-1")
LAYOUT = f"fitzpatrick17k/metadata.csv with md5hash, {', '.join(TARGETS)}, fitzpatrick_scale; MD5.jpg beside it"


def fitzpatrick17k(
    root: Path,
    *,
    target: str = "three_partition_label",
    annotator: str = "scale",
    size: int = 64,
    known: Sequence[str] = (),
    balanced: str = "",
    split_seed: int = 0,
    shares: Mapping[str, float] = NO_SHARES,
    progress: Progress | None = None,
) -> GroupedDataset:
    """Return Fitzpatrick17k with the attributes tone (light 1-3, dark 4-6) and skin_type; ids are the MD5 hashes.

    Known problems of the data: skin types were read off photographs; the two annotators agree exactly on half of them
    and within one step on nine tenths, so report groups under both. Condition and skin type are confounded (keloids
    are dark, melanomas light). A few labels were found wrong by dermatologists, and some images are near-identical;
    these stay in one split. The type is unknown for some; they are the group ``(missing)``. With ``label`` a condition
    may have few dark examples. Images come from web atlases with terms of their own.

    Args:
        root: Folder that holds ``fitzpatrick17k``, or that folder itself.
        target: ``"three_partition_label"`` (malignant, benign, non-neoplastic), ``"nine_partition_label"`` or
            ``"label"`` (the condition).
        annotator: Whose skin types: ``"scale"`` (Scale AI) or ``"centaur"`` (Centaur Labs).
        size: Side of the images, pixels; the shorter side is cropped to its middle.
        known: Attributes that have to be known; examples of which one is not are left out.
        balanced: Attribute whose groups get equally many examples in each split, its unknown left out; none where
            empty.
        split_seed: Seed of the split, and of which examples of a larger group stay.
        shares: Shares of ``"test"`` and ``"validation"``, 0.2 each where not given.
        progress: Called while decoding for the first time.

    Returns:
        The data set.

    Raises:
        BadInput: The folder, the table or a column is absent, the target, annotator or an attribute is unknown, a skin
            type is none from 1 to 6, too many files are damaged, or a split lacks a group.
    """
    if target not in TARGETS:
        raise BadInput(f"fitzpatrick17k: target '{target}' is unknown.{suggestion(target, TARGETS)}")
    if annotator not in ANNOTATORS:
        raise BadInput(f"fitzpatrick17k: annotator '{annotator}' is unknown.{suggestion(annotator, ANNOTATORS)}")
    folder = find_folder(root, "fitzpatrick17k", holds="*.csv", layout=LAYOUT)
    table = read_table(first_of(folder, TABLES, layout=LAYOUT))
    data = image_dataset(
        _listing(table, target=target, types=_types(table, annotator)),
        name="fitzpatrick17k",
        folder=folder,
        size=size,
        split_seed=split_seed,
        shares={**SHARES, **shares},
        progress=progress,
    )
    return chosen(data, known=known, balanced=balanced, seed=split_seed)


def _listing(table: pa.Table, *, target: str, types: Texts) -> Listing:
    ids = required_texts(table, "md5hash")
    stated = required_texts(table, target)
    codes, names = labels(stated.tolist(), name=target)
    tones = [None if value is None else TONES[value] for value in types]
    return Listing(
        files=np.array([f"{name}.jpg" for name in ids.tolist()], dtype=np.str_),
        example_id=ids,
        target=codes,
        label_names=names,
        target_name=target,
        attributes={
            "tone": Attribute.of(tones, names=("light", "dark")),
            "skin_type": attribute(types),
        },
        stated={target: stated},
    )


def _types(table: pa.Table, annotator: str) -> Texts:
    column = ANNOTATORS[annotator]
    found = texts(table, column, missing=UNKNOWN)
    wrong = next((row for row, value in enumerate(found) if value is not None and value not in TONES), None)
    if wrong is not None:
        raise BadInput(
            f"column '{column}' holds '{found[wrong]}' in row {wrong}; a skin type from 1 to 6, or -1 for unknown, "
            "was expected."
        )
    return found
