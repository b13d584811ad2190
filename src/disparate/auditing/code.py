"""The code of a model that is not disparate's own, as a hash: editing the code must not reuse old weights."""

import hashlib
import inspect
import sys
from collections.abc import Mapping, Sequence
from typing import Any

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
