"""Outcome: what a search found, as values that pages and files are made of."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from disparate.choices import choice_table
from disparate.findings import SCHEMA, Caution, Finding, Findings
from disparate.predictions import REFERENCE
from disparate.search.aims import Aim
from disparate.search.comparing import Pair
from disparate.search.proposing import Trial
from disparate.search.question import Search
from disparate.search.space import Dimension, Listed

Standing = Literal["front", "not distinguishable", "dominated", "undefined"]
"""``"front"``: no point beats it, by value neither. ``"not distinguishable"``: by value one does, by more than chance
none does."""
Holds = Literal["holds", "not seen", "reversed", "nothing to hold", "undefined"]
"""Whether a change that was distinguishable where trials are chosen is so on the split that is reported."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """One trial, or the reference.

    Args:
        trial: The trial; None for the reference.
        standing: Where it stands on the split that trials are chosen on.
        dominated_by: Points that beat it.
        alike: Points that cannot be told from it in any aim.
        undefined: Why it has no place; None where it has.
        levelling_down: Split to why a gap closes under it though nobody is better off.
        recipe: The recipe that audits it, beside the file of the search; None for points off the front.
    """

    trial: Trial | None
    standing: Standing
    dominated_by: tuple[str, ...] = ()
    alike: tuple[str, ...] = ()
    undefined: str | None = None
    levelling_down: Mapping[str, str]
    recipe: str | None = None

    @property
    def name(self) -> str:
        """Name of the variant."""
        return REFERENCE if self.trial is None else self.trial.variant.name

    @property
    def on_front(self) -> bool:
        """Whether nothing that was tried can be told to be better."""
        return self.standing in {"front", "not distinguishable"}


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Outcome:
    """What a search found.

    Args:
        search: The question.
        points: The reference, then the trials in the order in which they were tried.
        pairs: Every two points on every aim, on the split that trials are chosen on.
        selection: Findings on that split.
        report: Findings on the split that is reported.
        beside: Findings on that split under the choices that stand beside; empty without any.
        cautions: What to know before believing the numbers.
        run: The run record.
    """

    search: Search
    points: tuple[Point, ...]
    pairs: tuple[Pair, ...]
    selection: Findings
    report: Findings
    beside: Findings
    cautions: tuple[Caution, ...]
    run: Mapping[str, Any]

    @property
    def splits(self) -> tuple[str, str]:
        """The split that trials are chosen on, and the one that is reported."""
        return self.search.select_on, self.search.audit.split

    @property
    def front(self) -> tuple[Point, ...]:
        """The points that nothing beats: those that are so by value as well come first."""
        found = [point for point in self.points if point.on_front]
        return tuple(sorted(found, key=lambda point: point.standing != "front"))

    def change(self, point: Point, aim: Aim, split: str) -> Finding | None:
        """Return what a point's number is beside the reference on a split; None for the reference, or without one."""
        return aim.finding(self._of(split), point.name) if point.trial else None

    def holds(self, point: Point, aim: Aim) -> Holds:
        """Return whether a change that was seen where trials are chosen is seen on the split that is reported."""
        chosen, reported = (self.change(point, aim, split) for split in self.splits)
        return held(chosen, reported)

    def to_json(self) -> dict[str, Any]:
        """Return what ``search.json`` holds and ``--json`` prints."""
        selected, reported = self.splits
        return {
            "schema": SCHEMA,
            "search": _asked(self.search),
            "points": [self._point(point) for point in self.points],
            "pairs": [asdict(pair) for pair in self.pairs],
            "findings": {
                selected: self.selection.to_json(),
                reported: self.report.to_json(),
                **({"beside": self.beside.to_json()} if len(self.beside) else {}),
            },
            "cautions": [asdict(caution) for caution in self.cautions],
            "run": dict(self.run),
        }

    def to_text(self) -> str:
        """Return the outcome as JSON, a line break at its end; NaN and infinity are refused, never written."""
        return json.dumps(self.to_json(), indent=1, allow_nan=False, ensure_ascii=False) + "\n"

    def _of(self, split: str) -> Findings:
        return self.selection if split == self.search.select_on else self.report

    def _point(self, point: Point) -> dict[str, Any]:
        trial = point.trial
        return {
            "variant": point.name,
            "template": None if trial is None else trial.template,
            "settings": {} if trial is None else dict(trial.settings),
            "choices": [] if trial is None else [choice_table(choice) for choice in trial.variant.choices],
            "standing": point.standing,
            "dominated_by": list(point.dominated_by),
            "alike": list(point.alike),
            "undefined": point.undefined,
            "levelling_down": dict(point.levelling_down),
            "holds": {aim.text: self.holds(point, aim) for aim in self.search.aims} if trial else {},
            "recipe": point.recipe,
        }


def held(chosen: Finding | None, reported: Finding | None) -> Holds:
    """Return whether a change that is distinguishable on one split is so, and the same way, on another.

    Args:
        chosen: The change where trials are chosen.
        reported: The change on the split that is reported.

    Returns:
        ``"nothing to hold"`` where the first is not distinguishable.

    Example:
        >>> seen = Finding(measure="accuracy", variant="v", value=0.1, unit="share", distinguishable=True)
        >>> gone = Finding(measure="accuracy", variant="v", value=0.1, unit="share", distinguishable=False)
        >>> held(seen, seen), held(seen, gone), held(gone, seen)
        ('holds', 'not seen', 'nothing to hold')
    """
    if chosen is None or reported is None or chosen.value is None or reported.value is None:
        return "undefined"
    if not chosen.distinguishable:
        return "nothing to hold"
    if not reported.distinguishable:
        return "not seen"
    return "holds" if chosen.value * reported.value > 0 else "reversed"


def _asked(search: Search) -> dict[str, Any]:
    return {
        "name": search.audit.name,
        "method": search.method,
        "trials": search.trials,
        "batch": search.batch,
        "seed": search.seed,
        "select_on": search.select_on,
        "report_on": search.audit.split,
        "maximize": [aim.text for aim in search.aims if aim.better == "higher"],
        "minimize": [aim.text for aim in search.aims if aim.better == "lower"],
        "space": {one.name: {dim.name: _range(dim) for dim in one.dimensions} for one in search.templates},
        "beside": [choice_table(choice) for choice in search.beside],
    }


def _range(dimension: Dimension) -> Any:
    if isinstance(dimension, Listed):
        return list(dimension.values)
    return {name: value for name, value in asdict(dimension).items() if name != "name" and value is not None}
