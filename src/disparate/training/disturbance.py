"""Disturbance: a device acts on the weights while they are trained, another chip at every step."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Literal

import torch
from torch import Tensor, nn

from disparate.choice import Labelled
from disparate.crossbar.arrays import arrays_of
from disparate.crossbar.chips import Fleeting, number_of
from disparate.crossbar.deploying import Placement
from disparate.crossbar.disturbing import disturbed
from disparate.crossbar.layers import mappable
from disparate.crossbar.reading import read_spread
from disparate.training.targeting import Target, targeted

Errors = Literal["straight_through", "write_back"]
"""Whether errors are gone before the optimiser steps, or stay in the weights."""


class Disturbance:
    """The network learns with the errors of a device in its weights (mugdho2025, section IV-D, step 4).

    ``straight_through``: every pass sees the weights as they are on a chip (quantised too), and its gradient moves the
    weights as they were. ``write_back``: after every step the errors, without the rounding, are added to the weights
    and stay; over many steps they add up. Which of the two the paper means is open.

    With a target only its weights are disturbed. It is found anew at the start of every epoch, or every so many steps.
    Batch normalisation keeps statistics of disturbed passes.

    Args:
        placement: The device, in the fidelity ``weights``, and the layers on it.
        errors: What becomes of errors.
        target: Which weights are disturbed; all where not given.
        refresh: Steps from one target to the next; None for one per epoch.
        labelled: Training examples of every group, where there is a target.
        seed: Training seed.
    """

    def __init__(
        self,
        placement: Placement,
        *,
        errors: Errors = "straight_through",
        target: Target | None = None,
        refresh: int | None = None,
        labelled: Labelled | None = None,
        seed: int = 0,
    ) -> None:
        self.placement, self.errors, self.target, self.refresh = placement, errors, target, refresh
        self.labelled, self.seed, self.step = labelled, seed, 0
        self.targets: list[dict[str, Any]] = []

    def begin_epoch(self, model: nn.Module, epoch: int) -> None:
        """Find the target, where this epoch is due for it."""
        if self.refresh is None or epoch == 1:
            self._aim(model)

    @contextmanager
    def seen(self, model: nn.Module) -> Generator[None]:
        """Show the weights of a chip."""
        if self.errors == "write_back":
            yield
            return
        weights = {name: layer.weight for name, layer in self._layers(model).items()}
        before = {name: weight.detach().clone() for name, weight in weights.items()}
        with torch.no_grad():
            for name, (_, found) in self._on_chip(model).items():
                weights[name].copy_(found)
        try:
            yield
        finally:
            with torch.no_grad():
                for name, weight in weights.items():
                    weight.copy_(before[name])

    def after_step(self, model: nn.Module) -> None:
        """Leave the errors of this step in the weights, if they stay, and take the next chip."""
        if self.errors == "write_back":
            layers = self._layers(model)
            with torch.no_grad():
                for name, (stored, found) in self._on_chip(model).items():
                    layers[name].weight.add_((found - stored).to(layers[name].weight.dtype))
        self.step += 1
        if self.refresh is not None and self.step % self.refresh == 0:
            self._aim(model)

    def told(self) -> dict[str, Any]:
        """Return how often a target was found, how many weights it had, and the last one."""
        if not self.targets:
            return {}
        selected = [target["selected"] for target in self.targets]
        return {"refreshed": len(selected), "selected": selected, "target": self.targets[-1]}

    def _aim(self, model: nn.Module) -> None:
        if self.target is None or self.labelled is None:
            return
        found = targeted(self.target, model, self.placement, self.labelled, seed=self.seed)
        self.placement = replace(self.placement, masks=found.masks)
        self.targets.append(found.told)

    def _layers(self, model: nn.Module) -> dict[str, Any]:
        return dict(mappable(model, only=self.placement.layers))

    def _on_chip(self, model: nn.Module) -> dict[str, tuple[Tensor, Tensor]]:
        """Return the weights of every layer as they are stored and as they are read on the chip of this step."""
        generator = torch.Generator().manual_seed(number_of(self.seed, "training", str(self.step)))
        held = arrays_of(mappable(model, only=self.placement.layers), self.placement.device, self.placement.masks)
        found: dict[str, tuple[Tensor, Tensor]] = {}
        for name, arrays in held.items():
            weight = disturbed(arrays, Fleeting(generator=generator)).weights
            if self.placement.device.read > 0:
                spread = read_spread(arrays)
                weight = weight + spread * torch.randn(spread.shape, generator=generator).to(spread)
            found[name] = arrays.held.stored, weight
        return found
