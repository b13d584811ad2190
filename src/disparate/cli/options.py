"""Groups of options as values: a command takes a dataclass, the command line sees its fields one by one."""

import inspect
from collections.abc import Callable
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import wraps
from typing import Any


def spread(command: Callable[..., None]) -> Callable[..., None]:
    """Return the command with an option for every field of the dataclasses among its parameters.

    Args:
        command: A function; a parameter that is annotated with a dataclass stands for the options that are its fields.

    Returns:
        The same function for a command line: it takes the fields by name and hands the dataclasses on.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass(frozen=True, kw_only=True, slots=True)
        ... class Output:
        ...     quiet: bool = False
        >>> def command(path: str, output: Output) -> None:
        ...     print(path, output)
        >>> inspect.signature(spread(command))
        <Signature (*, path: str, quiet: bool = False) -> None>
        >>> spread(command)(path="a", quiet=True)
        a Output(quiet=True)
    """
    signature = inspect.signature(command)
    groups: dict[str, type[Any]] = {
        name: one.annotation
        for name, one in signature.parameters.items()
        if isinstance(one.annotation, type) and is_dataclass(one.annotation)
    }
    plain = [one.replace(kind=one.KEYWORD_ONLY) for name, one in signature.parameters.items() if name not in groups]
    options = [_parameter(field) for group in groups.values() for field in fields(group)]

    @wraps(command)
    def run(**given: Any) -> None:
        for name, group in groups.items():
            given[name] = group(**{field.name: given.pop(field.name) for field in fields(group)})
        command(**given)

    run.__signature__ = signature.replace(parameters=[*plain, *options])  # type: ignore[attr-defined] - read by typer
    return run


def _parameter(field: Field[Any]) -> inspect.Parameter:
    default = inspect.Parameter.empty if field.default is MISSING else field.default
    return inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=field.type)
