"""Plan: from an audit to the jobs that answer it. Equal work has equal keys and is done once."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from disparate.auditing.audit import Audit, chained, is_trained
from disparate.choice import Choice, InputChoice, ModelChoice, Tuning, Variant, can_mirror, is_by_group, is_stochastic
from disparate.choices import choice_table
from disparate.engine.job import Job, key_of
from disparate.errors import BadInput
from disparate.predictions import REFERENCE, Run
from disparate.profiles import VARIABLES, Profile
from disparate.provenance import machine, version_of, versions
from disparate.training.config import TrainingConfig

STEPS = "disparate.auditing.steps"
TRAINING_VERSION = 1
TUNING_VERSION = 2
PREDICTION_VERSION = 2
FUSED_VERSION = 3
PLAIN = ("float32", "contiguous")
"""Operands and layout of a profile that says nothing about them."""
FINGERPRINT_VERSION = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Weights:
    """Where trained weights come from: a job, and the name of its output."""

    key: str
    output: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedRun:
    """One answer that the audit needs.

    Args:
        run: Which answer it is.
        key: Key of the job that gives it.
        weights: Where its weights come from.
    """

    run: Run
    key: str
    weights: Weights


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Everything to be done.

    Args:
        jobs: Each job once, by key.
        runs: The answers the audit needs; several may rest on one job.
    """

    jobs: tuple[Job, ...]
    runs: tuple[PlannedRun, ...]

    def weights(self, variant: str, seed: int, *, repeat: int = 0) -> Weights:
        """Return where the weights of a run come from."""
        return next(
            planned.weights
            for planned in self.runs
            if planned.run == Run(variant=variant, seed=seed, repeat=repeat, draw=planned.run.draw)
        )


def profiles_of(audit: Audit) -> tuple[Profile, ...]:
    """Return every profile under which something trains or runs, each once; the reference's come first."""
    found: dict[Profile, None] = {}
    for variant in (audit.reference, *chained(audit)):
        found[variant.profile(audit.profile, at="train")] = None
        found[variant.profile(audit.profile, at="deploy")] = None
    return tuple(found)


def fingerprint_jobs(profiles: tuple[Profile, ...]) -> dict[Profile, Job]:
    """Return the job that takes each profile's fingerprint; it belongs to this machine and these versions."""
    inherited = {name: os.environ.get(name) for name in VARIABLES}
    here = {"machine": machine(), "versions": versions(), "version": FINGERPRINT_VERSION, "inherited": inherited}
    return {
        profile: Job(
            key=key_of(kind="fingerprint", profile=profile.to_json(), **here),
            name=f"fingerprint {profile.name}",
            function=f"{STEPS}:take_fingerprint",
            arguments={"profile": profile.to_json()},
            environment=profile.environment,
            threads=profile.threads,
            needs=(),
        )
        for profile in profiles
    }


def plan(audit: Audit, *, content: str, fingerprints: Mapping[Profile, str]) -> Plan:
    """Lay out the jobs of an audit.

    A variant's choices fold into a training configuration, an objective, two profiles, stages that train on, a
    chain of model choices, and what alters the inputs when they are predicted. What does not touch training therefore
    has the reference's key and shares its weights. Trainings that differ only in when they stop are one training: the
    longest, which keeps the epochs after which the others stop.

    Args:
        audit: The question.
        content: Hash of the data set's content.
        fingerprints: Fingerprint of every profile; it stands in the keys in place of the profile's name.

    Returns:
        The plan.
    """
    layout = _Layout(audit=audit, content=content, fingerprints=fingerprints)
    jobs: dict[str, Job] = {}
    runs: list[PlannedRun] = []
    for seed in audit.seeds:
        for repeat in range(audit.repeats):
            runs += layout.runs(audit.reference, Run(variant=REFERENCE, seed=seed, repeat=repeat), jobs)
        for variant in chained(audit):
            runs += layout.runs(variant, Run(variant=variant.name, seed=seed), jobs)
    return Plan(jobs=tuple(jobs.values()), runs=tuple(runs))


def acts_on_training(audit: Audit, fingerprints: Mapping[Profile, str]) -> dict[str, bool]:
    """Return, by variant, whether its weights differ in provenance from the reference's."""
    layout = _Layout(audit=audit, content="", fingerprints=fingerprints)
    own = layout.weights(audit.reference, Run(), {})
    return {variant.name: layout.weights(variant, Run(), {}) != own for variant in chained(audit)}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Layout:
    audit: Audit
    content: str
    fingerprints: Mapping[Profile, str]

    def runs(self, variant: Variant, run: Run, jobs: dict[str, Job]) -> list[PlannedRun]:
        weights = self.weights(variant, run, jobs)
        draws = range(self.audit.draws if stochastic_choices(variant) else 1)
        return [self._prediction(variant, replace(run, draw=draw), weights, jobs) for draw in draws]

    def configuration(self, variant: Variant, seed: int) -> tuple[TrainingConfig, int]:
        """Return the training behind a variant and the epoch whose weights it takes."""
        base = self.audit.training.seeded(seed)
        config = variant.training(base)
        asked = [other.training(base) for other in (self.audit.reference, *chained(self.audit))]
        alike = [other for other in asked if _without_stop(other) == _without_stop(config)]
        whole = max((*alike, config), key=lambda other: other.last_epoch)
        stops = {other.last_epoch for other in alike} - {whole.last_epoch}
        return replace(whole, keep_epochs=tuple(sorted({*whole.keep_epochs, *stops}))), config.last_epoch

    def training_key(self, variant: Variant, run: Run) -> tuple[str, int]:
        if is_trained(self.audit):
            model = self.audit.model
            parts = {"content": self.content, "model": model, "weights": file_hash(model, "trained")}
            return key_of(kind="adopt", version=TRAINING_VERSION, code=self.audit.code, repeat=run.repeat, **parts), 0
        config, epoch = self.configuration(variant, run.seed)
        profile = variant.profile(self.audit.profile, at="train")
        objective = variant.objective(self.audit.objective)
        key = key_of(
            kind="train",
            version=TRAINING_VERSION,
            content=self.content,
            model=model_key(variant.network(self.audit.model)),
            code=self.audit.code,
            config=config.to_json(),
            objective=objective,
            groups=self.audit.groups[0] if objective.get("name", "erm") != "erm" else None,
            fingerprint=self.fingerprints[profile],
            repeat=run.repeat,
            **_steps_by(config),
        )
        return key, epoch

    def weights(self, variant: Variant, run: Run, jobs: dict[str, Job]) -> Weights:
        """Return where the weights of a run come from, and add the jobs that make them."""
        found = self._training(variant, run, jobs)
        for number, tuning in enumerate(variant.tunings(), start=1):
            found = self._tuned(variant, run, jobs, found, tuning, number)
        return found

    def _tuned(
        self, variant: Variant, run: Run, jobs: dict[str, Job], weights: Weights, tuning: Tuning, number: int
    ) -> Weights:
        profile = variant.profile(self.audit.profile, at="train")
        config = tuning.choice.tuning(variant.training(self.audit.training.seeded(run.seed)))
        noisy = any(is_stochastic(choice) for choice in tuning.before)
        asked: dict[str, Any] = {
            "weights": [weights.key, weights.output],
            "choices": [choice_table(choice) for choice in tuning.before],
            "tuning": choice_table(tuning.choice),
            "config": config.to_json(),
        }
        key = key_of(
            kind="tune",
            version=TUNING_VERSION,
            content=self.content,
            groups=self._groups_of((*tuning.before, tuning.choice), tuning.choice.objective),
            fingerprint=self.fingerprints[profile],
            versions=versions(),
            noise=run.seed if noisy else None,
            **asked,
            **_steps_by(config),
        )
        arguments = {
            **self._given(variant),
            **asked,
            "groups": self.audit.groups[0],
            "profile": profile.to_json(),
            "run": {"variant": run.variant, "seed": run.seed, "draw": 0, "repeat": run.repeat},
        }
        label = f"tune {variant.name} seed {run.seed}" + (f" stage {number}" if number > 1 else "")
        jobs.setdefault(key, _job(key, label, "tune_network", arguments, profile, (weights.key,)))
        return Weights(key=key, output=f"epoch_{config.last_epoch:04d}")

    def _groups_of(self, choices: Sequence[Choice], objective: Mapping[str, Any]) -> str | None:
        by = self.audit.groups[0]
        if any(is_by_group(choice) for choice in choices):
            named = self.audit.reference_groups.get(by)
            return by if named is None else f"{by}, reference {named}"
        return by if objective.get("name", "erm") != "erm" else None

    def _training(self, variant: Variant, run: Run, jobs: dict[str, Job]) -> Weights:
        key, epoch = self.training_key(variant, run)
        config, _ = self.configuration(variant, run.seed)
        profile = variant.profile(self.audit.profile, at="train")
        label = f"train {variant.name} seed {run.seed}" + (f" repeat {run.repeat}" if run.repeat else "")
        arguments: dict[str, Any] = {
            **self._given(variant),
            "config": config.to_json(),
            "objective": dict(variant.objective(self.audit.objective)),
            "groups": self.audit.groups[0],
            "profile": profile.to_json(),
        }
        step = "adopt_network" if is_trained(self.audit) else "train_network"
        jobs.setdefault(key, _job(key, label, step, arguments, profile, ()))
        return Weights(key=key, output=f"epoch_{epoch:04d}")

    def _given(self, variant: Variant) -> dict[str, Any]:
        return {
            "data": dict(self.audit.data),
            "content": self.content,
            "model": dict(variant.network(self.audit.model)),
            "trust": list(self.audit.trust),
            "reference_group": self.audit.reference_groups.get(self.audit.groups[0]),
        }

    def _prediction(self, variant: Variant, run: Run, weights: Weights, jobs: dict[str, Job]) -> PlannedRun:
        noisy, (number, mirrored) = bool(stochastic_choices(variant)), drawn_as(self.audit, variant, run.draw)
        profile = variant.profile(self.audit.profile, at="deploy")
        choices = [choice_table(choice) for choice in variant.model_choices()]
        by_group = self._groups_of(variant.model_choices(), {})
        altered = [choice_table(choice) for choice in variant.input_choices()]
        fused = self.audit.fused_draws and noisy and not altered and _leaves_kernels_open(profile)
        key = key_of(
            kind="predict",
            version=PREDICTION_VERSION,
            weights=[weights.key, weights.output],
            choices=choices,
            fingerprint=self.fingerprints[profile],
            content=self.content,
            versions=versions(),
            split=self.audit.split,
            logits=self.audit.keep_logits,
            noise=[run.seed, number, *(["mirrored"] if mirrored else [])] if noisy else None,
            **({"fused": FUSED_VERSION} if fused else {}),
            **({"groups": by_group} if by_group else {}),
            **({"altered": altered} if altered else {}),
        )
        arguments: dict[str, Any] = {
            **self._given(variant),
            "weights": [weights.key, weights.output],
            "choices": choices,
            "altered": altered,
            "groups": self.audit.groups[0],
            "profile": profile.to_json(),
            "split": self.audit.split,
            "logits": self.audit.keep_logits,
            "run": {"variant": run.variant, "seed": run.seed, "draw": number, "repeat": run.repeat},
            "mirrored": mirrored,
            "fused": fused,
        }
        label = f"predict {variant.name} seed {run.seed}" + (f" draw {run.draw}" if noisy else "")
        jobs.setdefault(key, _job(key, label, "predict_split", arguments, profile, (weights.key,)))
        return PlannedRun(run=run, key=key, weights=weights)


def stochastic_choices(variant: Variant) -> tuple[ModelChoice | InputChoice, ...]:
    """Return what of a variant draws at random when it is deployed, so that it is repeated for every draw."""
    return tuple(c for c in (*variant.model_choices(), *variant.input_choices()) if is_stochastic(c))


def is_antithetic(audit: Audit, variant: Variant) -> bool:
    """Return whether draws 2j and 2j + 1 of a variant are mirror images: asked for, and known to all that draw."""
    return audit.antithetic and all(can_mirror(choice) for choice in stochastic_choices(variant))


def drawn_as(audit: Audit, variant: Variant, draw: int) -> tuple[int, bool]:
    """Return which numbers a draw takes, and whether it takes their mirror image.

    Draw 2j of antithetic pairs is draw j without them, so that neither is computed twice.
    """
    number, half = divmod(draw, 2) if is_antithetic(audit, variant) else (draw, 0)
    return number, bool(half)


def _leaves_kernels_open(profile: Profile) -> bool:
    """Return whether a profile asks for no particular layout, format or library."""
    return profile.device == "cpu" and profile.onednn and (profile.operands, profile.memory_format) == PLAIN


def _job(key: str, name: str, step: str, arguments: Mapping[str, Any], profile: Profile, needs: tuple[str, ...]) -> Job:
    return Job(
        key=key,
        name=name,
        function=f"{STEPS}:{step}",
        arguments=arguments,
        environment=profile.environment,
        threads=profile.threads,
        needs=needs,
    )


def model_key(model: Mapping[str, Any]) -> dict[str, Any]:
    """Return a model table as keys hold it: initial weights by content, a library's model with its version."""
    library = str(model["name"]).partition(":")[0]
    version = {"version": versions()[library]} if library in versions() else {}
    return {**model, **version, **({"weights": file_hash(model, "weights")} if "weights" in model else {})}


def file_hash(model: Mapping[str, Any], setting: str) -> str:
    """Return the SHA-256 of the file that a setting of the model table names.

    Args:
        model: The model table of a recipe.
        setting: ``"trained"`` or ``"weights"``.

    Returns:
        64 hexadecimal digits.

    Raises:
        BadInput: The file cannot be read.
    """
    try:
        with Path(model[setting]).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, TypeError) as error:
        raise BadInput(f"[model] {setting} = '{model[setting]}' cannot be read: {error}.") from error


def _without_stop(config: TrainingConfig) -> TrainingConfig:
    return replace(config, stop_after=None)


def _steps_by(config: TrainingConfig) -> dict[str, str | None]:
    """Return the version of what takes the steps, where it is not torch."""
    return {} if config.privacy is None else {"opacus": version_of("opacus")}
