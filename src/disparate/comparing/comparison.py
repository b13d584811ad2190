"""Comparison: prediction files side by side, the question as a value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from disparate.comparing.columns import TARGET, Columns
from disparate.comparing.sources import Source
from disparate.errors import BadInput, suggestion
from disparate.groups import INTERSECTION, partition
from disparate.measures.harm import MARGIN
from disparate.measures.table import (
    MEASURES,
    OF_ANSWERS,
    OF_FLIPS,
    OF_HARDWARE,
    OF_LOSSES,
    OF_NUMBERS,
    OF_ONE_LABEL,
    OF_POPULATIONS,
    OF_SETS,
    OF_TWO_LABELS,
)
from disparate.predictions import REFERENCE
from disparate.predictions import Answers as Kind

OF_LABELS: tuple[Kind, ...] = ("labels", "sets")
OF_CLASSES = "normalised_change"
"""A measure of single labels."""
OF_ANY = frozenset((*OF_HARDWARE, "noise_floor"))
"""Measures of whatever is answered."""
OF_WHOLE_SETS = frozenset((*OF_SETS, *OF_FLIPS, *OF_LOSSES, *OF_ANY))
"""Measures of sets of labels as wholes; any other is of single labels."""
USUAL: Mapping[Kind, tuple[str, ...]] = {
    "labels": (*OF_ANSWERS, "noise_floor", *OF_FLIPS),
    "sets": (*OF_SETS, "noise_floor", *(name for name in OF_FLIPS if name != OF_CLASSES)),
    "numbers": (*OF_NUMBERS, "noise_floor"),
}
"""What is measured of answers of a kind, where nobody says."""
OF_UNLABELLED = ("modal_exemplars", "taxicab_distance", "modal_ties", "over_representation")
"""Measures that need no right answer."""
UNPAIRED = ("accuracy", "accuracy_gap", "worst_group_accuracy", "over_representation", OF_CLASSES, *OF_POPULATIONS)
"""What is usually measured of populations that are not paired by seed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """Runs × groups × measures, and how they are judged.

    Args:
        sources: The runs; those of variant ``"reference"`` with repeat 0 are the reference, those with repeat from 1
            on its repeats.
        groups: Partitions to judge by: columns, and intersections such as ``"race*sex"`` of up to four.
        columns: What the columns are called.
        measures: Names of measures; what the tables allow where empty.
        retrained: Variants that were trained anew, so that only seeds can judge them.
        hardware: Variants that are the same model on other machines; hardware sensitivity is taken over them.
        reference_groups: Partition to the name of its reference group; the largest where not given.
        maxima: Measure to the largest value that passes.
        minima: Measure to the smallest value that passes.
        allow_partial: Whether examples that are not in all tables may be left out.
        counts_only: Whether files are counted on disk, never loaded; measures of answers only.
        population: Whether the files of a variant are a population of models of its own, not paired by seed; they need
            no right answers.
        level: Level of intervals.
        margin: Largest harm that does not matter: a share for accuracy, nats for loss.
        replicates: Bootstrap replicates.
        memory: Memory for counting on disk.
        spill: Folder for what does not fit into it; that for temporary files where not given.
    """

    sources: tuple[Source, ...]
    groups: tuple[str, ...]
    columns: Columns = field(default_factory=Columns)
    measures: tuple[str, ...] = ()
    retrained: tuple[str, ...] = ()
    hardware: tuple[str, ...] = ()
    reference_groups: Mapping[str, str] = field(default_factory=dict[str, str])
    maxima: Mapping[str, float] = field(default_factory=dict[str, float])
    minima: Mapping[str, float] = field(default_factory=dict[str, float])
    allow_partial: bool = False
    counts_only: bool = False
    population: bool = False
    level: float = 0.95
    margin: float = MARGIN
    replicates: int = 2000
    memory: str = "1GB"
    spill: Path | None = None

    def __post_init__(self) -> None:
        for name in (*self.retrained, *self.hardware):
            if name not in self.variants:
                raise BadInput(f"'{name}' is no variant of this comparison.{suggestion(name, self.variants)}")
        object.__setattr__(self, "groups", tuple(dict.fromkeys(partition(by) for by in self.groups)))
        named = {partition(by): group for by, group in self.reference_groups.items()}
        object.__setattr__(self, "reference_groups", named)
        if not self.groups:
            raise BadInput("no group column was named; at least one was expected, as in groups=['race'].")
        if self.population:
            _require_populations(self)
        if not 0 < self.level < 1:
            raise BadInput(f"level is {self.level}; a share between 0 and 1 was expected, such as 0.95.")
        if not 0 < self.margin < 1:
            raise BadInput(f"margin is {self.margin}; a share between 0 and 1 was expected, such as 0.02.")

    @property
    def variants(self) -> tuple[str, ...]:
        """Names of the variants, without the reference."""
        names = dict.fromkeys(source.run.variant for source in self.sources)
        return tuple(name for name in names if name != REFERENCE)

    @property
    def models(self) -> dict[str, int]:
        """Number of models by variant, the reference in front: files of different seeds, repeats apart."""
        found: dict[str, set[int]] = {}
        for source in self.sources:
            if source.run.repeat == 0:
                found.setdefault(source.run.variant, set()).add(source.run.seed)
        return {variant: len(seeds) for variant, seeds in found.items()}

    @property
    def attributes(self) -> tuple[str, ...]:
        """Group columns, each once."""
        return tuple(dict.fromkeys(part.strip() for by in self.groups for part in by.split(INTERSECTION)))

    @property
    def of_answers(self) -> bool:
        """Whether measures were named that need no loss, so that a score with a threshold is an answer and no more."""
        named = set(self.measures)
        return bool(named) and self.columns.threshold is not None and not named & {*OF_LOSSES, *OF_ANY}

    def asked(self, *, answers: Kind, losses: bool, labels: int, labelled: bool = True) -> tuple[str, ...]:
        """Return the measures to be taken.

        Args:
            answers: What is answered.
            losses: Whether the tables hold losses.
            labels: Number of labels.
            labelled: Whether the right answers are known.

        Returns:
            Names of measures.

        Raises:
            BadInput: A measure was asked for that needs a loss, or another kind of answers.
        """
        for name in self.measures:
            _require_possible(name, answers, losses=losses)
        if not labelled:
            return self._of_unlabelled()
        if self.population and not self.measures:
            return (*UNPAIRED, *(("loss",) if losses else ()))
        if self.measures:
            return tuple(name for name in self.measures if answers != "sets" or name in OF_WHOLE_SETS)
        several = answers == "labels" and min(self.models.values()) > 1
        more = (
            (OF_POPULATIONS, several),
            (OF_TWO_LABELS, labels == 2),
            (OF_LOSSES, losses),
            (OF_HARDWARE, bool(self.hardware)),
        )
        return (*USUAL[answers], *(name for names, wanted in more if wanted for name in names))

    def _of_unlabelled(self) -> tuple[str, ...]:
        if needing := [name for name in self.measures if name not in OF_UNLABELLED]:
            raise BadInput(
                f"measure '{needing[0]}' needs right answers, and the reference's table has no column '{TARGET}'; name "
                f"it with --target, or take {', '.join(OF_UNLABELLED)}."
            )
        return self.measures or OF_UNLABELLED

    @property
    def asked_of_labels(self) -> tuple[str, ...]:
        """Names of the measures to be taken of every label of a set, one against the rest."""
        if not self.measures:
            return OF_ONE_LABEL
        return tuple(name for name in self.measures if name in OF_FLIPS or name not in OF_WHOLE_SETS)


def _require_populations(question: Comparison) -> None:
    for variant, models in question.models.items():
        if models < 2:
            raise BadInput(
                f"population '{variant}' holds {models} model; at least 2 were expected: one model is no population. "
                "Give a file per seed, with {seed} in the quoted path ('int8=runs/int8_{seed}.parquet')."
            )
    if question.hardware or not question.columns.of_labels:
        other = "hardware variants" if question.hardware else "numbers or sets of labels"
        raise BadInput(f"populations with {other}; one label per example and no machines were expected.")
    for name in question.measures:
        if name in MEASURES.entries and name not in {*UNPAIRED, *OF_ANSWERS, *OF_UNLABELLED, "loss"}:
            raise BadInput(
                f"measure '{name}' compares model with model, and populations are not paired; leave out --population, "
                f"or take measures such as {', '.join(UNPAIRED[:3])}."
            )


def _require_possible(name: str, answers: Kind, *, losses: bool) -> None:
    own: dict[str, tuple[Kind, ...]] = dict.fromkeys((OF_CLASSES, *OF_POPULATIONS), ("labels",))
    own |= dict.fromkeys(OF_NUMBERS, ("numbers",)) | dict.fromkeys(OF_SETS, ("sets",))
    kinds = own.get(name, OF_LABELS)
    if name in MEASURES.entries and name not in OF_ANY and answers not in kinds:
        raise BadInput(
            f"measure '{name}' is of {kinds[0]}, and the tables hold {answers}, as the options say; measures such as "
            f"{', '.join(USUAL[answers][:3])} were expected."
        )
    if not losses and name in OF_LOSSES:
        raise BadInput(
            f"measure '{name}' needs a loss per example, and the tables hold answers alone; name score columns "
            "with --scores or a column with --loss, or leave the measure out."
        )
