"""Rules of weights: what holds for them while a network is trained, beside the objective."""

from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

WEIGHTED = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
"""Layers whose ``weight`` is pruned, quantised and put on a crossbar."""
Layer = nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d


class WeightRule(Protocol):
    """Something that holds for the weights during a training."""

    def begin_epoch(self, model: nn.Module, epoch: int) -> None:
        """Take note of the start of an epoch, counted from 1."""
        ...

    def seen(self, model: nn.Module) -> AbstractContextManager[None]:
        """Put in place what the forward and backward pass sees; afterwards the weights are as they were.

        A gradient taken inside is applied to the weights outside: a straight-through estimate.
        """
        ...

    def after_step(self, model: nn.Module) -> None:
        """Set right what a step of the optimiser has moved."""
        ...


@runtime_checkable
class TellingRule(Protocol):
    """A rule that keeps what it did, for the record of the training."""

    def told(self) -> dict[str, Any]:
        """Return what was done, as plain values."""
        ...


def weighted_layers(model: nn.Module) -> dict[str, Layer]:
    """Return the layers with a weight matrix by name; a layer that stands in two places, once.

    Example:
        >>> list(weighted_layers(nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1))))
        ['0', '2']
    """
    found = {name: module for name, module in model.named_modules() if isinstance(module, WEIGHTED)}
    first = {id(module.weight): name for name, module in reversed(found.items())}
    return {name: module for name, module in found.items() if name in first.values()}


@dataclass(frozen=True, slots=True, eq=False)
class KeptZeros:
    """Weights that are zero at the start stay zero: the mask of a pruned network, frozen.

    Args:
        kept: Layer name to the weights that may move, boolean, shape of the weight.
    """

    kept: dict[str, Tensor]

    @classmethod
    def of(cls, model: nn.Module) -> "KeptZeros":
        """Return the rule for the zeros that a network has now.

        Example:
            >>> layer = nn.Linear(2, 1, bias=False)
            >>> _ = layer.weight.data.copy_(torch.tensor([[0.0, 1.0]]))
            >>> rule = KeptZeros.of(layer)
            >>> _ = layer.weight.data.add_(1)
            >>> rule.after_step(layer)
            >>> layer.weight.tolist()
            [[0.0, 2.0]]
        """
        layers = weighted_layers(model)
        return cls({name: layer.get_parameter("weight").detach() != 0 for name, layer in layers.items()})

    def begin_epoch(self, model: nn.Module, epoch: int) -> None:
        """Do nothing."""

    def seen(self, model: nn.Module) -> AbstractContextManager[None]:
        """Show the weights as they are."""
        return nullcontext()

    def after_step(self, model: nn.Module) -> None:
        """Set what was zero to zero."""
        with torch.no_grad():
            for name, kept in self.kept.items():
                model.get_submodule(name).get_parameter("weight").mul_(kept)


@dataclass(frozen=True, slots=True, eq=False)
class RoundedWeights:
    r"""The network computes with weights rounded to integers of some bits, symmetric per output channel.

    $$ \hat w = s \, \mathrm{round}(w / s), \qquad s = \max |w| / (2^{b-1} - 1) $$

    Activations stay as they are: this is the weight part of quantisation-aware training; :class:`RoundedInputs` is the
    other.

    Args:
        bits: Of each weight, 2 or more.
    """

    bits: int

    def begin_epoch(self, model: nn.Module, epoch: int) -> None:
        """Do nothing."""

    @contextmanager
    def seen(self, model: nn.Module) -> Generator[None]:
        """Show rounded weights."""
        weights = [layer.get_parameter("weight") for layer in weighted_layers(model).values()]
        with torch.no_grad():
            before = [weight.detach().clone() for weight in weights]
            for weight in weights:
                weight.copy_(rounded(weight, self.bits))
        try:
            yield
        finally:
            with torch.no_grad():
                for weight, own in zip(weights, before, strict=True):
                    weight.copy_(own)

    def after_step(self, model: nn.Module) -> None:
        """Do nothing: the optimiser moves the weights that are not rounded."""


@dataclass(frozen=True, slots=True, eq=False)
class RoundedInputs:
    """The layers with weights get inputs that are rounded to levels between the smallest and largest of the batch.

    Together with :class:`RoundedWeights` it is quantisation-aware training for integer weights and integer inputs
    (jacob2018, sec. 3). Gradients pass the rounding as if it were not there.

    Args:
        bits: Of each input, 2 or more.
    """

    bits: int

    def begin_epoch(self, model: nn.Module, epoch: int) -> None:
        """Do nothing."""

    @contextmanager
    def seen(self, model: nn.Module) -> Generator[None]:
        """Round what the layers get."""
        hooks = [layer.register_forward_pre_hook(self._round) for layer in weighted_layers(model).values()]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def after_step(self, model: nn.Module) -> None:
        """Do nothing: only inputs are rounded."""

    def _round(self, layer: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        del layer
        first, *others = inputs
        return (first + (rounded_between(first.detach(), self.bits) - first.detach()), *others)


def rounded_between(inputs: Tensor, bits: int) -> Tensor:
    """Return inputs on the grid of 2^bits levels between the smallest and the largest, zero among them.

    Args:
        inputs: Any shape.
        bits: 2 or more.

    Returns:
        The same shape; zero stays exactly zero.

    Example:
        >>> rounded_between(torch.tensor([0.0, 0.4, 3.0]), 2).tolist()  # levels 0, 1, 2, 3
        [0.0, 0.0, 3.0]
    """
    low, high = inputs.min().clamp(max=0), inputs.max().clamp(min=0)
    scale = ((high - low) / (2**bits - 1)).clamp(min=torch.finfo(inputs.dtype).tiny)
    zero = torch.round(-low / scale)
    return (torch.round(inputs / scale + zero).clamp(0, 2**bits - 1) - zero) * scale


def rounded(weight: Tensor, bits: int) -> Tensor:
    """Return a weight on the grid of symmetric integers per output channel.

    Args:
        weight: Shape (out, ...).
        bits: 2 or more.

    Returns:
        The same shape; a channel of zeros stays zero.

    Example:
        >>> rounded(torch.tensor([[1.0, 0.4, -0.6]]), 2).tolist()  # one level on either side
        [[1.0, 0.0, -1.0]]
    """
    flat = weight.flatten(1)
    top = 2 ** (bits - 1) - 1
    scale = (flat.abs().amax(dim=1, keepdim=True) / top).clamp(min=torch.finfo(weight.dtype).tiny)
    return (torch.round(flat / scale) * scale).view_as(weight)


@contextmanager
def all_seen(rules: Sequence[WeightRule], model: nn.Module) -> Generator[None]:
    """Put in place what the passes see under several rules, each on top of the one before."""
    with ExitStack() as stack:
        for rule in rules:
            stack.enter_context(rule.seen(model))
        yield
