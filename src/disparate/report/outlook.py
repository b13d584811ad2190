"""What ``disparate power`` prints: the power in each group, the smallest change seen, what a smaller one needs."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from disparate.errors import BadInput
from disparate.findings import SCHEMA, Result
from disparate.report.glossary import term
from disparate.report.planning import ASSUMED, TRAINED, TRAINING, expected
from disparate.report.power import CHANGE, Need, Reach, reaches, usual_change
from disparate.report.selection import attributes, main_measure
from disparate.report.wording import ABSENT, amount, number, percent, plain, shortened
from disparate.stats.power import Plan

SEEN = (
    "Noise and noise floor are those that were seen, the test is corrected among those of its table, the others being "
    "as they are. Few seeds know little of their own noise: read the numbers as sizes, not to the digit."
)
LONGEST = 24
"""Longest name in a column."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outlook:
    """How far an experiment can see, for a console or as JSON.

    Args:
        measure: The measure.
        change: The change that is asked about.
        power: Wanted probability of seeing it.
        reaches: How far each comparison can see.
        assumptions: What is assumed, in words.
    """

    measure: str
    change: float
    power: float
    reaches: tuple[Reach, ...]
    assumptions: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the object that ``--json`` prints."""
        head = {"schema": SCHEMA, "measure": self.measure, "change": self.change, "wanted_power": self.power}
        return {**head, "assumptions": list(self.assumptions), "rows": [_row(reach) for reach in self.reaches]}

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:  # ruff: ignore[bad-dunder-method-name] - rich's protocol
        """Yield a table with a row per comparison, why there is no number, and what is assumed."""
        unit = self.reaches[0].unit
        asked = amount(abs(self.change), unit)
        yield Text(f"A change of {term(self.measure).inline} of {asked}, to be seen with {percent(self.power)}")
        reasons: list[str] = []
        yield self._table(asked, reasons)
        for place, reason in enumerate(reasons, start=1):
            yield Text(f"[{place}] {reason}.")
        for text in self.assumptions:
            yield Text(text, style="dim")

    def _table(self, asked: str, reasons: list[str]) -> Table:
        table = Table(box=None, pad_edge=False, header_style="bold")
        split = any(reach.by for reach in self.reaches)
        for name in ("variant" if split else "acts on", *(["by"] if split else []), "group"):
            table.add_column(name)
        for name in ("seeds", "examples", f"power at {asked}", "smallest seen", "examples needed", "seeds needed"):
            table.add_column(name, justify="right")
        for reach in self.reaches:
            names = (reach.variant, *([reach.by] if split else []), reach.group)
            cells = (f"{reach.seeds:,}", f"{reach.examples:,}", *_numbers(reach, reasons))
            table.add_row(*(Text(shortened(plain(name), LONGEST)) for name in names), *(Text(cell) for cell in cells))
        return table


def after(result: Result, *, change: float | None, power: float) -> Outlook:
    """Return how far the comparisons of a result could see, in every group of every attribute.

    Args:
        result: Findings and run record.
        change: The change to ask about, in the unit of the main measure; a usual one where not given.
        power: Wanted probability of seeing it.

    Returns:
        The outlook.

    Raises:
        BadInput: The change or the power is impossible, or nothing was compared per group.
    """
    change = usual_change(result) if change is None else change
    found = tuple(reach for by in attributes(result) for reach in reaches(result, by, change=change, power=power))
    if not found:
        raise BadInput(
            "the result holds no change of a measure per group; that of an audit or a comparison was expected. "
            "Before an experiment give --group-size and --error or --flips."
        )
    measure = main_measure(result.findings) or ""
    return Outlook(measure=measure, change=change, power=power, reaches=found, assumptions=(SEEN,))


def before(
    sizes: Mapping[str, int],
    *,
    change: float | None,
    power: float,
    error: float | None = None,
    flips: float | None = None,
    retrained: bool = False,
    seeds: int | None = None,
    comparisons: int | None = None,
    level: float | None = None,
) -> Outlook:
    """Return how far an experiment will see, before any run.

    Args:
        sizes: Number of test examples by group.
        change: The change to ask about, as a share; 0.02 where not given.
        power: Wanted probability of seeing it.
        error: Share of wrong answers of the reference, for what acts on training.
        flips: Share of answers that turn, for what acts on the trained model.
        retrained: Whether the choice acts on training, for which flips say nothing.
        seeds: Number of training seeds; 5 where not given.
        comparisons: Number of tests among which it has to stand out; 1 where not given.
        level: Level of the test; 0.95 where not given.

    Returns:
        The outlook.

    Raises:
        BadInput: Something is impossible, or does not go together.
    """
    change = CHANGE if change is None else change
    if not sizes:
        raise BadInput("no group size is given; a result, or --group-size 340 or --group-size other=340, was expected.")
    if retrained and (error is None or flips is not None):
        found = "flips are given" if flips is not None else "no error is given"
        raise BadInput(f"the choice acts on training and {found}; the error of the reference alone was expected.")
    given: dict[str, Any] = {
        name: value for name, value in (("comparisons", comparisons), ("level", level)) if value is not None
    }
    plan = Plan(power=power, **given)
    found = expected(sizes, change=change, seeds=5 if seeds is None else seeds, plan=plan, error=error, flips=flips)
    kinds = {TRAINING: error, TRAINED: flips}
    words = [ASSUMED[kind] for kind, share in kinds.items() if share is not None]
    if plan.comparisons == 1:
        words.append(
            "One comparison is assumed. A report corrects for all variants and groups of a table: give "
            "--comparisons for the hardest case."
        )
    return Outlook(measure="accuracy", change=change, power=power, reaches=found, assumptions=tuple(words))


def _numbers(reach: Reach, reasons: list[str]) -> tuple[str, ...]:
    need = reach.need
    if need is None:
        return (f"? [{_place(reach.undefined, reasons)}]", *([ABSENT] * 3))
    return (
        ABSENT if need.power is None else percent(round(need.power, 2)),
        ABSENT if need.smallest is None else number(need.smallest, reach.unit),
        _count(need.examples, need.why_examples, reasons),
        _count(need.seeds, need.why_seeds, reasons),
    )


def _count(value: int | None, reason: str, reasons: list[str]) -> str:
    return f"{value:,}" if value else f"none [{_place(reason, reasons)}]"


def _place(reason: str, reasons: list[str]) -> int:
    if reason not in reasons:
        reasons.append(reason)
    return reasons.index(reason) + 1


def _row(reach: Reach) -> dict[str, Any]:
    named = {name: getattr(reach, name) for name in ("variant", "by", "group", "unit", "seeds", "examples")}
    judged: dict[str, Any] = {"noise": None, "floor": None, "axis": None, "comparisons": None, "discoveries": None}
    if bench := reach.bench:
        plan = bench.plan
        judged = {"noise": asdict(bench.noise), "floor": plan.floor.at(bench.examples), "axis": plan.axis}
        judged |= {"comparisons": plan.comparisons, "discoveries": plan.discoveries}
    return {**named, **judged, **_needs(reach.need), "undefined": reach.undefined or None}


def _needs(need: Need | None) -> dict[str, Any]:
    return {
        "power": need and need.power,
        "smallest_change": need and need.smallest,
        "examples_needed": need and need.examples,
        "seeds_needed": need and need.seeds,
        "why_no_examples": (need and need.why_examples) or None,
        "why_no_seeds": (need and need.why_seeds) or None,
    }
