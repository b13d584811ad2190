"""From a user's own torch data set to a GroupedDataset. The one module of this folder that needs torch."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from disparate.data.grouped import GroupedDataset, Kind, checked
from disparate.data.split import NO_SHARES, split_of
from disparate.errors import BadInput
from disparate.groups import Attribute

GroupColumn = Sequence[object] | Callable[[int], object]
CHANNELS = (1, 3, 4)
SLACK = 1e-4
"""Change of a float image by rounding to 256 levels, in [0, 1], above which it is no image of bytes."""


def from_torch(
    dataset: "Dataset[Any]",
    *,
    groups: Mapping[str, GroupColumn],
    target_names: Sequence[str],
    target_name: str = "target",
    name: str = "custom",
    example_id: Sequence[object] | None = None,
    split: Sequence[str] | None = None,
    cluster_id: Sequence[object] | None = None,
    split_seed: int = 0,
    shares: Mapping[str, float] = NO_SHARES,
) -> GroupedDataset:
    """Return a user's torch data set with groups; every item is read once, in order.

    Images are tensors of shape (channels, height, width): uint8, or floats that are bytes over 255. They become uint8
    with channels last, which training normalises and augments. Vectors become a float32 table; any other floats, such
    as images that a transform has normalised, become an array. Both reach the network as they are. Transforms run
    once, so leave random augmentation out of them.

    Args:
        dataset: Items (input, target) with an integer target; needs ``len``.
        groups: Attribute name to one value per item, or to a callable on the item's index.
        target_names: Name of every label, in the order of its index.
        target_name: What the target is called.
        name: Name of the data set.
        example_id: Unique id per item; its index as text where not given.
        split: ``"train"``, ``"validation"`` or ``"test"`` per item; drawn where not given.
        cluster_id: What several items share, such as a person.
        split_seed: Seed of the split.
        shares: Shares of ``"test"`` and ``"validation"``; only the latter where a split is given.

    Returns:
        The data set.

    Raises:
        BadInput: An item has another shape, type or range, a column another length, or groups cannot be compared.
    """
    count = len(dataset)  # pyright: ignore[reportArgumentType] - torch's Dataset does not declare it
    if not count:
        raise BadInput(f"data set '{name}' holds no item.")
    pairs = [_pair(dataset[index], index) for index in range(count)]
    target = np.array([label for _, label in pairs], dtype=np.int64)
    kind, inputs = _inputs([value for value, _ in pairs])
    ids = np.array([str(value) for value in (range(count) if example_id is None else example_id)], dtype=np.str_)
    clusters = None if cluster_id is None else np.array([str(value) for value in cluster_id], dtype=np.str_)
    published = None if split is None else np.array(split, dtype=np.str_)
    for column, values in {"example_id": ids, "cluster_id": clusters, "split": published}.items():
        _require_length(column, values, count)
    data = GroupedDataset(
        name=name,
        kind=kind,
        inputs=inputs,
        target=target,
        label_names=tuple(target_names),
        target_name=target_name,
        example_id=ids,
        attributes={key: _attribute(key, column, count) for key, column in groups.items()},
        split=split_of(ids, published=published, cluster_id=clusters, strata=target, shares=shares, seed=split_seed),
        cluster_id=clusters,
    )
    return checked(data)


def _pair(item: Any, index: int) -> tuple[NDArray[Any], int]:
    try:
        value, target = item
        pixels, label = torch.as_tensor(value).detach().cpu().numpy(), int(target)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise BadInput(
            f"item {index} of the data set is {type(item).__name__}; a pair (tensor, integer target) was expected "
            f"({error})."
        ) from error
    if target != label:
        raise BadInput(
            f"item {index} of the data set has target {target}; a whole number, the index of a label, was expected. "
            "Cut numbers into classes first."
        )
    return pixels, label


def _inputs(values: list[NDArray[Any]]) -> tuple[Kind, NDArray[Any]]:
    shape = values[0].shape
    other = next((index for index, value in enumerate(values) if value.shape != shape), None)
    if other is not None:
        raise BadInput(
            f"item {other} has shape {values[other].shape} and item 0 has {shape}; one shape was expected. "
            "Resize in the data set's transform."
        )
    stacked = np.stack(values)
    if len(shape) == 1:
        return "table", stacked.astype(np.float32)
    pixels = _pixels(stacked) if len(shape) == 3 and shape[0] in CHANNELS else None
    if pixels is not None:
        return "image", np.ascontiguousarray(pixels.transpose(0, 2, 3, 1))
    if np.issubdtype(stacked.dtype, np.floating):
        return "array", stacked.astype(np.float32)
    raise BadInput(
        f"items are {stacked.dtype} of shape {shape}; uint8 images (channels, height, width) with "
        f"{', '.join(map(str, CHANNELS))} channels, or floats of any shape, were expected."
    )


def _pixels(stacked: NDArray[Any]) -> NDArray[np.uint8] | None:
    if stacked.dtype == np.uint8:
        return stacked
    if not np.issubdtype(stacked.dtype, np.floating) or stacked.min() < 0 or stacked.max() > 1:
        return None
    pixels = np.rint(stacked * 255).astype(np.uint8)
    return pixels if float(np.abs(pixels / 255 - stacked).max()) <= SLACK else None


def _attribute(name: str, column: GroupColumn, count: int) -> Attribute:
    values = [column(index) for index in range(count)] if callable(column) else list(column)
    _require_length(f"groups '{name}'", values, count)
    return Attribute.of(values)


def _require_length(name: str, values: Sequence[object] | NDArray[Any] | None, count: int) -> None:
    if values is not None and len(values) != count:
        raise BadInput(f"{name} has {len(values)} values; {count} were expected, one per item.")
