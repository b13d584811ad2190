"""Who pays, by how hard an example is: what a choice does to every tenth of the examples by difficulty.

Examples of the hardest tenth are those that a network is least sure of, so that any other network answers some of them
otherwise: they lose even where another seed of the reference stands in the place of the choice. That is the floor here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import special
from scipy.stats import rankdata, spearmanr

from disparate.errors import BadInput
from disparate.explain.learning import DECILES, FEWEST
from disparate.explain.over_seeds import About, mean_over_seeds
from disparate.findings import Finding, Null
from disparate.predictions import REFERENCE
from disparate.stats.nulls import SEEDS

Array = NDArray[np.float64]
BY_DIFFICULTY = {"accuracy": "accuracy_by_difficulty", "loss": "risk_by_difficulty"}
"""What is damaged to the name of its measure: change of accuracy, and excessive risk, a loss that rises."""
UNITS = {"accuracy": "share", "loss": "nats"}
TOGETHER = "difficulty_and_damage"
TOO_FEW = f"fewer than {FEWEST} examples have the number, or they do not differ"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Damage:
    """How hard examples are, and what a choice does to each, under one training seed.

    Args:
        hardness: One per example, large is hard; NaN where unknown.
        change: Variant minus reference, per example.
        usual: The same with other seeds of the reference in the variant's place, shape (seeds, examples); no row where
            there is one seed.
    """

    hardness: Array
    change: Array
    usual: Array

    def __post_init__(self) -> None:
        if self.hardness.shape != self.change.shape or self.usual.shape[1:] != self.change.shape:
            raise BadInput(
                f"damage: {len(self.hardness)} numbers of difficulty, {len(self.change)} changes and usual ones of "
                f"shape {self.usual.shape}; the same examples were expected."
            )


def tenths(hardness: Array) -> NDArray[np.int64] | None:
    """Return which tenth every example belongs to, 0 the easiest; −1 where its difficulty is unknown.

    Equal difficulties share the tenth of their mean rank.

    Args:
        hardness: Shape (examples,), large is hard.

    Returns:
        Shape (examples,); None with fewer than 30 examples, or where a tenth would be empty.

    Example:
        >>> tenths(np.arange(40.0))[[0, 3, 4, 39]].tolist()
        [0, 0, 1, 9]
    """
    known = np.isfinite(hardness)
    if known.sum() < FEWEST:
        return None
    rank = rankdata(hardness[known]) - 0.5
    found = np.full(len(hardness), -1, np.int64)
    found[known] = np.minimum((rank / known.sum() * DECILES).astype(np.int64), DECILES - 1)
    return found if len(np.unique(found[known])) == DECILES else None


def damage_findings(
    seeds: Sequence[Damage], *, of: str, difficulty: str, split: str, variant: str, level: float = 0.95
) -> Iterator[Finding]:
    """Yield what a variant does to every tenth by difficulty, and Spearman's correlation of difficulty with it.

    The mean over seeds, with its interval; the p-value is that of a tenth dealt at random (N3): whether the tenth is
    damaged otherwise than everybody, the same examples under every seed counted once. The null is what another seed of
    the reference does to that tenth (N2), in size.

    Args:
        seeds: One per training seed.
        of: ``"accuracy"`` or ``"loss"``.
        difficulty: Name of the number that says how hard.
        split: The split of the examples.
        variant: The variant.
        level: Level of the intervals, over seeds.

    Yields:
        ``accuracy_by_difficulty`` or ``risk_by_difficulty`` with ``decile`` in ``where``, 1 the easiest;
        ``difficulty_and_damage``. Undefined with fewer than 30 examples.

    Example:
        >>> hard = np.arange(100.0)
        >>> lost = Damage(hardness=hard, change=np.where(hard >= 90, -0.5, 0.0), usual=np.zeros((1, 100)))
        >>> found = list(damage_findings([lost], of="accuracy", difficulty="vog", split="test", variant="int8"))
        >>> [item.value for item in found[8:10]], found[9].p_value < 0.001, found[8].null.value
        ([0.0, -0.5], True, 0.0)
    """
    parts = [tenths(seed.hardness) for seed in seeds]
    where = {"split": split, "near": difficulty}
    for place in range(DECILES):
        masks = [None if part is None else part == place for part in parts]
        known = [mask for mask in masks if mask is not None]
        about = About(
            measure=BY_DIFFICULTY[of],
            variant=variant,
            reference=REFERENCE,
            unit=UNITS[of],
            where={**where, "decile": place + 1},
            n=min((int(mask.sum()) for mask in known), default=0),
        )
        pairs = list(zip(seeds, masks, strict=True))
        values = [None if mask is None else float(seed.change[mask].mean()) for seed, mask in pairs]
        found = mean_over_seeds(values, about, level=level, floor=_usual(pairs), why=TOO_FEW)
        yield _tested(found, pairs)
    about = About(
        measure=TOGETHER,
        variant=variant,
        reference=REFERENCE,
        unit="correlation",
        where={**where, "of": of},
        n=min(len(seed.change) for seed in seeds),
        least=-1.0,
    )
    floor = [_spearman(seed.hardness, row) for seed in seeds for row in seed.usual]
    seen = [value for value in floor if value is not None]
    null = Null(name=SEEDS, value=abs(float(np.mean(seen)))) if seen else None
    values = [_spearman(seed.hardness, seed.change) for seed in seeds]
    yield mean_over_seeds(values, about, level=level, floor=null, why=TOO_FEW)


Pairs = Sequence[tuple[Damage, NDArray[np.bool_] | None]]


def _usual(pairs: Pairs) -> Null | None:
    found = [float(row[mask].mean()) for seed, mask in pairs if mask is not None for row in seed.usual]
    return Null(name=SEEDS, value=abs(float(np.mean(found)))) if found else None


def _tested(finding: Finding, pairs: Pairs) -> Finding:
    """Return a finding with the p-value of a tenth dealt at random; the seeds' deviations count as one draw."""
    if finding.value is None:
        return finding
    apart: list[float] = []
    spread: list[float] = []
    for seed, mask in pairs:
        assert mask is not None
        everyone = seed.change[np.isfinite(seed.hardness)]
        total, n = len(everyone), int(mask.sum())
        apart.append(float(seed.change[mask].mean() - everyone.mean()))
        spread.append(float(everyone.std()) * ((total - n) / (n * (total - 1))) ** 0.5)
    scale = float(np.mean(spread))
    if scale == 0:
        return finding
    p_value = float(2 * special.ndtr(-abs(float(np.mean(apart))) / scale))
    return replace(
        finding, p_value=p_value, method=f"{finding.method}; p of a tenth dealt at random, against everybody"
    )


def _spearman(hardness: Array, change: Array) -> float | None:
    known = np.isfinite(hardness) & np.isfinite(change)
    if known.sum() < FEWEST or np.ptp(hardness[known]) == 0 or np.ptp(change[known]) == 0:
        return None
    statistic: float = spearmanr(hardness[known], change[known])[0]  # pyright: ignore[reportAssignmentType]
    return float(statistic)
