"""How far the weights of a variant are from the reference's, held against the distance between two seeds."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np

from disparate.explain.over_seeds import About, mean_over_seeds
from disparate.explain.parameter_distance import FORMS, parameter_distance
from disparate.findings import Findings, Null
from disparate.predictions import REFERENCE

UNITS = {"l2": "l2 norm", "relative": "ratio"}


def distance_findings(
    variants: Mapping[str, Sequence[tuple[Path, Path]]], reference: Sequence[Path], *, level: float
) -> Findings:
    r"""Return $\lVert\theta - \theta'\rVert_2$ per variant, over seeds, as a norm and relative to the reference.

    The null is the mean distance between the reference's own seeds: a ratio near 1 says that the variant's weights
    are as far away as those of another seed.

    Args:
        variants: Variant to pairs of checkpoints (variant, reference), one per seed.
        reference: The reference's checkpoints, one per seed.
        level: Level of the intervals.

    Returns:
        Two findings per variant.
    """
    floors = seed_floors(reference)
    measured = {
        variant: [parameter_distance(left, right).whole for left, right in pairs] for variant, pairs in variants.items()
    }
    return Findings(
        tuple(
            mean_over_seeds(
                [getattr(apart, form) for apart in distances],
                About(
                    measure="parameter_distance",
                    variant=variant,
                    reference=REFERENCE,
                    unit=unit,
                    where={"form": form},
                    least=0.0,
                ),
                level=level,
                floor=floors.get(form),
                why="all weights of the reference are 0",
            )
            for variant, distances in measured.items()
            for form, unit in UNITS.items()
        )
    )


def seed_floors(reference: Sequence[Path]) -> dict[str, Null]:
    """Return the mean distance between the reference's own seeds, by form; empty with one seed.

    Args:
        reference: The reference's checkpoints, one per seed.

    Returns:
        Nulls of ``l2``, ``relative`` and ``cosine``; a form without a value is absent.
    """
    seeds = [parameter_distance(left, right).whole for left, right in combinations(reference, 2)]
    found = {form: [value for apart in seeds if (value := getattr(apart, form)) is not None] for form in FORMS}
    return {form: Null(name="N2 between seeds", value=float(np.mean(own))) for form, own in found.items() if own}
