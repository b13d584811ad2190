"""Curves: what figures of an explanation draw and findings do not hold, small plain tables for the run record."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from disparate.auditing.evidence import Evidence
from disparate.auditing.telling import SPREAD, numbers_of
from disparate.explain.boundary import group_histogram
from disparate.explain.examples import Numbers
from disparate.groups import Groups
from disparate.predictions import REFERENCE

BINS = 24
DIGITS = 6


def curves_of(evidence: Evidence) -> dict[str, Any]:
    """Return spectra and histograms of the reference, by partition, as plain values.

    Args:
        evidence: What is known.

    Returns:
        By partition: ``spectra`` (group to ``nodes`` and ``weights``, a sum of 1 over all seeds) and ``histograms``
        (measure to ``edges``, ``counts`` by group and ``left_out`` by group); what is not known is absent.
    """
    return {
        by: {"spectra": dict(_spectra(evidence, by)), "histograms": dict(_histograms(evidence, by))}
        for by in evidence.audit.groups
    }


def _spectra(evidence: Evidence, by: str) -> Iterable[tuple[str, dict[str, list[float]]]]:
    surveys = [evidence.surveys[run] for run in evidence.runs(REFERENCE) if run in evidence.surveys]
    for group in evidence.names(by):
        rows = [row for survey in surveys if (row := survey.row(by, "train", group)) is not None and "nodes" in row]
        if rows:
            nodes = np.concatenate([row["nodes"] for row in rows])
            weights = np.concatenate([row["weights"] for row in rows]) / len(rows)
            order = np.argsort(nodes)
            yield group, {"nodes": _short(nodes[order]), "weights": _short(weights[order])}


def _histograms(evidence: Evidence, by: str) -> Iterable[tuple[str, dict[str, Any]]]:
    for name in SPREAD:
        numbers = numbers_of(evidence, REFERENCE, evidence.audit.split, name)
        if numbers is not None and np.isfinite(numbers.values).any():
            yield name, _histogram(numbers, evidence.groups(by, REFERENCE, evidence.audit.split))


def _histogram(numbers: Numbers, groups: Groups) -> dict[str, Any]:
    found = group_histogram(numbers, groups, bins=BINS)
    return {
        "unit": found.unit,
        "edges": _short(found.edges),
        "counts": {name: counts.tolist() for name, counts in found.counts.items()},
        "left_out": dict(found.left_out),
    }


def _short(values: Iterable[float]) -> list[float]:
    """Return numbers with as many digits as a figure can show."""
    return [float(f"{value:.{DIGITS}g}") for value in values]
