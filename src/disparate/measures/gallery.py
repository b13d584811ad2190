"""Which exemplars are shown: of every group those whose answers two populations of models disagree about most."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from disparate.measures.exemplars import preferred, taxicab_distance, ties
from disparate.measures.patterns import Patterns
from disparate.predictions import REFERENCE, Predictions

FEWEST_MODELS = 3
"""Fewest models of each population whose exemplars are shown: of two, a single one decides."""
PER_GROUP = 3
"""How many exemplars of a group are shown."""
TIE_SEED = 20191113


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """One exemplar.

    Args:
        row: Its row in the predictions.
        example_id: Its id.
        group: Its group.
        target: The right answer; None where none is known.
        variant: The variant whose population disagrees.
        modal: Whether the modal label differs, ties broken at random.
        tied: Whether the modal label ties in either population.
        distance: Taxicab distance of the label distributions, 0 to 2.
        reference_modal: Label that the reference's population gives most often.
        variant_modal: Label that the variant's gives most often.
        reference_predicted: What each model of the reference answers.
        variant_predicted: What each model of the variant answers.
    """

    row: int
    example_id: str
    group: str
    target: str | None
    variant: str
    modal: bool
    tied: bool
    distance: float
    reference_modal: str
    variant_modal: str
    reference_predicted: tuple[str, ...]
    variant_predicted: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the exemplar as a table of a run record."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "row"}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in plain.items()}


def shown_exemplars(
    runs: Sequence[Predictions], *, by: str, per_group: int = PER_GROUP, generator: np.random.Generator | None = None
) -> Iterator[Shown]:
    """Yield the exemplars to be shown, variant by variant and group by group.

    Modal exemplars first, then by falling taxicab distance, then by id; none at a distance of 0. A variant has none
    where it or the reference has fewer than three models.

    Args:
        runs: Runs of the reference and of variants over the same examples; repeats are passed over.
        by: Partition whose groups are shown.
        per_group: How many exemplars of a group are shown.
        generator: Source of the order in which labels that tie are preferred; a fixed one where not given.

    Yields:
        The exemplars.
    """
    generator = generator or np.random.default_rng(TIE_SEED)
    models = _by_variant(runs)
    reference = models.pop(REFERENCE, [])
    for variant, others in models.items():
        if min(len(reference), len(others)) >= FEWEST_MODELS:
            yield from _shown(variant, reference, others, by, per_group, generator)


def _by_variant(runs: Sequence[Predictions]) -> dict[str, list[list[Predictions]]]:
    found: dict[str, dict[int, list[Predictions]]] = {}
    for item in runs:
        if item.run.repeat == 0:
            found.setdefault(item.run.variant, {}).setdefault(item.run.seed, []).append(item)
    return {variant: [by_seed[seed] for seed in sorted(by_seed)] for variant, by_seed in found.items()}


def _shown(
    variant: str,
    reference: list[list[Predictions]],
    others: list[list[Predictions]],
    by: str,
    per_group: int,
    generator: np.random.Generator,
) -> Iterator[Shown]:
    patterns = Patterns.of([*reference, *others])
    own, other = (patterns.shares(part) for part in np.split(np.arange(patterns.models), [len(reference)]))
    order = generator.random((len(patterns.pattern), own.shape[1]))
    labels = [_modal(patterns, shares, order) for shares in (own, other)]
    distance = taxicab_distance(own, other)[patterns.pattern]
    tied = np.maximum(ties(own), ties(other))[patterns.pattern]
    first = reference[0][0]
    groups = first.groups(by)
    ranked = np.lexsort((first.example_id, -distance.round(9), labels[0] == labels[1]))
    ranked = ranked[distance[ranked] > 0]
    for name in groups:
        for row in ranked[groups.mask(name)[ranked]][:per_group].tolist():
            yield Shown(
                row=row,
                example_id=str(first.example_id[row]),
                group=name,
                target=first.label_names[first.target[row]] if first.labelled else None,
                variant=variant,
                modal=bool(labels[0][row] != labels[1][row]),
                tied=bool(tied[row]),
                distance=float(distance[row]),
                reference_modal=first.label_names[labels[0][row]],
                variant_modal=first.label_names[labels[1][row]],
                reference_predicted=_answers(reference, row),
                variant_predicted=_answers(others, row),
            )


def _modal(patterns: Patterns, shares: NDArray[np.float64], order: NDArray[np.float64]) -> NDArray[np.int64]:
    chosen = preferred(shares[patterns.pattern], order)
    return patterns.labels[patterns.pattern, chosen]


def _answers(models: list[list[Predictions]], row: int) -> tuple[str, ...]:
    return tuple(run.label_names[run.predicted[row]] for model in models for run in model)
