"""Gradual pruning: weights go by magnitude while a network is trained on (zhu2017)."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from torch import Tensor, nn

from disparate.training.rules import KeptZeros, Layer, weighted_layers
from disparate.training.sparsity import Scope, marks, set_to_zero


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class GradualPruning:
    r"""At the start of every epoch the smallest weights go, and those that are gone stay zero.

    $$ s_t = s_f \, \bigl( 1 - (1 - t / T)^3 \bigr), \qquad t = 1 \dots T $$

    is the share that is zero during epoch $t$: fast at first, while there is much to spare, slowly at the end
    (zhu2017, eq. 1, from 0; hashemizadeh2024 with one step per epoch). From epoch $T$ on it is $s_f$. Weights that are
    zero at the start count as gone.

    Args:
        to: $s_f$, in [0, 1).
        epochs: $T$, 1 or more.
        scope: Whether the share is taken over all layers together or in each.
        dense_ends: Whether the first and the last layer stay whole; the share is then that of the layers between.
        kept: Layer name to the weights that may still move; filled as the training goes on.
    """

    to: float
    epochs: int
    scope: Scope
    dense_ends: bool
    kept: dict[str, Tensor] = field(default_factory=dict[str, Tensor])

    def share(self, epoch: int) -> float:
        """Return the share that is zero during an epoch.

        Args:
            epoch: Counted from 1.

        Returns:
            In [0, 1).

        Example:
            >>> rule = GradualPruning(to=0.8, epochs=2, scope="layer", dense_ends=False)
            >>> [round(rule.share(epoch), 3) for epoch in (1, 2, 3)]
            [0.7, 0.8, 0.8]
        """
        return self.to * (1 - (1 - min(epoch, self.epochs) / self.epochs) ** 3)

    def layers(self, model: nn.Module) -> dict[str, Layer]:
        """Return the layers whose weights go, by name."""
        found = list(weighted_layers(model).items())
        return dict(found[1:-1] if self.dense_ends else found)

    def begin_epoch(self, model: nn.Module, epoch: int) -> None:
        """Set the smallest weights to zero, as many as the epoch asks for."""
        layers = self.layers(model)
        scores = {name: layer.weight.detach().abs().flatten().float() for name, layer in layers.items()}
        set_to_zero(layers, marks(scores, self.share(epoch), self.scope))
        self.kept.update(KeptZeros.of(model).kept)

    def seen(self, model: nn.Module) -> AbstractContextManager[None]:
        """Show the weights as they are."""
        return nullcontext()

    def after_step(self, model: nn.Module) -> None:
        """Set what is gone to zero again."""
        KeptZeros(self.kept).after_step(model)
