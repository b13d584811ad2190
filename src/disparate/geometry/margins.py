r"""Distance of every example to the decision boundary, in the space of inputs and in the space of weights.

To first order the answer $\hat y$ gives way to class $k$ after a step of length

$$ \frac{z_{\hat y} - z_k}{\lVert \nabla (z_{\hat y} - z_k) \rVert_2} $$

by the input (moosavi2016, eq. 6) or by the parameters; the nearest class decides. Both are exact for a
network that is linear in what is differentiated, and neither changes when the logits are multiplied by a number.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from disparate.errors import BadInput
from disparate.geometry.per_example import BatchNorms, Wrt, answers, gradient_norms, require_suitable
from disparate.geometry.surface import Surface, evaluated
from disparate.stats.intervals import clopper_pearson_lower

Array = NDArray[np.float64]


def distances_to_flip(
    surface: Surface, *, wrt: Sequence[Wrt] = ("inputs", "parameters"), nearest: int | None = None
) -> Mapping[Wrt, Array]:
    r"""Return how far every example is from another answer, by its input and by the parameters: large is far.

    $$ \min_{k \ne \hat y} \frac{z_{\hat y} - z_k}{\lVert \nabla (z_{\hat y} - z_k) \rVert_2} $$

    By ``inputs`` it has the unit of what the network sees (after normalisation). By ``parameters`` it is compared with
    ‖θ − θ′‖: to first order an example can change its answer only where the weights move at least as far; a step of
    that length in any other direction changes less. It is this project's; no paper uses it. One backward pass per class
    pair serves a batch and both spaces.

    Args:
        surface: The network and its examples; targets are not used.
        wrt: In which spaces.
        nearest: How many classes to look at, those of the largest logits after the answer; all where not given. With
            fewer the result is an upper bound of the above, for a far logit may still have the steeper gradient.

    Returns:
        By space, shape (rows,), from 0 upwards: 0 on the boundary, infinite where no gradient leads to another class.

    Raises:
        BadInput: ``nearest`` is below 1, or the network does not answer with finite logits of two or more classes.
        NotApplicable: An example's answer hangs on its batch, or inputs have no gradient.

    Example:
        >>> from torch import nn
        >>> model = nn.Linear(2, 2, bias=False)
        >>> _ = model.weight.data.copy_(torch.tensor([[3.0, 4.0], [0.0, 0.0]]))
        >>> rows = np.arange(1)
        >>> surface = Surface(model=model, inputs=lambda rows: torch.tensor([[1.0, 2.0]]), rows=rows, target=rows)
        >>> found = distances_to_flip(surface)
        >>> found["inputs"].round(4).tolist()  # (3 + 8) / 5
        [2.2]
        >>> found["parameters"].round(4).tolist()  # 11 / √(1 + 4 + 1 + 4)
        [3.4785]
    """
    if nearest is not None and nearest < 1:
        raise BadInput(f"nearest is {nearest}; at least 1 class besides the answer was expected.")

    def others(logits: Tensor) -> Tensor:
        return _towards(logits, logits.shape[1] - 1 if nearest is None else min(nearest, logits.shape[1] - 1))

    parts = [_shortest(batch) for batch in gradient_norms(surface, others, wrt=wrt)]
    return {space: np.concatenate([part[space] for part in parts]) for space in wrt}


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Certified:
    """What noise on the inputs certifies.

    Args:
        predicted: Answer of most noisy copies per example, shape (rows,).
        probability: Lower bound of the share of noise under which that answer is given, shape (rows,).
        radius: Distance in which that answer cannot change, shape (rows,); NaN where it abstains.
    """

    predicted: NDArray[np.int64]
    probability: Array
    radius: Array


def certified_radius(
    surface: Surface,
    *,
    sigma: float,
    generator: torch.Generator,
    choosing: int = 100,
    samples: int = 1000,
    level: float = 0.999,
) -> Certified:
    r"""Return the radius around every input in which the *smoothed* network keeps its answer: large is far.

    The smoothed network answers what the network answers most often under Gaussian noise. With a lower bound $p_A$ of
    that share the radius is $\sigma \Phi^{-1}(p_A)$, which is (σ/2)(Φ⁻¹(p_A) − Φ⁻¹(p_B)) with p_B ≤ 1 − p_A
    (cohen2019, theorem 1 and section 3.2). The bound is that of Clopper and Pearson on fresh noise, so it holds for
    each example with probability ``level``. For evaluation only: it takes ``choosing + samples`` forward passes.

    *Undefined where* p_A ≤ 1/2: nothing is certified, and the radius is NaN, not 0.

    Args:
        surface: The network and its examples; targets are not used.
        sigma: Standard deviation of the noise, in the unit of what the network sees.
        generator: On the CPU, so that every device draws alike; draws follow the batches, so another batch size is
            another draw.
        choosing: Noisy copies by which the answer is chosen.
        samples: Noisy copies by which its share is estimated. The largest radius that they can certify is
            σ Φ⁻¹((1 − level)^(1/samples)).
        level: Level of the bound.

    Returns:
        Answers, bounds and radii; the unit of the radius is that of sigma.

    Raises:
        BadInput: Sigma is not positive, a number of copies is below 1, or the level is not in (0, 1).

    Example:
        >>> from torch import nn
        >>> model = nn.Linear(1, 2, bias=False)
        >>> _ = model.weight.data.copy_(torch.tensor([[-1.0], [1.0]]))
        >>> rows = np.arange(1)
        >>> surface = Surface(model=model, inputs=lambda rows: torch.full((1, 1), 0.5), rows=rows, target=rows)
        >>> found = certified_radius(surface, sigma=1.0, generator=torch.Generator().manual_seed(0))
        >>> found.predicted.tolist(), bool(0.3 < found.radius[0] < 0.5)  # the true distance is 0.5
        ([1], True)
    """
    if not sigma > 0 or min(choosing, samples) < 1:
        raise BadInput(
            f"certified_radius: sigma {sigma}, copies {choosing} and {samples}; positive ones were expected."
        )
    require_suitable(surface.model)
    predicted: list[NDArray[np.int64]] = []
    hits: list[NDArray[np.int64]] = []
    with evaluated(surface.model), torch.no_grad():
        for inputs, _ in surface.batches():
            chosen = _counts(surface, inputs, sigma, choosing, generator).argmax(axis=1)
            counts = _counts(surface, inputs, sigma, samples, generator)
            predicted.append(chosen)
            hits.append(counts[np.arange(len(chosen)), chosen])
    share = clopper_pearson_lower(np.concatenate(hits), samples, level=level)
    quantile = torch.special.ndtri(torch.from_numpy(share)).numpy()
    radius = np.where(share > 0.5, sigma * quantile, np.nan)
    return Certified(predicted=np.concatenate(predicted), probability=share, radius=radius)


def _towards(logits: Tensor, classes: int) -> Tensor:
    """Return e_ŷ − e_k for the classes of the next largest logits, shape (classes, examples, all classes)."""
    order = logits.argsort(dim=1, descending=True, stable=True)
    units = functional.one_hot(order, logits.shape[1]).to(logits.dtype)
    return (units[:, :1] - units[:, 1 : classes + 1]).transpose(0, 1)


def _shortest(batch: BatchNorms) -> dict[Wrt, Array]:
    """Return the smallest difference over norm; on the boundary it is 0 whatever the norm."""
    gaps = batch.values
    found: dict[Wrt, Array] = {}
    for space, norms in batch.norms.items():
        found[space] = torch.where(gaps == 0, gaps, gaps / norms).amin(dim=0).cpu().numpy()
    return found


def _counts(
    surface: Surface, inputs: Tensor, sigma: float, copies: int, generator: torch.Generator
) -> NDArray[np.int64]:
    """Return how often each class is answered to noisy copies, shape (examples, classes)."""
    total = 0
    for _ in range(copies):
        noise = torch.randn(inputs.shape, generator=generator, dtype=inputs.dtype).to(inputs.device)
        logits = answers(surface.model, inputs + sigma * noise)
        total = total + functional.one_hot(logits.argmax(dim=1), logits.shape[1])
    return torch.as_tensor(total).cpu().numpy()
