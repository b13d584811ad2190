"""Fault maps: what is wrong with one chip for good, as a file that other networks of these shapes can replay."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from disparate.crossbar.chips import Chip
from disparate.crossbar.device import Device
from disparate.errors import BadInput

VERSION = 1


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class FaultMap:
    """What is wrong with a chip for good: faulty cells by their positions, deviations as standard normal deviates.

    It stands for the chip wherever one is asked for. What differs from reading to reading is no part of it.

    Args:
        device: The device it was drawn for.
        numbers: Positions and deviates, by layer and what they are.
        rates: At which rate positions were drawn, by the same names.
        places: How many places they were drawn from, by the same names.
        about: Plain values: the chip, what was achieved.
    """

    device: Device
    numbers: Mapping[str, Tensor]
    rates: Mapping[str, float]
    places: Mapping[str, int]
    about: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def normals(self, layer: str, kind: str, shape: Sequence[int]) -> Tensor:
        """Return the deviates of a layer, a copy.

        Args:
            layer: The layer.
            kind: What they are for.
            shape: Shape that is expected.

        Returns:
            Standard normal deviates, float32.

        Raises:
            BadInput: The map has none, or they have another shape.
        """
        found = self._found(layer, kind)
        if found.shape != tuple(shape):
            raise BadInput(
                f"fault map: '{kind}' of layer '{layer}' has shape {tuple(found.shape)} and {tuple(shape)} was "
                "expected. A map fits networks whose layers have the same names and shapes, on the same cells."
            )
        if not found.isfinite().all():
            raise BadInput(f"fault map: '{kind}' of layer '{layer}' holds a number that is not finite.")
        return found.clone()

    def uniforms(self, layer: str, kind: str, shape: Sequence[int]) -> Tensor:
        """Return numbers uniform in [0, 1) of a layer; as :meth:`normals`."""
        return self.normals(layer, kind, shape)

    def events(self, layer: str, kind: str, places: int, rate: float) -> Tensor:
        """Return the positions of a layer where something is wrong.

        Args:
            layer: The layer.
            kind: What is wrong.
            places: How many places there are.
            rate: At which rate they are wrong.

        Returns:
            Sorted positions, int64.

        Raises:
            BadInput: The map was drawn at another rate or for another number of places.
        """
        if rate == 0:
            return torch.zeros(0, dtype=torch.int64)
        found, name = self._found(layer, kind), named(layer, kind)
        if self.places[name] != places or self.rates[name] != rate:
            raise BadInput(
                f"fault map: '{kind}' of layer '{layer}' was drawn at rate {self.rates[name]:g} from "
                f"{self.places[name]} places; rate {rate:g} and {places} places were expected. Leave the rates to the "
                "map, and use it for networks of the same shapes."
            )
        if found.dtype != torch.int64 or (len(found) and not (found.min() >= 0 and found.max() < places)):
            raise BadInput(f"fault map: '{kind}' of layer '{layer}' holds positions outside its {places} places.")
        return found

    def _found(self, layer: str, kind: str) -> Tensor:
        found = self.numbers.get(named(layer, kind))
        if found is None:
            layers = sorted({name.partition("/")[0] for name in self.numbers})
            raise BadInput(
                f"fault map: it holds nothing of kind '{kind}' for layer '{layer}'; its layers are {layers}. It was "
                "drawn for another network, or for a device with other cells."
            )
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Recorder:
    """A chip that remembers everything it was asked for.

    Args:
        chip: The chip.
    """

    chip: Chip
    numbers: dict[str, Tensor] = field(default_factory=dict[str, Tensor])
    rates: dict[str, float] = field(default_factory=dict[str, float])
    places: dict[str, int] = field(default_factory=dict[str, int])

    def normals(self, layer: str, kind: str, shape: Sequence[int]) -> Tensor:
        """Return and remember deviates."""
        self.numbers[named(layer, kind)] = self.chip.normals(layer, kind, shape)
        return self.numbers[named(layer, kind)].clone()

    def uniforms(self, layer: str, kind: str, shape: Sequence[int]) -> Tensor:
        """Return and remember uniform numbers."""
        self.numbers[named(layer, kind)] = self.chip.uniforms(layer, kind, shape)
        return self.numbers[named(layer, kind)].clone()

    def events(self, layer: str, kind: str, places: int, rate: float) -> Tensor:
        """Return and remember positions."""
        found, name = self.chip.events(layer, kind, places, rate), named(layer, kind)
        if rate > 0:
            self.numbers[name], self.rates[name], self.places[name] = found, rate, places
        return found

    def fault_map(self, device: Device, **about: Any) -> FaultMap:
        """Return what was remembered as a map."""
        chip = {"seed": self.chip.seed, "mirrored": self.chip.mirrored}
        return FaultMap(
            device=device, numbers=self.numbers, rates=self.rates, places=self.places, about={"chip": chip, **about}
        )


def named(layer: str, kind: str) -> str:
    """Return under which name a map holds something."""
    return f"{layer}/{kind}"


def write_fault_map(found: FaultMap, path: Path) -> None:
    """Write a fault map: positions and deviates as safetensors, everything else as JSON in the same file.

    Args:
        found: The map.
        path: The file.
    """
    about = {
        "version": VERSION,
        "device": asdict(found.device),
        "rates": dict(found.rates),
        "places": dict(found.places),
        "about": dict(found.about),
    }
    numbers = {name: values.cpu().contiguous().clone() for name, values in found.numbers.items()}
    save_file(numbers, path, metadata={"disparate_fault_map": json.dumps(about, sort_keys=True, allow_nan=False)})


def read_device(path: Path) -> Device:
    """Return the device of a fault map, without its numbers.

    Args:
        path: A file that :func:`write_fault_map` wrote.

    Returns:
        The device.

    Raises:
        BadInput: The file is absent, damaged or no fault map.
    """
    return _device(_header(path)["device"])


def read_fault_map(path: Path) -> FaultMap:
    """Read a fault map; nothing in the file is executed.

    Args:
        path: A file that :func:`write_fault_map` wrote.

    Returns:
        The map, on the CPU.

    Raises:
        BadInput: The file is absent, damaged or no fault map.
    """
    about, numbers = _header(path), load_file(path)
    return FaultMap(
        device=_device(about["device"]),
        numbers=numbers,
        rates=about["rates"],
        places=about["places"],
        about=about["about"],
    )


def _header(path: Path) -> dict[str, Any]:
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get("disparate_fault_map")
    except (OSError, SafetensorError) as error:
        raise BadInput(f"fault map '{path}' cannot be read as safetensors: {error}.") from error
    if text is None:
        raise BadInput(f"'{path}' is no fault map; a file written by write_fault_map was expected.")
    about: dict[str, Any] = json.loads(text)
    return about


def _device(settings: Mapping[str, Any]) -> Device:
    from pydantic import TypeAdapter, ValidationError

    if strangers := sorted(set(settings) - {f.name for f in fields(Device)}):
        raise BadInput(f"fault map: its device has settings {strangers} that this version does not know.")
    try:
        return TypeAdapter(Device).validate_json(json.dumps(settings), strict=True)
    except ValidationError as error:
        raise BadInput(f"fault map: its device is none: {error.errors()[0]['msg']}.") from error
