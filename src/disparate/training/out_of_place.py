"""Operations in place made out of place, for hooks that need what a layer gave to stay as it was."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

IN_PLACE: Mapping[Any, Any] = {
    torch.Tensor.add_: torch.Tensor.add,
    torch.Tensor.sub_: torch.Tensor.sub,
    torch.Tensor.mul_: torch.Tensor.mul,
    torch.Tensor.div_: torch.Tensor.div,
}
"""What ``+=``, ``-=``, ``*=`` and ``/=`` call, and what does the same out of place."""


class OutOfPlace(TorchFunctionMode):
    """Within it, ``x += y`` and layers with ``inplace=True`` make new tensors.

    Residual networks add to the output of a layer in place, which a backward hook on that layer forbids. What they
    compute is the same, but where somebody else holds x, or where ``x.add_(y)`` stands without taking its result;
    :func:`same_answers` tells whether a network does such things.

    Example:
        >>> x = torch.zeros(1)
        >>> before = x
        >>> with OutOfPlace():
        ...     x += 1
        >>> x.item(), before.item()
        (1.0, 0.0)
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Call the function that does the same out of place."""
        given = dict(kwargs or {})
        if given.get("inplace"):
            given["inplace"] = False
        return IN_PLACE.get(func, func)(*args, **given)


def same_answers(model: nn.Module, inputs: Tensor) -> bool:
    """Return whether a network answers the same within :class:`OutOfPlace`; its mode is restored.

    Args:
        model: The network.
        inputs: Some inputs.

    Returns:
        Whether all answers are equal in evaluation mode, bit for bit.
    """
    was_training = model.training
    model.eval()
    with torch.no_grad():
        plain = model(inputs)
        with OutOfPlace():
            equal = torch.equal(model(inputs), plain)
    model.train(was_training)
    return equal
