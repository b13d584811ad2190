r"""How much of the movement is the device, how much the seed, how much a repeat of the same computation.

One number per run (a group's accuracy, say) in a balanced layout devices × seeds × repeats. With

$$ x_{dsr} = \mu + D_d + S_s + (DS)_{ds} + e_{dsr} $$

| symbol      | what it is                                                             | variance  |
| ----------- | ---------------------------------------------------------------------- | --------- |
| $D_d$       | what a device does to every seed alike                                 | `device`  |
| $S_s$       | what a seed does on every device alike                                 | `seed`    |
| $(DS)_{ds}$ | what a device does to this seed: chaos, a device that acts like a seed | `mixed`   |
| $e_{dsr}$   | what changes when the same computation runs again                      | `repeat`  |

the mean squares of the analysis of variance have the expectations (R repeats, S seeds, D devices)

- repeats: σ²_repeat, on DS(R − 1) degrees of freedom;
- mixed: σ²_repeat + R σ²_mixed, on (D − 1)(S − 1);
- devices: σ²_repeat + R σ²_mixed + RS σ²_device, on D − 1;
- seeds: σ²_repeat + R σ²_mixed + RD σ²_seed, on S − 1,

and solving for the variances is the method of moments. A solution below zero says that nothing is there; it is kept as
it came, because rounding it up to zero would bias a mean over groups. Where training is chaotic all is in `mixed`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from disparate.errors import BadInput, NotEnoughData

Array = NDArray[np.float64]
ROUNDING = 1e-24
"""A mean square below this share of the largest squared value is rounding."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MeanSquare:
    """One line of an analysis of variance.

    Args:
        value: Sum of squares over degrees of freedom.
        df: Degrees of freedom.
    """

    value: float
    df: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """The analysis of variance of a balanced layout devices × seeds × repeats.

    Args:
        devices: Mean square of devices.
        seeds: Mean square of seeds.
        mixed: Mean square of devices × seeds.
        repeats: Mean square of repeats; None where nothing was repeated.
        shape: Numbers of devices, seeds and repeats behind the first three.
    """

    devices: MeanSquare
    seeds: MeanSquare
    mixed: MeanSquare
    repeats: MeanSquare | None
    shape: tuple[int, int, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Components:
    """Variances of one run's value, by what moves it; each may be below zero, which says that nothing is there.

    Args:
        device: What a device does to every seed alike.
        seed: What a seed does on every device alike.
        mixed: What a device does to one seed; without repeats it holds the variance of a repeat too.
        repeat: What a repeat moves, exactly 0 where the program is deterministic; None where nothing was repeated.
    """

    device: float
    seed: float
    mixed: float
    repeat: float | None

    def by_name(self) -> dict[str, float]:
        """Return the variances by name, ``repeat`` only where something was repeated."""
        parts = {"device": self.device, "mixed": self.mixed, "seed": self.seed, "repeat": self.repeat}
        return {name: part for name, part in parts.items() if part is not None}

    @property
    def total(self) -> float:
        """The variance of one run under a random device, a random seed and a random repeat."""
        return sum(self.by_name().values())

    def shares(self) -> dict[str, float] | None:
        """Return each part over the sum of all, those below zero counted as zero; None where nothing moves.

        Example:
            >>> Components(device=1.0, seed=-0.2, mixed=3.0, repeat=0.0).shares()
            {'device': 0.25, 'mixed': 0.75, 'seed': 0.0, 'repeat': 0.0}
        """
        return _shares(self.by_name())

    def shares_beside(self, test_set: "Components") -> dict[str, float] | None:
        """Return the shares when what the finite test set makes is taken out of every part, and stands beside them.

        Args:
            test_set: What the examples would move if each moved on its own, part by part.

        Returns:
            The shares, ``"test set"`` last; they sum to 1. None where nothing moves.

        Example:
            >>> own = Components(device=0.0, seed=0.5, mixed=0.5, repeat=0.0)
            >>> Components(device=1.0, seed=1.0, mixed=2.0, repeat=0.0).shares_beside(own)
            {'device': 0.25, 'mixed': 0.375, 'seed': 0.125, 'repeat': 0.0, 'test set': 0.25}
        """
        own = test_set.by_name()
        together = {name: part - own.get(name, 0.0) for name, part in self.by_name().items()}
        return _shares({**together, "test set": test_set.total})


def analysis_of_variance(values: Array, *, again: Array | None = None) -> Layout:
    """Return the mean squares of a balanced layout.

    A further axis of units gives the sums over units of the mean squares of each unit: what would move if units moved
    independently of each other, see :mod:`disparate.stats.contributions`.

    Args:
        values: One number per run, shape (devices, seeds, repeats), or of every unit, (devices, seeds, repeats, units).
        again: Further repeats that are not part of the layout, shape (computations, times) or (computations, times,
            units), such as those of the reference alone where devices were not repeated.

    Returns:
        The mean squares.

    Raises:
        NotEnoughData: There are fewer than two devices or fewer than two seeds.
        BadInput: A cell is missing, or the array has another shape.

    Example:
        >>> layout = analysis_of_variance(np.array([[[0.0], [2.0]], [[1.0], [5.0]]]))
        >>> layout.devices.value, layout.seeds.value, layout.mixed.value, layout.repeats
        (4.0, 9.0, 1.0, None)
    """
    _require_balanced(values)
    devices, seeds, times = values.shape[:3]
    cells, mean = values.mean(axis=2), values.mean(axis=(0, 1, 2))
    by_device, by_seed = cells.mean(axis=1) - mean, cells.mean(axis=0) - mean
    rest = cells - mean - by_device[:, None] - by_seed
    floor = ROUNDING * float(np.square(values).max(axis=(0, 1, 2)).sum())
    strata = [values.reshape(-1, *values.shape[2:])] + ([] if again is None else [_repeats(again)])
    return Layout(
        devices=_mean_square(seeds * times * (by_device**2).sum(), devices - 1, floor),
        seeds=_mean_square(devices * times * (by_seed**2).sum(), seeds - 1, floor),
        mixed=_mean_square(times * (rest**2).sum(), (devices - 1) * (seeds - 1), floor),
        repeats=_within(strata, floor),
        shape=(devices, seeds, times),
    )


def variance_components(values: Array, *, again: Array | None = None) -> Components:
    """Return the variances of the parts, by the method of moments; the formulas stand at the head of this module.

    Args:
        values: One number per run, shape (devices, seeds, repeats).
        again: Further repeats, shape (computations, times), as for :func:`analysis_of_variance`.

    Returns:
        The variances.

    Raises:
        NotEnoughData: There are fewer than two devices or fewer than two seeds.
        BadInput: A cell is missing, or the array has another shape.

    Example:
        >>> parts = variance_components(np.array([[[0.0], [2.0]], [[1.0], [5.0]]]))
        >>> parts.device, parts.seed, parts.mixed, parts.repeat
        (1.5, 4.0, 1.0, None)
    """
    return components_of(analysis_of_variance(values, again=again))


def components_of(layout: Layout) -> Components:
    """Return the variances that an analysis of variance implies.

    Args:
        layout: The mean squares.

    Returns:
        The variances.
    """
    devices, seeds, times = layout.shape
    repeat = None if layout.repeats is None else layout.repeats.value
    return Components(
        device=_above(layout.devices.value, layout.mixed.value) / (seeds * times),
        seed=_above(layout.seeds.value, layout.mixed.value) / (devices * times),
        mixed=_above(layout.mixed.value, repeat or 0.0) / times,
        repeat=repeat,
    )


def device_label_p(values: Array, *, times: int = 10_000, generator: np.random.Generator) -> float:
    """Return the p-value of a device that does the same to every seed, by permuting device labels within each seed.

    The statistic is the spread of the device means. If devices differ as another draw of the same chaos does, their
    labels within a seed are exchangeable; a small p says that some device moves all seeds in one direction.

    Args:
        values: One number per run, shape (devices, seeds, repeats); repeats stay with their run.
        times: Number of permutations.
        generator: Source of randomness.

    Returns:
        The share of permutations with at least this spread, itself counted among them; 1 where nothing moves.

    Raises:
        NotEnoughData: There are fewer than two devices or fewer than two seeds.
        BadInput: A cell is missing, or the array has another shape.

    Example:
        >>> values = np.array([[0.0, 1, 2, 3], [1.0, 2, 3, 4], [2.0, 3, 4, 5]])[..., None]
        >>> device_label_p(values, generator=np.random.default_rng(0)) < 0.01
        True
    """
    _require_balanced(values)
    cells = values.mean(axis=2)
    cells = cells - cells.mean(axis=0)
    drawn = generator.permuted(np.broadcast_to(cells, (times, *cells.shape)), axis=1)
    observed = float((cells.mean(axis=1) ** 2).sum())
    spread = (drawn.mean(axis=2) ** 2).sum(axis=1)
    return float((1 + (spread >= observed * (1 - 1e-9)).sum()) / (1 + times))


def independent_flips(values: Array, *, multiplicity: NDArray[np.int64] | None = None) -> float:
    """Return the variance of a group's mean between runs that the finite test set alone would make.

    Σ_j σ²_j / n², with σ²_j the variance of example j between runs: what is left if the examples move independently of
    each other. For a calibrated ensemble of right-or-wrong answers it is near err / 2n (jordan2024). What the variance
    between runs has beyond it, the examples do together.

    Args:
        values: Value of every example in every run, shape (runs, rows).
        multiplicity: How many alike examples a row stands for, shape (rows,); 1 each where not given.

    Returns:
        A variance, in the squared unit of the values.

    Raises:
        NotEnoughData: There are fewer than two runs, or no example.

    Example:
        >>> independent_flips(np.array([[0.0, 1.0], [1.0, 1.0]]))
        0.125
    """
    if values.shape[0] < 2 or not values.shape[1]:
        raise NotEnoughData(
            f"test-set part: {values.shape[0]} run(s) of {values.shape[1]} examples; two runs of at least one example."
        )
    counted = np.ones(values.shape[1]) if multiplicity is None else multiplicity
    return float(values.var(axis=0, ddof=1) @ counted / counted.sum() ** 2)


def _above(value: float, other: float) -> float:
    """Return the difference of two mean squares; 0 where they differ by rounding."""
    return 0.0 if math.isclose(value, other, rel_tol=1e-9) else value - other


def _shares(parts: Mapping[str, float]) -> dict[str, float] | None:
    positive = {name: max(0.0, part) for name, part in parts.items()}
    total = sum(positive.values())
    return {name: part / total for name, part in positive.items()} if total else None


def _mean_square(total: float, df: int, floor: float) -> MeanSquare:
    value = float(total) / df
    return MeanSquare(value=0.0 if value <= floor else value, df=df)


def _within(strata: list[Array], floor: float) -> MeanSquare | None:
    df = sum(len(rows) * (rows.shape[1] - 1) for rows in strata)
    total = sum(float(((rows - rows.mean(axis=1, keepdims=True)) ** 2).sum()) for rows in strata)
    return _mean_square(total, df, floor) if df else None


def _repeats(again: Array) -> Array:
    if again.ndim not in {2, 3} or again.shape[1] < 2 or not np.isfinite(again).all():
        raise BadInput(
            f"further repeats have shape {again.shape}; (computations, times) with at least two times was expected, "
            "and a number in every place."
        )
    return again


def _require_balanced(values: Array) -> None:
    if values.ndim not in {3, 4} or values.shape[2] < 1:
        raise BadInput(f"variance components: values of shape {values.shape}; (devices, seeds, repeats) was expected.")
    devices, seeds = values.shape[:2]
    if devices < 2 or seeds < 2:
        raise NotEnoughData(
            f"variance components: {devices} device(s) and {seeds} seed(s); at least 2 of each are needed to tell "
            "one from the other."
        )
    missing = np.argwhere(~np.isfinite(values))
    if len(missing):
        device, seed, repeat = missing[0].tolist()[:3]
        raise BadInput(
            f"variance components: {len(missing)} of {values.size} runs have no value, first device {device}, seed "
            f"{seed}, repeat {repeat}; every device with every seed, equally often repeated, was expected. "
            "Leave out the device or the seed that is incomplete."
        )
