"""Disturbing: the weights of a layer as they turn out on a chip, what is permanent only."""

from dataclasses import dataclass

import torch
from torch import Tensor

from disparate.crossbar.arrays import Arrays
from disparate.crossbar.chips import Defects
from disparate.crossbar.coding import digits, levels
from disparate.crossbar.decay import drifted, loss_along_wires
from disparate.crossbar.device import Device
from disparate.crossbar.faults import Count, Stuck, fault_errors, flipped_bits, inverted, kind, stuck_cells
from disparate.crossbar.layers import as_blocks, from_blocks
from disparate.crossbar.writing import near_cells, near_weights, spread_of_weights, verified, written


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Disturbed:
    """The weights of a layer as they turn out on a chip.

    Args:
        weights: Shape of the weight, in the format of ``arrays.held.stored``. Where nothing is wrong they are the
            stored weights, bit for bit.
        faults: How many cells and bits are faulty.
    """

    weights: Tensor
    faults: Count


def disturbed(arrays: Arrays, defects: Defects) -> Disturbed:
    """Return the weights of a layer as they turn out on a chip.

    Args:
        arrays: The layer.
        defects: The chip.

    Returns:
        The weights, and the faults in their cells.

    Example:
        >>> from disparate.crossbar.arrays import arrays_of
        >>> from disparate.crossbar.chips import Chip
        >>> layer = torch.nn.Linear(2, 1)
        >>> _ = layer.weight.data.copy_(torch.tensor([[7.0, -2.0]]))
        >>> device = Device(bits=4, slices=3, stuck_off=1.0)
        >>> found = disturbed(arrays_of({"fc": layer}, device, {})["fc"], Chip(seed=0))
        >>> found.weights.tolist(), found.faults.stuck_off
        ([[0.0, 0.0]], 12)
    """
    found, held, faults = whole_errors(arrays, defects), arrays.held, Count()
    for place in range(held.slices):
        worth = held.step * held.place(place)
        if errs_by_cell(arrays.device):
            errors, count = slice_errors(arrays, defects, place)
            found += errors.mul_(worth)
            faults += count
        elif has_faults(arrays.device):
            faults += _add_faults(found, arrays, defects, place, worth)
    return Disturbed(weights=found.add_(held.stored), faults=faults)


def errs_by_cell(device: Device) -> bool:
    """Return whether every cell of a device may deviate, and not only the few that are faulty."""
    return device.writes_cells or device.drifts or device.wire > 0


def has_faults(device: Device) -> bool:
    """Return whether cells of a device may be faulty."""
    return device.stuck_on > 0 or device.stuck_off > 0 or device.flips > 0


def whole_errors(arrays: Arrays, defects: Defects) -> Tensor:
    """Return by how much weights deviate under a law of whole weights; zeros under every other law.

    Args:
        arrays: The layer.
        defects: The chip.

    Returns:
        In weights, shape of the weight; not shared with anything.
    """
    device, stored = arrays.device, arrays.held.stored
    if not device.writes_weights:
        return torch.zeros_like(stored)
    deviate = defects.normals(arrays.layer, "written weights", arrays.shape).to(stored)
    if device.verify != "none":
        tries = defects.uniforms(arrays.layer, "tries of weights", arrays.shape).to(stored)
        near = verified(deviate, tries, near_weights(device), device.verify_limit)
        deviate = near if device.verify == "all" else torch.where(arrays.exposed, deviate, near)
    found = deviate.mul_(spread_of_weights(device) * arrays.peak)
    return found.mul_(arrays.exposed) if arrays.is_partly_protected and device.verify != "protected" else found


def slice_errors(arrays: Arrays, defects: Defects, place: int) -> tuple[Tensor, Count]:
    """Return by how much the digits of one slice are off, positive minus negative cell.

    Args:
        arrays: The layer.
        defects: The chip.
        place: Which slice, 0 the most significant.

    Returns:
        In levels of the slice, shape of the weight; and the faults among its cells.
    """
    found, faults = torch.zeros_like(arrays.held.stored), Count()
    if not errs_by_cell(arrays.device):
        if has_faults(arrays.device):
            faults = _add_faults(found, arrays, defects, place, torch.ones_like(arrays.held.step))
        return found, faults
    level = levels(arrays.held)
    for sign in arrays.held.signs:
        errors, count = _cell_errors(arrays, defects, level, sign, place)
        found.add_(errors, alpha=sign)
        faults += count
    return found, faults


def _add_faults(found: Tensor, arrays: Arrays, defects: Defects, place: int, worth: Tensor) -> Count:
    faults = Count()
    for sign in arrays.held.signs:
        where, error, count = fault_errors(arrays, defects, sign, place)
        found.view(-1).index_add_(0, where, error.mul_(sign * worth))
        faults += count
    return faults


def _cell_errors(arrays: Arrays, defects: Defects, level: Tensor, sign: int, place: int) -> tuple[Tensor, Count]:
    """Return by how much the cells of one slice and polarity are off, in levels, and the faults among them."""
    device, full = arrays.device, arrays.held.full(place)
    wanted = digits(level, arrays.held, sign, place)
    meant = wanted.clone()
    flipped = flipped_bits(arrays, defects, sign, place)
    meant.view(-1)[flipped.where] = inverted(meant.view(-1)[flipped.where], flipped.bits)
    unharmed, target = (device.g_min + device.window / full * digit for digit in (wanted, meant))
    came_out = _came_out(arrays, defects, target, sign, place)
    stuck = stuck_cells(arrays, defects, sign, place)
    aged = _aged(arrays, defects, came_out, sign, place, stuck)
    protected = came_out if device.verify == "protected" else unharmed
    conductance = torch.where(arrays.exposed, aged, protected)
    if device.wire > 0:
        conductance = torch.where(arrays.exposed, conductance * kept_share(arrays, conductance), conductance)
    return (conductance - unharmed).mul_(full / device.window), Count.of(stuck, flipped)


def _came_out(arrays: Arrays, defects: Defects, target: Tensor, sign: int, place: int) -> Tensor:
    """Return conductances after writing, µS."""
    device = arrays.device
    if not device.writes_cells:
        return target
    deviate = defects.normals(arrays.layer, kind("written", sign, place), arrays.shape).to(target)
    if device.verify != "none":
        tries = defects.uniforms(arrays.layer, kind("tries", sign, place), arrays.shape).to(target)
        near = verified(deviate, tries, near_cells(target, device), device.verify_limit)
        deviate = near if device.verify == "all" else torch.where(arrays.exposed, deviate, near)
    return written(target, deviate, device)


def _aged(arrays: Arrays, defects: Defects, conductance: Tensor, sign: int, place: int, stuck: Stuck) -> Tensor:
    """Return conductances after a time and with stuck cells, which do not drift, µS."""
    device = arrays.device
    aged = conductance.clone()
    if device.drifts:
        deviate = torch.zeros_like(conductance)
        if device.drift_spread > 0:
            deviate = defects.normals(arrays.layer, kind("drift", sign, place), arrays.shape).to(conductance)
        aged = drifted(conductance, deviate, device)
        if device.drift_compensation and (total := aged.sum()) > 0:
            aged *= conductance.sum() / total
    aged.view(-1)[stuck.where] = torch.where(stuck.on, device.g_max, device.g_min).to(aged)
    return aged


def kept_share(arrays: Arrays, conductance: Tensor) -> Tensor:
    """Return what share of its current every cell of one slice and polarity keeps along the wires, array by array.

    Args:
        arrays: The layer.
        conductance: µS, shape of the weight.

    Returns:
        In (0, 1], shape of the weight.
    """
    device, whole = arrays.device, as_blocks(conductance, arrays.blocks)
    rows, columns = device.rows or whole.shape[1], device.columns or whole.shape[2]
    bands = [
        torch.cat([loss_along_wires(part, device.wire) for part in band.split(columns, dim=2)], dim=2)
        for band in whole.split(rows, dim=1)
    ]
    return from_blocks(torch.cat(bands, dim=1), arrays.shape)
