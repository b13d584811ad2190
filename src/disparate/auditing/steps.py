"""The steps of an audit that run in worker processes: plain arguments in, files and a record out."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from disparate.choice import DeployContext, InputChoice, Labelled, ModelChoice, TuningChoice, is_balanced
from disparate.choices import build_choice
from disparate.data import data_named
from disparate.data.grouped import GroupedDataset
from disparate.engine.job import Inputs, Outcome, Report
from disparate.errors import BadInput, NotReproducible
from disparate.groups import Groups
from disparate.models.factory import ModelSpec, build_model
from disparate.models.normalisation import with_group_norm
from disparate.objectives import build_objective
from disparate.objectives.group_balanced_sampling import GroupBalancedSampling
from disparate.predictions import Predictions, Run
from disparate.profiles import Profile
from disparate.provenance import peak_memory, versions
from disparate.store.parquet import write_predictions
from disparate.training.batches import Normalisation, Source
from disparate.training.checkpoints import Checkpoint, parameter_names, read_checkpoint, write_checkpoint
from disparate.training.config import TrainingConfig
from disparate.training.execution import effective, in_force, memory_format, place
from disparate.training.fingerprint import fingerprint
from disparate.training.levels import group_levels
from disparate.training.loop import Start, Trained, train
from disparate.training.predict import predict
from disparate.training.repeated import Repeated, repeated
from disparate.training.rules import TellingRule
from disparate.training.sparsity import achieved

CALIBRATION_SEED = 1
"""Of the order in which training examples are offered for calibration; files often lie sorted by group."""

OF_TRAINED = ("trained", "mean", "std")
"""Keys of the model table that are about weights trained elsewhere and no setting of the model."""

Make = Callable[[], nn.Module]
"""Makes a network in the current process, where no other process could import it."""


def take_fingerprint(arguments: Mapping[str, Any], workspace: Path, inputs: Inputs, report: Report) -> Outcome:
    """Take the fingerprint of a profile; the record holds it and what is really in force."""
    profile = Profile.from_json(arguments["profile"])
    with in_force(profile):
        really = effective(profile)
    return Outcome(files={}, record={"fingerprint": fingerprint(profile), "effective": really})


def adopt_network(
    arguments: Mapping[str, Any], workspace: Path, inputs: Inputs, report: Report, *, make: Make | None = None
) -> Outcome:
    """Take over weights that were trained elsewhere, as the weights of epoch 0.

    Images are scaled to [0, 1] and then by the model table's ``mean`` and ``std``, where it has them.

    Args:
        arguments: Data, model with ``trained`` (a safetensors file), profile.
        workspace: Where files are written.
        inputs: Nothing.
        report: Not called.
        make: Makes the network where it cannot be named.

    Returns:
        The weights.

    Raises:
        BadInput: The file cannot be read or does not fit the model.
    """
    data = dataset_of(arguments)
    model = model_of(arguments, data, seed=0, make=make)
    path = arguments["model"]["trained"]
    try:
        model.load_state_dict(load_file(path))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise BadInput(f"[model] trained = '{path}' does not fit the model: {error}.") from error
    trained = Trained(states={0: model.state_dict()}, normalisation=_given_scale(arguments, data), history=())
    return Outcome(
        files=_write_states(trained, parameter_names(model), arguments, workspace),
        record={"history": [], "steps": 0, "profile": arguments["profile"]["name"]},
    )


def train_network(
    arguments: Mapping[str, Any], workspace: Path, inputs: Inputs, report: Report, *, make: Make | None = None
) -> Outcome:
    """Train a network; the files are its weights by epoch."""
    data = dataset_of(arguments)
    config = TrainingConfig.from_json(arguments["config"])
    profile = Profile.from_json(arguments["profile"])
    model = model_of(arguments, data, seed=config.init_seed, make=make)
    groups = Groups.of(data.attributes, by=arguments["groups"])
    trained = train(
        model,
        data,
        config=config,
        profile=profile,
        objective=build_objective(arguments["objective"]),
        groups=groups,
        report=report,
    )
    return Outcome(
        files=_write_states(trained, parameter_names(model), arguments, workspace),
        record={**_history(trained, profile), "parameters": sum(value.numel() for value in model.parameters())},
    )


def tune_network(
    arguments: Mapping[str, Any], workspace: Path, inputs: Inputs, report: Report, *, make: Make | None = None
) -> Outcome:
    """Apply model choices to a trained network and train it on; the files are its weights by epoch.

    Args:
        arguments: Data, model, weights, choices, tuning, config, groups, profile, run.
        workspace: Where files are written.
        inputs: The files of the training, or of the stage before.
        report: Live progress.
        make: Makes the network where it cannot be named.

    Returns:
        The weights; the record holds where the groups stood before, and what the choices did.
    """
    data = dataset_of(arguments)
    key, output = arguments["weights"]
    choice = cast("TuningChoice", build_choice(arguments["tuning"]))
    groups = Groups.of(data.attributes, by=arguments["groups"])
    config, profile = TrainingConfig.from_json(arguments["config"]), Profile.from_json(arguments["profile"])
    rows = config.training_rows(data)
    plain = deployed({**arguments, "choices": []}, data, inputs[key][output], make=make)
    with in_force(profile):
        dense = group_levels(plain.model, plain.source, rows, groups.codes, groups=len(groups))
    given = deployed(arguments, data, inputs[key][output], make=make)
    rules = choice.rules(given.model, context_of(given.source, Run(**arguments["run"]), groups))
    trained = train(
        given.model,
        data,
        config=config,
        profile=profile,
        objective=build_objective(choice.objective),
        groups=groups,
        start=Start(
            normalisation=given.source.normalisation,
            dense=dense,
            rules=rules,
            ordering=GroupBalancedSampling() if is_balanced(choice) else None,
        ),
        report=report,
    )
    told = {**arguments, "objective": choice.objective}
    return Outcome(
        files=_write_states(trained, parameter_names(given.model), told, workspace),
        record={
            **_history(trained, profile),
            "effective": given.effective,
            "sparsity": achieved(given.model),
            "rules": [rule.told() for rule in rules if isinstance(rule, TellingRule)],
            "dense": {"loss": _by_name(groups, dense.loss), "accuracy": _by_name(groups, dense.accuracy)},
        },
    )


def _history(trained: Trained, profile: Profile) -> dict[str, Any]:
    return {
        "history": [
            {"epoch": e.epoch, "loss": e.loss, "accuracy": e.accuracy, "told": dict(e.told)} for e in trained.history
        ],
        "steps": trained.steps,
        "profile": profile.name,
        "versions": versions(),
        "peak_mib": peak_memory(),
    }


def _by_name(groups: Groups, values: Tensor) -> dict[str, float | None]:
    return {name: None if math.isnan(value) else value for name, value in zip(groups, values.tolist(), strict=True)}


def predict_split(
    arguments: Mapping[str, Any], workspace: Path, inputs: Inputs, report: Report, *, make: Make | None = None
) -> Outcome:
    """Deploy a network under a chain of model choices and predict a split, its inputs as they are or altered."""
    if arguments.get("fused"):
        return _predict_draw(arguments, workspace, inputs, report, make=make)
    data = dataset_of(arguments)
    profile = Profile.from_json(arguments["profile"])
    run = Run(**arguments["run"])
    key, output = arguments["weights"]
    given = deployed(arguments, data, inputs[key][output], make=make)
    predictions = predict(
        given.model,
        data,
        split=arguments["split"],
        normalisation=given.source.normalisation,
        profile=profile,
        run=run,
        altered=[cast("InputChoice", build_choice(table)) for table in arguments["altered"]],
        keep_logits=arguments["logits"],
        report=report,
    )
    return _written(predictions, given.effective, workspace)


def _written(predictions: Predictions, effective: list[dict[str, Any]], workspace: Path) -> Outcome:
    path = workspace / "predictions.parquet"
    write_predictions(predictions, path)
    return Outcome(files={"predictions": path}, record={"effective": effective, "peak_mib": peak_memory()})


def _predict_draw(
    arguments: Mapping[str, Any], workspace: Path, inputs: Inputs, report: Report, *, make: Make | None
) -> Outcome:
    """Answer one draw of a network; what all its draws share is made by the first of them that a worker meets."""
    key, output = arguments["weights"]
    about = {name: arguments[name] for name in SHARED_BY_DRAWS}
    ready = _ready(json.dumps(about, sort_keys=True), str(inputs[key][output]), make)
    run = Run(**arguments["run"])
    with in_force(ready.split.profile):
        network, done = deploy(
            ready.model,
            _model_choices(arguments),
            ready.split.source,
            run,
            ready.groups,
            mirrored=arguments["mirrored"],
        )
    predictions = ready.split.predictions(network, run=run, keep_logits=arguments["logits"], report=report)
    return _written(predictions, done, workspace)


SHARED_BY_DRAWS = ("data", "content", "model", "trust", "groups", "reference_group", "profile", "split")
"""Arguments that make a network and its split ready for any number of draws."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Ready:
    model: nn.Module
    split: Repeated
    groups: Groups


@lru_cache(maxsize=1)
def _ready(about: str, weights: str, make: Make | None) -> _Ready:
    arguments = json.loads(about)
    plain = deployed({**arguments, "choices": [], "run": {}}, data := dataset_of(arguments), Path(weights), make=make)
    split = repeated(
        plain.model, plain.source, split=arguments["split"], profile=Profile.from_json(arguments["profile"])
    )
    return _Ready(model=plain.model, split=split, groups=_groups(arguments, data))


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Deployed:
    """A network as it is deployed, and how it sees its inputs.

    Args:
        model: The network in its place, in evaluation mode.
        source: The inputs as it sees them.
        effective: What each choice really did.
    """

    model: nn.Module
    source: Source
    effective: list[dict[str, Any]]


def deployed(
    arguments: Mapping[str, Any], data: GroupedDataset, weights: Path, *, make: Make | None = None
) -> Deployed:
    """Return a trained network under the chain of model choices of a job.

    Args:
        arguments: Model, choices, profile, run.
        data: The data set.
        weights: A checkpoint.
        make: Makes the network where it cannot be named.

    Returns:
        The deployed network.
    """
    profile = Profile.from_json(arguments["profile"])
    checkpoint = read_checkpoint(weights)
    model = model_of(arguments, data, seed=0, make=make)
    model.load_state_dict(dict(checkpoint.state))
    with in_force(profile) as device:
        source = Source(
            data=data,
            normalisation=checkpoint.normalisation,
            device=device,
            memory_format=memory_format(profile),
        )
        placed, done = deploy(
            place(model.eval(), profile),
            _model_choices(arguments),
            source,
            Run(**arguments["run"]),
            _groups(arguments, data),
            mirrored=arguments.get("mirrored", False),
        )
    return Deployed(model=placed, source=source, effective=done)


def _model_choices(arguments: Mapping[str, Any]) -> list[ModelChoice]:
    return [choice for table in arguments["choices"] if isinstance(choice := build_choice(table), ModelChoice)]


def _groups(arguments: Mapping[str, Any], data: GroupedDataset) -> Groups:
    return Groups.of(data.attributes, by=arguments["groups"], reference=arguments.get("reference_group"))


def _given_scale(arguments: Mapping[str, Any], data: GroupedDataset) -> Normalisation:
    if data.kind != "image":
        return Normalisation()
    channels = data.inputs.shape[3]
    mean, std = (arguments["model"].get(name, [default] * channels) for name, default in (("mean", 0.0), ("std", 1.0)))
    return Normalisation(mean=tuple(mean), std=tuple(std))


def deploy(
    model: nn.Module,
    choices: list[ModelChoice],
    source: Source,
    run: Run,
    groups: Groups,
    *,
    mirrored: bool = False,
) -> tuple[nn.Module, list[dict[str, Any]]]:
    """Apply model choices in order; returns the deployed model and what each choice really did.

    Args:
        model: The network in its place.
        choices: What is done to it.
        source: The inputs as it sees them.
        run: Its seed and draw name the numbers that are drawn.
        groups: Who belongs to which group.
        mirrored: Whether the mirror image of that draw is asked for.

    Returns:
        The network, and plain values per choice.
    """
    context = context_of(source, run, groups, mirrored=mirrored)
    done: list[dict[str, Any]] = []
    for choice in choices:
        model = choice.apply(model, context).eval()
        done.append({"choice": type(choice).__name__, **choice.effective(model)})
    return model, done


def context_of(source: Source, run: Run, groups: Groups, *, mirrored: bool = False) -> DeployContext:
    """Return what the choices of a run may use beside the model.

    Args:
        source: The inputs as the network sees them.
        run: Which answer of the audit it is.
        groups: The group of every example of the data set.
        mirrored: Whether the mirror image of that draw is asked for.

    Returns:
        The context, its generator at the start.
    """
    rows = np.random.default_rng(CALIBRATION_SEED).permutation(source.data.rows("train"))

    def calibration(count: int) -> Tensor:
        return source.inputs(rows[:count])

    def labelled(most: int) -> Labelled:
        own = [rows[groups.codes[rows] == code][:most] for code in range(len(groups))]
        chosen = np.concatenate(own)
        return Labelled(
            inputs=source.inputs(chosen),
            target=source.target(chosen),
            groups=replace(groups, codes=groups.codes[chosen]),
        )

    generator = torch.Generator().manual_seed((run.seed << 20) + run.draw)
    return DeployContext(
        calibration=calibration, generator=generator, labelled=labelled, mirrored=mirrored, seed=run.seed
    )


def dataset_of(arguments: Mapping[str, Any]) -> GroupedDataset:
    """Return the data set that a job names, kept in memory between jobs of one worker.

    Args:
        arguments: ``data`` as a recipe names it, and ``content``, the hash that was planned with.

    Returns:
        The data set.

    Raises:
        NotReproducible: The data changed since the audit was planned.
    """
    data = _load(json.dumps(arguments["data"], sort_keys=True))
    if data.content != arguments["content"]:
        raise NotReproducible(
            f"data set '{data.name}' has content {data.content[:12]}; {arguments['content'][:12]} was planned with. "
            "The files changed while the audit ran: start it again."
        )
    return data


@lru_cache(maxsize=2)
def _load(table: str) -> GroupedDataset:
    return data_named(json.loads(table))


def model_of(arguments: Mapping[str, Any], data: GroupedDataset, *, seed: int, make: Make | None = None) -> nn.Module:
    """Return the network that a job names, or that ``make`` makes, with the initial weights of a seed."""
    model = _as_named(arguments, data, seed=seed, make=make)
    groups = arguments["model"].get("group_norm")
    return model if groups is None else with_group_norm(model, most=groups)


def _as_named(arguments: Mapping[str, Any], data: GroupedDataset, *, seed: int, make: Make | None) -> nn.Module:
    if make is not None:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return make()
    settings = {key: value for key, value in arguments["model"].items() if key not in {*OF_TRAINED, "group_norm"}}
    name = settings.pop("name")
    spec = ModelSpec(name=name, settings=settings, trusted=name in arguments["trust"])
    return build_model(spec, input_shape=input_shape(data), classes=len(data.label_names), seed=seed)


def input_shape(data: GroupedDataset) -> tuple[int, ...]:
    """Return the shape of one input as a network sees it: (channels, height, width) or (features,)."""
    shape = data.inputs.shape[1:]
    return (shape[2], shape[0], shape[1]) if data.kind == "image" else tuple(shape)


def _write_states(
    trained: Trained, parameters: tuple[str, ...], arguments: Mapping[str, Any], workspace: Path
) -> dict[str, Path]:
    about = {name: arguments[name] for name in ("data", "content", "model", "config", "objective", "profile")}
    files: dict[str, Path] = {}
    for epoch, state in trained.states.items():
        name = f"epoch_{epoch:04d}"
        files[name] = workspace / f"{name}.safetensors"
        checkpoint = Checkpoint(
            state=state,
            normalisation=trained.normalisation,
            parameters=parameters,
            provenance={**about, "epoch": epoch},
        )
        write_checkpoint(checkpoint, files[name])
    return files
