"""Audit: the question as a value."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from disparate.choice import Variant
from disparate.errors import BadInput
from disparate.groups import partition
from disparate.measures.harm import MARGIN
from disparate.measures.table import OF_ANSWERS, OF_FLIPS, OF_HARDWARE, OF_LOSSES, OF_POPULATIONS
from disparate.predictions import REFERENCE
from disparate.profiles import Profile
from disparate.training.config import TrainingConfig

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
RESERVED_NAMES = frozenset({"blobs", "logs", "work", "datasets", "trained", "runs.sqlite"})
"""What a store keeps beside the folders of audits."""

RESERVED_VARIANTS = frozenset({REFERENCE, "hardware"})
"""``"hardware"`` names what is taken over all hardware profiles."""

FEWEST_DRAWS = 8
"""Fewest draws from which it is judged whether more are needed: of fewer the spread is hardly known."""
FEWEST = 20
"""Fewest bootstrap replicates that give an interval."""

MEASURES = (*OF_ANSWERS, *OF_LOSSES, *OF_HARDWARE, "noise_floor", "over_draws", *OF_FLIPS, *OF_POPULATIONS)
"""What is measured where a recipe does not say."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DrawsUntil:
    """When there are draws enough: the mean over draws is known to so much.

    Args:
        measure: Name of a measure of counts or of answers, such as ``"equalized_odds_sum"``.
        half_width: Largest half-width of the interval of its mean over draws, in its unit.
        at_most: Draws after which no more are made.
    """

    measure: str
    half_width: float
    at_most: int = 100

    def __post_init__(self) -> None:
        _require(self.half_width > 0, f"draws_until: half_width is {self.half_width}; a number above 0 was expected")


@dataclass(frozen=True, kw_only=True, slots=True)
class Audit:
    """Data × model × objective × reference × variants × seeds × draws × measures.

    Args:
        name: How the audit is called; its folder in the store has this name.
        data: ``source``, ``root`` and the settings of the loader.
        model: ``name`` and the settings of the model; ``trained`` names a safetensors file with weights that are
            deployed as they are.
        training: How the reference is trained, under seed 0.
        objective: ``name`` and the settings of the objective.
        reference: The chain of choices behind the reference; empty for the plain training.
        variants: What is compared with the reference; the reference's choices come before each variant's own.
        profile: Profile of the reference, for training and running.
        seeds: Training seeds.
        repeats: How often the reference is computed per seed; 2 or more give a repeat floor.
        draws: Draws of device noise for choices that have any; the fewest where ``draws_until`` asks for more.
        draws_until: When there are draws enough; as many as ``draws`` where not given.
        antithetic: Whether draws come in pairs that are mirror images of each other, for choices that know any.
        fused_draws: Whether networks that are drawn run with their normalisation folded and images channels last: the
            same answers up to rounding, sooner. Only under a profile that says nothing about kernels.
        groups: Partitions to judge by: attributes, and intersections such as ``"race*sex"``.
        reference_groups: Partition to the name of its reference group; the largest where not given.
        measures: Names of measures.
        split: The split that is judged.
        level: Level of intervals.
        margin: Largest harm that does not matter: a share for accuracy, nats for loss.
        replicates: Bootstrap replicates.
        keep_logits: Whether logits are stored.
        maxima: Measure to the largest value a gate passes.
        minima: Measure to the smallest value a gate passes.
        trust: Models named ``module:function`` that may be imported and run.
        code: Hash of the code of a model that is not disparate's own; part of every key.
    """

    name: str
    data: Mapping[str, Any]
    model: Mapping[str, Any]
    training: TrainingConfig = field(default_factory=TrainingConfig)
    objective: Mapping[str, Any] = field(default_factory=lambda: {"name": "erm"})
    reference: Variant = field(default_factory=lambda: Variant(name=REFERENCE))
    variants: tuple[Variant, ...] = ()
    profile: Profile = field(default_factory=Profile)
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    repeats: int = 2
    draws: int = 1
    draws_until: DrawsUntil | None = None
    antithetic: bool = False
    fused_draws: bool = True
    groups: tuple[str, ...]
    reference_groups: Mapping[str, str] = field(default_factory=dict[str, str])
    measures: tuple[str, ...] = MEASURES
    split: str = "test"
    level: float = 0.95
    margin: float = MARGIN
    replicates: int = 1000
    keep_logits: bool = False
    maxima: Mapping[str, float] = field(default_factory=dict[str, float])
    minima: Mapping[str, float] = field(default_factory=dict[str, float])
    trust: tuple[str, ...] = ()
    code: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "groups", tuple(partition(by) for by in self.groups))
        object.__setattr__(self, "reference_groups", {partition(by): g for by, g in self.reference_groups.items()})
        names = [variant.name for variant in self.variants]
        _require(
            len(set(names)) == len(names), f"variant names {sorted(names)} hold a name twice; names have to differ"
        )
        taken = sorted(RESERVED_VARIANTS.intersection(names))
        _require(not taken, f"a variant is called {taken}; these names have a meaning of their own")
        _require(
            NAME.fullmatch(self.name) is not None, f"name is '{self.name}'; letters, digits, '.', '_' and '-' only"
        )
        _require(self.name not in RESERVED_NAMES, f"name '{self.name}' is a folder of the store's own; choose another")
        _require(
            len(set(self.seeds)) == len(self.seeds) > 0, f"seeds are {list(self.seeds)}; different seeds are needed"
        )
        _require(self.repeats >= 1, f"repeats is {self.repeats}; 1 or more was expected, 2 for a repeat floor")
        _require(self.replicates >= FEWEST, f"replicates is {self.replicates}; {FEWEST} or more were expected")
        _require(0 < self.level < 1, f"level is {self.level}; a number between 0 and 1 was expected")
        _require(0 < self.margin < 1, f"margin is {self.margin}; a share between 0 and 1 was expected, such as 0.02")
        _require_draws(self)
        _require_partitions(self)
        _require_weights(self)


def is_trained(audit: Audit) -> bool:
    """Return whether the audit deploys weights that were trained elsewhere."""
    return "trained" in audit.model


def chained(audit: Audit) -> tuple[Variant, ...]:
    """Return the variants as they are carried out: each has the reference's choices before its own."""
    before = audit.reference.choices
    return tuple(replace(variant, choices=(*before, *variant.choices)) for variant in audit.variants)


def _require_draws(audit: Audit) -> None:
    _require(audit.draws >= 1, f"draws is {audit.draws}; 1 or more was expected")
    pairs = "; with antithetic pairs an even number, 2 or more, was expected"
    _require(not (audit.antithetic and audit.draws % 2), f"draws is {audit.draws}{pairs}")
    until = audit.draws_until
    if until is not None:
        first = f"draws is {audit.draws}, from which draws_until goes on; {FEWEST_DRAWS} or more were expected"
        _require(audit.draws >= FEWEST_DRAWS, first)
        most = f"draws_until: at_most is {until.at_most} and draws is {audit.draws}; no less than that was expected"
        _require(until.at_most >= audit.draws, most)
        _require(not (audit.antithetic and until.at_most % 2), f"draws_until: at_most is {until.at_most}{pairs}")


def _require_partitions(audit: Audit) -> None:
    groups = audit.groups
    _require(bool(groups), "groups is empty; name at least one group attribute, such as groups = ['race']")
    _require(len(set(groups)) == len(groups), f"groups {list(groups)} hold a partition twice")
    strangers = sorted(set(audit.reference_groups) - set(groups))
    _require(not strangers, f"reference_groups names {strangers}, which are not among groups {list(groups)}")


def _require_weights(audit: Audit) -> None:
    seeds = {name: getattr(audit.training, name) for name in ("init_seed", "order_seed", "augment_seed")}
    given = {name: seed for name, seed in seeds.items() if seed}
    _require(not given, f"training sets {given}; training seeds are set by seeds, and changed by the choice 'seed'")
    if is_trained(audit):
        _require(
            len(audit.seeds) == 1,
            f"weights trained elsewhere have no seeds of ours; seeds = [0], not {list(audit.seeds)}",
        )
    else:
        scale = sorted({"mean", "std"}.intersection(audit.model))
        _require(not scale, f"[model] {scale} belong to weights trained elsewhere; name them with trained = 'file'")


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise BadInput(f"audit: {message}.")
