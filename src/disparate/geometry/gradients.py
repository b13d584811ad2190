r"""Gradients per group: full-batch norms, and what groups of the same size dealt at random would have.

The norm of a mean over few examples is larger by sampling alone. So beside $\lVert g_a \rVert$ stands what is expected
of $n_a$ of the same $n$ examples drawn without regard to groups,

$$ \mathrm{E} \lVert g_{n_a} \rVert^2 = \lVert g \rVert^2 + \Bigl( \frac{1}{n_a} - \frac{1}{n} \Bigr) S^2, \qquad
   S^2 = \frac{1}{n - 1} \sum_i \lVert g_i - g \rVert^2 $$

exact for draws without replacement. $S^2$ needs no per-example gradients: the examples of a group are dealt at random
into blocks, and the scatter of the blocks' gradients around the group's, times the block size, is an unbiased estimate
of that of its examples. One forward and one backward pass over the data give all of it.
"""

from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from disparate.errors import BadInput
from disparate.geometry.lanczos import inner
from disparate.geometry.lean import Lean
from disparate.geometry.surface import Rows, Surface, evaluated
from disparate.groups import Groups

Array = NDArray[np.float64]
Weights = Mapping[str, Tensor]
FEWEST_BLOCKS = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class GradientNorm:
    r"""Length of the gradient of one group's mean loss, nats per unit of the weights.

    Args:
        n: Examples of the group.
        norm: $\lVert g_a \rVert_2$ over all parameters.
        by_layer: The same over the parameters of each layer, by the layer's name.
        chance: Root mean square of the norm over groups of as many examples dealt at random from the same examples.
        chance_by_layer: The same, by layer.
    """

    n: int
    norm: float
    by_layer: Mapping[str, float]
    chance: float
    chance_by_layer: Mapping[str, float]


def gradient(surface: Surface) -> Tensor:
    r"""Return the gradient of the mean loss over the surface's examples, $\nabla J(\theta; D)$.

    Args:
        surface: The network and its examples.

    Returns:
        Flat, shape (parameters,), in the order of the surface's names.

    Raises:
        BadInput: It is not finite.

    Example:
        >>> model = torch.nn.Linear(1, 2, bias=False)
        >>> _ = model.weight.data.zero_()
        >>> rows = np.arange(4)
        >>> surface = Surface(model=model, inputs=lambda rows: torch.ones(len(rows), 1), rows=rows, target=rows * 0)
        >>> gradient(surface).tolist()  # p − e_y
        [-0.5, 0.5]
    """
    found = [torch.zeros_like(value) for value in surface.parameters]
    for slopes, _ in _summed(surface):
        _add(found, slopes)
    return torch.cat([part.reshape(-1) for part in found]) / len(surface.rows)


def group_gradients(surface: Surface, groups: Groups, *, generator: np.random.Generator) -> dict[str, GradientNorm]:
    r"""Return $\lVert g_a \rVert$ of every group, whole and by layer, with what chance makes of groups of that size.

    Full-batch gradients in evaluation mode, not means over mini-batches of mini-batch norms, which grow as groups
    shrink. *Departs from the papers*: tran2022 and nelaturu2024 show norms without that null. For two groups that make
    up the training data at a stationary point the norms are as the inverse of the sizes, identically; for three or
    more the smaller group need not have the larger gradient.

    Args:
        surface: The network and its examples.
        groups: The group of every example.
        generator: Deals the examples of a group into blocks.

    Returns:
        By group name; a group without an example among the surface's rows has no place.

    Raises:
        BadInput: A gradient is not finite.

    Example:
        >>> from disparate.groups import Attribute
        >>> model = torch.nn.Linear(1, 2, bias=False)
        >>> _ = model.weight.data.zero_()
        >>> rows = np.arange(4)
        >>> surface = Surface(model=model, inputs=lambda rows: torch.ones(len(rows), 1), rows=rows, target=rows // 2)
        >>> groups = Groups.of({"sex": Attribute.of(["f", "f", "m", "m"])}, by="sex")
        >>> found = group_gradients(surface, groups, generator=np.random.default_rng(0))
        >>> round(found["f"].norm, 4), round(found["f"].chance, 4)  # all slopes ±(½, −½): √½, and √(⅓ · ½)
        (0.7071, 0.4082)
    """
    total = [torch.zeros_like(value) for value in surface.parameters]
    parts = {name: _part(part, total, generator) for name, part in surface.by_group(groups).items()}
    n = len(surface.rows)
    whole = _squares(total) / n**2
    around = sum(part.within + part.squares * part.n for part in parts.values()) - whole * n
    scatter = np.maximum(around, 0) / max(n - 1, 1)
    return {name: _norms(surface, part, whole + (1 / part.n - 1 / n) * scatter) for name, part in parts.items()}


def gradient_flow(
    surface: Surface,
    checkpoints: Iterable[tuple[str, Weights]],
    groups: Groups,
    *,
    generator: np.random.Generator,
) -> dict[str, dict[str, GradientNorm]]:
    """Return every group's gradient norms at several times of a training.

    Args:
        surface: The network and its examples; the network's own weights are left as they are.
        checkpoints: Name and state of each time; they are looked at one after the other, so a generator may load them.
        groups: The group of every example.
        generator: Deals the examples of a group into blocks.

    Returns:
        By checkpoint, then by group.

    Raises:
        BadInput: A checkpoint does not fit the network, or a name occurs twice.
    """
    model = deepcopy(surface.model)
    moved = replace(surface, model=model)
    found: dict[str, dict[str, GradientNorm]] = {}
    for name, weights in checkpoints:
        if name in found:
            raise BadInput(f"checkpoint '{name}' occurs twice; every time of a training needs a name of its own.")
        try:
            model.load_state_dict(weights)
        except RuntimeError as error:
            raise BadInput(f"checkpoint '{name}' does not fit {type(model).__name__}: {error}") from error
        found[name] = group_gradients(moved, groups, generator=generator)
    return found


def by_layer(surface: Surface, squares: Array) -> dict[str, float]:
    """Return norms by layer from squared norms by parameter.

    Args:
        surface: Whose parameters.
        squares: Shape (number of parameter tensors,), in the order of the surface's names.

    Returns:
        Norms by the name of the layer that owns the parameters; ``""`` is the network itself.
    """
    sums: dict[str, float] = {}
    for name, square in zip(surface.names, squares.tolist(), strict=True):
        layer = name.rpartition(".")[0]
        sums[layer] = sums.get(layer, 0.0) + square
    return {layer: square**0.5 for layer, square in sums.items()}


def blocks(rows: Rows, *, most: int, fewest: int, generator: np.random.Generator) -> list[Rows]:
    """Deal rows at random into blocks of nearly equal size.

    Args:
        rows: Positions.
        most: Most rows of a block.
        fewest: Fewest blocks, as far as there are rows.
        generator: Source of the deal.

    Returns:
        The blocks, none empty.

    Example:
        >>> [len(block) for block in blocks(np.arange(10), most=4, fewest=2, generator=np.random.default_rng(0))]
        [4, 3, 3]
    """
    number = max(-(-len(rows) // most), min(fewest, len(rows)))
    return np.array_split(generator.permutation(rows), number)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Part:
    """Of one group, per parameter tensor: ‖g_a‖², and Σ over its examples of ‖g_i − g_a‖²."""

    n: int
    squares: Array
    within: Array


def _part(surface: Surface, total: list[Tensor], generator: np.random.Generator) -> _Part:
    """Return what is needed of a group, and add the sum of its gradients to the total."""
    n = len(surface.rows)
    dealt = blocks(surface.rows, most=surface.batch_size, fewest=FEWEST_BLOCKS, generator=generator)
    found = [torch.zeros_like(value) for value in surface.parameters]
    apart = np.zeros(len(found))
    for slopes, size in (item for rows in dealt for item in _summed(surface.over(rows))):
        _add(found, slopes)
        apart += _squares(slopes) / size
    _add(total, found)
    squares = _squares(found) / n**2
    between = np.maximum(apart - squares * n, 0)
    return _Part(n=n, squares=squares, within=between * ((n - 1) / max(len(dealt) - 1, 1)))


def _summed(surface: Surface) -> Iterator[tuple[list[Tensor], int]]:
    """Yield the gradient of each batch's summed loss, and the batch's size."""
    with evaluated(surface.model), torch.enable_grad(), Lean():
        for inputs, target in surface.batches():
            loss = cross_entropy(surface.model(inputs), target, reduction="sum")
            if not torch.isfinite(loss):
                raise BadInput(
                    f"the loss of {type(surface.model).__name__} over a batch of {len(target)} examples is "
                    f"{float(loss.detach())}; a finite number was expected. The network diverged, or a choice broke it."
                )
            slopes = torch.autograd.grad(loss, surface.parameters, materialize_grads=True)
            yield list(slopes), len(target)


def _add(sums: Iterable[Tensor], slopes: Iterable[Tensor]) -> None:
    for total, slope in zip(sums, slopes, strict=True):
        total.add_(slope)


def _squares(slopes: Iterable[Tensor]) -> Array:
    """Return the squared length of each tensor, summed in float64."""
    flat = (slope.reshape(-1) for slope in slopes)
    return torch.stack([inner(slope, slope) for slope in flat]).cpu().numpy()


def _norms(surface: Surface, part: _Part, expected: Array) -> GradientNorm:
    return GradientNorm(
        n=part.n,
        norm=float(part.squares.sum() ** 0.5),
        by_layer=by_layer(surface, part.squares),
        chance=float(expected.sum() ** 0.5),
        chance_by_layer=by_layer(surface, expected),
    )
