"""Counts of prediction files that need not fit into memory.

Files that hold the same whole ids in rising order are read side by side; any others are joined by id in DuckDB.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
import pyarrow as pa

from disparate.store.aligned import aligned_counts
from disparate.store.patterns import ID, MOST_PATTERNS, CountedTable, Patterns, Progress, unheard
from disparate.store.spill import Room

SIDE_BY_SIDE = "reading rows side by side and counting"


def pattern_counts(
    tables: Sequence[CountedTable], *, room: Room | None = None, progress: Progress = unheard
) -> Patterns:
    """Match rows of tables by id and count alike rows, in bounded memory.

    Args:
        tables: The tables.
        room: Memory, threads and disk.
        progress: Called while it runs.

    Returns:
        The counts. A row that is in some of the tables only is counted with ``present_k`` false for the others.

    Raises:
        BadInput: A file cannot be read, an id is missing or occurs twice, ids cannot be compared, there are too many
            patterns, or memory or disk are not enough.
    """
    if (aligned := _in_order(tables, progress)) is not None:
        return aligned
    from disparate.store.joined import joined_counts  # duckdb is loaded by those who need it

    return joined_counts(tables, room=room or Room(), progress=progress)


def _in_order(tables: Sequence[CountedTable], progress: Progress) -> Patterns | None:
    """Return the counts of tables that hold the same rising whole ids, read side by side; None for any others."""
    if not all(table.is_parquet and not table.steps for table in tables):
        return None
    wanted = [[table.columns[ID], *table.counted.values()] for table in tables]
    try:
        found = aligned_counts(
            [table.files for table in tables], wanted, most=MOST_PATTERNS, told=partial(progress, SIDE_BY_SIDE)
        )
    except (pa.ArrowException, OSError, KeyError):
        return None  # what is wrong with the files is said by the join
    if found is None or not found.counts:
        return None
    names = [f"{alias}_{k}" for k, table in enumerate(tables) for alias in table.counted]
    values = zip(*found.patterns, strict=True)
    content = {name: pa.array(column) for name, column in zip(names, values, strict=True)}
    present = {f"present_{k}": pa.array(np.ones(len(found.counts), dtype=np.bool_)) for k in range(len(tables))}
    ids = pa.array([str(value) for value in found.ids], pa.string())
    counts = pa.table({**content, **present, "n": pa.array(found.counts, pa.int64()), ID: ids})
    return Patterns(counts=counts, rows=(found.rows,) * len(tables))
