"""HAM10000: dermoscopic images of pigmented lesions, with sex, age and body site."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from disparate.data.chosen import chosen
from disparate.data.columns import Texts, attribute, labels, read_table, required_texts, texts
from disparate.data.grouped import GroupedDataset
from disparate.data.images import Progress
from disparate.data.layout import find_folder, first_of
from disparate.data.listing import Listing, image_dataset
from disparate.data.split import NO_SHARES
from disparate.errors import BadInput, suggestion
from disparate.groups import Attribute

TABLES = ("metadata.csv", "HAM10000_metadata.csv", "HAM10000_metadata")
PARTS = ("", "HAM10000_images_part_1/", "HAM10000_images_part_2/")
TARGETS = ("dx", "malignant")
MALIGNANT = frozenset({"mel", "bcc", "akiec"})
AGE_EDGES = (30, 45, 60, 75)
SHARES: Mapping[str, float] = {"test": 0.2, "validation": 0.2}
UNKNOWN = ("", "unknown", "NA", "NaN", "nan")
SITES = {
    **dict.fromkeys(("face", "scalp", "ear", "neck"), "head and neck"),
    **dict.fromkeys(("trunk", "back", "chest", "abdomen"), "trunk"),
    **dict.fromkeys(("upper extremity", "hand"), "upper extremity"),
    **dict.fromkeys(("lower extremity", "foot"), "lower extremity"),
    **dict.fromkeys(("acral", "genital"), "acral or genital"),
}
LAYOUT = (
    "HAM10000/metadata.csv with image_id, lesion_id, dx, sex, age (or age_approx), localization; ISIC_*.jpg beside it"
)


def ham10000(
    root: Path,
    *,
    target: str = "dx",
    size: int = 64,
    age_edges: Sequence[float] = AGE_EDGES,
    known: Sequence[str] = (),
    balanced: str = "",
    split_seed: int = 0,
    shares: Mapping[str, float] = NO_SHARES,
    progress: Progress | None = None,
) -> GroupedDataset:
    """Return HAM10000 with the attributes sex, age (in bands) and site; ids are the image ids; lesions stay together.

    Known problems of the data: half of the images share a lesion with another, so that a split by image would test on
    what was trained. Diagnosis is confounded with age and sex (23 % of men's lesions are malignant, 16 % of women's).
    Sex, age or site is unknown for some; they are the group ``(missing)``. There is no skin tone: nearly all skin is
    light, and colour is not calibrated. Two thirds are common moles. For non-commercial use only. A table that also
    describes the images of ISIC 2018's validation and test is read as a whole.

    Args:
        root: Folder that holds ``HAM10000``, or that folder itself.
        target: ``"dx"`` (seven diagnoses), or ``"malignant"``: melanoma, basal cell carcinoma and actinic keratosis
            against the rest.
        size: Side of the images, pixels; cut to the middle.
        age_edges: First age of each band but the lowest, rising.
        known: Attributes that have to be known; examples of which one is not are left out.
        balanced: Attribute whose groups get equally many examples in each split, its unknown left out; none where
            empty.
        split_seed: Seed of the split, and of which examples of a larger group stay.
        shares: Shares of ``"test"`` and ``"validation"``, 0.2 each where not given.
        progress: Called while decoding for the first time.

    Returns:
        The data set.

    Raises:
        BadInput: The folder, the table or a column is absent, the target or an attribute is unknown, too many files
            are damaged, or a split lacks a group.
    """
    if target not in TARGETS:
        raise BadInput(f"ham10000: target '{target}' is unknown.{suggestion(target, TARGETS)}")
    folder = find_folder(root, "HAM10000", holds="*metadata*", layout=LAYOUT)
    table = read_table(first_of(folder, TABLES, layout=LAYOUT))
    data = image_dataset(
        _listing(table, folder, target=target, age_edges=age_edges),
        name="ham10000",
        folder=folder,
        size=size,
        split_seed=split_seed,
        shares={**SHARES, **shares},
        progress=progress,
    )
    return chosen(data, known=known, balanced=balanced, seed=split_seed)


def _listing(table: pa.Table, folder: Path, *, target: str, age_edges: Sequence[float]) -> Listing:
    ids = required_texts(table, "image_id")
    diagnosis = required_texts(table, "dx")
    codes, names = _target(diagnosis, target)
    return Listing(
        files=np.array([_file(folder, name) for name in ids.tolist()], dtype=np.str_),
        example_id=ids,
        target=codes,
        label_names=names,
        target_name=target,
        attributes=_attributes(table, age_edges),
        stated={"dx": diagnosis},
        cluster_id=required_texts(table, "lesion_id"),
    )


def _target(diagnosis: NDArray[np.str_], target: str) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    if target == "dx":
        return labels(diagnosis.tolist(), name="dx")
    return np.isin(diagnosis, sorted(MALIGNANT)).astype(np.int64), ("benign", "malignant")


def _attributes(table: pa.Table, age_edges: Sequence[float]) -> dict[str, Attribute]:
    age = next((name for name in ("age", "age_approx") if name in table.column_names), "age")
    return {
        "sex": attribute(texts(table, "sex", missing=UNKNOWN)),
        "age": attribute(texts(table, age, missing=UNKNOWN), edges=age_edges, name=age),
        "site": attribute(_sites(texts(table, "localization", missing=UNKNOWN))),
    }


def _sites(places: Texts) -> Texts:
    """Return regions of the body; a place that is none of the published ones keeps its name."""
    return [None if place is None else SITES.get(place, place) for place in places]


def _file(folder: Path, name: str) -> str:
    found = (f"{part}{name}.jpg" for part in PARTS)
    return next((file for file in found if (folder / file).is_file()), f"{name}.jpg")
