"""Prune: set a share of a network's weights to zero."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from disparate.choice import DeployContext
from disparate.errors import NotApplicable
from disparate.training.rules import Layer, weighted_layers
from disparate.training.sparsity import Scope, achieved, marks, prunable_layers, require_share, set_to_zero

Method = Literal["magnitude", "random", "structured"]


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
        require_share("Prune", self.rate)

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
        layers = prunable_layers(pruned, choice="Prune")
        with torch.no_grad():
            if self.method == "structured":
                _remove_filters(dict(list(layers.items())[:-1]), self)
            else:
                _remove_weights(layers, self, context.generator)
        return pruned

    def effective(self, deployed: nn.Module) -> Mapping[str, Any]:
        """Return the achieved shares.

        Args:
            deployed: What :meth:`apply` returned.

        Returns:
            ``zeros`` of ``weights`` and their ratio ``rate``; per layer its share of zero weights and, for structured
            pruning, ``filters_removed``; ``silenced``, the layers of which no weight is left.
        """
        done = achieved(deployed)
        if self.method == "structured":
            layers = weighted_layers(deployed)
            norms = {name: layer.weight.flatten(1).norm(dim=1) for name, layer in layers.items()}
            done["filters_removed"] = {name: int((norm == 0).sum()) for name, norm in norms.items()}
        return done


def _remove_weights(layers: Mapping[str, Layer], choice: Prune, generator: torch.Generator) -> None:
    scores = {name: _score(layer.weight, choice, generator) for name, layer in layers.items()}
    set_to_zero(layers, marks(scores, choice.rate, choice.scope))


def _score(weight: Tensor, choice: Prune, generator: torch.Generator) -> Tensor:
    if choice.method == "magnitude":
        return weight.detach().abs().flatten().float()
    return torch.rand(weight.numel(), generator=generator, device=generator.device).to(weight.device)


def _remove_filters(layers: Mapping[str, Layer], choice: Prune) -> None:
    if not layers:
        raise NotApplicable(
            "Prune(method='structured'): the only layer with weights is the last one, whose filters are the classes. "
            "Use method='magnitude'."
        )
    norms = {name: layer.weight.detach().float().flatten(1).norm(dim=1) for name, layer in layers.items()}
    for name, mark in marks(norms, choice.rate, choice.scope).items():
        layers[name].weight[mark] = 0.0
        bias = layers[name].bias
        if bias is not None:
            bias[mark] = 0.0
