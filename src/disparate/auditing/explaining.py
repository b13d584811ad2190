"""The step that looks at one trained network: numbers per example, from its answers, its surface and its training."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from disparate.auditing.steps import Deployed, Make, dataset_of, deployed, model_of
from disparate.data.grouped import GroupedDataset
from disparate.engine.job import Inputs, Outcome, Report
from disparate.errors import DisparateError
from disparate.geometry.margins import certified_radius, distances_to_flip
from disparate.geometry.per_example import Wrt
from disparate.geometry.surface import Surface, evaluated
from disparate.geometry.variance_of_gradients import variance_of_gradients
from disparate.measures.closeness import (
    closeness_gini,
    closeness_product,
    distance_logit,
    distance_logit_signed,
    distance_probability,
)
from disparate.measures.difficulty import (
    error_norm,
    first_correct,
    forgetting_events,
    normalised_by_class,
    stably_correct,
)
from disparate.profiles import Profile
from disparate.provenance import peak_memory
from disparate.store.numbers import NumberTable, write_numbers
from disparate.training.execution import in_force

Array = NDArray[np.float64]
STAGES = ("early", "middle", "late")
SAMPLING_SEED = 3
"""Of the training examples that are looked at where there are more than asked for; the same for every network."""
BATCH = 256
FLIPPING: Mapping[Wrt, str] = {"inputs": "distance_input", "parameters": "distance_parameters"}
CHOOSING, COPIES = 50, 500
"""Noisy copies of an example by which the answer is chosen, and by which its radius is certified."""


def explain_network(
    arguments: Mapping[str, Any], workspace: Path, inputs: Inputs, report: Report, *, make: Make | None = None
) -> Outcome:
    """Look at one network; the file ``examples`` holds a number per example and column.

    Args:
        arguments: What :func:`disparate.auditing.steps.predict_split` takes, and ``closely`` (training
            examples too), ``epochs`` (epoch to output), ``examples`` (most of the training split),
            ``noise`` (standard deviation under which a radius is certified; 0 for none).
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
    most = arguments["examples"] if arguments["closely"] else 0
    rows = rows_of(data, most=most, split=arguments["split"])
    steps = 2 + len(kept)
    undefined: dict[str, str] = {}
    with in_force(Profile.from_json(arguments["profile"])):
        report(0, steps, "answers and distances")
        columns = of_answers(given, rows)
        if lost := lost_parameters(given.model, model_of(arguments, data, seed=0, make=make)):
            undefined["distances"] = without_gradient(lost)
        else:
            with noted(undefined, "distances"):
                columns |= of_surface(given, rows)
        if arguments["noise"]:
            with noted(undefined, "certified_radius"):
                columns |= of_noise(given, rows, split=arguments["split"], sigma=arguments["noise"])
        networks: list[nn.Module] = []
        for epoch in sorted(kept):
            report(1 + len(networks), steps, f"epoch {epoch}")
            networks.append(deployed(plain, data, kept[epoch], make=make).model)
        with noted(undefined, "difficulty"):
            columns |= of_training(networks, sorted(kept), given, rows, split=arguments["split"])
    path = workspace / "examples.parquet"
    write_numbers(NumberTable(example_id=data.example_id[rows], split=data.split[rows], columns=columns), path)
    return Outcome(files={"examples": path}, record={"undefined": undefined, "peak_mib": peak_memory()})


@contextmanager
def noted(undefined: dict[str, str], what: str) -> Generator[None]:
    """Note why something could not be computed, and go on: a layer may have no second derivative, a network diverge.

    Args:
        undefined: Takes the reason; the first one stays.
        what: Its key.

    Yields:
        Nothing.
    """
    try:
        yield
    except (DisparateError, RuntimeError) as error:  # torch says with the latter what it cannot differentiate
        undefined.setdefault(what, str(error).partition("\n")[0])


def rows_of(data: GroupedDataset, *, most: int, split: str) -> NDArray[np.intp]:
    """Return the examples that are looked at: of the judged split all, of the training split at most so many.

    Args:
        data: The data set.
        most: Most training examples, drawn at random, the same for every network; all that are judged, where they are.
        split: The split that is judged.

    Returns:
        Positions, the training split first.
    """
    if split == "train":
        return data.rows("train")
    train = data.rows("train")
    if len(train) > most:
        train = np.sort(np.random.default_rng(SAMPLING_SEED).permutation(train)[:most])
    return np.concatenate([train, data.rows(split)])


def lost_parameters(model: nn.Module, plain: nn.Module) -> tuple[str, ...]:
    """Return the parameters that a deployed network no longer has as such, because they are in another format."""
    own = {name for name, value in model.named_parameters() if value.requires_grad}
    return tuple(name for name, value in plain.named_parameters() if value.requires_grad and name not in own)


def without_gradient(lost: Sequence[str]) -> str:
    """Return why a network has no gradient of its own, from the parameters that it lacks."""
    more = f" and {len(lost) - 1} more" if len(lost) > 1 else ""
    return f"as deployed, parameter '{lost[0]}'{more} is in a number format that has no gradient of its own"


def of_answers(given: Deployed, rows: NDArray[np.intp]) -> dict[str, Array]:
    """Return how near the boundary every example lies as far as its logits tell: closeness and margins."""
    logits = logits_of(given.model, given.source.inputs, rows)
    target = given.source.data.target[rows]
    binary = {"closeness_product": closeness_product(logits)} if logits.shape[1] == 2 else {}
    return {
        "closeness_gini": closeness_gini(logits),
        **binary,
        "distance_probability": distance_probability(logits),
        "distance_logit": distance_logit(logits),
        "distance_logit_signed": distance_logit_signed(logits, target),
    }


def of_surface(given: Deployed, rows: NDArray[np.intp]) -> dict[str, Array]:
    """Return how far every example is from another answer, by its input and by the parameters.

    Args:
        given: The network.
        rows: The examples.

    Returns:
        Name to one number per example.
    """
    target = given.source.data.target
    surface = Surface(model=given.model, inputs=given.source.inputs, target=target, rows=rows, batch_size=BATCH)
    real = given.source.inputs(rows[:1]).is_floating_point()
    distances = distances_to_flip(surface, wrt=["inputs", "parameters"] if real else ["parameters"])
    return {FLIPPING[space]: values for space, values in distances.items()}


def of_noise(given: Deployed, rows: NDArray[np.intp], *, split: str, sigma: float) -> dict[str, Array]:
    """Return the radius within which the network smoothed by noise keeps its answer; of the judged split alone.

    Args:
        given: The network.
        rows: The examples.
        split: The split that is judged.
        sigma: Standard deviation of the noise.

    Returns:
        One column; NaN where nothing is certified, and outside the judged split.
    """
    data = given.source.data
    judged = data.split[rows] == split
    surface = Surface(
        model=given.model, inputs=given.source.inputs, target=data.target, rows=rows[judged], batch_size=BATCH
    )
    generator = torch.Generator().manual_seed(SAMPLING_SEED)
    found = np.full(len(rows), np.nan)
    found[judged] = certified_radius(
        surface, sigma=sigma, generator=generator, choosing=CHOOSING, samples=COPIES
    ).radius
    return {"certified_radius": found}


def of_training(
    networks: Sequence[nn.Module], epochs: Sequence[int], given: Deployed, rows: NDArray[np.intp], *, split: str
) -> dict[str, Array]:
    """Return how hard every example was to learn, from the epochs whose weights were kept.

    VoG and its stages need two epochs each; EL2N is taken at the end of the first third. VoG is of the right class on
    the training split and of the answered one elsewhere, as its paper has it, and ``vog_in_class`` is its standard
    score among examples of that class and split.

    Args:
        networks: The network after each epoch.
        epochs: Which epochs.
        given: Where inputs come from.
        rows: The examples.
        split: The split that is judged.

    Returns:
        Name to one number per example; fewer columns with fewer epochs, none with one.
    """
    if len(epochs) < 2:
        return {}
    data, target = given.source.data, given.source.data.target
    logits = [logits_of(model, given.source.inputs, rows) for model in networks]
    correct = np.stack([answers.argmax(axis=1) == target[rows] for answers in logits])
    found = {
        "first_correct": first_correct(correct, np.array(epochs)),
        "stably_correct": stably_correct(correct, np.array(epochs)),
        "forgetting_events": forgetting_events(correct),
        "el2n": error_norm(logits[max(0, len(epochs) // 3 - 1)][None], target[rows]),
    }
    learnt = data.split[rows] == "train"
    classes = target.copy()
    classes[rows[~learnt]] = logits[-1].argmax(axis=1)[~learnt]
    for stage, chosen in stages(networks).items():
        if len(chosen) > 1:
            found[stage] = variance_of_gradients(chosen, given.source.inputs, classes, rows, batch_size=BATCH)
    scores = np.full(len(rows), np.nan)
    for own in (learnt, ~learnt):
        scores[own] = normalised_by_class(found["vog"][own], classes[rows[own]])
    return {**found, "vog_in_class": scores}


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
