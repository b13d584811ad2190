"""Counts of prediction files that need not fit into memory.

Files that hold the same whole ids in rising order are read side by side; any others are joined by id in DuckDB.
"""

import glob
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from disparate.errors import BadInput
from disparate.store.aligned import aligned_counts

ID = "id"
MOST_PATTERNS = 2_000_000
"""More different patterns of groups, targets and answers than this are no counts."""
WHOLE = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"})
POLL_S = 0.2

Progress = Callable[[str, float], None]
"""Called with what is being done and the share of it that is done, in [0, 1]."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """Where a column of numbers becomes one of two values, so that it can be counted.

    Args:
        least: Least number that counts as 1; anything below counts as 0.
        bounds: Smallest and largest number there may be; others, and what is no number, are counted as missing.
    """

    least: float
    bounds: tuple[float, float]

    def sql(self, column: str) -> str:
        """Return the column, already quoted, as SQL that gives 1, 0 or NULL."""
        number = f"TRY_CAST({column} AS DOUBLE)"
        low, high, least = (f"CAST('{limit!r}' AS DOUBLE)" for limit in (*self.bounds, self.least))
        inside = f"{number} BETWEEN {low} AND {high} AND isfinite({number})"
        return f"CASE WHEN {inside} THEN CAST({number} >= {least} AS TINYINT) END"


@dataclass(frozen=True, kw_only=True, slots=True)
class CountedTable:
    """A table on disk, and which of its columns are counted.

    Args:
        called: What messages call it.
        files: Parquet or CSV files that together are the table.
        columns: Alias to name of a column; the alias ``"id"`` is what rows are matched by.
        steps: Alias of a column of numbers to where it becomes one of two values.
    """

    called: str
    files: tuple[Path, ...]
    columns: Mapping[str, str]
    steps: Mapping[str, Step] = field(default_factory=dict[str, Step])

    @property
    def is_parquet(self) -> bool:
        """Whether the files are Parquet."""
        return self.files[0].suffix.lower() in {".parquet", ".pq"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Room:
    """What counting may use.

    Args:
        memory: Memory, as DuckDB writes it.
        threads: Threads.
        folder: Folder for what does not fit into memory; a temporary one where not given.
    """

    memory: str = "1GB"
    threads: int = 2
    folder: Path | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Patterns:
    """How often every pattern occurs.

    Args:
        counts: A column ``alias_k`` per column of table k, ``present_k``, and ``n``.
        rows: Number of rows of every table.
        padded: Whether table k has ids with leading zeros.
        texts: Whether ids were compared as text.
    """

    counts: pa.Table
    rows: tuple[int, ...]
    padded: tuple[bool, ...] = ()
    texts: bool = False


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Desk:
    connection: duckdb.DuckDBPyConnection
    progress: Progress | None = None


def pattern_counts(
    tables: Sequence[CountedTable], *, room: Room | None = None, progress: Progress | None = None
) -> Patterns:
    """Join tables by id and count alike rows, in bounded memory.

    Args:
        tables: The tables.
        room: Memory and threads.
        progress: Called while it runs.

    Returns:
        The counts. A row that is in some of the tables only is counted with ``present_k`` false for the others.

    Raises:
        BadInput: A file cannot be read, an id is missing or occurs twice, ids cannot be compared, there are too many
            patterns, or the memory is not enough.
    """
    room = room or Room()
    if (aligned := _in_order(tables, progress)) is not None:
        return aligned
    with tempfile.TemporaryDirectory(prefix="disparate-", dir=room.folder) as spill:
        settings: dict[str, Any] = {
            "memory_limit": room.memory,
            "threads": room.threads,
            "temp_directory": spill,
            "preserve_insertion_order": "false",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        }
        try:
            with duckdb.connect(":memory:", config=settings) as connection:
                return _counted(_Desk(connection=connection, progress=progress), tables)
        except duckdb.OutOfMemoryException as error:
            raise BadInput(
                f"{room.memory} of memory or the room in '{spill}' is not enough; give more memory."
            ) from error
        except duckdb.Error as error:
            raise BadInput(
                f"tables cannot be counted ({str(error).splitlines()[0]}); are the files complete?"
            ) from error


def quoted(name: str) -> str:
    """Return a column's name as SQL: whatever is in it stays a name.

    Args:
        name: The name.

    Returns:
        The name between quotes.

    Raises:
        BadInput: It holds the character NUL, which no SQL text can.

    Example:
        >>> quoted('a"; DROP TABLE x; --')
        '"a""; DROP TABLE x; --"'
    """
    if "\0" in name:
        raise BadInput(f"column name {name!r} holds the character NUL; rename the column.")
    return '"' + name.replace('"', '""') + '"'


def _in_order(tables: Sequence[CountedTable], progress: Progress | None) -> Patterns | None:
    """Return the counts of tables that hold the same rising whole ids, read side by side; None for any others."""
    if not all(table.is_parquet and not table.steps for table in tables):
        return None
    names = [[f"{alias}_{k}" for alias in table.columns if alias != ID] for k, table in enumerate(tables)]
    wanted = [[table.columns[ID], *(n for a, n in table.columns.items() if a != ID)] for table in tables]
    told = None if progress is None else lambda share: progress("reading rows side by side and counting", share)
    try:
        found = aligned_counts([table.files for table in tables], wanted, most=MOST_PATTERNS, told=told)
    except (pa.ArrowException, OSError, KeyError):
        return None  # what is wrong with the files is said by the join
    if found is None or not found[0]:
        return None
    columns = list(zip(*found[0], strict=True))
    flat = [name for own in names for name in own]
    content: dict[str, Any] = {name: pa.array(column) for name, column in zip(flat, columns[:-1], strict=True)}
    content |= {f"present_{k}": np.ones(len(found[0]), dtype=np.bool_) for k in range(len(tables))}
    counts = pa.table({**content, "n": np.array(columns[-1], dtype=np.int64)})
    return Patterns(counts=counts, rows=(found[1],) * len(tables), padded=(False,) * len(tables))


def _counted(desk: _Desk, tables: Sequence[CountedTable]) -> Patterns:
    kinds = [_id_kind(desk, table) for table in tables]
    texts = any(kind not in WHOLE for kind in kinds)
    summaries = [_summary(desk, table, texts) for table in tables]
    counts = _ask(desk, _join(tables, texts), [_paths(table) for table in tables], "matching rows by id and counting")
    if counts.num_rows > MOST_PATTERNS:
        raise BadInput(
            f"more than {MOST_PATTERNS:,} different patterns of groups, targets and answers; counts are for classes. "
            "Is a column a number, or a weight that differs for every row?"
        )
    rows = tuple(rows for rows, _ in summaries)
    _require_once(desk, tables, counts, rows, texts)
    return Patterns(counts=counts, rows=rows, padded=tuple(padded for _, padded in summaries), texts=texts)


def _join(tables: Sequence[CountedTable], texts: bool) -> str:
    chosen = [
        f"t{k}.{alias} AS {alias}_{k}" for k, table in enumerate(tables) for alias in table.columns if alias != ID
    ]
    chosen += [f"t{k}.id IS NOT NULL AS present_{k}" for k in range(len(tables))]
    joined = _side(tables[0], texts) + " AS t0"
    for k, table in enumerate(tables[1:], start=1):
        known = "t0.id" if k == 1 else f"coalesce({', '.join(f't{i}.id' for i in range(k))})"
        joined += f" FULL JOIN {_side(table, texts)} AS t{k} ON {known} = t{k}.id"
    return f"SELECT {', '.join(chosen)}, count(*) AS n FROM {joined} GROUP BY ALL LIMIT {MOST_PATTERNS + 1}"


def _side(table: CountedTable, texts: bool) -> str:
    kind = "VARCHAR" if texts else "BIGINT"
    columns = [f"CAST({quoted(table.columns[ID])} AS {kind}) AS id"]
    columns += [f"{_counted_as(table, alias)} AS {alias}" for alias in table.columns if alias != ID]
    return f"(SELECT {', '.join(columns)} FROM {_scan(table)})"


def _counted_as(table: CountedTable, alias: str) -> str:
    name = quoted(table.columns[alias])
    return table.steps[alias].sql(name) if alias in table.steps else name


def _scan(table: CountedTable) -> str:
    if table.is_parquet:
        return "read_parquet(?, hive_partitioning = false)"
    return (
        "read_csv(?, all_varchar = true, header = true, delim = ',', quote = '\"', escape = '\"', nullstr = '', "
        "auto_detect = true, hive_partitioning = false)"
    )


def _paths(table: CountedTable) -> list[str]:
    return [glob.escape(str(path)) for path in table.files]


def _id_kind(desk: _Desk, table: CountedTable) -> str:
    name = quoted(table.columns[ID])
    query = f"SELECT {name} FROM {_scan(table)} LIMIT 0"
    kind = str(desk.connection.sql(query, params=[_paths(table)]).types[0])
    if kind not in WHOLE and kind != "VARCHAR":
        raise BadInput(f"{table.called}: id column holds {kind}; texts or whole numbers were expected.")
    return kind


def _summary(desk: _Desk, table: CountedTable, texts: bool) -> tuple[int, bool]:
    padded = "coalesce(bool_or(regexp_full_match(id, '0[0-9]+')), false)" if texts else "false"
    query = f"SELECT count(*) AS rows, count(id) AS ids, {padded} AS padded FROM {_side(table, texts)}"
    found = _ask(desk, query, [_paths(table)], f"reading {table.called}").to_pylist()[0]
    if not found["rows"]:
        raise BadInput(f"{table.called} holds no row; at least one example was expected.")
    if found["ids"] < found["rows"]:
        empty = found["rows"] - found["ids"]
        raise BadInput(f"{table.called}: {empty:,} of {found['rows']:,} rows have no id; an id in each was expected.")
    return found["rows"], found["padded"]


def _require_once(
    desk: _Desk, tables: Sequence[CountedTable], counts: pa.Table, rows: Sequence[int], texts: bool
) -> None:
    n = counts.column("n").to_numpy()
    for k, expected in enumerate(rows):
        if int(n[counts.column(f"present_{k}").to_numpy()].sum()) == expected:
            continue
        for table in tables:
            query = f"SELECT id, count(*) AS times FROM {_side(table, texts)} GROUP BY id HAVING count(*) > 1 LIMIT 1"
            found = _ask(desk, query, [_paths(table)], "looking for ids that occur twice").to_pylist()
            if found:
                raise BadInput(
                    f"{table.called}: id '{found[0]['id']}' is there {found[0]['times']} times; one row per example "
                    "was expected. Files of several seeds are named with {seed} in the path, not with *."
                )


def _ask(desk: _Desk, query: str, parameters: list[Any], doing: str) -> pa.Table:
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(lambda: desk.connection.sql(query, params=parameters).to_arrow_table())
        try:
            while not wait([answer], timeout=POLL_S).done:
                if desk.progress is not None:
                    desk.progress(doing, min(1.0, max(0.0, desk.connection.query_progress() / 100)))
        except KeyboardInterrupt:
            desk.connection.interrupt()
            raise
        return answer.result()
