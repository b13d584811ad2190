"""N3 in an audit: spreads over groups, held against what groups dealt at random would show.

The gap between the best and the worst of several groups is above zero however the groups are made, and the more so the
smaller the smallest one is. Here who belongs to which group is dealt anew; sizes and answers stay.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from disparate.findings import Finding, Null
from disparate.measures.disparity import spread
from disparate.measures.noise_floors import permuted_floor
from disparate.measures.risk import FAIRNESS_VIOLATION, fairness_violation
from disparate.measures.series import OF_RIGHT_ANSWERS
from disparate.measures.statements import Case
from disparate.measures.table import measure_named
from disparate.stats.bootstrap import Units
from disparate.stats.permuted import PERMUTATIONS, PERMUTED, permuted_means

Array = NDArray[np.float64]
GAPS: Mapping[str, str] = MappingProxyType({
    "accuracy_gap": "accuracy",
    "subset_accuracy_gap": "subset_accuracy",
    "mean_absolute_error_gap": "mean_absolute_error",
})
"""Gaps between the best and the worst group, and what they are gaps of: above zero however the groups are made."""
ROUNDING = 1e-12


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class PermutedGroups:
    """Group means of all runs under randomly dealt group labels.

    Args:
        case: The partition and the rules.
        means: Shape (permutations, runs, groups).
    """

    case: Case
    means: Array

    @classmethod
    def draw(
        cls,
        of: str,
        case: Case,
        *,
        times: int = PERMUTATIONS,
        generator: np.random.Generator,
    ) -> "PermutedGroups":
        """Deal the labels.

        Args:
            of: Name of the measure of kind ``mean`` that the means are of.
            case: The partition and the rules; without weights and clusters, see :func:`can_be_dealt`.
            times: Number of permutations.
            generator: Source of randomness.

        Returns:
            The means.
        """
        first = case.panel.first
        measure = measure_named(of)
        values = np.stack([measure.function(item) for item in case.panel.runs])
        if measure.name in OF_RIGHT_ANSWERS:
            units = Units.cells(list(values.astype(np.int64)), multiplicity=first.multiplicity)
        else:
            units = Units.singles(len(first), first.multiplicity)
        sizes = case.cut.groups.sizes
        return cls(case=case, means=permuted_means(values, units, sizes, times=times, generator=generator))

    def with_gaps(self, findings: Iterable[Finding]) -> Iterator[Finding]:
        """Yield levels of a gap between group means, with N3 as null and a p-value that is shown and not judged.

        Args:
            findings: Levels of the gap of the means.

        Yields:
            The findings in their order.
        """
        for item in findings:
            if item.value is None:
                yield item
                continue
            chance = self._gaps(item.variant)
            enough = self.case.cut.weakest >= self.case.min_count
            yield replace(_against(item, chance), p_value=_share_above(chance, item.value) if enough else None)

    def with_violations(self, findings: Iterable[Finding]) -> Iterator[Finding]:
        """Yield fairness violations with N3 among their nulls: the largest null is kept.

        Labels are dealt to the examples with their changes of loss, so what is permuted is who pays.

        Args:
            findings: Fairness violations of the partition.

        Yields:
            The findings in their order; their p-values stay.
        """
        for item in findings:
            if item.value is None:
                yield item
                continue
            yield _against(item, self._violations(item.variant))

    def floors(self, findings: Iterable[Finding]) -> Iterator[Finding]:
        """Yield N3 itself, of every gap and fairness violation that has a value.

        Args:
            findings: Findings of the partition.

        Yields:
            Findings of the measure ``noise_floor``.
        """
        chances = {**dict.fromkeys(GAPS, self._gaps), FAIRNESS_VIOLATION.name: self._violations}
        for item in findings:
            if item.measure in chances and item.value is not None:
                chance = chances[item.measure](item.variant)
                if np.isfinite(chance).all():
                    yield permuted_floor(item, Null(name=PERMUTED, value=float(chance.mean())), self.case)

    def _gaps(self, variant: str) -> Array:
        by_seed = np.moveaxis(spread(self.means), 0, -1)
        return (self.case.panel.levels(variant) @ by_seed).mean(axis=0)

    def _violations(self, variant: str) -> Array:
        risks = np.einsum("sr,trg->tsg", self.case.panel.differences(variant), self.means)
        return fairness_violation(risks).mean(axis=1)


def can_be_dealt(case: Case) -> bool:
    """Return whether group labels can be dealt at random: there are groups, and no weights and no clusters.

    The rows of a person belong to one group together, and a weight is made for its group.

    Args:
        case: The partition and the rules.

    Returns:
        Whether N3 is defined.
    """
    first = case.panel.first
    return case.cut.by is not None and first.weight is None and first.cluster_id is None


def _against(finding: Finding, chance: Array) -> Finding:
    """Return the finding with N3 as its null where it is the largest, and named in the method."""
    if finding.value is None or not np.isfinite(chance).all():
        return finding
    own = Null(name=PERMUTED, value=float(chance.mean()))
    known = own if finding.null is None or finding.null.value < own.value else finding.null
    p_value = _share_above(chance, finding.value)
    return replace(
        finding,
        null=known,
        effect_over_null=abs(finding.value) / known.value if known.value > 0 else None,
        method=f"{finding.method}; {PERMUTED} {own.value:.3g} (p {p_value:.2g} of {len(chance)} permutations)",
    )


def _share_above(chance: Array, value: float) -> float:
    return float((1 + (chance >= value - ROUNDING).sum()) / (1 + len(chance)))
