"""Variance of gradients: how much the sensitivity of an answer to its input changes while a network learns."""

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from disparate.errors import BadInput
from disparate.geometry.surface import Inputs, Rows, evaluated

Of = Literal["logit", "probability"]


def variance_of_gradients(
    checkpoints: Sequence[nn.Module],
    inputs: Inputs,
    target: NDArray[np.int64],
    rows: Rows,
    *,
    of: Of = "logit",
    batch_size: int = 256,
) -> NDArray[np.float64]:
    r"""Return VoG of every example: the spread of its input gradient over checkpoints, mean over pixels; large is hard.

    $$ \mathrm{VoG}(x) = \frac{1}{P} \sum_p \sqrt{\frac{1}{K} \sum_t (S_{tp} - \bar S_p)^2}, \qquad
       S_t = \frac{\partial z_y(x; \theta_t)}{\partial x} $$

    with the gradient averaged over colour channels first, and mean and spread over the same K checkpoints
    (agarwal2022). Departs from the published toy code, which divides a sum over all epochs by the length of one stage.
    The early, middle and late stage are the first, middle and last third of the checkpoints: pass those. Compare within
    a class, with :func:`disparate.measures.difficulty.normalised_by_class`.

    Args:
        checkpoints: The network at several times of its training, in any order; they are left as they are.
        inputs: From positions to inputs: (batch, channels, height, width), or (batch, features).
        target: Right class of every example that ``rows`` may name.
        rows: Positions of the examples.
        of: ``"logit"`` of the right class, or its ``"probability"``. A linear network has one logit gradient for all
            inputs, so that only its probabilities tell examples apart.
        batch_size: Examples per pass; memory grows with it times the number of checkpoints.

    Returns:
        Shape (len(rows),), in logits (or probability) per unit of input.

    Raises:
        BadInput: There are fewer than two checkpoints: nothing can vary.

    Example:
        >>> early, late = nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False)
        >>> _, _ = early.weight.data.copy_(torch.eye(2)), late.weight.data.copy_(3 * torch.eye(2))
        >>> inputs = lambda rows: torch.ones(len(rows), 2)
        >>> variance_of_gradients([early, late], inputs, np.array([0]), np.array([0])).tolist()
        [0.5]
    """
    if len(checkpoints) < 2:
        raise BadInput(
            f"variance of gradients over {len(checkpoints)} checkpoint(s); at least 2 were expected. Keep the weights "
            "of more epochs: [training] keep_epochs."
        )
    found = np.empty(len(rows))
    with ExitStack() as modes:
        for model in checkpoints:
            modes.enter_context(evaluated(model))
        for start in range(0, len(rows), batch_size):
            own = rows[start : start + batch_size]
            batch = inputs(own)
            right = torch.from_numpy(target[own]).to(batch.device)
            gradients = torch.stack([_gradient(model, batch, right, of) for model in checkpoints])
            spread = gradients.double().std(dim=0, correction=0)
            found[start : start + len(own)] = spread.flatten(1).mean(dim=1).cpu().numpy()
    return found


def _gradient(model: nn.Module, inputs: Tensor, target: Tensor, of: Of) -> Tensor:
    """Return the gradient by the input; one backward pass, because no example's answer depends on another's input."""
    inputs = inputs.detach().requires_grad_()
    with torch.enable_grad():
        outputs = model(inputs)
        answers = outputs.softmax(1) if of == "probability" else outputs
        chosen = answers.gather(1, target[:, None]).sum()
        (gradient,) = torch.autograd.grad(chosen, inputs)
    return gradient.mean(dim=1) if gradient.ndim > 2 else gradient
