"""Targeting: which weights of a network a device may disturb, chosen by what they are worth to two groups."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from disparate.choice import Labelled
from disparate.crossbar.arrays import Arrays, arrays_of
from disparate.crossbar.chips import Fleeting, number_of
from disparate.crossbar.deploying import Placement, on_crossbars
from disparate.crossbar.disturbing import disturbed
from disparate.crossbar.layers import mappable
from disparate.errors import BadInput
from disparate.geometry.saliency import Curvature, deletion_costs, noise_costs
from disparate.training.ranking import Ranked, Rule, agreement, by_layer, nearest_count, ranked
from disparate.training.sides import Sides, group_scores, sides_of
from disparate.training.sparsity import Scope, group_surfaces

Saliency = Literal["delete", "noise"]
"""What disturbing a weight costs: ½ h θ², as the paper has it, or ½ h σ², as noise of mean zero does."""
Dose = Literal["share", "count", "energy", "f1"]
"""How many weights: a share, or as much as *F+A R* injects at that share, counted in one of three ways."""

Costs = dict[str, Tensor]
CHIPS = 16
"""Chips that the expected energy of a weight is the mean over."""
TRIED = 4
"""Chips that a loss of F1 is the mean over while a dose is calibrated."""
STEPS = 10
"""Doses that are tried."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    r"""Which weights a device may disturb; all others are protected (mugdho2025, section IV).

    Every weight costs either group something, $c^0$ the unprivileged and $c^1$ the privileged one. The *fairness
    ranking* goes from the smallest $s = c^0 - \beta c^1$ (needed by the privileged group alone) to the largest, the
    *accuracy ranking* from the largest $a = c^0 + c^1$ to the smallest.

    | rule        | disturbs                                                                                        |
    | ----------- | ----------------------------------------------------------------------------------------------- |
    | `fr`        | the top ``share`` of the fairness ranking: *FR only*                                             |
    | `fr_and_ar` | what is in it and among the bottom ``share`` of the accuracy ranking: *F+A R*; it may be empty    |
    | `random`    | weights at random                                                                                |
    | `highest`   | the other end of the fairness ranking                                                            |

    *F+A R* takes fewer weights than *FR only*, so that a gentler effect may be nothing but a smaller dose. With
    ``dose`` another rule takes as much as *F+A R* does at this share: ``count``, as many weights of each ranking;
    ``energy``, the same expected sum of squared errors; ``f1``, so many that the macro F1 of the labelled examples
    falls as much.

    A third to two thirds of all saliencies may be exactly zero. Equals stand in an order dealt at random from training
    seed and ``seed``, one for all rules and draws: what a smaller share takes, a larger one takes as well.

    Args:
        rule: Which weights.
        share: Of every ranking, in [0, 1]; FairXbar's *variation target*.
        beta: β, 0 or more.
        saliency: ``"delete"``: $c = \frac12 h \theta^2$; ``"noise"``: $\frac12 h \max\theta^2$, per σ² of the device.
        scope: Whether every layer is ranked by itself, as in the paper, or all together.
        unprivileged: Name of a group; where not given the one with the lowest macro F1 over the labelled examples, of
            equals the one with the higher loss.
        privileged: Name of another group; the one with the highest where not given.
        examples: Most training examples of each group that all this is found on.
        estimator: How second derivatives are found; ``"exact"`` costs as many backward passes as there are classes.
        dose: How many weights.
        seed: Of the random signs and of the order of equals, beside the training seed.

    Raises:
        BadInput: A setting is out of range, both groups are the same, or *F+A R* is given the dose of itself.

    Example:
        >>> Target(rule="fr", share=5)
        Traceback (most recent call last):
        ...
        disparate.errors.BadInput: target: share is 5; a share in [0, 1] was expected; 5 % is 0.05.
    """

    __pydantic_config__: ClassVar[Mapping[str, Any]] = {"extra": "forbid"}

    rule: Rule = "fr"
    share: float = 0.05
    beta: float = 0.3
    saliency: Saliency = "delete"
    scope: Scope = "layer"
    unprivileged: str | None = None
    privileged: str | None = None
    examples: int = 256
    estimator: Curvature = "signs"
    dose: Dose = "share"
    seed: int = 0

    def __post_init__(self) -> None:
        hint = f"; {self.share:g} % is {self.share / 100:g}" if 1 < self.share <= 100 else ""
        _require(0 <= self.share <= 1, "share", self.share, f"a share in [0, 1] was expected{hint}")
        _require(0 <= self.beta < float("inf"), "beta", self.beta, "a finite number of 0 or more was expected")
        _require(self.examples >= 1, "examples", self.examples, "1 or more of each group were expected")
        _require(self.seed >= 0, "seed", self.seed, "0 or more was expected")
        both = self.privileged is not None and self.privileged == self.unprivileged
        _require(not both, "unprivileged and privileged", f"'{self.privileged}'", "two different groups were expected")
        if self.rule == "fr_and_ar" and self.dose != "share":
            raise BadInput(
                f"target: dose is '{self.dose}' and rule is 'fr_and_ar', which is what other rules are matched with. "
                "Leave dose out."
            )


def _require(holds: bool, name: str, found: object, expected: str) -> None:
    if not holds:
        raise BadInput(f"target: {name} is {found}; {expected}.")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Targeted:
    """The weights of one network that a device may disturb.

    Args:
        masks: True where it may, by layer, in the shapes of the weights.
        told: What they were chosen by and how many they are, as plain values.
    """

    masks: dict[str, Tensor]
    told: dict[str, Any]


def targeted(target: Target, model: nn.Module, placement: Placement, labelled: Labelled, *, seed: int) -> Targeted:
    """Return the weights of a network that a device may disturb.

    Args:
        target: How they are chosen.
        model: The trained network; it is left as it is.
        placement: The device and the layers on it; the device counts for the doses ``energy`` and ``f1`` alone.
        labelled: Training examples of every group.
        seed: Training seed.

    Returns:
        The masks. What is told: the settings; ``unprivileged`` and ``privileged``, labelled examples by name, and
        ``chosen_by``; ``f1`` of every group; ``selected`` of ``weights``, whole and by layer, with the ``agreement`` of
        the two rankings (Spearman).

    Raises:
        BadInput: A group that is named has no labelled example.
        NotApplicable: Fewer than two groups have one, or no layer can be held.
    """
    asked = (target, placement.device, tuple(placement.layers))
    content = _digest(model, labelled)
    return _targeted(_Question((content, asked, seed), target, model, placement, labelled))


@dataclass(frozen=True, slots=True, eq=False)
class _Question:
    """What is asked of a network; two questions are one where their keys are.

    Args:
        key: A digest of weights and examples, what is asked, the training seed.
        target: How weights are chosen.
        model: The network.
        placement: Where it goes.
        labelled: The examples.
    """

    key: tuple[str, object, int]
    target: Target
    model: nn.Module
    placement: Placement
    labelled: Labelled

    @property
    def seed(self) -> int:
        """Training seed."""
        return self.key[2]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Question) and other.key == self.key

    def __hash__(self) -> int:
        return hash(self.key)


@lru_cache(maxsize=1)
def _targeted(question: _Question) -> Targeted:
    """Return the weights that a device may disturb; kept, as every draw asks again."""
    target, model, placement, labelled = question.target, question.model, question.placement, question.labelled
    layers = {name: layer.weight for name, layer in mappable(model, only=placement.layers).items()}
    scores = group_scores(model, labelled)
    sides = sides_of(labelled.groups, scores, unprivileged=target.unprivileged, privileged=target.privileged)
    of_rankings = (target.saliency, target.estimator, target.seed, target.beta, target.scope, tuple(layers))
    rankings = _rankings(replace(question, key=(question.key[0], of_rankings, question.seed)), sides)
    subject = _Subject(model=model, placement=placement, labelled=labelled, rankings=rankings, seed=question.seed)
    marked = by_layer(rankings, subject.marked(target))
    masks = {name: marked[name].view_as(weight) for name, weight in layers.items()}
    told = {**_settings(target), **sides.told(labelled.groups), "f1": scores.told(), **_counted(rankings, masks)}
    return Targeted(masks=masks, told=told)


def _digest(model: nn.Module, labelled: Labelled) -> str:
    found = hashlib.sha256(repr(labelled.groups.names).encode())
    for name, value in model.state_dict().items():
        found.update(name.encode())
        found.update(_bytes(value))
    for value in (labelled.inputs, labelled.target, torch.from_numpy(labelled.groups.codes)):
        found.update(_bytes(value))
    return found.hexdigest()


def _bytes(value: Tensor) -> bytes:
    return value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes()


@lru_cache(maxsize=1)
def _rankings(question: _Question, sides: Sides) -> list[Ranked]:
    """Return the rankings of the weights; kept, as every rule and share asks again."""
    target, model = question.target, question.model
    of_costs = (target.saliency, target.estimator, target.seed)
    costs = _costs(replace(question, key=(question.key[0], of_costs, question.seed)), sides)
    names = {id(value): name for name, value in model.named_parameters()}
    layers = {name: layer.weight for name, layer in mappable(model, only=question.placement.layers).items()}
    unprivileged, privileged = ({name: part[names[id(w)]] for name, w in layers.items()} for part in costs)
    generator = np.random.default_rng((question.seed, target.seed))
    return ranked(unprivileged, privileged, beta=target.beta, together=target.scope == "global", generator=generator)


@lru_cache(maxsize=1)
def _costs(question: _Question, sides: Sides) -> tuple[Costs, Costs]:
    """Return what every weight costs the two groups, flat, by parameter; kept, as every rule asks again."""
    target = question.target
    of = {"delete": deletion_costs, "noise": noise_costs}[target.saliency]
    generator = np.random.default_rng((question.seed, target.seed))
    with group_surfaces(question.model, question.labelled) as surfaces:
        found = [
            of(surfaces[name], target.estimator, generator=generator) for name in (sides.unprivileged, sides.privileged)
        ]
    first, second = ({name: part.flatten() for name, part in costs.items()} for costs in found)
    return first, second


def _settings(target: Target) -> dict[str, Any]:
    names = ("rule", "share", "beta", "saliency", "scope", "dose", "seed")
    return {name: getattr(target, name) for name in names} | {"equals": "in an order dealt from training seed and seed"}


def _counted(rankings: Sequence[Ranked], masks: Mapping[str, Tensor]) -> dict[str, Any]:
    fairness, accuracy = (by_layer(rankings, [getattr(r, kind) for r in rankings]) for kind in ("fairness", "accuracy"))
    layers: dict[str, dict[str, Any]] = {
        name: {
            "selected": int(mask.sum()),
            "weights": mask.numel(),
            "agreement": agreement(fairness[name], accuracy[name]),
        }
        for name, mask in masks.items()
    }
    return {
        "selected": sum(layer["selected"] for layer in layers.values()),
        "weights": sum(layer["weights"] for layer in layers.values()),
        "layers": layers,
    }


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Subject:
    """A ranked network on its device: what doses are measured on."""

    model: nn.Module
    placement: Placement
    labelled: Labelled
    rankings: Sequence[Ranked]
    seed: int

    def marked(self, target: Target) -> list[Tensor]:
        """Return what a target takes of every ranking."""
        both = [ranking.marked("fr_and_ar", ranking.share(target.share)) for ranking in self.rankings]
        if target.rule == "fr_and_ar":
            return both
        if target.dose == "f1":
            return self._losing_as_much(target.rule, both)
        counts = {
            "share": lambda: [ranking.share(target.share) for ranking in self.rankings],
            "count": lambda: [int(marked.sum()) for marked in both],
            "energy": lambda: self._as_much_energy(target.rule, both),
        }[target.dose]()
        return [ranking.marked(target.rule, count) for ranking, count in zip(self.rankings, counts, strict=True)]

    def _as_much_energy(self, rule: Rule, both: Sequence[Tensor]) -> list[int]:
        energies = self.energies()
        found: list[int] = []
        for ranking, marked in zip(self.rankings, both, strict=True):
            own = torch.cat([energies[name] for name in ranking.sizes])
            found.append(nearest_count(own[ranking.places(rule)], float(own[marked].double().sum())))
        return found

    def energies(self) -> Costs:
        """Return the expected squared error of every weight, flat, by layer: the mean over some chips."""
        device = self.placement.device
        held = arrays_of(mappable(self.model, only=self.placement.layers), device, {})
        chip = Fleeting(generator=torch.Generator().manual_seed(number_of(self.seed, "energy")))
        return {name: _mean_energy(arrays, chip) for name, arrays in held.items()}

    def _losing_as_much(self, rule: Rule, both: Sequence[Tensor]) -> list[Tensor]:
        """Return the dose, of those tried, under which F1 falls most nearly as much as under *F+A R*."""
        if not any(bool(marked.any()) for marked in both):
            return list(both)
        wanted = self._f1(both)
        low, high = 1 / sum(len(ranking.deal) for ranking in self.rankings), 1.0
        best, least = list(both), float("inf")
        for _ in range(STEPS):
            share = (low * high) ** 0.5
            marked = [ranking.marked(rule, ranking.share(share)) for ranking in self.rankings]
            found = self._f1(marked)
            if abs(found - wanted) <= least:
                best, least = marked, abs(found - wanted)
            low, high = (share, high) if found > wanted else (low, share)
        return best

    def _f1(self, marked: Sequence[Tensor]) -> float:
        """Return the macro F1 of the labelled examples, the mean over groups and some chips."""
        layers = mappable(self.model, only=self.placement.layers)
        flat = by_layer(self.rankings, marked)
        masks = {name: flat[name].view_as(layer.weight) for name, layer in layers.items()}
        placement = replace(self.placement, masks=masks)
        found: list[float] = []
        for one in range(TRIED):
            # from one seed, so that every dose meets the same deviates
            chip = Fleeting(generator=torch.Generator().manual_seed(number_of(self.seed, "dose", str(one))))
            deployed = on_crossbars(self.model, placement, chip, cycle_seed=one)
            found += group_scores(deployed, self.labelled).f1.values()
        return float(np.mean(found))


def _mean_energy(arrays: Arrays, chip: Fleeting) -> Tensor:
    """Return the mean squared error of every weight, flat; a running sum, as all chips of a large layer fill memory."""
    stored = arrays.held.stored
    total = torch.zeros_like(stored, dtype=torch.float64)
    for _ in range(CHIPS):
        total += (disturbed(arrays, chip).weights - stored).square_()
    return (total / CHIPS).flatten()
