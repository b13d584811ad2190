"""Look: how closely the networks of an audit are looked at, and the jobs that do it."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from disparate.auditing.audit import Audit
from disparate.auditing.plan import PlannedRun, Weights
from disparate.auditing.run import Answers
from disparate.engine.job import Job, key_of
from disparate.errors import BadInput, suggestion
from disparate.predictions import REFERENCE
from disparate.provenance import versions
from disparate.store.runs import Store

EXPLAIN = "disparate.auditing.explaining:explain_network"
SURVEY = "disparate.auditing.surveying:survey_network"
WALK = "disparate.auditing.walking:walk_network"
EXPLANATION_VERSION = 2
SURVEY_VERSION = 2
WALK_VERSION = 1
MATRICES = ("ggn", "empirical_fisher")
"""Matrices beside the Hessian; of cross-entropy the first is the Fisher information of the network's own answers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """How closely networks are looked at.

    The reference is looked at as closely as can be; variants give gradients, largest eigenvalues and closeness to the
    boundary, unless ``thorough`` asks for all.

    Args:
        variants: Variants beside the reference; all where empty.
        seeds: Training seeds; all of the audit where empty.
        examples: Most training examples that get numbers of their own.
        curvature: Most training examples of a group that its curvature is taken over.
        eigenvalues: How many of the largest eigenvalues of every group.
        tolerance: Largest residual of an eigenvalue, as a share of it.
        matrices: Matrices beside the Hessian, of ``MATRICES``; without ``"ggn"`` theorem 4.4 is left out.
        points: Points of the straight line from the reference's weights to a variant's, both ends counted; 0: no line.
        along: Most examples of a group along that line.
        subsets: Trainings of the reference on random parts of the training split, for consistency and memorisation.
        subset_share: Share of the training split that each of them is trained on.
        noise: Standard deviation of the noise on inputs under which a radius is certified; 0: no radius.
        thorough: Whether variants are looked at as closely as the reference.

    Example:
        >>> Look().changed(["eigenvalues=5", "points=0"]).eigenvalues
        5
    """

    variants: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    examples: int = 4000
    curvature: int = 256
    eigenvalues: int = 1
    tolerance: float = 0.01
    matrices: tuple[str, ...] = ("ggn",)
    points: int = 5
    along: int = 200
    subsets: int = 0
    subset_share: float = 0.7
    noise: float = 0.0
    thorough: bool = False

    def __post_init__(self) -> None:
        for name in ("examples", "curvature", "eigenvalues", "along"):
            _require(getattr(self, name) >= 1, name, getattr(self, name), "at least 1")
        _require(0 < self.tolerance < 1, "tolerance", self.tolerance, "a share in (0, 1)")
        _require(self.points == 0 or self.points >= 3, "points", self.points, "0, or at least 3,")
        _require(self.subsets == 0 or self.subsets >= 2, "subsets", self.subsets, "0, or at least 2,")
        _require(0 < self.subset_share < 1, "subset_share", self.subset_share, "a share in (0, 1)")
        _require(self.noise >= 0, "noise", self.noise, "0 or more")
        strange = [name for name in self.matrices if name not in MATRICES]
        _require(not strange, "matrices", strange, f"some of {list(MATRICES)}")

    def changed(self, words: Sequence[str]) -> "Look":
        """Return the look with settings changed by texts such as ``eigenvalues=5``; values are read as TOML.

        Args:
            words: ``name=value`` texts.

        Returns:
            The changed look.

        Raises:
            BadInput: A text is not of that form, there is no such setting, or its value does not fit.
        """
        settings = {item.name: getattr(self, item.name) for item in fields(self)}
        for word in words:
            name, value = _read(word)
            if name not in settings:
                raise BadInput(f"setting '{name}' of a look does not exist.{suggestion(name, settings)}")
            settings[name] = _alike(name, value, settings[name])
        return Look(**settings)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Looked:
    """One network that is looked at.

    Args:
        planned: Which run of the audit it is.
        job: The job that gives numbers per example.
        survey: The job that gives gradients and curvature per group; None where the weights are the reference's.
        walk: The job that goes from the reference's weights to these; None where they are the same or of another width.
    """

    planned: PlannedRun
    job: Job
    survey: Job | None
    walk: Job | None

    @property
    def jobs(self) -> tuple[Job, ...]:
        """All of its jobs."""
        return tuple(job for job in (self.job, self.survey, self.walk) if job is not None)


def networks(audit: Audit, answers: Answers, look: Look, store: Store) -> tuple[Looked, ...]:
    """Return the jobs that look at every network that is asked for: first repeat, first draw.

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
    first = [planned for planned in answers.plan.runs if planned.run.repeat == planned.run.draw == 0]
    own = {planned.run.seed: planned for planned in first if planned.run.variant == REFERENCE}
    return tuple(
        _looked(audit, planned, own[planned.run.seed], jobs, look, store)
        for planned in first
        if planned.run.variant in variants and planned.run.seed in seeds
    )


def _looked(
    audit: Audit, planned: PlannedRun, reference: PlannedRun, jobs: Mapping[str, Job], look: Look, store: Store
) -> Looked:
    """Return the jobs that look at the network behind a prediction: their keys hold that of the prediction."""
    prediction, start = jobs[planned.key], jobs[reference.key]
    is_reference = planned.run.variant == REFERENCE
    closely = is_reference or look.thorough
    epochs = _epochs(planned.weights, store) if closely and not prediction.arguments["choices"] else {}
    moved = planned.weights != reference.weights or prediction.arguments["choices"] != start.arguments["choices"]
    alike = prediction.arguments["model"] == start.arguments["model"]  # between other widths there is no line
    by, asked = list(audit.groups), {"epochs": epochs, "closely": closely}
    explained = {
        **asked,
        "version": EXPLANATION_VERSION,
        "examples": look.examples,
        "noise": look.noise if closely else 0.0,
    }
    surveyed = {
        **asked,
        "version": SURVEY_VERSION,
        "by": by,
        "curvature": look.curvature,
        "eigenvalues": look.eigenvalues,
        "tolerance": look.tolerance,
        "matrices": list(look.matrices) if closely else [],
    }
    walked = {
        "version": WALK_VERSION,
        "by": by,
        "points": look.points,
        "along": look.along,
        "start": {"weights": _pair(reference.weights), "choices": start.arguments["choices"]},
    }
    return Looked(
        planned=planned,
        job=job_beside("explain", EXPLAIN, prediction, explained),
        survey=job_beside("survey", SURVEY, prediction, surveyed) if moved or is_reference else None,
        walk=job_beside("walk", WALK, prediction, walked, needs=(reference.weights.key,)) if moved and alike else None,
    )


def job_beside(kind: str, function: str, prediction: Job, asked: Mapping[str, Any], needs: tuple[str, ...] = ()) -> Job:
    """Return a job that takes the network of a prediction and looks at it in another way.

    Args:
        kind: What the job is called instead of ``predict``.
        function: What it runs.
        prediction: Where model, data, choices and profile come from.
        asked: Further arguments, all of which the answer depends on.
        needs: Keys of further jobs whose files it reads.

    Returns:
        The job.
    """
    return Job(
        key=key_of(kind=kind, of=prediction.key, versions=versions(), **asked),
        name=prediction.name.replace("predict", kind, 1),
        function=function,
        arguments={**prediction.arguments, **asked},
        environment=prediction.environment,
        threads=prediction.threads,
        needs=tuple(dict.fromkeys((*prediction.needs, *needs))),
    )


def _epochs(weights: Weights, store: Store) -> dict[str, str]:
    """Return the kept epochs up to the one whose weights are taken, each with its output."""
    trained = store.job(weights.key)
    outputs = () if trained is None else trained.outputs
    kept = {int(name.removeprefix("epoch_")): name for name in sorted(outputs) if name.startswith("epoch_")}
    last = int(weights.output.removeprefix("epoch_"))
    return {str(epoch): name for epoch, name in kept.items() if epoch <= last}


def _pair(weights: Weights) -> list[str]:
    return [weights.key, weights.output]


def _read(word: str) -> tuple[str, Any]:
    try:
        table = tomllib.loads(word)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"look '{word}' is not of the form name=value, such as eigenvalues=5: {error}.") from error
    if len(table) != 1:
        raise BadInput(f"look '{word}' holds {len(table)} settings; one, such as eigenvalues=5, was expected.")
    return next(iter(table.items()))


def _alike(name: str, value: Any, default: Any) -> Any:
    """Return a value that was read as its setting holds it: lists become tuples, whole numbers may be fractions."""
    if isinstance(default, tuple) and isinstance(value, list):
        return tuple(value)
    if isinstance(default, float) and type(value) is int:
        return float(value)
    if type(value) is not type(default):
        raise BadInput(f"setting '{name}' of a look is {value!r}; a value like {default!r} was expected.")
    return value


def _require(holds: bool, name: str, found: object, expected: str) -> None:
    if not holds:
        raise BadInput(f"look {name} is {found}; {expected} was expected.")
