"""Rows matched by id in DuckDB, in bounded memory, and counted.

Every table is read twice. The first time finds its own patterns, which are few, and numbers them; the second time ids
and numbers alone are joined, so that as little as possible has to be held or written to disk.
"""

import glob
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import numpy as np
import pyarrow as pa

from disparate.errors import BadInput
from disparate.store.files import Remote
from disparate.store.patterns import ID, MOST_PATTERNS, CountedTable, Patterns, Progress, unheard
from disparate.store.spill import Room, disk_needed, spill_folder

WHOLE = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"})
POLL_S = 0.2
Found = TypeVar("Found")
ROW_BYTES = 24
"""What a joined row takes: id, number of its pattern, hash and marks."""
TEXT_BYTES = 8
"""What a text takes more than a whole number; texts of more than 12 bytes take their length too."""
PADDED = "(starts_with(id, '0') AND regexp_full_match(id, '0[0-9]+'))"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Desk:
    connection: duckdb.DuckDBPyConnection
    tables: Sequence[CountedTable]
    texts: bool
    room: Room
    progress: Progress


@dataclass(frozen=True, kw_only=True, slots=True)
class _Seen:
    """What reading a table alone tells."""

    rows: int
    padded: bool
    row_bytes: float


def joined_counts(tables: Sequence[CountedTable], *, room: Room, progress: Progress = unheard) -> Patterns:
    """Join tables by id and count alike rows.

    Args:
        tables: The tables.
        room: Memory, threads and disk.
        progress: Called while it runs.

    Returns:
        The counts.

    Raises:
        BadInput: A file cannot be read, an id is missing or occurs twice, ids cannot be compared, there are too many
            patterns, or memory or disk are not enough.
    """
    with spill_folder(room) as folder:
        try:
            with _connected(room, folder) as connection:
                for table in tables:
                    if table.is_remote:
                        connection.register(table.called, _streamed(table))
                kinds = [_id_kind(connection, table) for table in tables]
                texts = any(kind not in WHOLE for kind in kinds)
                return _counted(_Desk(connection=connection, tables=tables, texts=texts, room=room, progress=progress))
        except duckdb.OutOfMemoryException as error:
            raise BadInput(
                f"{room.memory} of memory or the room in '{room.place}' is not enough; more was expected. Give more "
                "with --memory, or another folder with --spill."
            ) from error
        except (duckdb.Error, pa.ArrowException, OSError) as error:
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


def _connected(room: Room, folder: Path) -> duckdb.DuckDBPyConnection:
    settings: dict[str, Any] = {
        "memory_limit": f"{room.memory_bytes}B",
        "threads": room.threads,
        "temp_directory": str(folder),
        "preserve_insertion_order": "false",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }
    return duckdb.connect(":memory:", config=settings)


def _streamed(table: CountedTable) -> Any:
    """Return remote files as what DuckDB reads piece by piece through pyarrow."""
    from pyarrow import csv, dataset

    files = [file for file in table.files if isinstance(file, Remote)]
    text = csv.ConvertOptions(strings_can_be_null=True, null_values=[""])
    lines = csv.ParseOptions(newlines_in_values=True)
    paths, system = [file.path for file in files], files[0].system
    if table.is_parquet:
        return dataset.dataset(paths, filesystem=system, format="parquet")
    kind = dataset.CsvFileFormat(parse_options=lines, convert_options=text)
    names = dataset.dataset(paths, filesystem=system, format=kind).schema.names
    texts = pa.schema([(name, pa.string()) for name in names])
    return dataset.dataset(paths, filesystem=system, format=kind, schema=texts)


def _counted(desk: _Desk) -> Patterns:
    seen = [_seen(desk, k) for k in range(len(desk.tables))]
    needed = disk_needed(_held(seen), desk.room)
    doing = "matching rows by id and counting" + (f" ({needed})" if needed else "")
    if needed:
        desk.progress(doing, 0.0)
    codes = _ask(desk, _join(desk), _paths(*desk.tables), doing)
    if codes.num_rows > MOST_PATTERNS:
        raise _too_many()
    counts = _spelled_out(desk, codes)
    _require_once(desk, counts, [one.rows for one in seen])
    alike = _spelled_alike(desk) if any(one.padded for one in seen) else ()
    return Patterns(counts=counts, rows=tuple(one.rows for one in seen), spelled_alike=alike)


def _held(seen: Sequence[_Seen]) -> int:
    """Return the bytes that joins of one table after the other hold at once: both sides of each."""
    rows = np.maximum.accumulate([one.rows for one in seen])
    width = max(one.row_bytes for one in seen)
    return int(sum((rows[k] + seen[k + 1].rows) * width for k in range(len(seen) - 1)))


def _seen(desk: _Desk, k: int) -> _Seen:
    """Number the patterns of one table, as ``seen_k``, and return what was found."""
    table = desk.tables[k]
    padded, length = (f"bool_or({PADDED})", "sum(strlen(id))") if desk.texts else ("false", "0")
    counted = [*table.counted, "count(*) AS rows", "count(id) AS ids", f"{padded} AS padded", f"{length} AS length"]
    found = f"SELECT {', '.join(counted)} FROM {_side(desk, k)} GROUP BY ALL LIMIT {MOST_PATTERNS + 1}"
    create = f"CREATE TEMP TABLE seen_{k} AS SELECT row_number() OVER () - 1 AS code, * FROM ({found})"
    _awaited(desk, lambda: desk.connection.execute(create, _paths(table)), f"reading {table.called}")
    total = (
        "SELECT count(*), coalesce(sum(rows), 0)::BIGINT, coalesce(sum(ids), 0)::BIGINT, "
        f"coalesce(bool_or(padded), false), coalesce(sum(length), 0)::DOUBLE FROM seen_{k}"
    )
    patterns, rows, ids, zeros, length = desk.connection.sql(total).fetchall()[0]
    if not rows:
        raise BadInput(f"{table.called} holds no row; at least one example was expected.")
    if patterns > MOST_PATTERNS:
        raise _too_many()
    if ids < rows:
        raise BadInput(f"{table.called}: {rows - ids:,} of {rows:,} rows have no id; an id in each was expected.")
    mean = length / rows
    more = (TEXT_BYTES + (mean if mean > 12 else 0)) if desk.texts else 0
    return _Seen(rows=rows, padded=zeros, row_bytes=ROW_BYTES + more)


def _too_many() -> BadInput:
    return BadInput(
        f"more than {MOST_PATTERNS:,} different patterns of groups, targets and answers; counts are for classes. "
        "Is a column a number, or a weight that differs for every row?"
    )


def _join(desk: _Desk) -> str:
    sides = [f"{_coded(desk, k)} AS t{k}" for k in range(len(desk.tables))]
    joined = sides[0]
    for k, side in enumerate(sides[1:], start=1):
        joined += f" FULL JOIN {side} ON {_known(k)} = t{k}.id"
    codes = ", ".join(f"t{k}.code AS code_{k}" for k in range(len(sides)))
    return (
        f"SELECT {codes}, min({_known(len(sides))})::VARCHAR AS id, count(*) AS n FROM {joined} GROUP BY ALL "
        f"LIMIT {MOST_PATTERNS + 1}"
    )


def _known(tables: int) -> str:
    return "t0.id" if tables == 1 else f"coalesce({', '.join(f't{k}.id' for k in range(tables))})"


def _coded(desk: _Desk, k: int) -> str:
    same = " AND ".join(f"s.{alias} IS NOT DISTINCT FROM seen_{k}.{alias}" for alias in desk.tables[k].counted)
    return (
        f"(SELECT s.id, seen_{k}.code::UINTEGER AS code FROM {_side(desk, k)} AS s JOIN seen_{k} ON {same or 'true'})"
    )


def _side(desk: _Desk, k: int) -> str:
    table = desk.tables[k]
    columns = [f"CAST({quoted(table.columns[ID])} AS {'VARCHAR' if desk.texts else 'BIGINT'}) AS id"]
    columns += [f"{_counted_as(table, alias)} AS {alias}" for alias in table.counted]
    return f"(SELECT {', '.join(columns)} FROM {_scan(table)})"


def _counted_as(table: CountedTable, alias: str) -> str:
    name = quoted(table.columns[alias])
    return table.steps[alias].sql(name) if alias in table.steps else name


def _scan(table: CountedTable) -> str:
    if table.is_remote:
        return quoted(table.called)
    if table.is_parquet:
        return "read_parquet(?, hive_partitioning = false)"
    return (
        "read_csv(?, all_varchar = true, header = true, delim = ',', quote = '\"', escape = '\"', nullstr = '', "
        "auto_detect = true, hive_partitioning = false)"
    )


def _paths(*tables: CountedTable) -> list[list[str]]:
    """Return the parameters that scans of tables need: the files that DuckDB opens itself."""
    return [[glob.escape(str(path)) for path in table.files] for table in tables if not table.is_remote]


def _id_kind(connection: duckdb.DuckDBPyConnection, table: CountedTable) -> str:
    query = f"SELECT {quoted(table.columns[ID])} FROM {_scan(table)} LIMIT 0"
    kind = str(connection.sql(query, params=_paths(table)).types[0])
    if kind not in WHOLE and kind != "VARCHAR":
        raise BadInput(f"{table.called}: id column holds {kind}; texts or whole numbers were expected.")
    return kind


def _spelled_out(desk: _Desk, codes: pa.Table) -> pa.Table:
    """Return the counts with the values that the numbers of patterns stand for; what is absent has none."""
    content: dict[str, Any] = {}
    for k, table in enumerate(desk.tables):
        code = codes.column(f"code_{k}")
        chosen = ", ".join(["code", *table.counted])
        values = desk.connection.sql(f"SELECT {chosen} FROM seen_{k} ORDER BY code").to_arrow_table()
        content |= {f"{alias}_{k}": values.column(alias).take(code) for alias in table.counted}
        content[f"present_{k}"] = code.is_valid()
    return pa.table({**content, "n": codes.column("n"), ID: codes.column(ID)})


def _require_once(desk: _Desk, counts: pa.Table, rows: Sequence[int]) -> None:
    n = counts.column("n").to_numpy()
    joined = [int(n[counts.column(f"present_{k}").to_numpy()].sum()) for k in range(len(rows))]
    if joined == list(rows):
        return
    for k, table in enumerate(desk.tables):
        query = (
            f"SELECT id, count(*) AS times, count(*) OVER () AS ids FROM {_side(desk, k)} GROUP BY id "
            "HAVING count(*) > 1 ORDER BY times DESC, id LIMIT 1"
        )
        for found in _ask(desk, query, _paths(table), "looking for ids that occur twice").to_pylist():
            raise BadInput(
                f"{table.called}: id '{found['id']}' is there {found['times']} times, and {found['ids']:,} ids occur "
                "more than once; one row per example was expected. Files of several seeds are named with {seed} in "
                "the path, not with *."
            )


def _spelled_alike(desk: _Desk) -> tuple[str, ...]:
    every = " UNION ALL ".join(f"SELECT id FROM {_side(desk, k)}" for k in range(len(desk.tables)))
    stripped = "coalesce(nullif(ltrim(id, '0'), ''), '0')"
    query = (
        f"SELECT DISTINCT id FROM ({every}) WHERE {PADDED} AND {stripped} IN "
        f"(SELECT id FROM ({every}) WHERE regexp_full_match(id, '0|[1-9][0-9]*')) ORDER BY id LIMIT 3"
    )
    found = _ask(desk, query, _paths(*desk.tables, *desk.tables), "looking for ids that differ by leading zeros alone")
    return tuple(found.column(ID).to_pylist())


def _ask(desk: _Desk, query: str, parameters: list[Any], doing: str) -> pa.Table:
    return _awaited(desk, lambda: desk.connection.sql(query, params=parameters).to_arrow_table(), doing)


def _awaited(desk: _Desk, work: Callable[[], Found], doing: str) -> Found:
    """Return what DuckDB finds, and tell how far it is until then."""
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(work)
        try:
            while not wait([answer], timeout=POLL_S).done:
                desk.progress(doing, min(1.0, max(0.0, desk.connection.query_progress() / 100)))
        except KeyboardInterrupt:
            desk.connection.interrupt()
            raise
        return answer.result()
