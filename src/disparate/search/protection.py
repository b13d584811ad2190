"""Protection: which cells of a crossbar to write with verify, what that costs, and what it gives to whom."""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import product
from typing import Any

import numpy as np

from disparate.auditing.audit import Audit
from disparate.auditing.look import job_beside
from disparate.auditing.plan import Plan, PlannedRun
from disparate.auditing.run import Engine, answer
from disparate.crossbar.disturbing import has_faults
from disparate.crossbar.presets import build_device
from disparate.data import data_named
from disparate.data.grouped import GroupedDataset
from disparate.engine.job import Job
from disparate.errors import BadInput
from disparate.predictions import REFERENCE
from disparate.registry import Registry
from disparate.search.front import front_by_value
from disparate.stats.intervals import t_interval
from disparate.store.runs import Store
from disparate.training.targeting import Rule, Target

PROTECT = "disparate.auditing.protecting:protect_network"
MAP = "disparate.auditing.protecting:map_network"
VERSION = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Protection:
    """What may be left unverified, and on which device.

    Args:
        device: Table of a crossbar: ``preset`` and settings. What is protected is written until it is near.
        rules: How the weights are chosen that are left unverified; see :class:`~disparate.training.targeting.Target`.
        shares: Shares of the rankings that are tried, beside nothing and everything.
        target: Further settings of the targets: β, saliency, scope, groups; neither rule nor share.
        chips: Chips that every number is the mean over.
        most_lost: Macro F1 that may be lost against verifying every cell.

    Raises:
        BadInput: A setting is out of range, or there is no such device.
    """

    device: Mapping[str, Any]
    rules: tuple[Rule, ...] = ("fr", "fr_and_ar", "random")
    shares: tuple[float, ...] = (0.05, 0.1, 0.2, 0.4)
    target: Mapping[str, Any] = field(default_factory=dict[str, Any])
    chips: int = 10
    most_lost: float = 0.01

    def __post_init__(self) -> None:
        if self.chips < 1:
            raise BadInput(f"protection: chips is {self.chips}; 1 or more were expected.")
        if not 0 <= self.most_lost < 1:
            raise BadInput(f"protection: most_lost is {self.most_lost}; a share in [0, 1) was expected.")
        if self.table["verify"] != "protected":
            raise BadInput(
                f"protection: verify is '{self.table['verify']}'; what is protected is what is verified here. Leave it "
                "out."
            )
        if own := sorted({"rule", "share"} & set(self.target)):
            raise BadInput(
                f"protection: the target's {own[0]} is {self.target[own[0]]!r}; every rule is tried at every share. "
                "Name them with --rule and --share (rules, shares)."
            )
        if not build_device(self.table).has_permanent_chance:
            raise BadInput("protection: the device has no faults and no deviations, so there is nothing to protect.")
        self.targets()

    @property
    def table(self) -> dict[str, Any]:
        """The device, its protected cells verified."""
        return {"verify": "protected", **self.device}

    def targets(self) -> tuple[Target, ...]:
        """Return what is tried: everything verified, every rule at every share, nothing verified."""
        between = [share for share in self.shares if share not in {0, 1}]
        tried = [("random", 0.0), *product(self.rules, between), ("random", 1.0)]
        return tuple(_target({**self.target, "rule": rule, "share": share}) for rule, share in tried)


TARGETS = Registry(family="targets", entries={"target": "disparate.training.targeting:Target"})
"""So that the settings of a target are read as strictly as those of everything else."""


def _target(settings: Mapping[str, Any]) -> Target:
    found: Target = TARGETS.build("target", settings)
    return found


@dataclass(frozen=True, kw_only=True, slots=True)
class Priced:
    """One way to protect, the mean over seeds and chips.

    Args:
        rule: How the weights were chosen that are left unverified.
        share: Of the rankings.
        cells: Cells of the network.
        verified: Share of the cells that are verified.
        units: What is written: weights under a law of whole weights, else cells.
        writes: Expected writes per unit.
        scores: By split and score the mean, with the ends of a Student interval over seeds (None with one seed);
            scores are macro F1 (``f1``, and of every group) and equalised odds (``odds``), None where undefined.
        on_front: Whether no other way verifies fewer cells, has a higher F1 and lower equalised odds.
        chosen: Whether it is the one whose map is written.
    """

    rule: str
    share: float
    cells: int
    verified: float
    units: int
    writes: float
    scores: Mapping[str, Mapping[str, Mapping[str, float | None]]]
    on_front: bool = False
    chosen: bool = False

    @property
    def name(self) -> str:
        """How it is called on pages."""
        if self.share in {0.0, 1.0}:
            return "every cell verified" if self.share == 0 else "no cell verified"
        return f"{self.rule} {100 * self.share:g} % left"


@dataclass(frozen=True, kw_only=True, slots=True)
class Protected:
    """What protecting costs and gives.

    Args:
        audit: Name of the audit.
        protection: What was asked.
        device: Every setting of the device.
        chosen_on: Split that the choice rests on.
        judged_on: Split that is reported.
        priced: Every way that was tried.
        arrays: Of the chosen way, by seed: every array with its number of weights to be verified.
        maps: Of the chosen way, by seed: key of the job whose output ``map`` is the file.
    """

    audit: str
    protection: Protection
    device: Mapping[str, Any]
    chosen_on: str
    judged_on: str
    priced: tuple[Priced, ...]
    arrays: Mapping[int, list[dict[str, Any]]]
    maps: Mapping[int, str]

    @property
    def chosen(self) -> Priced:
        """The way whose map is written."""
        return next(way for way in self.priced if way.chosen)

    @property
    def unit(self) -> str:
        """What is written: a weight where whole weights deviate, else a cell."""
        return "weight" if build_device(self.protection.table).writes_weights else "cell"

    def notes(self) -> tuple[str, ...]:
        """Return what a reader of the numbers has to know, a sentence or two each."""
        device = build_device(self.protection.table)
        alike = self.chosen_on == self.judged_on
        front = (
            f"front: on the split {self.chosen_on} no other way verifies fewer cells at a higher F1 and lower EOdds."
        )
        other = f"The scores are those of the split {self.judged_on}, where another order may hold."
        same = (
            f"There is no validation split: the way is chosen on the split {self.judged_on}, by the very scores "
            "that are shown; on other data they are likely to be worse."
        )
        faults = (
            "A verified cell has no fault here, as FairXbar assumes: what it costs to find faulty cells and to replace "
            "them is in none of the writes."
        )
        told = ((True, front), (not alike, other), (alike, same), (has_faults(device), faults))
        return tuple(text for holds, text in told if holds)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "audit": self.audit,
            "protection": asdict(self.protection),
            "device": dict(self.device),
            "chosen_on": self.chosen_on,
            "judged_on": self.judged_on,
            "unit_of_writes": self.unit,
            "notes": list(self.notes()),
            "ways": [{"name": way.name, **asdict(way)} for way in self.priced],
            "arrays": {str(seed): arrays for seed, arrays in self.arrays.items()},
        }


def settings_of(words: Sequence[str]) -> dict[str, Any]:
    """Return settings given as texts such as ``programming=0.1``; values are read as TOML.

    Args:
        words: ``name=value`` texts.

    Returns:
        Setting to value.

    Raises:
        BadInput: A text is not of that form.

    Example:
        >>> settings_of(["preset='swim'", "programming=0.1"])
        {'preset': 'swim', 'programming': 0.1}
    """
    found: dict[str, Any] = {}
    for word in words:
        try:
            found |= tomllib.loads(word)
        except tomllib.TOMLDecodeError as error:
            raise BadInput(
                f"'{word}' is not of the form name=value, such as programming=0.1 or preset='swim' (texts in quotes): "
                f"{error}."
            ) from error
    return found


def protect(
    audit: Audit,
    protection: Protection,
    *,
    store: Store,
    engine: Engine,
    data: GroupedDataset | None = None,
    progress: Callable[[Any], None] | None = None,
) -> Protected:
    """Price ways of protecting an audit's reference networks on a device, and map the best.

    The way is chosen on the validation split where there is one: of those on the front (cells verified, F1, equalised
    odds) that lose at most ``most_lost`` of macro F1 against verifying every cell, the one with the lowest equalised
    odds, of equals the one with the fewest verified cells.

    Args:
        audit: The question; its reference is trained first where the store does not hold it.
        protection: What is tried.
        store: Where jobs leave their files.
        engine: What executes them.
        data: The data set, where it is at hand already.
        progress: Called with the engine's events.

    Returns:
        The prices and the map.
    """
    data = data if data is not None else data_named(audit.data)
    chosen_on = "validation" if len(data.rows("validation")) else audit.split
    splits = list(dict.fromkeys((chosen_on, audit.split)))
    plan = answer(audit, data, store=store, engine=engine, progress=progress).plan
    runs = {planned.run.seed: planned for planned in plan.runs if _is_reference(planned)}
    targets = [asdict(target) for target in protection.targets()]
    shared = {"device": protection.table, "chips": protection.chips, "splits": splits, "version": VERSION}
    jobs = _beside(plan, runs, "protect", PROTECT, {**shared, "targets": targets})
    engine.execute(tuple(jobs.values()), store, progress=progress)
    records = {seed: _record(store, job.key) for seed, job in jobs.items()}
    priced = _chosen(_fronted(_priced(list(records.values())), chosen_on), chosen_on, protection.most_lost)
    best = targets[next(place for place, way in enumerate(priced) if way.chosen)]
    maps = _beside(plan, runs, "map", MAP, {**shared, "targets": [best]})
    engine.execute(tuple(maps.values()), store, progress=progress)
    return Protected(
        audit=audit.name,
        protection=protection,
        device=next(iter(records.values()))["device"],
        chosen_on=chosen_on,
        judged_on=audit.split,
        priced=priced,
        arrays={seed: _record(store, job.key)["arrays"] for seed, job in maps.items()},
        maps={seed: job.key for seed, job in maps.items()},
    )


def _is_reference(planned: PlannedRun) -> bool:
    return planned.run.variant == REFERENCE and planned.run.repeat == planned.run.draw == 0


def _beside(
    plan: Plan, runs: Mapping[int, PlannedRun], kind: str, function: str, asked: Mapping[str, Any]
) -> dict[int, Job]:
    jobs = {job.key: job for job in plan.jobs}
    return {
        seed: job_beside(kind, function, jobs[planned.key], {**asked, "groups": jobs[planned.key].arguments["groups"]})
        for seed, planned in runs.items()
    }


def _record(store: Store, key: str) -> Mapping[str, Any]:
    job = store.job(key)
    if job is None:
        raise BadInput(f"job {key} is not in store {store.root}; it was there a moment ago. Is it being deleted?")
    return job.record


def _priced(records: list[Mapping[str, Any]]) -> tuple[Priced, ...]:
    """Return every way, the mean over seeds."""
    return tuple(_way([record["points"][place] for record in records]) for place in range(len(records[0]["points"])))


def _way(points: list[Mapping[str, Any]]) -> Priced:
    target, splits = points[0]["target"], points[0]["scores"]
    return Priced(
        rule=target["rule"],
        share=target["share"],
        cells=points[0]["cells"],
        units=points[0]["written"],
        verified=float(np.mean([point["protected"] / point["cells"] for point in points])),
        writes=float(np.mean([point["writes"] / point["written"] for point in points])),
        scores={
            split: {score: _over_seeds([point["scores"][split][score] for point in points]) for score in scores}
            for split, scores in splits.items()
        },
    )


def _over_seeds(values: list[list[float | None]]) -> dict[str, float | None]:
    """Return mean and interval of scores, by seed and chip."""
    if any(value is None for chips in values for value in chips):
        return {"mean": None, "low": None, "high": None}
    means = np.array(values, dtype=np.float64).mean(axis=1)
    ends = t_interval(means) if len(means) > 1 and np.ptp(means) > 0 else (None, None)
    return {"mean": float(means.mean()), "low": ends[0], "high": ends[1]}


def _fronted(ways: tuple[Priced, ...], split: str) -> tuple[Priced, ...]:
    values = np.array([[-way.verified, _mean(way, split, "f1"), -_mean(way, split, "odds")] for way in ways])
    return tuple(replace(way, on_front=bool(on)) for way, on in zip(ways, front_by_value(values), strict=True))


def _chosen(ways: tuple[Priced, ...], split: str, most_lost: float) -> tuple[Priced, ...]:
    least = _mean(ways[0], split, "f1") - most_lost
    fit = [way for way in ways if way.on_front and _mean(way, split, "f1") >= least] or [ways[0]]
    best = min(fit, key=lambda way: (_mean(way, split, "odds"), way.verified))
    return tuple(replace(way, chosen=way is best) for way in ways)


def _mean(way: Priced, split: str, score: str) -> float:
    mean = way.scores[split][score]["mean"]
    return float("nan") if mean is None else mean
