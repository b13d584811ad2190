"""The figures of the parts that say why: each draws what a table of its part holds, or a curve of the record."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from disparate.findings import Finding, Findings, Result
from disparate.predictions import REFERENCE
from disparate.report import figures, why_figures
from disparate.report.glossary import term
from disparate.report.part import Part
from disparate.report.record import mapping
from disparate.report.selection import groups, is_part, place
from disparate.report.wording import counted, value_text

Drawn = list[tuple[str, str, go.Figure]]
"""Title, words and figure of every panel of a part."""
MOST_PANELS = 12
HISTOGRAMS = ("distance_parameters", "distance_input", "closeness_gini")


def plane_panels(part: Part, result: Result, by: str) -> Drawn:
    """Return gradient norm and eigenvalue of every group on a plane: under the reference, then under variants."""
    own = result.findings.where(by=by, split="train")
    norms, bends = (
        own.where(measure=name).where(lambda item: not is_part(item))
        for name in ("gradient_norm", "hessian_eigenvalue")
    )
    names = list(dict.fromkeys(item.variant for item in norms))
    kept = [(name, places) for name in names if (places := _places(norms, bends, name))][:MOST_PANELS]
    axes = {"x": "gradient norm, nats per weight", "y": "top eigenvalue, nats per squared weight"}
    return [
        (name, "; ".join(_spoken(item) for item in places), why_figures.plane(places, **axes)) for name, places in kept
    ]


def _places(norms: Findings, bends: Findings, variant: str) -> list[why_figures.Place]:
    found = {item.group: item for item in bends.where(variant=variant) if item.value is not None and item.value > 0}
    return [
        why_figures.Place(label=item.group, x=item, y=found[item.group])
        for item in norms.where(variant=variant)
        if item.group in found and item.group is not None and item.value is not None and item.value > 0
    ]


def _spoken(item: why_figures.Place) -> str:
    return f"{item.label}: gradient norm {value_text(item.x)}, eigenvalue {value_text(item.y)}"


def flow_panels(part: Part, result: Result, by: str) -> Drawn:
    """Return every group's gradient norm over the training, beside what chance makes of it."""
    found = result.findings.where(measure="gradient_norm", variant=REFERENCE, by=by, split="train").where(
        lambda item: place(item, "epoch") is not None
    )
    kept: list[tuple[str, list[tuple[int, Finding]]]] = []
    for name in groups(result, by)[:MOST_PANELS]:
        own = sorted(((int(place(item, "epoch")), item) for item in found.where(group=name)), key=lambda pair: pair[0])
        kept += [(name, own)] if len(own) > 1 else []
    made = why_figures.flows([own for _, own in kept])
    return [
        (name, "; ".join(f"epoch {epoch}: {value_text(item)}" for epoch, item in own), figure)
        for (name, own), figure in zip(kept, made, strict=True)
    ]


def spectrum_panels(part: Part, result: Result, by: str) -> Drawn:
    """Return where the eigenvalues of every group's Hessian lie, of the reference."""
    spectra = {
        str(name): found
        for name, found in mapping(_curves(result, by).get("spectra")).items()
        if _is_spectrum(mapping(found))
    }
    names = [name for name in groups(result, by) if name in spectra]
    if not names:
        return []
    words = f"Shares of the eigenvalues of {counted(len(names), 'group')}, over the places where they lie"
    return [(f"Spectrum of the Hessian by {by}, reference", words, why_figures.spectrum_ridges(spectra, names))]


def _is_spectrum(found: Mapping[str, Any]) -> bool:
    nodes, weights = found.get("nodes"), found.get("weights")
    return _numbers(nodes) and _numbers(weights) and len(nodes or ()) == len(weights or ()) > 0


def _numbers(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(value, float | int) for value in values)


def histogram_panels(part: Part, result: Result, by: str) -> Drawn:
    """Return how the distances to the boundary are distributed in every group, of the reference."""
    found = mapping(_curves(result, by).get("histograms"))
    drawn: Drawn = []
    for measure in HISTOGRAMS:
        own = mapping(found.get(measure))
        counts = mapping(own.get("counts"))
        names = [name for name in groups(result, by) if _fits(own.get("edges"), counts.get(name))]
        if names:
            title = term(measure).title
            made = why_figures.histogram_ridges(own, names, unit=str(own.get("unit", "")))
            drawn.append((f"{title} by {by}, reference", f"Histograms of {counted(len(names), 'group')}", made))
    return drawn


def _fits(edges: Any, counts: Any) -> bool:
    return _numbers(edges) and _numbers(counts) and len(edges) == len(counts) + 1 >= 3


def bound_panels(part: Part, result: Result, by: str) -> Drawn:
    """Return what the theorems allow every group beside what happened: a panel per variant, and one of curvature."""
    taylor = result.findings.where(measure="taylor_bound", by=by, form="signed")
    drawn: Drawn = []
    for variant in list(dict.fromkeys(item.variant for item in taylor))[:MOST_PANELS]:
        own = taylor.where(variant=variant)
        rows = [_taylor_row(own.where(group=name), name) for name in groups(result, by)]
        limits = [item.value for item in own.where(term="range") if item.value is not None]
        if any(row.allowed is not None for row in rows):
            figure = why_figures.bounds(rows, title="nats", limit=max(limits, default=None))
            drawn.append((variant, _told(rows), figure))
    closeness = result.findings.where(measure="closeness_bound", by=by, variant=REFERENCE)
    rows = [_closeness_row(closeness.where(group=name), name) for name in groups(result, by)]
    if any(row.allowed is not None for row in rows):
        figure = why_figures.bounds(rows, title="nats per squared weight")
        drawn.append(("Curvature by closeness (theorem 4.4)", _told(rows), figure))
    return drawn


def _taylor_row(own: Findings, group: str) -> why_figures.Bound:
    allowed, happened, vacuous = (_value(own.where(term=name)) for name in ("sum", "change", "vacuous"))
    words = f"allowed {_written(allowed)} nats, happened {_written(happened)} nats"
    return why_figures.Bound(
        label=group, allowed=allowed, happened=happened, vacuous=bool(vacuous), words=words + _vacuous(vacuous)
    )


def _closeness_row(own: Findings, group: str) -> why_figures.Bound:
    allowed, happened = (_value(own.where(term=name)) for name in ("sum", "eigenvalue"))
    words = f"allowed {_written(allowed)}, largest eigenvalue {_written(happened)}"
    return why_figures.Bound(label=group, allowed=allowed, happened=happened, vacuous=False, words=words)


def _vacuous(share: float | None) -> str:
    return f"; vacuous under {100 * share:g} % of the seeds" if share else ""


def _value(found: Findings) -> float | None:
    return next((item.value for item in found), None)


def _written(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3g}"


def _told(rows: Sequence[why_figures.Bound]) -> str:
    return "; ".join(f"{row.label}: {row.words}" for row in rows)


def decile_panels(part: Part, result: Result, by: str) -> Drawn:
    """Return the error of every tenth of the examples by difficulty, the mean over tenths as a dotted line."""
    held = [item for grid in part.grids for item in grid.cells.values() if item.measure == "error_by_difficulty"]
    drawn: Drawn = []
    for name in dict.fromkeys(place(item, "near") for item in held):
        found = [item for item in held if place(item, "near") == name and item.value is not None]
        if found:
            rows = [figures.Row(label=f"tenth {place(item, 'decile')}", finding=item) for item in found]
            words = "; ".join(f"{row.label}: {value_text(row.finding)}" for row in rows)
            level = sum(item.value or 0.0 for item in found) / len(found)
            title = f"Error by {term(str(name)).inline}, the easiest tenth first"
            drawn.append((title, words, figures.forest(rows, two_sided=False, baseline=level)))
    return drawn


def barrier_panels(part: Part, result: Result, by: str) -> Drawn:
    """Return the barrier of every group on the line to every variant."""
    found = result.findings.where(measure="loss_barrier", by=by)
    drawn: Drawn = []
    for variant in list(dict.fromkeys(item.variant for item in found))[:MOST_PANELS]:
        known = {item.group: item for item in found.where(variant=variant)}
        rows = [figures.Row(label=name, finding=known[name]) for name in groups(result, by) if name in known]
        if any(row.finding.value is not None for row in rows):
            words = "; ".join(f"{row.label}: {value_text(row.finding)}" for row in rows)
            drawn.append((variant, words, figures.forest(rows, two_sided=False)))
    return drawn


def _curves(result: Result, by: str) -> Mapping[str, Any]:
    return mapping(mapping(result.run.get("curves")).get(by))


WHY_DRAWN: Mapping[str, Callable[[Part, Result, str], Drawn]] = {
    "why": plane_panels,
    "gradients": flow_panels,
    "curvature": spectrum_panels,
    "bounds": bound_panels,
    "boundary": histogram_panels,
    "difficulty": decile_panels,
    "weights": barrier_panels,
}
"""Part of the page to what draws it."""
