r"""Adversarial inputs: the worst that a bounded change of every number of an input can do to an answer.

The attacker knows the network and may move each number by at most ε, inside the range that inputs can have:

$$ \max_{\lVert x' - x \rVert_\infty \le \varepsilon} -\log p_\theta(y \mid x') $$

Both attacks follow the sign of the gradient by the input, so what they find is a lower bound of the worst: an input
that they do not turn is not thereby safe.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from disparate.errors import BadInput, NotApplicable

Answer = Callable[[Tensor], Tensor]
"""From inputs, in the unit the attacker moves them in, to logits; the network in evaluation mode."""

Span = tuple[float, float]
"""Smallest and largest value an input can have."""


def fgsm(answer: Answer, inputs: Tensor, target: Tensor, *, epsilon: float, span: Span | None = None) -> Tensor:
    r"""Return inputs after one step of length ε by the sign of the gradient: the fast gradient sign method.

    $$ x' = \operatorname{clip}(x + \varepsilon \operatorname{sign} \nabla_x {-\log p_\theta(y \mid x)}) $$

    (goodfellow2015, section 4). The worst there is for a network that is linear in its inputs with two classes. A
    number without a gradient stays where it is.

    Args:
        answer: The network.
        inputs: Shape (n, ...); they are left as they are.
        target: Right classes, shape (n,).
        epsilon: Most that a number may move, in the unit of the inputs, 0 or more.
        span: Range that inputs are clipped to; None for no clipping.

    Returns:
        The moved inputs; at ε = 0 the given ones.

    Raises:
        BadInput: ε is negative or no number.
        NotApplicable: The network hides its gradient, as one that rounds does.

    Example:
        >>> weight = torch.tensor([[1.0, -2.0], [0.0, 0.0]])
        >>> moved = fgsm(lambda x: x @ weight.T, torch.zeros(1, 2), torch.tensor([0]), epsilon=0.5)
        >>> moved.tolist()  # class 0 loses by less of the first number and more of the second
        [[-0.5, 0.5]]
    """
    _require_length(epsilon)
    if epsilon == 0:
        return inputs
    _, slope = _logits_and_slope(answer, inputs, target)
    return _within(inputs + epsilon * slope.sign(), inputs, epsilon, span)


def pgd(
    answer: Answer,
    inputs: Tensor,
    target: Tensor,
    *,
    epsilon: float,
    steps: int = 10,
    step: float | None = None,
    generator: torch.Generator | None = None,
    span: Span | None = None,
) -> Tensor:
    r"""Return the worst inputs met on several steps by the sign of the gradient: projected gradient descent.

    $$ x_{t+1} = \Pi_{\varepsilon}(x_t + \alpha \operatorname{sign} \nabla_x {-\log p_\theta(y \mid x_t)}) $$

    (madry2018, section 2.1). Of all inputs on the way, each example keeps one that is answered wrongly where there is
    one, and of those the one of the largest loss.

    Departs from the paper: the given input and that of :func:`fgsm` are on the way too, so that no example is right
    which is wrong without an attack or under one step.

    Args:
        answer: The network.
        inputs: Shape (n, ...); they are left as they are.
        target: Right classes, shape (n,).
        epsilon: Most that a number may move, in the unit of the inputs, 0 or more.
        steps: Number of steps, 1 or more.
        step: Length α of a step; 2.5 ε / steps where not given, enough to cross the whole range and come back.
        generator: Where it starts from is drawn uniformly from the range with it, on the CPU; None starts from the
            given inputs.
        span: Range that inputs are clipped to; None for no clipping.

    Returns:
        The moved inputs; at ε = 0 the given ones.

    Raises:
        BadInput: ε is negative or no number, there is no step, or its length is not positive.
        NotApplicable: The network hides its gradient, as one that rounds does.

    Example:
        >>> weight = torch.tensor([[1.0, -2.0], [0.0, 0.0]])
        >>> moved = pgd(lambda x: x @ weight.T, torch.zeros(1, 2), torch.tensor([0]), epsilon=0.5, span=(0.0, 1.0))
        >>> moved.tolist()
        [[0.0, 0.5]]
    """
    _require_length(epsilon)
    stride = 2.5 * epsilon / max(steps, 1) if step is None else step
    if steps < 1 or (epsilon and not stride > 0):
        raise BadInput(f"pgd: {steps} steps of length {stride}; 1 or more of a positive length were expected.")
    if epsilon == 0:
        return inputs
    logits, slope = _logits_and_slope(answer, inputs, target)
    once = _within(inputs + epsilon * slope.sign(), inputs, epsilon, span)
    worst = _worse(_judged(inputs, logits, target), _judged(once, _logits(answer, once), target))
    at = inputs if generator is None else _within(inputs + _drawn(inputs, epsilon, generator), inputs, epsilon, span)
    for _ in range(steps):
        logits, slope = _logits_and_slope(answer, at, target)
        worst = _worse(worst, _judged(at, logits, target))
        at = _within(at + stride * slope.sign(), inputs, epsilon, span)
    return _worse(worst, _judged(at, _logits(answer, at), target)).inputs


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Judged:
    inputs: Tensor
    wrong: Tensor
    loss: Tensor


def _judged(inputs: Tensor, logits: Tensor, target: Tensor) -> _Judged:
    loss = cross_entropy(logits.double(), target, reduction="none")
    return _Judged(inputs=inputs, wrong=logits.argmax(dim=1) != target, loss=loss)


def _worse(one: _Judged, other: _Judged) -> _Judged:
    """Return the worse of two inputs, example by example: wrong before right, then by loss; the first of equals."""
    chosen = (other.wrong & ~one.wrong) | ((other.wrong == one.wrong) & (other.loss > one.loss))
    return _Judged(
        inputs=torch.where(chosen.view(-1, *[1] * (one.inputs.dim() - 1)), other.inputs, one.inputs),
        wrong=torch.where(chosen, other.wrong, one.wrong),
        loss=torch.where(chosen, other.loss, one.loss),
    )


def _logits(answer: Answer, inputs: Tensor) -> Tensor:
    with torch.no_grad():
        return answer(inputs)


def _logits_and_slope(answer: Answer, inputs: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Return logits and the gradient of the losses; float64 after the logits, so that sure answers have one too."""
    with torch.enable_grad():
        moved = inputs.detach().requires_grad_()
        logits = answer(moved)
        total = cross_entropy(logits.double(), target, reduction="sum")
        found = torch.autograd.grad(total, moved, allow_unused=True)[0] if total.requires_grad else None
    slope = torch.zeros_like(inputs) if found is None else found
    if not slope.any() and (logits != logits[:1]).any():
        raise NotApplicable(
            "attack: the network answers different inputs differently, and yet no answer has a gradient by its input: "
            "something in it hides the gradient, as rounding to integers does. An attack by gradients would find "
            "nothing and call that robust. Attack the network without that choice."
        )
    return logits.detach(), slope


def _within(moved: Tensor, inputs: Tensor, epsilon: float, span: Span | None) -> Tensor:
    near = torch.maximum(torch.minimum(moved, inputs + epsilon), inputs - epsilon)
    return near if span is None else near.clamp(*span)


def _drawn(inputs: Tensor, epsilon: float, generator: torch.Generator) -> Tensor:
    drawn = torch.rand(inputs.shape, generator=generator, dtype=inputs.dtype)
    return ((2 * drawn - 1) * epsilon).to(inputs.device)


def _require_length(epsilon: float) -> None:
    if not 0 <= epsilon < float("inf"):
        raise BadInput(f"epsilon is {epsilon}; a finite number, 0 or more, was expected.")
