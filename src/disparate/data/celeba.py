"""CelebA: aligned faces with forty attributes in a text file."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from disparate.data.grouped import GroupedDataset
from disparate.data.images import Progress
from disparate.data.layout import find_folder
from disparate.data.listing import Listing, image_dataset
from disparate.data.split import NO_SHARES
from disparate.errors import BadInput, suggestion
from disparate.groups import Attribute

IMAGES = "img_align_celeba"
ATTRIBUTES = "list_attr_celeba.txt"
PARTITION = "list_eval_partition.txt"
PERSONS = "identity_CelebA.txt"
SPLITS = ("train", "validation", "test")
GROUPS = ("Male", "Young")
LAYOUT = f"celeba/{IMAGES}/000001.jpg ..., {ATTRIBUTES}, {PARTITION} and, where there is one, {PERSONS}"


def celeba(
    root: Path,
    *,
    target: str = "Blond_Hair",
    groups: Sequence[str] = GROUPS,
    size: int = 64,
    split_seed: int = 0,
    shares: Mapping[str, float] = NO_SHARES,
    progress: Progress | None = None,
) -> GroupedDataset:
    """Return CelebA with one attribute as target and others as groups; ids are the file names.

    Known problems of the data: attributes are annotators' judgements of pictures of celebrities, perceived and binary,
    and contradict each other in places. Several pictures show one person: where the file of persons is there, they are
    one cluster. For non-commercial research only.

    Args:
        root: Folder that holds ``celeba``, or that folder itself.
        target: Name of the attribute that is predicted.
        groups: Names of the attributes that make groups, each ``"yes"`` or ``"no"``.
        size: Side of the images, pixels; the shorter side is cropped to its middle.
        split_seed: Seed of the validation split, where another than the published one is cut.
        shares: At most ``"validation"``, a share of the published training split; the published validation split stays.
        progress: Called while decoding for the first time.

    Returns:
        The data set.

    Raises:
        BadInput: The folder or a file is absent or not of the published form, an attribute does not exist, too many
            images are damaged, or a split lacks a group.
    """
    folder = find_folder(root, "celeba", holds=ATTRIBUTES, layout=LAYOUT)
    names, files, values = _attributes(folder / ATTRIBUTES)
    for name in (target, *groups):
        if name not in names:
            raise BadInput(f"celeba: attribute '{name}' is unknown.{suggestion(name, names)}")
    has = {name: (values[:, names.index(name)] > 0).astype(np.int32) for name in (target, *groups)}
    listing = Listing(
        files=np.array([f"{IMAGES}/{name}" for name in files.tolist()], dtype=np.str_),
        example_id=files,
        target=has[target].astype(np.int64),
        label_names=("no", "yes"),
        target_name=target,
        attributes={name: Attribute(names=("no", "yes"), codes=has[name]) for name in groups},
        stated={target: np.array(["no", "yes"])[has[target]]},
        published=np.array(SPLITS)[_column(folder / PARTITION, files, highest=len(SPLITS) - 1)],
        cluster_id=_persons(folder / PERSONS, files),
    )
    return image_dataset(
        listing, name="celeba", folder=folder, size=size, split_seed=split_seed, shares=shares, progress=progress
    )


def _attributes(path: Path) -> tuple[list[str], NDArray[np.str_], NDArray[np.int8]]:
    """Return the attributes' names, the files, and −1 or 1 per file and attribute."""
    lines = _lines(path)
    names = lines[1].split() if len(lines) > 1 else []
    rows = [line.split() for line in lines[2:]]
    for number, row in enumerate(rows, start=3):
        if len(row) != len(names) + 1 or not set(row[1:]) <= {"-1", "1"}:
            raise BadInput(
                f"file '{path}', line {number}: {len(row)} fields; a file name and {len(names)} times -1 or 1 were "
                "expected. It was cut short or changed; download it again."
            )
    if not rows:
        raise BadInput(f"file '{path}' names no image; a count, the attributes and a line per image were expected.")
    values = np.array([[int(value) for value in row[1:]] for row in rows], dtype=np.int8)
    return names, np.array([row[0] for row in rows], dtype=np.str_), values


def _column(path: Path, files: NDArray[np.str_], *, highest: int | None = None) -> NDArray[np.int64]:
    """Return the number that a file of two columns gives every image."""
    found: dict[str, int] = {}
    for number, line in enumerate(_lines(path), start=1):
        name, _, value = line.partition(" ")
        if not value.strip().isdecimal() or (highest is not None and int(value) > highest):
            most = f"0 to {highest}" if highest is not None else "a whole number"
            raise BadInput(f"file '{path}', line {number}: '{line}'; a file name and {most} were expected.")
        found[name] = int(value)
    lost = [name for name in files.tolist() if name not in found]
    if lost:
        raise BadInput(
            f"file '{path}' has no line for '{lost[0]}' ({len(lost)} images in all); one per image is needed."
        )
    return np.array([found[name] for name in files.tolist()])


def _persons(path: Path, files: NDArray[np.str_]) -> NDArray[np.str_] | None:
    return _column(path, files).astype(np.str_) if path.is_file() else None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        raise BadInput(f"file '{path}' was looked for and does not exist. Expected layout: {LAYOUT}.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"file '{path}' cannot be read as text: {error}.") from error
