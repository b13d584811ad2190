"""Prune: set a share of a network's weights to zero."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from disparate.choice import DeployContext
from disparate.errors import BadInput, NotApplicable

PRUNABLE = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)

Layer = nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d
Method = Literal["magnitude", "random", "structured"]
Scope = Literal["global", "layer"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Prune:
    """Set the given share of the weights of linear and convolution layers to zero.

    Biases and normalisation parameters stay, shapes stay, and nothing is trained afterwards. The number of zeros is
    ``round(rate × weights)``, exactly: among equal scores the first weight goes first.

    | method       | what goes first                                                  |
    | ------------ | ---------------------------------------------------------------- |
    | `magnitude`  | the smallest absolute values (han2015, sec. 3)                   |
    | `random`     | what the context's generator draws                               |
    | `structured` | output filters of the smallest L2 norm, together with their bias |

    Structured pruning counts filters, not weights, and leaves the last layer alone, whose filters are the classes.
    A normalisation after a removed filter still adds its shift: the channel becomes a constant, it does not vanish.

    Args:
        rate: Share to remove, in [0, 1). 0 leaves every answer bit for bit as it is.
        method: Which weights go.
        scope: Whether the share is taken over the whole network, where layers lose unequal shares, or in each layer.

    Raises:
        BadInput: The rate is outside [0, 1).

    Example:
        >>> model = nn.Linear(4, 1)
        >>> _ = model.weight.data.copy_(torch.tensor([[3.0, -1.0, 1.0, 2.0]]))
        >>> context = DeployContext(calibration=torch.zeros, generator=torch.Generator())
        >>> Prune(rate=0.25).apply(model, context).weight.tolist()  # of the two that tie, the first
        [[3.0, 0.0, 1.0, 2.0]]
    """

    __pydantic_config__: ClassVar[Mapping[str, Any]] = {"extra": "forbid"}

    rate: float
    method: Method = "magnitude"
    scope: Scope = "global"

    def __post_init__(self) -> None:
        if not 0 <= self.rate < 1:
            hint = f"; {self.rate:g} % is rate={self.rate / 100:g}" if 1 <= self.rate < 100 else ""
            raise BadInput(f"Prune(rate={self.rate}): a share in [0, 1) was expected{hint}.")

    @property
    def stochastic(self) -> bool:
        """Whether another draw removes other weights."""
        return self.method == "random"

    def apply(self, model: nn.Module, context: DeployContext) -> nn.Module:
        """Return a pruned copy.

        Args:
            model: The network; it keeps its weights.
            context: Its generator draws the weights of ``method="random"``; calibration inputs are not used.

        Returns:
            The copy, in the mode of ``model``.

        Raises:
            NotApplicable: There is no weight that may go, or a weight is not a plain floating-point parameter.
        """
        pruned = deepcopy(model)
        layers = _prunable_layers(pruned)
        with torch.no_grad():
            if self.method == "structured":
                _remove_filters(layers[:-1], self)
            else:
                _remove_weights([layer.weight for layer in layers], self, context.generator)
        return pruned

    def effective(self, deployed: nn.Module) -> Mapping[str, Any]:
        """Return the achieved shares.

        Args:
            deployed: What :meth:`apply` returned.

        Returns:
            ``zeros`` of ``weights`` and their ratio ``rate``; per layer its share of zero weights and, for structured
            pruning, ``filters_removed``; ``silenced``, the layers of which no weight is left.
        """
        layers = {name: layer.weight for name, layer in deployed.named_modules() if isinstance(layer, PRUNABLE)}
        zeros = {name: int((weight == 0).sum()) for name, weight in layers.items()}
        total = sum(weight.numel() for weight in layers.values())
        done: dict[str, Any] = {
            "rate": sum(zeros.values()) / total,
            "zeros": sum(zeros.values()),
            "weights": total,
            "layers": {name: zeros[name] / weight.numel() for name, weight in layers.items()},
            "silenced": [name for name, weight in layers.items() if zeros[name] == weight.numel()],
        }
        if self.method == "structured":
            norms = {name: weight.flatten(1).norm(dim=1) for name, weight in layers.items()}
            done["filters_removed"] = {name: int((norm == 0).sum()) for name, norm in norms.items()}
        return done


def smallest(scores: Tensor, share: float) -> Tensor:
    """Mark the smallest scores, exactly ``round(share × n)`` of them, the first of equals first.

    Args:
        scores: Shape (n,).
        share: In [0, 1].

    Returns:
        Boolean, shape (n,).

    Example:
        >>> smallest(torch.tensor([2.0, 1.0, 1.0, 1.0]), 0.5).tolist()
        [False, True, True, False]
    """
    marked = torch.zeros_like(scores, dtype=torch.bool)
    order = torch.sort(scores, stable=True).indices
    marked[order[: round(share * scores.numel())]] = True
    return marked


def _prunable_layers(model: nn.Module) -> list[Layer]:
    layers = {name: layer for name, layer in model.named_modules() if isinstance(layer, PRUNABLE)}
    if not layers:
        raise NotApplicable(
            f"Prune on {type(model).__name__}: it has no linear and no convolution layer with weights to remove. "
            "Leave the choice out for this model."
        )
    for name, layer in layers.items():
        if type(layer.weight) is not nn.Parameter or not layer.weight.is_floating_point():
            raise NotApplicable(
                f"Prune on {type(model).__name__}: the weight of layer '{name}' is not a plain floating-point "
                f"parameter but a {type(layer.weight).__name__} ({layer.weight.dtype}). Prune before quantize."
            )
    return list({id(layer.weight): layer for layer in layers.values()}.values())


def _remove_weights(weights: list[Tensor], choice: Prune, generator: torch.Generator) -> None:
    if choice.method == "magnitude":
        scores = [weight.detach().abs().flatten().float() for weight in weights]
    else:
        device = generator.device
        draws = [torch.rand(weight.numel(), generator=generator, device=device) for weight in weights]
        scores = [draw.to(weight.device) for draw, weight in zip(draws, weights, strict=True)]
    for weight, mark in zip(weights, _marks(scores, choice), strict=True):
        weight.masked_fill_(mark.view_as(weight), 0.0)


def _remove_filters(layers: list[Layer], choice: Prune) -> None:
    if not layers:
        raise NotApplicable(
            "Prune(method='structured'): the only layer with weights is the last one, whose filters are the classes. "
            "Use method='magnitude'."
        )
    norms = [layer.weight.detach().float().flatten(1).norm(dim=1) for layer in layers]
    for layer, mark in zip(layers, _marks(norms, choice), strict=True):
        layer.weight[mark] = 0.0
        if layer.bias is not None:
            layer.bias[mark] = 0.0


def _marks(scores: list[Tensor], choice: Prune) -> list[Tensor]:
    if choice.scope == "layer":
        return [smallest(part, choice.rate) for part in scores]
    return list(smallest(torch.cat(scores), choice.rate).split([len(part) for part in scores]))
