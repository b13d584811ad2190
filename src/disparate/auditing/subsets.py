"""Subset runs: the reference trained on random parts of the training split, for consistency and memorisation."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from disparate.auditing.audit import Audit, is_trained
from disparate.auditing.look import Look, job_beside
from disparate.auditing.plan import plan
from disparate.auditing.recalling import CORRECT, TRAINED_ON
from disparate.auditing.run import Answers
from disparate.data.grouped import GroupedDataset
from disparate.engine.job import Job
from disparate.errors import BadInput
from disparate.explain.examples import Numbers, group_numbers
from disparate.findings import Finding
from disparate.groups import Groups
from disparate.measures.difficulty import SubsetRuns
from disparate.predictions import REFERENCE
from disparate.store.numbers import NumberTable, read_numbers
from disparate.store.runs import Store

RECALL = "disparate.auditing.recalling:recall_network"
RECALL_VERSION = 1
SCORES = {
    "consistency_score": ("low", "no subset run left the example out"),
    "memorisation": ("high", "the example was in every subset run, or in none"),
}
"""Which end of each score is hard, and when an example has none."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class SubsetRun:
    """One training on a part of the training split, and the job that asks what was learnt.

    Args:
        trainings: The jobs that train, one stage after the other.
        recall: The job that asks.
    """

    trainings: tuple[Job, ...]
    recall: Job

    @property
    def jobs(self) -> tuple[Job, ...]:
        """All of its jobs."""
        return (*self.trainings, self.recall)


def subset_runs(audit: Audit, answers: Answers, look: Look) -> tuple[SubsetRun, ...]:
    """Return the jobs of as many subset runs as a look asks for; every run has its own part and its own seed.

    Args:
        audit: The question; the reference is what is trained.
        answers: What its jobs gave, to know data and profiles.
        look: How many runs, on which share.

    Returns:
        The runs; none where none are asked for.

    Raises:
        BadInput: The weights were trained elsewhere, or the reference is trained on a part of the data already.
    """
    if not look.subsets:
        return ()
    if is_trained(audit):
        raise BadInput(
            f"subsets is {look.subsets}, but the weights were trained elsewhere; consistency and memorisation need "
            "trainings on parts of the data. Hand in a function that makes the network, or leave subsets out."
        )
    if audit.training.subset != 1:
        raise BadInput(f"subsets is {look.subsets}, but training has subset = {audit.training.subset} already.")
    return tuple(_run(audit, answers, look, number) for number in range(look.subsets))


def _run(audit: Audit, answers: Answers, look: Look, number: int) -> SubsetRun:
    """Return one run: planned as the reference of an audit of one seed, so that its keys are those of a training."""
    training = replace(audit.training, subset=look.subset_share, subset_seed=number, keep_epochs=())
    seed = audit.seeds[number % len(audit.seeds)]
    own = replace(audit, training=training, variants=(), seeds=(seed,), repeats=1, draws=1)
    laid_out = plan(own, content=answers.plan.jobs[0].arguments["content"], fingerprints=answers.fingerprints)
    planned = laid_out.runs[0]
    jobs = {job.key: job for job in laid_out.jobs}
    trainings = [job for key, job in jobs.items() if key != planned.key]
    config = audit.reference.training(training.seeded(seed)).to_json()
    asked = {"version": RECALL_VERSION, "examples": look.examples, "config": config}
    recall = job_beside("recall", RECALL, jobs[planned.key], asked)
    return SubsetRun(
        trainings=tuple(replace(job, name=f"{job.name.split()[0]} subset {number}") for job in trainings),
        recall=replace(recall, name=f"recall subset {number}"),
    )


def subset_findings(
    audit: Audit, runs: Sequence[SubsetRun], data: GroupedDataset, *, by: str, store: Store
) -> Iterator[Finding]:
    """Yield consistency and memorisation of every group, on the training and on the judged split.

    Args:
        audit: The question.
        runs: The subset runs, done.
        data: The data set.
        by: The partition.
        store: Holds what the runs gave.

    Yields:
        ``consistency_score`` and ``memorisation``: means, means above everyone's, shares among the hardest tenth;
        memorisation of the training split alone, for nothing else is ever trained on.
    """
    if not runs:
        return
    tables = [read_numbers(store.output(run.recall.key, "answers")) for run in runs]
    place = {value: row for row, value in enumerate(data.example_id.tolist())}
    for split in dict.fromkeys(("train", audit.split)):
        own = [table.of(split) for table in tables]
        rows = np.array([place[value] for value in own[0].example_id.tolist()])
        groups = Groups.of({name: item.take(rows) for name, item in data.attributes.items()}, by=by)
        for numbers in _scores(own, split):
            for finding in group_numbers(numbers, groups, level=audit.level):
                method = "; ".join(part for part in (finding.method, f"{len(runs)} subset runs") if part)
                yield replace(finding, seeds=None, method=method)


def judged_scores(runs: Sequence[SubsetRun], *, split: str, store: Store) -> dict[str, Numbers]:
    """Return consistency and, of the training split, memorisation of every example, by name; empty without runs."""
    if not runs:
        return {}
    tables = [read_numbers(store.output(run.recall.key, "answers")).of(split) for run in runs]
    return {numbers.measure: numbers for numbers in _scores(tables, split)}


def _scores(tables: Sequence[NumberTable], split: str) -> Iterator[Numbers]:
    correct, seen = (np.stack([table.columns[name] for table in tables]) > 0.5 for name in (CORRECT, TRAINED_ON))
    runs = SubsetRuns(correct=correct, trained_on=seen)
    values = {"consistency_score": runs.consistency()}
    if split == "train":
        values["memorisation"] = runs.memorisation()
    for name, scores in values.items():
        hard, undefined_when = SCORES[name]
        yield Numbers(
            measure=name,
            variant=REFERENCE,
            split=split,
            values=scores[None],
            unit="share",
            hard=hard,
            undefined_when=undefined_when,
        )
