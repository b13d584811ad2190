"""Spectra per group: the largest eigenvalues of a group's curvature, its spectral density and its trace."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from disparate.errors import BadInput
from disparate.geometry.gradients import gradient
from disparate.geometry.lanczos import dot, gauss_quadrature, largest_eigenvalues, norm, orthogonal
from disparate.geometry.products import Curvature, Operator, products
from disparate.geometry.surface import Surface
from disparate.groups import Groups

Array = NDArray[np.float64]
FRESH = 0.1
"""Length of the random part of a start, against a length of 1 of what is known."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Spectrum:
    """The largest eigenvalues of one group's curvature, in nats per squared unit of the weights.

    Args:
        kind: Which matrix.
        n: Examples of the group.
        values: The largest first, shape (count,).
        residuals: ‖H v − λ v‖ of each: an eigenvalue lies within that of the value, shape (count,).
        converged: Whether the residual is within the tolerance; a value that is not is a lower bound of the largest
            eigenvalue and no more, shape (count,).
        tolerance: Largest residual that counts as converged, as a share of the eigenvalue.
        products: Number of products with the matrix.
        lowest: The smallest Ritz value: the smallest eigenvalue is at most that. Where it is far below zero the
            largest *absolute* eigenvalue may be its magnitude.
        lowest_residual: Its residual; the search is for the largest, so that it may be anything.
        vectors: Orthonormal rows, shape (count, parameters).
    """

    kind: Curvature
    n: int
    values: Array
    residuals: Array
    converged: NDArray[np.bool_]
    tolerance: float
    products: int
    lowest: float
    lowest_residual: float
    vectors: Tensor


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Density:
    r"""Where the eigenvalues of one group's curvature lie: $\sum_i w_i \delta(\lambda - \theta_i)$, and their sum.

    Args:
        kind: Which matrix.
        n: Examples of the group.
        nodes: Places θ, ascending, shape (nodes,).
        weights: Share of the eigenvalues at each place, summing to 1, shape (nodes,).
        trace: Sum of all eigenvalues.
        trace_error: Its standard error over the probes.
        probes: Number of random vectors.
        products: Number of products with the matrix.
    """

    kind: Curvature
    n: int
    nodes: Array
    weights: Array
    trace: float
    trace_error: float
    probes: int
    products: int

    def share_above(self, threshold: float) -> float:
        """Return the share of eigenvalues above a value, in [0, 1].

        Args:
            threshold: The value.

        Returns:
            The weight of the nodes above it.
        """
        return float(self.weights[self.nodes > threshold].sum())

    def smooth(self, at: Array, *, width: float) -> Array:
        """Return the density as a curve: every node becomes a normal distribution.

        Args:
            at: Where, shape (places,).
            width: Standard deviation of each, in the unit of the eigenvalues, above 0.

        Returns:
            Share of eigenvalues per unit, shape (places,); its integral is 1.

        Raises:
            BadInput: The width is not above 0.
        """
        if not width > 0:
            raise BadInput(f"width is {width}; a number above 0 was expected.")
        bells = np.exp(-0.5 * ((at[:, None] - self.nodes) / width) ** 2) / (width * np.sqrt(2 * np.pi))
        return bells @ self.weights


def group_spectra(
    surface: Surface,
    groups: Groups,
    *,
    kind: Curvature = "hessian",
    count: int = 1,
    tolerance: float = 0.01,
    most: int = 60,
    generator: np.random.Generator,
) -> dict[str, Spectrum]:
    r"""Return the largest eigenvalues of every group's curvature, λ(H_a) with its residual (tran2022, theorem 1).

    Every group starts from its own gradient, which lies largely along the steepest directions, and a random part that
    no eigenvector escapes. That costs half a product and saves more than another group's eigenvectors would, by which
    one may start as well: :func:`spectrum` with :func:`warm_start`.

    Args:
        surface: The network and its examples.
        groups: The group of every example.
        kind: Which matrix.
        count: How many eigenvalues.
        tolerance: Largest residual, as a share of the eigenvalue.
        most: Most products per group; each keeps one vector of the parameters' size.
        generator: Source of the start vectors.

    Returns:
        By group name; a group without an example among the surface's rows has no place.

    Raises:
        BadInput: A setting is out of range, or the network's curvature is not finite.

    Example:
        >>> from disparate.groups import Attribute
        >>> model = torch.nn.Linear(1, 2, bias=False)
        >>> _ = model.weight.data.zero_()
        >>> rows = np.arange(4)
        >>> inputs = lambda rows: torch.tensor([[1.0], [1.0], [2.0], [2.0]])[rows]
        >>> surface = Surface(model=model, inputs=inputs, rows=rows, target=rows % 2)
        >>> groups = Groups.of({"sex": Attribute.of(["f", "f", "m", "m"])}, by="sex")
        >>> found = group_spectra(surface, groups, generator=np.random.default_rng(0))
        >>> {name: item.values.round(4).tolist() for name, item in found.items()}  # x² · 2 · p (1 - p)
        {'f': [0.5], 'm': [2.0]}
    """
    found: dict[str, Spectrum] = {}
    for name, part in surface.by_group(groups).items():
        start = downhill(part, generator)
        found[name] = spectrum(part, start, kind=kind, count=count, tolerance=tolerance, most=most, generator=generator)
    return found


def spectrum(
    surface: Surface,
    start: Tensor,
    *,
    kind: Curvature = "hessian",
    count: int = 1,
    tolerance: float = 0.01,
    most: int = 60,
    generator: np.random.Generator,
) -> Spectrum:
    """Return the largest eigenvalues of the curvature over the surface's examples.

    Args:
        surface: The network and its examples.
        start: Where to begin, shape (parameters,); see :func:`downhill`, :func:`warm_start`, :func:`random_vector`.
        kind: Which matrix.
        count: How many eigenvalues.
        tolerance: Largest residual, as a share of the eigenvalue.
        most: Most products; each keeps one vector of the parameters' size.
        generator: Source of a new direction where the start's are exhausted.

    Returns:
        The eigenvalues with residuals and vectors.
    """
    pairs = largest_eigenvalues(
        products(surface, kind), start, count=count, tolerance=tolerance, most=most, generator=generator
    )
    return Spectrum(
        kind=kind,
        n=len(surface.rows),
        values=pairs.values,
        residuals=pairs.residuals,
        converged=pairs.converged,
        tolerance=tolerance,
        products=pairs.products,
        lowest=pairs.lowest,
        lowest_residual=pairs.lowest_residual,
        vectors=pairs.vectors,
    )


def density(
    surface: Surface, known: Spectrum, *, probes: int = 4, steps: int = 10, generator: np.random.Generator
) -> Density:
    r"""Return the spectral density and the trace by stochastic Lanczos quadrature beside the known eigenvalues.

    With $V$ the known eigenvectors and $P = I - V V^\top$, the known eigenvalues enter as they are, and random probes
    see only the rest, so that the few large eigenvalues add nothing to the variance:

    $$ \mathrm{tr} H = \sum_i \theta_i + \mathrm{E}\, (P z)^\top H (P z), \qquad z_i = \pm 1 $$

    (ubaru2017; deflated as in meyer2021). The error is over probes; quadrature leaves none in the trace.

    Args:
        surface: The network and its examples.
        known: Their largest eigenvalues; of the same matrix.
        probes: Number of random vectors, 2 or more.
        steps: Products per probe; 1 gives the trace alone.
        generator: Source of the probes.

    Returns:
        The density.

    Raises:
        BadInput: There are fewer than two probes, no step, or the known eigenvalues are of other examples.
    """
    if probes < 2:
        raise BadInput(f"probes is {probes}; at least 2 were expected: the error is their spread.")
    if known.n != len(surface.rows):
        raise BadInput(f"eigenvalues of {known.n} examples; of these {len(surface.rows)} were expected.")
    rest = _Beside(operator=products(surface, known.kind), vectors=list(known.vectors))
    draws = [rest.quadrature(random_vector(surface, generator), steps=steps) for _ in range(probes)]
    traces = np.array([length * float(nodes @ weights) for length, nodes, weights in draws])
    size, found = surface.size, len(known.values)
    nodes = np.concatenate([known.values, *(nodes for _, nodes, _ in draws)])
    shares = np.concatenate([
        np.full(found, 1 / size),
        *((1 - found / size) / probes * weights for _, _, weights in draws),
    ])
    order = np.argsort(nodes)
    return Density(
        kind=known.kind,
        n=known.n,
        nodes=nodes[order],
        weights=shares[order],
        trace=float(known.values.sum() + traces.mean()),
        trace_error=float(traces.std(ddof=1) / np.sqrt(probes)),
        probes=probes,
        products=rest.products,
    )


def random_vector(surface: Surface, generator: np.random.Generator) -> Tensor:
    """Return random signs, ±1, over the parameters.

    Args:
        surface: Whose parameters.
        generator: Source of randomness.

    Returns:
        Shape (parameters,), in the parameters' precision and on their device.
    """
    bits = np.unpackbits(np.frombuffer(generator.bytes(-(-surface.size // 8)), dtype=np.uint8), count=surface.size)
    return torch.from_numpy(bits).to(surface.parameters[0]).mul_(2).sub_(1)


def downhill(surface: Surface, generator: np.random.Generator) -> Tensor:
    """Return a start along the gradient, with a random part that no eigenvector escapes; all random where it is flat.

    Args:
        surface: The network and its examples.
        generator: Source of the random part.

    Returns:
        Shape (parameters,).
    """
    slope = gradient(surface)
    # Normal and not signs: of two or three parameters, signs are often orthogonal to an eigenvector.
    fresh = torch.from_numpy(generator.standard_normal(surface.size, dtype=np.float32)).to(slope)
    length = norm(slope)
    return warm_start(slope.div_(length)[None], fresh) if length else fresh


def warm_start(vectors: Tensor, fresh: Tensor) -> Tensor:
    """Return a start from the eigenvectors of a matrix nearby, with a random part that no eigenvector escapes.

    Args:
        vectors: Orthonormal rows, shape (count, size).
        fresh: Random, shape (size,).

    Returns:
        Shape (size,).
    """
    return vectors.sum(dim=0) + fresh * (FRESH / norm(fresh))


@dataclass(slots=True, eq=False)
class _Beside:
    """A matrix beside known eigenvectors: P A P, and how many products it took."""

    operator: Operator
    vectors: Sequence[Tensor]
    products: int = 0

    def __call__(self, vector: Tensor) -> Tensor:
        self.products += 1
        return orthogonal(self.operator(vector), self.vectors)

    def quadrature(self, probe: Tensor, *, steps: int) -> tuple[float, Array, Array]:
        """Return the squared length of the probe beside the eigenvectors, and nodes and weights from there."""
        start = orthogonal(probe, self.vectors)
        nodes, weights = gauss_quadrature(self, start, steps=steps)
        return dot(start, start), nodes, weights
