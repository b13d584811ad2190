"""Disturbing: the weights of a layer as they turn out on a chip, what is permanent only."""

import torch
from torch import Tensor

from disparate.crossbar.arrays import Arrays
from disparate.crossbar.chips import Defects
from disparate.crossbar.coding import digits, levels
from disparate.crossbar.decay import drifted, loss_along_wires
from disparate.crossbar.device import Device
from disparate.crossbar.faults import fault_errors, flipped_bits, inverted, kind, stuck_cells
from disparate.crossbar.layers import as_blocks, from_blocks
from disparate.crossbar.writing import near_cells, near_weights, spread_of_weights, verified, written


def disturbed(arrays: Arrays, defects: Defects) -> Tensor:
    """Return the weights of a layer as they turn out on a chip.

    Args:
        arrays: The layer.
        defects: The chip.

    Returns:
        Shape of the weight, in the format of ``arrays.held.stored``. Where nothing is wrong they are the stored
        weights, bit for bit.

    Example:
        >>> from disparate.crossbar.arrays import arrays_of
        >>> from disparate.crossbar.chips import Chip
        >>> layer = torch.nn.Linear(2, 1)
        >>> _ = layer.weight.data.copy_(torch.tensor([[7.0, -2.0]]))
        >>> device = Device(bits=4, slices=3, stuck_off=1.0)
        >>> disturbed(arrays_of({"fc": layer}, device, {})["fc"], Chip(seed=0)).tolist()
        [[0.0, 0.0]]
    """
    found, held = whole_errors(arrays, defects), arrays.held
    for place in range(held.slices):
        worth = held.step * held.place(place)
        if errs_by_cell(arrays.device):
            found += slice_errors(arrays, defects, place).mul_(worth)
        elif has_faults(arrays.device):
            _add_faults(found, arrays, defects, place, worth)
    return found.add_(held.stored)


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


def slice_errors(arrays: Arrays, defects: Defects, place: int) -> Tensor:
    """Return by how much the digits of one slice are off, positive minus negative cell.

    Args:
        arrays: The layer.
        defects: The chip.
        place: Which slice, 0 the most significant.

    Returns:
        In levels of the slice, shape of the weight.
    """
    found = torch.zeros_like(arrays.held.stored)
    if not errs_by_cell(arrays.device):
        if has_faults(arrays.device):
            _add_faults(found, arrays, defects, place, torch.ones_like(arrays.held.step))
        return found
    level = levels(arrays.held)
    for sign in arrays.held.signs:
        found.add_(_cell_errors(arrays, defects, level, sign, place), alpha=sign)
    return found


def _add_faults(found: Tensor, arrays: Arrays, defects: Defects, place: int, worth: Tensor) -> None:
    for sign in arrays.held.signs:
        where, error = fault_errors(arrays, defects, sign, place)
        found.view(-1).index_add_(0, where, error.mul_(sign * worth))


def _cell_errors(arrays: Arrays, defects: Defects, level: Tensor, sign: int, place: int) -> Tensor:
    """Return by how much the cells of one slice and polarity are off, in levels."""
    device, full = arrays.device, arrays.held.full(place)
    wanted = digits(level, arrays.held, sign, place)
    meant = wanted.clone()
    flipped = flipped_bits(arrays, defects, sign, place)
    meant.view(-1)[flipped.where] = inverted(meant.view(-1)[flipped.where], flipped)
    unharmed, target = (device.g_min + device.window / full * digit for digit in (wanted, meant))
    came_out = _came_out(arrays, defects, target, sign, place)
    aged = _aged(arrays, defects, came_out, sign, place)
    protected = came_out if device.verify == "protected" else unharmed
    conductance = torch.where(arrays.exposed, aged, protected)
    if device.wire > 0:
        conductance = torch.where(arrays.exposed, conductance * kept_share(arrays, conductance), conductance)
    return (conductance - unharmed).mul_(full / device.window)


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


def _aged(arrays: Arrays, defects: Defects, conductance: Tensor, sign: int, place: int) -> Tensor:
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
    stuck = stuck_cells(arrays, defects, sign, place)
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
