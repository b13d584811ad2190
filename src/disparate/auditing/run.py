"""Run: from an audit to what it concludes."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from disparate.auditing.audit import Audit, chained, is_trained
from disparate.auditing.distances import distance_findings
from disparate.auditing.drawing import (
    Precision,
    draws_needed,
    mirrored_variants,
    precision,
    require_drawable,
)
from disparate.auditing.exemplars import exemplars
from disparate.auditing.plan import Plan, acts_on_training, fingerprint_jobs, plan, profiles_of
from disparate.auditing.recipe import recipe_tables
from disparate.auditing.steps import model_of
from disparate.auditing.writing import write
from disparate.choice import Variant, is_in_memory
from disparate.choices import choice_table
from disparate.data import data_named
from disparate.data.grouped import GroupedDataset
from disparate.engine.events import Planned
from disparate.engine.job import Job
from disparate.errors import BadInput, NotApplicable
from disparate.explain.parameter_distance import apart_findings
from disparate.findings import Findings, Result
from disparate.groups import Groups
from disparate.measures.assess import assess
from disparate.measures.table import measure_named
from disparate.objectives import Course, Objective, build_objective
from disparate.predictions import REFERENCE, Predictions
from disparate.profiles import Profile, require_available
from disparate.provenance import cores, machine, peak_memory, source_revision, versions
from disparate.report.cautions import cautions
from disparate.report.gate import Threshold, gate
from disparate.store.runs import Store
from disparate.training.execution import device_of
from disparate.training.levels import unmeasured
from disparate.training.loop import budget_of, population_of
from disparate.training.private_steps import require_private

BOOTSTRAP_SEED = 20231206
ANOTHER_NETWORK = "a network that is built otherwise has no weight in common with the reference's"
MADE_HERE = "inline:"
"""How names of networks begin that only the process of their user can make."""


class Engine(Protocol):
    """What executes jobs."""

    def execute(self, jobs: Sequence[Job], store: Store, *, progress: Callable[[Any], None] | None = None) -> Any:
        """Execute what the store does not hold yet."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Answers:
    """What the jobs of an audit gave.

    Args:
        plan: What was done.
        fingerprints: Fingerprint of every profile.
        predictions: One per planned run.
        precision: How many draws there are and how well means over them are known, where the audit asks for so much.
    """

    plan: Plan
    fingerprints: Mapping[Profile, str]
    predictions: tuple[Predictions, ...]
    precision: Precision | None = None


def run(
    audit: Audit,
    *,
    store: Store,
    engine: Engine,
    data: GroupedDataset | None = None,
    progress: Callable[[Any], None] | None = None,
) -> Result:
    """Answer an audit.

    Jobs that the store holds are not done again, so a killed audit continues where it was.

    Args:
        audit: The question.
        store: Where jobs leave their files.
        engine: What executes them.
        data: The data set, where it is at hand already.
        progress: Called with the engine's events.

    Returns:
        Findings, cautions, verdict and run record.

    Raises:
        BadInput: The data, a group or a measure is not what it has to be.
        NotApplicable: A profile cannot run on this machine.
        JobFailed: A job stopped with an error; the finished ones are kept.
    """
    started = time.monotonic()
    data = data if data is not None else data_named(audit.data)
    check(audit, data)
    answers = answer(audit, data, store=store, engine=engine, progress=progress)
    acting = acts_on_training(audit, answers.fingerprints)
    findings = assess(
        answers.predictions,
        by=audit.groups,
        measures=audit.measures,
        acts_on_training=acting,
        hardware=hardware_variants(audit),
        reference_groups=audit.reference_groups,
        level=audit.level,
        replicates=audit.replicates,
        margin=audit.margin,
        mirrored=mirrored_variants(audit),
        generator=np.random.default_rng(BOOTSTRAP_SEED),
    ) + _distances(audit, answers, store, acting)
    record = _record(audit, data, answers, store, findings) | {
        "wall_s": round(time.monotonic() - started, 1),
        "peak_mib": round(peak_memory(), 1),
    }
    return Result(
        findings=findings,
        cautions=tuple(cautions(findings, record)),
        verdict=gate(findings, maxima=audit.maxima, minima=audit.minima),
        run=record,
    )


def check(audit: Audit, data: GroupedDataset) -> None:
    """Refuse an audit that cannot be answered, before anything is computed.

    Args:
        audit: The question.
        data: The data set.

    Raises:
        BadInput: A measure is unknown, the split is empty, a group attribute or a reference group is absent, a network
            on a crossbar is trained on, or an objective cannot begin with who is trained on.
        NotApplicable: A profile needs what this machine lacks.
    """
    for name in audit.measures:
        measure_named(name)
    if audit.draws_until is not None:
        require_drawable(audit.draws_until)
    for text, limit in (*audit.maxima.items(), *audit.minima.items()):
        measure_named(Threshold.parse(f"{text}={limit!r}", side="max").measure)
    rows = data.rows(audit.split)
    if not len(rows):
        raise BadInput(f"data set '{data.name}' has no example in the split '{audit.split}'; choose another split.")
    for by in audit.groups:
        attributes = {name: attribute.take(rows) for name, attribute in data.attributes.items()}
        Groups.of(attributes, by=by, reference=audit.reference_groups.get(by))
    for profile in profiles_of(audit):
        require_available(profile)
        device_of(profile)
    _require_in_memory_last(audit)
    _require_objectives(audit, data)
    if is_trained(audit):
        _require_deployable(audit)


def _require_in_memory_last(audit: Audit) -> None:
    """Refuse to train on behind a crossbar: errors of a chip would be trained away, and no chip be left to judge."""
    for variant in (audit.reference, *chained(audit)):
        for tuning in variant.tunings():
            early = next((choice_table(choice)["choice"] for choice in tuning.before if is_in_memory(choice)), None)
            if early is not None:
                raise BadInput(
                    f"variant '{variant.name}': {early} stands before {choice_table(tuning.choice)['choice']}, which "
                    "trains on, so that nothing of a chip is left when the network is judged. Put it behind."
                )


def _require_objectives(audit: Audit, data: GroupedDataset) -> None:
    """Let every objective begin once: it may name a group that is not there, or need a dense network."""
    rows = data.rows("train")
    if not len(rows):
        return
    groups = Groups.of(data.attributes, by=audit.groups[0])
    for variant in (audit.reference, *chained(audit)):
        config = variant.training(audit.training)
        population = population_of(data, config.training_rows(data), groups)
        objective = build_objective(variant.objective(audit.objective))
        course = objective.begin(population)
        if config.privacy is not None:
            _require_private(audit, variant, data, objective, course)
        for tuning in variant.tunings():
            build_objective(tuning.choice.objective).begin(replace(population, dense=unmeasured(population)))


def _require_private(
    audit: Audit, variant: Variant, data: GroupedDataset, objective: Objective, course: Course
) -> None:
    """Refuse, before anything is trained, an ε that no noise keeps to and what private steps do not go with."""
    config = variant.training(audit.training)
    try:
        budget_of(config, len(config.training_rows(data)))
        if not str(audit.model["name"]).startswith(MADE_HERE):  # the training refuses it where it is made
            named = {"model": variant.network(audit.model), "trust": audit.trust}
            require_private(model_of(named, data, seed=0), objective, course)
    except (BadInput, NotApplicable) as error:
        raise type(error)(f"variant '{variant.name}': {error}") from error


def _require_deployable(audit: Audit) -> None:
    own = _trained_by(audit, audit.reference)
    here = audit.reference.profile(audit.profile, at="deploy")
    for variant in chained(audit):
        trains = variant.profile(audit.profile, at="train") != audit.reference.profile(audit.profile, at="train")
        only = trains and variant.profile(audit.profile, at="deploy") == here
        if _trained_by(audit, variant) != own or only:
            raise NotApplicable(
                f"variant '{variant.name}' changes training, but the weights were trained elsewhere; "
                "hand in a function that makes the network, or leave the variant out."
            )


def _trained_by(audit: Audit, variant: Variant) -> tuple[object, ...]:
    return (
        variant.training(audit.training),
        variant.objective(audit.objective),
        variant.network(audit.model),
    )


def answer(
    audit: Audit,
    data: GroupedDataset,
    *,
    store: Store,
    engine: Engine,
    progress: Callable[[Any], None] | None = None,
) -> Answers:
    """Do the jobs of an audit and read what they gave; where it says how much is enough, draw until it is.

    Args:
        audit: The question.
        data: The data set.
        store: Where jobs leave their files.
        engine: What executes them.
        progress: Called with the engine's events.

    Returns:
        Predictions, each named as the audit names its run.
    """
    probes = fingerprint_jobs(profiles_of(audit))
    _execute(tuple(probes.values()), store, engine, progress)
    fingerprints = {profile: _record_of(store, job.key)["fingerprint"] for profile, job in probes.items()}
    found: tuple[Predictions, ...] = ()
    while True:
        laid_out = plan(audit, content=data.content, fingerprints=fingerprints)
        _execute(laid_out.jobs, store, engine, progress)
        known = {item.run: item for item in found}
        found = tuple(known.get(p.run) or replace(store.predictions(p.key), run=p.run) for p in laid_out.runs)
        if audit.draws_until is None:
            return Answers(plan=laid_out, fingerprints=fingerprints, predictions=found)
        reached = precision(audit, found, audit.draws_until)
        if (needed := draws_needed(reached, audit.draws_until)) <= audit.draws:
            return Answers(plan=laid_out, fingerprints=fingerprints, predictions=found, precision=reached)
        audit = replace(audit, draws=needed)


def _execute(jobs: tuple[Job, ...], store: Store, engine: Engine, progress: Callable[[Any], None] | None) -> None:
    if progress is not None:
        progress(Planned(jobs=jobs))
    engine.execute(jobs, store, progress=progress)


def hardware_variants(audit: Audit) -> tuple[str, ...]:
    """Return the variants that do the same under another profile: hardware sensitivity is taken over them.

    Those that train under another profile; where the weights were trained elsewhere, those that run under one.
    """
    at = "deploy" if is_trained(audit) else "train"
    own = audit.reference
    return tuple(
        variant.name
        for variant in chained(audit)
        if (variant.model_choices(), variant.tunings()) == (own.model_choices(), own.tunings())
        and variant.input_choices() == own.input_choices()
        and variant.training(audit.training) == own.training(audit.training)
        and variant.objective(audit.objective) == own.objective(audit.objective)
        and variant.network(audit.model) == own.network(audit.model)
        and variant.profile(audit.profile, at=at) != own.profile(audit.profile, at=at)
    )


def _record_of(store: Store, key: str) -> Mapping[str, Any]:
    job = store.job(key)
    if job is None:
        raise BadInput(f"job {key} is not in store {store.root}; it was there a moment ago. Is it being deleted?")
    return job.record


def _distances(audit: Audit, answers: Answers, store: Store, acting: Mapping[str, bool]) -> Findings:
    def file(variant: str, seed: int) -> Path:
        weights = answers.plan.weights(variant, seed)
        return store.output(weights.key, weights.output)

    own = audit.reference.network(audit.model)
    resized = [item.name for item in chained(audit) if item.network(audit.model) != own]
    pairs = {
        variant: [(file(variant, seed), file(REFERENCE, seed)) for seed in audit.seeds]
        for variant, acts in acting.items()
        if acts and variant not in resized
    }
    found = distance_findings(pairs, [file(REFERENCE, seed) for seed in audit.seeds], level=audit.level)
    none = [None] * len(audit.seeds)
    return sum((apart_findings(none, variant=name, why=ANOTHER_NETWORK) for name in resized), start=found)


def _record(audit: Audit, data: GroupedDataset, answers: Answers, store: Store, findings: Findings) -> dict[str, Any]:
    rows = data.rows(audit.split)
    parts = {by: answers.predictions[0].groups(by, reference=audit.reference_groups.get(by)) for by in audit.groups}
    return {
        "audit": recipe_tables(audit),
        "data": {
            "name": data.name,
            "content": data.content,
            "target": data.target_name,
            "labels": list(data.label_names),
            "splits": {split: int((data.split == split).sum()) for split in sorted(set(data.split.tolist()))},
        },
        "groups": {by: groups.counts() for by, groups in parts.items()},
        "reference_groups": {by: groups.reference for by, groups in parts.items()},
        "problems": [asdict(problem) for problem in data.problems],
        "profiles": _profiles(answers, store),
        "training": _training(answers, store),
        "effective": _effective(answers, store),
        **_draws(audit, answers),
        "targets": _targets(answers, store),
        **_private(answers, store),
        "jobs": len(answers.plan.jobs),
        "predictions": [{**asdict(planned.run), "key": planned.key} for planned in answers.plan.runs],
        "examples": len(rows),
        "versions": versions(),
        "machine": machine(),
        "cores": cores(),
        "source": source_revision(),
        "exemplars": exemplars(answers.predictions, data, by=audit.groups[0], split=audit.split),
    }


def _profiles(answers: Answers, store: Store) -> list[dict[str, Any]]:
    jobs = fingerprint_jobs(tuple(answers.fingerprints))
    first: dict[str, str] = {}
    listed: list[dict[str, Any]] = []
    for profile, fingerprint in answers.fingerprints.items():
        same = first.setdefault(fingerprint, profile.name)
        listed.append({
            "name": profile.name,
            "fingerprint": fingerprint,
            "same_as": None if same == profile.name else same,
            **_record_of(store, jobs[profile].key)["effective"],
        })  # fmt: skip
    return listed


def _training(answers: Answers, store: Store) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = []
    for job in answers.plan.jobs:
        done = store.job(job.key)
        if done is not None and done.record.get("history"):
            last = done.record["history"][-1]
            listed.append({
                "job": job.name,
                "profile": done.record["profile"],
                "epochs": last["epoch"],
                "loss": round(last["loss"], 5),
                "accuracy": round(last["accuracy"], 5),
                **_told(last),
                **({"rules": rules} if (rules := [told for told in done.record.get("rules", []) if told]) else {}),
                "wall_s": round(done.wall_s, 1),
                "peak_mib": round(done.peak_mib or 0.0, 1),
            })  # fmt: skip
    return listed


def _told(last: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: value for name, value in last.get("told", {}).items() if name != "privacy"}
    return {"told": told} if told else {}


def _private(answers: Answers, store: Store) -> dict[str, list[dict[str, Any]]]:
    """Return a row per private training: its ε, and how long the gradients of each group were; nothing without one."""
    rows = [
        {"job": job.name, **last["told"]["privacy"]}
        for job in answers.plan.jobs
        if (done := store.job(job.key)) is not None and done.record.get("history")
        for last in done.record["history"][-1:]
        if "privacy" in last.get("told", {})
    ]
    return {"privacy": rows} if rows else {}


def _effective(answers: Answers, store: Store) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for planned in answers.plan.runs:
        done = _record_of(store, planned.key)["effective"]
        if done and planned.run.variant not in found:
            found[planned.run.variant] = done
    return found


def _draws(audit: Audit, answers: Answers) -> dict[str, Any]:
    """Return how many draws were made and how; nothing where nothing was drawn twice."""
    made = 1 + max(planned.run.draw for planned in answers.plan.runs)
    if made == 1:
        return {}
    told: dict[str, Any] = {"made": made, "mirrored": sorted(mirrored_variants(audit))}
    until, reached = audit.draws_until, answers.precision
    if until is not None and reached is not None:
        widths = dict(reached.half_widths)
        enough = max(widths.values(), default=0.0) <= until.half_width
        told |= {"until": asdict(until), "half_widths": widths, "enough": enough}
    return {"draws": told}


def _targets(answers: Answers, store: Store) -> dict[str, dict[str, Any]]:
    """Return, by variant and seed, which weights a device was allowed to disturb; the same for every draw."""
    found: dict[str, dict[str, Any]] = {}
    for planned in answers.plan.runs:
        if planned.run.draw or planned.run.repeat:
            continue
        for done in _record_of(store, planned.key)["effective"]:
            if done.get("target"):
                found.setdefault(planned.run.variant, {})[str(planned.run.seed)] = done["target"]
    return found


def perform(
    audit: Audit,
    *,
    store: Store,
    engine: Engine,
    data: GroupedDataset | None = None,
    progress: Callable[[Any], None] | None = None,
) -> Result:
    """Run an audit, enter it in the store's index, and write its result and reports into its folder.

    Args:
        audit: The question.
        store: Where jobs leave their files; the folder ``<store>/<name>`` takes result and reports.
        engine: What executes the jobs.
        data: The data set, where it is at hand already.
        progress: Called with the engine's events.

    Returns:
        The answer.
    """
    entry = store.add_audit(name=audit.name, recipe=recipe_tables(audit), keys=())
    try:
        result = run(audit, store=store, engine=engine, data=data, progress=progress)
        digest = store.blobs.put(write(result, store.root / audit.name))
    except BaseException as error:
        store.finish_audit(entry.id, state="interrupted" if isinstance(error, KeyboardInterrupt) else "failed")
        raise
    store.finish_audit(entry.id, result=digest, keys=sorted({item["key"] for item in result.run["predictions"]}))
    return result
