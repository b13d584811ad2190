"""Columns of CSV and Parquet files: read as text, turned into labels, group attributes and numbers."""

import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from disparate.errors import BadInput, suggestion
from disparate.groups import MISSING, Attribute

MISSING_TEXTS = ("", "?", "NA", "NaN", "nan")
"""What stands for a missing value in a text column, where nothing else is said."""

Texts = list[str | None]


def read_table(path: Path) -> pa.Table:
    """Return a CSV file (every column as text, so that ``007`` stays ``007``) or a Parquet file (as typed).

    Args:
        path: The file; ``.parquet`` or ``.pq`` for Parquet, anything else is read as CSV with a header line.

    Returns:
        The table.

    Raises:
        BadInput: It cannot be read, holds no row, or names a column twice.
    """
    try:
        table = pq.read_table(path) if path.suffix in {".parquet", ".pq"} else _read_csv(path)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise BadInput(f"table '{path}' cannot be read: {error}") from error
    doubled = sorted({name for name in table.column_names if table.column_names.count(name) > 1})
    if doubled:
        raise BadInput(f"table '{path}' names column '{doubled[0]}' twice; names have to differ.")
    if not table.num_rows:
        raise BadInput(f"table '{path}' holds no row.")
    return table


def texts(table: pa.Table, name: str, *, missing: Sequence[str] = MISSING_TEXTS) -> Texts:
    """Return a column as texts without blanks around them, None for what is missing.

    Args:
        table: The table.
        name: Name of the column.
        missing: Texts that stand for a missing value.

    Returns:
        One text or None per row; whole numbers of Parquet files without a decimal point.

    Raises:
        BadInput: There is no such column; the message suggests the nearest.
    """
    if name not in table.column_names:
        raise BadInput(f"column '{name}' is absent.{suggestion(name, table.column_names)}")
    column = table.column(name).combine_chunks()
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    return [_text(value, missing) for value in column.to_pylist()]


def required_texts(table: pa.Table, name: str) -> NDArray[np.str_]:
    """Return a column in which nothing may be missing, such as ids or clusters.

    Args:
        table: The table.
        name: Name of the column.

    Returns:
        One text per row.

    Raises:
        BadInput: There is no such column, or a row has no value; the message names the row.
    """
    values = texts(table, name, missing=("",))
    empty = [row for row, value in enumerate(values) if value is None]
    if empty:
        raise BadInput(f"column '{name}' has no value in row {empty[0]} ({len(empty)} such rows); one was expected.")
    return np.array(values, dtype=np.str_)


def attribute(values: Texts, *, edges: Sequence[float] | None = None, name: str = "") -> Attribute:
    """Return texts as a group attribute; whole numbers are sorted as numbers, and cut into bands where edges are given.

    Args:
        values: One text or None per row.
        edges: Inner edges of bands; each value is then read as a number.
        name: Name of the column, for the message.

    Returns:
        The attribute; None becomes the group ``(missing)``.

    Raises:
        BadInput: Edges are given and a value is no number.

    Example:
        >>> attribute(["10", "9", None]).names
        ('9', '10', '(missing)')
        >>> attribute(["25", "61"], edges=(30, 60)).names
        ('0-29', '30-59', '60+')
    """
    if edges is None:
        return Attribute.of(values, names=in_order(values))
    names = band_names(edges)
    found = np.array([math.nan if value is None else _number(value, name) for value in values])
    known = ~np.isnan(found)
    if (found < 0).any():
        names = (f"below {edges[0]:g}", *names[1:])
    codes = np.where(known, band_of(found, edges), len(names)).astype(np.int32)
    return Attribute(names=names if known.all() else (*names, MISSING), codes=codes)


def band_names(edges: Sequence[float]) -> tuple[str, ...]:
    """Return the names of the bands between inner edges, for values from 0.

    Args:
        edges: Rising numbers; each begins a new band.

    Returns:
        One name more than there are edges. Whole edges give ``"10-19"``, others ``"[0.5, 1.5)"``.

    Raises:
        BadInput: There is no edge, or the edges do not rise.

    Example:
        >>> band_names((10, 20))
        ('0-9', '10-19', '20+')
        >>> band_names((0.5, 1.5))
        ('below 0.5', '[0.5, 1.5)', '1.5+')
        >>> band_names((-1, 1))
        ('below -1', '[-1, 1)', '1+')
    """
    if not edges or any(low >= high for low, high in pairwise(edges)):
        raise BadInput(f"band edges {list(edges)} were given; at least one number, rising, was expected.")
    last = f"{edges[-1]:g}+"
    if all(float(edge).is_integer() and edge > 0 for edge in edges):
        starts = (0, *(int(edge) for edge in edges))
        return *(_whole_band(low, high - 1) for low, high in pairwise(starts)), last
    inner = (f"[{low:g}, {high:g})" for low, high in pairwise(edges))
    return f"below {edges[0]:g}", *inner, last


def band_of(values: NDArray[Any], edges: Sequence[float]) -> NDArray[np.int32]:
    """Return the index of the band that holds each value: how many edges it reaches.

    Args:
        values: Numbers, NaN excluded.
        edges: Inner edges, rising.

    Returns:
        Indices into ``band_names(edges)``.

    Example:
        >>> band_of(np.array([19, 20]), (10, 20)).tolist()
        [1, 2]
    """
    return np.searchsorted(np.asarray(edges, dtype=np.float64), values, side="right").astype(np.int32)


def labels(values: Texts, *, name: str) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return the label index per row, and the label names in order.

    Args:
        values: One text per row; nothing may be missing.
        name: Name of the target, for the message.

    Returns:
        Indices and names; whole numbers are sorted as numbers.

    Raises:
        BadInput: There are more labels than half the rows: that is no classification.

    Example:
        >>> labels(["yes", "no", "yes", "no"], name="paid")
        (array([1, 0, 1, 0]), ('no', 'yes'))
    """
    encoded = attribute(values)
    if len(encoded.names) > max(2, len(values) / 2):
        raise BadInput(
            f"target '{name}' has {len(encoded.names)} different values in {len(values)} rows; "
            "class labels were expected. Cut numbers into bands first."
        )
    return encoded.codes.astype(np.int64), encoded.names


def numbers(values: Texts) -> NDArray[np.float64] | None:
    """Return texts as numbers, NaN for what is missing; None where a value is no number.

    Example:
        >>> numbers(["1.5", None])
        array([1.5, nan])
        >>> numbers(["1.5", "many"]) is None
        True
    """
    try:
        cast = pc.cast(pa.array(values, pa.string()), pa.float64())
    except pa.ArrowInvalid:
        return None
    return cast.to_numpy(zero_copy_only=False)


def in_order(values: Texts) -> list[str]:
    """Return the different texts, sorted; as numbers where all are whole numbers.

    Example:
        >>> in_order(["10", "9", None]), in_order(["10", "b"])
        (['9', '10'], ['10', 'b'])
    """
    found = {value for value in values if value is not None}
    if all(_is_whole(value) for value in found):
        return sorted(found, key=lambda value: (int(value), value))
    return sorted(found)


def _read_csv(path: Path) -> pa.Table:
    with pyarrow.csv.open_csv(path) as reader:
        names = reader.schema.names
    convert = pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False)
    parse = pyarrow.csv.ParseOptions(newlines_in_values=True)
    return pyarrow.csv.read_csv(path, parse_options=parse, convert_options=convert)


def _text(value: Any, missing: Sequence[str]) -> str | None:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    plain = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()
    return None if plain in missing else plain


def _whole_band(low: int, high: int) -> str:
    return f"{low}-{high}" if low < high else str(low)


def _number(value: str, name: str) -> float:
    try:
        return float(value)
    except ValueError as error:
        raise BadInput(
            f"group column '{name}' holds '{value}'; a number was expected, since bins are given."
        ) from error


def _is_whole(value: str) -> bool:
    return value.removeprefix("-").isdecimal() and value.isascii()
