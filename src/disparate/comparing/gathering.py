"""From sources to runs: loaded and matched in memory, or counted on disk."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from disparate.comparing.alike import collapsed
from disparate.comparing.answers import Answers, read_answers, read_labels, used_columns
from disparate.comparing.building import build
from disparate.comparing.columns import MOST_LABELS, TARGET, Columns, RowNames, encoded, numbers, weights
from disparate.comparing.comparison import Comparison
from disparate.comparing.label_sets import Sets
from disparate.comparing.matching import SHOWN, match, require_same, some
from disparate.comparing.opening import is_parquet
from disparate.comparing.sources import Source
from disparate.errors import BadInput
from disparate.predictions import REFERENCE, Predictions
from disparate.provenance import cores
from disparate.store.files import File, size, stream
from disparate.store.patterns import ID, CountedTable, Patterns, Progress, Step, unheard
from disparate.store.spill import Room
from disparate.store.tables import pattern_counts

LARGE_ROWS = 4_000_000
"""With more rows than this over all files, files of answers are counted on disk."""
LARGE_BYTES = 200_000_000
"""The same for CSV files, whose rows are not known beforehand."""
Read = TypeVar("Read")
ALIASES = {"target": "target", "predicted": "predicted", "weight": "weight", "score": "score"}


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Gathered:
    """What the tables gave.

    Args:
        panels: Runs over the same examples, to be judged together; one panel, or one per variant.
        tables: What each run was read from: variant, seed, repeat, table and rows.
        left_out: Table to how many of its rows have no partner.
        spelled_alike: Ids that differ from another by leading zeros alone.
        zeros: Table to how many targets had a probability of exactly 0.
        runs: The runs row by row, with their ids; empty where rows were counted on disk.
        on_disk: Whether rows were counted on disk.
        sets: What is in the labels, where they are sets.
    """

    panels: tuple[tuple[Predictions, ...], ...]
    tables: tuple[dict[str, object], ...]
    left_out: dict[str, int] = field(default_factory=dict[str, int])
    spelled_alike: tuple[str, ...] = ()
    zeros: dict[str, int] = field(default_factory=dict[str, int])
    runs: tuple[Predictions, ...] = ()
    on_disk: bool = False
    sets: Sets | None = None


def gather(question: Comparison, progress: Progress = unheard) -> Gathered:
    """Return the runs of a comparison.

    Args:
        question: The comparison.
        progress: Called while files are read, matched and counted.

    Returns:
        The runs.

    Raises:
        BadInput: A table is not what it has to be, or tables do not fit together.
    """
    question = replace(question, columns=_readable(question))
    if question.counts_only or _is_large(question):
        return _counted(question, progress)
    told: list[Answers] = []
    for place, source in enumerate(question.sources):
        progress(f"reading {source.called}", place / len(question.sources))
        told.append(read_answers(source, question.columns, question.attributes, full=source.run.variant == REFERENCE))
    progress("matching rows by id", 0.0)
    matched = match(told, allow_partial=question.allow_partial)
    built = build(matched.answers, question.columns)
    first = built.runs[0]
    plain = first.answers == "labels" and first.loss is None and first.cluster_id is None
    return Gathered(
        panels=(collapsed(built.runs) if plain else built.runs,),
        tables=tuple(_entry(source, len(table)) for source, table in zip(question.sources, told, strict=True)),
        left_out=matched.left_out,
        spelled_alike=matched.spelled_alike,
        zeros=built.zeros,
        runs=built.runs,
        sets=built.sets,
    )


def _readable(question: Comparison) -> Columns:
    """Return the columns, without a target where populations are compared whose right answers are not known."""
    columns = question.columns
    if question.population and columns.target == TARGET and TARGET not in question.sources[0].open().names:
        return replace(columns, target="")
    return columns


def _is_large(question: Comparison) -> bool:
    columns = question.columns
    files = [file for source in question.sources for file in source.files]
    needs_rows = (
        columns.loss or columns.cluster or not columns.of_labels or (columns.scores and not question.of_answers)
    )
    if needs_rows or not all(source.files for source in question.sources):
        return False
    sizes = [size(file) for file in files]
    if not all(sizes):
        return False
    if sum(found or 0 for found, file in zip(sizes, files, strict=True) if not is_parquet(file)) > LARGE_BYTES:
        return True
    try:
        return sum(_rows(file) for file in files if is_parquet(file)) > LARGE_ROWS
    except (pa.ArrowException, OSError):
        return False


def _rows(file: File) -> int:
    with stream(file) as opened:
        return pq.read_metadata(opened).num_rows


def _counted(question: Comparison, progress: Progress) -> Gathered:
    _require_countable(question)
    sides = [_side(source, question) for source in question.sources]
    panels: list[tuple[Predictions, ...]] = []
    rows: dict[int, int] = {}
    left_out: dict[str, int] = {}
    alike: set[str] = set()
    room = Room(memory=question.memory, threads=cores(), folder=question.spill)
    for chosen in _together(question):
        patterns = pattern_counts([sides[place] for place in chosen], room=room, progress=progress)
        kept, lost = _shared(patterns, [sides[place] for place in chosen], allow_partial=question.allow_partial)
        rows |= dict(zip(chosen, patterns.rows, strict=True))
        left_out |= lost
        alike |= {*patterns.spelled_alike}
        panels.append(_panel(question, [question.sources[place] for place in chosen], kept))
    return Gathered(
        panels=tuple(panels),
        tables=tuple(_entry(source, rows[place]) for place, source in enumerate(question.sources)),
        left_out=left_out,
        spelled_alike=tuple(sorted(alike)[:SHOWN]),
        on_disk=True,
    )


def _require_countable(question: Comparison) -> None:
    columns = question.columns
    if not columns.of_labels:
        kind = "numbers (--regression)" if columns.regression else "sets of labels (--multilabel)"
        raise BadInput(f"counting on disk knows a label per example, not {kind}; leave out --counts-only.")
    for name, given in (("a loss", columns.loss), ("clusters", columns.cluster)):
        if given:
            raise BadInput(f"counting on disk knows answers, not {name} ('{given}'); leave out --counts-only.")
    if columns.scores and columns.threshold is None:
        raise BadInput(
            f"counting on disk knows answers, not scores ('{columns.scores}'); say from which --threshold on a score "
            "is answered as positive, or leave out --counts-only."
        )
    if frames := [source.called for source in question.sources if not source.files]:
        raise BadInput(f"counting on disk needs files; {frames[0]} is in memory. Leave out counts_only.")


def _together(question: Comparison) -> list[list[int]]:
    """Return which sources are joined at once: every variant with the reference, or all where they are one question."""
    own = [place for place, source in enumerate(question.sources) if source.run.variant == REFERENCE]
    if question.hardware or question.allow_partial or len(question.variants) == 1:
        return [list(range(len(question.sources)))]
    return [
        own + [place for place, source in enumerate(question.sources) if source.run.variant == name]
        for name in question.variants
    ]


def _side(source: Source, question: Comparison) -> CountedTable:
    opened = source.open()
    lowered = [name.casefold() for name in opened.names]
    try:
        roles = used_columns(opened.names, question.columns, question.attributes, full=source.run.variant == REFERENCE)
    except BadInput as error:
        raise BadInput(f"{opened.called}: {error}") from None
    if twice := [name for name in roles if lowered.count(name.casefold()) > 1]:
        raise BadInput(f"{opened.called}: column '{twice[0]}' is there in several cases; rename one to count on disk.")
    columns = {"id": question.columns.id}
    columns |= {ALIASES[role]: name for name, role in roles.items() if role in ALIASES}
    if question.columns.target in roles:
        columns["target"] = question.columns.target
    columns |= {f"g{place}": name for place, name in enumerate(question.attributes) if name in roles}
    steps = {"score": _step(opened.called, roles, question.columns)} if "score" in columns else {}
    return CountedTable(called=opened.called, files=source.files, columns=columns, steps=steps)


def _step(called: str, roles: Mapping[str, str], columns: Columns) -> Step:
    scores = [name for name, role in roles.items() if role == "score"]
    if len(scores) > 1 or columns.threshold is None:
        raise BadInput(f"{called}: {len(scores)} score columns {scores[:5]}; one was expected for counting on disk.")
    return Step(least=columns.threshold, bounds=(-math.inf, math.inf) if columns.logits else (0.0, 1.0))


def _shared(
    patterns: Patterns, sides: Sequence[CountedTable], *, allow_partial: bool
) -> tuple[pa.Table, dict[str, int]]:
    n = patterns.counts.column("n").to_numpy()
    present = [patterns.counts.column(f"present_{k}").to_numpy() for k in range(len(sides))]
    shared = np.all(present, axis=0)
    total = int(n[shared].sum())
    if not total:
        raise BadInput(
            f"no id is in all tables: {', '.join(side.called for side in sides)}. Name the column with --id."
        )
    lost = {side.called: rows - total for side, rows in zip(sides, patterns.rows, strict=True) if rows > total}
    if lost and not allow_partial:
        told = [
            f"{lost[side.called]:,} of {rows:,} ids of {side.called} are not in every other, such as "
            f"{some(patterns.counts.column(ID).filter(pa.array(own & ~shared)))}"
            for side, rows, own in zip(sides, patterns.rows, present, strict=True)
            if side.called in lost
        ]
        raise BadInput(f"{'; '.join(told)}. Compare the same examples, or allow it with --allow-partial.")
    return patterns.counts.filter(pa.array(shared)), lost


def _panel(question: Comparison, sources: Sequence[Source], counts: pa.Table) -> tuple[Predictions, ...]:
    multiplicity = counts.column("n").to_numpy().astype(np.int64)
    rows = RowNames(ids=counts.column(ID), multiplicity=multiplicity)
    tables = [_answers(question, source, counts, place, rows) for place, source in enumerate(sources)]
    for table in tables[1:]:
        require_same(tables[0], table, multiplicity=multiplicity)
    # Scores were held against their threshold while they were counted: what is left of them is 0 or 1.
    built = build(tables, replace(question.columns, threshold=0.5, logits=False))
    return collapsed([replace(item, multiplicity=multiplicity) for item in built.runs])


def _answers(question: Comparison, source: Source, counts: pa.Table, place: int, rows: RowNames) -> Answers:
    opened = source.open()
    labels = read_labels(opened, most=MOST_LABELS, rows=rows)

    def read(alias: str, name: str, reader: Callable[[pa.ChunkedArray, str], Read]) -> Read | None:
        if f"{alias}_{place}" not in counts.column_names:
            return None
        try:
            return reader(counts.column(f"{alias}_{place}"), name)
        except BadInput as error:
            raise BadInput(f"{opened.called}: {error}") from None

    groups = {name: read(f"g{k}", name, encoded) for k, name in enumerate(question.attributes)}
    return Answers(
        run=source.run,
        called=opened.called,
        ids=counts.column(ID).combine_chunks(),
        target=read("target", question.columns.target, labels),
        predicted=read("predicted", question.columns.predicted, labels),
        groups={name: attribute for name, attribute in groups.items() if attribute is not None},
        scores=read("score", "".join(question.columns.scores), partial(_steps, rows=rows)),
        score_labels=("",) if question.columns.scores else (),
        weight=read("weight", question.columns.weight, partial(weights, rows=rows)),
    )


def _steps(column: pa.ChunkedArray, name: str, *, rows: RowNames) -> NDArray[np.float64]:
    if column.null_count:
        where = rows.first(column.combine_chunks().is_null().to_numpy(zero_copy_only=False))
        raise BadInput(
            f"score column '{name}' is empty, NaN, infinite, no number, or (unless they are --logits) outside [0, 1] "
            f"in {where}; a score in each was expected. A model that gives NaN has to be corrected."
        )
    return numbers(column, name)[:, None]


def _entry(source: Source, rows: int) -> dict[str, object]:
    run = source.run
    return {"variant": run.variant, "seed": run.seed, "repeat": run.repeat, "table": source.called, "rows": rows}
