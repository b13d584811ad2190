"""Reproduction: a figure of a paper made again, what the paper says beside what was found."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from disparate.auditing.audit import Audit
from disparate.auditing.explanation import Look, explained
from disparate.auditing.run import BOOTSTRAP_SEED, Answers, Engine, answer, perform
from disparate.auditing.timing import StepTimes, step_times
from disparate.data import data_named
from disparate.findings import Findings, Result
from disparate.measures.assess import assess
from disparate.predictions import REFERENCE, Predictions
from disparate.recipes.setting import Setting
from disparate.report.selection import Grid
from disparate.stats.intervals import t_interval
from disparate.store.runs import Store

Array = NDArray[np.float64]
Outcome = Literal["seen", "not seen", "contradicted", "cannot be told"]
ENOUGH_SEEDS = 0.8
"""Share of seeds in which a sign has to be right."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Statement:
    """A sentence of a paper, held against what was found.

    Args:
        claim: What the paper says.
        paper: Its number or sign.
        here: Ours, with what it is held against.
        outcome: Whether it was seen.
    """

    claim: str
    paper: str
    here: str
    outcome: Outcome


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Answered:
    """What a figure is read from.

    Args:
        setting: Under which it was asked.
        audit: The question.
        result: The answer; with the explanation's findings where the figure looks at networks.
        answers: Predictions of every run.
        store: Where the checkpoints behind them lie.
        seen: Predictions of the same runs on the training split, where the figure asks for them; else None.
        others: The answers to the figure's further questions.
        times: What a step of a training takes by profile, where the figure asks for it.
    """

    setting: Setting
    audit: Audit
    result: Result
    answers: Answers
    store: Store
    seen: Answers | None = None
    others: tuple["Answered", ...] = ()
    times: Mapping[str, StepTimes] = field(default_factory=dict[str, StepTimes])

    @property
    def by(self) -> str:
        """The partition that the figure is about."""
        return self.audit.groups[0]

    @property
    def groups(self) -> tuple[str, ...]:
        """Its groups, the largest first."""
        counts: Mapping[str, int] = self.result.run["groups"][self.by]
        return tuple(sorted(counts, key=lambda name: -counts[name]))

    def accuracies(self, variant: str, answers: Answers | None = None) -> Array:
        """Return the accuracy of every group under every seed, shape (seeds, groups), groups as in :attr:`groups`."""
        return by_seed((answers or self.answers).predictions, variant, self.by, self.groups)

    def against(self, reference: str, variants: Sequence[str], measures: Sequence[str], **more: Any) -> Findings:
        """Return findings with another variant in the place of the reference, paired by example and seed.

        Args:
            reference: What the others are compared with.
            variants: The others; they act on training, as the reference does.
            measures: Names of measures.
            **more: Further arguments of :func:`disparate.measures.assess.assess`.

        Returns:
            The findings, the reference under its own name.
        """
        runs = [
            _renamed(item, reference) for item in self.answers.predictions if item.run.variant in {reference, *variants}
        ]
        found = assess(
            [item for item in runs if item.run.repeat == 0],
            by=(self.by,),
            measures=measures,
            acts_on_training=dict.fromkeys(variants, True),
            replicates=self.audit.replicates,
            level=self.audit.level,
            generator=np.random.default_rng(BOOTSTRAP_SEED),
            **more,
        )
        return found.map(lambda item: _named(item, reference))


def _nothing_more(at: Setting) -> tuple[Audit, ...]:
    return ()


def _as_it_is(at: Setting) -> Setting:
    return at


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Figure:
    """A figure of a paper as a question and a way to read the answer.

    Args:
        name: ``"paper/figure"``.
        title: What it shows.
        claims: Numbers of the claims it is about, in the project's list.
        on: Names of the materials it can be made on, the first by default.
        ask: From a setting to the audit.
        read: From the answer to tables and statements.
        look: How closely networks are looked at; None where predictions are enough.
        training_split: Whether predictions of the training split are needed too.
        ask_more: From a setting to further audits, such as those of other networks.
        fit: From a setting to the figure's own: its paper's seeds and epochs.
        timed: Whether steps of a training are timed under the profiles of this machine.
    """

    name: str
    title: str
    claims: tuple[int, ...]
    on: tuple[str, ...]
    ask: Callable[[Setting], Audit]
    read: Callable[[Answered], tuple[tuple[Grid, ...], tuple[Statement, ...]]]
    look: Look | None = None
    training_split: bool = False
    ask_more: Callable[[Setting], tuple[Audit, ...]] = _nothing_more
    fit: Callable[[Setting], Setting] = _as_it_is
    timed: bool = False


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Reproduction:
    """A figure made again.

    Args:
        figure: Which.
        setting: At which scale, on which data.
        grids: Its numbers.
        statements: What the paper says beside them.
        report: Where the audit behind it is reported, relative to the store.
    """

    figure: Figure
    setting: Setting
    grids: tuple[Grid, ...]
    statements: tuple[Statement, ...]
    report: str

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        chosen = ("scale", "on", "seeds", "epochs", "tuning", "model", "data")
        return {
            "figure": self.figure.name,
            "title": self.figure.title,
            "claims": list(self.figure.claims),
            "setting": {name: _plain(getattr(self.setting, name)) for name in chosen},
            "statements": [asdict(item) for item in self.statements],
            "tables": [_table(grid) for grid in self.grids],
            "report": self.report,
        }


def reproduce(
    figure: Figure,
    at: Setting,
    *,
    store: Store,
    engine: Engine,
    progress: Callable[[Any], None] | None = None,
) -> Reproduction:
    """Make a figure again: ask, answer, read.

    Jobs that the store holds are not done again, so that figures share trainings and a killed run goes on.

    Args:
        figure: Which.
        at: At which scale, on which data.
        store: Where jobs leave their files.
        engine: What executes them.
        progress: Called with the engine's events.

    Returns:
        Tables and statements; the audit behind it is reported in the store.

    Raises:
        BadInput: The audit cannot be answered.
    """
    audit = figure.ask(at)
    data = data_named(audit.data)
    result = perform(audit, store=store, engine=engine, data=data, progress=progress)
    if figure.look is not None:
        result = explained(audit, look=figure.look, store=store, engine=engine, data=data, progress=progress)
    seen = None
    if figure.training_split:
        seen = answer(_on_training(audit), data, store=store, engine=engine, progress=progress)
    answers = answer(audit, data, store=store, engine=engine)
    others = tuple(_other(at, asked, store, engine, progress) for asked in figure.ask_more(at))
    times = step_times(audit, data, store=store, few=at.scale == "smoke") if figure.timed else {}
    read = figure.read(
        Answered(
            setting=at,
            audit=audit,
            result=result,
            answers=answers,
            store=store,
            seen=seen,
            others=others,
            times=times,
        )
    )
    return Reproduction(
        figure=figure,
        setting=replace(at, seeds=audit.seeds),
        grids=read[0],
        statements=read[1],
        report=f"{audit.name}/report.html",
    )


def _other(at: Setting, audit: Audit, store: Store, engine: Engine, progress: Callable[[Any], None] | None) -> Answered:
    data = data_named(audit.data)
    result = perform(audit, store=store, engine=engine, data=data, progress=progress)
    answers = answer(audit, data, store=store, engine=engine)
    return Answered(setting=at, audit=audit, result=result, answers=answers, store=store)


def by_seed(runs: Sequence[Predictions], variant: str, by: str, groups: Sequence[str]) -> Array:
    """Return the accuracy of every group under every seed, of the first repeat and the mean of draws.

    Args:
        runs: The runs.
        variant: Whose.
        by: The partition.
        groups: Its groups, in the order of the columns.

    Returns:
        Shape (seeds, groups); NaN for a group without an example.
    """
    own = [item for item in runs if item.run.variant == variant and item.run.repeat == 0]
    rows: list[Array] = []
    for seed in sorted({item.run.seed for item in own}):
        drawn = [item for item in own if item.run.seed == seed]
        rows.append(np.mean([_accuracies(item, by, groups) for item in drawn], axis=0))
    return np.stack(rows)


def everyone(answered: Answered, variant: str) -> Array:
    """Return the accuracy of everyone under every seed, shape (seeds,).

    Args:
        answered: The answer.
        variant: Whose.
    """
    own = answered.accuracies(variant)
    count = answered.result.run["groups"][answered.by]
    weights = np.array([count[name] for name in answered.groups], dtype=np.float64)
    return np.nansum(own * weights, axis=1) / weights.sum()


def gap(accuracies: Array) -> Array:
    """Return the accuracy of the best minus that of the worst group, shape (seeds,).

    Example:
        >>> gap(np.array([[0.9, 0.5, 0.7]])).round(6).tolist()
        [0.4]
    """
    return np.nanmax(accuracies, axis=1) - np.nanmin(accuracies, axis=1)


def outcome(differences: Array, *, sign: int, level: float = 0.95) -> Outcome:
    """Return whether paired differences over seeds have a sign.

    *Seen*: the sign is right under at least 80 % of the seeds and the interval over seeds (Student) excludes 0;
    *contradicted*: the same of the other sign; *cannot be told* with fewer than three seeds.

    Args:
        differences: One per seed.
        sign: The sign that the paper says, 1 or −1.
        level: Level of the interval.

    Returns:
        The outcome.

    Example:
        >>> outcome(np.array([-0.1, -0.12, -0.09, -0.11]), sign=-1)
        'seen'
        >>> outcome(np.array([-0.1, 0.12, -0.09, 0.11]), sign=-1)
        'not seen'
    """
    if len(differences) < 3:
        return "cannot be told"
    if np.ptp(differences) == 0:
        low = high = float(differences[0])
    else:
        low, high = t_interval(differences, level=level)
    for side, found in ((sign, "seen"), (-sign, "contradicted")):
        right = float(np.mean(side * differences > 0))
        if right >= ENOUGH_SEEDS and (low > 0 if side > 0 else high < 0):
            return found  # type: ignore[return-value]
    return "not seen"


def points(differences: Array, *, level: float = 0.95) -> str:
    """Return the mean of shares over seeds in points, with its interval.

    Example:
        >>> points(np.array([0.01, 0.03]))
        '+2.0 [−10.7, +14.7]'
    """
    mean = _signed(100 * float(differences.mean()))
    if len(differences) < 2 or np.ptp(differences) == 0:
        return mean
    low, high = t_interval(100 * differences, level=level)
    return f"{mean} [{_signed(low)}, {_signed(high)}]"


def share_of(differences: Array, before: Array) -> str:
    """Return the mean of differences as a percentage of what it is held against, in brackets; nothing where that is 0.

    Example:
        >>> share_of(np.array([-0.01, -0.03]), np.array([0.1, 0.1]))
        ' (−20 %)'
        >>> share_of(np.array([0.01, 0.03]), np.array([0.0, 0.0]))
        ''
    """
    whole = float(before.mean())
    return f" ({100 * float(differences.mean()) / whole:+.0f} %)".replace("-", "−") if whole else ""


def _signed(value: float) -> str:
    return f"{value:+.1f}".replace("-", "−")


def _accuracies(item: Predictions, by: str, groups: Sequence[str]) -> Array:
    own = item.groups(by)
    right = (item.predicted == item.target).astype(np.float64)
    masks = (own.mask(name) for name in groups)
    return np.array([right[mask].mean() if mask.any() else np.nan for mask in masks])


def _on_training(audit: Audit) -> Audit:
    return replace(audit, split="train")


def _renamed(item: Predictions, reference: str) -> Predictions:
    name = item.run.variant
    own = REFERENCE if name == reference else ("(the audit's reference)" if name == REFERENCE else name)
    return replace(item, run=replace(item.run, variant=own))


def _named(item: Any, reference: str) -> Any:
    variant = reference if item.variant == REFERENCE else item.variant
    return replace(item, variant=variant, reference=reference if item.reference == REFERENCE else item.reference)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return dict(value) if isinstance(value, Mapping) else value


def _table(grid: Grid) -> dict[str, Any]:
    return {
        "title": grid.title,
        "note": grid.note,
        "cells": [{"row": row, "column": column, **item.to_json()} for (row, column), item in grid.cells.items()],
    }
