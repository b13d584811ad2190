r"""Diagonals of curvature per group, with their error: what FairXbar (mugdho2025) and FairPrune (wu2022) rest on.

The diagonal of the GGN is a mean of squares, $h_{jj} = \frac1n \sum_i \sum_c (S_{ic}^\top J_{ij})^2$, with columns
$S_{ic}$ whose outer products sum to the softmax Hessian $\mathrm{diag}(p_i) - p_i p_i^\top$. Its exact Cholesky columns
(tanabe1992), with classes in descending order of $p$ and $q_c = \sum_{k \ge c} p_k$, are

$$ S_c = \sqrt{\frac{p_c\, q_{c+1}}{q_c}} \Bigl( e_c - \sum_{k > c} \frac{p_k}{q_{c+1}} e_k \Bigr), \qquad c < C $$

so that the first sets the answer against all others. Estimators differ in what they take of them:

| estimator          | columns per example                          | random | backward passes |
| ------------------ | -------------------------------------------- | ------ | --------------- |
| `exact`            | every $S_c$                                  | no     | classes − 1     |
| `signs`            | $\sum_c \epsilon_c S_c$, $\epsilon_c = \pm 1$     | yes    | 1 per draw      |
| `labels`           | $e_y - p$, $y$ drawn from $p$: the sampled Fisher | yes | 1 per draw     |
| `empirical_fisher` | $e_y - p$, $y$ of the data: another matrix   | no     | 1               |
| `hutchinson`       | none: $z \odot H z$ with the full Hessian    | yes    | about 4 per draw |

For confident answers a drawn label is nearly always the likeliest one, whose column is nearly zero, and the diagonal
rests on rare draws; random signs see all columns at once. For networks of linear pieces (ReLU, max pooling, BatchNorm
in evaluation mode) the diagonals of GGN and Hessian are equal; for smooth activations they are not.
"""

from dataclasses import dataclass, replace
from typing import Literal, cast

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import Tensor

from disparate.errors import BadInput
from disparate.geometry.columns import drawn_labels, off_target, signed, softmax_factor
from disparate.geometry.products import products
from disparate.geometry.spectrum import random_vector
from disparate.geometry.squares import Columns, squared_slopes, trustworthy_layers
from disparate.geometry.surface import Surface, evaluated

Estimator = Literal["exact", "signs", "labels", "empirical_fisher", "hutchinson"]
SAMPLED = ("signs", "labels", "hutchinson")
RANKED = 100_000
MOST_AT_ONCE = 32
"""Examples whose slopes are held at a time; what a batch of 64 holds beside the sums was more than a training step."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Diagonal:
    r"""The diagonal of one group's curvature, in nats per squared unit of the weights.

    Sampled estimates are the mean of two independent halves A and B of the draws, of which each entry's error
    |A − B| / 2 follows.

    Args:
        estimator: How it was found.
        n: Examples of the group.
        draws: Random draws; 0 where nothing is random.
        value: Shape (parameters,), in the order of the surface's names.
        half_difference: (A − B) / 2, shape (parameters,); 0 where nothing is random.
    """

    estimator: Estimator
    n: int
    draws: int
    value: Tensor
    half_difference: Tensor

    @property
    def error(self) -> Tensor:
        """Standard error of every entry, over draws, from one degree of freedom; shape (parameters,)."""
        return self.half_difference.abs()

    @property
    def relative_error(self) -> float:
        """Length of the error over length of the diagonal; 0 where nothing is random."""
        length = float(self.value.double().norm())
        return float(self.half_difference.double().norm()) / length if length else 0.0

    @property
    def trace(self) -> float:
        """Sum of the diagonal."""
        return float(self.value.double().sum())

    @property
    def zeros(self) -> float:
        """Share of entries that are exactly zero, in [0, 1]: weights that no example of the group reaches."""
        return float((self.value == 0).double().mean())

    def ranking_quality(self, generator: np.random.Generator) -> float | None:
        """Return how well the two halves agree on the order of the weights: Spearman's rank correlation.

        Over entries that are not zero in both, at most 100,000 of them drawn at random. The mean of both halves ranks
        better than either; 1 where nothing is random, and around 0 where the draws do not rank at all.

        Args:
            generator: Source of the entries.

        Returns:
            In [-1, 1]; *undefined (None) when* fewer than three entries are not zero, or a half does not vary.
        """
        seen = torch.nonzero((self.value != 0) | (self.half_difference != 0)).flatten().cpu().numpy()
        if len(seen) > RANKED:
            seen = generator.choice(seen, RANKED, replace=False)
        value, half = (item.double().cpu().numpy()[seen] for item in (self.value, self.half_difference))
        first, second = value + half, value - half
        if len(seen) < 3 or np.ptp(first) == 0 or np.ptp(second) == 0:
            return None
        correlation, _ = cast("tuple[float, float]", spearmanr(first, second))
        return float(correlation)


def diagonal(
    surface: Surface, estimator: Estimator = "signs", *, draws: int = 2, generator: np.random.Generator
) -> Diagonal:
    """Return the diagonal of the curvature over the surface's examples.

    ``signs`` is chosen by its ranking: see :meth:`Diagonal.ranking_quality` for what it comes to on a network, and
    ``benchmarks/ggn_diagonal.py``. ``hutchinson`` is the only one of the full Hessian and ranks nothing with the few
    draws one can afford. Layers without a rule, and those whose rule does not agree with direct differentiation on the
    first two examples (a layer used twice, a weight used elsewhere), are differentiated example by example.

    Args:
        surface: The network and its examples.
        estimator: How.
        draws: Random draws, even and at least 2; not used where nothing is random.
        generator: Source of the draws.

    Returns:
        The diagonal with its error.

    Raises:
        BadInput: The number of draws is not even or below 2, or the network's slopes are not finite.

    Example:
        >>> model = torch.nn.Linear(1, 2, bias=False)
        >>> _ = model.weight.data.zero_()
        >>> rows = np.arange(4)
        >>> surface = Surface(model=model, inputs=lambda rows: torch.ones(len(rows), 1), rows=rows, target=rows % 2)
        >>> found = diagonal(surface, "exact", generator=np.random.default_rng(0))
        >>> found.value.tolist()  # p (1 - p)
        [0.25, 0.25]
    """
    if estimator in SAMPLED and (draws < 2 or draws % 2):
        raise BadInput(f"draws is {draws}; an even number of at least 2 was expected: the error is between two halves.")
    halves = _hutchinson(surface, draws, generator) if estimator == "hutchinson" else None
    found = halves or _from_columns(surface, estimator, draws, generator)
    value, half_difference = _mean_and_half_difference(found)
    if not torch.isfinite(value.sum()):
        raise BadInput(
            f"the diagonal of {type(surface.model).__name__} over {len(surface.rows)} examples is not finite; finite "
            "numbers were expected. The network diverged, or the choice broke it."
        )
    return Diagonal(
        estimator=estimator,
        n=len(surface.rows),
        draws=draws if estimator in SAMPLED else 0,
        value=value,
        half_difference=half_difference,
    )


def ascending(values: Tensor, generator: np.random.Generator) -> Tensor:
    """Return the entries' places from the smallest value to the largest; ties stand in an order drawn at random.

    A third to two thirds of the entries of a diagonal are exactly zero. In the order of the file they would always be
    taken from the first layers on.

    Args:
        values: Shape (entries,).
        generator: Source of the order of ties.

    Returns:
        Shape (entries,), int64.

    Example:
        >>> ascending(torch.tensor([3.0, 1.0, 2.0]), np.random.default_rng(0)).tolist()
        [1, 2, 0]
    """
    dealt = torch.from_numpy(generator.permutation(len(values))).to(values.device)
    return dealt[torch.argsort(values[dealt], stable=True)]


def _hutchinson(surface: Surface, draws: int, generator: np.random.Generator) -> list[Tensor]:
    operator = products(surface)
    halves = [torch.zeros_like(random_vector(surface, generator)) for _ in range(2)]
    for draw in range(draws):
        probe = random_vector(surface, generator)
        halves[draw % 2] += probe * operator(probe) / (draws / 2)
    return halves


def _from_columns(surface: Surface, estimator: Estimator, draws: int, generator: np.random.Generator) -> list[Tensor]:
    """Return the diagonals of one or two halves."""
    columns = _columns(estimator, draws, generator)
    halves = 2 if estimator in SAMPLED else 1
    surface = replace(surface, batch_size=min(surface.batch_size, MOST_AT_ONCE))
    with evaluated(surface.model), torch.enable_grad():
        inputs, target = next(surface.batches())
        layers = trustworthy_layers(surface.model, inputs[:2], target[:2])
        sums = [surface.parameters[0].new_zeros(surface.size) for _ in range(halves)]
        parts = [dict(zip(surface.names, surface.split(half), strict=True)) for half in sums]
        for inputs, target in surface.batches():
            for place, name, squares in squared_slopes(surface.model, inputs, target, columns, layers):
                parts[place % halves][name].add_(squares)
    scale = halves / (len(surface.rows) * (draws if halves == 2 else 1))
    return [half.mul_(scale) for half in sums]


def _mean_and_half_difference(halves: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Return (A + B) / 2 and (A − B) / 2 in the place of A and B, as vectors of this length are most of the memory."""
    if len(halves) == 1:
        return halves[0], torch.zeros_like(halves[0])
    first, second = halves
    mean = first.add_(second).div_(2)
    return mean, second.neg_().add_(mean)


def _columns(estimator: Estimator, draws: int, generator: np.random.Generator) -> Columns:
    if estimator == "exact":
        return lambda logits, _: softmax_factor(logits)
    if estimator == "signs":
        return lambda logits, _: signed(softmax_factor(logits), draws, generator)
    if estimator == "labels":
        return lambda logits, _: drawn_labels(logits, draws, generator)
    return lambda logits, target: off_target(logits, target)[None]
