"""Causes: the explanation table, group by group and seed by seed, and what in it goes with what."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from disparate.auditing.evidence import Evidence
from disparate.auditing.run import hardware_variants
from disparate.explain.correlations import FEWEST, Column, correlation, correlations
from disparate.explain.survey import each
from disparate.findings import Finding
from disparate.groups import Groups
from disparate.predictions import REFERENCE, Predictions

Array = NDArray[np.float64]
OF_SURFACE = {"gradient_norm": "norm", "hessian_eigenvalue": "eigenvalue"}
"""Causes that surveys hold, of the training split, with the key there."""
OF_EXAMPLES = ("closeness_gini", "distance_parameters", "vog", "first_correct")
"""Causes that are means of numbers per example, of the judged split."""
PAIRS = (
    ("group_size", "gradient_norm"),
    ("group_size", "hessian_eigenvalue"),
    ("closeness_gini", "hessian_eigenvalue"),
    ("gradient_norm", "hessian_eigenvalue"),
    ("gradient_norm", "accuracy"),
    ("hessian_eigenvalue", "accuracy"),
    ("closeness_gini", "accuracy"),
)
"""Properties of the reference that the papers hold to go together; closeness and accuracy are of the training split
where curvature is the other side, so that both sides are of the same examples."""
HARDWARE = "hardware"
ORDERS_SEED = 17
Value = Callable[[Predictions], Array]


def size_levels(evidence: Evidence, by: str) -> Iterator[Finding]:
    """Yield the number of training examples of every group."""
    for name, n in _sizes(evidence, by).items():
        yield Finding(
            measure="group_size",
            group=name,
            where={"by": by, "split": "train"},
            variant=REFERENCE,
            value=float(n),
            n=n,
            unit="count",
        )


def correlation_findings(evidence: Evidence, by: str) -> Iterator[Finding]:
    """Yield what of the reference goes with what its variants cost, and what the papers hold to go together.

    Args:
        evidence: What is known.
        by: The partition.

    Yields:
        ``explanation_correlation``, of harms first; nothing with fewer than three groups, which prove no order.
    """
    if len(evidence.names(by)) < FEWEST:
        return
    generator = np.random.default_rng(ORDERS_SEED)
    causes = causes_of(evidence, by)
    for variant in (*evidence.variants(), HARDWARE):
        effects = [column for column in _harms(evidence, by, variant) if column.values]
        yield from correlations(causes, effects, by=by, variant=variant, generator=generator)
    known = {column.name: column for column in causes} | {"accuracy": _accuracy(evidence, by)}
    trained = _mean_of(evidence, by, "train", "closeness_gini")
    for cause, effect in PAIRS:
        left = trained if cause == "closeness_gini" and effect in OF_SURFACE else known.get(cause)
        right = known.get(effect)
        if left is not None and right is not None:
            yield correlation(left, right, by=by, variant=REFERENCE, generator=generator, what="property")


def causes_of(evidence: Evidence, by: str) -> list[Column]:
    """Return the columns of the explanation table that are properties of the reference; empty ones are left out."""
    sizes = {name: [float(n)] for name, n in _sizes(evidence, by).items() if n}
    surveys = [evidence.surveys[run] for run in evidence.runs(REFERENCE) if run in evidence.surveys]
    names = evidence.names(by)
    found = [Column(name="group_size", seeds=sizes)]
    found += [
        Column(name=name, seeds={group: each(surveys, by, "train", group, key) for group in names})
        for name, key in OF_SURFACE.items()
    ]
    examples = (_mean_of(evidence, by, evidence.audit.split, name) for name in OF_EXAMPLES)
    return [column for column in (*found, *(item for item in examples if item is not None)) if column.values]


def _sizes(evidence: Evidence, by: str) -> dict[str, int]:
    train = evidence.data.rows("train")
    groups = Groups.of(evidence.data.attributes, by=by)
    counts = np.bincount(groups.codes[train], minlength=len(groups))
    return dict(zip(groups.names, counts.tolist(), strict=True))


def _mean_of(evidence: Evidence, by: str, split: str, name: str) -> Column | None:
    values = evidence.stacked(REFERENCE, split, name)
    if values is None or not values.shape[1]:
        return None
    groups = evidence.groups(by, REFERENCE, split)
    return Column(name=name, seeds={group: _finite_means(values[:, groups.mask(group)]) for group in groups})


def _finite_means(values: Array) -> list[float | None]:
    known = [row[np.isfinite(row)] for row in values]
    return [float(row.mean()) if len(row) else None for row in known]


def _accuracy(evidence: Evidence, by: str) -> Column:
    runs = [evidence.predictions[run] for run in evidence.runs(REFERENCE)]
    return Column(name="accuracy", seeds=_by_group(evidence, by, [[run] for run in runs], _right))


def _right(predictions: Predictions) -> Array:
    return predictions.correct.astype(np.float64)


def _losses(predictions: Predictions) -> Array:
    return predictions.losses


def _by_group(
    evidence: Evidence, by: str, seeds: Sequence[Sequence[Predictions]], value: Value
) -> dict[str, list[float | None]]:
    """Return group means under every seed, over the draws of a seed; None where a group has no example."""
    reference = evidence.audit.reference_groups.get(by)
    found: dict[str, list[float | None]] = {}
    for draws in seeds:
        groups = draws[0].groups(by, reference=reference)
        mean = np.mean([value(draw) for draw in draws], axis=0)
        for name in groups:
            own = mean[groups.mask(name)]
            found.setdefault(name, []).append(float(own.mean()) if len(own) else None)
    return found


def _harms(evidence: Evidence, by: str, variant: str) -> list[Column]:
    """Return what a variant does to every group under every seed: loss added, accuracy gained, answers that changed."""
    if variant == HARDWARE:
        return _sensitivity(evidence, by)
    pairs = list(evidence.seeds(variant))
    if variant == REFERENCE or not pairs:
        return []
    own = [_draws(evidence, variant, run.seed) for run, _ in pairs]
    before = [[evidence.predictions[reference]] for _, reference in pairs]
    loss, accuracy = (
        _differences(_by_group(evidence, by, own, value), _by_group(evidence, by, before, value))
        for value in (_losses, _right)
    )
    churn = _by_group(evidence, by, own, lambda item: _changed(item, evidence))
    columns = {"excessive_risk": loss, "accuracy": accuracy, "churn": churn}
    return [Column(name=name, seeds=seeds) for name, seeds in columns.items()]


def _draws(evidence: Evidence, variant: str, seed: int) -> list[Predictions]:
    return [
        item for run, item in evidence.predictions.items() if (run.variant, run.seed, run.repeat) == (variant, seed, 0)
    ]


def _changed(item: Predictions, evidence: Evidence) -> Array:
    reference = next(run for run in evidence.runs(REFERENCE) if run.seed == item.run.seed)
    return (item.predicted != evidence.predictions[reference].predicted).astype(np.float64)


def _differences(
    after: Mapping[str, Sequence[float | None]], before: Mapping[str, Sequence[float | None]]
) -> dict[str, list[float | None]]:
    return {
        name: [
            None if here is None or there is None else here - there
            for here, there in zip(values, before[name], strict=True)
        ]
        for name, values in after.items()
        if name in before
    }


def _sensitivity(evidence: Evidence, by: str) -> list[Column]:
    """Return Δ(a, m) of the loss under every seed: the largest absolute difference to any other machine."""
    machines = [name for name in hardware_variants(evidence.audit) if name in evidence.variants()]
    moved = [_harms(evidence, by, name)[0].seeds for name in machines]
    if not moved:
        return []
    seeds = {
        group: [_largest([of[group][place] for of in moved]) for place in range(len(moved[0][group]))]
        for group in moved[0]
    }
    return [Column(name="hardware_sensitivity", seeds=seeds)]


def _largest(values: Sequence[float | None]) -> float | None:
    known = [abs(value) for value in values if value is not None]
    return max(known) if len(known) == len(values) else None
