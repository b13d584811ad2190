"""Exemplars of an audit, with thumbnails: examples whose answer a variant changes."""

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from disparate.data.grouped import GroupedDataset
from disparate.measures.gallery import FEWEST_MODELS, shown_exemplars
from disparate.predictions import REFERENCE, Predictions

PER_GROUP = 2
THUMBNAIL = 96


def exemplars(runs: Sequence[Predictions], data: GroupedDataset, *, by: str, split: str) -> list[dict[str, Any]]:
    """Return, per variant and group, examples whose answer the variant changes.

    With three seeds or more they are the exemplars of two populations: a modal label that differs first, then by
    taxicab distance. With fewer they are those whose answer differs from the reference's under the most seeds; ties go
    to the example whose margin under the reference is smaller, then to the smaller id.

    Args:
        runs: Predictions of the reference and the variants.
        data: The data set the runs are of.
        by: Partition the groups are of.
        split: The split the runs are of.

    Returns:
        One table per exemplar, plain values; ``thumbnail`` is a PNG as a data address, None for tables.
    """
    rows = data.rows(split)
    reference = _by_seed(runs, REFERENCE)
    if len(reference) >= FEWEST_MODELS:
        shown = shown_exemplars(runs, by=by)
        return [item.to_json() | {"thumbnail": thumbnail(data, int(rows[item.row]))} for item in shown]
    names = list(dict.fromkeys(run.run.variant for run in runs if run.run.variant != REFERENCE))
    found: list[dict[str, Any]] = []
    for variant in names:
        answers = _by_seed(runs, variant)
        seeds = sorted(set(answers) & set(reference))
        chosen = _chosen([reference[seed] for seed in seeds], [answers[seed] for seed in seeds], by)
        tables = [_table(variant, row, seeds, reference, answers, by) for row in chosen]
        pictures = [thumbnail(data, int(rows[row])) for row in chosen]
        found += [table | {"thumbnail": picture} for table, picture in zip(tables, pictures, strict=True)]
    return found


def thumbnail(data: GroupedDataset, row: int) -> str | None:
    """Return one image of a data set as a PNG data address; None where the data are not images."""
    if data.kind != "image":
        return None
    pixels = np.asarray(data.inputs[row])
    image = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    if max(image.size) > THUMBNAIL:
        image.thumbnail((THUMBNAIL, THUMBNAIL))
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _by_seed(runs: Sequence[Predictions], variant: str) -> dict[int, Predictions]:
    return {
        run.run.seed: run for run in runs if run.run.variant == variant and run.run.repeat == 0 and run.run.draw == 0
    }


def _chosen(reference: Sequence[Predictions], answers: Sequence[Predictions], by: str) -> list[int]:
    flips = np.sum([a.predicted != r.predicted for a, r in zip(answers, reference, strict=True)], axis=0)
    closeness = np.mean([np.abs(r.margins) for r in reference], axis=0)
    groups = reference[0].groups(by)
    order = np.lexsort((reference[0].example_id, closeness, -flips))
    chosen: list[int] = []
    for name in groups:
        mine: NDArray[np.intp] = order[groups.mask(name)[order] & (flips[order] > 0)]
        chosen += mine[:PER_GROUP].tolist()
    return chosen


def _table(
    variant: str,
    row: int,
    seeds: Sequence[int],
    reference: Mapping[int, Predictions],
    answers: Mapping[int, Predictions],
    by: str,
) -> dict[str, Any]:
    first = reference[seeds[0]]
    groups, labels = first.groups(by), first.label_names
    return {
        "example_id": str(first.example_id[row]),
        "group": groups.names[groups.codes[row]],
        "target": labels[first.target[row]],
        "variant": variant,
        "reference_predicted": [labels[reference[seed].predicted[row]] for seed in seeds],
        "variant_predicted": [labels[answers[seed].predicted[row]] for seed in seeds],
    }
