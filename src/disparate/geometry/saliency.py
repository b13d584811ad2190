r"""Saliency: what every weight is worth to a group of examples.

| function              | of a weight θ                      | says                                    |
| --------------------- | ---------------------------------- | --------------------------------------- |
| `deletion_costs`      | ½ h θ² (lecun1990, eq. 5)          | loss added when it alone is deleted     |
| `noise_costs`         | ½ h max\|θ\|² (yan2022)            | loss added by noise of variance 1        |
| `gradient_importance` | (\|θ\| \|∂J/∂θ\|)² (lin2022)       | how far its size moves the loss now     |

None moves a weight: all gradients are taken at one and the same network, in evaluation mode, over all examples of
the surface.
"""

from collections.abc import Iterator
from typing import Literal

import numpy as np
from torch import Tensor

from disparate.geometry.diagonal import diagonal
from disparate.geometry.gradients import gradient
from disparate.geometry.surface import Surface

Curvature = Literal["signs", "exact"]
"""Estimators of the diagonal that rank weights; see :mod:`disparate.geometry.diagonal`."""


def deletion_costs(surface: Surface, estimator: Curvature, *, generator: np.random.Generator) -> dict[str, Tensor]:
    r"""Return $\frac12 h_{ii} \theta_i^2$ of every weight: what the loss gains when it alone is deleted, to 2nd order.

    The gradient is taken to be zero and the weights to act one by one. $h$ is the diagonal of the GGN, so no cost is
    negative; for networks of linear pieces it is that of the Hessian.

    Args:
        surface: The network and its examples.
        estimator: How the diagonal is found.
        generator: Source of the estimator's draws.

    Returns:
        Nats, by parameter name, in the shapes of the parameters.

    Raises:
        BadInput: The network's slopes are not finite.

    Example:
        >>> import torch
        >>> model = torch.nn.Linear(1, 2, bias=False)
        >>> _ = model.weight.data.copy_(torch.tensor([[2.0], [2.0]]))
        >>> rows = np.arange(2)
        >>> surface = Surface(model=model, inputs=lambda rows: torch.ones(len(rows), 1), rows=rows, target=rows)
        >>> deletion_costs(surface, "exact", generator=np.random.default_rng(0))["weight"].tolist()  # ½ · ¼ · 2²
        [[0.5], [0.5]]
    """
    bent = _bent(surface, estimator, generator)
    return {name: curvature * weight.square() / 2 for name, curvature, weight in bent}


def noise_costs(surface: Surface, estimator: Curvature, *, generator: np.random.Generator) -> dict[str, Tensor]:
    r"""Return $\frac12 h_{ii} \max_j \theta_j^2$ of every weight: what noise adds to the loss, to 2nd order.

    Noise of mean zero and standard deviation $\sigma \max_j \lvert\theta_j\rvert$ (j over the weights of one
    parameter) in one weight adds $\sigma^2$ times this to the expected loss. Within a parameter it ranks by the second
    derivative, whatever the weight's own size: what matters for a weight that is disturbed, not deleted.

    Args:
        surface: The network and its examples.
        estimator: How the diagonal is found.
        generator: Source of the estimator's draws.

    Returns:
        Nats per unit of σ², by parameter name, in the shapes of the parameters.

    Raises:
        BadInput: The network's slopes are not finite.

    Example:
        >>> import torch
        >>> model = torch.nn.Linear(1, 2, bias=False)
        >>> _ = model.weight.data.copy_(torch.tensor([[2.0], [2.0]]))
        >>> rows = np.arange(2)
        >>> surface = Surface(model=model, inputs=lambda rows: torch.ones(len(rows), 1), rows=rows, target=rows)
        >>> noise_costs(surface, "exact", generator=np.random.default_rng(0))["weight"].tolist()  # ½ · ¼ · 2²
        [[0.5], [0.5]]
    """
    bent = _bent(surface, estimator, generator)
    return {name: curvature * weight.abs().amax().square() / 2 for name, curvature, weight in bent}


def _bent(
    surface: Surface, estimator: Curvature, generator: np.random.Generator
) -> Iterator[tuple[str, Tensor, Tensor]]:
    """Yield every parameter's name, the diagonal of its curvature and its weights."""
    found = surface.split(diagonal(surface, estimator, generator=generator).value)
    weights = (weight.detach() for weight in surface.parameters)
    yield from zip(surface.names, found, weights, strict=True)


def gradient_importance(surface: Surface) -> dict[str, Tensor]:
    r"""Return $(\lvert\theta_i\rvert \lvert\partial_i J\rvert)^2$ of every weight.

    *Departs from the authors' code*, which sums the squares of mini-batches, steps an optimiser while it scores and
    does not reset gradients between groups: here it is one gradient over all examples, at one network.

    Args:
        surface: The network and its examples.

    Returns:
        Nats², by parameter name, in the shapes of the parameters.

    Raises:
        BadInput: The loss is not finite.

    Example:
        >>> import torch
        >>> model = torch.nn.Linear(1, 2, bias=False)
        >>> _ = model.weight.data.copy_(torch.tensor([[2.0], [2.0]]))
        >>> rows = np.arange(1)
        >>> surface = Surface(model=model, inputs=lambda rows: torch.ones(len(rows), 1), rows=rows, target=rows)
        >>> gradient_importance(surface)["weight"].tolist()  # (2 · ½)²
        [[1.0], [1.0]]
    """
    slopes = surface.split(gradient(surface))
    named = zip(surface.names, slopes, surface.parameters, strict=True)
    return {name: (weight.detach() * slope).square() for name, slope, weight in named}
