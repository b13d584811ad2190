"""Standing: where every trial and the reference stand on the split that trials are chosen on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from disparate.auditing.plan import acts_on_training
from disparate.auditing.run import BOOTSTRAP_SEED
from disparate.findings import Findings
from disparate.measures.assess import assess
from disparate.measures.table import measure_named
from disparate.predictions import REFERENCE
from disparate.report.cautions import cautions
from disparate.search.comparing import Pair, Ruler, compared, rulers, told
from disparate.search.front import Told, dominates, front, front_by_value
from disparate.search.outcome import Point, Standing
from disparate.search.proposing import Trial, Values
from disparate.search.question import Search
from disparate.search.trials import Answered, weights_of

Array = NDArray[np.float64]
LEVELLING_DOWN = "D109"
ALWAYS = ("accuracy", "accuracy_gap", "worst_group_accuracy")
"""What is measured beside the aims: accuracies of groups say whether a gap closes at the expense of the best."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tried:
    """What was tried so far.

    Args:
        trials: Every trial by its name, in order.
        failed: Why a trial could not be answered.
        numbers: Numbers of the trials of which every aim is defined.
    """

    trials: dict[str, Trial] = field(default_factory=dict[str, Trial])
    failed: dict[str, str] = field(default_factory=dict[str, str])
    numbers: dict[str, Values] = field(default_factory=dict[str, Values])


def numbers_of(question: Search, found: Answered) -> dict[str, Values]:
    """Return the numbers of trials without their chance; a trial with an undefined one is left out.

    Args:
        question: The search.
        found: What the trials gave.

    Returns:
        A value per aim, by the name of the trial.
    """
    values = _values(_rulers(question, found, replicates=1), [variant.name for variant in found.audit.variants])
    return {name: numbers for name, numbers in values.items() if np.isfinite(numbers).all()}


def assessed(question: Search, found: Answered) -> Findings:
    """Return what reference and trials are and how trials differ from the reference, the aims and accuracies by group.

    Args:
        question: The search.
        found: What reference and trials gave.

    Returns:
        Findings as of any audit.
    """
    audit = found.audit
    return assess(
        found.answers.predictions,
        by=audit.groups,
        measures=tuple(dict.fromkeys((*(aim.measure for aim in question.aims), *ALWAYS))),
        acts_on_training=acts_on_training(audit, found.answers.fingerprints),
        reference_groups=audit.reference_groups,
        level=audit.level,
        replicates=audit.replicates,
        margin=audit.margin,
        generator=np.random.default_rng(BOOTSTRAP_SEED),
    )


def levelled_down(findings: Findings) -> dict[str, str]:
    """Return, by variant, why its gap closes though nobody is better off; variants without that are not in it."""
    told = (caution for caution in cautions(findings, {}) if caution.code == LEVELLING_DOWN)
    return {caution.variant: caution.text for caution in told if caution.variant is not None}


def pairs_of(question: Search, found: Answered) -> tuple[Pair, ...]:
    """Return every two points with defined numbers on every aim.

    Args:
        question: The search.
        found: What reference and trials gave.

    Returns:
        Aim after aim.
    """
    used = _rulers(question, found, replicates=question.audit.replicates)
    names = [name for name, numbers in _values(used, _answered(found)).items() if np.isfinite(numbers).all()]
    weights = weights_of(found.answers, names)
    return tuple(
        pair
        for aim, ruler in zip(question.aims, used, strict=True)
        for pair in compared(aim, ruler, names, weights=weights, level=question.audit.level)
    )


def points_of(question: Search, found: Answered, tried: Tried, pairs: Sequence[Pair]) -> tuple[Point, ...]:
    """Return where every point stands.

    Args:
        question: The search.
        found: What reference and trials gave.
        tried: Every trial.
        pairs: Every two points.

    Returns:
        The reference, then the trials in order.
    """
    names = [REFERENCE, *tried.trials]
    values = _values(_rulers(question, found, replicates=1), _answered(found))
    lost = tuple([float("nan")] * len(question.aims))
    exact = np.array([values.get(name, lost) for name in names])
    known = np.asarray(np.isfinite(exact).all(axis=1))
    apart = told(pairs, question.aims, names)
    beats = dominates(apart)
    by_value = front_by_value(exact * [aim.sign for aim in question.aims])
    standings = _standings(front(beats, known), by_value, known)
    return tuple(
        Point(
            trial=tried.trials.get(name),
            standing=standings[row],
            dominated_by=_named(beats[:, row], names),
            alike=_named(_alike(apart, row, known), names),
            undefined=None if known[row] else _why(exact[row], question, tried.failed.get(name)),
            levelling_down={},
        )
        for row, name in enumerate(names)
    )


def _rulers(question: Search, found: Answered, *, replicates: int) -> tuple[Ruler, ...]:
    return rulers(
        question.aims,
        found.answers.predictions,
        reference_groups=question.audit.reference_groups,
        replicates=replicates,
        generator=np.random.default_rng(BOOTSTRAP_SEED),
    )


def _answered(found: Answered) -> list[str]:
    return [REFERENCE, *(variant.name for variant in found.audit.variants)]


def _values(used: Sequence[Ruler], names: Sequence[str]) -> Mapping[str, Values]:
    return {name: tuple(ruler.value(name) for ruler in used) for name in names}


def _standings(on_front: NDArray[np.bool_], by_value: NDArray[np.bool_], known: NDArray[np.bool_]) -> list[Standing]:
    held: Mapping[bool, Standing] = {True: "front", False: "not distinguishable"}
    return [
        "undefined" if not is_known else held[exact] if unbeaten else "dominated"
        for unbeaten, exact, is_known in zip(on_front.tolist(), by_value.tolist(), known.tolist(), strict=True)
    ]


def _alike(apart: Told, row: int, known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    alike = np.asarray(known & known[row] & (apart[:, row] == 0).all(axis=0))
    alike[row] = False
    return alike


def _named(chosen: NDArray[np.bool_], names: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name, is_chosen in zip(names, chosen.tolist(), strict=True) if is_chosen)


def _why(numbers: Array, question: Search, failed: str | None) -> str:
    if failed is not None:
        return failed
    aim = next(aim for aim, number in zip(question.aims, numbers, strict=True) if not np.isfinite(number))
    return f"{aim.text} is undefined: {measure_named(aim.measure).undefined_when}"
