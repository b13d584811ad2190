"""Whose answers turn more often than their number would have it."""

from collections.abc import Mapping, Sequence

import numpy as np

from disparate.errors import BadInput, NotEnoughData
from disparate.measures.churn import CHURN
from disparate.measures.measure import Measure
from disparate.predictions import Predictions, require_same_examples
from disparate.stats.flips import OverRepresentation, over_representation


def over_represented(
    variants: Sequence[Predictions],
    references: Sequence[Predictions],
    *,
    by: str,
    flips: Measure = CHURN,
    level: float = 0.95,
    generator: np.random.Generator,
) -> Mapping[str, OverRepresentation | None]:
    """Return how over-represented every group is among the answers that turned.

    Undefined when nothing turned, and when the group holds no example or all of them.

    Args:
        variants: Answers under the choice being judged, one per seed.
        references: Answers of the reference, of the same seeds in the same order.
        by: An attribute, ``"race"``, or an intersection, ``"race*sex"``.
        flips: ``CHURN``, ``HARMFUL_FLIPS`` or ``BENEFICIAL_FLIPS``.
        level: Level of the intervals.
        generator: Source of randomness, used with several seeds.

    Returns:
        Group name to ratio, interval and p-value, which is not corrected for the number of groups; None where
        undefined.

    Raises:
        BadInput: The numbers of runs differ, the examples do, or examples are weighted or clustered.

    Example:
        >>> from disparate.groups import Attribute
        >>> def answers(*predicted):
        ...     return Predictions(example_id=np.array(list("abcd")), target=np.zeros(4, dtype=np.int64),
        ...                        predicted=np.array(predicted), label_names=("no", "yes"),
        ...                        attributes={"sex": Attribute.of(["f", "f", "m", "m"])})
        >>> found = over_represented([answers(1, 1, 0, 0)], [answers(0, 0, 0, 0)], by="sex",
        ...                          generator=np.random.default_rng(0))
        >>> found["f"].value, found["m"].value
        (2.0, 0.0)
    """
    if len(variants) != len(references) or not variants:
        raise BadInput(
            f"over-representation: {len(variants)} runs of the variant and {len(references)} of the reference; one of "
            "each per seed was expected."
        )
    first = references[0]
    for item in (*variants, *references[1:]):
        require_same_examples(item, first)
    if first.weight is not None or first.cluster_id is not None:
        raise BadInput(
            "over-representation: the examples have weights or clusters; a flip counts once, for one example, so leave "
            "both out."
        )
    turned = np.mean([flips.function(own, other) for own, other in zip(variants, references, strict=True)], axis=0)
    groups = first.groups(by)
    found: dict[str, OverRepresentation | None] = {}
    for name in groups:
        try:
            found[name] = over_representation(
                turned, groups.mask(name), multiplicity=first.multiplicity, level=level, generator=generator
            )
        except NotEnoughData:
            found[name] = None
    return found
