"""Evidence: what the looks at the networks of an audit left behind, read once and handed to those who tell."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from disparate.auditing.audit import Audit
from disparate.auditing.look import Looked
from disparate.auditing.run import Answers
from disparate.auditing.walking import line_of
from disparate.data.grouped import GroupedDataset
from disparate.engine.job import Job
from disparate.errors import BadInput
from disparate.explain.parameter_distance import ParameterDistance
from disparate.explain.survey import Survey
from disparate.geometry.line import Line
from disparate.groups import Groups
from disparate.predictions import REFERENCE, Predictions, Run
from disparate.store.numbers import NumberTable, read_numbers
from disparate.store.runs import Store

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Walk:
    """The way from the reference's weights to a variant's.

    Args:
        apart: How far they are; None where the variant's are no numbers of the same kind.
        line: Loss and answers on the way; None where there is none.
        example_id: Whose.
        settled: Examples that statistics of normalisation were estimated anew from; 0 where they were not.
        undefined: Why there is no distance (``weights``) or no line (``line``).
    """

    apart: ParameterDistance | None
    line: Line | None
    example_id: NDArray[Any]
    settled: int
    undefined: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Evidence:
    """What is known of every network that was looked at.

    Args:
        audit: The question.
        answers: What its jobs gave.
        data: The data set.
        store: Where checkpoints lie.
        tables: Numbers per example by run.
        surveys: Gradients and curvature by run; a run with the reference's weights has none.
        walks: Ways from the reference by run, likewise.
        undefined: Why numbers per example could not be had, by run.
        along: Most examples of a group along a line.
    """

    audit: Audit
    answers: Answers
    data: GroupedDataset
    store: Store
    tables: Mapping[Run, NumberTable]
    surveys: Mapping[Run, Survey]
    walks: Mapping[Run, Walk]
    undefined: Mapping[Run, Mapping[str, str]]
    along: int
    predictions: Mapping[Run, Predictions] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "predictions", {item.run: item for item in self.answers.predictions})

    @classmethod
    def read(
        cls, audit: Audit, answers: Answers, data: GroupedDataset, looked: Sequence[Looked], store: Store, *, along: int
    ) -> "Evidence":
        """Read what the jobs left in a store."""
        records = {item.planned.run: _record(store, item.job) for item in looked}
        return cls(
            audit=audit,
            answers=answers,
            data=data,
            store=store,
            tables={item.planned.run: read_numbers(store.output(item.job.key, "examples")) for item in looked},
            surveys={item.planned.run: _survey(item, item.survey, store) for item in looked if item.survey is not None},
            walks={item.planned.run: _walk(item.walk, store) for item in looked if item.walk is not None},
            undefined={run: record.get("undefined", {}) for run, record in records.items()},
            along=along,
        )

    def variants(self) -> tuple[str, ...]:
        """Return the variants that were looked at, the reference first."""
        return tuple(dict.fromkeys(run.variant for run in self.tables))

    def runs(self, variant: str) -> tuple[Run, ...]:
        """Return the runs of a variant, one per seed."""
        return tuple(run for run in self.tables if run.variant == variant)

    def seeds(self, variant: str) -> Iterator[tuple[Run, Run]]:
        """Yield every run of a variant with the reference's of the same seed, where both were looked at."""
        references = {run.seed: run for run in self.runs(REFERENCE)}
        return ((run, references[run.seed]) for run in self.runs(variant) if run.seed in references)

    def groups(self, by: str, variant: str, split: str) -> Groups:
        """Return the partition of the examples that a variant's tables hold of a split.

        Args:
            by: The partition.
            variant: The variant.
            split: The split.

        Returns:
            The groups, in the order of the table.

        Raises:
            BadInput: Predictions and tables hold different examples.
        """
        run = self.runs(variant)[0]
        ids = self.tables[run].of(split).example_id.tolist()
        reference = self.audit.reference_groups.get(by)
        if split == self.audit.split:
            predictions = self.predictions[run]
            if predictions.example_id.tolist() != ids:
                raise BadInput(
                    f"{run}: predictions and explanation hold different examples; was the store changed by hand?"
                )
            return predictions.groups(by, reference=reference)
        rows = self.positions(ids)
        return Groups.of({name: item.take(rows) for name, item in self.data.attributes.items()}, by=by)

    def names(self, by: str) -> tuple[str, ...]:
        """Return the names of all groups of a partition, those without an example in some split too."""
        return Groups.of(self.data.attributes, by=by).names

    def positions(self, ids: Sequence[Any]) -> NDArray[np.intp]:
        """Return the positions of examples in the data set."""
        place = {value: row for row, value in enumerate(self.data.example_id.tolist())}
        return np.array([place[value] for value in ids], dtype=np.intp)

    def columns(self, variant: str, split: str) -> tuple[NumberTable, ...]:
        """Return the numbers per example of a variant, one table per seed, of the examples of a split."""
        return tuple(self.tables[run].of(split) for run in self.runs(variant))

    def stacked(self, variant: str, split: str, name: str) -> Array | None:
        """Return one column under every seed, shape (seeds, examples); None where a seed has none."""
        own = self.columns(variant, split)
        if not own or not all(name in table.columns for table in own):
            return None
        return np.stack([table.columns[name] for table in own])

    def why(self, variant: str, *keys: str) -> str | None:
        """Return the first reason that any run of a variant gives under one of some keys; None without any."""
        found = (self.undefined[run].get(key) for run in self.runs(variant) for key in keys)
        return next((reason for reason in found if reason), None)


def _record(store: Store, job: Job) -> Mapping[str, Any]:
    done = store.job(job.key)
    return {} if done is None else done.record


def _survey(item: Looked, job: Job, store: Store) -> Survey:
    record = _record(store, job)
    return Survey(
        seed=item.planned.run.seed,
        rows=record.get("groups", ()),
        flow=record.get("flow", ()),
        whole=record.get("whole"),
        undefined=record.get("undefined", {}),
    )


def _walk(job: Job, store: Store) -> Walk:
    record = _record(store, job)
    done = store.job(job.key)
    has_line = done is not None and "line" in done.outputs
    table = read_numbers(store.output(job.key, "line")) if has_line else None
    return Walk(
        apart=ParameterDistance.from_json(record["apart"]) if record.get("apart") else None,
        line=None if table is None else line_of(table, record["at"]),
        example_id=np.array([]) if table is None else table.example_id,
        settled=record.get("settled", 0),
        undefined=record.get("undefined", {}),
    )
