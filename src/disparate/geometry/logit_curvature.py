r"""What the curvature of a group's loss is made of: closeness to the boundary, and slopes and curvature of the logits.

$$ H_a = \frac{1}{|D_a|} \sum_i \Bigl[ J_i^\top \bigl(\mathrm{diag}(p_i) - p_i p_i^\top\bigr) J_i
       + \sum_k (p_{ik} - y_{ik}) \nabla^2 z_{ik} \Bigr] $$

with $J_i$ the gradients of the logits by the parameters.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import functional_call, hessian, jacrev
from torch.nn import functional

from disparate.errors import NotApplicable
from disparate.geometry.per_example import answers, gradient_norms, require_suitable
from disparate.geometry.surface import Surface, evaluated

Array = NDArray[np.float64]
MOST_PARAMETERS = 2000
"""Largest network whose per-example Hessians are made as matrices."""


def gauss_newton_traces(surface: Surface) -> Array:
    r"""Return, per example, the trace of the first term of the Hessian, that of Gauss and Newton.

    $$ \mathrm{tr}\, J^\top (\mathrm{diag}(p) - p p^\top) J
       = \sum_k p_k \lVert \nabla z_k - \textstyle\sum_j p_j \nabla z_j \rVert^2 $$

    It is at least the term's largest eigenvalue. With two classes it is p (1 − p) ‖∇(z₁ − z₀)‖², the closeness times
    the squared slope. One backward pass per class serves a batch.

    Args:
        surface: The network and its examples; targets are not used.

    Returns:
        Shape (rows,), from 0 upwards, nats per squared unit of the parameters.

    Raises:
        BadInput: The network does not answer with finite logits of two or more classes.
        NotApplicable: An example's answer hangs on its batch.

    Example:
        >>> model = torch.nn.Linear(1, 2, bias=False)
        >>> _ = model.weight.data.zero_()
        >>> rows = np.arange(1)
        >>> surface = Surface(model=model, inputs=lambda rows: torch.full((1, 1), 3.0), rows=rows, target=rows)
        >>> gauss_newton_traces(surface).round(6).tolist()  # 1/4 of 3² + 3²
        [4.5]
    """
    traces: list[Array] = []
    for batch in gradient_norms(surface, _around_the_mean, wrt=["parameters"]):
        weights = functional.softmax(batch.logits, dim=1).T
        traces.append((weights * batch.norms["parameters"] ** 2).sum(dim=0).cpu().numpy())
    return np.concatenate(traces)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class BinaryTerms:
    """What theorem 4.4 is made of, per example, shape (rows,).

    Args:
        probability: f, that of the second class.
        slope: Norm of the gradient by the parameters, of the logit z₁ − z₀ or of f.
        curvature: Largest absolute eigenvalue of the Hessian of the same.
    """

    probability: Array
    slope: Array
    curvature: Array


def logit_terms(surface: Surface) -> BinaryTerms:
    """Return slope and curvature of the logit z₁ − z₀: what theorem 4.4 needs to be true.

    Args:
        surface: A network of two classes with at most 2000 trained parameters, for Hessians are made as matrices.

    Returns:
        The terms per example.

    Raises:
        NotApplicable: There are other than two classes, or too many parameters.

    Example:
        >>> model = torch.nn.Linear(1, 2, bias=False)
        >>> _ = model.weight.data.zero_()
        >>> rows = np.arange(1)
        >>> surface = Surface(model=model, inputs=lambda rows: torch.full((1, 1), 3.0), rows=rows, target=rows)
        >>> terms = logit_terms(surface)
        >>> terms.probability.tolist(), (terms.slope**2).round(4).tolist(), terms.curvature.tolist()
        ([0.5], [18.0], [0.0])
    """
    return _binary_terms(surface, lambda z: z[1] - z[0])


def probability_terms(surface: Surface) -> BinaryTerms:
    """Return slope and curvature of the probability f, with which theorem 4.4 is printed and does not hold.

    Args:
        surface: A network of two classes with at most 2000 trained parameters.

    Returns:
        The terms per example.

    Raises:
        NotApplicable: There are other than two classes, or too many parameters.
    """
    return _binary_terms(surface, lambda z: torch.sigmoid(z[1] - z[0]))


def _around_the_mean(logits: Tensor) -> Tensor:
    """Return e_k − p for every class k, shape (classes, examples, classes)."""
    units = torch.eye(logits.shape[1], dtype=logits.dtype, device=logits.device)
    return units[:, None] - functional.softmax(logits, dim=1)[None]


def _binary_terms(surface: Surface, of: Callable[[Tensor], Tensor]) -> BinaryTerms:
    require_suitable(surface.model)
    if surface.size > MOST_PARAMETERS:
        raise NotApplicable(
            f"the network has {surface.size} trained parameters; Hessians of every example are made up to "
            f"{MOST_PARAMETERS}. Use gauss_newton_traces, which has no such limit."
        )
    flat = torch.cat([value.detach().flatten() for value in surface.parameters])
    rows: list[tuple[float, float, float]] = []
    with evaluated(surface.model):
        for inputs, _ in surface.batches():
            logits = answers(surface.model, inputs)
            if logits.shape[1] != 2:
                raise NotApplicable(f"theorem 4.4 is about 2 classes; the network has {logits.shape[1]}.")
            for example in inputs:
                value = _by_parameters(surface, example, of)
                slope, curve = jacrev(value)(flat), hessian(value)(flat)
                rows.append((_probability(surface, flat, example), float(slope.norm()), _spectral_norm(curve)))
    probability, slope, curvature = np.array(rows).T
    return BinaryTerms(probability=probability, slope=slope, curvature=curvature)


def _by_parameters(surface: Surface, example: Tensor, of: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    sizes = [value.numel() for value in surface.parameters]

    def value(flat: Tensor) -> Tensor:
        parts = zip(surface.names, flat.split(sizes), surface.parameters, strict=True)
        state = {name: part.view_as(like) for name, part, like in parts}
        return of(functional_call(surface.model, state, (example[None],))[0])

    return value


def _probability(surface: Surface, flat: Tensor, example: Tensor) -> float:
    return float(_by_parameters(surface, example, lambda z: torch.sigmoid(z[1] - z[0]))(flat))


def _spectral_norm(matrix: Tensor) -> float:
    return float(torch.linalg.eigvalsh(matrix).abs().max())
