"""Sets of labels: read from lists or separated texts, answered from scores, and asked label by label.

A set is called by its labels as a JSON list, in order: ``["cat", "dog"]``, and ``[]`` for none. So a column of sets is
a column of names, and is matched and compared as any other; only here it is taken apart again.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from disparate.comparing.alike import collapsed
from disparate.comparing.columns import MOST_LABELS, PLACES, encoded
from disparate.data.columns import in_order
from disparate.errors import BadInput
from disparate.groups import MISSING, Attribute
from disparate.predictions import Predictions

pc: Any = pyarrow.compute
USUAL_SEPARATORS = (";", "|", ",")
OFTEN = 0.1
"""So large a share of the cells holds another separator where the one that was named does not occur."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Sets:
    """Which labels are in which set.

    Args:
        names: Names of the sets.
        labels: All labels, in order.
        members: Whether a label is in a set, shape (labels, sets).
    """

    names: tuple[str, ...]
    labels: tuple[str, ...]
    members: NDArray[np.bool_]

    @classmethod
    def of(cls, names: Sequence[str], more: Sequence[str] = ()) -> "Sets":
        """Return the sets that names stand for.

        Args:
            names: Names of sets, such as ``'["cat"]'``.
            more: Further labels, in no set.

        Returns:
            The sets.

        Example:
            >>> found = Sets.of(['["cat", "dog"]', "[]", '["dog"]'])
            >>> found.labels, found.members.tolist()
            (('cat', 'dog'), [[True, False, False], [True, False, True]])
        """
        sets: list[list[str]] = [json.loads(name) for name in names]
        labels = in_order([*more, *(label for own in sets for label in own)])
        place = {label: index for index, label in enumerate(labels)}
        members = np.zeros((len(labels), len(sets)), dtype=np.bool_)
        for column, own in enumerate(sets):
            members[[place[label] for label in own], column] = True
        return cls(names=tuple(names), labels=tuple(labels), members=members)

    def labels_in(self, attribute: Attribute) -> tuple[str, ...]:
        """Return the labels that are in any set of a column, all of whose sets are among these."""
        place = {name: index for index, name in enumerate(self.names)}
        found = self.members[:, [place[name] for name in attribute.names]].any(axis=1)
        return tuple(self.labels[index] for index in np.flatnonzero(found))

    def shares_right(self, target: NDArray[np.int64], predicted: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the share of all labels that are rightly in or rightly out, per example.

        Args:
            target: Place of the right set per example.
            predicted: Place of the answered set per example.

        Returns:
            Shares in [0, 1], shape (examples,).
        """
        packed = np.packbits(self.members, axis=0).T
        pairs, place = np.unique(target * len(packed) + predicted, return_inverse=True)
        apart = np.bitwise_count(packed[pairs // len(packed)] ^ packed[pairs % len(packed)])
        return (1.0 - apart.sum(axis=1, dtype=np.int64) / max(1, len(self.labels)))[place]


def label_sets(column: pa.ChunkedArray, name: str, *, separator: str, blanks: bool) -> Attribute:
    """Return a column of sets of labels as names and codes.

    Args:
        column: Lists of labels, or texts of labels with a separator between them.
        name: Its name, for messages.
        separator: What stands between the labels of a text; blanks around a label do not count.
        blanks: Whether an empty cell of texts is an empty text, as in CSV, and not a missing one.

    Returns:
        Names of the sets that occur, and the place of each row's set. A label that is there twice counts once.

    Raises:
        BadInput: Cells hold one value each, a cell or a label is missing, there are too many labels, or the separator
            is not the one of the file.

    Example:
        >>> found = label_sets(pa.chunked_array([["dog; cat", "", "dog"]]), "labels", separator=";", blanks=True)
        >>> found.values().tolist()
        ['["cat", "dog"]', '[]', '["dog"]']
    """
    lists = _lists(column, name, separator, blanks)
    if lists.null_count:
        empty = lists.is_null().to_numpy(zero_copy_only=False)
        raise BadInput(
            f"column '{name}' has no value in {PLACES.first(empty)}; a set of labels in each was expected, an empty "
            "list or text where there is none."
        )
    rows = pc.list_parent_indices(lists).to_numpy(zero_copy_only=False)
    inside = pc.list_flatten(lists)
    if not len(inside):  # a model may answer nothing at all
        return Attribute(names=("[]",), codes=np.zeros(len(lists), dtype=np.int32))
    found = encoded(pa.chunked_array([inside]), name)
    if MISSING in found.names:
        row = int(rows[np.argmax(found.codes == found.names.index(MISSING))])
        raise BadInput(f"column '{name}' has a set with an empty label in row {row}; labels with names were expected.")
    if len(found.names) > MOST_LABELS:
        raise BadInput(
            f"column '{name}' holds {len(found.names):,} different labels, such as '{found.names[0]}' and "
            f"'{found.names[1]}'; at most {MOST_LABELS:,} were expected. Is '{separator}' the right separator?"
        )
    return sets_of(rows, found.codes, found.names, examples=len(lists))


def sets_of(
    rows: NDArray[np.integer], codes: NDArray[np.integer], labels: Sequence[str], *, examples: int
) -> Attribute:
    """Return the sets that pairs of an example and a label of it make.

    Args:
        rows: Example of each pair, shape (pairs,).
        codes: Place of its label, shape (pairs,).
        labels: All labels.
        examples: Number of examples; one without a pair has the empty set.

    Returns:
        Names of the sets that occur, and the place of each example's set.

    Example:
        >>> sets_of(np.array([0, 0, 2]), np.array([1, 0, 1]), ("a", "b"), examples=3).values().tolist()
        ['["a", "b"]', '[]', '["b"]']
    """
    order = in_order(list(labels))
    place = np.array([order.index(label) for label in labels], dtype=np.int64)[codes]
    packed = np.zeros((examples, -(-len(order) // 8) or 1), dtype=np.uint8)
    np.bitwise_or.at(packed, (rows, place // 8), (128 >> (place % 8)).astype(np.uint8))
    whole = np.ascontiguousarray(packed).view(np.dtype((np.void, packed.shape[1]))).ravel()
    distinct, inverse = np.unique(whole, return_inverse=True)
    bits = np.unpackbits(distinct.view(np.uint8).reshape(len(distinct), -1), axis=1, count=len(order))
    return Attribute(names=_names(bits, order), codes=inverse.astype(np.int32))


def answered(scores: NDArray[np.float64], labels: Sequence[str], *, logits: bool, threshold: float | None) -> Attribute:
    """Return the sets of labels whose score reaches the threshold, each label on its own.

    Args:
        scores: Probabilities, which need not sum to 1, or logits, shape (examples, labels).
        labels: Label of each column.
        logits: Whether the scores are logits.
        threshold: Least score of a label that is in the set; 0.5, or 0 for logits, where not given.

    Returns:
        Names of the sets that occur, and the place of each example's set.

    Raises:
        BadInput: A probability leaves [0, 1], or a score has no label.

    Example:
        >>> answered(np.array([[0.5, 0.75]]), ("a", "b"), logits=False, threshold=0.6).names
        ('["b"]',)
    """
    if "" in labels:
        raise BadInput("a single score column was named; one for every label was expected, such as a prefix 'p_'.")
    outside = np.asarray(((scores < 0) | (scores > 1)).any(axis=1))
    if not logits and outside.any():
        worst = scores[outside][0]
        raise BadInput(
            f"scores of {PLACES.first(outside)} run from {worst.min():.4g} to {worst.max():.4g}; probabilities in "
            "[0, 1] were expected. Say --logits if they are logits."
        )
    least = threshold if threshold is not None else (0.0 if logits else 0.5)
    rows, codes = np.nonzero(scores >= least)
    return sets_of(rows, codes, labels, examples=len(scores))


def questions(runs: Sequence[Predictions], sets: Sets) -> Iterator[tuple[str, tuple[Predictions, ...]]]:
    """Yield, label by label, the binary question whether it is in the set: one against the rest.

    Args:
        runs: Runs over the same examples whose labels are sets.
        sets: What is in them.

    Yields:
        The label, and the runs with two labels, the label itself as the positive one. Alike examples are counted
        together where they belong to no cluster.
    """
    for label, members in zip(sets.labels, sets.members, strict=True):
        inside = members.astype(np.int64)
        target = inside[runs[0].target]
        plain = {"share_right": None, "loss": None, "margin": None, "label_names": (f"not {label}", label)}
        own = [replace(run, target=target, predicted=inside[run.predicted], **plain) for run in runs]
        yield label, tuple(own) if runs[0].cluster_id is not None else collapsed(own)


def _names(bits: NDArray[np.uint8], labels: Sequence[str]) -> tuple[str, ...]:
    """Return the names of sets given as (sets, labels) of 0 and 1."""
    quoted = [json.dumps(label, ensure_ascii=False) for label in labels]
    rows, places = np.nonzero(bits)
    parts = [quoted[place] for place in places.tolist()]
    ends = np.cumsum(np.bincount(rows, minlength=len(bits))).tolist()
    return tuple(f"[{', '.join(parts[start:end])}]" for start, end in pairwise([0, *ends]))


def _lists(column: pa.ChunkedArray, name: str, separator: str, blanks: bool) -> pa.Array:
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    whole = column.combine_chunks()
    whole = whole.chunk(0) if isinstance(whole, pa.ChunkedArray) else whole
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return whole
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)):
        raise BadInput(
            f"column '{name}' holds {kind}, one value per example; a list of labels for each was expected, or texts "
            "whose labels --labels-separator separates."
        )
    if not separator:
        raise BadInput(
            f"column '{name}' holds texts; the separator of their labels was expected. Say it, as in "
            "--labels-separator ';', or store lists."
        )
    texts = pc.cast(whole, pa.string())
    _require_separator(texts, name, separator)
    return _split(texts.fill_null("") if blanks else texts, separator)


def _split(texts: pa.Array, separator: str) -> pa.Array:
    """Return lists of the parts of texts, blanks around them cut off and empty parts left out."""
    lists = pc.split_pattern(texts, separator)
    rows = pc.list_parent_indices(lists).to_numpy(zero_copy_only=False)
    parts = pc.utf8_trim_whitespace(pc.list_flatten(lists))
    kept = pc.not_equal(parts, "").to_numpy(zero_copy_only=False)
    sizes = np.bincount(rows[kept], minlength=len(texts))
    offsets = pa.array(np.concatenate([[0], np.cumsum(sizes)]), pa.int32())
    return pa.ListArray.from_arrays(offsets, parts.filter(pa.array(kept)), mask=texts.is_null())


def _require_separator(texts: pa.Array, name: str, separator: str) -> None:
    if pc.any(pc.match_substring(texts, separator)).as_py():
        return
    filled = max(1, int(pc.sum(pc.not_equal(texts, "")).as_py() or 0))
    for other in USUAL_SEPARATORS:
        held = int(pc.sum(pc.match_substring(texts, other)).as_py() or 0)
        if held > OFTEN * filled:
            shown = texts.filter(pc.match_substring(texts, other))[0].as_py()
            raise BadInput(
                f"column '{name}': '{separator}' occurs in no cell, and {held:,} hold '{other}', such as '{shown}'; "
                f"the separator of the labels was expected. Say --labels-separator '{other}', or store lists."
            )
