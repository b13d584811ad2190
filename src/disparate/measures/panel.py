"""All runs of one question, arranged by variant and seed, and the partitions they are judged by."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from disparate.errors import BadInput, suggestion
from disparate.groups import Groups
from disparate.predictions import REFERENCE, Predictions, require_same_examples
from disparate.stats.bootstrap import Units

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Panel:
    """Runs over the same examples: several variants, seeds and draws, and repeats of the reference.

    Args:
        runs: The runs to be compared, first repeat only.
        repeats: Runs of the reference that were computed again.
        paired: Whether a seed of a variant belongs to the same seed of the reference; otherwise each variant is a
            population of its own.
    """

    runs: tuple[Predictions, ...]
    repeats: tuple[Predictions, ...]
    paired: bool = True

    @classmethod
    def of(cls, runs: Sequence[Predictions], *, paired: bool = True) -> "Panel":
        """Arrange runs; repeats of other variants than the reference are not used here.

        Args:
            runs: Runs over the same examples in the same order.
            paired: Whether seeds of variants have to be paired with those of the reference.

        Returns:
            The panel.

        Raises:
            BadInput: No run is of the reference, a run occurs twice, a variant shares no seed with the reference, or
                the examples differ.
        """
        if not any(item.run.variant == REFERENCE and item.run.repeat == 0 for item in runs):
            raise BadInput(f"{len(runs)} runs and none of variant '{REFERENCE}'; its first repeat was expected.")
        seen = [item.run for item in runs]
        if twice := [run for place, run in enumerate(seen) if run in seen[:place]]:
            raise BadInput(f"{twice[0]} occurs twice; one run per variant, seed, draw and repeat was expected.")
        for item in runs[1:]:
            require_same_examples(item, runs[0])
        panel = cls(
            runs=tuple(item for item in runs if item.run.repeat == 0),
            repeats=tuple(item for item in runs if item.run.repeat > 0 and item.run.variant == REFERENCE),
            paired=paired,
        )
        for variant in panel.variants if paired else ():
            _require_pairs(variant, panel)
        if lost := [item.run for item in panel.repeats if not panel.rows(REFERENCE, item.run.seed)]:
            raise BadInput(f"{lost[0]} repeats a run that is not there; repeat 0 of its seed was expected.")
        return panel

    @property
    def first(self) -> Predictions:
        """A run that stands for what all share: targets, groups, labels, weights."""
        return self.runs[0]

    @property
    def has_losses(self) -> bool:
        """Whether every run knows the loss of its examples, not its answers alone."""
        return all(item.loss is not None for item in (*self.runs, *self.repeats))

    @property
    def variants(self) -> tuple[str, ...]:
        """Names of the variants, the reference first."""
        return tuple(dict.fromkeys((REFERENCE, *(item.run.variant for item in self.runs))))

    def seeds(self, variant: str = REFERENCE) -> tuple[int, ...]:
        """Return the training seeds of a variant, sorted."""
        return tuple(sorted({item.run.seed for item in self.runs if item.run.variant == variant}))

    def paired_seeds(self, *variants: str) -> tuple[int, ...]:
        """Return the seeds that the variants share with the reference, sorted."""
        return tuple(seed for seed in self.seeds() if all(seed in self.seeds(name) for name in variants))

    def draws(self, variant: str) -> int:
        """Return the number of device draws of a variant."""
        return len({item.run.draw for item in self.runs if item.run.variant == variant})

    def rows(self, variant: str, seed: int) -> list[int]:
        """Return the places in ``runs`` of a variant under a seed, one per draw."""
        return [place for place, item in enumerate(self.runs) if item.run.variant == variant and item.run.seed == seed]

    def levels(self, variant: str, seeds: Sequence[int] | None = None) -> Array:
        """Return the matrix (seeds, runs) that gives a variant's value per seed, the mean over its draws."""
        seeds = self.seeds(variant) if seeds is None else seeds
        matrix = np.zeros((len(seeds), len(self.runs)))
        for place, seed in enumerate(seeds):
            rows = self.rows(variant, seed)
            matrix[place, rows] = 1 / len(rows)
        return matrix

    def differences(self, variant: str) -> Array:
        """Return the matrix (seeds, runs) that gives variant minus reference, over the seeds both have."""
        seeds = self.paired_seeds(variant)
        return self.levels(variant, seeds) - self.levels(REFERENCE, seeds)

    def repeated(self) -> list[tuple[int, int]]:
        """Return, for every repeat, its place in ``repeats`` and that of the same run in ``runs``."""
        return [(place, self.rows(REFERENCE, item.run.seed)[0]) for place, item in enumerate(self.repeats)]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Cut:
    """A partition of the examples, or all of them as one group without a name.

    Args:
        by: What the partition is made by; None for all examples together.
        groups: The partition.
    """

    by: str | None
    groups: Groups

    @classmethod
    def whole(cls, rows: int, multiplicity: NDArray[np.int64] | None = None) -> "Cut":
        """Return all examples as one group."""
        codes = np.zeros(rows, dtype=np.int32)
        return cls(by=None, groups=Groups(by="", names=("",), codes=codes, reference="", multiplicity=multiplicity))

    @property
    def reference(self) -> int:
        """Place of the reference group."""
        return self.groups.names.index(self.groups.reference)

    @property
    def weakest(self) -> int:
        """Size of the smallest group that was seen."""
        sizes = self.groups.sizes
        return int(sizes[sizes > 0].min())

    def name(self, place: int) -> str | None:
        """Return the name of a group; None for everyone."""
        return None if self.by is None else self.groups.names[place]

    def rows(self, place: int) -> NDArray[np.intp]:
        """Return the positions of the examples of a group."""
        return np.flatnonzero(self.groups.codes == place)

    def where(self, **more: Any) -> dict[str, Any] | None:
        """Return what places a finding: the attribute, and more."""
        place = {} if self.by is None else {"by": self.by}
        return {**place, **more} or None


def cuts_of(panel: Panel, by: Sequence[str], reference_groups: Mapping[str, str]) -> list[Cut]:
    """Return everyone, then every partition asked for.

    Args:
        panel: The runs; all have to place every example in the same group.
        by: Attributes and intersections.
        reference_groups: Partition to the name of its reference group.

    Returns:
        The partitions.

    Raises:
        BadInput: A reference group is given for a partition that was not asked for, or a run disagrees about groups.
    """
    if unknown := sorted(set(reference_groups) - set(by)):
        raise BadInput(f"reference group given for '{unknown[0]}', which is not asked for.{suggestion(unknown[0], by)}")
    whole = Cut.whole(len(panel.first), panel.first.multiplicity)
    return [whole, *(_cut(panel, name, reference_groups.get(name)) for name in by)]


def units_of(panel: Panel, columns: Sequence[NDArray[Any]] | None) -> Units:
    """Return what a bootstrap draws: clusters where there are any, else cells of the columns, else single examples."""
    first = panel.first
    if first.cluster_id is not None:
        return Units.clusters(first.cluster_id)
    if columns is None:
        return Units.singles(len(first), first.multiplicity)
    weights = [] if first.weight is None else [first.weight]
    return Units.cells([*columns, *weights], multiplicity=first.multiplicity)


def _cut(panel: Panel, by: str, reference: str | None) -> Cut:
    groups = panel.first.groups(by, reference=reference)
    for item in _others(panel):
        found = item.groups(by)
        if found.names != groups.names or not np.array_equal(found.codes, groups.codes):
            raise BadInput(f"{item.run} and {panel.first.run} place examples in different groups of '{by}'.")
    return Cut(by=groups.by, groups=groups)


def _others(panel: Panel) -> Iterator[Predictions]:
    known = panel.first.attributes
    for item in (*panel.runs[1:], *panel.repeats):
        if any(item.attributes.get(name) is not attribute for name, attribute in known.items()):
            yield item


def _require_pairs(variant: str, panel: Panel) -> None:
    if not panel.paired_seeds(variant):
        raise BadInput(
            f"variant '{variant}' has seeds {list(panel.seeds(variant))} and the reference {list(panel.seeds())}; "
            "at least one common seed is needed to pair them. Compare other seeds as populations (--population)."
        )
