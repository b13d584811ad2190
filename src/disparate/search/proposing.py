"""Proposing: which settings to try next."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Protocol

from disparate.choice import Variant
from disparate.errors import BadInput
from disparate.extras import require
from disparate.search.question import GUIDED, TRIALS, Search
from disparate.search.space import Listed, Template

Values = tuple[float, ...]
"""A trial's numbers, one per aim."""
REPEATED = 5
"""How often a guided method may be asked per trial; a small space makes it propose what was tried."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """One variant that is tried.

    Args:
        template: Name of the template.
        settings: A value for every dimension.
        variant: The variant.
    """

    template: str
    settings: Mapping[str, Any]
    variant: Variant

    @classmethod
    def of(cls, template: Template, settings: Mapping[str, Any]) -> "Trial":
        """Return the trial of a template with values in its places."""
        return cls(template=template.name, settings=settings, variant=template.at(settings))


class Proposer(Protocol):
    """What says which settings to try next, from what the trials before gave."""

    def ask(self) -> list[Trial]:
        """Return the next trials; none at the end. Some may have been tried before."""
        ...

    def tell(self, values: Sequence[Values | None]) -> None:
        """Take note of what the trials gave that were asked for last; None for one without numbers."""
        ...


def given(search: Search) -> list[Trial]:
    """Return the trials of the variants that hold no place: they are judged whatever the method."""
    return [Trial.of(template, {}) for template in search.templates if not template.dimensions]


def proposer(search: Search) -> Proposer:
    """Return what proposes the trials of a search.

    Args:
        search: The question.

    Returns:
        The proposer; with the same answers it always proposes the same, so that a search which was killed goes through
        what it has tried again and continues.

    Raises:
        BadInput: A grid has more points than trials are wanted, or a range of a grid has no number of points.
        MissingExtra: The method is not installed.
    """
    if search.method == "grid":
        return Grid(tuple(_grid(search)))
    return Guided(search, require("optuna", wanted_for=f"search method '{search.method}'"))


class Grid:
    """Every point, all at once.

    Args:
        trials: The points.
    """

    def __init__(self, trials: tuple[Trial, ...]) -> None:
        self._left = list(trials)

    def ask(self) -> list[Trial]:
        """Return every point, once."""
        asked, self._left = self._left, []
        return asked

    def tell(self, values: Sequence[Values | None]) -> None:
        """Take no note: a grid does not learn."""
        del values


def _grid(search: Search) -> list[Trial]:
    found = [
        Trial.of(template, dict(zip([one.name for one in template.dimensions], values, strict=True)))
        for template in search.templates
        if template.dimensions
        for values in itertools.product(*(dimension.grid() for dimension in template.dimensions))
    ]
    if search.trials is not None and len(found) > search.trials:
        raise BadInput(
            f"search: the grid has {len(found)} points and trials is {search.trials}; raise trials, list fewer values, "
            "or take method = 'tpe'."
        )
    return found


class Guided:
    """What optuna proposes from what it was told; the study lies in memory, and what it saw is told to it again.

    Args:
        search: The question.
        optuna: The module.
    """

    def __init__(self, search: Search, optuna: ModuleType) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._optuna = optuna
        self._templates = {one.name: one for one in search.templates if one.dimensions}
        self._batch, self._trials = search.batch, TRIALS if search.trials is None else search.trials
        self._crossed = search.method == "nsga2"
        self._tried: set[str] = set()
        self._asked: list[Any] = []
        self._asks = 0
        self._study: Any = optuna.create_study(
            directions=["maximize" if aim.better == "higher" else "minimize" for aim in search.aims],
            sampler=_sampler(search, optuna),
        )

    def ask(self) -> list[Trial]:
        """Return as many trials as a batch holds, fewer at the end."""
        count = min(self._batch, self._trials - len(self._tried), REPEATED * self._trials - self._asks)
        if count <= 0:
            return []
        self._asks += count
        self._asked = [self._study.ask() for _ in range(count)]
        trials = [self._trial(asked) for asked in self._asked]
        self._tried |= {trial.variant.name for trial in trials}
        return trials

    def tell(self, values: Sequence[Values | None]) -> None:
        """Tell the study what the trials gave; one without numbers failed."""
        failed = self._optuna.trial.TrialState.FAIL
        for asked, found in zip(self._asked, values, strict=True):
            if found is None:
                self._study.tell(asked, state=failed)
            else:
                self._study.tell(asked, list(found))

    def _trial(self, asked: Any) -> Trial:
        names = list(self._templates)
        name = asked.suggest_categorical("variant", names) if len(names) > 1 else names[0]
        drawn = {
            other: {one.name: _suggested(asked, other, one) for one in template.dimensions}
            for other, template in self._templates.items()
            if other == name or self._crossed  # only settings that every trial has are handed on to the next generation
        }
        return Trial.of(self._templates[name], drawn[name])


def _suggested(asked: Any, template: str, dimension: Any) -> Any:
    key = f"{template}: {dimension.name}"
    if isinstance(dimension, Listed):
        return dimension.values[asked.suggest_categorical(key, list(range(len(dimension.values))))]
    suggest = asked.suggest_int if dimension.whole else asked.suggest_float
    return dimension.rounded(suggest(key, dimension.low, dimension.high, log=dimension.log))


def _sampler(search: Search, optuna: ModuleType) -> Any:
    if search.method == "tpe":
        return optuna.samplers.TPESampler(seed=search.seed, n_startup_trials=search.batch)
    return optuna.samplers.NSGAIISampler(seed=search.seed, population_size=search.batch)


def described(method: str) -> str:
    """Return a method's name in words.

    Example:
        >>> described("grid"), described("nsga2")
        ('a grid', 'NSGA-II')
    """
    return GUIDED.get(method, "a grid")
