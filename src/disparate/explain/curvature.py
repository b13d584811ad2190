"""From surveys of loss surfaces to findings about curvature: eigenvalues, density, diagonals, and theorems' bounds."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from disparate.explain.bounds import Form, TaylorBound, bound_findings, loss_range
from disparate.explain.over_seeds import About, mean_over_seeds
from disparate.explain.survey import WHY, Survey, each, reason
from disparate.findings import Finding

UNIT = "nats per squared weight"
CLOSENESS_BOUND = "closeness_bound"
OTHERS = {"ggn": "ggn_eigenvalue", "empirical_fisher": "empirical_fisher_eigenvalue"}
"""Measure of the largest eigenvalue of the matrices beside the Hessian."""
TERMS = ("trace", "zeros", "relative_error", "ranking_quality")
UNITS = {"trace": UNIT, "zeros": "share", "relative_error": "ratio", "ranking_quality": "correlation"}


def curvature_findings(
    surveys: Sequence[Survey], groups: Sequence[str], *, by: str, variant: str, level: float = 0.95
) -> Iterator[Finding]:
    r"""Yield what is known of every group's curvature on the training split; the mean over seeds.

    - ``hessian_eigenvalue``, λ(H_a); further ones with ``rank`` in ``where``. The method names the largest residual
      ‖H v − λ v‖ as a share of λ, which bounds the error of every eigenvalue, and how many products were taken; what
      did not converge is a lower bound and says so.
    - ``hessian_lowest``, the smallest eigenvalue, likewise; what did not converge is an upper bound.
    - ``hessian_trace``, with its Monte Carlo error.
    - ``ggn_eigenvalue``, ``empirical_fisher_eigenvalue``: of the other matrices that were asked for.
    - ``ggn_diagonal``: trace, share of exact zeros, relative error and ranking quality of the sampled diagonal, with
      ``form`` in ``where``.

    Args:
        surveys: One per seed.
        groups: Names of the groups; one without an example is undefined.
        by: The partition.
        variant: The variant.
        level: Level of the intervals, over seeds.

    Yields:
        Findings; those that nobody asked for are absent.
    """
    for group in groups:
        rows = [survey.row(by, "train", group) for survey in surveys]
        about = About(
            measure="hessian_eigenvalue",
            variant=variant,
            group=group,
            unit=UNIT,
            where={"by": by, "split": "train"},
            n=next((row["curvature_n"] for row in rows if row is not None and "curvature_n" in row), None),
        )
        why = reason(surveys, "curvature", reason(surveys, "gradients"))
        yield _eigenvalue(rows, about, level, why, bound="lower")
        for rank in range(min((len(row.get("further", ())) for row in rows if row), default=0)):
            ranked = [row and row["further"][rank] for row in rows]
            where = {**(about.where or {}), "rank": rank + 2}
            yield _eigenvalue(ranked, replace(about, where=where), level, why, bound="lower")
        for kind, measure in OTHERS.items():
            if any(kind in row for row in rows if row):
                own = [None if row is None else row.get(kind) for row in rows]
                yield _eigenvalue(own, replace(about, measure=measure), level, reason(surveys, kind), bound="lower")
        if any("trace" in row for row in rows if row):
            yield from _closely(surveys, about, level)


def _eigenvalue(
    rows: Sequence[Mapping[str, Any] | None], about: About, level: float, why: str, *, bound: str
) -> Finding:
    known = [row for row in rows if row is not None and "eigenvalue" in row]
    values = [None if row is None else row.get("eigenvalue") for row in rows]
    found = mean_over_seeds(values, about, level=level, why=why)
    if not known:
        return found
    return replace(found, method=f"{found.method}; {_checked(known, bound)}")


def _checked(rows: Sequence[Mapping[str, Any]], bound: str) -> str:
    worst = max((row["residual"] / abs(row["eigenvalue"]) for row in rows if row["eigenvalue"]), default=0.0)
    lost = sum(not row["converged"] for row in rows)
    taken = sum(row.get("products", 0) for row in rows)
    said = f"residual at most {worst:.1%}" + (f", {taken} products" if taken else "")
    return said + (f"; {lost} of {len(rows)} did not converge and are {bound} bounds" if lost else "")


def _closely(surveys: Sequence[Survey], about: About, level: float) -> Iterator[Finding]:
    place = (about.where or {})["by"], "train", about.group or ""
    known = [row for survey in surveys if (row := survey.row(*place)) is not None and "trace" in row]
    lowest = mean_over_seeds(
        each(surveys, *place, "lowest"), replace(about, measure="hessian_lowest"), level=level, why=WHY
    )
    names = {"lowest": "eigenvalue", "lowest_residual": "residual", "lowest_converged": "converged"}
    rows = [{to: row[name] for name, to in names.items()} | {"products": row["lowest_products"]} for row in known]
    yield replace(lowest, method=f"{lowest.method}; {_checked(rows, 'upper')}")
    trace = mean_over_seeds(
        each(surveys, *place, "trace"), replace(about, measure="hessian_trace"), level=level, why=WHY
    )
    error = max(row["trace_error"] for row in known)
    yield replace(trace, method=f"{trace.method}; Monte Carlo error at most {error:.3g}")
    first = known[0]["diagonal"]
    for form in TERMS:
        where = {**(about.where or {}), "form": form, "estimator": first["estimator"]}
        own = replace(about, measure="ggn_diagonal", unit=UNITS[form], where=where)
        found = mean_over_seeds(
            each(surveys, *place, "diagonal", form), own, level=level, why="fewer than three entries are not zero"
        )
        yield replace(found, method=f"{found.method}; {first['draws']} draws of {first['estimator']}")


def closeness_findings(
    surveys: Sequence[Survey], groups: Sequence[str], *, by: str, variant: str, level: float = 0.95
) -> Iterator[Finding]:
    r"""Yield theorem 4.4 (nelaturu2024), theorem 2 (tran2022), per group: what closeness allows of the curvature.

    In the form for any number of classes and with gradients of logits, which is true
    (:func:`disparate.explain.bounds.gauss_newton_bound`). As H_a is the sum of Gauss and Newton's part and the rest,
    λ(H_a) is at most the trace of the one and the largest eigenvalue of the other (Weyl).

    Args:
        surveys: One per seed.
        groups: Names of the groups.
        by: The partition.
        variant: The variant.
        level: Level of the intervals, over seeds.

    Yields:
        ``closeness_bound`` with ``term`` in ``where``: first, second, sum, λ(H_a) itself (eigenvalue), its share of
        the sum (tightness), the share of Gauss and Newton's largest eigenvalue of the first term (ggn_tightness), and
        the share of seeds in which it holds. Nothing where it was not asked for.
    """
    for group in groups:
        terms = [_terms(survey.row(by, "train", group)) for survey in surveys]
        if all(item is None for item in terms) and "closeness" not in surveys[0].undefined:
            continue
        for term in ("first", "second", "sum", "eigenvalue", "tightness", "ggn_tightness", "holds"):
            about = About(
                measure=CLOSENESS_BOUND,
                variant=variant,
                group=group,
                unit={"tightness": "ratio", "ggn_tightness": "ratio", "holds": "share"}.get(term, UNIT),
                where={"by": by, "split": "train", "term": term},
            )
            values = [None if item is None else item[term] for item in terms]
            found = mean_over_seeds(values, about, level=level, why=reason(surveys, "closeness"))
            if term == "holds":
                found = replace(found, low=None, high=None, level=None, method="share of seeds")
            yield found


def _terms(row: Mapping[str, Any] | None) -> dict[str, float | None] | None:
    if row is None or "closeness" not in row or "eigenvalue" not in row:
        return None
    first, second, largest = row["closeness"]["first"], row["closeness"]["second"], row["eigenvalue"]
    total = first + second
    return {
        "first": first,
        "second": second,
        "sum": total,
        "eigenvalue": largest,
        "tightness": largest / total if total > 0 else None,
        "ggn_tightness": row["ggn"]["eigenvalue"] / first if first > 0 and "ggn" in row else None,
        "holds": float(largest <= total),
    }


def taylor_findings(
    references: Sequence[Survey],
    variants: Sequence[Survey],
    distances: Sequence[float | None],
    groups: Sequence[str],
    *,
    by: str,
    variant: str,
    classes: int,
    form: Form = "signed",
    level: float = 0.95,
) -> Iterator[Finding]:
    """Yield the bound of theorem 4.1 / theorem 1 per group on the training split, beside the change it bounds.

    Args:
        references: Surveys at the reference's weights, one per seed.
        variants: Surveys of the variant, of the same seeds in the same order.
        distances: ‖θ − θ′‖₂ per seed; None where the variant's weights are no numbers of the same kind.
        groups: Names of the groups; one that a seed has no bound of is undefined.
        by: The partition.
        variant: The variant.
        classes: Number of classes.
        form: Which change is bounded; the absolute one takes the largest absolute eigenvalue, and is undefined where
            the smallest eigenvalue was not looked for.
        level: Level of the intervals.

    Yields:
        ``taylor_bound`` with ``term`` in ``where``.
    """
    why = reason(variants, "gradients", reason(references, "curvature"))
    for group in groups:
        bounds = [
            _bound(reference, own, distance, by, group, classes, form)
            for reference, own, distance in zip(references, variants, distances, strict=True)
        ]
        known = [bound for bound in bounds if bound is not None]
        if len(known) == len(bounds):
            yield from bound_findings({group: known}, by=by, variant=variant, split="train", level=level)
        else:
            about = About(
                measure="taylor_bound",
                variant=variant,
                reference="reference",
                group=group,
                unit="nats",
                where={"by": by, "split": "train", "form": form, "term": "sum"},
            )
            values = [None if bound is None else bound.sum for bound in bounds]
            yield mean_over_seeds(values, about, level=level, why=why)


def _bound(
    reference: Survey, own: Survey, distance: float | None, by: str, group: str, classes: int, form: Form
) -> TaylorBound | None:
    before, after = reference.row(by, "train", group), own.row(by, "train", group)
    if before is None or after is None or distance is None or "eigenvalue" not in before:
        return None
    if form == "absolute" and "lowest" not in before:
        return None
    largest = before["eigenvalue"] if form == "signed" else max(before["eigenvalue"], -before["lowest"])
    change = after["loss"] - before["loss"]
    seen = [row["loss"] for row in (*reference.rows, *own.rows) if "loss" in row]
    return TaylorBound(
        gradient_norm=before["norm"],
        eigenvalue=largest,
        distance=distance,
        change=change if form == "signed" else abs(change),
        loss_range=loss_range(classes, *seen),
        form=form,
    )
