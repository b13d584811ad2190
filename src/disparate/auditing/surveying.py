"""The step that surveys one trained network's loss surface: gradients and curvature of every group."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from disparate.auditing.explaining import BATCH, lost_parameters, noted, without_gradient
from disparate.auditing.steps import Deployed, Make, dataset_of, deployed, model_of
from disparate.data.grouped import GroupedDataset
from disparate.engine.job import Inputs, Outcome, Report
from disparate.errors import NotApplicable
from disparate.geometry.diagonal import Diagonal, diagonal
from disparate.geometry.gradients import gradient, group_gradients
from disparate.geometry.lanczos import Eigenpairs, dot, largest_eigenvalues, norm
from disparate.geometry.logit_curvature import gauss_newton_traces
from disparate.geometry.permuted_gradients import permuted_norms
from disparate.geometry.products import Operator, products
from disparate.geometry.spectrum import Spectrum, density, group_spectra, random_vector
from disparate.geometry.surface import Surface
from disparate.groups import Groups
from disparate.profiles import Profile
from disparate.provenance import peak_memory
from disparate.training.execution import in_force

SEED = 11
"""Of start vectors, blocks and the examples that curvature is taken over; the same for every network."""
CURVED = 512
"""Examples per pass where products with curvature are taken: a group that fits into one keeps its graph."""
LOOSE = 0.1
"""Largest residual of eigenvalues that only bound others, as a share of them."""
PROBES, STEPS = 2, 6
FEW, ASYMMETRY = 32, 0.02
"""Examples over which symmetry is checked, and how far products may be from it; emulated formats take 0.002."""
MOST_PRODUCTS = 60
"""Most products for one eigenvalue of a group; ten more for each further one."""
Rows = NDArray[np.intp]


def survey_network(
    arguments: Mapping[str, Any], workspace: Path, inputs: Inputs, report: Report, *, make: Make | None = None
) -> Outcome:
    """Survey one network; the record holds a row per partition, split and group.

    Args:
        arguments: What :func:`disparate.auditing.steps.predict_split` takes, and ``by`` (partitions), ``closely``,
            ``epochs`` (epoch to output, for gradients over the training), ``curvature`` (most examples of a group),
            ``eigenvalues``, ``tolerance``, ``matrices``.
        workspace: Not used.
        inputs: The training's files.
        report: Live progress.
        make: Makes the network where it cannot be named.

    Returns:
        ``groups``: rows with gradients, and curvature on the training split; ``flow``: gradients by epoch; ``whole``:
        the gradient's norm over everybody; ``undefined``: why ``gradients``, ``curvature`` and others could not be had.
    """
    data = dataset_of(arguments)
    key, output = arguments["weights"]
    given = deployed(arguments, data, inputs[key][output], make=make)
    record: dict[str, Any] = {"groups": [], "flow": [], "whole": None, "undefined": {}}
    if lost := lost_parameters(given.model, model_of(arguments, data, seed=0, make=make)):
        record["undefined"] = {"gradients": without_gradient(lost)}
        return Outcome(record=record)
    plain = {**arguments, "choices": []}
    parts = [Groups.of(data.attributes, by=by) for by in arguments["by"]]
    steps = len(parts) + len(arguments["epochs"])
    with in_force(Profile.from_json(arguments["profile"])):
        for place, groups in enumerate(parts):
            report(place, steps, f"gradients and curvature by {groups.by}")
            with noted(record["undefined"], "gradients"):
                record["groups"] += _rows(given, data, groups, arguments, record["undefined"])
        if arguments["closely"] and any(len(groups) == 2 for groups in parts):
            with noted(record["undefined"], "gradients"):
                record["whole"] = norm(gradient(_surface(given, data, data.rows("train"))))
        for place, (epoch, name) in enumerate(sorted(arguments["epochs"].items(), key=lambda item: int(item[0]))):
            report(len(parts) + place, steps, f"gradients of epoch {epoch}")
            then = deployed(plain, data, inputs[key][name], make=make)
            with noted(record["undefined"], "flow"):
                for groups in parts:
                    record["flow"] += [{"epoch": int(epoch), **row} for row in _slopes(then, data, groups, "train")]
    return Outcome(record={**record, "peak_mib": peak_memory()})


def drawn(groups: Groups, among: Rows, *, most: int, generator: np.random.Generator) -> Rows:
    """Return at most so many rows of every group, drawn at random.

    Args:
        groups: The partition of all examples.
        among: Rows to draw from.
        most: Most rows of a group.
        generator: Source of the draw.

    Returns:
        Positions, ascending.

    Example:
        >>> from disparate.groups import Attribute
        >>> groups = Groups.of({"sex": Attribute.of(["f", "m", "m", "m"])}, by="sex")
        >>> len(drawn(groups, np.arange(4), most=2, generator=np.random.default_rng(0)))
        3
    """
    codes = groups.codes[among]
    parts = [among[codes == code] for code in range(len(groups))]
    return np.sort(np.concatenate([own if len(own) <= most else generator.permutation(own)[:most] for own in parts]))


def _rows(
    given: Deployed, data: GroupedDataset, groups: Groups, arguments: Mapping[str, Any], undefined: dict[str, str]
) -> list[dict[str, Any]]:
    """Return gradients on the training split with curvature beside them, and on the judged split where asked for."""
    train = _with_losses(given, data, groups, _slopes(given, data, groups, "train"))
    if arguments["closely"]:
        own = _surface(given, data, data.rows("train"))
        dealt = permuted_norms(own, groups, generator=np.random.default_rng(SEED))
        train = [{**row, "p_value": dealt[row["group"]].p_value(row["norm"])} for row in train]
    bent = _curvature(given, data, groups, arguments, undefined)
    train = [{**row, **bent.get(row["group"], {})} for row in train]
    judged = arguments["split"]
    return train + (_slopes(given, data, groups, judged) if arguments["closely"] and judged != "train" else [])


def _slopes(given: Deployed, data: GroupedDataset, groups: Groups, split: str) -> list[dict[str, Any]]:
    surface = _surface(given, data, data.rows(split))
    return [
        {
            "by": groups.by,
            "split": split,
            "group": name,
            "n": slope.n,
            "norm": slope.norm,
            "chance": slope.chance,
            "by_layer": dict(slope.by_layer),
        }
        for name, slope in group_gradients(surface, groups, generator=np.random.default_rng(SEED)).items()
    ]


def _with_losses(
    given: Deployed, data: GroupedDataset, groups: Groups, rows: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    parts = _surface(given, data, data.rows("train")).by_group(groups)
    return [{**row, "loss": parts[row["group"]].loss()} for row in rows]


def _curvature(
    given: Deployed, data: GroupedDataset, groups: Groups, arguments: Mapping[str, Any], undefined: dict[str, str]
) -> dict[str, dict[str, Any]]:
    """Return what is known of every group's curvature; a part that cannot be had leaves its reason and no number."""
    generator = np.random.default_rng(SEED)
    rows = drawn(groups, data.rows("train"), most=arguments["curvature"], generator=generator)
    surface = _surface(given, data, rows, batch_size=CURVED)
    parts = surface.by_group(groups)
    found: dict[str, dict[str, Any]] = {name: {} for name in parts}
    settings: dict[str, Any] = {"tolerance": arguments["tolerance"], "generator": generator}
    with noted(undefined, "curvature"):
        require_symmetric(surface, generator)
        count = min(arguments["eigenvalues"], surface.size)
        most = MOST_PRODUCTS + 10 * (count - 1)
        spectra = group_spectra(surface, groups, count=count, most=most, **settings)
        found = {name: _top(item) for name, item in spectra.items()}
        for name, part in parts.items() if arguments["closely"] else ():
            found[name] |= _closely(part, spectra[name], generator)
    if "curvature" in undefined:  # the other matrices are differentiated twice as well
        undefined |= dict.fromkeys((*arguments["matrices"], "closeness"), undefined["curvature"])
        return found
    for kind in arguments["matrices"]:
        with noted(undefined, kind):
            for name, item in group_spectra(surface, groups, kind=kind, **settings).items():
                found[name][kind] = _eigenvalue(item)
    with noted(undefined, "closeness"):
        for name, part in parts.items() if "ggn" in arguments["matrices"] else ():
            found[name]["closeness"] = _closeness(part, generator)
    return found


def require_symmetric(surface: Surface, generator: np.random.Generator) -> None:
    """Refuse a network whose products with the Hessian are not those of a symmetric matrix, over a few examples.

    A layer of the user's own that is marked as differentiable once is taken for constant by torch when its slope is
    differentiated, without a word; the products are then wrong, and not symmetric.

    Args:
        surface: The network and its examples.
        generator: Source of two random vectors.

    Raises:
        NotApplicable: They are not symmetric.
    """
    hessian = products(surface.over(surface.rows[:FEW]))
    left, right = random_vector(surface, generator), random_vector(surface, generator)
    of_left, of_right = hessian(left), hessian(right)
    apart, size = abs(dot(left, of_right) - dot(right, of_left)), norm(of_left) + norm(of_right)
    if apart > ASYMMETRY * size:
        raise NotApplicable(
            f"products with the Hessian are not symmetric: they differ by {apart / size:.2g} of their length, where at "
            f"most {ASYMMETRY} was expected; some layer has no second derivative. Write its backward pass in "
            "operations that torch can differentiate."
        )


def _top(found: Spectrum) -> dict[str, Any]:
    ranked = [
        {"eigenvalue": float(value), "residual": float(residual), "converged": bool(converged)}
        for value, residual, converged in zip(found.values, found.residuals, found.converged, strict=True)
    ]
    return {"curvature_n": found.n, **ranked[0], "products": found.products, "further": ranked[1:]}


def _eigenvalue(found: Spectrum) -> dict[str, Any]:
    return {key: value for key, value in _top(found).items() if key not in {"curvature_n", "further"}}


def _closely(part: Surface, top: Spectrum, generator: np.random.Generator) -> dict[str, Any]:
    """Return density, trace, the smallest eigenvalue and the diagonal."""
    spread = density(part, top, generator=generator, probes=PROBES, steps=STEPS)
    hessian = products(part)
    lowest = _extreme(lambda vector: -hessian(vector), part, generator)
    return {
        "lowest": -float(lowest.values[0]),
        "lowest_residual": float(lowest.residuals[0]),
        "lowest_converged": bool(lowest.converged[0]),
        "lowest_products": lowest.products,
        "trace": spread.trace,
        "trace_error": spread.trace_error,
        "density_products": spread.products,
        "nodes": spread.nodes.tolist(),
        "weights": spread.weights.tolist(),
        "diagonal": _summary(diagonal(part, generator=generator), generator),
    }


def _summary(found: Diagonal, generator: np.random.Generator) -> dict[str, Any]:
    return {
        "estimator": found.estimator,
        "draws": found.draws,
        "trace": found.trace,
        "zeros": found.zeros,
        "relative_error": found.relative_error,
        "ranking_quality": found.ranking_quality(generator),
    }


def _closeness(part: Surface, generator: np.random.Generator) -> dict[str, Any]:
    """Return what theorem 4.4 is made of: the trace of Gauss and Newton's part, and the largest of the rest."""
    traces = gauss_newton_traces(part)
    hessian, inner = products(part), products(part, "ggn")
    rest = _extreme(lambda vector: hessian(vector) - inner(vector), part, generator)
    return {
        "first": float(traces.mean()),
        "first_se": float(traces.std(ddof=1) / len(traces) ** 0.5) if len(traces) > 1 else None,
        "second": float(rest.values[0] + rest.residuals[0]),
        "second_converged": bool(rest.converged[0]),
        "products": rest.products,
    }


def _extreme(operator: Operator, part: Surface, generator: np.random.Generator) -> Eigenpairs:
    start = random_vector(part, generator)
    return largest_eigenvalues(operator, start, tolerance=LOOSE, most=MOST_PRODUCTS, generator=generator)


def _surface(given: Deployed, data: GroupedDataset, rows: Rows, *, batch_size: int = BATCH) -> Surface:
    return Surface(model=given.model, inputs=given.source.inputs, target=data.target, rows=rows, batch_size=batch_size)
