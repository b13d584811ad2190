"""Mitigations side by side: what each gives to which group, what it costs, and what it does to robustness.

No paper's figure: the comparison that a person who has to choose one asks for. All of them start from the same seeds,
see the same batches for the same number of epochs and are judged on the same test examples.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from disparate.auditing.audit import Audit
from disparate.choice import Choice
from disparate.choices.attack import Attack
from disparate.choices.fair_grape import FairGrape
from disparate.choices.fair_prune import FairPrune
from disparate.choices.fine_tune import FineTune
from disparate.choices.objective import Objective
from disparate.choices.prune import Prune
from disparate.predictions import REFERENCE
from disparate.recipes.readings import Array, by_group, changes
from disparate.recipes.reproduction import Answered, Figure, Statement, everyone, gap, outcome, points, share_of
from disparate.recipes.setting import Setting
from disparate.report.selection import Grid

PAPER = "mitigations"
ON = ("utkface_ethnicity", "utkface_age", "utkface_gender", "cifar10", "svhn", "celeba", "synthetic")
EPSILON = 4 / 255
"""Of the attack: four levels of a pixel, where small networks still answer some inputs right."""
ATTACKED = "attacked"
TRAININGS: Mapping[str, Mapping[str, Any]] = {
    "boundary distance, λ = 0.1": {"name": "boundary_distance", "settings": {"strength": 0.1}},
    "equal loss": {"name": "equal_loss", "settings": {}},
    "group DRO": {"name": "group_dro", "settings": {}},
    "re-weighting": {"name": "reweighting", "settings": {}},
    "group-balanced sampling": {"name": "group_balanced_sampling", "settings": {}},
}
"""Objectives that need nothing but groups, with their default settings."""
PLAIN = "magnitude"

Read = tuple[tuple[Grid, ...], tuple[Statement, ...]]


def attacked(name: str) -> str:
    """Return the name of the variant that is asked about attacked inputs.

    Example:
        >>> attacked("equal loss")
        'equal loss, attacked'
    """
    return f"{name}, {ATTACKED}"


def ask_trainings(setting: Setting) -> Audit:
    """Ask for every objective by its name, on the inputs as they are and on attacked ones."""
    attack = Attack(epsilon=EPSILON, method="fgsm")
    chains: dict[str, tuple[Choice, ...]] = {attacked(REFERENCE): (attack,)}
    for name, objective in TRAININGS.items():
        own = Objective(name=objective["name"], settings=dict(objective["settings"]))
        chains |= {name: (own,), attacked(name): (own, attack)}
    return setting.audit("mitigations-training", chains)


def read_trainings(answered: Answered) -> Read:
    """Read it: the gap, the worst, the best group and everyone against plain training; robustness beside it."""
    found = changes(answered, "accuracy", title="Change of accuracy by objective")
    levels = answered.result.findings.where(
        lambda item: item.reference is None and item.label is None and (item.where or {}).get("axis") is None,
        measure="accuracy",
        by=answered.by,
    )
    told = [
        statement
        for name in TRAININGS
        for statement in (*compared(answered, name, REFERENCE), _robustness(answered, name))
    ]
    return (by_group(levels, answered, title="Accuracy"), found), tuple(told)


def compared(answered: Answered, name: str, plain: str, *, where: str = "") -> Iterator[Statement]:
    """Yield what a mitigation does to the gap, and who pays for it.

    Args:
        answered: The answer.
        name: The variant with the mitigation.
        plain: The variant without.
        where: Said before the name, such as a pruning rate.

    Yields:
        A statement on the gap and one on the worst group.
    """
    own, without = answered.accuracies(name), answered.accuracies(plain)
    narrowed = gap(own) - gap(without)
    worst, best = (edge(own, axis=1) - edge(without, axis=1) for edge in (np.nanmin, np.nanmax))
    overall = everyone(answered, name) - everyone(answered, plain)
    yield Statement(
        claim=f"{where}{name}: the gap between groups is smaller than without",
        paper="smaller, everyone's accuracy kept",
        here=f"gap {points(narrowed)} points, everyone {points(overall)}{levelling(narrowed, worst)}",
        outcome=outcome(narrowed, sign=-1),
    )
    yield Statement(
        claim=f"{where}{name}: the worst group gains",
        paper="it should",
        here=f"worst group {points(worst)} points, best group {points(best)}",
        outcome=outcome(worst, sign=1),
    )


def levelling(narrowed: Array, worst: Array) -> str:
    """Return a flag where the gap closes by taking from the better groups alone.

    Example:
        >>> levelling(np.array([-0.1, -0.1, -0.1]), np.array([0.0, -0.01, 0.01]))
        ' (levelling down: the worst group does not gain)'
    """
    down = outcome(narrowed, sign=-1) == "seen" and outcome(worst, sign=1) != "seen"
    return " (levelling down: the worst group does not gain)" if down else ""


def _robustness(answered: Answered, name: str) -> Statement:
    """Return claim 26: does the mitigation make adversarial errors more frequent?"""
    own, plain = (answered.accuracies(attacked(item)) for item in (name, REFERENCE))
    rise = everyone(answered, attacked(REFERENCE)) - everyone(answered, attacked(name))
    by = ", ".join(f"{group} {points(plain[:, place] - own[:, place])}" for place, group in enumerate(answered.groups))
    return Statement(
        claim=f"{name}: adversarial errors are more frequent than without (claim 26)",
        paper="more frequent",
        here=f"FGSM with ε = 4/255: error of everyone {points(rise)} points; {by}",
        outcome=outcome(rise, sign=1),
    )


def ask_prunings(setting: Setting) -> Audit:
    """Ask for every way to prune at the lowest and the highest rate, all fine-tuned for as long."""
    chains: dict[str, tuple[Choice, ...]] = {}
    for rate in _rates(setting):
        for name, (prune, objective) in _prunings(rate).items():
            chains[at_rate(name, rate)] = (prune, FineTune(epochs=setting.tuning, objective={"name": objective}))
    return setting.audit("mitigations-pruning", chains)


def _rates(setting: Setting) -> Sequence[float]:
    return sorted({min(setting.rates), max(setting.rates)})


def _prunings(rate: float) -> Mapping[str, tuple[Choice, str]]:
    magnitude = Prune(rate=rate)
    return {
        PLAIN: (magnitude, "erm"),
        "magnitude, equal loss": (magnitude, "equal_loss"),
        "magnitude, bounded accuracy gap": (magnitude, "bounded_accuracy_gap"),
        "FairGRAPE": (FairGrape(rate=rate), "erm"),
        "FairPrune": (FairPrune(rate=rate), "erm"),
    }


def at_rate(name: str, rate: float) -> str:
    """Return the name of the variant that is pruned in a way at a rate.

    Example:
        >>> at_rate("FairGRAPE", 0.9)
        'FairGRAPE, 90 %'
    """
    return f"{name}, {round(100 * rate)} %"


def read_prunings(answered: Answered) -> Read:
    """Read it: every way against magnitude at the same rate; the spread of what groups lose (claim 27)."""
    found = changes(answered, "accuracy", title="Change of accuracy against the dense network")
    told: list[Statement] = []
    for rate in _rates(answered.setting):
        plain = at_rate(PLAIN, rate)
        for name in list(_prunings(rate))[1:]:
            told += [*compared(answered, at_rate(name, rate), plain), _spread(answered, at_rate(name, rate), plain)]
    return (found,), tuple(told)


def _spread(answered: Answered, name: str, plain: str) -> Statement:
    """Return whether what groups lose differs less: the standard deviation over groups, as lin2022 has it."""
    dense = answered.accuracies(REFERENCE)
    own, without = (np.nanstd(answered.accuracies(item) - dense, axis=1) for item in (name, plain))
    return Statement(
        claim=f"{name}: what groups lose differs less (claim 27)",
        paper="less, by up to 90 % at a rate of 99 % (FairGRAPE)",
        here=f"standard deviation over groups {points(own - without)} points{share_of(own - without, without)}",
        outcome=outcome(own - without, sign=-1),
    )


FIGURES = (
    Figure(
        name=f"{PAPER}/training",
        title="Objectives side by side: gap, worst group, everyone, adversarial errors",
        claims=(6, 26),
        on=ON,
        ask=ask_trainings,
        read=read_trainings,
    ),
    Figure(
        name=f"{PAPER}/pruning",
        title="Ways to prune side by side, at the same rate and as many epochs of fine-tuning",
        claims=(10, 27),
        on=ON,
        ask=ask_prunings,
        read=read_prunings,
    ),
)
"""Comparisons of mitigations."""
