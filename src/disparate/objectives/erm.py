"""Empirical risk minimisation: the mean cross-entropy, whoever the examples are."""

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import cross_entropy

from disparate.objectives import Batch, Course, Population, UnchangingMean


@dataclass(frozen=True, kw_only=True, slots=True)
class ERM:
    r"""Mean cross-entropy over the batch.

    $$ J(\theta; B) = \frac{1}{|B|} \sum_{(x, y) \in B} -\log p_\theta(y \mid x) $$
    """

    def begin(self, population: Population) -> Course:
        """Return the objective at the start of a training; nothing of it changes."""
        del population
        return UnchangingMean(of=mean_loss, each=own_losses)


def mean_loss(outputs: Tensor, batch: Batch) -> Tensor:
    """Return the mean cross-entropy, nats.

    Args:
        outputs: Logits, shape (batch, classes).
        batch: Targets of the step.

    Returns:
        A scalar.

    Example:
        >>> import torch
        >>> batch = Batch(target=torch.tensor([0]), group=torch.tensor([0]))
        >>> round(mean_loss(torch.zeros(1, 2), batch).item(), 4)  # log 2
        0.6931
    """
    return cross_entropy(outputs, batch.target, label_smoothing=batch.label_smoothing)


def own_losses(outputs: Tensor, batch: Batch) -> Tensor:
    """Return every example's cross-entropy, nats, shape (batch,).

    Args:
        outputs: Logits, shape (batch, classes).
        batch: Targets of the step.

    Returns:
        One loss per example; their mean is :func:`mean_loss`.
    """
    return cross_entropy(outputs, batch.target, label_smoothing=batch.label_smoothing, reduction="none")
