"""Crossbar: store the weights in an analog crossbar and compute there."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from torch import nn

from disparate.choice import DeployContext
from disparate.crossbar.chips import Chip, Defects, number_of
from disparate.crossbar.deploying import Placement, on_crossbars, report_of
from disparate.crossbar.device import Device, Encoding, Fidelity, ReadVariation, Variation, Verify
from disparate.crossbar.fault_map import read_device, read_fault_map
from disparate.crossbar.layers import left_digital, mappable
from disparate.crossbar.masks import read_masks
from disparate.crossbar.presets import device_of, preset_named
from disparate.errors import BadInput, NotApplicable
from disparate.training.targeting import Target, targeted

OF_CHIPS = frozenset({"slices", "encoding", "stuck_on", "stuck_off", "flips"})
"""Settings that positions in a fault map depend on."""


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class Crossbar:
    """Hold the weights of linear layers and convolutions in analog crossbars, one chip per draw.

    What is wrong for good (faults, deviations of writing, drift, offsets) belongs to a chip: another draw, another
    chip. What differs from reading to reading is drawn anew all the time. Draw k is the same chip for every setting and
    every network, so that settings are compared on common random numbers.

    Biases, normalisation and all other layers stay digital and exact. The statistics of batch normalisation stay as
    they were trained, unless ``reestimate`` asks for new ones.

    A setting that is not given is the preset's; those of the preset ``"ideal"`` disturb nothing, bit for bit. What each
    setting is, in which unit and a fraction of what: :class:`~disparate.crossbar.device.Device`.

    Args:
        preset: Name of a device; its settings and their source stand in ``disparate.crossbar.presets``.
        fidelity: ``"weights"`` or ``"mvm"``.
        bits: Bits of a weight.
        slices: Cells, or pairs of cells, per weight.
        encoding: ``"differential"`` or ``"offset"``.
        g_min: Lowest conductance, µS.
        g_max: Highest conductance, µS.
        stuck_on: Share of cells stuck at ``g_max`` (low resistance).
        stuck_off: Share of cells stuck at ``g_min`` (high resistance).
        flips: Share of stored bits that are inverted for good.
        programming: σ of writing.
        variation: Law of ``programming``.
        state: Coefficients of the law ``"state"``.
        verify: Which weights are written until they are near: ``"none"``, ``"all"``, ``"protected"``.
        verify_tolerance: How near.
        verify_limit: Most writes of a cell.
        read: σ of reading, from cycle to cycle.
        read_variation: Law of ``read``.
        drift: Mean exponent of the decay.
        drift_spread: Its standard deviation from cell to cell.
        drift_time: Seconds since writing.
        drift_start: Seconds since writing at which the decay begins.
        drift_compensation: Whether arrays are scaled back.
        rows: Rows of an array.
        columns: Columns of an array.
        wire: Resistance from one cell to the next, Ω.
        dac_bits: Bits of the converters before an array.
        adc_bits: Bits of the converters behind an array.
        dac_offset: Standard deviation of their offsets, a share of their range.
        adc_offset: The same behind the array.
        layers: Names of the layers that go onto crossbars; all that can where empty.
        unmapped: What becomes of other layers with weights: ``"digital"``, or ``"refuse"`` the network.
        mask: A safetensors file with a boolean tensor per layer: true where a weight may be disturbed.
        mask_sha256: SHA-256 of that file; taken from it where not given. A file that changed is refused.
        target: Which weights may be disturbed, chosen for every trained network from what they are worth to two groups:
            a table of the settings of :class:`~disparate.training.targeting.Target`.
        fault_map: A fault map that is replayed in place of a drawn chip. It brings its device along; settings that are
            given replace those of that device, but for its preset, slices, encoding and rates of faults.
        fault_map_sha256: SHA-256 of that file.
        calibration: Training inputs that the ranges of converters are taken from.
        reestimate: Training inputs that batch normalisation takes its statistics from, on the chip; 0 keeps them.

    Raises:
        BadInput: A setting is out of range or does not go with another, or a file is absent or has changed.

    Example:
        >>> Crossbar(preset="swim").device.programming, Crossbar(preset="swim", programming=0.1).device.programming
        (0.3, 0.1)
        >>> model = nn.Linear(2, 1)
        >>> context = DeployContext(calibration=torch.zeros, generator=torch.Generator().manual_seed(0))
        >>> Crossbar(bits=2, stuck_off=1.0).apply(model, context).weight.tolist()
        [[0.0, 0.0]]
    """

    __pydantic_config__: ClassVar[Mapping[str, Any]] = {"extra": "forbid"}
    mirrors: ClassVar[bool] = True
    in_memory: ClassVar[bool] = True

    preset: str = "ideal"
    fidelity: Fidelity | None = None
    bits: int | None = None
    slices: int | None = None
    encoding: Encoding | None = None
    g_min: float | None = None
    g_max: float | None = None
    stuck_on: float | None = None
    stuck_off: float | None = None
    flips: float | None = None
    programming: float | None = None
    variation: Variation | None = None
    state: tuple[float, ...] | None = None
    verify: Verify | None = None
    verify_tolerance: float | None = None
    verify_limit: int | None = None
    read: float | None = None
    read_variation: ReadVariation | None = None
    drift: float | None = None
    drift_spread: float | None = None
    drift_time: float | None = None
    drift_start: float | None = None
    drift_compensation: bool | None = None
    rows: int | None = None
    columns: int | None = None
    wire: float | None = None
    dac_bits: int | None = None
    adc_bits: int | None = None
    dac_offset: float | None = None
    adc_offset: float | None = None
    layers: tuple[str, ...] = ()
    unmapped: Literal["digital", "refuse"] = "digital"
    mask: str | None = None
    mask_sha256: str | None = None
    target: Target | None = None
    fault_map: str | None = None
    fault_map_sha256: str | None = None
    calibration: int = 64
    reestimate: int = 0

    def __post_init__(self) -> None:
        for name in ("calibration", "reestimate"):
            if getattr(self, name) < (least := 1 if name == "calibration" else 0):
                raise BadInput(f"crossbar: {name} is {getattr(self, name)}; {least} or more inputs were expected.")
        for name in ("mask", "fault_map"):
            if (path := getattr(self, name)) is not None and getattr(self, f"{name}_sha256") is None:
                object.__setattr__(self, f"{name}_sha256", _digest(path, name))
        if self.mask is not None and self.target is not None:
            raise BadInput(f"crossbar: mask is '{self.mask}' and target is {self.target}; one of the two was expected.")
        _ = self.device

    def __repr__(self) -> str:
        """Return what differs from the defaults; of forty settings few are given."""
        given = [f"{f.name}={value!r}" for f in fields(self) if (value := getattr(self, f.name)) != f.default]
        return f"Crossbar({', '.join(given)})"

    @property
    def device(self) -> Device:
        """The device, every setting resolved."""
        given = {f.name: value for f in fields(Device) if (value := getattr(self, f.name)) is not None}
        if self.fault_map is None:
            return device_of(self.preset, given)
        if mine := sorted(set(given) & OF_CHIPS) or ["preset"] * (self.preset != "ideal"):
            raise BadInput(
                f"crossbar: {mine[0]} is {getattr(self, mine[0])!r} and fault_map is '{self.fault_map}', which brings "
                "its own. Leave the setting out."
            )
        return replace(read_device(Path(self.fault_map)), **given)

    @property
    def by_group(self) -> bool:
        """Whether what is disturbed depends on who belongs to which group."""
        return self.target is not None

    @property
    def stochastic(self) -> bool:
        """Whether another draw is another chip, or is read differently."""
        return self.device.is_random if self.fault_map is None else self.device.read > 0

    def apply(self, model: nn.Module, context: DeployContext) -> nn.Module:
        """Return a copy of the network as it is on a chip.

        Args:
            model: The network; it keeps its weights.
            context: Its generator names the chip and seeds the readings; its calibration inputs give the ranges of
                converters and, where asked for, statistics of batch normalisation; its labelled examples give a target.

        Returns:
            The copy, in evaluation mode.

        Raises:
            NotApplicable: No layer can be held, a named one cannot, or one that cannot is to be refused.
        """
        held = mappable(model, only=self.layers)
        others = left_digital(model, held)
        if self.unmapped == "refuse" and others and not self.layers:
            name = next(iter(others))
            raise NotApplicable(
                f"Crossbar(unmapped='refuse') on {type(model).__name__}: layer '{name}' is a {others[name]}, which no "
                "crossbar holds; linear layers and convolutions can. With unmapped='digital' it stays exact."
            )
        chip, cycles = torch.randint(2**62, (2,), generator=context.generator, device=context.generator.device).tolist()
        placement, told = self.placed(model, context)
        if context.mirrored:  # what is read from cycle to cycle is no mirror image, it is drawn anew
            cycles = number_of(cycles, "mirrored")
        defects = self._defects(chip, mirrored=context.mirrored)
        deployed = on_crossbars(model, placement, defects, cycle_seed=cycles)
        drawn = {"chip": chip, "mirrored": context.mirrored} if self.fault_map is None else {"chip": None}
        deployed.crossbar = {**drawn, "left_digital": others, "target": told}  # pyright: ignore[reportArgumentType]
        return deployed

    def placed(self, model: nn.Module, context: DeployContext) -> tuple[Placement, dict[str, Any] | None]:
        """Return what goes where, the same for every chip, and how the weights that may be disturbed were chosen.

        Args:
            model: The network.
            context: As in :meth:`apply`; its generator is not used.

        Returns:
            The placement, and what :func:`~disparate.training.targeting.targeted` tells; None without a target.

        Raises:
            BadInput: A group that the target names has no labelled example.
            NotApplicable: Fewer than two groups have one.
        """
        placement = Placement(
            device=self.device,
            masks=self._masks(),
            layers=self.layers,
            calibration=context.calibration,
            calibrated_on=self.calibration,
            reestimated_on=self.reestimate,
        )
        if self.target is None:
            return placement, None
        labelled = context.labelled(self.target.examples)
        found = targeted(self.target, model, placement, labelled, seed=context.seed)
        return replace(placement, masks=found.masks), found.told

    def effective(self, deployed: nn.Module) -> Mapping[str, Any]:
        """Return what was really done.

        Args:
            deployed: What :meth:`apply` returned.

        Returns:
            ``device``, every setting as it was in force; ``preset`` with its source and provenance; ``chip``, its
            number, and whether it is the mirror image of that chip, null where a fault map was replayed; ``target``,
            how many weights were chosen and by what, null without one; ``whole`` and ``layers``: cells, rates as asked
            for and as achieved, squared error, expected writes; ``left_digital``: other layers with weights, by type;
            ``batch_norm`` and ``transient``: what was done there, in words.
        """
        device, preset = self.device, preset_named(self.preset)
        done: dict[str, Any] = vars(deployed)["crossbar"]
        cycle = "every call of a layer" if device.fidelity == "weights" else "every product"
        return {
            "device": {
                name: list(value) if isinstance(value, tuple) else value for name, value in asdict(device).items()
            },
            "preset": {"name": self.preset, "source": preset.source, "provenance": preset.provenance},
            **done,
            **report_of(deployed, device),
            "batch_norm": f"re-estimated on {self.reestimate} inputs" if self.reestimate else "statistics kept",
            "transient": f"read noise drawn anew in {cycle}" if device.read > 0 else "none",
        }

    def _masks(self) -> dict[str, torch.Tensor]:
        if self.mask is None:
            return {}
        _require_digest(self.mask, self.mask_sha256, "mask")
        return read_masks(Path(self.mask))

    def _defects(self, chip: int, *, mirrored: bool) -> Defects:
        if self.fault_map is None:
            return Chip(seed=chip, mirrored=mirrored)
        _require_digest(self.fault_map, self.fault_map_sha256, "fault_map")
        return read_fault_map(Path(self.fault_map))


def _digest(path: str, name: str) -> str:
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BadInput(f"crossbar: {name} = '{path}' cannot be read: {error}.") from error


def _require_digest(path: str, expected: str | None, name: str) -> None:
    if (found := _digest(path, name)) != expected:
        raise BadInput(
            f"crossbar: {name} = '{path}' has SHA-256 {found[:12]}…; {str(expected)[:12]}… was expected. The file "
            f"changed: name the new one without {name}_sha256."
        )
