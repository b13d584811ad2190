"""The step that looks at one trained network: numbers per example, from its answers, its surface and its training."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from disparate.auditing.steps import Deployed, Make, dataset_of, deployed, model_of
from disparate.data.grouped import GroupedDataset
from disparate.engine.job import Inputs, Outcome, Report
from disparate.errors import NotApplicable
from disparate.geometry.margins import distances_to_flip
from disparate.geometry.surface import Surface, evaluated
from disparate.geometry.variance_of_gradients import variance_of_gradients
from disparate.measures.closeness import closeness_gini, distance_logit_signed
from disparate.measures.difficulty import error_norm, first_correct, forgetting_events, stably_correct
from disparate.profiles import Profile
from disparate.provenance import peak_memory
from disparate.store.numbers import NumberTable, write_numbers
from disparate.training.execution import in_force

Array = NDArray[np.float64]
SPLITS = ("train", "test")
STAGES = ("early", "middle", "late")
SAMPLING_SEED = 3
"""Of the training examples that are looked at where there are more than asked for; the same for every network."""
BATCH = 256


def explain_network(
    arguments: Mapping[str, Any], workspace: Path, inputs: Inputs, report: Report, *, make: Make | None = None
) -> Outcome:
    """Look at one network; the file ``examples`` holds a number per example and column.

    Args:
        arguments: What :func:`disparate.auditing.steps.predict_split` takes, and ``epochs`` (epoch to output),
            ``examples`` (most per split).
        workspace: Where the file is written.
        inputs: The training's files.
        report: Live progress.
        make: Makes the network where it cannot be named.

    Returns:
        The file; the record says which numbers could not be had, and why.
    """
    data = dataset_of(arguments)
    key, output = arguments["weights"]
    given = deployed(arguments, data, inputs[key][output], make=make)
    plain = {**arguments, "choices": []}
    kept = {int(epoch): inputs[key][name] for epoch, name in arguments["epochs"].items()}
    rows = rows_of(data, most=arguments["examples"], split=arguments["split"])
    steps = 2 + len(kept)
    undefined: dict[str, str] = {}
    with in_force(Profile.from_json(arguments["profile"])):
        report(0, steps, "answers and distances")
        columns = of_answers(given, rows)
        if lost := lost_parameters(given.model, model_of(arguments, data, seed=0, make=make)):
            undefined["distances"] = f"parameter '{lost[0]}' is not a number that can be differentiated"
        else:
            columns |= of_surface(given, rows, undefined)
        networks: list[nn.Module] = []
        for epoch in sorted(kept):
            report(1 + len(networks), steps, f"epoch {epoch}")
            networks.append(deployed(plain, data, kept[epoch], make=make).model)
        columns |= of_training(networks, sorted(kept), given, rows)
    path = workspace / "examples.parquet"
    write_numbers(NumberTable(example_id=data.example_id[rows], split=data.split[rows], columns=columns), path)
    return Outcome(files={"examples": path}, record={"undefined": undefined, "peak_mib": peak_memory()})


def rows_of(data: GroupedDataset, *, most: int, split: str) -> NDArray[np.intp]:
    """Return the examples that are looked at: of the judged split all, of the training split at most so many.

    Args:
        data: The data set.
        most: Most training examples, drawn at random, the same for every network.
        split: The split that is judged.

    Returns:
        Positions, the training split first.
    """
    train = data.rows("train")
    if len(train) > most:
        train = np.sort(np.random.default_rng(SAMPLING_SEED).permutation(train)[:most])
    return train if split == "train" else np.concatenate([train, data.rows(split)])


def lost_parameters(model: nn.Module, plain: nn.Module) -> tuple[str, ...]:
    """Return the parameters that a deployed network no longer has as such, because they became integers."""
    own = {name for name, value in model.named_parameters() if value.requires_grad}
    return tuple(name for name, value in plain.named_parameters() if value.requires_grad and name not in own)


def of_answers(given: Deployed, rows: NDArray[np.intp]) -> dict[str, Array]:
    """Return how near the boundary every example lies as far as its logits tell: closeness and margin."""
    logits = logits_of(given.model, given.source.inputs, rows)
    target = given.source.data.target[rows]
    return {"closeness_gini": closeness_gini(logits), "distance_logit_signed": distance_logit_signed(logits, target)}


def of_surface(given: Deployed, rows: NDArray[np.intp], undefined: dict[str, str]) -> dict[str, Array]:
    """Return how far every example is from another answer, by its input and by the parameters.

    Args:
        given: The network.
        rows: The examples.
        undefined: Takes the reason where a network cannot be differentiated example by example.

    Returns:
        Name to one number per example.
    """
    target = given.source.data.target
    surface = Surface(model=given.model, inputs=given.source.inputs, target=target, rows=rows, batch_size=BATCH)
    try:
        distances = distances_to_flip(surface)
    except NotApplicable as error:
        undefined["distances"] = str(error)
        return {}
    return {"distance_inputs": distances["inputs"], "distance_parameters": distances["parameters"]}


def of_training(
    networks: Sequence[nn.Module], epochs: Sequence[int], given: Deployed, rows: NDArray[np.intp]
) -> dict[str, Array]:
    """Return how hard every example was to learn, from the epochs whose weights were kept.

    VoG and its stages need two epochs each; EL2N is taken at the end of the first third.

    Args:
        networks: The network after each epoch.
        epochs: Which epochs.
        given: Where inputs come from.
        rows: The examples.

    Returns:
        Name to one number per example; fewer columns with fewer epochs, none with one.
    """
    if len(epochs) < 2:
        return {}
    target = given.source.data.target
    logits = [logits_of(model, given.source.inputs, rows) for model in networks]
    correct = np.stack([answers.argmax(axis=1) == target[rows] for answers in logits])
    found = {
        "first_correct": first_correct(correct, np.array(epochs)),
        "stably_correct": stably_correct(correct, np.array(epochs)),
        "forgetting_events": forgetting_events(correct),
        "el2n": error_norm(logits[max(0, len(epochs) // 3 - 1)][None], target[rows]),
    }
    for stage, chosen in stages(networks).items():
        if len(chosen) > 1:
            found[stage] = variance_of_gradients(chosen, given.source.inputs, target, rows, batch_size=BATCH)
    return found


def stages(networks: Sequence[nn.Module]) -> dict[str, Sequence[nn.Module]]:
    """Return the networks of the whole training, and of its first, middle and last third.

    Example:
        >>> {name: len(found) for name, found in stages([nn.Identity()] * 8).items()}
        {'vog': 8, 'vog_early': 3, 'vog_middle': 3, 'vog_late': 2}
    """
    ends = [round(len(networks) * third / 3 + 0.49) for third in range(4)]
    thirds = {f"vog_{name}": networks[ends[k] : ends[k + 1]] for k, name in enumerate(STAGES)}
    return {"vog": networks, **thirds}


def logits_of(model: nn.Module, inputs: Any, rows: NDArray[np.intp]) -> Array:
    """Return the logits of some examples, float64, in evaluation mode."""
    batches = np.split(rows, range(BATCH, len(rows), BATCH))
    with evaluated(model), torch.no_grad():
        return np.concatenate([model(inputs(batch)).double().cpu().numpy() for batch in batches])
