"""Numbers per example in a Parquet file: what an explanation computed, one column each, null where undefined."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from disparate.errors import BadInput

Array = NDArray[np.float64]
ID, SPLIT = "example_id", "split"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class NumberTable:
    """Numbers of some examples.

    Args:
        example_id: Who they are about, shape (examples,).
        split: The split of each.
        columns: Name to one number per example; NaN where undefined.
    """

    example_id: NDArray[Any]
    split: NDArray[np.str_]
    columns: Mapping[str, Array]

    def __post_init__(self) -> None:
        lengths = {name: len(values) for name, values in self.columns.items()} | {SPLIT: len(self.split)}
        if wrong := [name for name, length in lengths.items() if length != len(self.example_id)]:
            raise BadInput(
                f"column '{wrong[0]}' has {lengths[wrong[0]]} numbers for {len(self.example_id)} examples; one each."
            )

    def of(self, split: str) -> "NumberTable":
        """Return the examples of one split."""
        own = self.split == split
        columns = {name: values[own] for name, values in self.columns.items()}
        return NumberTable(example_id=self.example_id[own], split=self.split[own], columns=columns)


def write_numbers(table: NumberTable, path: Path) -> None:
    """Write numbers per example; what is not finite becomes null.

    Args:
        table: The numbers.
        path: The file.
    """
    columns = {name: pa.array(values, from_pandas=True) for name, values in _finite(table.columns).items()}
    ids = pa.array(table.example_id.tolist())
    pq.write_table(pa.table({ID: ids, SPLIT: pa.array(table.split.tolist()), **columns}), path, compression="zstd")


def read_numbers(path: Path) -> NumberTable:
    """Read numbers per example back; null becomes NaN.

    Args:
        path: A file that :func:`write_numbers` wrote.

    Returns:
        The numbers.

    Raises:
        BadInput: The file cannot be read, or lacks the columns that say whose the numbers are.
    """
    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise BadInput(f"numbers '{path}' cannot be read as Parquet ({error}); is the file complete?") from error
    if missing := [name for name in (ID, SPLIT) if name not in table.column_names]:
        raise BadInput(f"numbers '{path}' have no column '{missing[0]}'; a file written by disparate was expected.")
    names = [name for name in table.column_names if name not in {ID, SPLIT}]
    return NumberTable(
        example_id=np.array(table[ID].to_pylist()),
        split=np.array(table[SPLIT].to_pylist(), dtype=np.str_),
        columns={name: table[name].to_numpy().astype(np.float64) for name in names},
    )


def _finite(columns: Mapping[str, Array]) -> dict[str, Array]:
    return {name: np.where(np.isfinite(values), values, np.nan) for name, values in columns.items()}
