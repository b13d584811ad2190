"""Fair prune: remove the weights that a privileged group needs and an unprivileged one does not (wu2022)."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from disparate.choice import DeployContext, Labelled
from disparate.errors import BadInput, NotApplicable, suggestion
from disparate.geometry.diagonal import ascending
from disparate.geometry.saliency import Curvature, deletion_costs
from disparate.geometry.surface import evaluated
from disparate.groups import Groups
from disparate.measures.counts import confusion_counts
from disparate.measures.disparity import accuracy_gap
from disparate.training.rules import Layer
from disparate.training.sparsity import (
    BATCH,
    Scope,
    achieved,
    group_surfaces,
    marks,
    numpy_generator,
    prunable_layers,
    remember,
    remembered,
    require_share,
    set_to_zero,
    weight_of,
)

Costs = Mapping[str, Tensor]


@dataclass(frozen=True, kw_only=True, slots=True)
class FairPrune:
    r"""Set the weights of the smallest saliency $s$ to zero: those the privileged group needs and the others do not.

    $$ s_i = \tfrac12 h^0_{ii} \theta_i^2 - \beta \, \tfrac12 h^1_{ii} \theta_i^2 $$

    | symbol     | what it is                                                                               |
    | ---------- | ---------------------------------------------------------------------------------------- |
    | $h^1$      | diagonal of the GGN of the privileged group's mean loss                                   |
    | $h^0$      | the same of the unprivileged group; of several, the mean, whatever their sizes            |
    | $\beta$    | how much the privileged group's loss is worth: 0 spares the unprivileged only, -1 both alike |

    The privileged group is the reference group and everyone else is unprivileged, unless they are named. Weights that
    are zero already go first, equals in an order drawn at random. Biases and normalisation stay and nothing is trained
    afterwards: the gap closes by taking from the privileged group, not by giving to the others.

    In several rounds each takes the same number of weights and the saliency is found anew in between. With
    ``patience`` the accuracy gap (best group minus worst, over the labelled examples) is looked at after each round;
    the network of the smallest gap is returned, and it may be the one that nothing was removed from.

    *Departs from the paper*: the GGN by random signs where there are many classes, not the exact second derivative,
    which residual networks do not have in its code; the accuracy gap as criterion, since equalised odds are undefined
    where the label is the group; more than two groups.

    Args:
        rate: Share of the weights to remove, in [0, 1). 0 leaves every answer bit for bit as it is.
        beta: $\beta$, -1 or more.
        privileged: Name of the privileged group; the reference group where not given.
        unprivileged: Name of the unprivileged group; all other groups where not given.
        examples: Most training examples of each group that the saliency is found on.
        scope: Whether the share is taken over the whole network or in each layer.
        estimator: How the diagonals are found; ``"exact"`` costs as many backward passes as there are classes.
        max_rounds: Rounds in which the share is removed.
        patience: Rounds without a smaller gap after which it ends; None goes through with all of them.

    Raises:
        BadInput: A setting is out of range, or both groups are the same.

    Example:
        >>> FairPrune(rate=0.35).by_group
        True
    """

    __pydantic_config__: ClassVar[Mapping[str, Any]] = {"extra": "forbid"}
    by_group: ClassVar[bool] = True
    stochastic: ClassVar[bool] = True

    rate: float
    beta: float = 0.3
    privileged: str | None = None
    unprivileged: str | None = None
    examples: int = 256
    scope: Scope = "global"
    estimator: Curvature = "signs"
    max_rounds: int = 1
    patience: int | None = None

    def __post_init__(self) -> None:
        require_share("FairPrune", self.rate)
        if not -1 <= self.beta < float("inf"):
            raise BadInput(f"FairPrune(beta={self.beta}): a finite number of -1 or more was expected.")
        for name in ("examples", "max_rounds", "patience"):
            found = getattr(self, name)
            if found is not None and found < 1:
                raise BadInput(f"FairPrune({name}={found}): at least 1 was expected.")
        if self.privileged is not None and self.privileged == self.unprivileged:
            raise BadInput(
                f"FairPrune(privileged='{self.privileged}', unprivileged='{self.unprivileged}'): two groups were "
                "expected."
            )

    def apply(self, model: nn.Module, context: DeployContext) -> nn.Module:
        """Return a pruned copy.

        Args:
            model: The network; it keeps its weights.
            context: Its labelled examples give the saliency; its generator draws signs and the order of equals.

        Returns:
            The copy, in the mode of ``model``.

        Raises:
            BadInput: A group that is named has no labelled example.
            NotApplicable: There is no weight that may go, a weight is not a plain floating-point parameter, or there is
                only one group.
        """
        pruned = deepcopy(model)
        layers = prunable_layers(pruned, choice="FairPrune")
        labelled = context.labelled(self.examples)
        sides = _sides(self, labelled.groups)
        subject = _Subject(
            model=pruned,
            layers=layers,
            labelled=labelled,
            sides=sides,
            choice=self,
            generator=numpy_generator(context.generator),
        )
        remember(pruned, {**sides.told(labelled.groups), **subject.in_rounds()})
        return pruned

    def effective(self, deployed: nn.Module) -> Mapping[str, Any]:
        """Return the achieved shares and what they rest on.

        Args:
            deployed: What :meth:`apply` returned.

        Returns:
            What :func:`disparate.training.sparsity.achieved` says; ``privileged`` and ``unprivileged``, labelled
            examples by group; ``rounds`` that the network went through; ``costs``, the loss that either side is
            expected to gain by the second order, nats; ``gaps``, the accuracy gap over the labelled examples before
            and after every round.
        """
        return {**achieved(deployed), **remembered(deployed)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Sides:
    """Who is privileged and who is not.

    Args:
        privileged: Name of a group.
        unprivileged: Names of the others, at least one.
    """

    privileged: str
    unprivileged: tuple[str, ...]

    def told(self, groups: Groups) -> dict[str, Any]:
        """Return the names with the number of examples of each."""
        counts = groups.counts()
        return {
            "privileged": {self.privileged: counts[self.privileged]},
            "unprivileged": {name: counts[name] for name in self.unprivileged},
        }


def _sides(choice: FairPrune, groups: Groups) -> Sides:
    present = [name for name, count in groups.counts().items() if count]
    for setting in ("privileged", "unprivileged"):
        name = getattr(choice, setting)
        if name is not None and name not in present:
            raise BadInput(
                f"FairPrune({setting}='{name}'): no labelled example of '{groups.by}' belongs to that group."
                f"{suggestion(name, present)}"
            )
    privileged = choice.privileged or groups.reference
    rest = tuple(name for name in present if name != privileged)
    unprivileged = rest if choice.unprivileged is None else (choice.unprivileged,)
    if not unprivileged or privileged not in present or privileged in unprivileged:
        raise NotApplicable(
            f"FairPrune: the privileged group of '{groups.by}' is '{privileged}', the unprivileged ones are "
            f"{list(unprivileged)}; two different groups with labelled examples were expected. Name them with "
            "privileged and unprivileged."
        )
    return Sides(privileged=privileged, unprivileged=unprivileged)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Subject:
    """A network that is being pruned in place, with all that decides how."""

    model: nn.Module
    layers: Mapping[str, Layer]
    labelled: Labelled
    sides: Sides
    choice: FairPrune
    generator: np.random.Generator

    def in_rounds(self) -> dict[str, Any]:
        """Prune round by round, and return what was done."""
        gaps, costs = [self.gap()], [(0.0, 0.0)]
        best, weights = 0, self._weights()
        for number in range(1, self.choice.max_rounds + 1):
            privileged, unprivileged = self._one_round(number / self.choice.max_rounds)
            costs.append((costs[-1][0] + privileged, costs[-1][1] + unprivileged))
            gaps.append(self.gap())
            if self.choice.patience is None or gaps[-1] < gaps[best]:
                best, weights = number, self._weights()
            elif number - best >= self.choice.patience:
                break
        with torch.no_grad():
            for name, weight in weights.items():
                self.layers[name].weight.copy_(weight)
        return {
            "rounds": best,
            "costs": dict(zip(("privileged", "unprivileged"), costs[best], strict=True)),
            "gaps": gaps,
        }

    def gap(self) -> float:
        """Return the accuracy of the best group minus that of the worst over the labelled examples."""
        with evaluated(self.model), torch.no_grad():
            outputs = torch.cat([self.model(part) for part in self.labelled.inputs.split(BATCH)])
        counts = confusion_counts(
            self.labelled.target.cpu().numpy(),
            outputs.argmax(dim=1).cpu().numpy(),
            self.labelled.groups.codes,
            groups=len(self.labelled.groups),
            classes=outputs.shape[1],
        )
        return float(accuracy_gap(counts))

    def _one_round(self, part: float) -> tuple[float, float]:
        """Prune up to a part of the rate, and return what it is expected to cost either side."""
        privileged, unprivileged = self._costs()
        scores = {
            name: _saliency(layer, privileged[name], unprivileged[name], self.choice.beta)
            for name, layer in self.layers.items()
        }
        order = partial(ascending, generator=self.generator)
        marked = marks(scores, self.choice.rate * part, self.choice.scope, order)
        set_to_zero(self.layers, marked)
        return _total(privileged, marked), _total(unprivileged, marked)

    def _costs(self) -> tuple[Costs, Costs]:
        """Return ½ h θ² of every weight for either side, flat, by layer."""
        with group_surfaces(self.model, self.labelled) as surfaces:
            found = {
                group: deletion_costs(surfaces[group], self.choice.estimator, generator=self.generator)
                for group in (self.sides.privileged, *self.sides.unprivileged)
            }
        privileged = found.pop(self.sides.privileged)
        names = {layer: weight_of(layer) for layer in self.layers}
        others = {layer: torch.stack([own[name].flatten() for own in found.values()]) for layer, name in names.items()}
        return (
            {layer: privileged[name].flatten() for layer, name in names.items()},
            {layer: costs.mean(dim=0) for layer, costs in others.items()},
        )

    def _weights(self) -> dict[str, Tensor]:
        return {name: layer.weight.detach().clone() for name, layer in self.layers.items()}


def _saliency(layer: Layer, privileged: Tensor, unprivileged: Tensor, beta: float) -> Tensor:
    gone = layer.weight.detach().flatten() == 0
    return (unprivileged - beta * privileged).masked_fill(gone, -torch.inf)


def _total(costs: Costs, marked: Mapping[str, Tensor]) -> float:
    return sum(float(costs[layer][mark].double().sum()) for layer, mark in marked.items())
