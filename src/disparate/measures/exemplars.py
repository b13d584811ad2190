"""Exemplars: the examples that two populations of models answer otherwise, found without a right answer.

A population is what the same training gives under several seeds. Of every example it has a distribution of labels, and
a label that it gives most often, the modal one. Compression-identified exemplars are the examples whose modal label, or
whose distribution, a choice changes (hooker2019, hooker2020).
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from disparate.measures.measure import SHARE, Bounds, Measure

Array = NDArray[np.float64]
BEYOND = "beyond the floor"
"""Form of a difference: what a population of the variant gives above what one of the reference gives in its place."""
TIED = 1e-9
"""Shares this close to each other are one share in two roundings."""


def label_shares(answers: NDArray[np.integer], labels: int) -> Array:
    """Return which share of a population gives each label to each example.

    Args:
        answers: Label index per model and example, shape (models, examples).
        labels: Number of labels.

    Returns:
        Shares that sum to 1, shape (examples, labels).

    Example:
        >>> label_shares(np.array([[0, 1], [0, 1], [1, 1], [0, 0]]), 2).tolist()
        [[0.75, 0.25], [0.25, 0.75]]
    """
    models, examples = answers.shape
    cells = answers + labels * np.arange(examples)
    counts = np.bincount(cells.ravel(), minlength=labels * examples).reshape(examples, labels)
    return counts / models


def given_most(shares: Array) -> NDArray[np.bool_]:
    """Return which labels are given most often; several where they tie, shape (..., labels).

    Args:
        shares: Shares of the labels, shape (..., labels).

    Returns:
        True at every label with the largest share.
    """
    return shares >= shares.max(axis=-1, keepdims=True) - TIED


def ties(shares: Array) -> Array:
    """Return 1 where several labels are given most often and 0 elsewhere; the mean is the share of modal ties.

    Args:
        shares: Shares of the labels, shape (..., labels).

    Returns:
        Shape (...).

    Example:
        >>> ties(np.array([[0.5, 0.5], [0.6, 0.4]])).tolist()
        [1.0, 0.0]
    """
    return (given_most(shares).sum(axis=-1) > 1).astype(np.float64)


def modal_labels(shares: Array, generator: np.random.Generator) -> NDArray[np.int64]:
    """Return the label that is given most often; ties are broken by the generator.

    Args:
        shares: Shares of the labels, shape (examples, labels).
        generator: Source of the order in which labels that tie are preferred, an order of its own per example.

    Returns:
        Label index per example.

    Example:
        >>> modal_labels(np.array([[0.2, 0.8], [0.6, 0.4]]), np.random.default_rng(0)).tolist()
        [1, 0]
    """
    return preferred(shares, generator.random(shares.shape))


def modal_exemplars(reference: Array, variant: Array, generator: np.random.Generator) -> NDArray[np.bool_]:
    """Return which examples are modal exemplars (PIE, modal CIE): the two populations differ in the modal label.

    Departs from the published code, which takes the largest label of those that tie: ties are broken by the generator,
    in one order for both populations, so that a tie that both have makes no exemplar.

    Args:
        reference: Shares of the labels in the reference population, shape (examples, labels).
        variant: Shares in the variant's population.
        generator: Source of the order in which labels that tie are preferred.

    Returns:
        Shape (examples,).

    Example:
        >>> reference, variant = np.array([[0.8, 0.2], [0.5, 0.5]]), np.array([[0.4, 0.6], [0.5, 0.5]])
        >>> modal_exemplars(reference, variant, np.random.default_rng(0)).tolist()
        [True, False]
    """
    order = generator.random(reference.shape)
    return preferred(reference, order) != preferred(variant, order)


def modal_disagreement(reference: Array, variant: Array) -> Array:
    """Return how probable it is, over all ways to break ties, that an example is a modal exemplar.

    1 − |A ∩ B| / |A ∪ B| for the sets A and B of labels given most often: of an order of labels dealt at random, the
    label of the union that comes first decides, and both populations prefer it where both hold it. 0 or 1 where nothing
    ties. It is what :func:`modal_exemplars` gives on average, without a draw.

    Args:
        reference: Shares of the labels in the reference population, shape (..., labels).
        variant: Shares in the variant's population.

    Returns:
        Probabilities, shape (...).

    Example:
        >>> modal_disagreement(np.array([0.5, 0.5]), np.array([0.6, 0.4])).item()
        0.5
    """
    own, other = given_most(reference), given_most(variant)
    return 1 - (own & other).sum(axis=-1) / (own | other).sum(axis=-1)


def taxicab_distance(reference: Array, variant: Array) -> Array:
    """Return how far the distributions of labels lie apart, Σₖ |share of k in the variant − in the reference|.

    Args:
        reference: Shares of the labels in the reference population, shape (..., labels).
        variant: Shares in the variant's population.

    Returns:
        From 0 (alike) to 2 (no label in common), shape (...).

    Example:
        >>> taxicab_distance(np.array([0.75, 0.25]), np.array([0.25, 0.75])).item()
        1.0
    """
    return np.abs(variant - reference).sum(axis=-1)


def mean_among(values: Array, exemplars: Array, mass: Array) -> Array:
    """Return the mean of values over exemplars: with right answers as values, the accuracy on exemplars.

    Args:
        values: Value per example, shape (..., examples).
        exemplars: How far an example is an exemplar, from 0 to 1, shape (..., examples).
        mass: What an example counts in each group, shape (groups, examples).

    Returns:
        Shape (..., groups); NaN where a group holds no exemplar.

    Example:
        >>> mean_among(np.array([0.2, 0.9, 1.0]), np.array([1.0, 0.0, 1.0]), np.ones((1, 3))).tolist()
        [0.6]
    """
    whole = exemplars @ mass.T
    return np.divide((values * exemplars) @ mass.T, whole, out=np.full(whole.shape, np.nan), where=whole > 0)


def preferred(shares: Array, order: Array) -> NDArray[np.int64]:
    """Return the label that is given most often, of several the one with the largest number in an order.

    Args:
        shares: Shares of the labels, shape (examples, labels).
        order: Numbers of at least 0, of the same shape; one order for two populations leaves common ties alone.

    Returns:
        Label index per example.
    """
    return np.where(given_most(shares), order, -1.0).argmax(axis=-1)


def _populations(name: str, unit: str, bounds: Bounds, function: Callable[..., Array], undefined_when: str) -> Measure:
    return Measure(
        name=name,
        unit=unit,
        kind="populations",
        higher_is_better=None,
        bounds=bounds,
        undefined_when=undefined_when,
        function=function,
    )


UNSEEN = "no example of this group"
MODAL_EXEMPLARS = _populations("modal_exemplars", "share", SHARE, modal_disagreement, UNSEEN)
TAXICAB_DISTANCE = _populations("taxicab_distance", "distance", (0.0, 2.0), taxicab_distance, UNSEEN)
MODAL_TIES = _populations("modal_ties", "share", SHARE, ties, UNSEEN)
EXEMPLAR_ACCURACY = _populations("exemplar_accuracy", "share", SHARE, mean_among, "no exemplar in this group")
