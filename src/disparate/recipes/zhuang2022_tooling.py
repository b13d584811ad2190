"""zhuang2022, "Randomness in neural network training": what chance in algorithm and implementation does, and its price.

The arms of the paper, from one layout of seeds × machines:

| arm | what differs within a set of models |
| --- | --- |
| ALGO | the seed: initial weights, order, augmentation; one set per machine |
| IMPL | the machine, under one seed; one set per seed |
| ALGO+IMPL | both: no two models of a set share a seed or a machine |
| control | nothing: the reference computed again |

*Departs from the paper*, where the implementation differs because a graphics card adds numbers in another order every
time. A processor does not: the same seed under the same profile gives the same bits, so that an implementation is
another profile of it (kernel library, instruction set, layout, threads).
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np

from disparate.auditing.audit import Audit
from disparate.choice import Choice
from disparate.choices.hardware import Hardware
from disparate.explain.over_seeds import About, mean_over_seeds
from disparate.explain.parameter_distance import parameter_distance
from disparate.findings import Finding, Findings
from disparate.measures.arms import FEWEST, Arm, arm_findings, class_over_overall, pairwise_churn
from disparate.predictions import REFERENCE, Predictions, Run
from disparate.recipes.readings import Read, shown
from disparate.recipes.reproduction import Answered, Array, Figure, Outcome, Statement, outcome
from disparate.recipes.setting import Setting
from disparate.report.selection import EVERYONE, Grid, group_name, pivot
from disparate.stats.intervals import t_interval

PAPER = "zhuang2022_tooling"
ON = ("cifar10", "celeba", "utkface_ethnicity", "utkface_gender", "ham10000", "synthetic")
MACHINES = ("mkl_compatible", "channels_last", "two_threads", "avx2")
ALGO, IMPL, BOTH, CONTROL = "ALGO", "IMPL", "ALGO+IMPL", "control"
ALIKE = 0.2
"""Two churns that differ by less than this share of one another count as alike."""

Models = Mapping[tuple[str, int], Predictions]


def ask_arms(setting: Setting) -> Audit:
    """Ask for every seed on every machine, and the reference twice."""
    chains: dict[str, tuple[Choice, ...]] = {name: (Hardware(profile=name),) for name in MACHINES}
    return setting.audit("zhuang2022-arms", chains, repeats=2)


def read_arms(answered: Answered) -> Read:
    """Read the arms: spread of accuracy, churn and distance of the weights; classes and groups beside everyone."""
    arms = arms_of(answered)
    by, reference = answered.by, answered.result.run["reference_groups"][answered.by]
    found = Findings(tuple(item for arm in arms.values() for item in arm_findings(arm, by=by, reference=reference)))
    distances = Findings(tuple(_distance(answered, name) for name in arms))
    tables = (
        _table(
            found, "run_sd", answered, "Standard deviation of accuracy between models", "points, beside √(err / 2n)"
        ),
        _table(found, "churn", answered, "Churn: answers that two models give differently", "points"),
        pivot(
            distances,
            title="Distance of the weights between two models",
            note="l2 norm, trained parameters",
            corner="arm",
            row=lambda item: item.variant,
            column=lambda item: "‖θ − θ′‖",
        ),
    )
    return tables, (
        *_classes(arms),
        _alike(arms),
        _control(found, distances),
    )


def arms_of(answered: Answered) -> dict[str, Arm]:
    """Return the arms of an answered audit by name."""
    runs = {item.run: item for item in answered.answers.predictions if item.run.draw == 0}
    machines, seeds = (REFERENCE, *(variant.name for variant in answered.audit.variants)), answered.audit.seeds
    names = {key: [(runs[Run(variant=machine, seed=seed)]) for machine, seed in key] for key in _sets(machines, seeds)}
    sets: dict[str, list[tuple[Predictions, ...]]] = {ALGO: [], IMPL: [], BOTH: []}
    for key, models in names.items():
        sets[_arm(key)].append(tuple(models))
    again = [
        tuple(runs[Run(variant=REFERENCE, seed=seed, repeat=repeat)] for repeat in range(answered.audit.repeats))
        for seed in seeds
    ]
    return {name: Arm(name=name, sets=tuple(own)) for name, own in ({**sets, CONTROL: again}).items()}


Key = tuple[tuple[str, int], ...]


def _sets(machines: tuple[str, ...], seeds: tuple[int, ...]) -> Iterator[Key]:
    """Yield the sets of machine and seed: per machine, per seed, and along the diagonals of the layout."""
    yield from (tuple((machine, seed) for seed in seeds) for machine in machines)
    yield from (tuple((machine, seed) for machine in machines) for seed in seeds)
    size = min(len(machines), len(seeds))
    for shift in range(len(machines)):
        yield tuple((machines[(place + shift) % len(machines)], seeds[place]) for place in range(size))


def _arm(key: Key) -> str:
    machines, seeds = ({part[index] for part in key} for index in (0, 1))
    if len(machines) == 1:
        return ALGO
    return IMPL if len(seeds) == 1 else BOTH


def _table(found: Findings, measure: str, answered: Answered, title: str, note: str) -> Grid:
    return pivot(
        found.where(measure=measure),
        title=title,
        note=note,
        corner="arm",
        row=lambda item: item.variant,
        column=lambda item: item.label or group_name(item),
        columns=(EVERYONE, *answered.groups),
    )


def _distance(answered: Answered, arm: str) -> Finding:
    machines, seeds = (REFERENCE, *(variant.name for variant in answered.audit.variants)), answered.audit.seeds
    pairs: list[tuple[Path, Path]] = []
    if arm == CONTROL:
        pairs = [(_weights(answered, REFERENCE, seed), _weights(answered, REFERENCE, seed, 1)) for seed in seeds]
    for key in _sets(machines, seeds):
        if _arm(key) == arm:
            pairs += list(combinations([_weights(answered, machine, seed) for machine, seed in key], 2))
    about = About(measure="parameter_distance", variant=arm, unit="l2 norm", where={"form": "l2"}, least=0.0)
    found = mean_over_seeds([parameter_distance(*pair).whole.l2 for pair in pairs], about)
    return replace(found, low=None, high=None, level=None, method=f"mean over {len(pairs)} pairs", seeds=len(seeds))


def _weights(answered: Answered, variant: str, seed: int, repeat: int = 0) -> Path:
    found = answered.answers.plan.weights(variant, seed, repeat=repeat)
    return answered.store.output(found.key, found.output)


def _classes(arms: Mapping[str, Arm]) -> Iterator[Statement]:
    for name in (ALGO, IMPL, BOTH):
        found = _class_ratios(arms[name])
        values = _jackknifed(arms[name])
        here = "no set of models differs" if found is None else f"{found[0]:.2f} times as much"
        beside = "" if found is None else f", against {found[1]:.2f} by √(err / 2n)"
        told = found is not None and values is not None
        yield Statement(
            claim=f"{name}: accuracy of classes spreads more than that of everyone",
            paper="top-line metrics hardly move, parts of the distribution do",
            here=f"{here}; interval by leaving out one seed after the other",
            outcome=outcome(values[0] - 1, sign=1) if told and values is not None else "cannot be told",
        )
        yield Statement(
            claim=f"{name}: and more than the smaller numbers of examples force",
            paper="not compared",
            here=f"{here}{beside}",
            outcome=outcome(values[0] - values[1], sign=1) if told and values is not None else "cannot be told",
        )


def _class_ratios(arm: Arm, without: int | None = None) -> Array | None:
    """Return spread of classes over that of everyone, found and by √(err / 2n): means over the sets."""
    kept = [[item for item in models if item.run.seed != without] for models in arm.sets]
    ratios = [ratio for models in kept if len(models) >= FEWEST and (ratio := class_over_overall(models)) is not None]
    return np.array(ratios).mean(axis=0) if ratios else None


def _jackknifed(arm: Arm) -> Array | None:
    """Return pseudo-values of both ratios, shape (2, seeds): sets share seeds, which alone are independent."""
    seeds = sorted({item.run.seed for models in arm.sets for item in models})
    whole, parts = _class_ratios(arm), [_class_ratios(arm, without=seed) for seed in seeds]
    if whole is None or any(part is None for part in parts):
        return None
    return np.stack([len(seeds) * whole - (len(seeds) - 1) * part for part in parts if part is not None], axis=1)


def _alike(arms: Mapping[str, Arm]) -> Statement:
    everyone = [np.ones(len(arms[ALGO].sets[0][0].target), bool)]
    algo, impl = (
        np.array([pairwise_churn(models, everyone)[0] for models in arms[name].sets]) for name in (ALGO, IMPL)
    )
    return Statement(
        claim="churn between machines is about that between seeds",
        paper="similar (summers2021 too)",
        here=f"IMPL {100 * impl.mean():.1f} points, ALGO {100 * algo.mean():.1f}; alike is within {100 * ALIKE:.0f} %",
        outcome=_within(impl, float(algo.mean())),
    )


def _within(values: Array, other: float) -> Outcome:
    """Return whether an interval lies within a share of another number, *seen*, or outside, *contradicted*."""
    if len(values) < 3:
        return "cannot be told"
    low, high = t_interval(values) if np.ptp(values) else (values[0], values[0])
    if low >= (1 - ALIKE) * other and high <= (1 + ALIKE) * other:
        return "seen"
    return "contradicted" if high < (1 - ALIKE) * other or low > (1 + ALIKE) * other else "not seen"


def _control(found: Findings, distances: Findings) -> Statement:
    churn = found.where(measure="churn", variant=CONTROL, group=None, label=None).only()
    distance = distances.where(variant=CONTROL).only()
    still = churn.value == 0 and distance.value == 0
    return Statement(
        claim="with everything fixed nothing differs",
        paper="by design",
        here=f"churn {shown(churn)}, distance of the weights {shown(distance)}: "
        + ("bit-identical repeats" if still else "repeats differ"),
        outcome="seen" if still else "contradicted",
    )


def read_price(answered: Answered) -> Read:
    """Read the price of determinism: how much longer a step takes with deterministic kernels, by profile."""
    rows = Findings(tuple(item for name in answered.times for item in _priced(answered, name)))
    table = pivot(
        rows,
        title="A step of the training by profile of this machine",
        note="milliseconds, times as long",
        corner="profile",
        row=lambda item: item.variant,
        column=lambda item: str((item.where or {})["what"]),
    )
    return (table,), tuple(_prices(answered))


def _priced(answered: Answered, name: str) -> Iterator[Finding]:
    times, native = answered.times[name], answered.times["native"]
    low, high = times.range
    blank = Finding(measure="step_time", variant=name, value=0.0, unit="ratio")
    how = f"median of {len(times.free)} rounds in turns; bits {'alike' if times.equal else 'differ'}"
    yield replace(blank, where={"what": "ms per step"}, value=1000 * times.seconds, unit="ms", method=how)
    yield replace(blank, where={"what": "of native"}, value=times.seconds / native.seconds)
    yield replace(blank, where={"what": "deterministic / free"}, value=times.price, low=low, high=high, method=how)


def _prices(answered: Answered) -> Iterator[Statement]:
    for name, times in answered.times.items():
        low, high = times.range
        dearer: Outcome = "seen" if low > 1 else "contradicted" if high < 1 else "not seen"
        yield Statement(
            claim=f"{name}: determinism costs time",
            paper="up to 746, 241, 196 % on three generations of graphics cards",
            here=f"{_percent(times.price)} % [{_percent(low)}, {_percent(high)}] (smallest and largest of "
            f"{len(times.free)} rounds), {'the same' if times.equal else 'other'} bits",
            outcome=dearer,
        )


def _percent(ratio: float) -> str:
    return f"{100 * (ratio - 1):+.1f}".replace("-", "−")


FIGURES = (
    Figure(
        name=f"{PAPER}/arms",
        title="Chance in algorithm and implementation: spread, churn, distance",
        claims=(22,),
        on=ON,
        ask=ask_arms,
        read=read_arms,
    ),
    Figure(
        name=f"{PAPER}/price",
        title="What determinism costs, by profile of this machine",
        claims=(23,),
        on=ON,
        ask=ask_arms,
        read=read_price,
        timed=True,
    ),
)
"""Every figure of the paper that one machine can show."""
