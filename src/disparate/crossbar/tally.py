"""Tally: what a device really did to a layer, beside what was asked for."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import torch

from disparate.crossbar.arrays import Arrays
from disparate.crossbar.coding import digits, levels
from disparate.crossbar.device import Device
from disparate.crossbar.disturbing import Disturbed, kept_share
from disparate.crossbar.writing import near_cells, near_weights, writes_needed


@dataclass(frozen=True, kw_only=True, slots=True)
class Tally:
    """What happened to the weights of a layer, or of several.

    Args:
        weights: Number of weights.
        exposed: Of these, how many the device may disturb.
        cells: Cells that hold the weights.
        exposed_cells: Cells of exposed weights.
        exposed_bits: Bits in them; 0 where conductances are continuous.
        stuck_on: Exposed cells that are stuck at the highest conductance.
        stuck_off: Exposed cells that are stuck at the lowest conductance.
        flipped: Bits that are inverted.
        changed: Weights that differ from the stored ones.
        energy: Σ of squared errors of the weights.
        energy_in_peaks: The same in units of the layer's largest weight.
        writes: Expected number of writes, of cells or, under a law of whole weights, of weights.
        largest_loss: Largest share of its current that a cell loses along the wires, without any fault.
    """

    weights: int
    exposed: int
    cells: int
    exposed_cells: int
    exposed_bits: int
    stuck_on: int
    stuck_off: int
    flipped: int
    changed: int
    energy: float
    energy_in_peaks: float
    writes: float
    largest_loss: float


def tally_of(arrays: Arrays, found: Disturbed) -> Tally:
    """Return what a chip did to a layer.

    Args:
        arrays: The layer.
        found: The layer on the chip.

    Returns:
        The tally.
    """
    held = arrays.held
    error = found.weights - held.stored
    energy = torch.linalg.vector_norm(error, dtype=torch.float64).square().item()
    peak = arrays.peak.item()
    each = held.slices * len(held.signs)
    return Tally(
        weights=arrays.weights,
        exposed=arrays.exposed_weights,
        cells=each * arrays.weights,
        exposed_cells=each * arrays.exposed_weights,
        exposed_bits=sum(held.widths) * len(held.signs) * arrays.exposed_weights,
        stuck_on=found.faults.stuck_on,
        stuck_off=found.faults.stuck_off,
        flipped=found.faults.flipped,
        changed=int(torch.count_nonzero(error)),
        energy=energy,
        energy_in_peaks=energy / peak**2 if peak > 0 else 0.0,
        writes=_writes(arrays),
        largest_loss=_largest_loss(arrays),
    )


def summed(tallies: Iterable[Tally]) -> Tally:
    """Return the tally of several layers together."""
    every = list(tallies)
    totals: dict[str, Any] = {f.name: sum(getattr(tally, f.name) for tally in every) for f in fields(Tally)}
    totals["largest_loss"] = max(tally.largest_loss for tally in every)
    return Tally(**totals)


def told(tally: Tally, device: Device) -> Mapping[str, Any]:
    """Return a tally as plain values, every rate as asked for beside the achieved one.

    Args:
        tally: What happened.
        device: What was asked for.

    Returns:
        Plain values. Rates are shares of exposed cells, of flips shares of the bits in them; an achieved rate is null
        where there are none.
    """
    of = {"stuck_on": tally.exposed_cells, "stuck_off": tally.exposed_cells, "flips": tally.exposed_bits}
    found = {"stuck_on": tally.stuck_on, "stuck_off": tally.stuck_off, "flips": tally.flipped}
    rates = {
        name: {"asked": getattr(device, name), "achieved": _ratio(found[name], whole)} for name, whole in of.items()
    }
    rms = _ratio(tally.energy_in_peaks, tally.exposed)
    return {**asdict(tally), "rates": rates, "rms_error_in_peaks": None if rms is None else rms**0.5}


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _writes(arrays: Arrays) -> float:
    """Return the expected number of writes; what is not verified is written once."""
    device, held = arrays.device, arrays.held
    each_once = arrays.weights if device.writes_weights else held.slices * len(held.signs) * arrays.weights
    if device.verify == "none" or not device.programming:
        return float(each_once)
    checked = arrays.exposed if device.verify == "all" else ~arrays.exposed
    if device.writes_weights:
        each = writes_needed(near_weights(device), device.verify_limit).expand(arrays.shape)
        return torch.where(checked, each, 1.0).sum().item()
    level, total = levels(held), 0.0
    for sign in held.signs:
        for place in range(held.slices):
            share = digits(level, held, sign, place) / held.full(place)
            each = writes_needed(near_cells(device.g_min + device.window * share, device), device.verify_limit)
            total += torch.where(checked, each, 1.0).sum().item()
    return total


def _largest_loss(arrays: Arrays) -> float:
    device, held = arrays.device, arrays.held
    if device.wire == 0:
        return 0.0
    level = levels(held)
    kept = [
        kept_share(arrays, device.g_min + device.window / held.full(place) * digits(level, held, sign, place)).min()
        for sign in held.signs
        for place in range(held.slices)
    ]
    return 1 - min(value.item() for value in kept)
