"""SVHN, cropped digits: house numbers, the digit is the group."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from disparate.data.grouped import GroupedDataset, checked
from disparate.data.layout import find_folder
from disparate.data.split import NO_SHARES, keep_published
from disparate.errors import BadInput
from disparate.groups import Attribute

DIGITS = tuple("0123456789")
PUBLISHED = ("train", "test")
SIDE = 32
LAYOUT = "SVHN/train_32x32.mat, test_32x32.mat (format 2, cropped digits)"
Pixels = NDArray[np.uint8]


def svhn(root: Path, *, split_seed: int = 0, shares: Mapping[str, float] = NO_SHARES) -> GroupedDataset:
    """Return SVHN with the digit as target and as group; ids are split and row, ``"train/0"``.

    Known problems of the data: label and group are one, so that measures that need both labels within a group are
    undefined. Digits are unevenly frequent, 1 the most. Crops of one house number show parts of each other and are not
    marked as such. The files write the digit 0 as 10.

    Args:
        root: Folder that holds ``SVHN``, or that folder itself.
        split_seed: Seed of the validation split.
        shares: At most ``"validation"``, a share of the published training split.

    Returns:
        The data set, 32 × 32 pixels.

    Raises:
        BadInput: The folder or a file is absent, damaged, or not of format 2.
    """
    folder = find_folder(root, "SVHN", holds="*_32x32.mat", layout=LAYOUT)
    parts = {name: _digits(folder / f"{name}_32x32.mat") for name in PUBLISHED}
    target = np.concatenate([label for _, label in parts.values()])
    example_id = np.array([f"{name}/{row}" for name, (_, label) in parts.items() for row in range(len(label))])
    published = np.repeat(list(PUBLISHED), [len(label) for _, label in parts.values()])
    data = GroupedDataset(
        name="svhn",
        kind="image",
        inputs=np.concatenate([pixels for pixels, _ in parts.values()]),
        target=target,
        label_names=DIGITS,
        target_name="digit",
        example_id=example_id,
        attributes={"digit": Attribute(names=DIGITS, codes=target.astype(np.int32))},
        split=keep_published(published, example_id, strata=target, shares=shares, seed=split_seed),
    )
    return checked(data)


def _digits(path: Path) -> tuple[Pixels, NDArray[np.int64]]:
    from scipy.io import loadmat

    if not path.is_file():
        raise BadInput(f"file '{path}' was looked for and does not exist. Expected layout: {LAYOUT}.")
    try:
        content = loadmat(path, variable_names=["X", "y"])
    except Exception as error:
        raise BadInput(
            f"file '{path}' cannot be read as a MATLAB file: {error}. It was cut short or is another file; download it "
            "again."
        ) from error
    pixels, label = content.get("X"), content.get("y")
    if pixels is None or label is None or pixels.shape != (SIDE, SIDE, 3, label.size) or pixels.dtype != np.uint8:
        raise BadInput(
            f"file '{path}' holds X of shape {None if pixels is None else pixels.shape} and "
            f"{None if label is None else label.size} labels; X of shape (32, 32, 3, n), 8 bits, and n labels y were "
            f"expected. Expected layout: {LAYOUT}."
        )
    digit = label.reshape(-1).astype(np.int64)
    wrong = np.flatnonzero((digit < 1) | (digit > 10))
    if wrong.size:
        raise BadInput(f"file '{path}', row {wrong[0]}: label is {digit[wrong[0]]}; 1 to 10 was expected, 10 for 0.")
    return np.ascontiguousarray(pixels.transpose(3, 0, 1, 2)), digit % 10
