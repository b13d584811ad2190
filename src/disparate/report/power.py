"""What a comparison could have seen: per variant and group, from the noise that was there, or expected before any run.

A report judges a change by a corrected test and by a noise floor, so both stand between a change and its being seen.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from disparate.findings import Finding, Findings, Result
from disparate.measures.assess import MIN_COUNT
from disparate.measures.statements import INTERACTION, TESTED
from disparate.report.selection import by_of, is_change, is_level, main_axis, main_measure, place
from disparate.report.wording import amount, plain
from disparate.stats.intervals import t_quantile
from disparate.stats.multiplicity import benjamini_hochberg
from disparate.stats.paired import PairedEstimate
from disparate.stats.power import (
    MOST,
    Floor,
    Noise,
    Plan,
    detectable_change,
    examples_needed,
    power_of,
    require_change,
    seeds_needed,
)

CHANGE = 0.02
"""The change that a report speaks of: 2 points, 0.02 nats, 2 % of a number in another unit."""
POWER = 0.8
"""Probability with which a change is to be seen."""
STILL = "nothing varied along the axis that judges, so there is no noise to reckon with"
OLD = "the file does not say what moves the number; it was written before noise was kept, make it again"
SINGLE = ("seeds", "examples", INTERACTION)
"""Axes whose intervals together say what moves a difference."""
ONE_SEED = "one seed does not tell how many more would do"


@dataclass(frozen=True, kw_only=True, slots=True)
class Bench:
    """What a change is measured against: noise, numbers, and how it is judged.

    Args:
        noise: What moves the difference.
        plan: How it is judged.
        seeds: Number of training seeds.
        examples: Number of examples of the group.
        unit: Unit of the change.
    """

    noise: Noise
    plan: Plan
    seeds: int
    examples: int
    unit: str = "share"


@dataclass(frozen=True, kw_only=True, slots=True)
class Need:
    """What it takes to see a change.

    Args:
        change: The change.
        power: Probability of seeing it as things are; None where that cannot be said.
        smallest: The smallest change that is seen with the wanted power; None where no test can be made.
        examples: Examples of the group that are needed with the seeds there are; None where no number is enough.
        seeds: Seeds that are needed with the examples there are; None where no number is enough.
        why_examples: That no number of examples is enough, and why; empty where one is.
        why_seeds: That no number of seeds is enough, and why; empty where one is.
    """

    change: float
    power: float | None
    smallest: float | None
    examples: int | None
    seeds: int | None
    why_examples: str = ""
    why_seeds: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reach:
    """How far the sight of one comparison reaches, in one group under one variant.

    Args:
        variant: The variant.
        by: The attribute.
        group: The group.
        unit: Unit of the measure.
        seeds: Number of training seeds.
        examples: Number of examples of the group.
        bench: What a change is measured against; None where that is not known.
        need: What it takes; None where that is not known.
        undefined: Why it is not known; empty where it is.
    """

    variant: str
    by: str
    group: str
    unit: str
    seeds: int
    examples: int
    bench: Bench | None = None
    need: Need | None = None
    undefined: str = ""


@lru_cache(maxsize=8192)
def need_of(bench: Bench, change: float) -> Need:
    """Return what it takes to see a change. A group of fewer than 30 examples is not tested.

    Args:
        bench: What the change is measured against.
        change: The change, in the unit of the noise, not 0.

    Returns:
        Power, smallest change, examples and seeds needed.

    Raises:
        BadInput: The change is 0 or not finite.

    Example:
        >>> bench = Bench(noise=Noise.of_flips(0.1), plan=Plan(), seeds=1, examples=300)
        >>> need = need_of(bench, 0.02)
        >>> round(need.smallest, 3), need.examples
        (0.051, 1965)
    """
    noise, plan, seeds, examples = bench.noise, bench.plan, bench.seeds, bench.examples
    more_examples = examples_needed(change, noise, seeds=seeds, plan=plan)
    tested = examples >= MIN_COUNT
    more_seeds = seeds_needed(change, noise, examples=examples, plan=plan) if tested else None
    return Need(
        change=change,
        power=power_of(change, noise, seeds=seeds, examples=examples, plan=plan) if tested else None,
        smallest=detectable_change(noise, seeds=seeds, examples=examples, plan=plan) if tested else None,
        examples=max(MIN_COUNT, more_examples) if more_examples else None,
        seeds=more_seeds,
        why_examples="" if more_examples else _why_examples(bench),
        why_seeds="" if more_seeds else _why_seeds(bench, change),
    )


def _why_examples(bench: Bench) -> str:
    if bench.plan.axis == "seeds" and bench.seeds < 2:
        return "no number of examples is enough: one seed says nothing of what acts on training"
    if not bench.noise.seeds and not bench.plan.floor.alike:
        return f"more than {MOST:,} examples would be needed"
    return "no number of examples is enough: the seeds move the whole group too far"


def _why_seeds(bench: Bench, change: float) -> str:
    if bench.examples < MIN_COUNT:
        return f"no number of seeds is enough: a group of fewer than {MIN_COUNT} examples is not tested"
    floor = bench.plan.floor.at(bench.examples)
    if floor < abs(change):
        return "no number of seeds is enough: the test set is too small, as its noise is the same for all seeds"
    alone = f"the noise floor alone is {amount(floor, bench.unit)}"
    if bench.plan.floor.alike >= change**2:
        return f"no number of seeds is enough: {alone}, as a single other seed or repeat moves the whole group so far"
    return f"no number of seeds is enough: the test set is too small, as {alone}"


def usual_change(result: Result) -> float:
    """Return the change that a report speaks of.

    Args:
        result: Findings and run record.

    Returns:
        0.02 for shares and nats; in another unit, such as that of a predicted number, 2 % of the reference's level over
        everyone, to one digit.

    Example:
        >>> level = Finding(measure="mean_absolute_error", variant="reference", value=11.7, unit="target")
        >>> change = replace(level, group="f", variant="int8", reference="reference")
        >>> usual_change(Result(findings=Findings((level, change)), run={}))
        0.2
    """
    levels = result.findings.where(is_level, measure=main_measure(result.findings), group=None, label=None)
    level = next((item for item in levels if item.value), None)
    if level is None or not level.value or level.unit in {"share", "nats"}:
        return CHANGE
    return float(f"{CHANGE * abs(level.value):.0e}")


def reaches(
    result: Result, by: str, *, change: float | None = None, power: float = POWER, group: str | None = None
) -> tuple[Reach, ...]:
    """Return how far every comparison of the main measure could see, per variant and group of an attribute.

    Noise is what was seen (:func:`noise_of`); the test is corrected as the report corrects it: among the tests of its
    table, the others being as they are. The floor is the one that stands beside the number.

    Args:
        result: Findings and run record.
        by: The attribute.
        change: The change to ask about, in the unit of the measure; :func:`usual_change` where not given.
        power: Wanted probability of seeing it.
        group: The only group to ask about; every group where not given.

    Returns:
        One per variant and group, in the order of the findings.

    Raises:
        BadInput: The change is 0 or not finite, or the power is not between a half and 1.
    """
    change = usual_change(result) if change is None else change
    require_change(change)
    plan = Plan(power=power)
    split = _split(result, by)
    judged = main_axis(split)
    along = {(*_key(item), str(place(item, "axis"))): item for item in split}
    ranks = _ranks(judged)
    asked = judged if group is None else judged.where(group=group)
    return tuple(_reach(item, along, replace(plan, **ranks.get(_key(item), {})), change) for item in asked)


def smallest_group(result: Result, by: str) -> str | None:
    """Return the group with the fewest examples among those that were tested; None where none was."""
    tested = [item for item in main_axis(_split(result, by)) if item.p_value is not None]
    return min(tested, key=lambda item: item.n or 0).group if tested else None


def _split(result: Result, by: str) -> Findings:
    found = result.findings.where(is_change, measure=main_measure(result.findings), label=None, by=by)
    return found.where(lambda item: item.group is not None)


def _key(finding: Finding) -> tuple[str, str]:
    return finding.variant, finding.group or ""


def _reach(finding: Finding, along: Mapping[tuple[str, str, str], Finding], plan: Plan, change: float) -> Reach:
    reach = Reach(
        variant=finding.variant,
        by=by_of(finding) or "",
        group=finding.group or "",
        unit=finding.unit,
        seeds=finding.seeds or 0,
        examples=finding.n or 0,
    )
    key = _key(finding)
    noise = noise_of(finding, {axis: along[*key, axis] for axis in SINGLE if (*key, axis) in along})
    if isinstance(noise, str):
        return replace(reach, undefined=noise)
    floor = Floor.of(finding.null, noise, examples=reach.examples) if finding.null else Floor()
    plan = replace(plan, axis="seeds" if is_judged_by_seeds(finding) else "both", floor=floor)
    bench = Bench(noise=noise, plan=plan, seeds=reach.seeds, examples=reach.examples, unit=reach.unit)
    need = need_of(bench, change)
    unknown = reach.seeds == 1 and need.seeds is None and reach.examples >= MIN_COUNT
    return replace(reach, bench=bench, need=replace(need, why_seeds=ONE_SEED) if unknown else need)


def is_judged_by_seeds(finding: Finding) -> bool:
    """Return whether the finding is about what acts on training, and was judged over seeds."""
    return TESTED["seeds"] in (finding.method or "").split("; ")


def noise_of(finding: Finding, axes: Mapping[str, Finding]) -> Noise | str:
    """Return what moved a difference, from the intervals beside it.

    An interval over one axis reaches t · √variance to either side, with S − 1, n − 1 or (S − 1)(n − 1) degrees of
    freedom; so the intervals over seeds, over examples and over what both hold give back the three variances, and these
    what a seed, an example and the rest move (:meth:`disparate.stats.power.Noise.of`). With one seed there is the
    interval over examples alone. Where several rows are one person, n is still the number of rows, and more examples
    means more of such rows.

    Args:
        finding: The difference, over every axis there is.
        axes: The same difference by axis: ``"seeds"``, ``"examples"``, ``"interaction"``.

    Returns:
        The noise, or in words why it is not known.
    """
    seeds, examples = finding.seeds or 0, finding.n or 0
    if finding.value is None or finding.p_value is None:
        return plain(finding.undefined) if finding.value is None else _no_test(finding)
    if seeds > 1 and len(axes) < 3:
        return OLD
    over_examples = axes.get("examples", finding) if seeds > 1 else finding
    estimate = PairedEstimate(
        value=finding.value,
        seeds=seeds,
        examples=examples,
        over_seeds=_variance(axes["seeds"], seeds - 1) if seeds > 1 else None,
        over_examples=_variance(over_examples, examples - 1),
        interaction=_variance(axes[INTERACTION], (seeds - 1) * (examples - 1)) if seeds > 1 else None,
        scale=0.0,
    )
    axis = "seeds" if is_judged_by_seeds(finding) else estimate.widest
    return Noise.of(estimate) if axis and estimate.variance(axis) else STILL


def _no_test(finding: Finding) -> str:
    parts = [part for part in plain(finding.method).split("; ") if part.startswith("no ")]
    return parts[-1] if parts else "there was no test"


def _variance(finding: Finding, df: float) -> float:
    if finding.low is None or finding.high is None or finding.level is None:
        return 0.0
    return ((finding.high - finding.low) / 2 / t_quantile(finding.level, df)) ** 2


def _ranks(judged: Findings) -> dict[tuple[str, str], dict[str, Any]]:
    """Return, per variant and group, among how many tests it stands and how many were significant if it were.

    Benjamini–Hochberg holds a p-value against (1 − level) · R / m, where R is what is significant with that p at 0.

    Args:
        judged: The differences of one table.

    Returns:
        Settings of a plan, for those with a p-value.
    """
    tested = [item for item in judged if item.p_value is not None]
    p_values = np.array([item.p_value for item in tested], dtype=np.float64)
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for position, item in enumerate(tested):
        level = item.level or Plan().level
        certain = np.where(np.arange(len(tested)) == position, 0.0, p_values)
        discoveries = int((benjamini_hochberg(certain) <= 1 - level).sum())
        found[_key(item)] = {"level": level, "comparisons": len(tested), "discoveries": discoveries}
    return found
