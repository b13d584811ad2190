"""Sides: which of the groups is answered worse, and which better."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from disparate.choice import Labelled
from disparate.errors import BadInput, NotApplicable, suggestion
from disparate.geometry.surface import evaluated
from disparate.groups import Groups
from disparate.measures.counts import confusion_counts
from disparate.measures.rates import f1_macro
from disparate.training.sparsity import BATCH


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Scores:
    """How well every group is answered over some examples; groups without one are absent.

    Args:
        f1: Macro F1 by name.
        loss: Mean cross-entropy by name, nats.
    """

    f1: Mapping[str, float]
    loss: Mapping[str, float]

    def worst_first(self) -> list[str]:
        """Return the groups from the lowest F1 to the highest, of equals the one with the higher loss first."""
        return sorted(self.f1, key=lambda name: (self.f1[name], -self.loss[name]))

    def told(self) -> dict[str, float]:
        """Return the F1 of every group."""
        return {name: round(value, 6) for name, value in self.f1.items()}


def group_scores(model: nn.Module, labelled: Labelled) -> Scores:
    """Return how well a network, in evaluation mode, answers every group.

    Args:
        model: The network; its mode is restored.
        labelled: The examples.

    Returns:
        The scores of groups with an example.
    """
    with evaluated(model), torch.no_grad():
        outputs = torch.cat([model(part).float() for part in labelled.inputs.split(BATCH)])
    losses = cross_entropy(outputs, labelled.target, reduction="none").cpu().numpy()
    groups = labelled.groups
    counts = confusion_counts(
        labelled.target.cpu().numpy(),
        outputs.argmax(dim=1).cpu().numpy(),
        groups.codes,
        groups=len(groups),
        classes=outputs.shape[1],
    )
    f1 = f1_macro(counts)
    present = [name for name, count in groups.counts().items() if count]
    return Scores(
        f1={name: float(f1[groups.names.index(name)]) for name in present},
        loss={name: float(losses[groups.mask(name)].mean()) for name in present},
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Sides:
    """Who is privileged and who is not.

    Args:
        unprivileged: Name of a group.
        privileged: Name of another.
        chosen_by: How the two were found, in words.
    """

    unprivileged: str
    privileged: str
    chosen_by: str

    def told(self, groups: Groups) -> dict[str, Any]:
        """Return the names, each with the number of labelled examples."""
        counts = groups.counts()
        return {
            "unprivileged": {self.unprivileged: counts[self.unprivileged]},
            "privileged": {self.privileged: counts[self.privileged]},
            "chosen_by": self.chosen_by,
        }


def sides_of(
    groups: Groups, scores: Scores, *, unprivileged: str | None = None, privileged: str | None = None
) -> Sides:
    """Return who is on which side: the groups that are named, else those with the lowest and the highest F1.

    Args:
        groups: The groups of the labelled examples.
        scores: How well each is answered.
        unprivileged: Name of a group, where it is named.
        privileged: Name of another, where it is named.

    Returns:
        The two groups.

    Raises:
        BadInput: A group that is named has no labelled example.
        NotApplicable: There are not two groups with labelled examples.
    """
    present = scores.worst_first()
    for side, name in (("unprivileged", unprivileged), ("privileged", privileged)):
        if name is not None and name not in present:
            raise BadInput(
                f"target: {side} is '{name}'; no labelled example of '{groups.by}' belongs to that group, so its "
                f"saliency cannot be found.{suggestion(name, present)}"
            )
    if len(present) < 2:
        raise NotApplicable(
            f"target: of the groups of '{groups.by}' only {present} have labelled examples; two were expected. Judge "
            "by another attribute, or use a split in which both train."
        )
    named = unprivileged is not None and privileged is not None
    worse = unprivileged or next(name for name in present if name != privileged)
    better = privileged or next(name for name in reversed(present) if name != worse)
    return Sides(
        unprivileged=worse,
        privileged=better,
        chosen_by="named" if named else "lowest and highest macro F1 over the labelled training examples",
    )
