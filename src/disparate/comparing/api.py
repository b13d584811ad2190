"""``disparate.compare``: predictions of any framework side by side, from Python."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from disparate.comparing.columns import Columns
from disparate.comparing.comparison import Comparison
from disparate.comparing.opening import Frame
from disparate.comparing.perform import perform
from disparate.comparing.sources import require_names, sources_of
from disparate.findings import Result
from disparate.measures.harm import MARGIN
from disparate.predictions import REFERENCE
from disparate.store.patterns import Progress, unheard

Tables = Frame | str | Mapping[int, Frame]
"""A frame; a path, in which ``{seed}`` stands for the training seed; or a mapping from seed to either."""


def compare(  # ruff: ignore[too-many-arguments] - every rule has an argument
    reference: Tables,
    variants: Mapping[str, Tables],
    *,
    groups: Sequence[str],
    columns: Columns | Mapping[str, Any] | None = None,
    repeats: Sequence[Tables] = (),
    measures: Sequence[str] = (),
    retrained: Sequence[str] = (),
    hardware: Sequence[str] = (),
    reference_groups: Mapping[str, str] | None = None,
    maxima: Mapping[str, float] | None = None,
    minima: Mapping[str, float] | None = None,
    allow_partial: bool = False,
    counts_only: bool = False,
    population: bool = False,
    margin: float = MARGIN,
    replicates: int = 2000,
    progress: Progress = unheard,
) -> Result:
    """Compare predictions of variants with those of a reference, per group, matched by id.

    A table is a pandas, polars or pyarrow table, a mapping from column name to array, or a path of a Parquet or CSV
    file. It needs a row per example with id, answer and, in the reference, target and groups.

    Args:
        reference: Predictions of the reference.
        variants: Name of each variant to its predictions.
        groups: Partitions to judge by: columns, and intersections such as ``"race*sex"``.
        columns: What the columns are called, such as ``{"id": "image", "target": "label"}``; see :class:`Columns`.
        repeats: The reference computed again with nothing changed, which gives the repeat floor.
        measures: Names of measures; what the tables allow where empty.
        retrained: Variants that were trained anew, so that only seeds can judge them.
        hardware: Variants that are the same model on other machines.
        reference_groups: Partition to the name of its reference group; the largest where not given.
        maxima: Measure to the largest value that passes.
        minima: Measure to the smallest value that passes.
        allow_partial: Whether examples that are not in all tables may be left out, counted.
        counts_only: Whether files are counted on disk, never loaded; measures of answers only.
        population: Whether the tables of a variant are a population of models of its own: seeds need not be those of
            the reference, there may be more or fewer of them, and a target is not needed.
        margin: Largest harm that does not matter: a share for accuracy, nats for loss.
        replicates: Bootstrap replicates.
        progress: Called with what is being done and its share.

    Returns:
        Findings, cautions, verdict and run record.

    Raises:
        BadInput: A table is not what it has to be, or tables do not fit together.

    Example:
        >>> dense = {"example_id": [1, 2], "target": ["no", "yes"], "predicted": ["no", "yes"], "sex": ["f", "m"]}
        >>> result = compare(dense, {"int8": {**dense, "predicted": ["no", "no"]}}, groups=["sex"], replicates=10)
        >>> result.findings.only(measure="churn", variant="int8", group="m").value
        1.0
    """
    require_names(list(variants), [f"variant '{name}'" for name in variants])
    named = [*sources_of(REFERENCE, reference)]
    for place, table in enumerate(repeats, start=1):
        named += sources_of(REFERENCE, table, repeat=place)
    for name, table in variants.items():
        named += sources_of(name, table)
    return perform(
        Comparison(
            sources=tuple(named),
            groups=tuple(groups),
            columns=columns if isinstance(columns, Columns) else replace(Columns(), **(columns or {})),
            measures=tuple(measures),
            retrained=tuple(retrained),
            hardware=tuple(hardware),
            reference_groups=reference_groups or {},
            maxima=maxima or {},
            minima=minima or {},
            allow_partial=allow_partial,
            counts_only=counts_only,
            population=population,
            margin=margin,
            replicates=replicates,
        ),
        progress=progress,
    )
