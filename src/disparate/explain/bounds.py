"""The theorems' bounds with their numbers: what they allow, what happened, and whether they say anything.

What holds of each statement as it is printed, and the examples where one does not, is on the page ``docs/theory.md``.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from disparate.errors import BadInput
from disparate.explain.over_seeds import About, mean_over_seeds
from disparate.findings import Finding
from disparate.predictions import REFERENCE
from disparate.stats.intervals import t_quantile
from disparate.stats.paired import paired_mean

Array = NDArray[np.float64]
Form = Literal["signed", "absolute"]
NO_TIGHTNESS = "the bound is not positive"
TERMS = {
    "first": "nats",
    "second": "nats",
    "sum": "nats",
    "change": "nats",
    "range": "nats",
    "tightness": "ratio",
}
ROUNDING = 1e-12


@dataclass(frozen=True, kw_only=True, slots=True)
class TaylorBound:
    r"""Theorem 4.1 (nelaturu2024), theorem 1 (tran2022), of one group and one pair of checkpoints.

    $$ \Delta_a \le \lVert g_a \rVert \rho + \tfrac12 \lambda(H_a) \rho^2 + O(\rho^3) $$

    | form       | change                              | λ                                      |
    | ---------- | ----------------------------------- | -------------------------------------- |
    | `signed`   | J(θ′; D_a) − J(θ; D_a)              | the largest eigenvalue                 |
    | `absolute` | its magnitude, as in theorem 4.1    | the largest *absolute* eigenvalue      |

    *Departs from the paper*: theorem 4.1 is printed with the largest eigenvalue for an absolute change. That is false
    where H_a has a negative eigenvalue of larger magnitude, even of a quadratic.

    The sum leaves O(ρ³) out, so it bounds nothing but quadratics; ``holds`` says whether the change stayed below it,
    and a change above it is what was left out.

    Args:
        gradient_norm: ‖g_a‖ at the reference's weights θ, nats per unit of the parameters.
        eigenvalue: λ of the form, at the same weights.
        distance: ρ = ‖θ − θ′‖₂.
        change: What the group's mean loss did, nats.
        loss_range: How much a mean loss can change before a bound says nothing, see :func:`loss_range`.
        form: Which change is bounded.
        gradient_norm_se: Standard error of ‖g_a‖ over examples; None where unknown.
        eigenvalue_se: That of λ.
        change_se: That of the change.

    Example:
        >>> bound = TaylorBound(
        ...     gradient_norm=0.1, eigenvalue=4.0, distance=0.5, change=0.2, loss_range=0.69, form="signed"
        ... )
        >>> bound.first, bound.second, round(bound.sum, 6), round(bound.tightness, 3), bound.vacuous, bound.holds
        (0.05, 0.5, 0.55, 0.364, False, True)
    """

    gradient_norm: float
    eigenvalue: float
    distance: float
    change: float
    loss_range: float
    form: Form
    gradient_norm_se: float | None = None
    eigenvalue_se: float | None = None
    change_se: float | None = None

    def __post_init__(self) -> None:
        numbers = (self.gradient_norm, self.eigenvalue, self.distance, self.change, self.loss_range)
        if not all(map(math.isfinite, numbers)) or min(self.gradient_norm, self.distance) < 0 or self.loss_range <= 0:
            raise BadInput(
                f"bound of gradient norm {self.gradient_norm}, eigenvalue {self.eigenvalue}, distance {self.distance}, "
                f"change {self.change}, range {self.loss_range}: finite numbers, norms from 0 and a positive range "
                "were expected."
            )
        if self.form == "absolute" and min(self.eigenvalue, self.change) < 0:
            raise BadInput(
                f"absolute bound of eigenvalue {self.eigenvalue} and change {self.change}: magnitudes were expected; "
                "give the largest absolute eigenvalue and |change|."
            )

    @property
    def first(self) -> float:
        """‖g_a‖ ρ, nats."""
        return self.gradient_norm * self.distance

    @property
    def second(self) -> float:
        """½ λ ρ², nats; below 0 where the largest eigenvalue is."""
        return 0.5 * self.eigenvalue * self.distance**2

    @property
    def sum(self) -> float:
        """The bound without O(ρ³), nats."""
        return self.first + self.second

    @property
    def tightness(self) -> float | None:
        """Change over sum: 1 is a bound that is met, near 0 one that says little; None where the sum is 0 or less."""
        return self.change / self.sum if self.sum > 0 else None

    @property
    def vacuous(self) -> bool:
        """Whether the sum allows more than the range of the loss, so that it excludes nothing."""
        return self.sum > self.loss_range

    @property
    def holds(self) -> bool:
        """Whether the change is at most the sum; rounding is forgiven."""
        return self.change <= self.sum + ROUNDING * (1 + abs(self.sum))

    def term(self, name: str) -> float | None:
        """Return a term by the name that findings call it: ``range`` is ``loss_range``."""
        return self.loss_range if name == "range" else getattr(self, name)

    def se(self, term: str) -> float | None:
        """Return the standard error of a term over examples, by the delta method; None where it is unknown.

        ρ is known; the errors of ‖g_a‖, λ and the change are taken as independent, which overstates that of tightness
        where they rise together.
        """
        first = None if self.gradient_norm_se is None else self.distance * self.gradient_norm_se
        second = None if self.eigenvalue_se is None else 0.5 * self.distance**2 * self.eigenvalue_se
        if term in {"first", "second", "change"}:
            return {"first": first, "second": second, "change": self.change_se}[term]
        if first is None or second is None:
            return None
        total = math.hypot(first, second)
        if term == "sum":
            return total
        tightness = self.tightness
        if tightness is None or self.change_se is None:
            return None
        return math.hypot(self.change_se, tightness * total) / self.sum


def loss_range(classes: int, *seen: float) -> float:
    """Return how far a mean loss can be expected to move: from 0 to chance, or to the largest mean loss seen.

    Cross-entropy has no upper end, so a bound is called vacuous when it exceeds the loss at chance, log K, or the
    largest mean loss of a group that was seen, whichever is larger: then it does not even exclude that the group is
    answered at random.

    Args:
        classes: Number of classes K.
        *seen: Mean losses of groups that were seen, nats.

    Returns:
        Nats.

    Example:
        >>> round(loss_range(2, 0.1), 4), loss_range(2, 0.1, 1.5)
        (0.6931, 1.5)
    """
    return max(math.log(classes), *seen) if seen else math.log(classes)


def bound_findings(
    bounds: Mapping[str, Sequence[TaylorBound]], *, by: str, variant: str, split: str, level: float = 0.95
) -> Iterator[Finding]:
    """Yield the table of a bound: per group its terms, what happened, tightness, and how often it holds or is vacuous.

    With several seeds intervals are over seeds, of each seed's own terms; with one they are over examples, where the
    standard errors are known.

    Args:
        bounds: Group name to its bound under every seed.
        by: The partition.
        variant: The variant whose change is bounded.
        split: The split that gradients, eigenvalues and changes are of.
        level: Level of the intervals.

    Yields:
        ``taylor_bound`` with ``term`` in ``where``: first, second, sum, change, the range above which a sum is vacuous,
        tightness, and the shares of seeds ``vacuous`` and ``holds``; ``form`` says which change.

    Raises:
        BadInput: A group has no bound, or bounds of both forms.
    """
    for group, seeds in bounds.items():
        if len(forms := {bound.form for bound in seeds}) != 1:
            raise BadInput(f"group '{group}' has {len(seeds)} bounds of forms {sorted(forms)}; one form was expected.")
        where = {"by": by, "split": split, "form": seeds[0].form}
        for term, unit in TERMS.items():
            about = _about(group, variant, unit, {**where, "term": term})
            found = mean_over_seeds([x.term(term) for x in seeds], about, level=level, why=NO_TIGHTNESS)
            yield _with_error(found, seeds[0].se(term), level) if len(seeds) == 1 else found
        for term in ("vacuous", "holds"):
            about = _about(group, variant, "share", {**where, "term": term})
            yield replace(
                mean_over_seeds([float(getattr(x, term)) for x in seeds], about),
                method="share of seeds",
                low=None,
                high=None,
                level=None,
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class CurvatureBound:
    """Both terms of a bound on λ(H_a).

    Args:
        first: From closeness to the boundary and slopes.
        second: From errors and the curvature of the logits; None where it is not known, which is not 0.
        first_se: Standard error of the first term over examples; None with one example.
    """

    first: float
    second: float | None
    first_se: float | None

    @property
    def sum(self) -> float | None:
        """The bound; None where the second term is not known, as the first alone bounds a part of the curvature."""
        return None if self.second is None else self.first + self.second


def closeness_bound(probability: Array, target: Array, *, slope: Array, curvature: Array) -> CurvatureBound:
    r"""Return theorem 4.4 (nelaturu2024), theorem 2 (tran2022): curvature of a group by closeness to the boundary.

    $$ \lambda(H_a) \le \frac{1}{|D_a|} \sum_{D_a}
       f (1 - f) \lVert \nabla z \rVert^2 + |f - y| \, \lVert \nabla^2 z \rVert_2 $$

    for two classes and binary cross-entropy, z the logit and f its sigmoid.

    *Departs from the paper*, which prints it with ∇f and λ(∇²f): that is false (``docs/theory.md`` has an example of
    one point), for the second derivative of the cross-entropy by f is not f (1 − f). Given slopes and curvatures of f
    this function returns the printed form. The spectral norm serves either sign of f − y.

    Args:
        probability: f of the second class per example of the group, in [0, 1].
        target: y, 0 or 1.
        slope: ‖∇z‖ by the parameters.
        curvature: ‖∇²z‖₂.

    Returns:
        Both terms.

    Raises:
        BadInput: There is no example, or the arrays differ in length.

    Example:
        >>> half, one, nothing = np.array([0.5]), np.array([1.0]), np.array([0.0])
        >>> closeness_bound(half, one, slope=one, curvature=nothing).sum  # logit z = w x at w = 0, x = 1; H is 1/4
        0.25
        >>> closeness_bound(half, one, slope=one / 4, curvature=nothing).sum  # as printed: |∇f| = 1/4
        0.015625
    """
    lengths = {len(probability), len(target), len(slope), len(curvature)}
    if len(lengths) != 1 or not len(probability):
        raise BadInput(f"closeness bound: arrays of lengths {sorted(lengths)}; one entry per example was expected.")
    second = float((np.abs(probability - target) * curvature).mean())
    return _bound(probability * (1 - probability) * slope**2, second)


def gauss_newton_bound(traces: Array, *, residual: float | None = None) -> CurvatureBound:
    r"""Return the same for any number of classes: what closeness says of the curvature of a group.

    $$ \lambda(H_a) \le \frac{1}{|D_a|} \sum_{D_a} \sum_k
       p_k \bigl\lVert \nabla z_k - \textstyle\sum_j p_j \nabla z_j \bigr\rVert^2
       + \Bigl\lVert \frac{1}{|D_a|} \sum_{D_a} \sum_k (p_k - y_k) \nabla^2 z_k \Bigr\rVert_2 $$

    This project's, by Weyl's inequality and trace ≥ largest eigenvalue; with two classes the first term is that of
    :func:`closeness_bound`.

    Args:
        traces: ``gauss_newton_traces`` of the group's examples.
        residual: The second term, where it is known.

    Returns:
        Both terms.

    Raises:
        BadInput: There is no example.

    Example:
        >>> gauss_newton_bound(np.array([0.25, 0.75]), residual=0.1).sum
        0.6
    """
    if not len(traces):
        raise BadInput("Gauss-Newton bound: 0 examples given; at least 1 was expected.")
    return _bound(traces, residual)


@dataclass(frozen=True, kw_only=True, slots=True)
class SizeAndGradient:
    """Theorem 4.3 (nelaturu2024), proposition 1 (tran2022): does the larger group have the smaller gradient?

    Args:
        violations: Pairs (larger, smaller) in which the larger group has the larger gradient norm.
        pairs: Number of pairs of groups of different size.
        ratio: With two groups, gradient norm of the smaller over that of the larger; else None.
        inverse_sizes: With two groups, size of the larger over that of the smaller; else None.
        slack: How far the ratio can be from the inverse sizes at all, given the gradient of the whole; 0 at a
            stationary point, where the ratio is an identity and no finding; None with other than two groups.
    """

    violations: tuple[tuple[str, str], ...]
    pairs: int
    ratio: float | None
    inverse_sizes: float | None
    slack: float | None


def size_and_gradient(sizes: Mapping[str, int], norms: Mapping[str, float], *, whole: float) -> SizeAndGradient:
    r"""Return whether gradient norms fall with group size, and how much of it could not have been otherwise.

    As $\sum_a |D_a| g_a = n g$, two groups have $\bigl| |D_a| \lVert g_a \rVert - |D_b| \lVert g_b \rVert \bigr| \le n
    \lVert g \rVert$: at a stationary point of the unregularised training loss the norms stand exactly in the inverse
    ratio of the sizes, whatever the data. With three groups or more nothing follows, and the statement is false in
    general.

    Args:
        sizes: Number of examples by group.
        norms: Norm of the gradient of the group's mean loss, at the same weights.
        whole: ‖g‖, that of all examples together.

    Returns:
        Pairs that contradict the statement, and for two groups the ratio beside what forces it.

    Raises:
        BadInput: The groups of sizes and norms differ, there are fewer than two, or one is empty.

    Example:
        >>> found = size_and_gradient({"a": 900, "b": 100}, {"a": 0.04, "b": 0.36}, whole=0.0)
        >>> round(found.ratio, 9), found.inverse_sizes, found.slack, found.violations
        (9.0, 9.0, 0.0, ())
        >>> size_and_gradient({"a": 500, "b": 400, "c": 100}, {"a": 0.1, "b": 0.125, "c": 0.0}, whole=0.0).violations
        (('a', 'c'), ('b', 'c'))
    """
    if set(sizes) != set(norms) or len(sizes) < 2 or min(sizes.values()) < 1:
        raise BadInput(
            f"sizes of {dict(sizes)} and norms of {sorted(norms)}: the same two groups or more, none empty, were "
            "expected."
        )
    order = sorted(sizes, key=lambda name: -sizes[name])
    pairs = [(a, b) for place, a in enumerate(order) for b in order[place + 1 :] if sizes[a] > sizes[b]]
    found = SizeAndGradient(
        violations=tuple((a, b) for a, b in pairs if norms[a] > norms[b]),
        pairs=len(pairs),
        ratio=None,
        inverse_sizes=None,
        slack=None,
    )
    large, small = order[0], order[-1]
    if len(order) > 2 or norms[large] == 0:
        return found
    return replace(
        found,
        ratio=norms[small] / norms[large],
        inverse_sizes=sizes[large] / sizes[small],
        slack=sum(sizes.values()) * whole / (sizes[small] * norms[large]),
    )


def _about(group: str, variant: str, unit: str, where: Mapping[str, str]) -> About:
    return About(measure="taylor_bound", variant=variant, reference=REFERENCE, group=group, unit=unit, where=where)


def _with_error(found: Finding, se: float | None, level: float) -> Finding:
    if se is None or found.value is None:
        return found
    reach = t_quantile(level, math.inf) * se
    return replace(
        found, low=found.value - reach, high=found.value + reach, level=level, method="delta method over examples"
    )


def _bound(terms: Array, second: float | None) -> CurvatureBound:
    estimate = paired_mean(terms[None])
    return CurvatureBound(first=estimate.value, second=second, first_se=estimate.se("examples"))
