"""The steps that price protection: a network on a device under many masks, and the map of one of them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from pyarrow import parquet
from torch import Tensor, nn

from disparate.auditing.steps import Deployed, Make, context_of, dataset_of, deployed
from disparate.choice import DeployContext
from disparate.crossbar.chips import chip_of
from disparate.crossbar.deploying import Placement, done_to, on_crossbars
from disparate.crossbar.device import Device
from disparate.crossbar.layers import as_blocks, blocks_of, mappable
from disparate.crossbar.presets import build_device
from disparate.crossbar.tally import summed
from disparate.engine.job import Inputs, Outcome, Report
from disparate.groups import Groups
from disparate.measures.counts import confusion_counts
from disparate.measures.disparity import equalized_odds_sum
from disparate.measures.rates import f1_macro
from disparate.predictions import Run
from disparate.profiles import Profile
from disparate.training.batches import Source
from disparate.training.execution import in_force
from disparate.training.targeting import Target, targeted

BATCH = 500


def protect_network(
    arguments: Mapping[str, Any], workspace: Path, inputs: Inputs, report: Report, *, make: Make | None = None
) -> Outcome:
    """Put a network on chips under every mask that is asked for.

    Args:
        arguments: What :func:`disparate.auditing.steps.predict_split` takes, and ``device``, ``targets`` (a list of
            tables, each of a target), ``chips``, ``splits``.
        workspace: Not written to.
        inputs: The files of the training.
        report: Live progress.
        make: Makes the network where it cannot be named.

    Returns:
        The record has one entry of ``points`` per target, in their order: what was chosen, cells, expected writes and
        what is ``written`` (weights under a law of whole weights, else cells), and by split macro F1 of everyone and of
        every group and equalised odds, one number per chip.
    """
    with in_force(Profile.from_json(arguments["profile"])):
        given, context, groups = _given(arguments, inputs, make)
        points: list[dict[str, Any]] = []
        for place, table in enumerate(arguments["targets"]):
            placement, told = _placed(given.model, arguments, Target(**table), context)
            points.append({"target": told, **_on_chips(given, placement, groups, arguments)})
            report(place + 1, len(arguments["targets"]), f"{told['rule']} {told['share']:g}")
    return Outcome(files={}, record={"points": points, "device": asdict(build_device(arguments["device"]))})


def map_network(
    arguments: Mapping[str, Any], workspace: Path, inputs: Inputs, report: Report, *, make: Make | None = None
) -> Outcome:
    """Write which weights of a network have to be written with verify, array by array.

    Args:
        arguments: As of :func:`protect_network`, with one target.
        workspace: Where the file is written.
        inputs: The files of the training.
        report: Not called.
        make: Makes the network where it cannot be named.

    Returns:
        The file ``map``; the record has the ``arrays``, each with its place and number of weights to be verified.
    """
    with in_force(Profile.from_json(arguments["profile"])):
        given, context, _ = _given(arguments, inputs, make)
        placement, told = _placed(given.model, arguments, Target(**arguments["targets"][0]), context)
    layers = mappable(given.model)
    tables = [map_of(name, placement.masks[name], blocks_of(layer), placement.device) for name, layer in layers.items()]
    whole, path = pa.concat_tables(tables), workspace / "map.parquet"
    parquet.write_table(whole, path)
    return Outcome(files={"map": path}, record={"target": told, "arrays": arrays_told(whole)})


def _given(arguments: Mapping[str, Any], inputs: Inputs, make: Make | None) -> tuple[Deployed, DeployContext, Groups]:
    data = dataset_of(arguments)
    key, output = arguments["weights"]
    given = deployed(arguments, data, inputs[key][output], make=make)
    groups = Groups.of(data.attributes, by=arguments["groups"], reference=arguments.get("reference_group"))
    return given, context_of(given.source, Run(**arguments["run"]), groups), groups


def _placed(
    model: nn.Module, arguments: Mapping[str, Any], target: Target, context: DeployContext
) -> tuple[Placement, dict[str, Any]]:
    placement = Placement(device=build_device(arguments["device"]), calibration=context.calibration)
    found = targeted(target, model, placement, context.labelled(target.examples), seed=context.seed)
    return replace(placement, masks=found.masks), found.told


def _on_chips(given: Deployed, placement: Placement, groups: Groups, arguments: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, list[dict[str, Any]]] = {split: [] for split in arguments["splits"]}
    cells: dict[str, float] = {}
    for draw in range(arguments["chips"]):
        chip = chip_of(arguments["run"]["seed"], draw)
        network = on_crossbars(given.model, placement, chip, cycle_seed=draw)
        tally = summed(done_to(network).values())
        protected = tally.cells - tally.exposed_cells
        units = tally.weights if placement.device.writes_weights else tally.cells
        cells = {"cells": tally.cells, "protected": protected, "writes": tally.writes, "written": units}
        for split, scores in found.items():
            scores.append(_scores(network, given.source, given.source.data.rows(split), groups))
    return {**cells, "scores": {split: _columns(scores) for split, scores in found.items()}}


def _scores(network: nn.Module, source: Source, rows: NDArray[np.intp], groups: Groups) -> dict[str, float | None]:
    parts = [rows[start : start + BATCH] for start in range(0, len(rows), BATCH)]
    with torch.no_grad():
        predicted = np.concatenate([network(source.inputs(part)).argmax(dim=1).cpu().numpy() for part in parts])
    counts = confusion_counts(
        source.data.target[rows],
        predicted,
        groups.codes[rows],
        groups=len(groups),
        classes=len(source.data.label_names),
    )
    odds = equalized_odds_sum(counts, groups.names.index(groups.reference))
    by_group = dict(zip(groups.names, f1_macro(counts).tolist(), strict=True))
    told = {"f1": float(f1_macro(counts.sum(axis=0))), "odds": float(np.max(odds, initial=-1, where=odds >= 0))}
    return {
        "f1": told["f1"],
        "odds": told["odds"] if told["odds"] >= 0 else None,
        **{f"f1 {name}": value for name, value in by_group.items() if np.isfinite(value)},
    }


def _columns(scores: Sequence[Mapping[str, float | None]]) -> dict[str, list[float | None]]:
    return {name: [one[name] for one in scores] for name in scores[0]}


def map_of(layer: str, exposed: Tensor, blocks: int, device: Device) -> pa.Table:
    """Return where every weight of a layer stands and whether it has to be written with verify.

    Slices and polarities of a weight lie in arrays of their own, at the same row and column: one row here is a cell in
    each of them.

    Args:
        layer: Name of the layer.
        exposed: True where a weight need not be verified, shape of the weight.
        blocks: Independent blocks of outputs, each in arrays of its own.
        device: How large arrays are.

    Returns:
        ``layer``, ``block``, ``array_row`` and ``array_column`` (which array), ``row`` and ``column`` (where in it),
        ``verify``.

    Example:
        >>> found = map_of("fc", torch.tensor([[True, False, True]]), 1, Device(rows=2))  # one output, three inputs
        >>> found["array_row"].to_pylist(), found["row"].to_pylist(), found["verify"].to_pylist()
        ([0, 0, 1], [0, 1, 0], [False, True, False])
    """
    held = as_blocks(exposed, blocks).cpu().numpy()
    block, row, column = (place.reshape(-1) for place in np.indices(held.shape, dtype=np.int32))
    rows, columns = device.rows or held.shape[1], device.columns or held.shape[2]
    return pa.table({
        "layer": pa.array([layer] * held.size).dictionary_encode(),
        "block": block,
        "array_row": row // rows,
        "array_column": column // columns,
        "row": row % rows,
        "column": column % columns,
        "verify": ~held.reshape(-1),
    })  # fmt: skip


def arrays_told(table: pa.Table) -> list[dict[str, Any]]:
    """Return every array with its place, its weights and how many of them have to be verified."""
    plain = table.set_column(0, "layer", table["layer"].cast(pa.string()))
    keys = ["layer", "block", "array_row", "array_column"]
    plain = plain.append_column("verified", plain["verify"].cast(pa.int64()))
    found = plain.group_by(keys, use_threads=False).aggregate([("verified", "sum"), ("verified", "count")])
    return [
        {**{key: row[key] for key in keys}, "verify": row["verified_sum"], "weights": row["verified_count"]}
        for row in found.to_pylist()
    ]
