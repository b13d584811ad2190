"""Surface: the mean loss of a network over some examples, as a function of its parameters."""

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from disparate.errors import BadInput
from disparate.groups import Groups

Rows = NDArray[np.intp]
Inputs = Callable[[Rows], Tensor]
"""From positions of examples to what the network sees, on the network's device."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Surface:
    r"""The mean cross-entropy of a network over some examples, around its present weights.

    $$ J(\theta; D) = \frac{1}{|D|} \sum_{i \in D} -\log p_\theta(y_i \mid x_i) $$

    in nats, in evaluation mode: BatchNorm uses its running statistics and nothing is dropped, so that the loss of an
    example does not depend on its batch. A vector over the parameters is flat, in the order of ``names``.

    Args:
        model: The network; its weights, its mode and its gradients are left as they are.
        inputs: From positions to inputs.
        target: Right class of every example that ``rows`` may name.
        rows: Positions of the examples it is over.
        batch_size: Examples per pass; bounds the memory and changes nothing else.
    """

    model: nn.Module
    inputs: Inputs
    target: NDArray[np.int64]
    rows: Rows
    batch_size: int = 128

    def __post_init__(self) -> None:
        if not len(self.rows):
            raise BadInput("a loss surface over 0 examples; at least 1 was expected. Leave out the empty group.")
        if self.batch_size < 1:
            raise BadInput(f"batch_size is {self.batch_size}; at least 1 was expected.")
        if not self.parameters:
            raise BadInput(f"{type(self.model).__name__} has no parameter that is trained; a network was expected.")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters that are trained."""
        return tuple(name for name, value in self.model.named_parameters() if value.requires_grad)

    @property
    def parameters(self) -> tuple[nn.Parameter, ...]:
        """The parameters that are trained."""
        return tuple(value for value in self.model.parameters() if value.requires_grad)

    @property
    def size(self) -> int:
        """Number of trained parameters."""
        return sum(value.numel() for value in self.parameters)

    def over(self, rows: Rows) -> "Surface":
        """Return the surface over other examples."""
        return replace(self, rows=rows)

    def by_group(self, groups: Groups) -> dict[str, "Surface"]:
        """Return the surface over each group's part of the rows, by group name.

        Args:
            groups: The group of every example that ``rows`` may name.

        Returns:
            In the order of the groups' names. A group that none of the rows belongs to has no surface and no place.
        """
        codes = groups.codes[self.rows]
        parts = {name: self.rows[codes == code] for code, name in enumerate(groups.names)}
        return {name: self.over(rows) for name, rows in parts.items() if len(rows)}

    def batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield inputs and targets of every batch, in the order of ``rows``."""
        for start in range(0, len(self.rows), self.batch_size):
            rows = self.rows[start : start + self.batch_size]
            inputs = self.inputs(rows)
            yield inputs, torch.from_numpy(self.target[rows]).to(inputs.device)

    def split(self, vector: Tensor) -> tuple[Tensor, ...]:
        """Return a flat vector over the parameters as parts of the parameters' shapes.

        Args:
            vector: Shape (size,).

        Returns:
            In the order of ``names``.

        Raises:
            BadInput: The vector has another length.
        """
        if vector.shape != (self.size,):
            raise BadInput(f"a vector of shape {tuple(vector.shape)}; ({self.size},) was expected: one per parameter.")
        shapes = [value.shape for value in self.parameters]
        parts = vector.split([shape.numel() for shape in shapes])
        return tuple(part.view(shape) for part, shape in zip(parts, shapes, strict=True))

    def loss(self) -> float:
        """Return the mean loss, nats, summed in float64.

        Example:
            >>> model = nn.Linear(1, 2, bias=False)
            >>> _ = model.weight.data.zero_()
            >>> rows = np.arange(3)
            >>> surface = Surface(model=model, inputs=lambda rows: torch.ones(len(rows), 1), rows=rows, target=rows % 2)
            >>> round(surface.loss(), 6), round(float(np.log(2)), 6)
            (0.693147, 0.693147)
        """
        total = 0.0
        with evaluated(self.model), torch.no_grad():
            for inputs, target in self.batches():
                total += float(cross_entropy(self.model(inputs).double(), target, reduction="sum"))
        return total / len(self.rows)


@contextmanager
def evaluated(model: nn.Module) -> Generator[None]:
    """Put a network into evaluation mode, and every module back into its own mode afterwards.

    Args:
        model: The network.

    Yields:
        Nothing.
    """
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
