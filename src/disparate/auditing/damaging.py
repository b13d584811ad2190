"""Damaging: difficulty as an axis of what every variant costs, from the evidence of an explanation."""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from disparate.auditing.evidence import Evidence
from disparate.explain.damage import Damage, damage_findings
from disparate.explain.examples import Numbers
from disparate.findings import Finding
from disparate.predictions import REFERENCE, Predictions, Run

Array = NDArray[np.float64]
OF_NETWORKS = ("vog", "vog_in_class")
"""Difficulties that every network of the reference has of its own."""


def damage_told(evidence: Evidence, scores: Mapping[str, Numbers]) -> Iterator[Finding]:
    """Yield what every variant does to every tenth by VoG, and by consistency and memorisation where they are known.

    Of the judged split, the first repeat and the first draw. Difficulty is the reference's: of the same seed, or of the
    subset runs, which have no seed. Memorisation is known where the training split is judged.

    Args:
        evidence: What is known.
        scores: Numbers per example of subset runs, by name.

    Yields:
        ``accuracy_by_difficulty``, ``risk_by_difficulty`` where there are losses, and ``difficulty_and_damage``.
    """
    split = evidence.audit.split
    hard = {name: own for name in OF_NETWORKS if (own := evidence.stacked(REFERENCE, split, name)) is not None}
    places = {run.seed: place for place, run in enumerate(evidence.runs(REFERENCE))}
    hard |= {name: np.repeat(numbers.hardness[None], len(places), axis=0) for name, numbers in scores.items()}
    for variant in evidence.variants():
        pairs = [] if variant == REFERENCE else list(evidence.seeds(variant))
        for name, hardness in hard.items() if pairs else ():
            for of in ("accuracy", "loss") if _has_losses(evidence, pairs[0]) else ("accuracy",):
                seeds = [_damage(evidence, pair, hardness[places[pair[1].seed]], of) for pair in pairs]
                told = {"of": of, "difficulty": name, "split": split, "variant": variant}
                yield from damage_findings(seeds, **told, level=evidence.audit.level)


def _damage(evidence: Evidence, pair: tuple[Run, Run], hardness: Array, of: str) -> Damage:
    run, reference = (evidence.predictions[item] for item in pair)
    own = _values(reference, of)
    others = [evidence.predictions[item] for item in evidence.runs(REFERENCE) if item.seed != pair[1].seed]
    usual = np.array([_values(item, of) - own for item in others]).reshape(len(others), len(own))
    return Damage(hardness=hardness, change=_values(run, of) - own, usual=usual)


def _values(predictions: Predictions, of: str) -> Array:
    return predictions.correct.astype(np.float64) if of == "accuracy" else predictions.losses.astype(np.float64)


def _has_losses(evidence: Evidence, pair: tuple[Run, Run]) -> bool:
    return all(evidence.predictions[run].loss is not None for run in pair)
