"""Tables of any kind, opened without reading more columns than are wanted: files, frames, arrays."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from disparate.errors import BadInput, suggestion
from disparate.store.files import File, is_folder, size, stream

MOST_COLUMNS = 10_000
MOST_HEADER = 1 << 25
"""Bytes of a CSV file in which its first line has to end."""
PARQUET = frozenset({".parquet", ".pq"})
CSV = frozenset({".csv", ".txt"})
METADATA = b"disparate"
SEVERAL = (list, tuple, set, frozenset, np.ndarray)
"""Cells that hold several values."""

Frame = Any
"""A pandas, polars or pyarrow table, anything with an arrow stream, or a mapping from column name to array."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened:
    """A table whose columns are known and not yet read.

    Args:
        called: What messages call it.
        names: Names of its columns.
        read: From wanted names to the table.
        metadata: What a Parquet file says about itself.
        blanks: Whether an empty text is read as a missing one, as in CSV, where they cannot be told apart.
    """

    called: str
    names: Sequence[str]
    read: Callable[[list[str]], pa.Table]
    metadata: Mapping[bytes, bytes]
    blanks: bool = False


def open_files(paths: Sequence[File]) -> Opened:
    """Return files that together are one table: one file, or the parts of a table.

    Args:
        paths: Parquet or CSV files with the same columns.

    Returns:
        The table.

    Raises:
        BadInput: A file is absent, a folder, empty, of an unknown kind, broken, or the parts differ in their columns.
    """
    parts = [_open_file(path) for path in paths]
    for part in parts[1:]:
        if part.names != parts[0].names:
            odd = sorted(set(part.names) ^ set(parts[0].names))
            raise BadInput(f"{part.called} and {parts[0].called} are parts of one table and differ in columns {odd}.")
    if len(parts) == 1:
        return parts[0]
    called = f"{parts[0].called} and {len(parts) - 1} more"
    return Opened(
        called=called,
        names=parts[0].names,
        read=lambda wanted: _together([part.read(wanted) for part in parts], called),
        metadata=parts[0].metadata,
        blanks=any(part.blanks for part in parts),
    )


def open_frame(frame: Frame, called: str) -> Opened:
    """Return a table that is in memory.

    Args:
        frame: A pandas, polars or pyarrow table, anything with an arrow stream, or a mapping to arrays.
        called: What messages call it.

    Returns:
        The table.

    Raises:
        BadInput: It is no table, or a column cannot be read.
    """
    if isinstance(frame, pa.Table):
        names = [str(name) for name in frame.column_names]
        read = _explained(frame.select, called)
        return Opened(called=called, names=names, read=read, metadata=frame.schema.metadata or {})
    if isinstance(frame, Mapping):
        columns = cast("Mapping[str, Any]", frame)
        names = [str(name) for name in columns]
        read = _explained(lambda wanted: pa.table({name: _array(columns[name]) for name in wanted}), called)
        return Opened(called=called, names=names, read=read, metadata={})
    if hasattr(frame, "__arrow_c_stream__") and hasattr(frame, "columns"):
        names = [str(name) for name in frame.columns]
        read = _explained(lambda wanted: pa.table(frame[wanted]), called)
        return Opened(called=called, names=names, read=read, metadata={})
    if hasattr(frame, "__arrow_c_stream__"):
        return open_frame(pa.table(frame), called)
    raise BadInput(
        f"{called} is a {type(frame).__name__}; a path, a pandas, polars or pyarrow table, or a mapping from column "
        "name to array was expected."
    )


def require_file(path: File) -> None:
    """Refuse a path that is no file with something in it.

    Args:
        path: The path.

    Raises:
        BadInput: It does not exist, is a folder, is empty, or its ending is unknown.
    """
    if is_folder(path):
        raise BadInput(f"'{path}' is a folder; files were expected. Parts of one table: '{path}/*.parquet', in quotes.")
    found = size(path)
    if found is None:
        raise BadInput(f"file '{path}' does not exist.{_near(path)}")
    if path.suffix.lower() not in PARQUET | CSV:
        raise BadInput(f"file '{path}' ends in '{path.suffix}'; {', '.join(sorted(PARQUET | CSV))} were expected.")
    if not found:
        raise BadInput(f"file '{path}' is empty (0 bytes); a table was expected.")


def _near(path: File) -> str:
    if not isinstance(path, Path) or not path.parent.is_dir():
        return ""
    near = suggestion(path.name, [item.name for item in path.parent.iterdir()])
    return near if "Did" in near else ""


def is_parquet(path: File) -> bool:
    """Return whether a file is read as Parquet."""
    return path.suffix.lower() in PARQUET


def _open_file(path: File) -> Opened:
    require_file(path)
    called = f"file '{path}'"
    try:
        names, read, metadata = _parquet(path) if is_parquet(path) else _csv(path)
    except (pa.ArrowException, OSError, UnicodeDecodeError, csv.Error) as error:
        kind = "Parquet" if is_parquet(path) else "CSV"
        reason = str(error).splitlines()[0]
        raise BadInput(f"{called} cannot be read as {kind} ({reason}); is it complete? Write it again.") from error
    if len(names) > MOST_COLUMNS:
        raise BadInput(
            f"{called} has {len(names):,} columns; at most {MOST_COLUMNS:,} were expected. A row per example was "
            "expected, not a column per example."
        )
    read = _explained(read, called)
    return Opened(called=called, names=names, read=read, metadata=metadata, blanks=not is_parquet(path))


def _parquet(file: File) -> tuple[list[str], Callable[[list[str]], pa.Table], Mapping[bytes, bytes]]:
    def read(wanted: list[str]) -> pa.Table:
        with stream(file) as opened:
            return pq.ParquetFile(opened).read(columns=wanted)

    with stream(file) as opened:
        schema = pq.read_schema(opened)
    return list(schema.names), read, schema.metadata or {}


def _csv(file: File) -> tuple[list[str], Callable[[list[str]], pa.Table], Mapping[bytes, bytes]]:
    with stream(file) as opened:
        names = _header(opened)

    def read(wanted: list[str]) -> pa.Table:
        convert = pyarrow.csv.ConvertOptions(
            include_columns=wanted,
            column_types=dict.fromkeys(wanted, pa.string()),
            strings_can_be_null=True,
            null_values=[""],
        )
        parse = pyarrow.csv.ParseOptions(newlines_in_values=True)
        with stream(file) as opened:
            return pyarrow.csv.read_csv(opened, parse_options=parse, convert_options=convert)

    return names, read, {}


def _header(file: pa.NativeFile) -> list[str]:
    """Return the names of the first line, of which no more is read than names could ever need."""
    start = file.read(MOST_HEADER)
    if len(start) == MOST_HEADER:
        start = start[: start.rfind(b"\n") + 1] or start[: start.rfind(b",")]
    return next(csv.reader(io.StringIO(start.decode("utf-8-sig"), newline="")), [])


def _together(tables: list[pa.Table], called: str) -> pa.Table:
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowException as error:
        raise BadInput(f"{called}: parts of one table do not fit together ({error}).") from error


def _explained(read: Callable[[list[str]], pa.Table], called: str) -> Callable[[list[str]], pa.Table]:
    def explained(wanted: list[str]) -> pa.Table:
        try:
            table = read(wanted)
        except (pa.ArrowException, OSError, ValueError, TypeError) as error:
            reason = str(error).splitlines()[0]
            raise BadInput(f"{called} cannot be read ({reason}); is it complete? Write it again.") from error
        if not table.num_rows:
            raise BadInput(f"{called} holds no row; at least one example was expected.")
        return table

    return explained


def _array(values: Any) -> pa.Array:
    if isinstance(values, Sequence) and any(isinstance(cell, SEVERAL) for cell in cast("Sequence[Any]", values)):
        cells = cast("Sequence[Any]", values)
        return pa.array([sorted(cell) if isinstance(cell, set | frozenset) else cell for cell in cells])
    column = np.asarray(values)
    if column.ndim != 1:
        raise ValueError(f"an array of shape {column.shape}; one value per example was expected")
    return pa.array(column.tolist() if column.dtype == object else column, from_pandas=True)
