"""The gate: thresholds on the ends of intervals, so that what is not known never passes."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from disparate.errors import BadInput, suggestion
from disparate.findings import Finding, Findings, Verdict
from disparate.measures.exemplars import BEYOND
from disparate.report.selection import (
    EVERYONE,
    is_change,
    is_comparison,
    is_level,
    main_axis,
    place,
    references,
    variants,
)
from disparate.report.wording import interval_text, number, plain, unit_words, value_text

Side = Literal["max", "min"]
Outcome = Literal["pass", "fail", "inconclusive"]
EXIT_CODES: dict[str, int] = {"pass": 0, "not asked": 0, "fail": 1, "inconclusive": 2}
"""Exit code by outcome; 3 is any error."""
WORST_FIRST: tuple[Outcome, ...] = ("fail", "inconclusive", "pass")
CHANGE = "change:"
STILL = "nothing varies"
"""What the method of a finding says that has no interval because it is the same for every seed and example."""
OF_SOME = frozenset({"hardware_sensitivity"})
"""Measures that only some variants have."""
WRITTEN = re.compile(r"(?P<change>change:)?(?P<measure>\w+)(\[(?P<where>[^\]]*)\])?=(?P<limit>[^=]+)")
FORM = "'measure=number', 'change:measure=number' or 'measure[group=...,by=...]=number'"


@dataclass(frozen=True, kw_only=True, slots=True)
class Threshold:
    """One limit on one measure.

    Args:
        measure: Name of the measure.
        limit: The limit, in the unit of the file: a share in [0, 1], never points.
        side: ``"max"`` for at most, ``"min"`` for at least.
        change: Whether the difference to the reference is meant, instead of the level.
        where: Which of several findings are meant: ``group``, ``label``, ``variant``, or any key of ``where``.
    """

    measure: str
    limit: float
    side: Side
    change: bool = False
    where: Mapping[str, str] = field(default_factory=dict[str, str])

    def __str__(self) -> str:
        inner = ",".join(f"{key}={value}" for key, value in self.where.items())
        name = f"{CHANGE if self.change else ''}{self.measure}{f'[{inner}]' if inner else ''}"
        return f"{self.side} {name}={self.limit:g}"

    @classmethod
    def parse(cls, text: str, *, side: Side) -> "Threshold":
        """Read a threshold as it is written on the command line and in recipes.

        Args:
            text: Such as ``"accuracy_gap=0.02"``, ``"change:accuracy_gap=0.01"`` or
                ``"hardware_sensitivity[of=accuracy,form=absmax]=0.02"``.
            side: Whether the limit is the most or the least.

        Returns:
            The threshold.

        Raises:
            BadInput: The text is no threshold, or the limit no finite number.

        Example:
            >>> print(Threshold.parse("change:accuracy_gap[by=sex]=0.01", side="max"))
            max change:accuracy_gap[by=sex]=0.01
        """
        found = WRITTEN.fullmatch(text.strip())
        if found is None:
            raise BadInput(f"threshold '{text}' cannot be read; {FORM} was expected.")
        return cls(
            measure=found["measure"],
            limit=_limit(found["limit"], text),
            side=side,
            change=found["change"] is not None,
            where=_conditions(found["where"] or "", text),
        )


def _limit(written: str, text: str) -> float:
    try:
        limit = float(written)
    except ValueError:
        limit = math.nan
    if not math.isfinite(limit):
        raise BadInput(f"threshold '{text}': '{written.strip()}' is no number; {FORM} was expected.")
    return limit


def _conditions(written: str, text: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in written.split(",") if part.strip()]
    if any(not equals or not key.strip() for key, equals, _ in pairs):
        raise BadInput(f"threshold '{text}': '[{written}]' cannot be read; {FORM} was expected.")
    return {key.strip(): value.strip() for key, _, value in pairs}


def gate(findings: Findings, *, maxima: Mapping[str, float], minima: Mapping[str, float]) -> Verdict:
    """Hold findings against thresholds that stand in tables, as in a recipe.

    Args:
        findings: The findings.
        maxima: Measure, written as in :meth:`Threshold.parse` without its limit, to the largest value that passes.
        minima: The same for the smallest value that passes.

    Returns:
        The verdict; see :func:`judge`.

    Raises:
        BadInput: A measure cannot be read.
    """
    largest = [Threshold.parse(f"{name}={limit!r}", side="max") for name, limit in maxima.items()]
    smallest = [Threshold.parse(f"{name}={limit!r}", side="min") for name, limit in minima.items()]
    return judge(findings, [*largest, *smallest])


def limits(texts: Sequence[str], *, side: Side) -> dict[str, float]:
    """Return thresholds as written on the command line in the form of a recipe's table.

    Args:
        texts: As for :meth:`Threshold.parse`.
        side: Whether the limits are the most or the least.

    Returns:
        Measure, with its qualifiers, to its limit.

    Example:
        >>> limits(["churn[group=f]=0.1"], side="max")
        {'churn[group=f]': 0.1}
    """
    return {text.rpartition("=")[0].strip(): Threshold.parse(text, side=side).limit for text in texts}


def judge(findings: Findings, thresholds: Sequence[Threshold]) -> Verdict:
    """Hold findings against thresholds; the overall outcome is the worst one.

    A threshold is kept where the whole interval is inside the limit, the limit included. It is broken where the whole
    interval is outside. It is inconclusive where the interval straddles the limit, where a number has no
    interval or is undefined, where numbers of several units match, and where there is no such number at all.
    A difference of exactly zero that has no interval because nothing varies is an interval of one point; a level
    never is, since 30 right answers of 30 do not say that the next one is right.

    Args:
        findings: The findings. Levels and disparities are judged for every variant but the reference, changes
            and comparisons for every variant; of several groups or classes each one has to keep the limit.
        thresholds: The thresholds.

    Returns:
        The verdict with one sentence per threshold and variant; ``"not asked"`` without thresholds.

    Example:
        >>> gap = Finding(measure="accuracy_gap", variant="int8", value=0.03, low=0.01, high=0.05, unit="share")
        >>> judge(Findings((gap,)), [Threshold(measure="accuracy_gap", limit=0.02, side="max")]).outcome
        'inconclusive'
    """
    judged = [one for threshold in thresholds for one in _judge_one(findings, threshold)]
    outcomes = {outcome for outcome, _ in judged}
    worst = next((outcome for outcome in WORST_FIRST if outcome in outcomes), "not asked")
    return Verdict(outcome=worst, reasons=tuple(reason for _, reason in judged))


def matching(findings: Findings, threshold: Threshold) -> Findings:
    """Return the findings that a threshold is about, those of the reference left out."""
    out = references(findings)
    found = findings.where(
        lambda item: (
            item.measure == threshold.measure
            and item.variant not in out
            and (is_comparison(item) or (is_change(item) if threshold.change else is_level(item)))
            and all(_says(item, key, value) for key, value in threshold.where.items())
            and (place(item, "form") != BEYOND or "form" in threshold.where)
        )
    )
    return main_axis(found) if "axis" not in threshold.where else found


def _says(finding: Finding, key: str, value: str) -> bool:
    if key == "group":
        return (EVERYONE if finding.group is None else finding.group) == value
    if key in {"label", "variant"}:
        return getattr(finding, key) == value
    return str((finding.where or {}).get(key)) == value


def _judge_one(findings: Findings, threshold: Threshold) -> list[tuple[Outcome, str]]:
    found = matching(findings, threshold)
    units = sorted({item.unit for item in found})
    if len(units) > 1:
        which = f"it matches numbers in {' and '.join(units)}; say which, as in {threshold.measure}[of=accuracy]"
        return [("inconclusive", f"{threshold}: inconclusive, {which}.")]
    if not len(found):
        return [("inconclusive", f"{threshold}: inconclusive, {_no_such(findings, threshold)}")]
    return [_judge_variant(found, threshold, name) for name in _concerned(findings, found)]


def _no_such(findings: Findings, threshold: Threshold) -> str:
    names = {item.measure for item in findings}
    if threshold.measure not in names:
        return f"there is no finding '{threshold.measure}'.{suggestion(threshold.measure, names) if names else ''}"
    return "no finding of that measure matches, for any variant but the reference."


def _concerned(findings: Findings, found: Findings) -> tuple[str, ...]:
    measured = variants(findings.where(is_level), without=references(findings))
    present = variants(found)
    everybody = found.items[0].measure not in OF_SOME and bool(set(measured) & set(present))
    return tuple(dict.fromkeys((*measured, *present))) if everybody else present


def _judge_variant(found: Findings, threshold: Threshold, variant: str) -> tuple[Outcome, str]:
    own = found.where(variant=variant)
    head = f"{threshold}: {plain(variant)}"
    if not len(own):
        return "inconclusive", f"{head} inconclusive, it has no such finding."
    judged: list[tuple[Outcome, Finding]] = [(_place(item, threshold), item) for item in own]
    outcome, item = min(judged, key=lambda pair: _severity(pair, threshold))
    of_many = f", the worst of {len(own)} that are not corrected for their number" if len(own) > 1 else ""
    uncorrected = of_many if outcome == "fail" else ""
    return outcome, f"{head} {_verb(outcome)}, {_about(item)} {_said(item)}{_why(item, outcome)}{uncorrected}."


def _place(finding: Finding, threshold: Threshold) -> Outcome:
    ends = _ends(finding)
    if ends is None:
        return "inconclusive"
    sign = 1.0 if threshold.side == "max" else -1.0
    near, far = sorted(sign * end for end in ends)
    if far <= sign * threshold.limit:
        return "pass"
    return "fail" if near > sign * threshold.limit else "inconclusive"


def _ends(finding: Finding) -> tuple[float, float] | None:
    if finding.value is None:
        return None
    if finding.low is not None and finding.high is not None:
        return finding.low, finding.high
    return (0.0, 0.0) if _is_exact_zero(finding) else None


def _is_exact_zero(finding: Finding) -> bool:
    return finding.reference is not None and finding.value == 0 and STILL in (finding.method or "")


def _severity(pair: tuple[Outcome, Finding], threshold: Threshold) -> tuple[int, float]:
    outcome, finding = pair
    sign = -1.0 if threshold.side == "max" else 1.0
    return WORST_FIRST.index(outcome), -math.inf if finding.value is None else sign * finding.value


def _verb(outcome: Outcome) -> str:
    return {"pass": "passes", "fail": "fails", "inconclusive": "is inconclusive"}[outcome]


def _about(finding: Finding) -> str:
    by = (finding.where or {}).get("by")
    words = [f"group {plain(finding.group)}" if finding.group is not None else EVERYONE]
    words += [f"by {plain(by)}"] if by is not None else []
    words += [f"class {plain(finding.label)}"] if finding.label is not None else []
    return " ".join(words)


def _said(finding: Finding) -> str:
    if finding.value is None:
        return f"undefined: {plain(finding.undefined).rstrip('.')}"
    unit = unit_words(finding.unit)
    floor = f", noise floor {number(finding.null.value, finding.unit)}" if finding.null else ""
    interval = interval_text(finding)
    return f"at {value_text(finding)} {unit} ({f'interval {interval}' if interval else 'no interval'}{floor})"


def _why(finding: Finding, outcome: Outcome) -> str:
    if outcome != "inconclusive" or finding.value is None:
        return ""
    return ": a limit needs an interval" if finding.low is None else ": the interval straddles the limit"
