"""Does difficulty tell where the boundary runs and which answers are wrong? Both are claimed of VoG (agarwal2022)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata, spearmanr

from disparate.errors import BadInput
from disparate.explain.over_seeds import About, mean_over_seeds
from disparate.findings import Finding

Array = NDArray[np.float64]
DECILES = 10
ERROR = "error_by_difficulty"
NEARNESS = "difficulty_and_distance"
FEWEST = 30
"""Fewest examples for a rank correlation or for tenths."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Learnt:
    """How hard examples were under one training seed, how far they ended from the boundary, and whether right.

    Args:
        hardness: One per example, large is hard; NaN where unknown.
        distances: Name to one per example, large is far; NaN where unknown.
        wrong: Whether the answer is wrong, per example.
    """

    hardness: Array
    distances: Mapping[str, Array]
    wrong: NDArray[np.bool_]

    def __post_init__(self) -> None:
        lengths = {len(self.hardness), len(self.wrong), *(len(values) for values in self.distances.values())}
        if len(lengths) != 1:
            raise BadInput(f"difficulty: columns of {sorted(lengths)} examples; the same examples were expected.")


def learning_findings(
    seeds: Sequence[Learnt], *, difficulty: str, split: str, variant: str, level: float = 0.95
) -> Iterator[Finding]:
    """Yield the error of every tenth by difficulty, and Spearman's correlation of difficulty with every distance.

    Both are taken under each seed and averaged; the claim is that the error rises from tenth to tenth, and that the
    correlation is negative. Examples without a number are left out.

    Args:
        seeds: One per training seed.
        difficulty: Name of the number that says how hard.
        split: The split of the examples.
        variant: The variant.
        level: Level of the intervals, over seeds.

    Yields:
        ``error_by_difficulty`` with ``decile`` in ``where``, 1 the easiest; ``difficulty_and_distance`` with
        ``near``. Undefined with fewer than 30 examples.

    Example:
        >>> hard = np.arange(40.0)
        >>> seed = Learnt(hardness=hard, distances={"distance_input": -hard}, wrong=hard >= 36)
        >>> found = list(learning_findings([seed], difficulty="vog", split="test", variant="reference"))
        >>> [item.value for item in found if item.measure == "error_by_difficulty"][-2:], found[-1].value
        ([0.0, 1.0], -1.0)
    """
    deciles = [_errors(seed) for seed in seeds]
    for place in range(DECILES):
        about = About(
            measure=ERROR,
            variant=variant,
            unit="share",
            where={"split": split, "near": difficulty, "decile": place + 1},
            n=min((len(seed.wrong) for seed in seeds), default=0) // DECILES,
            least=0.0,
        )
        found = mean_over_seeds(
            [None if errors is None else errors[place] for errors in deciles],
            about,
            level=level,
            why=f"fewer than {FEWEST} examples have the number",
        )
        yield replace(found, high=None if found.high is None else min(1.0, found.high))
    for name in seeds[0].distances:
        about = About(
            measure=NEARNESS,
            variant=variant,
            unit="correlation",
            where={"split": split, "near": difficulty, "distance": name},
            n=min(len(seed.wrong) for seed in seeds),
            least=-1.0,
        )
        values = [_spearman(seed.hardness, seed.distances[name]) for seed in seeds]
        yield mean_over_seeds(values, about, level=level, why=f"fewer than {FEWEST} examples, or none that differ")


def _errors(seed: Learnt) -> list[float] | None:
    """Return the error of every tenth from the easiest to the hardest; ties share the tenth of their mean rank."""
    known = np.isfinite(seed.hardness)
    if known.sum() < FEWEST:
        return None
    rank = rankdata(seed.hardness[known]) - 0.5
    tenth = np.minimum((rank / known.sum() * DECILES).astype(int), DECILES - 1)
    wrong = seed.wrong[known]
    found = [wrong[tenth == place] for place in range(DECILES)]
    return [float(own.mean()) for own in found] if all(len(own) for own in found) else None


def _spearman(hardness: Array, distance: Array) -> float | None:
    known = np.isfinite(hardness) & np.isfinite(distance)
    if known.sum() < FEWEST or np.ptp(hardness[known]) == 0 or np.ptp(distance[known]) == 0:
        return None
    statistic: float = spearmanr(hardness[known], distance[known])[0]  # pyright: ignore[reportAssignmentType]
    return float(statistic)
