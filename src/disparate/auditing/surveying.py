"""The step that surveys one trained network's loss surface: gradients and curvature of every group."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from disparate.auditing.explaining import BATCH, lost_parameters
from disparate.auditing.steps import Deployed, Make, dataset_of, deployed, model_of
from disparate.data.grouped import GroupedDataset
from disparate.engine.job import Inputs, Outcome, Report
from disparate.geometry.gradients import group_gradients
from disparate.geometry.spectrum import Spectrum, density, group_spectra
from disparate.geometry.surface import Surface
from disparate.groups import Groups
from disparate.profiles import Profile
from disparate.provenance import peak_memory
from disparate.training.execution import in_force

SEED = 11
"""Of start vectors, blocks and the examples that curvature is taken over; the same for every network."""


def survey_network(
    arguments: Mapping[str, Any], workspace: Path, inputs: Inputs, report: Report, *, make: Make | None = None
) -> Outcome:
    """Survey one network; the record holds a row per partition, split and group.

    Args:
        arguments: What :func:`disparate.auditing.steps.predict_split` takes, and ``by`` (partitions), ``epochs`` (epoch
            to output, for gradients over the training), ``curvature`` (most examples of a group), ``tolerance``.
        workspace: Not used.
        inputs: The training's files.
        report: Live progress.
        make: Makes the network where it cannot be named.

    Returns:
        ``groups``: rows with gradients, and eigenvalues on the training split; ``flow``: gradients by epoch;
        ``moved``: how far the choices moved the weights; ``undefined``: why there is nothing, where there is nothing.
    """
    data = dataset_of(arguments)
    key, output = arguments["weights"]
    given = deployed(arguments, data, inputs[key][output], make=make)
    record: dict[str, Any] = {"groups": [], "flow": [], "moved": None, "undefined": None}
    if lost := lost_parameters(given.model, model_of(arguments, data, seed=0, make=make)):
        record["undefined"] = f"parameter '{lost[0]}' is not a number that can be differentiated"
        return Outcome(record=record)
    plain = {**arguments, "choices": []}
    parts = [Groups.of(data.attributes, by=by) for by in arguments["by"]]
    with in_force(Profile.from_json(arguments["profile"])):
        record["moved"] = _moved(given.model, deployed(plain, data, inputs[key][output], make=make).model)
        for place, groups in enumerate(parts):
            report(place, len(parts) + len(arguments["epochs"]), f"gradients and curvature by {groups.by}")
            record["groups"] += _rows(given, data, groups, arguments)
        for place, (epoch, name) in enumerate(sorted(arguments["epochs"].items(), key=lambda item: int(item[0]))):
            report(len(parts) + place, len(parts) + len(arguments["epochs"]), f"gradients of epoch {epoch}")
            then = deployed(plain, data, inputs[key][name], make=make)
            record["flow"] += [{"epoch": int(epoch), **row} for row in _slopes(then, data, parts[0], "train")]
    return Outcome(record={**record, "peak_mib": peak_memory()})


def _rows(given: Deployed, data: GroupedDataset, groups: Groups, arguments: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return gradients on the training and the judged split, and on the training split curvature beside them."""
    bent = {name: _bent(*found) for name, found in _curvature(given, data, groups, arguments).items()}
    train = [{**row, **bent[row["group"]]} for row in _slopes(given, data, groups, "train")]
    return train if arguments["split"] == "train" else train + _slopes(given, data, groups, arguments["split"])


def _slopes(given: Deployed, data: GroupedDataset, groups: Groups, split: str) -> list[dict[str, Any]]:
    surface = _surface(given, data, data.rows(split))
    found = group_gradients(surface, groups, generator=np.random.default_rng(SEED))
    parts = surface.by_group(groups)
    return [
        {
            "by": groups.by,
            "split": split,
            "group": name,
            "n": slope.n,
            "loss": parts[name].loss(),
            "norm": slope.norm,
            "chance": slope.chance,
            "by_layer": dict(slope.by_layer),
        }
        for name, slope in found.items()
    ]


def _curvature(
    given: Deployed, data: GroupedDataset, groups: Groups, arguments: Mapping[str, Any]
) -> dict[str, tuple[Spectrum, Any]]:
    generator = np.random.default_rng(SEED)
    rows = np.concatenate([
        own if len(own) <= arguments["curvature"] else generator.permutation(own)[: arguments["curvature"]]
        for own in (np.flatnonzero((groups.codes == code) & (data.split == "train")) for code in range(len(groups)))
    ])  # fmt: skip
    surface = _surface(given, data, np.sort(rows))
    spectra = group_spectra(surface, groups, tolerance=arguments["tolerance"], generator=generator)
    parts = surface.by_group(groups)
    return {
        name: (found, density(parts[name], found, generator=generator, probes=2, steps=6))
        for name, found in spectra.items()
    }


def _bent(found: Spectrum, spread: Any) -> dict[str, Any]:
    return {
        "curvature_n": found.n,
        "eigenvalue": float(found.values[0]),
        "residual": float(found.residuals[0]),
        "converged": bool(found.converged[0]),
        "products": found.products + spread.products,
        "trace": spread.trace,
        "trace_error": spread.trace_error,
        "nodes": spread.nodes.tolist(),
        "weights": spread.weights.tolist(),
    }


def _surface(given: Deployed, data: GroupedDataset, rows: NDArray[np.intp]) -> Surface:
    return Surface(model=given.model, inputs=given.source.inputs, target=data.target, rows=rows, batch_size=BATCH)


def _moved(model: nn.Module, plain: nn.Module) -> float:
    """Return ‖θ̄ − θ‖₂, how far the model choices moved the weights; 0 without any."""
    before = dict(plain.named_parameters())
    squares = [
        float((value.detach().double() - before[name].detach().double()).square().sum())
        for name, value in model.named_parameters()
    ]
    return math.sqrt(sum(squares))
