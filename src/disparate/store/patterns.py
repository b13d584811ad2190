"""Which columns of tables are counted, and how often every pattern occurs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from disparate.store.files import File, Remote

ID = "id"
MOST_PATTERNS = 2_000_000
"""More different patterns of groups, targets and answers than this are no counts."""

Progress = Callable[[str, float], None]
"""Called with what is being done and the share of it that is done, in [0, 1]; 0 where that is not known."""


def unheard(doing: str, share: float) -> None:
    """Say nothing: the progress that nobody asked for.

    Args:
        doing: What is being done.
        share: How much of it is done.
    """


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
    files: tuple[File, ...]
    columns: Mapping[str, str]
    steps: Mapping[str, Step] = field(default_factory=dict[str, Step])

    @property
    def is_parquet(self) -> bool:
        """Whether the files are Parquet."""
        return self.files[0].suffix.lower() in {".parquet", ".pq"}

    @property
    def is_remote(self) -> bool:
        """Whether the files are elsewhere."""
        return isinstance(self.files[0], Remote)

    @property
    def counted(self) -> dict[str, str]:
        """Alias to name of the columns that are counted: all but the id."""
        return {alias: name for alias, name in self.columns.items() if alias != ID}


@dataclass(frozen=True, kw_only=True, slots=True)
class Patterns:
    """How often every pattern occurs.

    Args:
        counts: A column ``alias_k`` per column of table k, ``present_k``, ``n``, and ``id``: the text of one of the ids
            of the pattern.
        rows: Number of rows of every table.
        spelled_alike: A few ids that differ from another id by leading zeros alone.
    """

    counts: pa.Table
    rows: tuple[int, ...]
    spelled_alike: tuple[str, ...] = ()
