"""UTKFace: faces whose file names hold age, gender and race."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from disparate.data.columns import band_names, band_of
from disparate.data.grouped import GroupedDataset, Problem
from disparate.data.images import Progress
from disparate.data.layout import find_folder
from disparate.data.listing import Listing, image_dataset
from disparate.data.split import NO_SHARES
from disparate.errors import BadInput, suggestion
from disparate.groups import Attribute

RACES = ("white", "black", "Asian", "Indian", "other")
GENDERS = ("male", "female")
AGE_EDGES = (10, 20, 30, 40, 50, 60, 70)
TARGETS = ("race", "gender", "age")
NAME = re.compile(r"(\d{1,3})_([01])_([0-4])_\d+\.jpg(?:\.chip\.jpg)?", re.ASCII)
Codes = NDArray[np.int32]
LAYOUT = "UTKFace/AGE_GENDER_RACE_DATE.jpg.chip.jpg"


def utkface(
    root: Path,
    *,
    target: str = "race",
    size: int = 32,
    age_edges: Sequence[float] = AGE_EDGES,
    split_seed: int = 0,
    shares: Mapping[str, float] = NO_SHARES,
    progress: Progress | None = None,
) -> GroupedDataset:
    """Return UTKFace with the attributes race, gender and age (in bands); ids are the file names.

    Known problems of the data: labels were estimated by a network and checked by a person, and are perceived, not
    self-reported. Five names of the published folder are malformed and set aside. 375 sets of images are identical
    to the pixel, with labels that disagree in many of them; each such set is noted among the problems and kept.
    Identical and near-identical images stay in one split. Age and race are confounded (27 % of the Asian faces, 3 %
    of the black ones, are children under 10), and a quarter of all ages are multiples of five. For non-commercial
    research only. Tables of labels that some copies carry beside the images are not used.

    Args:
        root: Folder that holds ``UTKFace``, or that folder itself.
        target: ``"race"``, ``"gender"`` or ``"age"``.
        size: Side of the images, pixels.
        age_edges: First age of each band but the lowest, rising.
        split_seed: Seed of the split.
        shares: Shares of ``"test"`` (0.2 where not given) and ``"validation"`` (0).
        progress: Called while decoding for the first time.

    Returns:
        The data set.

    Raises:
        BadInput: The folder is absent, the target is none of the three, too many files are damaged, or a split
            lacks a group.
    """
    if target not in TARGETS:
        raise BadInput(f"utkface: target '{target}' is unknown.{suggestion(target, TARGETS)}")
    folder = find_folder(root, "UTKFace", holds="*_*_*.jpg", layout=LAYOUT)
    names = sorted(path.name for path in folder.iterdir() if path.suffix == ".jpg")
    parsed = {name: found.groups() for name in names if (found := NAME.fullmatch(name))}
    if not parsed:
        raise BadInput(f"data folder '{folder}' holds no face. Expected layout: {LAYOUT}.")
    malformed = tuple(_malformed(name) for name in names if name not in parsed)
    age, gender, race = np.array(list(parsed.values()), dtype=np.int32).T
    listing = _listing(
        np.array(list(parsed), dtype=np.str_),
        age=age,
        gender=gender,
        race=race,
        age_edges=age_edges,
        target=target,
        problems=malformed,
    )
    return image_dataset(
        listing, name="utkface", folder=folder, size=size, split_seed=split_seed, shares=shares, progress=progress
    )


def _listing(
    files: NDArray[np.str_],
    *,
    age: Codes,
    gender: Codes,
    race: Codes,
    age_edges: Sequence[float],
    target: str,
    problems: tuple[Problem, ...],
) -> Listing:
    attributes = {
        "race": Attribute(names=RACES, codes=race),
        "gender": Attribute(names=GENDERS, codes=gender),
        "age": Attribute(names=band_names(age_edges), codes=band_of(age, age_edges)),
    }
    return Listing(
        files=files,
        example_id=files,
        target=attributes[target].codes.astype(np.int64),
        label_names=attributes[target].names,
        target_name=target,
        attributes=attributes,
        stated={
            "race": attributes["race"].values(),
            "gender": attributes["gender"].values(),
            "age": age.astype(np.str_),
        },
        problems=problems,
    )


def _malformed(name: str) -> Problem:
    return Problem(what=name, found="the name is not AGE_GENDER_RACE_DATE.jpg.chip.jpg")
