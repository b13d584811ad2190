r"""Curvature times a vector: the matrices of a loss surface, without the matrices.

| kind               | matrix of a group                                                        |
| ------------------ | ------------------------------------------------------------------------ |
| `hessian`          | $H = \nabla^2 J(\theta; D_a)$                                            |
| `ggn`              | $G = \frac{1}{n} \sum_i J_i^\top (\mathrm{diag}(p_i) - p_i p_i^\top) J_i$ |
| `empirical_fisher` | $\frac{1}{n} \sum_i \nabla\ell_i \nabla\ell_i^\top$                      |

with $J_i$ the Jacobian of example $i$'s logits, $p_i$ its probabilities and $\ell_i$ its loss. For cross-entropy the
generalised Gauss–Newton matrix (GGN) is the Fisher information of the model's own answers; the empirical Fisher, which
takes the labels of the data, is another matrix.
"""

from collections.abc import Callable, Sequence
from typing import Literal, cast

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import cross_entropy

from disparate.errors import BadInput
from disparate.geometry.lean import Lean
from disparate.geometry.surface import Surface, evaluated

Operator = Callable[[Tensor], Tensor]
"""A symmetric matrix: from a flat vector over the parameters to its product."""
Curvature = Literal["hessian", "ggn", "empirical_fisher"]


def products(surface: Surface, kind: Curvature = "hessian") -> Operator:
    """Return the curvature of the mean loss as an operator.

    Where the examples fit into one batch the graph is made once and kept, and a product costs two backward passes more;
    otherwise batch after batch is differentiated anew, so that memory stays that of one batch. The operator keeps the
    weights it was made with only in the first case: ask for a new one after the weights changed.

    Args:
        surface: The network and its examples.
        kind: Which matrix.

    Returns:
        The operator; vectors are in the parameters' precision and sums over batches too.

    Raises:
        BadInput: A product is not finite, or a vector has another length.

    Example:
        >>> import numpy as np
        >>> model = torch.nn.Linear(1, 2, bias=False)
        >>> _ = model.weight.data.zero_()
        >>> rows = np.arange(4)
        >>> surface = Surface(model=model, inputs=lambda rows: torch.ones(len(rows), 1), rows=rows, target=rows % 2)
        >>> products(surface)(torch.tensor([1.0, -1.0])).tolist()  # (diag(p) - p pᵀ) v, p = (½, ½)
        [0.5, -0.5]
    """
    make = _LINEARISED[kind]
    whole = len(surface.rows)
    kept = [_linearised(surface, *batch, make) for batch in surface.batches()] if whole <= surface.batch_size else []

    def multiply(vector: Tensor) -> Tensor:
        total = torch.zeros_like(vector)
        for operator in kept or (_linearised(surface, *batch, make) for batch in surface.batches()):
            for place, part in zip(surface.split(total), operator(surface.split(vector)), strict=True):
                place.add_(part)
        total.div_(whole)
        if not torch.isfinite(total.sum()):  # one pass over the vector, and no vector of truth values
            raise BadInput(
                f"the {kind} of {type(surface.model).__name__} over {whole} examples times a vector is not finite; "
                "finite numbers were expected. The network diverged, or the choice broke it."
            )
        return total

    return multiply


def softmax_hessian(probabilities: Tensor, vectors: Tensor) -> Tensor:
    r"""Return the Hessian of the cross-entropy by the logits times a vector, example by example.

    $$ (\mathrm{diag}(p) - p p^\top) u, \qquad \mathrm{tr} = 1 - \sum_k p_k^2 $$

    Args:
        probabilities: Shape (..., classes).
        vectors: Shape (..., classes).

    Returns:
        Shape (..., classes).

    Example:
        >>> softmax_hessian(torch.tensor([0.5, 0.5]), torch.tensor([1.0, 0.0])).tolist()
        [0.25, -0.25]
    """
    return probabilities * (vectors - (probabilities * vectors).sum(dim=-1, keepdim=True))


Parts = Sequence[Tensor]
_Multiply = Callable[[Parts], Parts]
_Make = Callable[[Surface, Tensor, Tensor], _Multiply]


def _linearised(surface: Surface, inputs: Tensor, target: Tensor, make: _Make) -> _Multiply:
    # Fused attention has no second derivative; the plain one has.
    with evaluated(surface.model), torch.enable_grad(), sdpa_kernel(SDPBackend.MATH), Lean(linear=make is not _hessian):
        return make(surface, surface.model(inputs), target)


def _hessian(surface: Surface, logits: Tensor, target: Tensor) -> _Multiply:
    parameters = surface.parameters
    loss = cross_entropy(logits, target, reduction="sum")
    slopes = torch.autograd.grad(loss, parameters, create_graph=True, materialize_grads=True)
    curved = [place for place, slope in enumerate(slopes) if slope.requires_grad]

    def multiply(vector: Parts) -> Parts:
        return _pulled([slopes[place] for place in curved], parameters, [vector[place] for place in curved])

    return multiply


def _ggn(surface: Surface, logits: Tensor, _: Tensor) -> _Multiply:
    probabilities = logits.detach().double().softmax(dim=-1)

    def inner(change: Tensor) -> Tensor:
        return softmax_hessian(probabilities, change.double()).to(change.dtype)

    return _sandwich(surface, logits, inner)


def _empirical_fisher(surface: Surface, logits: Tensor, target: Tensor) -> _Multiply:
    return _sandwich(surface, cross_entropy(logits, target, reduction="none"), lambda change: change)


def _sandwich(surface: Surface, outputs: Tensor, inner: Operator) -> _Multiply:
    """Return v ↦ Jᵀ inner(J v): J v is the derivative of Jᵀ u by u, which is linear in u."""
    parameters = surface.parameters
    free = torch.zeros_like(outputs, requires_grad=True)
    pulled = torch.autograd.grad(outputs, parameters, free, create_graph=True, materialize_grads=True)
    reached = [place for place, part in enumerate(pulled) if part.requires_grad]

    def multiply(vector: Parts) -> Parts:
        pushed = _pulled([pulled[place] for place in reached], [free], [vector[place] for place in reached])
        return _pulled([outputs], parameters, [inner(pushed[0])])

    return multiply


def _pulled(outputs: Parts, inputs: Parts, vectors: Parts) -> Parts:
    if not outputs:
        return [torch.zeros_like(part) for part in inputs]
    found = torch.autograd.grad(outputs, inputs, vectors, retain_graph=True, materialize_grads=True)
    return cast("Parts", found)


_LINEARISED: dict[Curvature, _Make] = {
    "hessian": _hessian,
    "ggn": _ggn,
    "empirical_fisher": _empirical_fisher,
}
