"""Timing: what a step of a training takes under each profile of this machine, deterministic and free."""

import copy
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from disparate.auditing.audit import Audit
from disparate.auditing.plan import model_key
from disparate.auditing.steps import dataset_of, model_of
from disparate.data.grouped import GroupedDataset
from disparate.engine.job import Inputs, Job, Outcome, Report, key_of
from disparate.engine.local import LocalEngine
from disparate.errors import BadInput, NotApplicable
from disparate.profiles import PROFILES, Profile, require_available
from disparate.provenance import machine, versions
from disparate.store.runs import Store
from disparate.training.batches import Normalisation, Source
from disparate.training.config import TrainingConfig
from disparate.training.execution import device_of, in_force, memory_format, place
from disparate.training.loop import optimizer_of

FUNCTION = "disparate.auditing.timing:time_steps"
TIMING_VERSION = 1
ROUNDS, STEPS = 9, 5
FEW = ("native", "two_threads")
MODES = ("deterministic", "free")


@dataclass(frozen=True, kw_only=True, slots=True)
class StepTimes:
    """What a step takes under a profile.

    Args:
        deterministic: Seconds per step with deterministic kernels alone, one per round.
        free: Seconds per step with whatever kernels torch takes, one per round, in turns with the others.
        equal: Whether both gave the same weights, bit for bit.
    """

    deterministic: tuple[float, ...]
    free: tuple[float, ...]
    equal: bool

    def __post_init__(self) -> None:
        if not self.free or len(self.free) != len(self.deterministic):
            raise BadInput(
                f"step times: {len(self.deterministic)} rounds with deterministic kernels, {len(self.free)} without; "
                "as many of both were expected."
            )

    @property
    def seconds(self) -> float:
        """Seconds of a step with deterministic kernels, the median."""
        return median(self.deterministic)

    @property
    def price(self) -> float:
        """How many times as long a deterministic step takes: the median of the ratios, round by round.

        Example:
            >>> StepTimes(deterministic=(2.0, 3.0, 9.0), free=(1.0, 2.0, 3.0), equal=True).price
            2.0
        """
        return median(self._ratios())

    @property
    def range(self) -> tuple[float, float]:
        """The smallest and the largest of these ratios."""
        return min(self._ratios()), max(self._ratios())

    def _ratios(self) -> list[float]:
        return [here / there for here, there in zip(self.deterministic, self.free, strict=True)]


def available() -> tuple[Profile, ...]:
    """Return the profiles that run on this machine in number formats of its own; emulated ones time the emulation."""
    return tuple(profile for profile in PROFILES.values() if profile.operands == "float32" and _runs(profile))


def _runs(profile: Profile) -> bool:
    try:
        require_available(profile)
        device_of(profile)
    except NotApplicable:
        return False
    return True


def step_times(audit: Audit, data: GroupedDataset, *, store: Store, few: bool = False) -> dict[str, StepTimes]:
    """Time steps of an audit's training under the profiles of this machine, one after the other.

    Args:
        audit: Network, batch and optimiser.
        data: The data set.
        store: Keeps what was measured on this machine with these versions.
        few: Whether one and two threads are enough.

    Returns:
        Name of the profile to its times.
    """
    profiles = [PROFILES[name] for name in FEW] if few else available()
    jobs = {profile.name: _job(audit, data, profile) for profile in profiles}
    done = LocalEngine(slots=1).execute(jobs.values(), store)
    return {name: _times(done[job.key].record) for name, job in jobs.items()}


def _times(record: Mapping[str, Any]) -> StepTimes:
    return StepTimes(
        deterministic=tuple(record["deterministic"]), free=tuple(record["free"]), equal=bool(record["equal"])
    )


def _job(audit: Audit, data: GroupedDataset, profile: Profile) -> Job:
    arguments: dict[str, Any] = {
        "data": dict(audit.data),
        "content": data.content,
        "model": dict(audit.model),
        "trust": list(audit.trust),
        "config": audit.training.to_json(),
        "profile": profile.to_json(),
    }
    key = key_of(
        kind="time",
        version=TIMING_VERSION,
        content=data.content,
        model=model_key(audit.model),
        code=audit.code,
        config=audit.training.to_json(),
        profile=profile.to_json(),
        machine=machine(),
        versions=versions(),
    )
    return Job(
        key=key,
        name=f"time {profile.name}",
        function=FUNCTION,
        arguments=arguments,
        environment=profile.environment,
        threads=profile.threads,
    )


def time_steps(arguments: Mapping[str, Any], workspace: Path, inputs: Inputs, report: Report) -> Outcome:
    """Time steps of a training; the record holds seconds per step by mode and round.

    Args:
        arguments: Data, content, model, trust, config and profile.
        workspace: Not used.
        inputs: Nothing.
        report: Live progress.

    Returns:
        The record.
    """
    data = dataset_of(arguments)
    config, profile = TrainingConfig.from_json(arguments["config"]), Profile.from_json(arguments["profile"])
    profiles = {mode: replace(profile, deterministic=mode == "deterministic") for mode in MODES}
    start = model_of(arguments, data, seed=0)
    models = {mode: place(copy.deepcopy(start), item) for mode, item in profiles.items()}
    seconds: dict[str, list[float]] = {mode: [] for mode in MODES}
    for turn in range(ROUNDS + 1):  # the first warms up
        report(turn, ROUNDS, "steps")
        for mode in MODES if turn % 2 else reversed(MODES):
            seconds[mode].append(_seconds(models[mode], data, config, profiles[mode]))
    left, right = (models[mode].state_dict() for mode in MODES)
    equal = all(torch.equal(value, right[name]) for name, value in left.items())
    return Outcome(record={**{mode: own[1:] for mode, own in seconds.items()}, "equal": equal})


def _seconds(model: nn.Module, data: GroupedDataset, config: TrainingConfig, profile: Profile) -> float:
    channels = data.inputs.shape[3] if data.kind == "image" else 0
    plain = Normalisation(mean=(0.5,) * channels, std=(0.25,) * channels)
    with in_force(profile) as device:
        source = Source(data=data, normalisation=plain, device=device, memory_format=memory_format(profile))
        rows = data.rows("train")[np.arange(config.batch_size) % len(data.rows("train"))]
        inputs, target = source.inputs(rows), source.target(rows)
        optimizer = optimizer_of(model.train(), config)
        begin = time.perf_counter()
        for _ in range(STEPS):
            optimizer.zero_grad()
            cross_entropy(model(inputs), target).backward()
            optimizer.step()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return (time.perf_counter() - begin) / STEPS
