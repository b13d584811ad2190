"""Step rules: how the weights are moved by the losses of a batch, whatever is minimised."""

from collections.abc import Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from disparate.objectives import Batch, Course


class StepRule(Protocol):
    """How a step is taken."""

    def outputs(self, inputs: Tensor) -> Tensor:
        """Return what the network gives, with all that is needed for gradients."""
        ...

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Return what is minimised: a scalar, or one number per example."""
        ...

    def backward(self, loss: Tensor, batch: Batch) -> None:
        """Take the gradients of what :meth:`loss` gave."""
        ...

    def without_examples(self) -> None:
        """Take the gradients of a batch that has no example: all zero."""
        ...

    def advance(self) -> None:
        """Move the weights."""
        ...

    def told(self) -> Mapping[str, Any]:
        """Return what the history keeps of the epoch that ends, as plain values, and begin the next."""
        ...

    def end(self) -> None:
        """Leave the network as it was found, but for its weights."""
        ...


class PlainSteps:
    """The gradient of the loss, and a step of the optimiser; losses are scaled in fp16.

    Args:
        model: The network.
        optimizer: Of the trained parameters.
        course: What is minimised.
        scaler: Scales losses where small gradients would underflow.
    """

    def __init__(
        self, model: nn.Module, optimizer: torch.optim.Optimizer, course: Course, *, scaler: torch.amp.GradScaler
    ) -> None:
        self.model, self.optimizer, self.course, self.scaler = model, optimizer, course, scaler

    def outputs(self, inputs: Tensor) -> Tensor:
        """Return what the network gives."""
        return self.model(inputs)

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Return the loss, a scalar."""
        return self.course.loss(outputs, batch)

    def backward(self, loss: Tensor, batch: Batch) -> None:
        """Take the gradient of the loss."""
        del batch
        self.scaler.scale(loss).backward()

    def without_examples(self) -> None:
        """Do nothing: no gradient is a gradient of zero."""

    def advance(self) -> None:
        """Take a step of the optimiser."""
        self.scaler.step(self.optimizer)
        self.scaler.update()

    def told(self) -> dict[str, Any]:
        """Return nothing."""
        return {}

    def end(self) -> None:
        """Do nothing."""
