"""Counts of Parquet files that hold the same ids in increasing order: read once, side by side, without a join.

That the ids are the same, and rise, is seen in the stream: where a single one does not, there is no answer here.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

CHUNK = 1 << 19
"""Rows that are held of every table at once."""
DENSE = 1 << 22
"""Up to this many possible patterns are counted in one array."""

Told = Callable[[float], None]
"""Called with the share of the rows that is done."""


def aligned_counts(
    files: Sequence[Sequence[Path]], columns: Sequence[Sequence[str]], *, most: int, told: Told | None = None
) -> tuple[list[tuple[Any, ...]], int] | None:
    """Count patterns of tables whose rows are in one order already.

    Args:
        files: Parquet files of every table.
        columns: Columns of every table, the one with ids first.
        most: Most patterns there may be.
        told: Called while it runs.

    Returns:
        Every pattern, (values of all columns but the ids, table by table, and how often), and the number of rows; None
        where ids are no whole numbers, do not rise, or differ between tables, or where there are more patterns.
    """
    rows = [sum(pq.read_metadata(path).num_rows for path in paths) for paths in files]
    if len(set(rows)) != 1 or not all(_whole(paths, names[0]) for paths, names in zip(files, columns, strict=True)):
        return None
    books = [_Book() for names in columns for _ in names[1:]]
    counted: Counter[tuple[int, ...]] = Counter()
    last, done = None, 0
    streams = [_chunks(paths, names) for paths, names in zip(files, columns, strict=True)]
    for tables in zip(*streams, strict=True):
        last = _last_of([table.column(own[0]) for table, own in zip(tables, columns, strict=True)], last)
        if last is None:
            return None
        chosen = [table.column(name) for table, own in zip(tables, columns, strict=True) for name in own[1:]]
        _count([book.codes(column) for book, column in zip(books, chosen, strict=True)], books, counted)
        if len(counted) > most:
            return None
        done += tables[0].num_rows
        if told is not None:
            told(done / rows[0])
    return _spelled(counted, books), rows[0]


class _Book:
    """Codes of the values of one column, growing as new values come."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._places: dict[Any, int] = {}

    def codes(self, column: pa.ChunkedArray) -> NDArray[np.int64]:
        """Return the code of every row."""
        plain = column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
        encoded = plain.combine_chunks().dictionary_encode("encode")
        own = encoded.dictionary.to_pylist()
        table = np.array([self._place(value) for value in own], dtype=np.int64)
        return table[encoded.indices.to_numpy(zero_copy_only=False)]

    def _place(self, value: Any) -> int:
        key = "nan" if value != value else (type(value), value)
        if key not in self._places:
            self._places[key] = len(self.values)
            self.values.append(value)
        return self._places[key]


def _whole(paths: Sequence[Path], name: str) -> bool:
    return all(pa.types.is_signed_integer(pq.read_schema(path).field(name).type) for path in paths)


def _chunks(paths: Sequence[Path], names: Sequence[str]) -> Iterator[pa.Table]:
    wanted = list(dict.fromkeys(names))
    held: list[pa.Table] = []
    size = 0
    for path in paths:
        with pq.ParquetFile(path, buffer_size=1 << 20, pre_buffer=False) as file:
            for batch in file.iter_batches(batch_size=CHUNK, columns=wanted, use_threads=True):
                held.append(pa.Table.from_batches([batch]).select(wanted))
                size += batch.num_rows
                while size >= CHUNK:
                    whole = pa.concat_tables(held, promote_options="permissive")
                    yield whole.slice(0, CHUNK)
                    held, size = [whole.slice(CHUNK)], size - CHUNK
    if size:
        yield pa.concat_tables(held, promote_options="permissive")


def _last_of(ids: Sequence[pa.ChunkedArray], last: int | None) -> int | None:
    """Return the last id of a chunk; None where an id is missing, does not rise, or differs between tables."""
    if any(column.null_count for column in ids):
        return None
    first, *others = [column.to_numpy() for column in ids]
    rises = bool((first[1:] > first[:-1]).all()) and (last is None or first[0] > last)
    return int(first[-1]) if rises and all(np.array_equal(first, other) for other in others) else None


def _count(codes: Sequence[NDArray[np.int64]], books: Sequence[_Book], counted: Counter[tuple[int, ...]]) -> None:
    shape = tuple(len(book.values) for book in books)
    flat = np.zeros(len(codes[0]), dtype=np.int64)
    for code, size in zip(codes, shape, strict=True):
        flat = flat * size + code
    if int(np.prod(shape, dtype=np.float64)) <= DENSE:
        times = np.bincount(flat)
        found = np.flatnonzero(times)
        times = times[found]
    else:
        found, times = np.unique(flat, return_counts=True)
    places = np.stack(np.unravel_index(found, shape), axis=1).tolist()
    for place, n in zip(places, times.tolist(), strict=True):
        counted[tuple(place)] += n


def _spelled(counted: Counter[tuple[int, ...]], books: Sequence[_Book]) -> list[tuple[Any, ...]]:
    return [(*(book.values[code] for book, code in zip(books, codes, strict=True)), n) for codes, n in counted.items()]
