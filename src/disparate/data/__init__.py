"""Data sets with groups, by name."""

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from disparate.data.grouped import GroupedDataset, Problem
from disparate.data.layout import resolve_root
from disparate.errors import BadInput, suggestion
from disparate.registry import Registry

__all__ = ["DATA", "GroupedDataset", "Problem", "data_named", "load"]

DATA = Registry(
    family="data",
    entries={
        "celeba": "disparate.data.celeba:celeba",
        "cifar10": "disparate.data.cifar10:cifar10",
        "fitzpatrick17k": "disparate.data.fitzpatrick17k:fitzpatrick17k",
        "ham10000": "disparate.data.ham10000:ham10000",
        "digits": "disparate.data.digits:digits",
        "image_folder": "disparate.data.image_folder:image_folder",
        "saved": "disparate.data.saved:saved",
        "svhn": "disparate.data.svhn:svhn",
        "synthetic": "disparate.data.synthetic:synthetic",
        "tabular": "disparate.data.tabular:tabular",
        "utkface": "disparate.data.utkface:utkface",
    },
)
"""Every source of data that a recipe can name."""


def load(source: str, *, root: Path | None = None, **settings: Any) -> GroupedDataset:
    """Return the data set of that name.

    Args:
        source: A name in ``DATA``.
        root: Folder that holds the data sets; ``DISPARATE_DATA`` where not given. A relative path is looked for in
            ``DISPARATE_DATA``, then here. Not used by sources without files.
        **settings: Settings of the source, such as ``target="race"``.

    Returns:
        The data set.

    Raises:
        BadInput: Unknown source or setting (the message suggests the nearest), a required setting or the folder is
            absent, a setting is of another type, or the data are not what they have to be.

    Example:
        >>> data = load("synthetic", examples=300)
        >>> len(data), data.kind
        (300, 'image')
        >>> load("synthetic", exmples=300)
        Traceback (most recent call last):
        ...
        disparate.errors.BadInput: data source 'synthetic' has no setting 'exmples'. Did you mean 'examples'?
    """
    loader = _loader(source)
    parameters = dict(inspect.signature(loader).parameters)
    needs_root = parameters.pop("root", None) is not None
    _require_settings(source, parameters, settings)
    try:
        return loader(resolve_root(root), **settings) if needs_root else loader(**settings)
    except (TypeError, ValueError, AttributeError) as error:
        given = settings if root is None else {"root": root, **settings}
        asked = ", ".join(f"{name}={value!r}" for name, value in given.items())
        raise BadInput(
            f"data source '{source}' cannot be loaded with {asked or 'its defaults'}: {error}. Is each setting of the "
            "type that its documentation names?"
        ) from error


def data_named(table: Mapping[str, Any]) -> GroupedDataset:
    """Return the data set that a recipe's table ``[data]`` names.

    Args:
        table: ``source``, where needed ``root``, and the settings of the source.

    Returns:
        The data set.

    Raises:
        BadInput: As for :func:`load`.
    """
    settings = dict(table)
    source, root = settings.pop("source"), settings.pop("root", None)
    if not isinstance(root, str | Path | None):
        raise BadInput(f"data root is {root!r}; the path of a folder, a text, was expected.")
    return load(source, root=None if root is None else Path(root), **settings)


def _loader(source: str) -> Callable[..., GroupedDataset]:
    if not isinstance(source, str):  # pyright: ignore[reportUnnecessaryIsInstance] - a recipe may hold anything
        raise BadInput(f"data source is {source!r}; a text was expected, one of {', '.join(DATA.names())}.")
    return DATA.load(source)


def _require_settings(source: str, parameters: dict[str, inspect.Parameter], settings: dict[str, Any]) -> None:
    for name in settings:
        if name not in parameters:
            raise BadInput(f"data source '{source}' has no setting '{name}'.{suggestion(name, parameters)}")
    needed = [name for name, parameter in parameters.items() if parameter.default is parameter.empty]
    absent = [name for name in needed if name not in settings]
    if absent:
        raise BadInput(f"data source '{source}' needs the settings {', '.join(needed)}; absent: {', '.join(absent)}.")
