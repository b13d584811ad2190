"""Counts of Parquet files that hold the same ids in increasing order: read once, side by side, without a join.

That the ids are the same, and rise, is seen in the stream: where a single one does not, there is no answer here.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from disparate.store.files import File, stream

CHUNK = 1 << 19
"""Rows that are held of every table at once."""
DENSE = 1 << 22
"""Up to this many possible patterns are counted in one array."""
MOST_NUMBERS = 2.0**62
"""More possible patterns than this cannot be numbered."""

Told = Callable[[float], None]
"""Called with the share of the rows that is done."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Aligned:
    """What tables in one order hold.

    Args:
        patterns: Values of all columns but the ids, table by table, of every pattern.
        counts: How often each occurs.
        ids: The least id of each.
        rows: Number of rows of each table.
    """

    patterns: list[tuple[Any, ...]]
    counts: list[int]
    ids: list[int]
    rows: int


def aligned_counts(
    files: Sequence[Sequence[File]], columns: Sequence[Sequence[str]], *, most: int, told: Told
) -> Aligned | None:
    """Count patterns of tables whose rows are in one order already.

    Args:
        files: Parquet files of every table.
        columns: Columns of every table, the one with ids first.
        most: Most patterns there may be.
        told: Called while it runs.

    Returns:
        The counts; None where ids are no whole numbers, do not rise, or differ between tables, or where there are more
        patterns.
    """
    about = [[_about(path) for path in paths] for paths in files]
    rows = [sum(one.num_rows for one in own) for own in about]
    if len(set(rows)) != 1 or not all(_whole(own, names[0]) for own, names in zip(about, columns, strict=True)):
        return None
    tally = _Tally([_Book() for names in columns for _ in names[1:]])
    last, done = None, 0
    streams = [_chunks(paths, names) for paths, names in zip(files, columns, strict=True)]
    for tables in zip(*streams, strict=True):
        last = _last_of([table.column(own[0]) for table, own in zip(tables, columns, strict=True)], last)
        if last is None:
            return None
        chosen = [table.column(name) for table, own in zip(tables, columns, strict=True) for name in own[1:]]
        if not tally.add(tables[0].column(columns[0][0]).to_numpy(), chosen) or len(tally.counts) > most:
            return None
        done += tables[0].num_rows
        told(done / rows[0])
    return tally.told(rows[0])


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


class _Tally:
    """How often every pattern was seen so far, and where first."""

    def __init__(self, books: Sequence[_Book]) -> None:
        self.counts: Counter[tuple[int, ...]] = Counter()
        self._ids: dict[tuple[int, ...], int] = {}
        self._books = books

    def add(self, ids: NDArray[np.int64], columns: Sequence[pa.ChunkedArray]) -> bool:
        """Count some rows; false where there could be more patterns than whole numbers."""
        codes = [book.codes(column) for book, column in zip(self._books, columns, strict=True)]
        shape = tuple(len(book.values) for book in self._books)
        possible = np.prod(shape, dtype=np.float64)
        if possible > MOST_NUMBERS:
            return False
        flat = np.zeros(len(ids), dtype=np.int64)
        for code, size in zip(codes, shape, strict=True):
            flat = flat * size + code
        found, times = _counted(flat, dense=bool(possible <= DENSE))
        known = len(self.counts)
        for place, n in zip(_places(found, shape), times.tolist(), strict=True):
            self.counts[place] += n
        if len(self.counts) > known:
            found, first = np.unique(flat, return_index=True)
            for place, row in zip(_places(found, shape), first.tolist(), strict=True):
                self._ids.setdefault(place, int(ids[row]))
        return True

    def told(self, rows: int) -> Aligned:
        """Return what was counted."""
        return Aligned(
            patterns=[tuple(b.values[code] for b, code in zip(self._books, own, strict=True)) for own in self.counts],
            counts=list(self.counts.values()),
            ids=[self._ids[own] for own in self.counts],
            rows=rows,
        )


def _counted(flat: NDArray[np.int64], *, dense: bool) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    if not dense:
        return np.unique(flat, return_counts=True)
    times = np.bincount(flat)
    found = np.flatnonzero(times)
    return found, times[found]


def _places(flat: NDArray[np.int64], shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    return list(zip(*(part.tolist() for part in np.unravel_index(flat, shape)), strict=True))


def _about(file: File) -> pq.FileMetaData:
    with stream(file) as opened:
        return pq.read_metadata(opened)


def _whole(about: Sequence[pq.FileMetaData], name: str) -> bool:
    return all(pa.types.is_signed_integer(one.schema.to_arrow_schema().field(name).type) for one in about)


def _chunks(paths: Sequence[File], names: Sequence[str]) -> Iterator[pa.Table]:
    wanted = list(dict.fromkeys(names))
    held: list[pa.Table] = []
    size = 0
    for path in paths:
        with stream(path) as opened, pq.ParquetFile(opened, buffer_size=1 << 20, pre_buffer=False) as file:
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
