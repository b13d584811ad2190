"""Groups: the named parts of a population, by one attribute or an intersection of several."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from disparate.errors import BadInput, suggestion

MISSING = "(missing)"
"""Name of the group of those whose attribute is not known. They are never dropped."""

INTERSECTION = "*"
JOINT = " / "
MOST_ATTRIBUTES = 4
"""An intersection of more attributes has hardly an example in each group."""
MOST_NUMBERS = 2**62
"""More combinations than this cannot be numbered."""


def partition(by: str) -> str:
    """Return the one way to write a partition.

    Args:
        by: An attribute, or up to four joined by ``*``.

    Returns:
        The same without blanks around the names.

    Raises:
        BadInput: There are more than four attributes, one without a name, or one twice.

    Example:
        >>> partition("race * sex")
        'race*sex'
    """
    parts = [part.strip() for part in by.split(INTERSECTION)]
    if len(parts) > MOST_ATTRIBUTES or "" in parts or len(set(parts)) < len(parts):
        raise BadInput(
            f"groups '{by}' name {len(parts)} columns; one to {MOST_ATTRIBUTES} different columns joined by * were "
            "expected. Several partitions are several entries."
        )
    return INTERSECTION.join(parts)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Attribute:
    """One group attribute of every example, dictionary-encoded.

    Args:
        names: The values that occur or may occur; a value without an example keeps its place.
        codes: Index into ``names`` per example, shape (examples,).
    """

    names: tuple[str, ...]
    codes: NDArray[np.int32]

    def __post_init__(self) -> None:
        if len(set(self.names)) != len(self.names):
            raise BadInput(f"attribute values {list(self.names)} hold a name twice; names have to differ.")
        if self.codes.size and not (self.codes.min() >= 0 and self.codes.max() < len(self.names)):
            raise BadInput(
                f"attribute codes run from {self.codes.min()} to {self.codes.max()}; "
                f"0 to {len(self.names) - 1} were expected for {len(self.names)} names."
            )

    def __len__(self) -> int:
        return len(self.codes)

    @classmethod
    def of(cls, values: Iterable[object], *, names: Sequence[str] | None = None) -> "Attribute":
        """Encode plain values; ``None``, NaN and the empty text become the group ``(missing)``.

        Args:
            values: One value per example.
            names: Order of the names; those that occur, sorted, where not given.

        Returns:
            The encoded attribute.

        Raises:
            BadInput: A value does not stand among the given names.

        Example:
            >>> Attribute.of(["b", None, "a", "b"]).names
            ('a', 'b', '(missing)')
        """
        texts = [_as_text(value) for value in values]
        found = set(texts)
        order = list(names) if names is not None else sorted(found - {MISSING})
        if MISSING in found and MISSING not in order:
            order.append(MISSING)
        if unknown := sorted(found - set(order)):
            raise BadInput(f"group value '{unknown[0]}' is not among {order}.{suggestion(unknown[0], order)}")
        place = {name: index for index, name in enumerate(order)}
        return cls(names=tuple(order), codes=np.array([place[text] for text in texts], dtype=np.int32))

    def values(self) -> NDArray[np.str_]:
        """Return the name of every example, shape (examples,)."""
        return np.array(self.names, dtype=np.str_)[self.codes]

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> "Attribute":
        """Return the attribute of some examples; the names stay, seen or not."""
        return Attribute(names=self.names, codes=self.codes[rows])


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Groups:
    """A named partition of examples, with a reference (privileged) group.

    Args:
        by: What the partition is made by: ``"race"``, or ``"race*sex"`` for an intersection.
        names: Names of the groups, in a fixed order; a group without an example keeps its row.
        codes: Index into ``names`` per example, shape (examples,).
        reference: Name of the reference group.
        multiplicity: How many alike examples a row stands for; 1 each where not given.

    Example:
        >>> groups = Groups.of({"sex": Attribute.of(["f", "m", "m"])}, by="sex")
        >>> groups.counts(), groups.reference
        ({'f': 1, 'm': 2}, 'm')
    """

    by: str
    names: tuple[str, ...]
    codes: NDArray[np.int32]
    reference: str
    multiplicity: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        if self.reference not in self.names:
            raise BadInput(
                f"reference group '{self.reference}' of '{self.by}' does not exist."
                f"{suggestion(self.reference, self.names)}"
            )

    @classmethod
    def of(
        cls,
        attributes: Mapping[str, Attribute],
        *,
        by: str,
        reference: str | None = None,
        multiplicity: NDArray[np.int64] | None = None,
    ) -> "Groups":
        """Partition examples by an attribute or by an intersection.

        Args:
            attributes: Attribute by name, all of one length.
            by: An attribute's name, or several joined by ``*``.
            reference: Name of the reference group; the largest where not given.
            multiplicity: How many alike examples a row stands for; 1 each where not given.

        Returns:
            The partition. Of an intersection only the combinations that occur are groups.

        Raises:
            BadInput: An attribute is absent or holds no name, attributes differ in length, or the reference group does
                not exist.
        """
        parts = [part.strip() for part in by.split(INTERSECTION)]
        for part in parts:
            if part not in attributes:
                raise BadInput(f"group column '{part}' is absent.{suggestion(part, attributes)}")
        _require_one_length({part: len(attributes[part]) for part in parts})
        joint = _intersection([attributes[part] for part in parts])
        if not joint.names:
            raise BadInput(f"group column '{by}' holds no name; at least one example was expected.")
        largest = joint.names[int(np.argmax(_sizes(joint.codes, len(joint.names), multiplicity)))]
        return cls(
            by=INTERSECTION.join(parts),
            names=joint.names,
            codes=joint.codes,
            reference=reference or largest,
            multiplicity=multiplicity,
        )

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Number of examples per group, in the order of ``names``."""
        return _sizes(self.codes, len(self.names), self.multiplicity)

    def counts(self) -> dict[str, int]:
        """Return the number of examples by group name; 0 for a group that was not seen."""
        return dict(zip(self.names, self.sizes.tolist(), strict=True))

    def mask(self, name: str) -> NDArray[np.bool_]:
        """Return which examples belong to the group, shape (examples,).

        Raises:
            BadInput: There is no such group.
        """
        if name not in self.names:
            raise BadInput(f"group '{name}' of '{self.by}' does not exist.{suggestion(name, self.names)}")
        return self.codes == self.names.index(name)

    def merge(self, names: Sequence[str], *, into: str) -> "Groups":
        """Return the partition in which several groups are one.

        Args:
            names: Groups to be merged.
            into: Name of the merged group.

        Returns:
            The coarser partition; the merged group becomes the reference if the reference was merged.

        Raises:
            BadInput: A group to be merged does not exist, or the new name is taken.
        """
        for name in names:
            if name not in self.names:
                raise BadInput(f"group '{name}' of '{self.by}' does not exist.{suggestion(name, self.names)}")
        kept = [name for name in self.names if name not in names]
        if into in kept:
            raise BadInput(f"merged name '{into}' is another group of '{self.by}'; choose a name that is free.")
        order = [*kept, into]
        place = [order.index(into if name in names else name) for name in self.names]
        reference = into if self.reference in names else self.reference
        return replace(self, names=tuple(order), codes=np.array(place, dtype=np.int32)[self.codes], reference=reference)


def _as_text(value: object) -> str:
    if value is None or type(value).__name__ == "NAType":  # pandas.NA, which has no truth value
        return MISSING
    return MISSING if value == "" or value != value else str(value)


def _sizes(codes: NDArray[np.int32], groups: int, multiplicity: NDArray[np.int64] | None) -> NDArray[np.int64]:
    return np.bincount(codes, weights=multiplicity, minlength=groups).astype(np.int64)


def _require_one_length(lengths: Mapping[str, int]) -> None:
    if len(set(lengths.values())) > 1:
        raise BadInput(f"group columns have different lengths: {dict(lengths)}; one value per example was expected.")


def _intersection(parts: list[Attribute]) -> Attribute:
    if len(parts) == 1:
        return parts[0]
    flat, combinations = np.zeros(len(parts[0]), dtype=np.int64), 1
    for part in parts:
        if combinations * len(part.names) > MOST_NUMBERS:
            present, flat = np.unique(flat, return_inverse=True)
            combinations = len(present)
        flat, combinations = flat * len(part.names) + part.codes, combinations * len(part.names)
    _, first, codes = np.unique(flat, return_index=True, return_inverse=True)
    names = tuple(JOINT.join(part.names[part.codes[row]] for part in parts) for row in first.tolist())
    return Attribute(names=names, codes=codes.astype(np.int32))
