"""Explanation: from an answered audit to why groups pay. A job looks at every network; findings come from its file."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from disparate.auditing.audit import Audit
from disparate.auditing.plan import PlannedRun
from disparate.auditing.run import Answers, Engine, answer, run
from disparate.data import data_named
from disparate.data.grouped import GroupedDataset
from disparate.engine.events import Planned
from disparate.engine.job import Job, key_of
from disparate.errors import BadInput, suggestion
from disparate.explain.correlations import Column as Cause
from disparate.explain.correlations import correlations
from disparate.explain.examples import Numbers, group_numbers
from disparate.explain.flips import Flips, flip_findings
from disparate.explain.parameter_distance import parameter_distance
from disparate.explain.survey import Survey, curvature_findings, gradient_findings, taylor_findings
from disparate.findings import Finding, Findings, Result
from disparate.groups import Groups
from disparate.predictions import REFERENCE, Predictions
from disparate.provenance import versions
from disparate.report.cautions import cautions
from disparate.store.numbers import NumberTable, read_numbers
from disparate.store.runs import Store

STEP = "disparate.auditing.explaining:explain_network"
SURVEY = "disparate.auditing.surveying:survey_network"
EXPLANATION_VERSION = 1
SURVEY_VERSION = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """How closely networks are looked at.

    Args:
        variants: Variants beside the reference; all where empty.
        seeds: Training seeds; all of the audit where empty.
        examples: Most training examples that get numbers of their own.
        curvature: Most training examples of a group that its curvature is taken over.
        tolerance: Largest residual of an eigenvalue, as a share of it.
    """

    variants: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    examples: int = 4000
    curvature: int = 500
    tolerance: float = 0.01


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """A number per example that explanations hold.

    Args:
        unit: Its unit.
        hard: Which end is hard, ``"high"`` or ``"low"``; None where it is not about difficulty.
        undefined_when: When an example has none.
    """

    unit: str
    hard: str | None = None
    undefined_when: str = "the network has no such number"


COLUMNS: Mapping[str, Column] = {
    "closeness_gini": Column(unit="closeness"),
    "distance_logit_signed": Column(unit="logits"),
    "distance_inputs": Column(unit="input units", undefined_when="no gradient leads to another class"),
    "distance_parameters": Column(unit="parameter units", undefined_when="no gradient leads to another class"),
    "vog": Column(unit="logits per input unit", hard="high"),
    "vog_early": Column(unit="logits per input unit", hard="high"),
    "vog_middle": Column(unit="logits per input unit", hard="high"),
    "vog_late": Column(unit="logits per input unit", hard="high"),
    "first_correct": Column(unit="epochs", undefined_when="never right in the epochs that were kept"),
    "stably_correct": Column(unit="epochs", undefined_when="wrong in the last epoch"),
    "forgetting_events": Column(unit="count", hard="high", undefined_when="never right in the epochs that were kept"),
    "el2n": Column(unit="length", hard="high"),
}
"""Every column of the files that explanations leave, in the order of the report."""

NEAR: Mapping[str, float] = {"closeness_gini": 1.0, "distance_inputs": -1.0, "distance_parameters": -1.0}
"""Columns that say how near the boundary an example lies, with the sign that makes large near."""


CAUSES = ("gradient_norm", "hessian_eigenvalue", "closeness_gini", "distance_parameters", "vog", "first_correct")
"""What of the reference may go with harm; gradients and curvature of the training split, the rest of the judged one."""

OF_TRAINING = frozenset({"gradient_norm", "hessian_eigenvalue"})

PARTS = frozenset({"form", "layer", "epoch"})
"""What stands in ``where`` of a finding that is a part of another, or made of it."""

HARMS = ("excessive_risk", "accuracy", "churn")
"""What a variant does to a group: a gain of accuracy is a negative harm, so its correlations have the other sign."""

ORDERS_SEED = 17


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Looked:
    """One network that was looked at.

    Args:
        planned: Which run of the audit it is.
        job: The job that gives numbers per example.
        survey: The job that gives gradients and curvature per group.
    """

    planned: PlannedRun
    job: Job
    survey: Job


def explain(
    audit: Audit,
    answers: Answers,
    *,
    look: Look,
    store: Store,
    engine: Engine,
    progress: Callable[[Any], None] | None = None,
) -> Findings:
    """Look at the networks of an answered audit and say what tells who pays.

    Args:
        audit: The question.
        answers: What its jobs gave.
        look: How closely to look.
        store: Where jobs leave their files.
        engine: What executes them.
        progress: Called with the engine's events.

    Returns:
        Levels of every number by variant, split and group, and what tells which answers flip.

    Raises:
        BadInput: There is no such variant or seed.
    """
    looked = networks(audit, answers, look, store)
    jobs = tuple({job.key: job for item in looked for job in (item.job, item.survey)}.values())
    if progress is not None:
        progress(Planned(jobs=jobs))
    engine.execute(jobs, store, progress=progress)
    tables = {item.planned.run: read_numbers(store.output(item.job.key, "examples")) for item in looked}
    predictions = {item.run: item for item in answers.predictions}
    told: list[Finding] = []
    for by in audit.groups:
        told += _levels(audit, by, tables, predictions)
        told += _flips(audit, by, tables, predictions)
        told += _surveyed(audit, answers, by, looked, store)
    return Findings(tuple(told))


def explained(
    audit: Audit,
    *,
    look: Look,
    store: Store,
    engine: Engine,
    data: GroupedDataset | None = None,
    progress: Callable[[Any], None] | None = None,
) -> Result:
    """Answer an audit, look at its networks, and add why to what.

    Jobs that the store holds are not done again; after an audit only the looking is left.

    Args:
        audit: The question.
        look: How closely to look.
        store: Where jobs leave their files.
        engine: What executes them.
        data: The data set, where it is at hand already.
        progress: Called with the engine's events.

    Returns:
        The audit's result with the findings of the explanation after its own.

    Raises:
        BadInput: The audit cannot be answered, or there is no such variant or seed.
    """
    data = data if data is not None else data_named(audit.data)
    result = run(audit, store=store, engine=engine, data=data, progress=progress)
    answers = answer(audit, data, store=store, engine=engine)
    told = explain(audit, answers, look=look, store=store, engine=engine, progress=progress)
    findings = result.findings + told
    findings += Findings(tuple(_correlations(audit, findings, data)))
    record = {**result.run, "explanation": asdict(look)}
    return replace(result, findings=findings, cautions=tuple(cautions(findings, record)), run=record)


def networks(audit: Audit, answers: Answers, look: Look, store: Store) -> tuple[Looked, ...]:
    """Return the job that looks at every network that is asked for: first repeat, first draw.

    Args:
        audit: The question.
        answers: What its jobs gave.
        look: Which networks, how closely.
        store: Knows which epochs were kept.

    Returns:
        One per variant and seed.

    Raises:
        BadInput: There is no such variant or seed.
    """
    known = [variant.name for variant in audit.variants]
    for name in look.variants:
        if name not in known:
            raise BadInput(f"variant '{name}' is not in the audit.{suggestion(name, known)}")
    if strangers := sorted(set(look.seeds) - set(audit.seeds)):
        raise BadInput(f"seed {strangers[0]} is not in the audit; its seeds are {list(audit.seeds)}.")
    variants, seeds = {REFERENCE, *(look.variants or known)}, look.seeds or audit.seeds
    jobs = {job.key: job for job in answers.plan.jobs}
    return tuple(
        _looked(audit, planned, jobs[planned.key], look, store)
        for planned in answers.plan.runs
        if planned.run.variant in variants and planned.run.seed in seeds and planned.run.repeat == planned.run.draw == 0
    )


def _looked(audit: Audit, planned: PlannedRun, prediction: Job, look: Look, store: Store) -> Looked:
    """Return the jobs that look at the network behind a prediction: their keys hold that of the prediction."""
    trained = store.job(planned.weights.key)
    outputs = () if trained is None else trained.outputs
    kept = {int(name.removeprefix("epoch_")): name for name in sorted(outputs) if name.startswith("epoch_")}
    last = int(planned.weights.output.removeprefix("epoch_"))
    epochs = {str(epoch): name for epoch, name in kept.items() if epoch <= last}
    if prediction.arguments["choices"]:
        epochs = {}
    asked = {"version": EXPLANATION_VERSION, "epochs": epochs, "examples": look.examples}
    surveyed = {
        "version": SURVEY_VERSION,
        "epochs": epochs,
        "by": list(audit.groups),
        "curvature": look.curvature,
        "tolerance": look.tolerance,
    }
    return Looked(
        planned=planned,
        job=_job("explain", STEP, prediction, asked),
        survey=_job("survey", SURVEY, prediction, surveyed),
    )


def _job(kind: str, function: str, prediction: Job, asked: Mapping[str, Any]) -> Job:
    return Job(
        key=key_of(kind=kind, of=prediction.key, versions=versions(), **asked),
        name=prediction.name.replace("predict", kind, 1),
        function=function,
        arguments={**prediction.arguments, **asked},
        environment=prediction.environment,
        threads=prediction.threads,
        needs=prediction.needs,
    )


def _surveyed(audit: Audit, answers: Answers, by: str, looked: Sequence[Looked], store: Store) -> Iterator[Finding]:
    """Yield gradients and curvature of every variant, and for each what the theorems allow beside what happened."""
    surveys = {item.planned.run: _survey(item, store) for item in looked}
    classes = len(answers.predictions[0].label_names)
    references = {which.seed: found for which, found in surveys.items() if which.variant == REFERENCE}
    for variant in dict.fromkeys(which.variant for which in surveys):
        own = [found for which, found in surveys.items() if which.variant == variant]
        if any(not found.rows for found in own):
            continue
        for split in dict.fromkeys(("train", audit.split)):
            yield from gradient_findings(own, by=by, split=split, variant=variant, level=audit.level)
        yield from curvature_findings(own, by=by, variant=variant, level=audit.level)
        if variant != REFERENCE:
            yield from taylor_findings(
                [references[found.seed] for found in own],
                own,
                [_distance(answers, variant, found, store) for found in own],
                by=by,
                variant=variant,
                classes=classes,
                level=audit.level,
            )


def _survey(item: Looked, store: Store) -> Survey:
    done = store.job(item.survey.key)
    record: Mapping[str, Any] = {} if done is None else done.record
    return Survey(
        seed=item.planned.run.seed,
        rows=record.get("groups", ()),
        flow=record.get("flow", ()),
        moved=record.get("moved"),
    )


def _distance(answers: Answers, variant: str, found: Survey, store: Store) -> float:
    """Return ‖θ − θ′‖₂ of training or of the model choices; where there are both, their sum, which it cannot exceed."""
    own, reference = (answers.plan.weights(name, found.seed) for name in (variant, REFERENCE))
    if own == reference:
        return found.moved or 0.0
    files = (store.output(weights.key, weights.output) for weights in (own, reference))
    return parameter_distance(*files).whole.l2 + (found.moved or 0.0)


def _levels(
    audit: Audit, by: str, tables: Mapping[Any, NumberTable], predictions: Mapping[Any, Predictions]
) -> Iterator[Finding]:
    for variant in dict.fromkeys(which.variant for which in tables):
        runs = [which for which in tables if which.variant == variant]
        own = [tables[which].of(audit.split) for which in runs]
        groups = _groups(audit, by, predictions[runs[0]], own[0])
        for name, column in COLUMNS.items():
            if all(name in table.columns for table in own):
                numbers = Numbers(
                    measure=name,
                    variant=variant,
                    split=audit.split,
                    values=np.stack([table.columns[name] for table in own]),
                    unit=column.unit,
                    hard=column.hard,
                    undefined_when=column.undefined_when,
                )
                yield from group_numbers(numbers, groups, level=audit.level)


def _flips(
    audit: Audit, by: str, tables: Mapping[Any, NumberTable], predictions: Mapping[Any, Predictions]
) -> Iterator[Finding]:
    references = {which.seed: which for which in tables if which.variant == REFERENCE}
    for variant in dict.fromkeys(which.variant for which in tables if which.variant != REFERENCE):
        runs = [which for which in tables if which.variant == variant and which.seed in references]
        own = [tables[references[which.seed]].of(audit.split) for which in runs]
        groups = _groups(audit, by, predictions[runs[0]], own[0])
        flipped = np.stack([
            predictions[which].predicted != predictions[references[which.seed]].predicted for which in runs
        ])
        for name, sign in NEAR.items():
            if all(name in table.columns for table in own):
                near = sign * np.stack([table.columns[name] for table in own])
                near = np.where(np.isfinite(near), near, _farthest(near))
                flips = Flips(variant=variant, measure=name, near=near, flipped=flipped, split=audit.split)
                yield from flip_findings(flips, groups, level=audit.level)


def _correlations(audit: Audit, findings: Findings, data: GroupedDataset) -> Iterator[Finding]:
    """Yield what of the reference goes with what its variants cost, group by group."""
    train = data.rows("train")
    attributes = {name: attribute.take(train) for name, attribute in data.attributes.items()}
    generator = np.random.default_rng(ORDERS_SEED)
    for by in audit.groups:
        sizes = Groups.of(attributes, by=by).counts()
        causes = [Cause(name="group_size", values={name: float(n) for name, n in sizes.items()})]
        causes += [_cause(name, audit, findings, by) for name in CAUSES]
        for variant in audit.variants:
            harms = [
                Cause.of(name, list(findings.where(measure=name, variant=variant.name, by=by, axis=axis, label=None)))
                for name in HARMS
                for axis in ("both" if len(audit.seeds) > 1 else "examples",)
            ]
            yield from correlations(
                [cause for cause in causes if cause.values],
                [harm for harm in harms if harm.values],
                by=by,
                variant=variant.name,
                generator=generator,
            )


def _cause(name: str, audit: Audit, findings: Findings, by: str) -> Cause:
    own = findings.where(lambda item: not PARTS.intersection(item.where or {}), measure=name, variant=REFERENCE, by=by)
    splits = {(item.where or {}).get("split") for item in own}
    split = audit.split if audit.split in splits and name not in OF_TRAINING else "train"
    return Cause.of(name, list(own.where(split=split)))


def _farthest(near: NDArray[np.float64]) -> float:
    """Return a number beyond the farthest: an example that no gradient leads away from is farther than all others."""
    return float(np.nanmin(near)) - 1 if np.isfinite(near).any() else 0.0


def _groups(audit: Audit, by: str, predictions: Predictions, table: NumberTable) -> Groups:
    if predictions.example_id.tolist() != table.example_id.tolist():
        raise BadInput(
            f"{predictions.run}: predictions and explanation hold different examples; was the store changed by hand?"
        )
    return predictions.groups(by, reference=audit.reference_groups.get(by))
