"""Jobs: steps of a plan as values, keyed by the content of everything they depend on."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, cast

from disparate.errors import BadInput
from disparate.store.plain import plain


class Report(Protocol):
    """How a job tells how far it is."""

    def __call__(self, done: float, total: float, message: str = "") -> None:
        """Tell that ``done`` of ``total`` is done; cheap enough to be called in every step."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What a job leaves behind.

    Args:
        files: Files it wrote, by the output's name; they go into the store.
        record: What else there is to say, plain values; it goes into the index.
    """

    files: Mapping[str, Path] = field(default_factory=dict[str, Path])
    record: Mapping[str, Any] = field(default_factory=dict[str, Any])


Inputs = Mapping[str, Mapping[str, Path]]
"""Files of the jobs that a job needs: by key, then by the output's name. They must not be written to."""

JobFunction = Callable[[Mapping[str, Any], Path, Inputs, Report], Outcome]
"""What a job runs: ``function(arguments, workspace, inputs, report)``. The workspace is an empty folder on the disk
of the store, deleted afterwards."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One step of a plan.

    Args:
        key: What the job is, ``key_of`` everything it depends on; a job whose key is finished is not run again.
        name: What the job is called in messages.
        function: What it runs, ``"package.module:callable"``, or a name that an ``InlineEngine`` knows.
        arguments: Given to the function; plain values.
        environment: Variables its process is started with, as pairs.
        threads: How many slots of the machine it takes, and how many threads its process may use.
        needs: Keys of the jobs whose files it reads.
    """

    key: str
    name: str
    function: str
    arguments: Mapping[str, Any] = field(default_factory=dict[str, Any])
    environment: tuple[tuple[str, str], ...] = ()
    threads: int = 1
    needs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.threads < 1:
            raise BadInput(f"job '{self.name}': threads={self.threads}; at least 1 was expected.")
        plain(self.arguments, f"arguments of job '{self.name}'")


def key_of(**parts: object) -> str:
    """Return the SHA-256 of some parts in a canonical form.

    The order of the parts and of mappings does not matter; a tuple is its list, and a whole number is the same number
    whether it is written as 1 or as 1.0. ``True`` is not 1.

    Args:
        **parts: Everything that decides what the job's answer is; plain values.

    Returns:
        64 hexadecimal digits.

    Raises:
        BadInput: A value is not plain, is NaN or infinite.

    Example:
        >>> key_of(rate=1, seeds=(0, 1)) == key_of(seeds=[0, 1], rate=1.0)
        True
        >>> key_of(flip=True) == key_of(flip=1)
        False
    """
    text = json.dumps(_canonical(plain(parts, "key")), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _canonical(value: object) -> object:
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if isinstance(value, list):
        return [_canonical(item) for item in cast("list[object]", value)]
    if isinstance(value, dict):
        return {key: _canonical(item) for key, item in cast("dict[str, object]", value).items()}
    return value
