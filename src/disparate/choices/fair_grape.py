"""Fair GRAPE: keep the weights that keep every group's share of the importance (lin2022)."""

import math
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from disparate.choice import DeployContext, Labelled
from disparate.errors import BadInput
from disparate.geometry.saliency import gradient_importance
from disparate.training.rules import Layer
from disparate.training.sparsity import (
    achieved,
    group_surfaces,
    numpy_generator,
    prunable_layers,
    remember,
    remembered,
    require_share,
    set_to_zero,
    weight_of,
)

Array = NDArray[np.float64]
STEPS = 1000
"""The greedy keeps one weight at a time, and one in so many of those it holds already once there are more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FairGrape:
    r"""Keep, in every layer, weights such that each group's share of the importance stays what it was.

    $$ I_{g,i} = (\lvert w_i \rvert \, \lvert \partial_i J(\theta; D_g) \rvert)^2, \qquad
       T_g = \sum_i I_{g,i} \Big/ \sum_{g,i} I_{g,i} $$

    Greedily, from nothing: the group whose share among the kept weights falls furthest behind $T_g$ keeps the most
    important of its weights that is not kept yet; of equals, one drawn at random. Up to 2,000 weights one is kept at
    a time, beyond that one in a thousand of those kept already.

    The rate is reached in steps, each of which keeps ``keep_per_iter`` of the weights and finds importance and shares
    anew; nothing is trained in between. A chain of this choice and ``fine_tune`` trains in between. Every layer loses
    the same share. Biases and normalisation stay.

    *Departs from the authors' code*: see :func:`disparate.geometry.saliency.gradient_importance`; a layer keeps a
    rounded number of weights, not one rounded down.

    Args:
        rate: Share of every layer's weights to remove, in [0, 1). 0 leaves every answer bit for bit as it is.
        keep_per_iter: Share of the weights that one step keeps, in (0, 1); a small one reaches the rate at once.
        examples: Most training examples of each group that the importance is found on.

    Raises:
        BadInput: A setting is out of range.

    Example:
        >>> FairGrape(rate=0.9, keep_per_iter=0.3).shares()
        (0.7, 0.9)
    """

    __pydantic_config__: ClassVar[Mapping[str, Any]] = {"extra": "forbid"}
    by_group: ClassVar[bool] = True
    stochastic: ClassVar[bool] = True

    rate: float
    keep_per_iter: float = 0.9
    examples: int = 256

    def __post_init__(self) -> None:
        require_share("FairGrape", self.rate)
        if not 0 < self.keep_per_iter < 1:
            raise BadInput(f"FairGrape(keep_per_iter={self.keep_per_iter}): a share in (0, 1) was expected.")
        if self.examples < 1:
            raise BadInput(f"FairGrape(examples={self.examples}): at least 1 was expected.")

    def shares(self) -> tuple[float, ...]:
        """Return the share of weights that is removed after each step; the last is the rate."""
        steps = math.ceil(math.log(1 - self.rate) / math.log(self.keep_per_iter) - 1e-9)
        before = (round(1 - self.keep_per_iter**step, 12) for step in range(1, steps))
        return (*before, self.rate)

    def apply(self, model: nn.Module, context: DeployContext) -> nn.Module:
        """Return a pruned copy.

        Args:
            model: The network; it keeps its weights.
            context: Its labelled examples give the importance; its generator draws the order of equals.

        Returns:
            The copy, in the mode of ``model``.

        Raises:
            NotApplicable: There is no weight that may go, or a weight is not a plain floating-point parameter.
        """
        pruned = deepcopy(model)
        layers = prunable_layers(pruned, choice="FairGrape")
        labelled, generator = context.labelled(self.examples), numpy_generator(context.generator)
        deviation = 0.0
        for share in self.shares():
            deviation = _one_step(pruned, layers, labelled, share, generator)
        counts = {name: count for name, count in labelled.groups.counts().items() if count}
        remember(pruned, {"steps": len(self.shares()), "examples": counts, "deviation": deviation})
        return pruned

    def effective(self, deployed: nn.Module) -> Mapping[str, Any]:
        """Return the achieved shares and what they rest on.

        Args:
            deployed: What :meth:`apply` returned.

        Returns:
            What :func:`disparate.training.sparsity.achieved` says; ``examples``, labelled ones by group; ``steps``;
            ``deviation``, the largest difference between a group's share of a layer's importance before and after
            the last step, in [0, 1].
        """
        return {**achieved(deployed), **remembered(deployed)}


def kept_by_shares(importance: Array, keep: int, generator: np.random.Generator) -> NDArray[np.bool_]:
    """Return which weights of a layer the greedy keeps.

    Args:
        importance: Not negative, shape (weights, groups).
        keep: How many to keep, at most as many as there are.
        generator: Source of the order of equals.

    Returns:
        Exactly ``keep`` of them, shape (weights,). Where nothing is important to anybody, they are drawn at random.

    Example:
        >>> importance = np.array([[3.0, 0.0], [2.0, 0.0], [1.0, 0.0], [0.0, 2.0], [0.0, 1.0]])  # shares 2/3 and 1/3
        >>> kept_by_shares(importance, 3, np.random.default_rng(0)).tolist()
        [True, True, False, True, False]
    """
    weights, groups = importance.shape
    dealt = generator.permutation(weights)
    dealt_importance = torch.from_numpy(importance[dealt])
    orders = [dealt[torch.argsort(own, descending=True, stable=True).numpy()] for own in dealt_importance.T]
    target = _shares(importance)
    pull = target * importance.sum(axis=1, keepdims=True) - importance
    kept, count = np.zeros(weights, dtype=np.bool_), 0
    places, behind = [0] * groups, np.zeros(groups)
    while count < keep:
        group = int((behind if count else target).argmax())
        most = min(max(1, count // STEPS), keep - count)
        step = orders[group][places[group] : places[group] + most]
        fresh = step[~kept[step]]
        kept[fresh] = True
        behind += pull[fresh].sum(axis=0)
        places[group] += most
        count += len(fresh)
    return kept


def _shares(importance: Array) -> Array:
    """Return every group's share of the whole; equal shares where there is nothing to share."""
    sums = importance.sum(axis=0)
    total = sums.sum()
    return sums / total if total else np.full(len(sums), 1 / len(sums))


def _one_step(
    model: nn.Module, layers: Mapping[str, Layer], labelled: Labelled, share: float, generator: np.random.Generator
) -> float:
    """Prune up to a share, and return the largest change of a group's share of a layer's importance."""
    with group_surfaces(model, labelled) as surfaces:
        found = [gradient_importance(surface) for surface in surfaces.values()]
    deviation = 0.0
    for name, layer in layers.items():
        own = np.stack([part[weight_of(name)].flatten().double().cpu().numpy() for part in found], axis=1)
        there = np.flatnonzero(layer.weight.detach().flatten().cpu().numpy())
        keep = min(len(own) - round(share * len(own)), len(there))
        kept = there[kept_by_shares(own[there], keep, generator)]
        gone = torch.ones(len(own), dtype=torch.bool)
        gone[torch.from_numpy(kept)] = False
        set_to_zero({name: layer}, {name: gone.to(layer.weight.device)})
        if keep:
            deviation = max(deviation, float(np.abs(_shares(own[kept]) - _shares(own[there])).max()))
    return deviation
