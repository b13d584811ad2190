"""From scores to answers, losses and margins."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from disparate.errors import BadInput

Array = NDArray[np.float64]
SUM_TOLERANCE = 1e-3
"""How far probabilities of an example may sum to something else than 1; half precision needs that much."""
LEAST = float(np.finfo(np.float32).tiny)
"""A probability of exactly 0 counts as this, so that a loss stays a number (87.3 nats)."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Scored:
    """What scores say.

    Args:
        predicted: Answered label index per example.
        loss: Cross-entropy, nats.
        margin: Logit of the target minus the largest other.
        zeros: How many targets had a probability of exactly 0.
    """

    predicted: NDArray[np.int64]
    loss: NDArray[np.float32]
    margin: NDArray[np.float32]
    zeros: int


def scored(scores: Array, target: NDArray[np.int64], *, logits: bool, threshold: float | None = None) -> Scored:
    """Return answers, losses and margins.

    Args:
        scores: Probabilities or logits, shape (examples, labels); of shape (examples, 1) the score of label 1 of two.
        target: Label index per example.
        logits: Whether the scores are logits.
        threshold: Least score that is answered as label 1; for a single score.

    Returns:
        What they say. The largest score is the answer, the first of several that are largest.

    Raises:
        BadInput: Probabilities leave [0, 1] or do not sum to 1, or a threshold is given for several scores.

    Example:
        >>> found = scored(np.array([[0.25, 0.75]]), np.array([1]), logits=False)
        >>> found.predicted.tolist(), round(float(found.loss[0]), 3), round(float(found.margin[0]), 3)
        ([1], 0.288, 1.099)
    """
    if not logits:
        _require_probabilities(scores)
    if scores.shape[1] == 1:
        return _binary(scores[:, 0], target, logits=logits, threshold=threshold)
    if threshold is not None:
        raise BadInput(f"threshold {threshold:g} is for a single score; {scores.shape[1]} score columns were found.")
    zeros = 0 if logits else int((np.take_along_axis(scores, target[:, None], axis=1) == 0).sum())
    return _of_logits(scores if logits else np.log(np.maximum(scores, LEAST)), target, zeros)


def _binary(score: Array, target: NDArray[np.int64], *, logits: bool, threshold: float | None) -> Scored:
    zeros = 0 if logits else int((np.where(target == 1, score, 1 - score) == 0).sum())
    odds = score if logits else np.log(np.maximum(score, LEAST)) - np.log(np.maximum(1 - score, LEAST))
    found = _of_logits(np.column_stack([np.zeros_like(odds), odds]), target, zeros)
    least = threshold if threshold is not None else (0.0 if logits else 0.5)
    answers = (score >= least).astype(np.int64)
    boundary = least if logits else float(special.logit(np.clip(least, LEAST, 1 - 1e-16)))
    margin = np.where(target == 1, odds - boundary, boundary - odds).astype(np.float32)
    return Scored(predicted=answers, loss=found.loss, margin=margin, zeros=zeros)


def _of_logits(logits: Array, target: NDArray[np.int64], zeros: int) -> Scored:
    own = np.take_along_axis(logits, target[:, None], axis=1)[:, 0]
    rest = logits.copy()
    np.put_along_axis(rest, target[:, None], -np.inf, axis=1)
    return Scored(
        predicted=logits.argmax(axis=1).astype(np.int64),
        loss=(np.asarray(special.logsumexp(logits, axis=1)) - own).astype(np.float32),
        margin=(own - rest.max(axis=1)).astype(np.float32),
        zeros=zeros,
    )


def _require_probabilities(scores: Array) -> None:
    outside = np.flatnonzero(((scores < 0) | (scores > 1)).any(axis=1))
    if outside.size:
        row = int(outside[0])
        raise BadInput(
            f"scores of row {row} are {_shown(scores[row])} ({outside.size:,} such rows); probabilities in [0, 1] were "
            "expected. Say --logits if they are logits."
        )
    if scores.shape[1] == 1:
        return
    sums = scores.sum(axis=1)
    off = np.flatnonzero(np.abs(sums - 1) > SUM_TOLERANCE)
    if off.size:
        row = int(off[0])
        raise BadInput(
            f"probabilities of row {row} are {_shown(scores[row])} and sum to {sums[row]:.4g} ({off.size:,} such "
            "rows), where 1 was expected. Say --logits if they are logits, and name all classes in --scores."
        )


def _shown(row: Array) -> str:
    return ", ".join(f"{value:.4g}" for value in row[:5]) + (" …" if len(row) > 5 else "")
