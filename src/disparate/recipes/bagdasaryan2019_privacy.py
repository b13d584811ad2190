"""bagdasaryan2019, "Differential privacy has disparate impact on model accuracy": who pays for clipping and noise."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from disparate.auditing.audit import Audit
from disparate.choice import Choice, Variant
from disparate.choices.normalisation import Normalisation
from disparate.choices.privacy import Privacy
from disparate.choices.thin import Thin
from disparate.predictions import REFERENCE
from disparate.recipes.readings import Array, changes, together, values
from disparate.recipes.reproduction import Answered, Figure, Statement, gap, outcome, points
from disparate.recipes.setting import Setting
from disparate.report.selection import Grid
from disparate.training.config import TrainingConfig

PAPER = "bagdasaryan2019_privacy"
CUT: Mapping[str, tuple[str, str]] = {
    "digits": ("digit", "8"),
    "cifar10": ("class", "ship"),
    "synthetic": ("tone", "tone 2"),
}
"""The group that is cut, by attribute; on MNIST the paper cuts class 8, which is ``ship`` in CIFAR-10."""
WITHOUT_LAYERS = frozenset({"adult"})
"""Data whose network has no normalisation to replace."""
KEPT = (0.05, 0.1, 0.3)
NOISE, NORM = 0.8, 1.0
EPSILONS = (8.0, 3.0, 1.0)
CLIP, NOISY, BOTH = "clip only", "noise only", "clip and noise"
LAYERS, SAMPLED = "group normalisation", "group normalisation, Poisson batches"

Read = tuple[tuple[Grid, ...], tuple[Statement, ...]]


def steps(*, clip: bool, noise: float) -> Privacy:
    """Return one cell of clipping and noise, all with the same batches."""
    return Privacy(noise_multiplier=noise, clip=clip, max_norm=NORM, gradients="ghost")


def training(setting: Setting) -> TrainingConfig:
    """Return how everything is trained: SGD, batches of 64 of digits and 256 of others, a tenth of CIFAR-10.

    The paper has SGD with 0.01 and momentum 0.5 in batches of 256 on MNIST, without weight decay. Digits are a fortieth
    of it: learning rate and batches are those that train in as many steps.
    """
    few = setting.on in {"digits", "synthetic"}
    return TrainingConfig(
        epochs=setting.epochs,
        batch_size=64 if few else 256,
        learning_rate=0.1,
        momentum=0.5,
        weight_decay=0.0,
        schedule="constant",
        subset=0.1 if setting.on == "cifar10" and setting.scale != "paper" else 1.0,
    )


def _asked(setting: Setting, name: str, before: Sequence[Choice], chains: Mapping[str, tuple[Choice, ...]]) -> Audit:
    reference = Variant(name=REFERENCE, choices=tuple(before))
    return setting.audit(f"bagdasaryan2019-{name}", chains, training=training(setting), reference=reference)


def _layers(setting: Setting) -> tuple[Choice, ...]:
    return () if setting.on in WITHOUT_LAYERS else (Normalisation(),)


def _cut(setting: Setting, keep: float = 0.1) -> tuple[Choice, ...]:
    if setting.on not in CUT:
        return ()
    by, group = CUT[setting.on]
    return (Thin(by=by, group=group, keep=keep),)


def ask_cells(setting: Setting) -> Audit:
    """Ask the four cells of clipping and noise, one group cut to a tenth; neither is the reference."""
    before = (*_cut(setting), *_layers(setting), steps(clip=False, noise=0.0))
    return _asked(
        setting,
        "cells",
        before,
        {
            CLIP: (steps(clip=True, noise=0.0),),
            NOISY: (steps(clip=False, noise=NOISE),),
            BOTH: (steps(clip=True, noise=NOISE),),
        },
    )


def read_cells(answered: Answered) -> Read:
    """Read the cells: both together cost the small group most, more than either alone and more than others."""
    small = minority(answered)
    own, others = _change(answered, BOTH, small)
    alone = {name: _change(answered, name, small)[0] for name in (CLIP, NOISY)}
    extra = own - np.minimum(alone[CLIP], alone[NOISY])
    told = ", ".join(f"{name} {points(found)}" for name, found in alone.items())
    return (changes(answered, "accuracy", title="Change of accuracy against neither clipping nor noise"),), (
        Statement(
            claim=f"clipping and noise cost '{small}' more than the other groups",
            paper="class 8 of MNIST: 97 % to 75 %, class 2: 99 % to 98 %",
            here=f"{points(own)} points, the others {points(others)}; {spent(answered, BOTH)}",
            outcome=outcome(own - others, sign=-1),
        ),
        Statement(
            claim=f"both together cost '{small}' more than the worse of the two alone",
            paper="noise only 95 %, clipping only 92 %, both 75 %",
            here=f"both {points(own)} points; {told}; beyond the worse one {points(extra)}",
            outcome=outcome(extra, sign=-1),
        ),
        _longer(answered, small),
    )


def _longer(answered: Answered, small: str) -> Statement:
    """Return whether the small group's gradients, which clipping would shorten, are the longer ones."""
    ratios = np.array([
        row["norm"][small] / np.mean([norm for name, norm in row["norm"].items() if name != small])
        for row in _rows(answered, REFERENCE)
        if small in row.get("norm", {})
    ])
    if not len(ratios):
        return Statement(
            claim="gradients of the small group are longer",
            paper="said, no number",
            here="no norms here",
            outcome="cannot be told",
        )
    return Statement(
        claim=f"gradients of '{small}' are longer than those of others, so that clipping takes more of them",
        paper="said, no number",
        here=f"{ratios.mean():.1f} times as long at the end of training without clipping or noise",
        outcome=outcome(np.log(ratios), sign=1),
    )


def ask_layers(setting: Setting) -> Audit:
    """Ask what is changed on the way to private steps, one after the other: layers, batches, clipping with noise."""
    layers = _layers(setting)
    return _asked(
        setting,
        "layers",
        _cut(setting),
        {
            LAYERS: layers,
            SAMPLED: (*layers, steps(clip=False, noise=0.0)),
            BOTH: (*layers, steps(clip=True, noise=NOISE)),
        },
    )


def read_layers(answered: Answered) -> Read:
    """Read which part of the whole change is that of layers and batches, and which of clipping and noise."""
    small = minority(answered)
    whole, layers, sampled = (_change(answered, name, small)[0] for name in (BOTH, LAYERS, SAMPLED))
    rest = whole - sampled
    return (changes(answered, "accuracy", title="Change of accuracy against the network as it is"),), (
        Statement(
            claim=f"clipping and noise cost '{small}' something beyond the change of layers and batches",
            paper="not told apart",
            here=f"whole {points(whole)} points, of which layers {points(layers)}, layers and batches "
            f"{points(sampled)}, clipping and noise {points(rest)}",
            outcome=outcome(rest, sign=-1),
        ),
    )


def kept(share: float, *, private: bool = False) -> str:
    """Return the name of the variant that keeps a share of the group.

    Example:
        >>> kept(0.05), kept(1.0, private=True)
        ('5 % kept', '100 % kept, private')
    """
    return f"{round(100 * share)} % kept" + (", private" if private else "")


def ask_sizes(setting: Setting) -> Audit:
    """Ask the same group at several sizes, with private steps and without; all else is the same."""
    shares = KEPT[1:2] if setting.scale == "smoke" else KEPT
    both = steps(clip=True, noise=NOISE)
    chains: dict[str, tuple[Choice, ...]] = {kept(1.0, private=True): (both,)}
    for share in shares:
        chains[kept(share)] = _cut(setting, share)
        chains[kept(share, private=True)] = (*_cut(setting, share), both)
    return _asked(setting, "sizes", (*_layers(setting), steps(clip=False, noise=0.0)), chains)


def read_sizes(answered: Answered) -> Read:
    """Read what private steps cost the group at each size, the whole group being the null."""
    small = minority(answered)
    shares = [share for share in KEPT if any(variant.name == kept(share) for variant in answered.audit.variants)]
    damage = {share: _damage(answered, share, small) for share in (*shares, 1.0)}
    told = ", ".join(f"{kept(share)} {points(found)}" for share, found in damage.items())
    smallest = min(shares)
    slopes = _slope_by_doubling(damage)
    return (changes(answered, "accuracy", title="Change of accuracy against all examples, not private"),), (
        Statement(
            claim=f"private steps cost '{small}' more at {kept(smallest)} than where all are",
            paper="accuracy of the class depends most on its size: 0 at 50 images, above 95 % at 5,000",
            here=f"points lost to private steps: {told}",
            outcome=outcome(damage[smallest] - damage[1.0], sign=-1),
        ),
        Statement(
            claim="the fewer its examples, the more a group loses to private steps",
            paper="rising with size",
            here=f"{points(slopes)} points per doubling of the group, over {len(damage)} sizes",
            outcome=outcome(slopes, sign=1),
        ),
    )


def _damage(answered: Answered, share: float, small: str) -> Array:
    plain = REFERENCE if share == 1 else kept(share)
    column = answered.groups.index(small)
    return (answered.accuracies(kept(share, private=True)) - answered.accuracies(plain))[:, column]


def _slope_by_doubling(damage: Mapping[float, Array]) -> Array:
    doublings = np.log2(np.array(list(damage)))
    apart = doublings - doublings.mean()
    return apart @ np.stack(list(damage.values())) / (apart**2).sum()


def ask_epsilons(setting: Setting) -> Audit:
    """Ask for three ε, from loose to tight; all groups are as large as they are."""
    before = (*_layers(setting), steps(clip=False, noise=0.0))
    return _asked(
        setting,
        "epsilons",
        before,
        {f"ε = {epsilon:g}": (Privacy(epsilon=epsilon, max_norm=NORM, gradients="ghost"),) for epsilon in EPSILONS},
    )


def read_epsilons(answered: Answered) -> Read:
    """Read who loses at each ε: the smaller groups, those that were answered worse, and with it the gap."""
    plain = answered.accuracies(REFERENCE)
    counts = answered.result.run["groups"][answered.by]
    sizes = {name: float(counts[name]) for name in answered.groups}
    before = dict(zip(answered.groups, plain.mean(axis=0).tolist(), strict=True))
    told: list[Statement] = []
    for variant in answered.audit.variants:
        found = answered.result.findings.where(measure="accuracy", variant=variant.name, by=answered.by, axis="both")
        change = values(found)
        wider = gap(answered.accuracies(variant.name)) - gap(plain)
        told += [
            together(sizes, change, claim=f"{variant.name}: the smaller a group, the more it loses", sign=1),
            together(before, change, claim=f"{variant.name}: the worse a group was off, the more it loses", sign=1),
            Statement(
                claim=f"{variant.name}: the gap between groups grows",
                paper="the unfair become more unfair",
                here=f"gap {points(wider)} points; {spent(answered, variant.name)}",
                outcome=outcome(wider, sign=1),
            ),
        ]
    return (changes(answered, "accuracy", title="Change of accuracy by ε"),), tuple(told)


def minority(answered: Answered) -> str:
    """Return the group that a statement is about: the one that is cut, else the smallest."""
    return CUT[answered.setting.on][1] if answered.setting.on in CUT else answered.groups[-1]


def _change(answered: Answered, variant: str, small: str) -> tuple[Array, Array]:
    """Return the change of a group's accuracy and the mean change of all others, per seed."""
    change = answered.accuracies(variant) - answered.accuracies(REFERENCE)
    column = answered.groups.index(small)
    return change[:, column], np.nanmean(np.delete(change, column, axis=1), axis=1)


def _rows(answered: Answered, variant: str) -> list[Mapping[str, Any]]:
    rows = answered.result.run.get("privacy", [])
    return [row for row in rows if str(row["job"]).startswith(f"train {variant} seed") and "repeat" not in row["job"]]


def spent(answered: Answered, variant: str) -> str:
    """Return the ε of a variant in words."""
    rows = _rows(answered, variant)
    if not rows or rows[0]["epsilon"] is None:
        return "no ε holds"
    return f"ε = {rows[0]['epsilon']:.1f} at δ = {rows[0]['delta']:g}"


FIGURES = tuple(
    Figure(name=f"{PAPER}/{name}", title=title, claims=(20,), on=on, ask=ask, read=read)
    for name, title, on, ask, read in (
        (
            "clip_and_noise",
            "Clipping and noise, each alone and together, one group cut to a tenth",
            ("digits", "cifar10", "adult", "synthetic"),
            ask_cells,
            read_cells,
        ),
        (
            "layers",
            "Normalising layers, random batches, clipping and noise told apart",
            ("digits", "cifar10", "synthetic"),
            ask_layers,
            read_layers,
        ),
        (
            "group_size",
            "What private steps cost one group, by its size",
            ("digits", "cifar10", "synthetic"),
            ask_sizes,
            read_sizes,
        ),
        (
            "epsilon",
            "Who pays for a smaller ε",
            ("adult", "digits", "synthetic"),
            ask_epsilons,
            read_epsilons,
        ),
    )
)
"""Every figure."""
