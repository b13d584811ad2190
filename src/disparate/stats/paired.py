r"""The mean over a two-way layout, seeds × examples, and how far chance moves it on each axis.

The same examples are answered by every seed, so the two axes are crossed. With

$$ x_{sj} = \mu + a_s + b_j + e_{sj} $$

| symbol     | here                                                  | variance     |
| ---------- | ----------------------------------------------------- | ------------ |
| $x_{sj}$   | value of example j under seed s, S seeds, n examples  |              |
| $a_s$      | what a seed adds to all examples                      | σ²_seeds     |
| $b_j$      | what an example adds under all seeds                  | σ²_examples  |
| $e_{sj}$   | what remains                                          | σ²_rest      |

the variance of the grand mean is σ²_seeds/S + σ²_examples/n + σ²_rest/(nS). Three plain quantities estimate its parts:

- A = variance of the seed means / S, with expectation σ²_seeds/S + σ²_rest/(nS);
- B = variance of the example means / n, with expectation σ²_examples/n + σ²_rest/(nS);
- C = mean square of the rest / (nS), with expectation σ²_rest/(nS).

A + B − C is therefore unbiased; adding A and B alone counts the rest twice. It is never taken below max(A, B).
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import special

from disparate.errors import BadInput
from disparate.stats.intervals import Interval, t_quantile

Axis = Literal["seeds", "examples", "both"]
"""Over which chance a number is judged: other training seeds, other test examples, or both."""

NO_SPREAD = 1e-12
"""A standard error below this share of the largest value is rounding, not spread."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PairedEstimate:
    """A mean over seeds and examples with its variance on each axis of chance.

    Args:
        value: The mean.
        seeds: Number of training seeds.
        examples: Number of independent examples; clusters count once.
        over_seeds: A, the variance of the mean over seeds; None with one seed.
        over_examples: B, the variance of the mean over examples; None with one example.
        interaction: C, the part that A and B both hold; None where A or B is.
        scale: Largest magnitude among the values, what spread is compared with.
    """

    value: float
    seeds: int
    examples: int
    over_seeds: float | None
    over_examples: float | None
    interaction: float | None
    scale: float

    @property
    def widest(self) -> Axis | None:
        """The axis that holds all chance there is data for; None where there is none."""
        if self.over_seeds is not None and self.over_examples is not None:
            return "both"
        if self.over_examples is not None:
            return "examples"
        return None if self.over_seeds is None else "seeds"

    def variance(self, axis: Axis) -> float | None:
        """Return the variance of the mean over an axis; None where the layout has no such axis."""
        if axis == "seeds":
            return self.over_seeds
        if axis == "examples":
            return self.over_examples
        if self.over_seeds is None or self.over_examples is None or self.interaction is None:
            return None
        largest = max(self.over_seeds, self.over_examples)
        return max(largest, self.over_seeds + self.over_examples - self.interaction)

    def se(self, axis: Axis) -> float | None:
        """Return the standard error over an axis; None without that axis, 0 where nothing varies."""
        variance = self.variance(axis)
        if variance is None:
            return None
        se = float(np.sqrt(variance))
        return 0.0 if se <= NO_SPREAD * self.scale else se

    def df(self, axis: Axis) -> float:
        """Return the degrees of freedom over an axis, Satterthwaite's for both."""
        plain = {"seeds": self.seeds - 1.0, "examples": self.examples - 1.0}
        variance = self.variance(axis)
        if axis != "both" or not variance:
            return plain.get(axis, min(plain.values()))
        parts = (self.over_seeds or 0.0) ** 2 / plain["seeds"] + (self.over_examples or 0.0) ** 2 / plain["examples"]
        rest = (self.interaction or 0.0) ** 2 / (plain["seeds"] * plain["examples"])
        return max(variance**2 / (parts + rest), min(plain.values()))

    def interval(self, axis: Axis, *, level: float = 0.95) -> Interval | None:
        """Return the t interval over an axis; None without that axis, and where nothing varies along it."""
        se = self.se(axis)
        if not se:
            return None
        reach = t_quantile(level, self.df(axis)) * se
        return Interval(self.value - reach, self.value + reach)

    def p_value(self, axis: Axis) -> float | None:
        """Return the two-sided p-value against a mean of 0 over an axis; None without that axis.

        Where all values are alike there is no spread to judge by: p is 1 for a mean of 0, and otherwise that of a
        sign test over the units of the axis, 2 · 2⁻ᵏ, so that two seeds which happen to agree prove nothing.
        """
        se = self.se(axis)
        if se is None:
            return None
        if se > 0:
            return float(2 * special.stdtr(self.df(axis), -abs(self.value) / se))
        return 1.0 if abs(self.value) <= NO_SPREAD else 2.0 ** (1 - self._units(axis))

    def _units(self, axis: Axis) -> int:
        return {"seeds": self.seeds, "examples": self.examples}.get(axis, min(self.seeds, self.examples))


def paired_mean(
    differences: NDArray[np.float64],
    *,
    clusters: NDArray[np.int64] | None = None,
    weight: NDArray[np.float64] | None = None,
    multiplicity: NDArray[np.int64] | None = None,
) -> PairedEstimate:
    """Return the mean of differences paired by example and by seed, with its variance on each axis.

    The formulas stand at the head of this module. With clusters (several rows of one person) the rest and the example
    means are summed within a cluster before they are squared, with the factor G / (G − 1) for G clusters. With weights
    the mean is the ratio Σwx / Σw and the variances are those of its linear form.

    Args:
        differences: Variant minus reference, shape (seeds, examples).
        clusters: Cluster index per example, shape (examples,); every example is its own where not given.
        weight: Weight per example, shape (examples,).
        multiplicity: How many alike examples a column stands for, shape (examples,); 1 each where not given. Not with
            clusters.

    Returns:
        The estimate.

    Raises:
        BadInput: The array is not two-dimensional, is empty, or holds NaN.

    Example:
        >>> estimate = paired_mean(np.array([[0.0, 1.0, 1.0], [0.0, 0.0, 1.0]]))
        >>> estimate.value, round(estimate.se("seeds"), 4), round(estimate.se("examples"), 4)
        (0.5, 0.1667, 0.2887)
    """
    if differences.ndim != 2 or differences.size == 0:
        raise BadInput(f"differences have shape {differences.shape}; (seeds, examples) with at least one of each.")
    if clusters is not None and multiplicity is not None:
        raise BadInput("differences have clusters and multiplicities; rows of one person cannot be counted as one.")
    values = differences if weight is None else linearised(differences, weight, multiplicity=multiplicity)
    if not np.isfinite(values).all():
        raise BadInput("differences hold NaN or infinity; finite numbers were expected.")
    seeds, examples = values.shape
    by_seed, by_example = np.average(values, axis=1, weights=multiplicity), values.mean(axis=0)
    mean = float(by_seed.mean())
    alike = np.ones(examples, dtype=np.int64) if multiplicity is None else multiplicity
    labels = np.arange(examples) if clusters is None else np.unique(clusters, return_inverse=True)[1]
    units = int(alike.sum()) if clusters is None else int(labels.max()) + 1
    rest = values - by_seed[:, None] - by_example + mean
    over_seeds = float(by_seed.var(ddof=1)) / seeds if seeds > 1 else None
    over_examples = _clustered(by_example[None] - mean, labels, alike, units) if units > 1 else None
    interaction = _clustered(rest, labels, alike, units) / (seeds * (seeds - 1)) if seeds > 1 and units > 1 else None
    return PairedEstimate(
        value=mean,
        seeds=seeds,
        examples=units,
        over_seeds=over_seeds,
        over_examples=over_examples,
        interaction=interaction,
        scale=float(np.abs(values).max()),
    )


def estimate_from_replicates(
    by_seed: NDArray[np.float64], covariance: NDArray[np.float64] | None, *, examples: int
) -> PairedEstimate:
    """Return the same estimate for a measure that is no mean, from a bootstrap over examples.

    All seeds answer the same examples, so one replicate of the examples serves all seeds. Of the bootstrap covariance
    Σ between the seeds' values, B = 1ᵀΣ1 / S² is the variance of their mean, tr(Σ) / S the variance of one seed's
    value, and C = (tr(Σ) / S − B) / (S − 1) the part that is not shared by the seeds. A is the variance of the seeds'
    values / S.

    Args:
        by_seed: The measure's value per seed, shape (seeds,).
        covariance: Σ, shape (seeds, seeds); None where there are too few replicates, for no examples axis.
        examples: Number of independent examples behind a replicate.

    Returns:
        The estimate.

    Example:
        >>> estimate = estimate_from_replicates(np.array([0.1, 0.3]), np.array([[0.04, 0.0], [0.0, 0.04]]), examples=50)
        >>> round(estimate.value, 3), round(estimate.over_examples, 3), round(estimate.interaction, 3)
        (0.2, 0.02, 0.02)
    """
    seeds = len(by_seed)
    shared = None if covariance is None else max(0.0, float(covariance.mean()))
    rest = None
    if covariance is not None and shared is not None and seeds > 1:
        rest = max(0.0, float(np.trace(covariance)) / seeds - shared) / (seeds - 1)
    return PairedEstimate(
        value=float(by_seed.mean()),
        seeds=seeds,
        examples=examples,
        over_seeds=float(by_seed.var(ddof=1)) / seeds if seeds > 1 else None,
        over_examples=shared,
        interaction=rest,
        scale=float(np.abs(by_seed).max()),
    )


def linearised(
    values: NDArray[np.float64], weight: NDArray[np.float64], *, multiplicity: NDArray[np.int64] | None = None
) -> NDArray[np.float64]:
    """Return values whose plain mean is the weighted mean, and whose spread is that of the ratio Σwx / Σw.

    Args:
        values: Shape (seeds, examples).
        weight: Weight per example, not all zero.
        multiplicity: How many alike examples a column stands for; 1 each where not given.

    Returns:
        θ + w (x − θ) / mean(w) with θ the weighted mean, shape (seeds, examples).

    Example:
        >>> linearised(np.array([[0.0, 1.0]]), np.array([1.0, 3.0])).tolist()
        [[0.375, 1.125]]
    """
    mass = weight if multiplicity is None else weight * multiplicity
    mean = float(values.mean(axis=0) @ mass / mass.sum())
    return mean + weight * (values - mean) / np.average(weight, weights=multiplicity)


def _clustered(residuals: NDArray[np.float64], labels: NDArray[np.intp], alike: NDArray[np.int64], units: int) -> float:
    """Return Σ (sum of a cluster)² · G / (G − 1) / n²; alike examples, which are no cluster, are squared one by one."""
    squares = (
        residuals**2 @ alike
        if len(residuals[0]) == int(labels.max()) + 1
        else np.stack([np.bincount(labels, weights=row) for row in residuals]) ** 2
    )
    return float(squares.sum()) * units / (units - 1) / float(alike.sum()) ** 2
