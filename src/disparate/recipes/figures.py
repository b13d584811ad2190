"""Figures: everything that ``disparate reproduce`` knows, by name."""

from disparate.errors import BadInput, suggestion
from disparate.recipes import (
    agarwal2022_vog,
    bagdasaryan2019_privacy,
    fairxbar,
    hooker2019_forget,
    hooker2020_bias,
    mitigations,
    nelaturu2023_hardware,
    tran2022_pruning,
    zhuang2022_tooling,
)
from disparate.recipes.reproduction import Figure

PAPERS = (
    agarwal2022_vog,
    bagdasaryan2019_privacy,
    fairxbar,
    hooker2019_forget,
    hooker2020_bias,
    mitigations,
    nelaturu2023_hardware,
    tran2022_pruning,
    zhuang2022_tooling,
)
FIGURES: dict[str, Figure] = {figure.name: figure for module in PAPERS for figure in module.FIGURES}
"""Name to figure."""


def figure_named(name: str) -> Figure:
    """Return a figure by its name, ``"paper/figure"``.

    Args:
        name: The name.

    Returns:
        The figure.

    Raises:
        BadInput: There is no such figure.

    Example:
        >>> figure_named("tran2022_pruning/fig8").claims
        (10, 11)
    """
    if name not in FIGURES:
        raise BadInput(f"figure '{name}' is unknown.{suggestion(name, list(FIGURES))} See: disparate reproduce --list")
    return FIGURES[name]
