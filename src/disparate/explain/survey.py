"""From surveys of loss surfaces, one per training seed, to findings: gradients, curvature, and the theorems' bounds."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from disparate.explain.bounds import TaylorBound, bound_findings, loss_range
from disparate.explain.over_seeds import About, mean_over_seeds
from disparate.findings import Finding, Null
from disparate.stats.permuted import PERMUTED

Row = Mapping[str, Any]
WHY = "no example of this group"


@dataclass(frozen=True, kw_only=True, slots=True)
class Survey:
    """What was found around the weights of one network.

    Args:
        seed: Its training seed.
        rows: One per partition, split and group: ``n``, ``loss``, ``norm``, ``chance``, ``by_layer``; on the training
            split also ``eigenvalue``, ``residual``, ``converged``, ``products``, ``trace``, ``trace_error``.
        flow: The same gradients by ``epoch``.
        moved: How far model choices moved the weights, ‖θ̄ − θ‖₂.
    """

    seed: int
    rows: Sequence[Row]
    flow: Sequence[Row]
    moved: float | None

    def row(self, by: str, split: str, group: str) -> Row | None:
        """Return a group's row; None where it has no example in the split."""
        return next((row for row in self.rows if (row["by"], row["split"], row["group"]) == (by, split, group)), None)

    def groups(self, by: str, split: str) -> list[str]:
        """Return the groups with a row."""
        return [row["group"] for row in self.rows if (row["by"], row["split"]) == (by, split)]


def gradient_findings(
    surveys: Sequence[Survey], *, by: str, split: str, variant: str, level: float = 0.95
) -> Iterator[Finding]:
    r"""Yield ‖g_a‖ per group, whole and by layer, and by epoch where epochs were kept; the mean over seeds.

    The null is N3: the root mean square norm of as many examples dealt at random. A small group has a long gradient by
    that alone, so only a ratio above 1 says something about the group.

    Args:
        surveys: One per seed.
        by: The partition.
        split: The split.
        variant: The variant.
        level: Level of the intervals, over seeds.

    Yields:
        ``gradient_norm``, with ``layer`` or ``epoch`` in ``where`` for the parts.
    """
    for group in surveys[0].groups(by, split):
        rows = [survey.row(by, split, group) for survey in surveys]
        about = About(
            measure="gradient_norm",
            variant=variant,
            group=group,
            unit="nats per weight",
            where={"by": by, "split": split},
            n=rows[0]["n"] if rows[0] else None,
            least=0.0,
        )
        chance = [row["chance"] for row in rows if row is not None]
        floor = Null(name=PERMUTED, value=float(np.mean(chance)))
        yield mean_over_seeds(_each(rows, "norm"), about, level=level, floor=floor, why=WHY)
        for layer in rows[0]["by_layer"] if rows[0] else ():
            values = [None if row is None else row["by_layer"][layer] for row in rows]
            yield mean_over_seeds(values, replace(about, where={**(about.where or {}), "layer": layer}), level=level)
        if split == "train":
            yield from _flow(surveys, about, level)


def _flow(surveys: Sequence[Survey], about: About, level: float) -> Iterator[Finding]:
    by = (about.where or {})["by"]
    own = [[row for row in survey.flow if (row["by"], row["group"]) == (by, about.group)] for survey in surveys]
    if len({len(rows) for rows in own}) > 1:  # a seed without this group or with other epochs: nothing to average
        return
    for rows in zip(*own, strict=True):
        where = {**(about.where or {}), "epoch": rows[0]["epoch"]}
        floor = Null(name=PERMUTED, value=float(np.mean([row["chance"] for row in rows])))
        yield mean_over_seeds([row["norm"] for row in rows], replace(about, where=where), level=level, floor=floor)


def curvature_findings(surveys: Sequence[Survey], *, by: str, variant: str, level: float = 0.95) -> Iterator[Finding]:
    r"""Yield λ(H_a) and tr H_a per group on the training split; the mean over seeds.

    The method names the largest residual ‖H v − λ v‖ as a share of λ, which bounds the error of every eigenvalue, and
    how many products were taken; what did not converge is a lower bound and says so.

    Args:
        surveys: One per seed.
        by: The partition.
        variant: The variant.
        level: Level of the intervals, over seeds.

    Yields:
        ``hessian_eigenvalue`` and ``hessian_trace``.
    """
    for group in surveys[0].groups(by, "train"):
        rows = [survey.row(by, "train", group) for survey in surveys]
        known = [row for row in rows if row is not None]
        about = About(
            measure="hessian_eigenvalue",
            variant=variant,
            group=group,
            unit="nats per squared weight",
            where={"by": by, "split": "train"},
            n=known[0]["curvature_n"],
        )
        found = mean_over_seeds(_each(rows, "eigenvalue"), about, level=level, why=WHY)
        worst = max(row["residual"] / abs(row["eigenvalue"]) for row in known if row["eigenvalue"])
        lost = sum(not row["converged"] for row in known)
        said = f"residual at most {worst:.1%}, {sum(row['products'] for row in known)} products"
        said += f"; {lost} of {len(known)} did not converge and are lower bounds" if lost else ""
        yield replace(found, method=f"{found.method}; {said}")
        error = max(row["trace_error"] for row in known)
        trace = mean_over_seeds(_each(rows, "trace"), replace(about, measure="hessian_trace"), level=level, why=WHY)
        yield replace(trace, method=f"{trace.method}; Monte Carlo error at most {error:.3g}")


def taylor_findings(
    references: Sequence[Survey],
    variants: Sequence[Survey],
    distances: Sequence[float],
    *,
    by: str,
    variant: str,
    classes: int,
    level: float = 0.95,
) -> Iterator[Finding]:
    """Yield the bound of theorem 4.1 / theorem 1 per group on the training split, beside the change it bounds.

    Args:
        references: Surveys at the reference's weights, one per seed.
        variants: Surveys of the variant, of the same seeds in the same order.
        distances: ‖θ − θ′‖₂ per seed.
        by: The partition.
        variant: The variant.
        classes: Number of classes.
        level: Level of the intervals.

    Yields:
        ``taylor_bound`` with ``term`` in ``where``, of the signed form.
    """
    bounds: dict[str, list[TaylorBound]] = {}
    for reference, own, distance in zip(references, variants, distances, strict=True):
        losses = [row["loss"] for row in (*reference.rows, *own.rows)]
        for group in reference.groups(by, "train"):
            before, after = reference.row(by, "train", group), own.row(by, "train", group)
            if before is not None and after is not None:
                bound = TaylorBound(
                    gradient_norm=before["norm"],
                    eigenvalue=before["eigenvalue"],
                    distance=distance,
                    change=after["loss"] - before["loss"],
                    loss_range=loss_range(classes, *losses),
                    form="signed",
                )
                bounds.setdefault(group, []).append(bound)
    yield from bound_findings(bounds, by=by, variant=variant, split="train", level=level)


def _each(rows: Sequence[Row | None], name: str) -> list[float | None]:
    return [None if row is None else row[name] for row in rows]
