"""Aims: which numbers are to become larger, and which smaller."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from disparate.errors import BadInput, suggestion
from disparate.findings import Finding, Findings
from disparate.groups import partition
from disparate.measures.measure import Kind, Measure
from disparate.measures.table import measure_named
from disparate.report.gate import CHANGE, Threshold
from disparate.report.selection import main_axis

Better = Literal["higher", "lower"]
OF_GROUPS: frozenset[Kind] = frozenset({"disparity", "against_reference", "mean_disparity"})
"""Kinds of measures that need a partition."""
PAIRED: frozenset[Kind] = frozenset({"mean", "rate", "class_rate", "pairwise", *OF_GROUPS})
"""Kinds of measures of which two trials have a difference paired by example and by seed."""
KEYS = ("by", "group", "label")


@dataclass(frozen=True, kw_only=True, slots=True)
class Aim:
    """One number of every trial, and which way it is to go.

    Args:
        text: As it was written, such as ``"accuracy_gap[by=race]"``.
        measure: Name of the measure.
        better: Which way is better.
        by: The partition; None for everyone.
        group: The group; None for all of them.
        label: The class; None where the measure is about none.
    """

    text: str
    measure: str
    better: Better
    by: str | None = None
    group: str | None = None
    label: str | None = None

    @classmethod
    def parse(cls, text: str, *, better: Better, groups: Sequence[str]) -> "Aim":
        """Read an aim as thresholds of a gate are written, without a limit.

        Args:
            text: Such as ``"accuracy"``, ``"accuracy_gap[by=race]"`` or ``"tpr[group=f,label=cat]"``. Trials are
                compared with each other, so that ``"change:accuracy"`` is the same as ``"accuracy"``.
            better: Which way is better.
            groups: Partitions of the audit; the first is meant where there is one only.

        Returns:
            The aim.

        Raises:
            BadInput: The text cannot be read, the measure is unknown, has no difference between two trials, or goes the
                other way, or the partition is not said.

        Example:
            >>> Aim.parse("accuracy_gap", better="lower", groups=("race",)).by
            'race'
        """
        read = Threshold.parse(f"{text}=0", side="max")
        if unknown := sorted(set(read.where) - set(KEYS)):
            raise BadInput(f"aim '{text}': unknown key '{unknown[0]}'.{suggestion(unknown[0], KEYS)}")
        measure = measure_named(read.measure)
        _require_way(measure, text, better)
        aim = cls(text=text.removeprefix(CHANGE), measure=read.measure, better=better, **read.where)
        return replace(aim, by=_partition(aim, measure, groups))

    @property
    def sign(self) -> float:
        """1 where more is better, −1 where less is."""
        return 1.0 if self.better == "higher" else -1.0

    def finding(self, findings: Findings, variant: str) -> Finding | None:
        """Return what a trial's number is beside the reference: the change, or the measure where it is a comparison."""
        found = findings.where(
            lambda item: item.reference is not None and "floor" not in (item.where or {}),
            measure=self.measure,
            variant=variant,
            group=self.group,
            label=self.label,
            by=self.by,
        )
        return next(iter(main_axis(found)), None)


def _partition(aim: Aim, measure: Measure, groups: Sequence[str]) -> str | None:
    if aim.by is None and aim.group is None and measure.kind not in OF_GROUPS:
        return None
    named = None if aim.by is None else partition(aim.by)
    if named is not None and named not in groups:
        raise BadInput(f"aim '{aim.text}': the audit has no partition '{aim.by}'.{suggestion(aim.by or '', groups)}")
    if named is None and len(groups) > 1:
        raise BadInput(f"aim '{aim.text}': say by which of {list(groups)}, as in {aim.measure}[by={groups[0]}].")
    return named or groups[0]


def _require_way(measure: Measure, text: str, better: Better) -> None:
    if measure.kind not in PAIRED:
        raise BadInput(
            f"aim '{text}': two trials have no paired difference of {measure.name}, which is taken over all seeds or "
            "all devices at once; take a measure such as accuracy, accuracy_gap, worst_group_accuracy or churn."
        )
    wanted = {True: "higher", False: "lower", None: better}[measure.higher_is_better]
    if wanted != better:
        verbs = {"higher": "maximize", "lower": "minimize"}
        raise BadInput(f"aim '{text}': {verbs[better]} it and people fare worse; {verbs[wanted]} was expected.")
