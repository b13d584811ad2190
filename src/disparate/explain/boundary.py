"""How far every example and every group is from the decision boundary, by every definition."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from disparate.errors import BadInput
from disparate.explain.examples import Numbers
from disparate.explain.over_seeds import About, mean_over_seeds
from disparate.findings import Finding
from disparate.geometry.margins import distances_to_flip
from disparate.geometry.per_example import Wrt, logits_of
from disparate.geometry.surface import Surface
from disparate.groups import Groups
from disparate.measures.closeness import closeness_gini, distance_logit, distance_logit_signed, distance_probability
from disparate.stats.intervals import quantile_interval

Array = NDArray[np.float64]
UNITS = {
    "closeness_gini": ("share", "high"),
    "distance_probability": ("share", "low"),
    "distance_logit": ("logit", "low"),
    "distance_logit_signed": ("logit", "low"),
    "distance_input": ("input units", "low"),
    "distance_parameters": ("l2 norm", "low"),
}
"""Unit of each number, and which end of it is near the boundary."""
NO_WAY = "no example of the group has a gradient that leads to another class"
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Boundary:
    """Where the examples lie under one checkpoint; each of shape (examples,).

    Args:
        predicted: The answered class.
        closeness_gini: 1 − Σ p², large near the boundary.
        distance_probability: p₍₁₎ − p₍₂₎.
        distance_logit: z₍₁₎ − z₍₂₎.
        distance_logit_signed: z_y − max z_k, negative where the answer is wrong.
        distance_input: First-order distance in inputs; infinite where no gradient leads to another class, NaN where the
            network's inputs are integers.
        distance_parameters: First-order distance in parameters, comparable with ‖θ − θ′‖; infinite likewise.
    """

    predicted: NDArray[np.int64]
    closeness_gini: Array
    distance_probability: Array
    distance_logit: Array
    distance_logit_signed: Array
    distance_input: Array
    distance_parameters: Array


def boundary(surface: Surface, *, nearest: int | None = None) -> Boundary:
    """Return where every example lies, by every definition, under one checkpoint.

    Args:
        surface: The network and its examples.
        nearest: How many classes besides the answer to look at, as :func:`distances_to_flip` has it; all where not
            given.

    Returns:
        The numbers per example, in the order of the surface's rows.

    Raises:
        BadInput: The network does not answer with finite logits of two or more classes.
        NotApplicable: An example's answer hangs on its batch.
    """
    logits = logits_of(surface)
    real = next(surface.batches())[0].is_floating_point()
    spaces: list[Wrt] = ["inputs", "parameters"] if real else ["parameters"]
    distances = distances_to_flip(surface, wrt=spaces, nearest=nearest)
    return Boundary(
        predicted=logits.argmax(axis=1),
        closeness_gini=closeness_gini(logits),
        distance_probability=distance_probability(logits),
        distance_logit=distance_logit(logits),
        distance_logit_signed=distance_logit_signed(logits, surface.target[surface.rows]),
        distance_input=distances.get("inputs", np.full(len(logits), np.nan)),
        distance_parameters=distances["parameters"],
    )


def boundary_numbers(seeds: Sequence[Boundary], *, variant: str, split: str) -> tuple[Numbers, ...]:
    """Return the numbers of several seeds, a row each, ready for ``group_numbers`` and for quantiles.

    Args:
        seeds: One boundary per training seed, over the same examples.
        variant: The variant.
        split: The split that the examples are of.

    Returns:
        One per definition; infinite distances count as missing there, and are said to be.

    Raises:
        BadInput: There is no seed, or the seeds are of other numbers of examples.
    """
    sizes = {len(item.predicted) for item in seeds}
    if len(sizes) != 1:
        raise BadInput(f"{len(seeds)} boundaries of {sorted(sizes)} examples; the same examples were expected.")
    return tuple(
        Numbers(
            measure=name,
            variant=variant,
            split=split,
            values=np.stack([getattr(item, name) for item in seeds]),
            unit=unit,
            hard=near,
            undefined_when=NO_WAY if name in {"distance_input", "distance_parameters"} else "no example of this group",
        )
        for name, (unit, near) in UNITS.items()
    )


def group_quantiles(
    numbers: Numbers, groups: Groups, *, shares: Sequence[float] = QUANTILES, level: float = 0.95
) -> Iterator[Finding]:
    """Yield quantiles of a number in every group, which a few far examples cannot move as they move a mean.

    The value is the mean over seeds of each seed's quantile. With several seeds the interval is over seeds; with one it
    lies between two order statistics, over examples. Examples without a finite number under some seed are left out.

    Args:
        numbers: The numbers.
        groups: The partition of the same examples.
        shares: Which quantiles, each in (0, 1).
        level: Level of the intervals.

    Yields:
        Findings with ``form: quantile`` and ``share`` in ``where``. Undefined where no example of the group is left.

    Raises:
        BadInput: The groups are of another number of examples.
    """
    known = _known(numbers, groups)
    for name in groups:
        values = numbers.values[:, groups.mask(name) & known]
        for share in shares:
            about = About(
                measure=numbers.measure,
                variant=numbers.variant,
                group=name,
                unit=numbers.unit,
                where={"by": groups.by, "split": numbers.split, "form": "quantile", "share": share},
                n=values.shape[1],
            )
            each = np.quantile(values, share, axis=1).tolist() if values.size else [None] * len(values)
            found = mean_over_seeds(each, about, level=level, why=numbers.undefined_when)
            yield _over_examples(found, values[0], share, level) if len(values) == 1 else found


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Histogram:
    """How a number is distributed in every group, over all seeds, on common bins.

    Args:
        measure: What the number is.
        unit: Its unit.
        edges: Ends of the bins, shape (bins + 1,); the last bin reaches from the 99th percentile to the largest.
        counts: Number of values per bin, by group.
        left_out: Number of values that are not finite, by group.
    """

    measure: str
    unit: str
    edges: Array
    counts: Mapping[str, NDArray[np.int64]]
    left_out: Mapping[str, int]


def group_histogram(numbers: Numbers, groups: Groups, *, bins: int = 30) -> Histogram:
    """Return how a number is distributed in every group.

    Args:
        numbers: The numbers.
        groups: The partition of the same examples.
        bins: Number of bins, 2 or more.

    Returns:
        The histogram; nothing is dropped without being counted.

    Raises:
        BadInput: The groups are of another number of examples, there are fewer than two bins, or nothing is finite.

    Example:
        >>> from disparate.groups import Attribute
        >>> groups = Groups.of({"sex": Attribute.of(["f", "f", "m"])}, by="sex")
        >>> values = np.array([[0.0, 1.0, np.inf]])
        >>> numbers = Numbers(measure="distance_input", variant="reference", split="test", values=values, unit="x")
        >>> found = group_histogram(numbers, groups, bins=2)
        >>> found.counts["f"].tolist(), found.counts["m"].tolist(), dict(found.left_out)
        ([1, 1], [0, 0], {'f': 0, 'm': 1})
    """
    _known(numbers, groups)
    finite = numbers.values[np.isfinite(numbers.values)]
    if bins < 2 or not finite.size:
        raise BadInput(f"{numbers.measure}: {finite.size} finite numbers for {bins} bins; at least 1 and 2 are needed.")
    far = float(np.quantile(finite, 0.99))
    edges = np.append(np.linspace(finite.min(), far, bins), finite.max())
    if not (np.diff(edges) > 0).all():
        edges = np.linspace(finite.min(), finite.max() + (finite.min() == finite.max()), bins + 1)
    inside = {name: numbers.values[:, groups.mask(name)] for name in groups}
    return Histogram(
        measure=numbers.measure,
        unit=numbers.unit,
        edges=edges,
        counts={name: np.histogram(v[np.isfinite(v)], edges)[0].astype(np.int64) for name, v in inside.items()},
        left_out={name: int((~np.isfinite(v)).sum()) for name, v in inside.items()},
    )


def _known(numbers: Numbers, groups: Groups) -> NDArray[np.bool_]:
    if numbers.values.shape[1] != len(groups.codes):
        raise BadInput(
            f"{numbers.measure}: numbers of {numbers.values.shape[1]} examples and groups of {len(groups.codes)}; the "
            "same examples were expected."
        )
    return np.asarray(np.isfinite(numbers.values).all(axis=0))


def _over_examples(found: Finding, values: Array, share: float, level: float) -> Finding:
    interval = quantile_interval(values, share, level=level)
    if interval is None:
        return found
    return replace(found, low=interval.low, high=interval.high, level=level, method="order statistics over examples")
