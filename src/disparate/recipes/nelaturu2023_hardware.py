"""nelaturu2024, "On the fairness impacts of hardware selection": figures 1, 2, 3, 5 and the mitigation made again.

The paper's machines are graphics cards (T4, V100, A100, L4; reference T4). Here a machine is a hardware profile of the
one that runs: other kernel libraries, another memory layout, emulated operand formats.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from disparate.auditing.audit import Audit
from disparate.auditing.explanation import Look
from disparate.choice import Choice
from disparate.choices.hardware import Hardware
from disparate.choices.objective import Objective
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
from disparate.recipes.reproduction import (
    Answered,
    Figure,
    Outcome,
    Statement,
    everyone,
    gap,
    outcome,
    points,
    share_of,
)
from disparate.recipes.setting import Setting
from disparate.report.selection import Grid, group_name, pivot

PAPER = "nelaturu2023_hardware"
ON = ("utkface_ethnicity", "utkface_gender", "utkface_age", "cifar10", "celeba", "synthetic")
PROFILES = ("emulated_tf32", "mkl_compatible", "channels_last")
"""Machines beside the native one. TF32 is what the newer cards of the paper compute convolutions with by default."""
FEW = PROFILES[:2]
STRENGTHS = (0.1, 1.0)
FORMS: Mapping[str, Mapping[str, Any]] = {
    "absolute": {"strength": 0.1},
    "squared": {"strength": 1.0, "form": "squared"},
    "signed lead": {"strength": 0.02, "distance": "distance_logit_signed"},
    "averaged": {"strength": 0.1, "average": 0.9, "fixed_population": True},
}
"""Forms of the regulariser; strengths are chosen so that penalties are of alike size at the start of a training."""
LOOK = Look(curvature=500)

Homes = Mapping[str, tuple[str, ...]]
"""Variant on the reference machine to the same on the others."""
Read = tuple[tuple[Grid, ...], tuple[Statement, ...]]


def ask_machines(setting: Setting) -> Audit:
    """Ask figures 1 to 3 and 5: the same seeds trained on every machine."""
    chains: dict[str, tuple[Choice, ...]] = {name: (Hardware(profile=name),) for name in PROFILES}
    return setting.audit("nelaturu2023-machines", chains)


def ask_looked_at(setting: Setting) -> Audit:
    """Ask figures 2, 3 and 5: the same, with epochs kept for gradients over the training."""
    asked = ask_machines(setting)
    kept = tuple(sorted({max(1, setting.epochs * eighth // 8) for eighth in range(1, 8)}))
    return replace(asked, training=replace(asked.training, keep_epochs=asked.training.keep_epochs or kept))


def read_changes(answered: Answered) -> Read:
    """Read figure 1: groups move over machines, the small ones more, beside what other noise moves them."""
    table = changes(answered, "accuracy", title="Change of accuracy by machine")
    moved = sensitivity(answered.result.findings, answered.by, "accuracy")
    found = answered.result.findings.where(measure="accuracy", by=answered.by, axis="both")
    told: list[Outcome] = [judged(item, sign=1 if (item.value or 0) > 0 else -1) for item in found if item.group]
    count = answered.result.run["groups"][answered.by]
    return (table, by_group(moved, answered, title="Hardware sensitivity Δ of accuracy, beside another seed's")), (
        Statement(
            claim="the same seed on another machine changes accuracies of groups",
            paper="several points for minorities",
            here=f"of {len(told)} group × machine: {counted(told)} beyond seeds and test set",
            outcome=overall(told),
        ),
        together(
            {name: float(n) for name, n in count.items()},
            values(moved),
            claim="the smaller a group, the larger its sensitivity",
            sign=-1,
        ),
        beyond_seeds(moved),
    )


def sensitivity(found: Findings, by: str, of: str) -> Findings:
    """Return Δ of every group: the largest change over the machines."""
    return found.where(lambda item: item.group is not None, measure="hardware_sensitivity", by=by, of=of, form="absmax")


def beyond_seeds(moved: Findings) -> Statement:
    """Return whether machines move groups more than seeds do: the null that the paper has no number of."""
    ratios = {item.group: item.effect_over_null for item in moved if item.effect_over_null is not None}
    told = ", ".join(f"{name} {ratio:.2f}×" for name, ratio in ratios.items())
    judged_so: list[Outcome] = [judged(item, sign=1) for item in moved]
    return Statement(
        claim="machines move groups more than other seeds do",
        paper="not compared",
        here=f"Δ over its floor: {told or 'undefined'}",
        outcome=overall(judged_so),
    )


def read_factors(answered: Answered) -> Read:
    """Read figure 2: distance of the weights, gradients over the training and curvature differ by group."""
    apart = answered.result.findings.where(measure="parameter_distance", form="relative")
    distances = pivot(
        apart, title="How far the weights are apart", note="‖θ − θ′‖ / ‖θ′‖", row=lambda i: i.variant, column=group_name
    )
    flow = answered.result.findings.where(
        lambda item: "epoch" in (item.where or {}) and item.group is not None,
        measure="gradient_norm",
        variant=REFERENCE,
        by=answered.by,
    )
    rows = pivot(
        flow,
        title="Gradient norm of every group over the training",
        note="nats per weight",
        corner="epoch",
        row=lambda item: str((item.where or {})["epoch"]),
        column=group_name,
        columns=answered.groups,
    )
    bent = by_group(
        level_of(answered, "hessian_eigenvalue", REFERENCE, split="train"),
        answered,
        title="Hessian's largest eigenvalue",
    )
    ratios: list[Outcome] = ["seen" if (item.effect_over_null or 0) < 1 else "not seen" for item in apart]
    told = ", ".join(f"{item.variant} {item.effect_over_null:.2f}×" for item in apart if item.effect_over_null)
    return (distances, rows, bent), (
        Statement(
            claim="weights trained on two machines are less far apart than those of two seeds",
            paper="not compared",
            here=f"distance over that of two seeds: {told or 'undefined'}",
            outcome=overall(ratios),
        ),
    )


def read_size_to_sensitivity(answered: Answered) -> Read:
    """Read figure 3: group size, gradient norm, sensitivity, each against the next."""
    size, norm = sizes(answered, REFERENCE), level_of(answered, "gradient_norm", REFERENCE, split="train")
    moved = sensitivity(answered.result.findings, answered.by, "loss")
    table = measures_by_group(size + norm + moved, answered, title="Size, gradient norm, sensitivity of the loss")
    return (table,), (
        together(values(size), values(norm), claim="the larger a group, the smaller its gradient norm", sign=-1),
        together(values(norm), values(moved), claim="the larger its gradient norm, the more sensitive a group", sign=1),
        together(values(size), values(moved), claim="the larger a group, the less sensitive", sign=-1),
        beyond_seeds(moved),
    )


def read_curvature(answered: Answered) -> Read:
    """Read figure 5: the farther a group from the boundary, the smaller its curvature."""
    bent = level_of(answered, "hessian_eigenvalue", REFERENCE, split="train")
    told: list[Statement] = []
    found = bent
    for measure, sign in (("closeness_gini", 1), ("distance_parameters", -1)):
        near = level_of(answered, measure, REFERENCE, split=answered.audit.split)
        found += near
        claim = f"curvature and {measure} of groups"
        told.append(together(values(near), values(bent), claim=claim, sign=sign))
    return (measures_by_group(found, answered, title="Curvature and distance to the boundary"),), tuple(told)


def aligned(strength: float, profile: str | None = None) -> str:
    """Return the name of the variant with a strength of the regulariser, on a machine.

    Example:
        >>> aligned(0.1), aligned(0.1, "channels_last")
        ('λ = 0.1', 'λ = 0.1, channels_last')
    """
    return f"λ = {strength:g}" + (f", {profile}" if profile else "")


STRONG: Homes = {aligned(strength): tuple(aligned(strength, profile) for profile in FEW) for strength in STRENGTHS}


def ask_mitigation(setting: Setting) -> Audit:
    """Ask the mitigation: machines × strengths of the regulariser; strength 0 is the reference's own objective."""
    chains: dict[str, tuple[Choice, ...]] = {name: (Hardware(profile=name),) for name in FEW}
    for strength, profile in product(STRENGTHS, (None, *FEW)):
        objective = Objective(name="boundary_distance", settings={"strength": strength})
        chains[aligned(strength, profile)] = (objective, *(() if profile is None else (Hardware(profile=profile),)))
    return setting.audit("nelaturu2023-mitigation", chains)


def read_mitigation(answered: Answered) -> Read:
    """Read the mitigation: the gap on one machine (claim 6), and how far groups move across machines (claim 7)."""
    gaps = answered.result.findings.where(
        lambda item: (
            item.variant in {REFERENCE, *(aligned(strength) for strength in STRENGTHS)}
            and (item.where or {}).get("axis") in {"both", None}
        ),
        measure="accuracy_gap",
        by=answered.by,
    )
    table = pivot(
        gaps,
        title="Gap of accuracy by strength, on the reference machine",
        note="points",
        row=lambda item: item.variant,
        column=lambda item: "change" if item.reference else "gap",
    )
    accuracy = changes(answered, "accuracy", title="Change of accuracy by strength and machine")
    moved = _sensitivities(answered)
    return (
        table,
        accuracy,
        by_group(moved, answered, title="Sensitivity Δ of the loss across machines, by strength"),
    ), (
        *_within(answered, STRONG),
        *_across(answered, STRONG),
    )


def formed(form: str, profile: str | None = None) -> str:
    """Return the name of the variant with a form of the regulariser, on a machine.

    Example:
        >>> formed("squared", "channels_last")
        'squared, channels_last'
    """
    return form + (f", {profile}" if profile else "")


def ask_forms(setting: Setting) -> Audit:
    """Ask which form of the regulariser helps on one machine and does no harm across machines."""
    chains: dict[str, tuple[Choice, ...]] = {name: (Hardware(profile=name),) for name in FEW}
    for form, profile in product(FORMS, (None, *FEW)):
        objective = Objective(name="boundary_distance", settings=dict(FORMS[form]))
        chains[formed(form, profile)] = (objective, *(() if profile is None else (Hardware(profile=profile),)))
    return setting.audit("nelaturu2023-forms", chains)


def read_forms(answered: Answered) -> Read:
    """Read the forms as the mitigation is read: the gap on one machine, then sensitivity across machines."""
    accuracy = changes(answered, "accuracy", title="Change of accuracy by form and machine")
    told: list[Statement] = []
    for form in FORMS:
        homes = {formed(form): tuple(formed(form, profile) for profile in FEW)}
        told += [*_within(answered, homes), *_across(answered, homes)]
    return (accuracy,), tuple(told)


def _sensitivities(answered: Answered) -> Findings:
    found = sensitivity(answered.result.findings, answered.by, "loss").map(lambda item: replace(item, variant="λ = 0"))
    for strength in STRENGTHS:
        own = [aligned(strength, profile) for profile in FEW]
        told = answered.against(aligned(strength), own, ("hardware_sensitivity",), hardware=own)
        moved = sensitivity(told, answered.by, "loss")
        found += Findings(tuple(replace(item, variant=aligned(strength)) for item in moved))
    return found


def _within(answered: Answered, homes: Homes) -> Iterator[Statement]:
    for home in homes:
        own, plain = answered.accuracies(home), answered.accuracies(REFERENCE)
        narrowed = gap(own) - gap(plain)
        lowered = float((np.nanmax(own, axis=1) - np.nanmax(plain, axis=1)).mean())
        yield Statement(
            claim=f"{home}: the gap between groups shrinks on one machine (claim 6)",
            paper="by 66 % on one data set, accuracy preserved",
            here=f"gap {points(narrowed)} points{share_of(narrowed, gap(plain))}, best group {100 * lowered:+.1f}, "
            f"everyone {points(everyone(answered, home) - everyone(answered, REFERENCE))}".replace("-", "−"),
            outcome=outcome(narrowed, sign=-1),
        )


def _across(answered: Answered, homes: Homes) -> Iterator[Statement]:
    plain = _spread(answered, REFERENCE, FEW)
    for home, others in homes.items():
        own = _spread(answered, home, others)
        yield Statement(
            claim=f"{home}: groups move less across machines (claim 7)",
            paper="less",
            here=f"largest change of a group over machines {points(own - plain)} points, from "
            f"{100 * float(plain.mean()):.1f} (mean over groups and seeds)",
            outcome=outcome(own - plain, sign=-1),
        )


def _spread(answered: Answered, home: str, others: tuple[str, ...]) -> Array:
    """Return max over machines of the change of accuracy, the mean over groups, per seed."""
    at_home = answered.accuracies(home)
    moved = np.stack([np.abs(answered.accuracies(name) - at_home) for name in others])
    return np.nanmean(moved.max(axis=0), axis=1)


FIGURES = (
    Figure(
        name=f"{PAPER}/fig1",
        title="Change of accuracy of every group by machine",
        claims=(1,),
        on=ON,
        ask=ask_machines,
        read=read_changes,
    ),
    *(
        Figure(name=f"{PAPER}/{name}", title=title, claims=claims, on=ON, ask=ask_looked_at, read=read, look=LOOK)
        for name, title, claims, read in (
            ("fig2", "Distance of the weights, gradients over the training, curvature", (2,), read_factors),
            ("fig3", "Group size, gradient norm, sensitivity", (1, 3), read_size_to_sensitivity),
            ("fig5", "Curvature and distance to the boundary", (4,), read_curvature),
        )
    ),
    Figure(
        name=f"{PAPER}/mitigation",
        title="Equal distance to the boundary: the gap on a machine, and sensitivity across machines",
        claims=(6, 7),
        on=ON,
        ask=ask_mitigation,
        read=read_mitigation,
    ),
    Figure(
        name=f"{PAPER}/forms",
        title="Forms of the regulariser: the gap on a machine, and sensitivity across machines",
        claims=(6, 7),
        on=ON,
        ask=ask_forms,
        read=read_forms,
    ),
)
"""Every figure of the paper whose axes are known."""
