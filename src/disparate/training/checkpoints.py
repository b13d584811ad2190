"""Checkpoints: trained weights as safetensors, with what is needed to run them."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from disparate.errors import BadInput
from disparate.training.batches import Normalisation


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Checkpoint:
    """Weights and their provenance.

    Args:
        state: Tensor by name.
        normalisation: How inputs are normalised.
        parameters: Names of those tensors that are trained; the others are statistics.
        provenance: Plain values: model, configuration, profile, epoch.
    """

    state: Mapping[str, Tensor]
    normalisation: Normalisation
    parameters: tuple[str, ...]
    provenance: Mapping[str, Any]


def write_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Write a checkpoint; tensors that share memory are written apart.

    Args:
        checkpoint: What to write.
        path: The file.
    """
    about = {
        "normalisation": json.dumps(asdict(checkpoint.normalisation)),
        "parameters": json.dumps(checkpoint.parameters),
        "provenance": json.dumps(checkpoint.provenance, sort_keys=True),
    }
    save_file({name: value.contiguous().clone() for name, value in checkpoint.state.items()}, path, metadata=about)


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint; nothing in the file is executed.

    Args:
        path: A file that :func:`write_checkpoint` wrote.

    Returns:
        The checkpoint, on the CPU.

    Raises:
        BadInput: The file is absent, damaged or not a checkpoint of disparate.
    """
    try:
        with safe_open(path, framework="pt") as file:
            about = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in sorted(file.keys())}
    except (OSError, SafetensorError) as error:
        raise BadInput(f"checkpoint '{path}' cannot be read as safetensors: {error}.") from error
    if "normalisation" not in about:
        raise BadInput(f"checkpoint '{path}' holds no normalisation; a file written by disparate was expected.")
    scale = json.loads(about["normalisation"])
    return Checkpoint(
        state=state,
        normalisation=Normalisation(mean=tuple(scale["mean"]), std=tuple(scale["std"])),
        parameters=tuple(json.loads(about["parameters"])),
        provenance=json.loads(about["provenance"]),
    )


def parameter_names(model: nn.Module) -> tuple[str, ...]:
    """Return the names of the tensors that are trained."""
    return tuple(name for name, _ in model.named_parameters())
