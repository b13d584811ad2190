"""Decay and wires: what happens to a conductance after it was written, and on the way to where it is read."""

import torch
from torch import Tensor

from disparate.crossbar.device import Device

SIEMENS = 1e-6
"""µS in S."""


def drifted(conductance: Tensor, deviate: Tensor, device: Device) -> Tensor:
    r"""Return conductances after a time, $G(t_0) (t / t_0)^{-\nu}$ with ν ≥ 0 differing from cell to cell.

    Args:
        conductance: µS, at ``drift_start``.
        deviate: Standard normal deviates of ν, same shape.
        device: The device.

    Returns:
        µS, same shape.

    Example:
        >>> device = Device(drift=0.5, drift_start=1.0, drift_time=100.0)
        >>> drifted(torch.tensor([20.0]), torch.tensor([0.0]), device)
        tensor([2.])
    """
    exponent = (device.drift + device.drift_spread * deviate).clamp_min_(0.0)
    return conductance * (device.drift_time / device.drift_start) ** -exponent


def loss_along_wires(conductance: Tensor, wire: float) -> Tensor:
    r"""Return what share of its current a cell keeps, to first order in the resistance of the wires.

    Rows are driven at column 0 and columns are read, at virtual ground, behind the last row. With r the resistance
    between two cells, cell (i, j) keeps

    $$ 1 / \Bigl(1 + r \sum_{j'} \min(j + 1, j' + 1) G_{ij'} + r \sum_{i'} \min(R - i, R - i') G_{i'j}\Bigr) $$

    The currents in the sums are those without loss. To first order the loss of a column does not depend on the inputs:
    what its cells lift the column's potential by is linear in them. The form with the quotient stays positive.

    Args:
        conductance: Shape (..., rows, columns), µS.
        wire: Ω between two cells.

    Returns:
        In (0, 1], same shape.

    Example:
        >>> keeps = loss_along_wires(torch.tensor([[1000.0]]), 1.0)  # 1 mS behind and before 1 Ω
        >>> round(keeps.item(), 6)
        0.998004
    """
    along_row = _shared(conductance.flip(-1), -1).flip(-1)
    along_column = _shared(conductance, -2)
    return 1 / (1 + wire * SIEMENS * (along_row + along_column))


def _shared(conductance: Tensor, dim: int) -> Tensor:
    """Return Σ_k' min(d_k, d_k') G_k' with the distance d = size - k along a dimension.

    The wire has ``size`` segments; segment s carries what is beyond it, and a cell loses over all segments before it.
    """
    beyond = conductance.cumsum(dim)  # from the far end (distance size) towards the near end (distance 1)
    return torch.flip(torch.flip(beyond, (dim,)).cumsum(dim), (dim,))
