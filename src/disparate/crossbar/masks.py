"""Masks: which weights may be disturbed, layer by layer, as a file."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from disparate.errors import BadInput


def write_masks(masks: Mapping[str, Tensor], path: Path) -> None:
    """Write masks as safetensors.

    Args:
        masks: True where a weight may be disturbed, by layer.
        path: The file.
    """
    save_file({name: mask.cpu().contiguous().clone() for name, mask in masks.items()}, path)


def read_masks(path: Path) -> dict[str, Tensor]:
    """Read masks.

    Args:
        path: A safetensors file with a boolean tensor for every layer.

    Returns:
        True where a weight may be disturbed, by layer.

    Raises:
        BadInput: The file cannot be read, or a tensor is not boolean.
    """
    try:
        masks = load_file(path)
    except (OSError, SafetensorError) as error:
        raise BadInput(f"mask '{path}' cannot be read as safetensors: {error}.") from error
    for name, mask in masks.items():
        if mask.dtype != torch.bool:
            raise BadInput(f"mask '{path}': layer '{name}' is {mask.dtype}; torch.bool was expected.")
    return masks
