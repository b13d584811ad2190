"""Predict: from a network to the answers of one split."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from disparate.choice import InputChoice, InputContext
from disparate.data.grouped import GroupedDataset
from disparate.errors import BadInput
from disparate.predictions import Predictions, Run
from disparate.profiles import Profile
from disparate.training.batches import Normalisation, Source
from disparate.training.execution import in_force, memory_format
from disparate.training.loop import Report, silent

BATCH = 500


def predict(
    model: nn.Module,
    data: GroupedDataset,
    *,
    split: str,
    normalisation: Normalisation,
    profile: Profile,
    run: Run,
    altered: Sequence[InputChoice] = (),
    keep_logits: bool = False,
    report: Report = silent,
) -> Predictions:
    """Run a network over a split, in evaluation mode, in batches of 500.

    Args:
        model: The network, in its place (:func:`disparate.training.execution.place`); its mode is restored.
        data: The data set.
        split: Name of the split.
        normalisation: How inputs are normalised.
        profile: Where and how to run.
        run: Which answer this is.
        altered: What the inputs are altered by, one after the other, batch by batch.
        keep_logits: Whether logits are kept.
        report: Live progress.

    Returns:
        Answers, losses and margins; computed in float64 from the logits.

    Raises:
        BadInput: The split is empty, or the network answers with NaN.
    """
    rows = data.rows(split)
    if not len(rows):
        raise BadInput(f"data set '{data.name}' has no example in the split '{split}'; choose another split.")
    was_training = model.training
    model.eval()
    with in_force(profile) as device, torch.no_grad():  # inference mode would hide products from a dispatch mode
        source = Source(data=data, normalisation=normalisation, device=device, memory_format=memory_format(profile))
        parts: list[NDArray[np.float32]] = []
        for start in range(0, len(rows), BATCH):
            inputs = _altered(altered, model, source, rows[start : start + BATCH], seeds=(run.draw, start))
            parts.append(model(inputs).float().cpu().numpy())
            report(min(start + BATCH, len(rows)), len(rows), "predicting")
    model.train(was_training)
    return predictions_of(np.concatenate(parts), data, rows, run=run, keep_logits=keep_logits)


def _altered(
    choices: Sequence[InputChoice], model: nn.Module, source: Source, rows: NDArray[np.intp], *, seeds: tuple[int, int]
) -> Tensor:
    inputs = source.plain(rows)
    for place, choice in enumerate(choices):
        seed = np.random.SeedSequence((place, *seeds)).generate_state(1)[0]
        context = InputContext(
            target=source.target(rows),
            model=model,
            normalised=source.normalised,
            span=source.span,
            generator=torch.Generator().manual_seed(int(seed)),
        )
        inputs = choice.alter(inputs, context)
    return source.normalised(inputs)


def predictions_of(
    logits: NDArray[np.float32], data: GroupedDataset, rows: NDArray[np.intp], *, run: Run, keep_logits: bool = False
) -> Predictions:
    """Return predictions from logits.

    The answer is the largest logit, the first of equals. The loss is ``log Σ exp z - z_y``, nats; the margin is
    ``z_y - max_{k ≠ y} z_k``.

    Args:
        logits: Shape (rows, classes).
        data: The data set.
        rows: Positions of the examples.
        run: Which answer this is.
        keep_logits: Whether logits are kept.

    Returns:
        The predictions.

    Raises:
        BadInput: A logit is NaN, or the number of logits is not the number of classes.
    """
    if logits.shape != (len(rows), len(data.label_names)):
        raise BadInput(
            f"the network gave logits of shape {logits.shape} for {run}; ({len(rows)}, {len(data.label_names)}) was "
            "expected: one column per class."
        )
    wide, target = logits.astype(np.float64), data.target[rows]
    place = np.arange(len(rows))
    own = wide[place, target]
    others = wide.copy()
    others[place, target] = -np.inf
    peak = wide.max(axis=1)
    with np.errstate(invalid="ignore"):
        loss = np.log(np.exp(wide - peak[:, None]).sum(axis=1)) + peak - own
        margin = own - others.max(axis=1)
    plain = Predictions(
        example_id=data.example_id[rows],
        target=target,
        predicted=wide.argmax(axis=1).astype(np.int64),
        loss=loss.astype(np.float32),
        margin=margin.astype(np.float32),
        label_names=data.label_names,
        attributes={name: attribute.take(rows) for name, attribute in data.attributes.items()},
        run=run,
        cluster_id=None if data.cluster_id is None else data.cluster_id[rows],
        split=data.split[rows],
    )
    return replace(plain, logits=logits) if keep_logits else plain
