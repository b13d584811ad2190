"""Deployment choices: one file each, blind to its siblings, and the two ways between a choice and a recipe's table."""

from collections.abc import Mapping
from typing import Any

from disparate.choice import Choice, describe
from disparate.errors import BadInput, suggestion
from disparate.registry import Registry

__all__ = ["CHOICES", "build_choice", "choice_table"]

CHOICES = Registry(
    family="choices",
    entries={
        "analog": "disparate.choices.analog:Analog",
        "attack": "disparate.choices.attack:Attack",
        "augmentation": "disparate.choices.augmentation:Augmentation",
        "batch_size": "disparate.choices.batch_size:BatchSize",
        "capacity": "disparate.choices.capacity:Capacity",
        "corrupt": "disparate.choices.corrupt:Corrupt",
        "crossbar": "disparate.choices.crossbar:Crossbar",
        "crossbar_training": "disparate.choices.crossbar_training:CrossbarTraining",
        "fair_grape": "disparate.choices.fair_grape:FairGrape",
        "fair_prune": "disparate.choices.fair_prune:FairPrune",
        "fine_tune": "disparate.choices.fine_tune:FineTune",
        "hardware": "disparate.choices.hardware:Hardware",
        "kernels": "disparate.choices.kernels:Kernels",
        "learning_rate": "disparate.choices.learning_rate:LearningRate",
        "normalisation": "disparate.choices.normalisation:Normalisation",
        "objective": "disparate.choices.objective:Objective",
        "precision": "disparate.choices.precision:Precision",
        "privacy": "disparate.choices.privacy:Privacy",
        "prune": "disparate.choices.prune:Prune",
        "prune_channels": "disparate.choices.prune_channels:PruneChannels",
        "quantize": "disparate.choices.quantize:Quantize",
        "schedule": "disparate.choices.schedule:Schedule",
        "seed": "disparate.choices.seed:Seed",
        "stopping": "disparate.choices.stopping:Stopping",
        "thin": "disparate.choices.thin:Thin",
    },
)


def build_choice(table: Mapping[str, Any]) -> Choice:
    """Return the choice that a recipe's table describes.

    Args:
        table: ``{"choice": name, setting: value, ...}``; settings are checked strictly (``"0.5"`` is no number).

    Returns:
        The choice.

    Raises:
        BadInput: No choice is named, there is none of that name, or a setting is unknown, missing, of a wrong type or
            out of range. All wrong settings are reported together, one per line.

    Example:
        >>> build_choice({"choice": "prune", "rate": 0.5})
        Prune(rate=0.5, method='magnitude', scope='global')
        >>> build_choice({"choice": "prune", "rat": 0.5, "rate": "half"})
        Traceback (most recent call last):
        ...
        disparate.errors.BadInput: choice 'prune': key 'rate' is 'half'; a valid number was expected.
        choice 'prune': unknown key 'rat' (found 0.5). Did you mean 'rate'?
    """
    settings = {key: value for key, value in table.items() if key != "choice"}
    choice: Choice = CHOICES.build(_name(table), settings)
    return choice


def choice_table(choice: Choice) -> dict[str, Any]:
    """Return the table that describes a choice: the inverse of :func:`build_choice`.

    Args:
        choice: A choice of this family, or of another package that stands in ``CHOICES``.

    Returns:
        Plain values that JSON and TOML can hold; a setting that is not given is left out.

    Raises:
        BadInput: The choice has no name, so no recipe could hold it.

    Example:
        >>> from disparate.choices.learning_rate import LearningRate
        >>> choice_table(LearningRate(factor=0.5))
        {'choice': 'learning_rate', 'factor': 0.5}
    """
    settings = describe(choice, _name_of(choice))
    return {key: _plain(value) for key, value in settings.items() if value is not None}


def _name(table: Mapping[str, Any]) -> str:
    name = table.get("choice")
    if not isinstance(name, str):
        raise BadInput(
            f"key 'choice' is {name!r} in {dict(table)}; the name of a choice was expected."
            f"{suggestion('', CHOICES.names())}"
        )
    if name not in CHOICES.names():
        raise BadInput(f"unknown choice '{name}'.{suggestion(name, CHOICES.names())}")
    return name


def _name_of(choice: Choice) -> str:
    kind = type(choice)
    path = f"{kind.__module__}:{kind.__qualname__}"
    name = next((name for name, target in CHOICES.entries.items() if target == path), None)
    foreign = (name for name in CHOICES.names() if name not in CHOICES.entries and CHOICES.load(name) is kind)
    found = name or next(foreign, None)
    if found is None:
        raise BadInput(
            f"{choice} stands in no table of choices, so no recipe can name it. Add an entry point in the group "
            "'disparate.choices' to the package that defines it."
        )
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, Mapping):
        return {key: _plain(own) for key, own in value.items() if own is not None}
    return value
