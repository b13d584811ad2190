"""The step that goes from the reference's weights to a variant's: how far they are, and the loss on the way."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from disparate.auditing.explaining import BATCH, lost_parameters, noted, without_gradient
from disparate.auditing.steps import Deployed, Make, dataset_of, deployed
from disparate.auditing.surveying import drawn
from disparate.data.grouped import GroupedDataset
from disparate.engine.job import Inputs, Outcome, Report
from disparate.explain.parameter_distance import ParameterDistance, distance_of
from disparate.geometry.line import Line, Settle, line, reestimated
from disparate.geometry.surface import Surface
from disparate.groups import Groups
from disparate.profiles import Profile
from disparate.provenance import peak_memory
from disparate.store.numbers import NumberTable, write_numbers
from disparate.training.execution import in_force

SEED = 13
"""Of the examples along a line; the same for every network."""
SETTLING = 1024
"""Training examples from which statistics of normalisation are estimated anew at every point."""
LOSS, CORRECT = "loss", "correct"


def walk_network(
    arguments: Mapping[str, Any], workspace: Path, inputs: Inputs, report: Report, *, make: Make | None = None
) -> Outcome:
    """Go from the reference's network to a variant's, both as they are deployed.

    Args:
        arguments: What :func:`disparate.auditing.steps.predict_split` takes, and ``start`` (the reference's ``weights``
            and ``choices``), ``points``, ``along`` (most examples of a group), ``by`` (partitions).
        workspace: Where the file is written.
        inputs: Files of both trainings.
        report: Live progress.
        make: Makes the network where it cannot be named.

    Returns:
        The record has the distance of the weights, ``apart``, whole and by layer, the positions ``at``, and why there
        is none; the file ``line`` holds loss and answer of every example at every position.
    """
    data = dataset_of(arguments)
    key, output = arguments["weights"]
    from_key, from_output = arguments["start"]["weights"]
    undefined: dict[str, str] = {}
    record: dict[str, Any] = {"apart": None, "at": [], "settled": 0, "undefined": undefined}
    files: dict[str, Path] = {}
    with in_force(Profile.from_json(arguments["profile"])):
        end = deployed(arguments, data, inputs[key][output], make=make)
        before = {**arguments, "choices": arguments["start"]["choices"]}
        start = deployed(before, data, inputs[from_key][from_output], make=make)
        if lost := lost_parameters(end.model, start.model):
            undefined["weights"] = without_gradient(lost)
            return Outcome(record=record)
        record["apart"] = asdict(_apart(end.model, start.model))
        if arguments["points"]:
            report(0, 1, "the line from the reference")
            with noted(undefined, "line"):
                rows = _rows(data, arguments)
                settle = _settling(data, start, end)
                found = _line(start, end, rows, arguments["points"], settle)
                record |= {"at": found.at.tolist(), "settled": SETTLING if settle else 0}
                files["line"] = workspace / "line.parquet"
                write_numbers(_table(found, data, rows), files["line"])
    return Outcome(files=files, record={**record, "peak_mib": peak_memory()})


def line_of(table: NumberTable, at: list[float]) -> Line:
    """Return the line that a file holds.

    Args:
        table: The file's numbers.
        at: The positions.

    Returns:
        Loss and answers, shape (points, examples).
    """
    loss, correct = (np.stack([table.columns[f"{kind} {k}"] for k in range(len(at))]) for kind in (LOSS, CORRECT))
    return Line(at=np.array(at), loss=loss, correct=correct > 0.5)


def _apart(model: nn.Module, reference: nn.Module) -> ParameterDistance:
    own = dict(model.named_parameters())
    return distance_of(
        (name, own[name].detach().double().cpu().numpy(), value.detach().double().cpu().numpy())
        for name, value in reference.named_parameters()
        if value.requires_grad
    )


def _rows(data: GroupedDataset, arguments: Mapping[str, Any]) -> NDArray[np.intp]:
    """Return the examples of every partition that is judged, each with as many of a group as are asked for."""
    judged = data.rows(arguments["split"])
    return np.unique(
        np.concatenate([
            along(Groups.of(data.attributes, by=by), judged, most=arguments["along"]) for by in arguments["by"]
        ])
    )


def along(groups: Groups, judged: NDArray[np.intp], *, most: int) -> NDArray[np.intp]:
    """Return the examples of one partition along a line: at most so many of every group, the same for every network.

    Args:
        groups: The partition of all examples.
        judged: Positions of the judged split.
        most: Most examples of a group.

    Returns:
        Positions, ascending.
    """
    return drawn(groups, judged, most=most, generator=np.random.default_rng(SEED))


def _settling(data: GroupedDataset, start: Deployed, end: Deployed) -> Settle | None:
    """Return what estimates statistics anew; nothing where both ends have the same ones and no point needs others."""
    here, there = (dict(given.model.named_buffers()) for given in (start, end))
    if all(bool((value == there[name]).all()) for name, value in here.items() if value.is_floating_point()):
        return None
    chosen = np.random.default_rng(SEED).permutation(data.rows("train"))[:SETTLING]
    return reestimated(_surface(start, np.sort(chosen)))


def _line(start: Deployed, end: Deployed, rows: NDArray[np.intp], points: int, settle: Settle | None) -> Line:
    states = (given.model.state_dict() for given in (start, end))
    return line(_surface(start, rows), *states, points=points, settle=settle)


def _surface(given: Deployed, rows: NDArray[np.intp]) -> Surface:
    target = given.source.data.target
    return Surface(model=given.model, inputs=given.source.inputs, target=target, rows=rows, batch_size=BATCH)


def _table(found: Line, data: GroupedDataset, rows: NDArray[np.intp]) -> NumberTable:
    columns = {
        f"{kind} {place}": values.astype(np.float64)
        for kind, rows_of_points in ((LOSS, found.loss), (CORRECT, found.correct))
        for place, values in enumerate(rows_of_points)
    }
    return NumberTable(example_id=data.example_id[rows], split=data.split[rows], columns=columns)
