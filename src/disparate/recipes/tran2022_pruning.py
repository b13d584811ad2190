"""tran2022, "Pruning has a disparate impact on model accuracy": figures 1 to 9 made again."""

from collections.abc import Iterator
from itertools import product

import numpy as np

from disparate.auditing.audit import Audit
from disparate.auditing.explanation import Look
from disparate.choice import Choice
from disparate.choices.fine_tune import FineTune
from disparate.choices.objective import Objective
from disparate.choices.prune import Prune
from disparate.findings import Findings
from disparate.predictions import REFERENCE
from disparate.recipes.readings import (
    Array,
    by_group,
    changes,
    counted,
    judged,
    level_of,
    measures_by_group,
    overall,
    sizes,
    together,
    values,
)
from disparate.recipes.reproduction import Answered, Figure, Outcome, Statement, everyone, gap, outcome, points
from disparate.recipes.setting import Setting
from disparate.report.glossary import term
from disparate.report.selection import Grid

PAPER = "tran2022_pruning"
FACES = ("utkface_ethnicity", "utkface_age", "utkface_gender", "cifar10", "svhn", "celeba", "synthetic")
CLASSES = ("cifar10", "svhn", "synthetic")
EQUAL_LOSS = {"name": "equal_loss"}
NONE, BEFORE, AFTER, BOTH = "no mitigation", "fair before pruning", "fair after pruning", "fair both"
ARMS = (NONE, BEFORE, AFTER, BOTH)
MOST_LOST = 0.01
"""Overall accuracy that a mitigation may cost to count as comparable: a point."""
LOOK = Look(curvature=500)

Read = tuple[tuple[Grid, ...], tuple[Statement, ...]]


def pruned(rate: float) -> str:
    """Return the name of the variant that is pruned at a rate.

    Example:
        >>> pruned(0.5)
        'prune 50 %'
    """
    return f"prune {round(100 * rate)} %"


def ask_rates(setting: Setting) -> Audit:
    """Ask figure 1: the same network at every pruning rate from 10 to 90 %; nothing is trained again."""
    rates = setting.rates if setting.scale == "smoke" else tuple(round(0.1 * tenth, 1) for tenth in range(1, 10))
    return setting.audit("tran2022-rates", {pruned(rate): (Prune(rate=rate),) for rate in rates})


def read_rates(answered: Answered) -> Read:
    """Read figure 1: the majority is flat or rises, minorities fall, and the gap grows with the rate."""
    table = changes(answered, "accuracy", title="Change of accuracy by pruning rate")
    largest, *others = answered.groups
    names = [variant.name for variant in answered.audit.variants]
    own = [
        answered.result.findings.where(measure="accuracy", variant=name, by=answered.by, axis="both") for name in names
    ]
    kept: list[Outcome] = [judged(found.only(group=largest), sign=1) for found in own]
    lost: list[Outcome] = [judged(item, sign=-1) for found in own for item in found if item.group in others]
    slopes = _slopes(np.stack([gap(answered.accuracies(name)) for name in (REFERENCE, *names)]))
    return (table,), (
        Statement(
            claim=f"the largest group ({largest}) keeps or gains accuracy",
            paper="flat or rising",
            here=f"of {len(kept)} rates: gains at {kept.count('seen')}, loses at {kept.count('contradicted')}",
            outcome="contradicted" if "contradicted" in kept else "seen",
        ),
        Statement(
            claim="all other groups lose",
            paper="falling",
            here=f"of {len(lost)} group × rate: {counted(lost)} (a loss)",
            outcome=overall(lost),
        ),
        Statement(
            claim="the gap between groups grows with the rate",
            paper="growing",
            here=f"{points(slopes)} points of gap per step of the rate, over {len(slopes)} seeds",
            outcome=outcome(slopes, sign=1),
        ),
    )


def _slopes(gaps: Array) -> Array:
    """Return the least-squares slope over equally spaced rates, per seed; rows are rates."""
    steps = np.arange(len(gaps)) - (len(gaps) - 1) / 2
    return steps @ gaps / (steps**2).sum()


def ask_surface(setting: Setting) -> Audit:
    """Ask figures 2 to 6: the dense network and two pruned ones, to be looked at."""
    rates = (0.5, 0.9)
    return setting.audit("tran2022-surface", {pruned(rate): (Prune(rate=rate),) for rate in rates})


def _surface(answered: Answered, variant: str) -> Iterator[tuple[str, Findings]]:
    yield "group_size", sizes(answered, variant)
    yield "accuracy", level_of(answered, "accuracy", variant)
    yield "gradient_norm", level_of(answered, "gradient_norm", variant, split="train")
    yield "hessian_eigenvalue", level_of(answered, "hessian_eigenvalue", variant, split="train")
    yield "closeness_gini", level_of(answered, "closeness_gini", variant, split=answered.audit.split)


def _surfaces(answered: Answered, *variants: str) -> tuple[Grid, ...]:
    return tuple(
        measures_by_group(
            Findings(tuple(item for _, part in _surface(answered, variant) for item in part)),
            answered,
            title=f"{variant}: what the theory rests on",
            note="mean over seeds",
        )
        for variant in variants
    )


def read_size_and_gradient(answered: Answered) -> Read:
    """Read figure 2: larger groups have smaller gradients."""
    own = {name: values(found) for name, found in _surface(answered, REFERENCE)}
    claim = "the larger a group, the smaller its gradient norm"
    return _surfaces(answered, REFERENCE), (
        together(own["group_size"], own["gradient_norm"], claim=claim, sign=-1),
        _beyond_chance(answered),
    )


def _beyond_chance(answered: Answered) -> Statement:
    """Return whether gradients are longer than those of groups of the same sizes, dealt at random."""
    found = level_of(answered, "gradient_norm", REFERENCE, split="train")
    ratios = {item.group: item.effect_over_null for item in found if item.effect_over_null is not None}
    told = ", ".join(f"{name} {ratio:.1f}×" for name, ratio in ratios.items())
    above = [name for name, ratio in ratios.items() if ratio > 1]
    return Statement(
        claim="gradients of groups are longer than chance makes them for their size",
        paper="no null is shown",
        here=f"norm over that of as many examples dealt at random: {told or 'undefined'}",
        outcome="seen" if len(above) == len(ratios) > 0 else "not seen" if ratios else "cannot be told",
    )


def read_accuracy_and_gradient(answered: Answered) -> Read:
    """Read figure 3: the more accurate a group, the smaller its gradient."""
    own = {name: values(found) for name, found in _surface(answered, REFERENCE)}
    claim = "the more accurate a group, the smaller its gradient norm"
    return _surfaces(answered, REFERENCE), (together(own["accuracy"], own["gradient_norm"], claim=claim, sign=-1),)


def read_before_and_after(answered: Answered) -> Read:
    """Read figure 4: pruning makes gradients and curvature grow, most for the groups that lose."""
    names = [variant.name for variant in answered.audit.variants]
    dense = {name: values(found) for name, found in _surface(answered, REFERENCE)}
    told: list[Statement] = []
    for variant, measure in product(names, ("gradient_norm", "hessian_eigenvalue")):
        after = values(level_of(answered, measure, variant, split="train"))
        growth = {name: after[name] / dense[measure][name] for name in after if dense[measure].get(name)}
        lost = {
            item.group: -item.value
            for item in answered.result.findings.where(measure="accuracy", variant=variant, by=answered.by, axis="both")
            if item.group is not None and item.value is not None
        }
        claim = f"{variant}: {measure} grows most where most accuracy is lost"
        told.append(together(growth, lost, claim=claim, sign=1))
    return _surfaces(answered, REFERENCE, *names), tuple(told)


def read_curvature_and_closeness(answered: Answered) -> Read:
    """Read figure 5: the nearer a group to the boundary and the less accurate, the larger its curvature."""
    own = {name: values(found) for name, found in _surface(answered, REFERENCE)}
    near = "the nearer a group lies to the boundary, the larger its Hessian's eigenvalue"
    poor = "the less accurate a group, the larger its Hessian's eigenvalue"
    return _surfaces(answered, REFERENCE), (
        together(own["closeness_gini"], own["hessian_eigenvalue"], claim=near, sign=1),
        together(own["accuracy"], own["hessian_eigenvalue"], claim=poor, sign=-1),
    )


def read_curvature_and_gradient(answered: Answered) -> Read:
    """Read figure 6: gradients and curvature of groups rise together."""
    own = {name: values(found) for name, found in _surface(answered, REFERENCE)}
    claim = "gradient norm and Hessian eigenvalue rise together"
    return _surfaces(answered, REFERENCE), (
        together(own["gradient_norm"], own["hessian_eigenvalue"], claim=claim, sign=1),
    )


def ask_fair(setting: Setting) -> Audit:
    """Ask figure 7: a network that minimises the mean loss, and one whose groups' losses are held equal."""
    return setting.audit("tran2022-fair", {"equal loss": (Objective(name="equal_loss"),)})


def read_fair(answered: Answered) -> Read:
    """Read figure 7: equal losses also bring accuracies, gradients and distances of groups nearer to each other."""
    told: list[Statement] = []
    for measure, split in (("gradient_norm", "train"), ("closeness_gini", answered.audit.split)):
        spread = [
            _relative_spread(values(level_of(answered, measure, name, split=split)))
            for name in (REFERENCE, "equal loss")
        ]
        told.append(
            Statement(
                claim=f"equal losses balance {measure}",
                paper="nearer to each other",
                here=f"largest over smallest group: {spread[0]:.2f} without, {spread[1]:.2f} with",
                outcome="seen" if spread[1] < spread[0] else "contradicted",
            )
        )
    narrowed = gap(answered.accuracies("equal loss")) - gap(answered.accuracies(REFERENCE))
    told.append(
        Statement(
            claim="equal losses balance accuracy",
            paper="nearer to each other",
            here=f"gap {points(narrowed)} points over {len(narrowed)} seeds",
            outcome=outcome(narrowed, sign=-1),
        )
    )
    return _surfaces(answered, REFERENCE, "equal loss"), tuple(told)


def _relative_spread(found: dict[str, float]) -> float:
    return max(found.values()) / min(found.values()) if found and min(found.values()) > 0 else float("inf")


def arm(name: str, rate: float) -> str:
    """Return the name of the variant that is one arm at one rate."""
    return f"{name}, {pruned(rate)}"


def ask_arms(setting: Setting) -> Audit:
    """Ask figures 8 and 9: four arms at every rate, with as many epochs of fine-tuning in each and the mask frozen."""
    chains: dict[str, tuple[Choice, ...]] = {}
    for rate, name in product(setting.rates, ARMS):
        first = (Objective(name="equal_loss"),) if name in {BEFORE, BOTH} else ()
        last = EQUAL_LOSS if name in {AFTER, BOTH} else {"name": "erm"}
        chains[arm(name, rate)] = (*first, Prune(rate=rate), FineTune(epochs=setting.tuning, objective=dict(last)))
    return setting.audit("tran2022-arms", chains)


def read_arms(answered: Answered) -> Read:
    """Read figures 8 and 9: every arm against none at the same rate, on the test and on the training split."""
    grids: list[Grid] = []
    told: list[Statement] = []
    for rate in answered.setting.rates:
        own = [arm(name, rate) for name in ARMS[1:]]
        found = answered.against(arm(NONE, rate), own, ("accuracy", "accuracy_gap", "worst_group_accuracy", "loss"))
        chosen = found.where(lambda item: (item.where or {}).get("axis") in {"both", None} and item.label is None)
        levels = chosen.where(lambda item: item.reference is None, measure="accuracy")
        grids.append(by_group(levels, answered, title=f"{pruned(rate)}: accuracy", note="points"))
        for measure in ("accuracy", "accuracy_gap", "worst_group_accuracy"):
            compared = chosen.where(lambda item: item.reference is not None, measure=measure)
            title = f"{pruned(rate)}: {term(measure).title}, arms minus no mitigation"
            grids.append(by_group(compared, answered, title=title, note="points"))
        told += _of_rate(answered, rate)
    return tuple(grids), tuple(told)


def _of_rate(answered: Answered, rate: float) -> Iterator[Statement]:
    none = answered.accuracies(arm(NONE, rate))
    for name in ARMS[1:]:
        own = answered.accuracies(arm(name, rate))
        narrowed = gap(own) - gap(none)
        overall = everyone(answered, arm(name, rate)) - everyone(answered, arm(NONE, rate))
        yield Statement(
            claim=f"{pruned(rate)}, {name}: the gap is smaller than without mitigation",
            paper="smaller, at accuracy comparable or better",
            here=f"gap {points(narrowed)} points, accuracy of everyone {points(overall)}"
            + ("" if overall.mean() > -MOST_LOST else " (more than a point is lost)"),
            outcome=outcome(narrowed, sign=-1),
        )
        if answered.seen is not None:
            yield _unseen(answered, rate, name)
    later = gap(answered.accuracies(arm(AFTER, rate))) - gap(answered.accuracies(arm(BEFORE, rate)))
    yield Statement(
        claim=f"{pruned(rate)}: constraining after pruning is better than before",
        paper="usually better, above all at high rates",
        here=f"gap after minus before: {points(later)} points",
        outcome=outcome(later, sign=-1),
    )


def _unseen(answered: Answered, rate: float, name: str) -> Statement:
    """Return claim 11: is the gain on the training split larger than on the test split?"""
    train, test = (
        gap(answered.accuracies(arm(name, rate), where)) - gap(answered.accuracies(arm(NONE, rate), where))
        for where in (answered.seen, answered.answers)
    )
    return Statement(
        claim=f"{pruned(rate)}, {name}: the gain is smaller on unseen data (hashemizadeh2024)",
        paper="about all of it on training data, little on unseen",
        here=f"gap {points(train)} points in training, {points(test)} on unseen data",
        outcome=outcome(test - train, sign=1),
    )


FIGURES = (
    Figure(
        name=f"{PAPER}/fig1",
        title="Accuracy of every group against the pruning rate",
        claims=(8,),
        on=FACES,
        ask=ask_rates,
        read=read_rates,
    ),
    *(
        Figure(name=f"{PAPER}/{name}", title=title, claims=claims, on=FACES, ask=ask_surface, read=read, look=LOOK)
        for name, title, claims, read in (
            ("fig2", "Group size and gradient norm", (3,), read_size_and_gradient),
            ("fig3", "Accuracy and gradient norm", (9,), read_accuracy_and_gradient),
            ("fig4", "Accuracy, gradient norm and curvature before and after pruning", (8, 9), read_before_and_after),
            ("fig5", "Curvature, closeness to the boundary and accuracy", (4,), read_curvature_and_closeness),
            ("fig6", "Curvature and gradient norm", (9,), read_curvature_and_gradient),
        )
    ),
    Figure(
        name=f"{PAPER}/fig7",
        title="Accuracy, gradients and distances of a network with equal group losses",
        claims=(10,),
        on=FACES,
        ask=ask_fair,
        read=read_fair,
        look=LOOK,
    ),
    *(
        Figure(
            name=f"{PAPER}/{name}",
            title="Mitigation before, after and around pruning",
            claims=(10, 11),
            on=on,
            ask=ask_arms,
            read=read_arms,
            training_split=True,
        )
        for name, on in (
            ("fig8", ("utkface_ethnicity", "utkface_age", "utkface_gender", "celeba", "synthetic")),
            ("fig9", CLASSES),
        )
    ),
)
"""Every figure of the paper."""
