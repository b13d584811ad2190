r"""Eigenvalues of a symmetric matrix that is known by its products only (golub2013, ch. 10).

After $j$ products of an orthonormal basis $Q_j$ of the Krylov space with the matrix,
$A Q_j = Q_j T_j + \beta_j q_{j+1} e_j^\top$. An eigenpair $(\theta, s)$ of the small tridiagonal $T_j$ gives
$(\theta, Q_j s)$, whose residual is $\lVert A Q_j s - \theta Q_j s \rVert = \beta_j |s_j|$: some eigenvalue of $A$ lies
within that of $\theta$. Every new vector is made orthogonal to all earlier ones, twice; without that the same
eigenvalue is found again and again.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import eigh_tridiagonal
from torch import Tensor

from disparate.errors import BadInput
from disparate.geometry.products import Operator

Array = NDArray[np.float64]
CHUNK = 4096
"""Entries that are summed in the vectors' own precision before float64 takes over."""
BLOCK = 2**16
"""Entries whose products are in memory at a time."""
ROUNDING = 16.0
"""How many units of rounding of the largest Ritz value count as zero."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Eigenpairs:
    """The largest eigenvalues of a matrix, with what is known of their error.

    Args:
        values: Ritz values, the largest first, shape (count,).
        residuals: ‖A v − θ v‖ of each; an eigenvalue lies within that of the value, shape (count,).
        converged: Whether the residual is within the tolerance, shape (count,).
        vectors: Ritz vectors, orthonormal rows, shape (count, size).
        products: Number of products that were taken.
        lowest: The smallest Ritz value: the smallest eigenvalue is at most that.
        lowest_residual: Its residual, whatever it came to: the search is for the largest.
    """

    values: Array
    residuals: Array
    converged: NDArray[np.bool_]
    vectors: Tensor
    products: int
    lowest: float
    lowest_residual: float


@dataclass(slots=True, eq=False)
class Krylov:
    """A Krylov space under construction: the orthonormal basis and the tridiagonal matrix.

    Args:
        operator: The matrix.
        basis: Orthonormal vectors; one more than products were taken, unless the space is exhausted.
        diagonal: Of the tridiagonal matrix.
        beside: Beside the diagonal; the last is the length of what left the space.
    """

    operator: Operator
    basis: list[Tensor]
    diagonal: list[float] = field(default_factory=list)
    beside: list[float] = field(default_factory=list)

    @classmethod
    def from_start(cls, operator: Operator, start: Tensor) -> "Krylov":
        """Begin with a vector, which is normalised.

        Args:
            operator: The matrix.
            start: Not zero, shape (size,).

        Returns:
            The space of one vector and no product.

        Raises:
            BadInput: The vector is zero or not finite.
        """
        length = norm(start)
        if not (math.isfinite(length) and length > 0):
            raise BadInput(f"a start vector of length {length}; a finite one above 0 was expected.")
        return cls(operator=operator, basis=[start / length])

    def advance(self) -> None:
        """Take one product."""
        new = self.operator(self.basis[-1])
        self.diagonal.append(dot(self.basis[-1], new))
        for _ in range(2):
            _take_out(new, self.basis)
        length = norm(new)
        self.beside.append(0.0 if length <= self._negligible(new) else length)
        if self.beside[-1]:
            self.basis.append(new.div_(length))

    @property
    def exhausted(self) -> bool:
        """Whether the space is invariant: its Ritz values are eigenvalues, and nothing else can be reached."""
        return bool(self.beside) and not self.beside[-1]

    def restart(self, start: Tensor) -> None:
        """Go on from an invariant space with a new direction.

        Args:
            start: Any vector outside the space.
        """
        new = orthogonal(orthogonal(start, self.basis), self.basis)
        self.basis.append(new / norm(new))

    def ritz(self) -> tuple[Array, Array]:
        """Return Ritz values, ascending, and the eigenvectors of the tridiagonal matrix in columns."""
        found = eigh_tridiagonal(np.array(self.diagonal), np.array(self.beside[:-1]))
        return np.asarray(found[0]), np.asarray(found[1])

    def _negligible(self, new: Tensor) -> float:
        scale = max(map(abs, (*self.diagonal, *self.beside)))
        return ROUNDING * torch.finfo(new.dtype).eps * scale


def largest_eigenvalues(
    operator: Operator,
    start: Tensor,
    *,
    count: int = 1,
    tolerance: float = 0.01,
    most: int = 60,
    generator: np.random.Generator,
) -> Eigenpairs:
    r"""Return the algebraically largest eigenvalues; stops when every residual is within the tolerance.

    $$ \beta_j |s_{ji}| \le \text{tolerance} \cdot |\theta_i| \qquad (i = 1 \ldots \text{count}) $$

    A residual shows that there is an eigenvalue near the value, not that none is larger: a start that is orthogonal to
    an eigenvector never finds it. A random start is not. Of an eigenvalue that occurs several times one copy is found.

    Args:
        operator: The matrix.
        start: Where to begin, shape (size,): random, or the eigenvector of a matrix nearby.
        count: How many eigenvalues.
        tolerance: Largest residual, as a share of the eigenvalue.
        most: Most products; each keeps one vector in memory.
        generator: Source of the direction to go on with where a space is exhausted too early.

    Returns:
        The eigenpairs found. Those beyond the tolerance after ``most`` products are marked as not converged.

    Raises:
        BadInput: A setting is out of range, or the start is zero.

    Example:
        >>> matrix = torch.diag(torch.tensor([5.0, 2.0, 1.0]))
        >>> found = largest_eigenvalues(lambda v: matrix @ v, torch.ones(3), generator=np.random.default_rng(0))
        >>> found.values.round(3).tolist(), found.converged.tolist(), found.products
        ([5.0], [True], 3)
    """
    _require_settings(len(start), count=count, most=most, tolerance=tolerance)
    space = Krylov.from_start(operator, start)
    while True:
        space.advance()
        values, small = space.ritz()
        residuals = space.beside[-1] * np.abs(small[-1])
        taken = len(values)
        top = np.argsort(values)[::-1][:count]
        floor = ROUNDING * torch.finfo(start.dtype).eps * np.abs(values).max()
        converged = residuals[top] <= np.maximum(tolerance * np.abs(values[top]), floor)
        if (taken >= count and converged.all()) or taken == min(most, len(start)):
            break
        if space.exhausted:
            space.restart(torch.from_numpy(generator.standard_normal(len(start))).to(start))
    weights = torch.from_numpy(small[:, top].T.copy())
    return Eigenpairs(
        values=values[top],
        residuals=residuals[top],
        converged=converged,
        vectors=combined(space.basis[:taken], weights),
        products=taken,
        lowest=float(values[0]),
        lowest_residual=float(residuals[0]),
    )


def gauss_quadrature(operator: Operator, start: Tensor, *, steps: int) -> tuple[Array, Array]:
    r"""Return nodes and weights of the spectral measure of a start vector (golub2010; ubaru2017).

    $$ \frac{v^\top f(A) v}{v^\top v} \approx \sum_i w_i f(\theta_i), \qquad w_i = s_{1i}^2 $$

    exact for polynomials up to degree 2·steps − 1.

    Args:
        operator: The matrix.
        start: The vector v.
        steps: Number of products; fewer are taken where the space is exhausted.

    Returns:
        Nodes ascending, and weights that sum to 1, each of shape (products,).

    Raises:
        BadInput: There is no step, or the start is zero.

    Example:
        >>> matrix = torch.diag(torch.tensor([5.0, 1.0]))
        >>> nodes, weights = gauss_quadrature(lambda v: matrix @ v, torch.ones(2), steps=2)
        >>> nodes.round(4).tolist(), weights.round(4).tolist()
        ([1.0, 5.0], [0.5, 0.5])
    """
    if steps < 1:
        raise BadInput(f"steps is {steps}; at least 1 was expected.")
    space = Krylov.from_start(operator, start)
    while len(space.diagonal) < min(steps, len(start)) and not space.exhausted:
        space.advance()
    nodes, small = space.ritz()
    return nodes, small[0] ** 2


def dot(left: Tensor, right: Tensor) -> float:
    """Return the scalar product, as :func:`inner` sums it.

    Args:
        left: Shape (size,).
        right: Shape (size,).

    Returns:
        The sum of products.
    """
    return float(inner(left, right))


def inner(left: Tensor, right: Tensor) -> Tensor:
    """Return the scalar product, summed in float64 over chunks of the vectors' own precision.

    Args:
        left: Shape (size,).
        right: Shape (size,).

    Returns:
        The sum of products on the vectors' device, float64, shape ().
    """
    whole = len(left) // CHUNK * CHUNK
    blocks = zip(left[:whole].split(BLOCK), right[:whole].split(BLOCK), strict=True)
    sums = [_chunked(one, other).double().sum() for one, other in blocks]
    return torch.stack([*sums, left[whole:].double() @ right[whole:].double()]).sum()


def norm(vector: Tensor) -> float:
    """Return the Euclidean length of a vector, as :func:`dot` sums it.

    Args:
        vector: Shape (size,).

    Returns:
        From 0 upwards.
    """
    return math.sqrt(max(dot(vector, vector), 0.0))


def orthogonal(vector: Tensor, basis: Sequence[Tensor]) -> Tensor:
    """Return a vector without its parts along an orthonormal basis.

    Args:
        vector: Shape (size,).
        basis: Orthonormal vectors.

    Returns:
        A new vector, shape (size,). Once leaves rounding of the parts taken away; twice does not.
    """
    rest = vector.clone()
    _take_out(rest, basis)
    return rest


def combined(basis: Sequence[Tensor], weights: Tensor) -> Tensor:
    """Return sums of basis vectors.

    Args:
        basis: Vectors of shape (size,).
        weights: Shape (count, vectors).

    Returns:
        Shape (count, size).
    """
    found = torch.zeros(len(weights), len(basis[0]), dtype=basis[0].dtype, device=basis[0].device)
    for row, shares in zip(found, weights.tolist(), strict=True):
        for share, item in zip(shares, basis, strict=True):
            row.add_(item, alpha=share)
    return found


def _chunked(left: Tensor, right: Tensor) -> Tensor:
    shape = (len(left) // CHUNK, CHUNK)
    return torch.linalg.vecdot(left.view(shape), right.view(shape))


def _take_out(vector: Tensor, basis: Sequence[Tensor]) -> None:
    """Take the parts along an orthonormal basis out of a vector, in place."""
    shares = [dot(vector, item) for item in basis]
    for share, item in zip(shares, basis, strict=True):
        vector.add_(item, alpha=-share)


def _require_settings(size: int, *, count: int, most: int, tolerance: float) -> None:
    if not 1 <= count <= size:
        raise BadInput(f"count is {count}; 1 to {size}, the size of the matrix, was expected.")
    if most < count:
        raise BadInput(f"most is {most} products; at least {count}, one per eigenvalue, was expected.")
    if not 0 < tolerance < 1:
        raise BadInput(f"tolerance is {tolerance}; a share in (0, 1) was expected.")
