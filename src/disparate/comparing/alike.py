"""Alike examples counted together: for measures of answers the counts are all there is to know."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from disparate.predictions import Predictions
from disparate.stats.bootstrap import Units


def collapsed(runs: Sequence[Predictions]) -> tuple[Predictions, ...]:
    """Return the runs with a row per pattern of groups, target and answers of all runs, and how often it occurs.

    Every measure of answers has the same value, interval and test as before: a bootstrap draws from the same cells.
    Losses and scores are dropped, as alike answers do not have one loss.

    Args:
        runs: Runs over the same examples in the same order, without clusters.

    Returns:
        The runs over the patterns, in the order of a bootstrap's cells.

    Example:
        >>> from disparate.groups import Attribute
        >>> run = Predictions(
        ...     example_id=np.array(["1", "2", "3"]), target=np.array([0, 0, 1]), predicted=np.array([0, 0, 1]),
        ...     label_names=("no", "yes"), attributes={"sex": Attribute.of(["f", "f", "f"])},
        ... )
        >>> collapsed([run])[0].multiplicity.tolist()
        [2, 1]
    """
    first = runs[0]
    weights = [] if first.weight is None else [first.weight]
    groups = [attribute.codes for attribute in first.attributes.values()]
    answers = [item.predicted for item in runs]
    cells = Units.cells([*groups, first.target, *answers, *weights], multiplicity=first.multiplicity)
    attributes = {name: attribute.take(cells.rows) for name, attribute in first.attributes.items()}
    return tuple(
        replace(
            item,
            example_id=np.char.add("pattern ", np.arange(len(cells)).astype(np.str_)),
            target=item.target[cells.rows],
            predicted=item.predicted[cells.rows],
            weight=None if first.weight is None else first.weight[cells.rows],
            multiplicity=cells.multiplicity,
            attributes=attributes,
            **dict.fromkeys(("loss", "margin", "logits", "score", "split")),
        )
        for item in runs
    )
