"""Operations in place made out of place, for hooks that need what a layer gave to stay as it was."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

IN_PLACE: Mapping[Any, Any] = {
    torch.Tensor.__iadd__: torch.Tensor.__add__,
    torch.Tensor.__isub__: torch.Tensor.__sub__,
    torch.Tensor.__imul__: torch.Tensor.__mul__,
    torch.Tensor.__itruediv__: torch.Tensor.__truediv__,
}
"""``x += y`` gives x another value whichever of the two it is; ``x.add_(y)`` may be meant for others that hold x."""


class OutOfPlace(TorchFunctionMode):
    """Within it, ``x += y`` and layers with ``inplace=True`` make new tensors; what they compute is the same.

    Residual networks add to the output of a layer in place, which a backward hook on that layer forbids.

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
