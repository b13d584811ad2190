"""Which column of a prediction file says what, and how cells become ids, names and numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from disparate.data.columns import in_order
from disparate.errors import BadInput, suggestion
from disparate.groups import MISSING, Attribute

TARGET = "target"
"""Where the right answer stands, where nobody says."""
MOST_LABELS = 1000
"""A column of answers with more different values is refused: it holds numbers or ids, not classes."""
OTHER_MARKS = (";", "\t", "|")
"""What stands between columns in files that are no CSV as it is read here."""
FEW_LABELS = 20
"""So many labels there may be in few rows; otherwise half as many as there are rows."""

OF_LABELS = ("scores", "threshold", "positive", "logits", "loss")
"""What has no meaning where answers are numbers."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class RowNames:
    """What messages call rows: their place, or an id where a row stands for several alike ones.

    Args:
        ids: An id of each row; rows are called by their place where not given.
        multiplicity: How many rows of the table each stands for; 1 where not given.
    """

    ids: pa.ChunkedArray | None = None
    multiplicity: NDArray[np.int64] | None = None

    def first(self, wrong: NDArray[np.bool_]) -> str:
        """Return what the first wrong row is called, and how many are wrong.

        Example:
            >>> RowNames().first(np.array([False, True, True]))
            'row 1 (2 such rows)'
        """
        row = int(np.argmax(wrong))
        rows = int(wrong.sum() if self.multiplicity is None else self.multiplicity[wrong].sum())
        called = f"row {row}" if self.ids is None else f"the row of id '{self.ids[row]}'"
        return f"{called} ({rows:,} such rows)"


PLACES = RowNames()


@dataclass(frozen=True, kw_only=True, slots=True)
class Columns:
    """What the columns of prediction files are called.

    Args:
        id: What rows are matched by; values compare as text.
        target: The right answer; files of variants may leave it out. Empty where there is none.
        predicted: The answer; not needed where scores are given.
        scores: Scores of the classes: a prefix such as ``"p_"`` whose columns end in the label, or names, which are
            then the labels. A single name is the score of the positive class, the last of two labels.
        weight: What an example counts; every example 1 where not given.
        cluster: What several rows share, such as a person.
        loss: Loss per example, nats, where the files hold it.
        threshold: Least score that is answered as positive; 0.5, or 0 for logits, where not given.
        positive: The positive one of two labels; the last in order where not given.
        logits: Whether scores are logits; probabilities otherwise.
        regression: Whether target and answer are numbers.
        multilabel: Whether target and answer are sets of labels: lists, or texts with a separator. Scores are then
            those of labels on their own, and each label whose score reaches the threshold is answered.
        separator: What separates the labels of a text.
    """

    id: str = "example_id"
    target: str = TARGET
    predicted: str = "predicted"
    scores: str | tuple[str, ...] = ()
    weight: str = ""
    cluster: str = ""
    loss: str = ""
    threshold: float | None = None
    positive: str = ""
    logits: bool = False
    regression: bool = False
    multilabel: bool = False
    separator: str = ""

    def __post_init__(self) -> None:
        if self.multilabel and (self.regression or self.positive):
            other = "regression" if self.regression else f"positive label '{self.positive}'"
            raise BadInput(f"multilabel with {other}; one of the two was expected. Every label is judged on its own.")
        if self.separator and not self.multilabel:
            raise BadInput(f"labels separator '{self.separator}' is for sets of labels; say --multilabel too.")
        given = [name for name in OF_LABELS if getattr(self, name) not in {"", (), None, False}]
        if self.regression and given:
            raise BadInput(
                f"regression with {given[0]} '{getattr(self, given[0])}'; a target and an answer that are numbers were "
                f"expected. Leave {given[0]} out, it is for labels."
            )

    @property
    def of_labels(self) -> bool:
        """Whether every example has one label."""
        return not self.regression and not self.multilabel

    def score_columns(self, names: Sequence[str]) -> dict[str, str]:
        """Return the score columns of a file with their labels; the label is empty for a single score.

        Args:
            names: Names of the file's columns.

        Returns:
            Column to label; empty where no scores are asked for.

        Raises:
            BadInput: No column begins with the prefix.

        Example:
            >>> Columns(scores="p_").score_columns(["example_id", "p_cat", "p_dog"])
            {'p_cat': 'cat', 'p_dog': 'dog'}
            >>> Columns(scores="score").score_columns(["example_id", "score"])
            {'score': ''}
        """
        if not self.scores:
            return {}
        if not isinstance(self.scores, str):
            single, *more = self.scores
            return dict(zip(self.scores, self.scores, strict=True)) if more else {single: ""}
        if self.scores in names:
            return {self.scores: ""}
        found = {name: name.removeprefix(self.scores) for name in names if name.startswith(self.scores)}
        if not found:
            raise BadInput(f"no column begins with '{self.scores}', as --scores says.{suggestion(self.scores, names)}")
        return found


def require_columns(names: Sequence[str], wanted: Sequence[str]) -> None:
    """Refuse a table that lacks a column, or names a wanted one twice.

    Args:
        names: Names of the columns there are.
        wanted: Names of the columns that are needed.

    Raises:
        BadInput: A column is absent or stands there twice; the message suggests the nearest or shows the first few.
    """
    for name in wanted:
        if len(names) == 1 and (other := [mark for mark in OTHER_MARKS if mark in names[0]]):
            raise BadInput(
                f"the only column is {names[0][:80]!r}; columns with commas between them were expected. Write "
                f"{other[0]!r} as a comma."
            )
        if name not in names:
            shown = names if len(names) <= 30 else [*names[:30], f"and {len(names) - 30} more"]
            raise BadInput(
                f"column '{name}' is absent.{suggestion(name, shown)} What columns are called is said with --id, "
                "--target, --predicted and --groups."
            )
        if names.count(name) > 1:
            raise BadInput(f"column '{name}' is there {names.count(name)} times; names have to differ.")


def encoded(column: pa.ChunkedArray | pa.Array, name: str) -> Attribute:
    """Return a column as names and codes; what is empty becomes ``(missing)``.

    Args:
        column: Texts, whole numbers, booleans or numbers; a number without fraction is written without a point.
        name: Name of the column, for messages.

    Returns:
        The values that occur, in order (as numbers where all are whole), and the place of each row's value.

    Raises:
        BadInput: The column holds lists, dates or other things that are no names.

    Example:
        >>> encoded(pa.chunked_array([[2.0, None, 10.0]]), "age").names
        ('2', '10', '(missing)')
    """
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if not _is_name(kind):
        several = " Several labels per example are compared with --multilabel." if pa.types.is_nested(kind) else ""
        raise BadInput(f"column '{name}' holds {kind}; texts or numbers were expected.{several}")
    plain = column.dictionary_encode() if not pa.types.is_dictionary(column.type) else column.unify_dictionaries()
    whole = plain.combine_chunks()
    whole = whole.chunk(0) if isinstance(whole, pa.ChunkedArray) else whole
    texts = [as_text(value) for value in whole.dictionary.to_pylist()]
    places = whole.indices.fill_null(len(texts)).to_numpy(zero_copy_only=False)
    codes = np.array([*texts, MISSING])
    found = {texts[code] if code < len(texts) else MISSING for code in np.unique(places).tolist()}
    names = in_order([text for text in found if text != MISSING]) + ([MISSING] if MISSING in found else [])
    place = {text: index for index, text in enumerate(names)}
    table = np.array([place.get(str(text), -1) for text in codes], dtype=np.int32)
    return Attribute(names=tuple(names), codes=table[places])


def labels(column: pa.ChunkedArray, name: str, *, most: int = MOST_LABELS, rows: RowNames = PLACES) -> Attribute:
    """Return a column of targets or answers as names and codes.

    Args:
        column: The column.
        name: Its name, for messages.
        most: Most labels there may be; see :func:`most_labels`.
        rows: What messages call its rows.

    Returns:
        Labels and the place of each row's label.

    Raises:
        BadInput: A row has no value, or there are too many different ones to be classes.
    """
    if column.null_count + _nans(column):
        where = rows.first(_is_empty(column))
        raise BadInput(f"column '{name}' has no value in {where}; a label in each was expected.")
    _require_no_fractions(column, name, rows)
    found = encoded(column, name)
    if MISSING in found.names:
        where = rows.first(found.codes == found.names.index(MISSING))
        raise BadInput(f"column '{name}' has an empty text in {where}; a label in each was expected.")
    if len(found.names) > most:
        raise BadInput(
            f"column '{name}' holds {len(found.names):,} different values, such as '{found.names[0]}' and "
            f"'{found.names[1]}'; at most {most:,} labels were expected. Scores are named with --scores; predicted "
            "numbers are compared with --regression."
        )
    return found


def most_labels(rows: int) -> int:
    """Return how many labels a table may have: half its rows, never fewer than 20 nor more than 1,000."""
    return min(MOST_LABELS, max(FEW_LABELS, rows // 2))


def ids(column: pa.ChunkedArray, name: str) -> pa.Array:
    """Return ids as int64 where the column holds whole numbers, else as texts.

    Args:
        column: The column.
        name: Its name, for messages.

    Returns:
        One id per row.

    Raises:
        BadInput: A row has no id, or ids are of a kind that cannot be compared.
    """
    if column.null_count or _nans(column):
        row = int(np.argmax(_is_empty(column)))
        missing = column.null_count + _nans(column)
        raise BadInput(
            f"id column '{name}' has no value in row {row} ({missing} such rows); an id in each was expected."
        )
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_floating(kind) or pa.types.is_integer(kind):
        return _whole_ids(column, name)
    if not _is_text(kind):
        raise BadInput(f"id column '{name}' holds {kind}; texts or whole numbers were expected.")
    return _flat(pc.cast(column, pa.string()))


def numbers(column: pa.ChunkedArray, name: str, *, rows: RowNames = PLACES) -> NDArray[np.float64]:
    """Return a column of numbers.

    Args:
        column: Numbers, or texts that are numbers.
        name: Its name, for messages.
        rows: What messages call its rows.

    Returns:
        One finite number per row.

    Raises:
        BadInput: A cell is empty, NaN, infinite or no number; the message names the row and shows the value.
    """
    try:
        values = _flat(pc.cast(column, pa.float64())).to_numpy(zero_copy_only=False)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise BadInput(
            f"column '{name}' holds {column.type} that is no number ({_first_line(error)}); a number in each row was "
            "expected."
        ) from None
    wrong = ~np.isfinite(values)
    if wrong.any():
        value = column[int(np.argmax(wrong))].as_py()
        raise BadInput(
            f"column '{name}' is {'empty' if value is None else value} in {rows.first(wrong)}; a finite number was "
            "expected. A model that gives NaN has to be corrected, or its rows left out in every file."
        )
    return values.astype(np.float64)


def weights(column: pa.ChunkedArray, name: str, *, rows: RowNames = PLACES) -> NDArray[np.float64]:
    """Return a column of weights.

    Args:
        column: Numbers, or texts that are numbers.
        name: Its name, for messages.
        rows: What messages call its rows.

    Returns:
        One finite weight of 0 or more per row, not all 0.

    Raises:
        BadInput: A cell is no number, or negative, or all are 0.
    """
    found = numbers(column, name, rows=rows)
    if (found < 0).any():
        least = found[int(np.argmax(found < 0))]
        raise BadInput(
            f"weight column '{name}' is {least:g} in {rows.first(found < 0)}; a weight of 0 or more was expected."
        )
    if not found.any():
        raise BadInput(f"weight column '{name}' is 0 in every row; some weight above 0 was expected.")
    return found


def as_text(value: Any) -> str:
    """Return how a value is called: 3.0 is ``"3"``; nothing, NaN and the empty text are ``(missing)``."""
    if value is None or value == "" or value != value:
        return MISSING
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _is_name(kind: pa.DataType) -> bool:
    plain = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean, pa.types.is_null, _is_text)
    return any(is_one(kind) for is_one in plain)


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def _whole_ids(column: pa.ChunkedArray, name: str) -> pa.Array:
    try:
        return _flat(pc.cast(column, pa.int64()))
    except pa.ArrowInvalid as error:
        raise BadInput(
            f"id column '{name}' holds {column.type} that are no whole numbers ({_first_line(error)}); "
            "store ids as texts or whole numbers."
        ) from None


def _is_empty(column: pa.ChunkedArray) -> NDArray[np.bool_]:
    return _flat(column.is_null(nan_is_null=_is_float(column))).to_numpy(zero_copy_only=False)


def _require_no_fractions(column: pa.ChunkedArray, name: str, rows: RowNames) -> None:
    if not _is_float(column):
        return
    values = _flat(column).to_numpy(zero_copy_only=False)
    broken = values != np.trunc(values)
    if broken.any():
        raise BadInput(
            f"column '{name}' holds numbers with fractions, such as {values[broken][0]:g} in {rows.first(broken)}; "
            "labels were expected. Predicted numbers are compared with --regression, scores are named with --scores, "
            "and classes that are called so are stored as texts."
        )


def _nans(column: pa.ChunkedArray) -> int:
    return int(_is_empty(column).sum()) - column.null_count if _is_float(column) else 0


def _is_float(column: pa.ChunkedArray) -> bool:
    return pa.types.is_floating(column.type)


def _flat(column: Any) -> pa.Array:
    whole = column.combine_chunks()
    return whole.chunk(0) if isinstance(whole, pa.ChunkedArray) else whole


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
