"""CIFAR-10, binary version: the classes are the groups."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from disparate.data.grouped import GroupedDataset, checked
from disparate.data.layout import find_folder
from disparate.data.split import NO_SHARES, keep_published
from disparate.errors import BadInput
from disparate.groups import Attribute

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
TRAIN = tuple(f"data_batch_{number}" for number in range(1, 6))
BATCHES = (*TRAIN, "test_batch")
FOLDER = "cifar-10-batches-bin"
PICKLED = "cifar-10-batches-py"
LAYOUT = f"{FOLDER}/data_batch_1.bin ... data_batch_5.bin, test_batch.bin (the binary version)"
SIDE = 32
RECORD = 1 + 3 * SIDE * SIDE


def cifar10(root: Path, *, split_seed: int = 0, shares: Mapping[str, float] = NO_SHARES) -> GroupedDataset:
    """Return CIFAR-10 with the class as target and as group; ids are batch and row, ``"data_batch_1/0"``.

    Known problems of the data: label and group are one, so that every group holds one class and measures that
    need both labels within a group are undefined. The published test split is kept; it has near-copies of training
    images (about 3 %, by other people's counts), which this loader does not remove.

    Args:
        root: Folder that holds ``cifar-10-batches-bin``, or that folder itself.
        split_seed: Seed of the validation split.
        shares: At most ``"validation"``, a share of the published training split.

    Returns:
        The data set, 32 × 32 pixels.

    Raises:
        BadInput: The folder or a batch is absent, a batch is cut short, or only the pickled version is there.
    """
    folder = _folder(root)
    batches = {name: _records(folder / f"{name}.bin") for name in BATCHES}
    records = np.concatenate(list(batches.values()))
    label = records[:, 0].astype(np.int64)
    example_id = np.array([f"{name}/{row}" for name, batch in batches.items() for row in range(len(batch))])
    published = np.repeat(["train", "test"], [len(records) - len(batches["test_batch"]), len(batches["test_batch"])])
    data = GroupedDataset(
        name="cifar10",
        kind="image",
        inputs=_pixels(records),
        target=label,
        label_names=CLASSES,
        target_name="class",
        example_id=example_id,
        attributes={"class": Attribute(names=CLASSES, codes=label.astype(np.int32))},
        split=keep_published(published, example_id, strata=label, shares=shares, seed=split_seed),
    )
    return checked(data)


def _folder(root: Path) -> Path:
    try:
        return find_folder(root, FOLDER, holds="data_batch_*.bin", layout=LAYOUT)
    except BadInput:
        if (root / PICKLED).is_dir() or (root / "data_batch_1").is_file():
            raise BadInput(
                f"data folder '{root}' holds the Python version of CIFAR-10, which is pickled: reading it could run "
                f"foreign code, so it is not read. The binary version was expected; download cifar-10-binary.tar.gz "
                f"and unpack it there. Expected layout: {LAYOUT}."
            ) from None
        raise


def _records(path: Path) -> NDArray[np.uint8]:
    if not path.is_file():
        raise BadInput(f"file '{path}' was looked for and does not exist. Expected layout: {LAYOUT}.")
    content = np.fromfile(path, dtype=np.uint8)
    if not content.size or content.size % RECORD:
        raise BadInput(
            f"file '{path}' has {content.size} bytes; a multiple of {RECORD} was expected. "
            "It was cut short; download it again."
        )
    records = content.reshape(-1, RECORD)
    wrong = np.flatnonzero(records[:, 0] >= len(CLASSES))
    if wrong.size:
        raise BadInput(
            f"file '{path}', row {wrong[0]}: label is {records[wrong[0], 0]}; 0 to {len(CLASSES) - 1} was expected."
        )
    return records


def _pixels(records: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(records[:, 1:].reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1))
