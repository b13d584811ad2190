"""Prune channels: whole channels, with everything in the network that hangs on them (fang2023)."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from types import ModuleType
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm as BatchNorm  # pyright: ignore[reportPrivateUsage]  of 1, 2, 3 dimensions

from disparate.choice import DeployContext
from disparate.errors import NotApplicable
from disparate.extras import require
from disparate.geometry.surface import evaluated
from disparate.training.rules import WEIGHTED
from disparate.training.sparsity import (
    Scope,
    achieved,
    marks,
    prunable_layers,
    remember,
    remembered,
    require_share,
)

FOLLOWED = 2
"""Inputs that are followed through the network; two, so that no layer takes a batch of one for an example."""
TOLERANCE = 1e-4
PASSING = ("CONCAT", "SPLIT", "ELEMENTWISE", "RESHAPE", "UNBIND", "EXPAND", "SLICE", "PRELU")
"""Kinds of operations of torch-pruning that make nothing of a channel that no later layer reads."""

Part = Literal["made", "scaled", "read", "passed"]


@dataclass(frozen=True, kw_only=True, slots=True)
class PruneChannels:
    """Remove whole channels of the smallest magnitude, with everything that hangs on them; all shapes are kept.

    Channels that meet in a sum go together: which do is found by following the network's own graph (fang2023, by
    torch-pruning). Of every channel what makes it (a filter and its bias), what scales and shifts it (batch
    normalisation) and what reads it (columns of the next layers) become zero, so that the network answers as the
    smaller one would; the smaller one is really cut out and the two are held against each other.

    Coupled channels are ranked by the library's magnitude: over the layers that make, scale or read them, the mean of
    their L2 norms, divided by the mean over the group so that groups compare. One channel of every group stays
    whatever the rate, and so do the outputs of the network. Channels that are tied to a layer normalisation, an
    attention or a grouped convolution are left alone.

    Args:
        rate: Share of the channels that may go, in [0, 1). 0 leaves every answer bit for bit as it is.
        scope: Whether the share is taken over the whole network, where groups lose unequal shares, or in each group.

    Raises:
        BadInput: The rate is outside [0, 1).

    Example:
        >>> PruneChannels(rate=0.5)
        PruneChannels(rate=0.5, scope='global')
    """

    __pydantic_config__: ClassVar[Mapping[str, Any]] = {"extra": "forbid"}

    rate: float
    scope: Scope = "global"

    def __post_init__(self) -> None:
        require_share("PruneChannels", self.rate)

    def apply(self, model: nn.Module, context: DeployContext) -> nn.Module:
        """Return a pruned copy.

        Args:
            model: The network; it keeps its weights.
            context: Two of its calibration inputs are followed through the network; nothing is drawn.

        Returns:
            The copy, in the mode of ``model``.

        Raises:
            MissingExtra: torch-pruning is not installed.
            NotApplicable: There is no channel that may go, a weight is not a plain floating-point parameter, or the
                network cannot be followed.
        """
        pruned = deepcopy(model)
        prunable_layers(pruned, choice="PruneChannels")
        inputs = context.calibration(FOLLOWED)
        coupled = Coupled.of(model, inputs)
        chosen = self._chosen(coupled.scores)
        for group, channels in chosen.items():
            for name, part, places in coupled.parts(group, channels):
                _set_to_zero(pruned.get_submodule(name), part, places)
        smaller = coupled.cut_out(chosen)
        _require_alike(pruned, smaller, inputs)
        sizes = {
            name: {"removed": len(chosen.get(name, ())), "of": len(score)} for name, score in coupled.scores.items()
        }
        remember(
            pruned,
            {
                "channels": sizes,
                "untouched": list(coupled.untouched),
                "parameters": sum(value.numel() for value in model.parameters()),
                "parameters_left": sum(value.numel() for value in smaller.parameters()),
            },
        )
        return pruned

    def effective(self, deployed: nn.Module) -> Mapping[str, Any]:
        """Return what was removed.

        Args:
            deployed: What :meth:`apply` returned.

        Returns:
            What :func:`disparate.training.sparsity.achieved` says; ``channels``, those removed and all of every group,
            by a layer that makes them; ``untouched``, layers whose channels cannot go; ``parameters`` and
            ``parameters_left``, those of the network and of the smaller one.
        """
        return {**achieved(deployed), **remembered(deployed)}

    def _chosen(self, scores: Mapping[str, Tensor]) -> dict[str, list[int]]:
        staying = {name: score.scatter(0, score.argmax(), torch.inf) for name, score in scores.items()}
        marked = marks(staying, self.rate, self.scope)
        gone = {name: torch.nonzero(mark & staying[name].isfinite()).flatten() for name, mark in marked.items()}
        return {name: places.tolist() for name, places in gone.items() if len(places)}


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Coupled:
    """The channels of a network that go together, as torch-pruning finds them.

    Args:
        library: torch-pruning.
        graph: Its graph of the network.
        model: A copy of the network, which may be cut.
        groups: The library's groups that may go, by a layer that makes their channels.
        scores: The library's magnitude of every channel, by group, on the CPU.
        untouched: Layers that make channels which cannot go.
    """

    library: ModuleType
    graph: Any
    model: nn.Module
    groups: Mapping[str, Any]
    scores: Mapping[str, Tensor]
    untouched: tuple[str, ...]

    @classmethod
    def of(cls, model: nn.Module, inputs: Tensor) -> "Coupled":
        """Return the coupled channels of a network, found on a copy of it.

        Args:
            model: The network.
            inputs: What is followed through it, shape (examples, ...).

        Returns:
            The groups.

        Raises:
            MissingExtra: torch-pruning is not installed.
            NotApplicable: The network cannot be followed, or there is no channel that may go.
        """
        library = require("torch_pruning", wanted_for="choice 'prune_channels'")
        copied = deepcopy(model).eval().requires_grad_(True)
        try:
            found = cls._followed(library, copied, inputs)
        except Exception as error:  # the library has no error of its own
            raise NotApplicable(
                f"PruneChannels on {type(model).__name__}: torch-pruning could not follow it ({error}). Use prune."
            ) from error
        if not found.groups:
            raise NotApplicable(
                f"PruneChannels on {type(model).__name__}: no channel can go; outputs of the network and channels that "
                "are tied to a layer normalisation, an attention or a grouped convolution stay. Use prune."
            )
        return found

    @classmethod
    def _followed(cls, library: ModuleType, model: nn.Module, inputs: Tensor) -> "Coupled":
        with torch.enable_grad():
            graph = library.DependencyGraph().build_dependency(model, [inputs], verbose=False)
        names = {module: name for name, module in model.named_modules()}
        groups = {names[group[0].dep.target.module]: group for group in graph.get_all_groups()}
        free = {name: group for name, group in groups.items() if _may_go(group, library)}
        magnitude = library.importance.GroupMagnitudeImportance(p=2)
        return cls(
            library=library,
            graph=graph,
            model=model,
            groups=free,
            scores={name: magnitude(group).detach().cpu().nan_to_num(0.0) for name, group in free.items()},
            untouched=tuple(name for name in groups if name not in free),
        )

    def parts(self, group: str, channels: list[int]) -> Iterator[tuple[str, Part, list[int]]]:
        """Yield what makes, scales and reads some channels of a group.

        Args:
            group: Name of the group.
            channels: Which of its channels.

        Yields:
            Name of a layer, what it does with the channels, and at which places.
        """
        names = {module: name for name, module in self.model.named_modules()}
        for dependency, places in self._group(group, channels):
            part = _part(dependency, self.library)
            if part in {"made", "scaled", "read"}:
                yield names[dependency.target.module], part, places

    def cut_out(self, chosen: Mapping[str, list[int]]) -> nn.Module:
        """Cut channels out of the copy for good, and return it.

        Args:
            chosen: Channels by name of the group.

        Returns:
            The smaller network.
        """
        for group, channels in chosen.items():
            self._group(group, channels).prune(record_history=False)
        return self.model

    def _group(self, name: str, channels: list[int]) -> Any:
        root = self.groups[name][0].dep
        return self.graph.get_pruning_group(root.target.module, root.handler, channels)


def _may_go(group: Any, library: ModuleType) -> bool:
    parts = [(dependency, _part(dependency, library)) for dependency, _ in group]
    return all(part is not None and (part in {"read", "passed"} or d.target.outputs) for d, part in parts)


def _part(dependency: Any, library: ModuleType) -> Part | None:
    """Return what a layer does with channels that reach it; None where they are not its own alone."""
    layer = dependency.target.module
    if isinstance(layer, BatchNorm):
        return "scaled"
    if isinstance(layer, WEIGHTED):
        if dependency.handler in (library.prune_conv_in_channels, library.prune_linear_in_channels):
            return "read" if getattr(layer, "groups", 1) == 1 else None
        return "made" if getattr(layer, "groups", 1) in (1, layer.weight.shape[0]) else None
    return "passed" if dependency.target.type.name in PASSING else None


def _set_to_zero(layer: Any, part: Part, places: list[int]) -> None:
    with torch.no_grad():
        if part == "read":
            layer.weight[:, places] = 0.0
            return
        for value in (layer.weight, layer.bias):
            if value is not None:
                value[places] = 0.0


def _require_alike(pruned: nn.Module, smaller: nn.Module, inputs: Tensor) -> None:
    with evaluated(pruned), torch.no_grad():
        ours, theirs = pruned(inputs), smaller(inputs)
    alike = ours.shape == theirs.shape and torch.allclose(ours, theirs, rtol=TOLERANCE, atol=TOLERANCE)
    if not alike:
        raise NotApplicable(
            f"PruneChannels on {type(pruned).__name__}: with its channels at zero it answers otherwise than with the "
            "channels cut out, so that they are not all that hangs together. Use prune."
        )
