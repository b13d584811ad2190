"""Reading: what differs from cycle to cycle, and is no part of a chip or of a fault map."""

import torch
from torch import Tensor

from disparate.crossbar.arrays import Arrays
from disparate.crossbar.coding import digits, levels
from disparate.crossbar.device import OF_WHOLE_WEIGHTS
from disparate.crossbar.writing import spread_of_cells, spread_of_weights


def read_spread(arrays: Arrays) -> Tensor:
    """Return the standard deviation that a reading adds to every weight; cells are taken as they are meant to be.

    Args:
        arrays: The layer.

    Returns:
        In weights, shape of the weight; 0 where a weight is protected.
    """
    held = arrays.held
    if arrays.device.read_variation in OF_WHOLE_WEIGHTS:
        return (spread_of_weights(arrays.device, reading=True) * arrays.peak * arrays.exposed).expand(arrays.shape)
    variance = torch.zeros_like(held.stored)
    for place in range(held.slices):
        variance += (read_spread_of_slice(arrays, place) * (held.place(place) * held.step)).square_()
    return variance.sqrt_() * arrays.exposed


def read_spread_of_slice(arrays: Arrays, place: int) -> Tensor:
    """Return the standard deviation that a reading adds to the digits of one slice.

    Under a law of whole weights the most significant slice carries all of it.

    Args:
        arrays: The layer.
        place: Which slice, 0 the most significant.

    Returns:
        In levels of the slice, shape of the weight; protected weights are not left out.
    """
    held, device = arrays.held, arrays.device
    if device.read_variation in OF_WHOLE_WEIGHTS:
        whole = spread_of_weights(device, reading=True) * arrays.peak / (held.step * held.place(0))
        return torch.zeros_like(held.stored) + (whole if place == 0 else 0.0)
    level, full = levels(held), held.full(place)
    variance = torch.zeros_like(held.stored)
    for sign in held.signs:
        share = digits(level, held, sign, place) / full
        variance += spread_of_cells(share, device, reading=True).mul_(full / device.window).square_()
    return variance.sqrt_()
