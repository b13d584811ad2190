"""Writing: what a cell holds after it was written, and what writing it until it is near costs."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from disparate.crossbar.device import Device


def spread_of_weights(device: Device, *, reading: bool = False) -> float:
    """Return the standard deviation of a whole weight, a share of the layer's largest, under a law of whole weights.

    ``fairxbar``: σ √(1 + 2^(2(N/M - 1))) (mugdho2025, eq. 5); ``swim``: σ √(Σ_{i=1..M} 2^(-2iN/M)) (yan2022).

    Args:
        device: With bits, and a law of whole weights.
        reading: Whether reading is asked for; writing otherwise.

    Returns:
        The standard deviation.

    Example:
        >>> round(spread_of_weights(Device(bits=8, slices=4, programming=1.0, variation="fairxbar")), 3)
        2.236
        >>> round(spread_of_weights(Device(bits=8, slices=4, programming=1.0, variation="swim")), 3)
        0.258
    """
    per_device = (device.bits or 1) / device.slices
    sigma, law = (device.read, device.read_variation) if reading else (device.programming, device.variation)
    if law == "fairxbar":
        return sigma * math.sqrt(1 + 2 ** (2 * (per_device - 1)))
    return sigma * math.sqrt(math.fsum(2 ** (-2 * place * per_device) for place in range(1, device.slices + 1)))


def spread_of_cells(place: Tensor, device: Device, *, reading: bool = False) -> Tensor:
    """Return the standard deviation of cells under the laws ``constant`` and ``state``, µS.

    Args:
        place: Where in the window each cell is, 0 to 1.
        device: The device.
        reading: Whether reading is asked for; writing otherwise.

    Returns:
        µS, same shape.

    Example:
        >>> spread_of_cells(torch.tensor([0.0, 0.5]), Device(g_min=0, g_max=10, programming=0.1, variation="state"))
        tensor([0.0000, 0.5000])
    """
    sigma, law = (device.read, device.read_variation) if reading else (device.programming, device.variation)
    if law == "constant":
        return torch.full_like(place, sigma * device.window)
    total = torch.zeros_like(place)
    for coefficient in reversed(device.state):
        total = total.mul_(place).add_(coefficient)
    return total.mul_(sigma * device.window)


def written(target: Tensor, deviate: Tensor, device: Device) -> Tensor:
    """Return the conductances of cells that were written, under a law of cells; never negative.

    Args:
        target: What they are meant to have, µS.
        deviate: Standard normal deviates, same shape.
        device: The device.

    Returns:
        µS, same shape.

    Example:
        >>> written(torch.tensor([5.0]), torch.tensor([2.0]), Device(g_min=0, g_max=10, programming=0.1))
        tensor([7.])
    """
    if device.variation == "lognormal":
        return target * torch.exp(device.programming * deviate)
    place = (target - device.g_min) / device.window
    return (target + spread_of_cells(place, device) * deviate).clamp_min_(0.0)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Near:
    """Between which standard normal deviates a cell counts as near its target.

    Args:
        low: The lower end, 0 or less.
        high: The upper end, 0 or more.
    """

    low: Tensor
    high: Tensor

    @property
    def share(self) -> Tensor:
        """Share of writes that come out near."""
        return torch.special.ndtr(self.high) - torch.special.ndtr(self.low)


def near_cells(target: Tensor, device: Device) -> Near:
    """Return which deviates leave cells near their targets, under a law of cells."""
    allowed = device.verify_tolerance * device.window
    wide = target.double()
    if device.variation == "lognormal":
        share = allowed / wide
        return Near(
            low=torch.log1p(-share.clamp_max(1.0)) / device.programming, high=torch.log1p(share) / device.programming
        )
    ends = allowed / spread_of_cells((wide - device.g_min) / device.window, device)
    return Near(low=-ends, high=ends)


def near_weights(device: Device) -> Near:
    """Return which deviates leave whole weights near, under a law of whole weights."""
    end = torch.tensor(device.verify_tolerance / spread_of_weights(device), dtype=torch.float64)
    return Near(low=-end, high=end)


def verified(deviate: Tensor, tries: Tensor, near: Near, limit: int) -> Tensor:
    r"""Return the deviates that are left when cells are written again until they are near, at most ``limit`` times.

    Each write is drawn anew, so what is accepted is the normal law cut at the ends, and a cell that is never near keeps
    a deviate from outside them. Both are monotone in the given deviate, so that chips stay comparable.

    Args:
        deviate: Standard normal deviates of a single write.
        tries: Uniform in [0, 1), same shape: decides which cells are never near, with probability
            $(1 - p)^{\text{limit}}$.
        near: What counts as near.
        limit: Most writes.

    Returns:
        Deviates of the same shape.

    Example:
        >>> near = Near(low=torch.tensor(-1.0).double(), high=torch.tensor(1.0).double())
        >>> round(verified(torch.tensor([9.0]), torch.tensor([0.5]), near, 100).item(), 3)
        1.0
    """
    below, share = torch.special.ndtr(near.low), near.share
    rank = torch.special.ndtr(deviate.double())
    accepted = below + rank * share
    outside = rank * (1 - share)
    refused = torch.where(outside < below, outside, outside + share)
    never = tries < (1 - share) ** limit
    return torch.special.ndtri(torch.where(never, refused, accepted)).clamp_(-FARTHEST, FARTHEST).to(deviate.dtype)


FARTHEST = 8.0
"""Farthest deviate; beyond it lies a share of 1e-15."""


def writes_needed(near: Near, limit: int) -> Tensor:
    """Return the expected number of writes, (1 - (1 - p)^limit) / p; limit where no write comes out near.

    Example:
        >>> one = torch.tensor(1.0, dtype=torch.float64)
        >>> round(writes_needed(Near(low=-one, high=one), 100).item(), 3)
        1.465
    """
    share = near.share
    never = (1 - share) ** limit
    return torch.where(share > 0, (1 - never) / share.clamp_min(torch.finfo(share.dtype).tiny), float(limit))
