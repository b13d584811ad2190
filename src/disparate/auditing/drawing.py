"""Drawing: are there draws enough, and if not, how many more?"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from disparate.auditing.audit import Audit, DrawsUntil, chained
from disparate.auditing.plan import is_antithetic, stochastic_choices
from disparate.errors import BadInput
from disparate.measures.drawn import Drawn, half_width
from disparate.measures.measure import Measure
from disparate.measures.panel import Cut, Panel, cuts_of
from disparate.measures.table import measure_named
from disparate.predictions import Predictions

MOST_AT_ONCE = 2.0
"""Draws are at most doubled before it is looked again: a spread over few draws is hardly known."""
OF_COUNTS = frozenset({"mean", "root_mean", "rate", "class_rate", "disparity", "against_reference"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Precision:
    """How well the mean over draws is known.

    Args:
        draws: How many there are.
        half_widths: By variant the half-width of the interval; the widest one where the measure has several values.
    """

    draws: int
    half_widths: Mapping[str, float]


def mirrored_variants(audit: Audit) -> frozenset[str]:
    """Return the names of the variants, the reference among them, whose draws come in mirrored pairs."""
    every = (audit.reference, *chained(audit))
    return frozenset(v.name for v in every if stochastic_choices(v) and is_antithetic(audit, v))


def require_drawable(until: DrawsUntil) -> Measure:
    """Return the measure that decides, or refuse it.

    Args:
        until: When there are draws enough.

    Returns:
        The measure.

    Raises:
        BadInput: There is no such measure, or it is none of a single run.
    """
    measure = measure_named(until.measure)
    if measure.kind not in OF_COUNTS:
        raise BadInput(
            f"draws_until: measure '{until.measure}' compares runs; one that a single run has was expected, such as "
            "'equalized_odds_sum' or 'accuracy'."
        )
    return measure


def precision(audit: Audit, predictions: Sequence[Predictions], until: DrawsUntil) -> Precision:
    """Return how well the mean over draws of a measure is known, in the first partition.

    Args:
        audit: The question.
        predictions: All runs so far.
        until: When there are draws enough.

    Returns:
        Of every variant with more than one draw.

    Raises:
        BadInput: The measure is undefined in a draw.
    """
    panel, mirrored = Panel.of(predictions), mirrored_variants(audit)
    cut = cuts_of(panel, audit.groups, audit.reference_groups)[1]
    found = Drawn.of(require_drawable(until), panel, cut)
    drawn = [variant for variant in panel.variants if panel.draws(variant) > 1]
    widths = {variant: _widest(found, panel, cut, variant, audit.level, variant in mirrored) for variant in drawn}
    return Precision(draws=max(map(panel.draws, panel.variants)), half_widths=widths)


def _widest(found: Drawn, panel: Panel, cut: Cut, variant: str, level: float, mirrored: bool) -> float:
    rows = [panel.rows(variant, seed) for seed in panel.seeds(variant)]
    widths: list[float] = []
    for index, place in enumerate(found.places):
        values = [found.values[own, index] for own in rows]
        if not place.n or (found.measure.kind == "against_reference" and place.group == cut.groups.reference):
            continue
        if not all(np.isfinite(own).all() for own in values):
            raise BadInput(
                f"draws_until: {found.measure.name} of '{place.group or 'everyone'}' under '{variant}' is undefined "
                f"in some draw ({found.measure.undefined_when}); choose another measure."
            )
        widths.append(half_width(values, level=level, mirrored=mirrored) or 0.0)
    return max(widths, default=0.0)


def draws_needed(found: Precision, until: DrawsUntil) -> int:
    """Return how many draws there should be, from the precision of those there are.

    The half-width falls with the root of the number of draws; as many as that asks for, at most twice as many as there
    are, an even number.

    Args:
        found: The precision so far.
        until: When there are draws enough.

    Returns:
        The number there is where no more are needed, or none may be made.

    Example:
        >>> until = DrawsUntil(measure="accuracy", half_width=0.1, at_most=100)
        >>> draws_needed(Precision(draws=10, half_widths={"noisy": 0.12}), until)
        16
        >>> draws_needed(Precision(draws=10, half_widths={"noisy": 0.4}), until)
        20
    """
    widest = max(found.half_widths.values(), default=0.0)
    if widest <= until.half_width:
        return found.draws
    wanted = min(found.draws * (widest / until.half_width) ** 2, found.draws * MOST_AT_ONCE)
    return max(found.draws, min(until.at_most, 2 * math.ceil(max(wanted, found.draws + 1) / 2)))
