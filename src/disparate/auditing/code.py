"""The code of a model that is not disparate's own, as a hash: editing the code must not reuse old weights."""

import hashlib
import inspect
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from disparate.registry import import_object


def code_of(thing: Any, more: str = "") -> str:
    """Return the SHA-256 of a thing's source and of further text.

    Args:
        thing: A module, class or function; what has no source (a C function) counts by ``more`` alone.
        more: What else tells versions apart, such as the ``repr`` of a network.

    Returns:
        64 hexadecimal digits.
    """
    try:
        source = inspect.getsource(thing)
    except (OSError, TypeError):
        source = ""
    return hashlib.sha256((source + more).encode()).hexdigest()


def code_of_network(model: nn.Module, make: object = None) -> str:
    """Return the hash of a network's code: of every class of its parts that is not torch's, and of what makes it.

    Args:
        model: The network.
        make: The function that makes it, where there is one.

    Returns:
        64 hexadecimal digits. Code that the classes call elsewhere does not count.
    """
    kinds = {type(part) for part in model.modules() if not type(part).__module__.startswith("torch.")}
    sources = [code_of(kind) for kind in sorted(kinds, key=lambda kind: kind.__qualname__)]
    return code_of(make, "".join(sources) + repr(model))


def code_of_trusted(model: Mapping[str, Any], trust: Sequence[str]) -> str | None:
    """Return the hash of the module that a trusted ``module:function`` stands in; None for any other model.

    Args:
        model: The model table of a recipe.
        trust: Models that may be imported.

    Returns:
        The hash, or None.

    Raises:
        BadInput: The module cannot be imported.
    """
    name = str(model["name"])
    if name not in trust or ":" not in name:
        return None
    return code_of(sys.modules[import_object(name).__module__])
