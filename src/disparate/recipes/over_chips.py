"""Over chips: how variants stand in accuracy and fairness, by training seed and by chip."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from disparate.errors import BadInput
from disparate.findings import Finding, Findings
from disparate.measures.counts import confusion_counts
from disparate.measures.disparity import (
    equal_opportunity_0,
    equal_opportunity_0_per_class,
    equalized_odds_per_class,
    equalized_odds_sum,
)
from disparate.measures.rates import f1_macro
from disparate.predictions import Predictions
from disparate.recipes.reproduction import Answered, Outcome, Statement, outcome, share_of
from disparate.report.selection import Grid, pivot
from disparate.stats.intervals import t_interval

Array = NDArray[np.float64]
F1, ODDS, WORST = "F1", "EOdds", "F1, worst group"
OF_FAIRNESS = {
    ODDS: equalized_odds_sum,
    "EOdds per class": equalized_odds_per_class,
    "EOpp0": equal_opportunity_0,
    "EOpp0 per class": equal_opportunity_0_per_class,
}
LEVEL = 0.95


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Scores:
    """How a variant stands, by training seed and chip; a variant without chance has one chip.

    Args:
        values: Score to its values, shape (seeds, chips): macro F1 of everyone, of every group and of the worst one;
            equalised odds (mugdho2025, eq. 1) and EOpp0 (eq. 2), the largest of any group against the largest group,
            each whole and per class that was compared. NaN where one is undefined.
    """

    values: Mapping[str, Array]

    def by_seed(self, score: str) -> Array:
        """Return the mean over chips, shape (seeds,)."""
        return self.values[score].mean(axis=1)


def scores_of(answered: Answered, variant: str) -> Scores:
    """Return how a variant stands, by training seed and chip.

    Args:
        answered: The answer of an audit.
        variant: Whose.

    Returns:
        The scores.

    Raises:
        BadInput: There is no run of that variant.
    """
    runs = [item for item in answered.answers.predictions if item.run.variant == variant and item.run.repeat == 0]
    if not runs:
        raise BadInput(f"variant '{variant}' has no run in audit '{answered.audit.name}'.")
    found: dict[int, list[Mapping[str, float]]] = {}
    for item in sorted(runs, key=lambda item: (item.run.seed, item.run.draw)):
        found.setdefault(item.run.seed, []).append(_scores(item, answered.by, answered.groups))
    names = next(iter(found.values()))[0]
    return Scores(values={name: np.array([[one[name] for one in drawn] for drawn in found.values()]) for name in names})


def _scores(item: Predictions, by: str, groups: Sequence[str]) -> dict[str, float]:
    own = item.groups(by)
    places = [own.names.index(name) for name in groups]
    counts = confusion_counts(item.target, item.predicted, own.codes, groups=len(own), classes=len(item.label_names))[
        places
    ]
    f1 = f1_macro(counts)
    return {
        F1: float(f1_macro(counts.sum(axis=0))),
        **{f"F1, {name}": float(value) for name, value in zip(groups, f1, strict=True)},
        WORST: float(np.nanmin(f1)),
        **{name: _largest(measured(counts, 0)) for name, measured in OF_FAIRNESS.items()},
    }


def _largest(values: Array) -> float:
    seen = values[np.isfinite(values)]
    return float(seen.max()) if len(seen) else float("nan")


def tables(answered: Answered, variants: Sequence[str], *, title: str) -> tuple[Grid, ...]:
    """Return variants by scores twice: with intervals over training seeds, and with the spread over chips.

    Args:
        answered: The answer of an audit.
        variants: Rows, in this order.
        title: What they show.

    Returns:
        F1 and fairness: the mean over seeds and chips with a Student interval over seeds; then the same means between
        the 2.5 % and the 97.5 % quantile over chips, the mean over seeds.
    """
    found = {variant: scores_of(answered, variant) for variant in variants}
    seeds = [_over_seeds(variant, score, own) for variant, s in found.items() for score, own in s.values.items()]
    chips = [_over_chips(variant, score, own) for variant, s in found.items() for score, own in s.values.items()]
    kinds = ((seeds, f"{title}: intervals over seeds"), (chips, f"{title}: spread over chips"))
    return tuple(_grid(part, name) for own, name in kinds for part in _parted(own))


def _parted(found: Sequence[Finding]) -> tuple[list[Finding], list[Finding]]:
    """Return findings of F1, and of fairness: one table of both would be too wide to read."""
    of_f1 = [item for item in found if item.measure.startswith("F1")]
    return of_f1, [item for item in found if item not in of_f1]


def _grid(found: Iterable[Finding], title: str) -> Grid:
    return pivot(
        Findings(tuple(found)),
        title=title,
        note="points; EOdds as in the paper, summed over classes",
        row=lambda item: item.variant,
        column=lambda item: item.measure,
    )


def _over_seeds(variant: str, score: str, values: Array) -> Finding:
    means = values.mean(axis=1)
    if len(means) < 2 or np.ptp(means) == 0 or not np.isfinite(means).all():
        return _finding(variant, score, values, None)
    return _finding(variant, score, values, t_interval(means, level=LEVEL), method="t over seeds")


def _over_chips(variant: str, score: str, values: Array) -> Finding:
    if values.shape[1] < 2 or not np.isfinite(values).all():
        return _finding(variant, score, values, None)
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=1).mean(axis=1)
    return _finding(variant, score, values, (float(low), float(high)), method="quantiles over chips")


def _finding(
    variant: str, score: str, values: Array, ends: tuple[float, float] | None, method: str | None = None
) -> Finding:
    mean = float(values.mean())
    known = bool(np.isfinite(mean))
    return Finding(
        measure=score,
        variant=variant,
        value=mean if known else None,
        low=ends[0] if ends else None,
        high=ends[1] if ends else None,
        level=LEVEL if ends else None,
        method=method,
        seeds=len(values),
        draws=values.shape[1],
        unit="share",
        undefined=None if known else "undefined on some chip",
    )


def compared(
    answered: Answered,
    variant: str,
    with_: str,
    *,
    claim: str,
    paper: str,
    sign: int,
    score: str = ODDS,
    relative: bool = False,
) -> Statement:
    """Return whether a variant stands higher or lower than another, chip by chip and seed by seed.

    Args:
        answered: The answer of an audit.
        variant: Which.
        with_: What it is compared with.
        claim: What the paper says.
        paper: Its number or sign.
        sign: The sign that it says, 1 or −1.
        score: Which score.
        relative: Whether the difference is told as a share of the other's mean too.

    Returns:
        The statement, with the intervals of the difference over seeds and over chips, and the macro F1 of everyone and
        of every group beside it: what falls for the better group alone is levelling down.
    """
    own, other = scores_of(answered, variant), scores_of(answered, with_)
    difference = own.values[score] - other.values[score]
    here = f"{score} {interval_words(difference)}"
    if relative:
        here += share_of(difference, other.values[score])
    moved = {
        name: float((own.by_seed(name) - other.by_seed(name)).mean())
        for name in own.values
        if name.startswith("F1") and name != WORST
    }
    here += _moved_words({name: value for name, value in moved.items() if name != score})
    groups = [value for name, value in moved.items() if name != F1]
    if score.startswith("EOdds") and difference.mean() < 0 and groups and max(groups) <= 0:
        here += "; levelling down: no group is better off"
    return Statement(claim=claim, paper=paper, here=here.replace("-", "−"), outcome=judged_by_seed(difference, sign))


def _moved_words(moved: Mapping[str, float]) -> str:
    """Return how far F1 moved, in points; of more groups than three the ends."""
    groups = sorted((value, name) for name, value in moved.items() if name != F1)
    ends = {F1, *(name for _, name in (groups[0], groups[-1]))} if len(groups) > 3 else set(moved)
    return "".join(f"; {name} {100 * value:+.1f}" for name, value in moved.items() if name in ends)


def judged_by_seed(differences: Array, sign: int) -> Outcome:
    """Return whether differences, shape (seeds, chips), have a sign in the mean over chips; not where undefined."""
    means = differences.mean(axis=1)
    return outcome(means, sign=sign) if np.isfinite(means).all() else "cannot be told"


def interval_words(differences: Array) -> str:
    """Return the mean of differences, shape (seeds, chips), in points, with intervals over seeds and over chips.

    Over chips: of the mean, the seeds' own means taken out.

    Example:
        >>> interval_words(np.array([[0.01, 0.03], [0.01, 0.03]]))
        '+2.0 (seeds [+2.0, +2.0], chips [+0.2, +3.8])'
    """
    if not np.isfinite(differences).all():
        return "undefined on some chip"
    means = differences.mean(axis=1)
    parts = [f"seeds {_ends(means)}"] if len(means) > 1 else []
    centred = differences - means[:, None] + means.mean()
    parts += [f"chips {_ends(centred.ravel())}"] if differences.shape[1] > 1 else []
    return f"{100 * means.mean():+.1f}" + (f" ({', '.join(parts)})" if parts else "")


def _ends(values: Array) -> str:
    low, high = (values[0], values[0]) if np.ptp(values) == 0 else t_interval(values, level=LEVEL)
    return f"[{100 * low:+.1f}, {100 * high:+.1f}]"
