"""Ranking: which weights a device may disturb, by what they are worth to two groups (mugdho2025, section IV)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import Tensor

Rule = Literal["fr", "fr_and_ar", "random", "highest"]
"""FairXbar's *FR only* and *F+A R*, weights at random, and those at the other end of the fairness ranking."""

COMPARED = 20_000
"""Most weights of a layer that two rankings are correlated over."""


def fairness_saliency(unprivileged: Tensor, privileged: Tensor, beta: float) -> Tensor:
    r"""Return $s_i = c^0_i - \beta \, c^1_i$: the smaller, the more a weight is worth to the privileged group alone.

    *Departs from the paper*, whose eq. 8 has the unprivileged group's second derivative in both terms, so that
    $s = (1 - \beta) a / 2$ would rank as $a$ does. Eq. 7 and the text mean this.

    Args:
        unprivileged: $c^0$, what disturbing each weight costs the unprivileged group, nats.
        privileged: $c^1$, the same of the privileged group.
        beta: β, what a nat of the privileged group is worth.

    Returns:
        Nats, same shape.

    Example:
        >>> fairness_saliency(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 2.0]), 0.5).tolist()
        [1.0, -1.0]
    """
    return unprivileged - beta * privileged


def accuracy_saliency(unprivileged: Tensor, privileged: Tensor) -> Tensor:
    """Return a_i = c⁰ + c¹ (eq. 10, corrected as eq. 8): what a weight is worth to both groups, each counted alike."""
    return unprivileged + privileged


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Ranked:
    """Weights that are ranked together: those of one layer, or of the whole network.

    Args:
        sizes: Number of weights of each layer, by name, in the order of the model.
        fairness: s of every weight, shape (weights,).
        accuracy: a of every weight, shape (weights,).
        deal: An order of all weights, int64, shape (weights,): of equals the first one goes first, in every ranking.
    """

    sizes: Mapping[str, int]
    fairness: Tensor
    accuracy: Tensor
    deal: Tensor

    def places(self, rule: Rule) -> Tensor:
        """Return the places of the weights in the order in which a rule takes them.

        *F+A R* is no order but a part of two; its order here is that of the fairness ranking.
        """
        if rule == "random":
            return self.deal
        return ordered(-self.fairness if rule == "highest" else self.fairness, self.deal)

    def share(self, share: float) -> int:
        """Return how many weights a share of them is."""
        return round(share * len(self.deal))

    def marked(self, rule: Rule, count: int) -> Tensor:
        """Mark the weights that a rule takes.

        Args:
            rule: Which.
            count: How many; of *F+A R* how many of each of the two rankings, of which those in both are taken.

        Returns:
            Boolean, shape (weights,).

        Example:
            >>> s, a = torch.tensor([-1.0, 0.0, 0.1, 2.0]), torch.tensor([2.0, 0.1, 0.0, 3.0])
            >>> ranked = Ranked(sizes={"fc": 4}, fairness=s, accuracy=a, deal=torch.arange(4))
            >>> ranked.marked("fr", 2).tolist(), ranked.marked("fr_and_ar", 2).tolist()
            ([True, True, False, False], [False, True, False, False])
        """
        if rule == "random":
            return first(self.deal, count)
        marked = smallest(-self.fairness if rule == "highest" else self.fairness, self.deal, count)
        return marked & smallest(self.accuracy, self.deal, count) if rule == "fr_and_ar" else marked

    def split(self, values: Tensor) -> dict[str, Tensor]:
        """Return one value per weight by layer, each flat."""
        return dict(zip(self.sizes, values.split(list(self.sizes.values())), strict=True))


def ordered(scores: Tensor, deal: Tensor) -> Tensor:
    """Return places from the smallest score to the largest; of equals the one that comes first in the deal.

    Example:
        >>> ordered(torch.tensor([1.0, 0.0, 1.0]), torch.tensor([2, 1, 0])).tolist()
        [1, 2, 0]
    """
    return deal[torch.argsort(scores[deal], stable=True)]


def smallest(scores: Tensor, deal: Tensor, count: int) -> Tensor:
    """Mark the places of the smallest scores, those that come first in :func:`ordered`; no order of all is needed.

    For the hundred million weights of a layer of VGG-11 a threshold is found in a third of the time of an order.

    Args:
        scores: Shape (weights,).
        deal: As in :class:`Ranked`.
        count: How many.

    Returns:
        Boolean, shape (weights,).

    Example:
        >>> smallest(torch.tensor([1.0, 0.0, 1.0]), torch.tensor([2, 1, 0]), 2).tolist()
        [False, True, True]
    """
    if not 0 < count < len(scores):
        return torch.full_like(scores, count > 0, dtype=torch.bool)
    limit = scores.kthvalue(count).values
    marked = scores < limit
    equal = scores == limit
    wanted = count - int(marked.sum())
    if wanted == int(equal.sum()):
        return marked | equal
    dealt = deal[equal[deal]]
    marked[dealt[:wanted]] = True
    return marked


def first(places: Tensor, count: int) -> Tensor:
    """Mark the first so many places, boolean, shape of ``places``."""
    marked = torch.zeros(len(places), dtype=torch.bool, device=places.device)
    marked[places[:count]] = True
    return marked


def ranked(
    unprivileged: Mapping[str, Tensor],
    privileged: Mapping[str, Tensor],
    *,
    beta: float,
    together: bool,
    generator: np.random.Generator,
) -> list[Ranked]:
    """Return the rankings of a network's weights: one of all, or one per layer.

    Args:
        unprivileged: What disturbing each weight costs the unprivileged group, flat, by layer.
        privileged: The same of the privileged group.
        beta: β.
        together: Whether all layers are ranked together.
        generator: Deals the order of equals.

    Returns:
        In the order of the layers.
    """
    names = list(unprivileged)
    parts = [names] if together else [[name] for name in names]
    found: list[Ranked] = []
    for part in parts:
        worse, better = (torch.cat([costs[name] for name in part]) for costs in (unprivileged, privileged))
        deal = torch.from_numpy(generator.permutation(len(worse))).to(worse.device)
        found.append(
            Ranked(
                sizes={name: len(unprivileged[name]) for name in part},
                fairness=fairness_saliency(worse, better, beta),
                accuracy=accuracy_saliency(worse, better),
                deal=deal,
            )
        )
    return found


def by_layer(rankings: Sequence[Ranked], values: Iterable[Tensor]) -> dict[str, Tensor]:
    """Return one value per weight of every ranking by layer, each flat."""
    found: dict[str, Tensor] = {}
    for ranking, part in zip(rankings, values, strict=True):
        found |= ranking.split(part)
    return found


def nearest_count(energy: Tensor, whole: float) -> int:
    """Return how many weights, in their order, have a total energy nearest to a given one.

    Args:
        energy: Of every weight in the order in which they are taken, 0 or more, shape (weights,).
        whole: The energy to come near to.

    Returns:
        The smallest such number, from 0 to all.

    Example:
        >>> nearest_count(torch.tensor([1.0, 1.0, 5.0]), 2.5), nearest_count(torch.tensor([1.0, 1.0]), 0.0)
        (2, 0)
    """
    totals = torch.cat([torch.zeros(1, dtype=torch.float64, device=energy.device), energy.double().cumsum(0)])
    return int((totals - whole).abs().argmin())


def agreement(fairness: Tensor, accuracy: Tensor) -> float | None:
    """Return Spearman's correlation of the two rankings of a layer: 1 where both name the same weights first.

    Over at most so many weights as ``COMPARED`` says, evenly spaced.

    Args:
        fairness: s, shape (weights,).
        accuracy: a, shape (weights,).

    Returns:
        In [-1, 1]; *undefined (None) when* there are fewer than three weights or one saliency does not vary.

    Example:
        >>> agreement(torch.tensor([-1.0, -2.0, -3.0]), torch.tensor([1.0, 2.0, 3.0]))
        -1.0
    """
    step = -(-len(fairness) // COMPARED)
    left, right = (values[::step].double().cpu().numpy() for values in (fairness, accuracy))
    if len(left) < 3 or np.ptp(left) == 0 or np.ptp(right) == 0:
        return None
    correlation: float = spearmanr(left, right)[0]  # pyright: ignore[reportAssignmentType]
    return round(float(correlation), 6)
