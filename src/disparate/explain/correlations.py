"""What goes with harm over groups: rank correlations of the explanation table, with the p-value that so few allow."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from disparate.errors import NotEnoughData
from disparate.findings import Finding
from disparate.stats.association import rank_correlation

CORRELATION = "explanation_correlation"


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One column of an explanation table.

    Args:
        name: What it is: ``"gradient_norm"``, ``"excessive_risk"`` …
        values: Group name to value; a group without a value is absent.
    """

    name: str
    values: Mapping[str, float]

    @classmethod
    def of(cls, name: str, findings: Sequence[Finding]) -> "Column":
        """Return the column of some findings, one per group; those that are undefined are absent."""
        return cls(
            name=name,
            values={item.group: item.value for item in findings if item.group is not None and item.value is not None},
        )


def correlations(
    causes: Sequence[Column],
    harms: Sequence[Column],
    *,
    by: str,
    variant: str,
    generator: np.random.Generator,
) -> Iterator[Finding]:
    """Yield Spearman's correlation over groups of every possible cause with every harm.

    The p-value is exact up to 8 groups. The method says the smallest p-value that so many groups can give: with five a
    perfect order has 0.017, with four 0.083, so that nothing of four groups is ever significant.

    Args:
        causes: Size, gradient norm, eigenvalue, closeness … per group.
        harms: Excessive risk, loss of accuracy, sensitivity … per group.
        by: The partition.
        variant: What the harms are of.
        generator: Source of random orders, with more than 8 groups.

    Yields:
        Findings with ``cause`` and ``harm`` in ``where``; not corrected, and a correlation is no cause.

    Example:
        >>> size = Column(name="group_size", values={"a": 500, "b": 300, "c": 100})
        >>> harm = Column(name="excessive_risk", values={"a": 0.1, "b": 0.2, "c": 0.4})
        >>> found = next(correlations([size], [harm], by="race", variant="prune", generator=np.random.default_rng(0)))
        >>> round(found.value, 6), round(found.p_value, 3)
        (-1.0, 0.333)
    """
    for cause in causes:
        for harm in harms:
            shared = [name for name in cause.values if name in harm.values]
            base = Finding(
                measure=CORRELATION,
                where={"by": by, "cause": cause.name, "harm": harm.name},
                variant=variant,
                value=None,
                undefined=f"{len(shared)} groups have both numbers",
                n=len(shared),
                unit="correlation",
            )
            x, y = (np.array([column.values[name] for name in shared], dtype=np.float64) for column in (cause, harm))
            try:
                found = rank_correlation(x, y, generator=generator)
            except NotEnoughData as error:
                yield replace(base, undefined=str(error).rstrip("."))
                continue
            orders = "all orders" if found.exact else "random orders"
            yield replace(
                base,
                undefined=None,
                value=found.value,
                p_value=found.p_value,
                method=f"Spearman over {found.n} groups, {orders}; least possible p {found.least_p:.2g}; exploratory",
            )
