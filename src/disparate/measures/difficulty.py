"""Difficulty: how hard every example is to learn, from how answers came about over epochs and over training sets.

One number per example, NaN where it is undefined; which end is the hard one stands in every docstring.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from disparate.errors import BadInput

Array = NDArray[np.float64]
Answers = NDArray[np.bool_]
"""Whether an answer was right, shape (epochs or runs, examples)."""


def first_correct(correct: Answers, epochs: NDArray[np.int64]) -> Array:
    """Return the first epoch whose answer is right; large is hard.

    Args:
        correct: Shape (epochs, examples), in the order of time.
        epochs: Which epochs they are, shape (epochs,), increasing; an epoch that was not kept cannot be told.

    Returns:
        Shape (examples,); NaN where no answer is right: the example is not learnt, which is no epoch.

    Raises:
        BadInput: The shapes do not fit, or the epochs do not increase.

    Example:
        >>> right = np.array([[False, True, False], [True, False, False], [True, True, False]])
        >>> first_correct(right, np.array([1, 2, 4])).tolist()
        [2.0, 1.0, nan]
    """
    _require_epochs(correct, epochs)
    return np.where(correct.any(axis=0), epochs[correct.argmax(axis=0)], np.nan)


def stably_correct(correct: Answers, epochs: NDArray[np.int64]) -> Array:
    """Return the first epoch from which on every answer is right; large is hard.

    Args:
        correct: Shape (epochs, examples), in the order of time.
        epochs: Which epochs they are, shape (epochs,), increasing.

    Returns:
        Shape (examples,); NaN where the last answer is wrong.

    Raises:
        BadInput: The shapes do not fit, or the epochs do not increase.

    Example:
        >>> right = np.array([[False, True, False], [True, False, False], [True, True, False]])
        >>> stably_correct(right, np.array([1, 2, 4])).tolist()
        [2.0, 4.0, nan]
    """
    _require_epochs(correct, epochs)
    since = np.logical_and.accumulate(correct[::-1], axis=0)[::-1]
    return np.where(correct[-1], epochs[since.argmax(axis=0)], np.nan)


def forgetting_events(correct: Answers) -> Array:
    """Return how often a right answer was followed by a wrong one (toneva2019); large is hard.

    Counted between the epochs that were kept, which are the fewer the further apart they lie. Departs from the paper,
    which counts between mini-batches and calls an example that is never learnt infinitely forgotten.

    Args:
        correct: Shape (epochs, examples), in the order of time.

    Returns:
        Shape (examples,); NaN where no answer is right.

    Raises:
        BadInput: There are fewer than two epochs.

    Example:
        >>> right = np.array([[True, True, False], [False, True, False], [True, True, False], [False, True, False]])
        >>> forgetting_events(right).tolist()
        [2.0, 0.0, nan]
    """
    if correct.ndim != 2 or len(correct) < 2:
        raise BadInput(f"forgetting events: answers of shape {correct.shape}; at least 2 epochs were expected.")
    events = (correct[:-1] & ~correct[1:]).sum(axis=0)
    return np.where(correct.any(axis=0), events, np.nan)


def error_norm(logits: Array, target: NDArray[np.int64]) -> Array:
    r"""Return EL2N, the mean length of the error vector (paul2021); large is hard.

    $$ \frac{1}{R} \sum_r \lVert p_r(x) - e_y \rVert_2 \in [0, \sqrt 2] $$

    Args:
        logits: Shape (runs, examples, classes); the paper takes several seeds after a few epochs.
        target: Shape (examples,).

    Returns:
        Shape (examples,).

    Raises:
        BadInput: The shapes do not fit.

    Example:
        >>> error_norm(np.array([[[0.0, 0.0]]]), np.array([1])).round(4).tolist()
        [0.7071]
    """
    if logits.ndim != 3 or logits.shape[1] != len(target):
        raise BadInput(
            f"EL2N: logits of shape {logits.shape} for {len(target)} targets; (runs, examples, classes) was expected."
        )
    total = np.zeros(len(target))
    for run in logits:
        odds = np.exp(run - run.max(axis=1, keepdims=True))
        error = odds / odds.sum(axis=1, keepdims=True)
        error[np.arange(len(target)), target] -= 1
        total += np.linalg.norm(error, axis=1)
    return total / len(logits)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class SubsetRuns:
    """Answers of networks that were each trained on a random part of the examples.

    Args:
        correct: Whether the answer was right, shape (runs, examples).
        trained_on: Whether the example was among those trained on, shape (runs, examples).
    """

    correct: Answers
    trained_on: Answers

    def __post_init__(self) -> None:
        if self.correct.ndim != 2 or self.correct.shape != self.trained_on.shape:
            raise BadInput(
                f"subset runs: answers of shape {self.correct.shape} and membership of {self.trained_on.shape}; "
                "(runs, examples) for both was expected."
            )

    def consistency(self) -> Array:
        """Return the C-score: the share of right answers among runs that did not see the example; small is hard.

        jiang2021, for one ratio of subset to set; the released scores average over ratios.

        Returns:
            Shape (examples,), in [0, 1]; NaN for an example that every run was trained on.

        Example:
            >>> seen = np.array([[True, True], [False, True], [False, True]])
            >>> SubsetRuns(correct=np.array([[1, 1], [1, 0], [0, 1]], bool), trained_on=seen).consistency().tolist()
            [0.5, nan]
        """
        return _share(self.correct, ~self.trained_on)

    def memorisation(self) -> Array:
        """Return how much more often an example is right when it was trained on (feldman2020); large is hard.

        Returns:
            Shape (examples,), in [−1, 1]; NaN for an example that was always, or never, trained on.

        Example:
            >>> seen = np.array([[True, True], [True, False], [False, True], [False, False]])
            >>> right = np.array([[1, 1], [1, 1], [0, 1], [1, 1]], bool)
            >>> SubsetRuns(correct=right, trained_on=seen).memorisation().tolist()
            [0.5, 0.0]
        """
        return _share(self.correct, self.trained_on) - _share(self.correct, ~self.trained_on)


def normalised_by_class(values: Array, target: NDArray[np.int64]) -> Array:
    """Return values as standard scores within the class of each example, as VoG is compared (agarwal2022).

    Args:
        values: Shape (examples,).
        target: Shape (examples,).

    Returns:
        Shape (examples,); NaN in a class whose values do not differ.

    Example:
        >>> normalised_by_class(np.array([1.0, 3.0, 5.0]), np.array([0, 0, 1])).tolist()
        [-1.0, 1.0, nan]
    """
    found = np.full(len(values), np.nan)
    for label in np.unique(target):
        own = target == label
        spread = values[own].std()
        if spread > 0:
            found[own] = (values[own] - values[own].mean()) / spread
    return found


def in_hardest(values: Array, *, share: float = 0.1) -> Array:
    """Return how far every example belongs to the hardest share, the largest values; those tied at its edge in part.

    No tie is broken: of k examples that are tied for m places each belongs by m/k, so that the sum is share × examples.

    Args:
        values: Shape (examples,), large is hard; NaN counts as unknown and belongs nowhere.
        share: In (0, 1).

    Returns:
        Shape (examples,), in [0, 1]; NaN where the value is.

    Raises:
        BadInput: The share is no share.

    Example:
        >>> in_hardest(np.array([1.0, 2.0, 2.0, 3.0]), share=0.5).tolist()
        [0.0, 0.5, 0.5, 1.0]
    """
    if not 0 < share < 1:
        raise BadInput(f"hardest share is {share}; a number between 0 and 1 was expected, such as 0.1.")
    known = np.isfinite(values)
    belongs = np.where(known, 0.0, np.nan)
    ordered = np.sort(values[known])[::-1]
    places = share * len(ordered)
    if not len(ordered):
        return belongs
    edge = ordered[min(len(ordered) - 1, int(np.ceil(places)) - 1)]
    above, tied = values > edge, values == edge
    belongs[above] = 1.0
    belongs[tied] = (places - above.sum()) / tied.sum()
    return belongs


def _share(correct: Answers, counted: Answers) -> Array:
    runs = counted.sum(axis=0)
    right = (correct & counted).sum(axis=0)
    return np.divide(right, runs, out=np.full(len(runs), np.nan), where=runs > 0)


def _require_epochs(correct: Answers, epochs: NDArray[np.int64]) -> None:
    if correct.ndim != 2 or len(correct) != len(epochs) or not len(epochs):
        raise BadInput(
            f"epochs to learn: answers of shape {correct.shape} for {len(epochs)} epochs; (epochs, examples) was "
            "expected."
        )
    if (np.diff(epochs) <= 0).any():
        raise BadInput(f"epochs to learn: epochs {epochs.tolist()}; increasing ones were expected.")
