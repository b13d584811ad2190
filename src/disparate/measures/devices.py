"""The runs of an audit as a balanced layout devices × seeds, with the repeats of the reference beside it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from disparate.measures.measure import Measure
from disparate.measures.panel import Cut, Panel
from disparate.predictions import REFERENCE, Predictions
from disparate.stats.contributions import condensed, contributions

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Devices:
    """The devices whose runs can be compared seed by seed; the reference is the first one.

    Args:
        names: One name per device.
        seeds: The training seeds that every device has.
        notes: What was left out or counted once, in words.
    """

    names: tuple[str, ...]
    seeds: tuple[int, ...]
    notes: tuple[str, ...]

    @classmethod
    def of(cls, panel: Panel, hardware: Sequence[str]) -> "Devices":
        """Return the reference and the profiles; one that gives the same answers as another is the same device.

        Args:
            panel: The runs.
            hardware: Variants that are hardware profiles.

        Returns:
            The devices, over the seeds that all of them share.
        """
        named = (REFERENCE, *hardware)
        seeds = panel.paired_seeds(*hardware)
        alike = _alike(panel, named, seeds)
        kept = tuple(name for name in named if alike[name] == name)
        known = {seed for name in named for seed in panel.seeds(name)}
        return cls(names=kept, seeds=seeds, notes=(*_left_out(known - set(seeds)), *_counted_once(alike)))

    def arranged(self, panel: Panel, measure: Measure) -> "Arranged":
        """Return the value of every example in every run.

        Args:
            panel: The runs.
            measure: A measure of kind ``mean``.

        Returns:
            The values, the mean over the draws of a run.
        """
        rows = [panel.rows(name, seed) for name in self.names for seed in self.seeds]
        runs = [np.mean([measure.function(panel.runs[row]) for row in of_run], axis=0) for of_run in rows]
        again = [measure.function(item) for group in _repeats(panel) for item in group]
        shape = (len(self.names), len(self.seeds))
        times = len(_repeats(panel)[0]) if again else 1
        return Arranged(panel=panel, values=np.stack([*runs, *again]), shape=shape, times=times)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Arranged:
    """Value of every example in the runs of a layout, and in the repeats of the reference.

    Args:
        panel: The runs.
        values: Shape (devices · seeds + repeats of the reference, examples).
        shape: Numbers of devices and seeds.
        times: How often each repeated computation ran.
    """

    panel: Panel
    values: Array
    shape: tuple[int, int]
    times: int

    def means(self, cut: Cut, place: int) -> tuple[Array, Array | None]:
        """Return the mean of a group: per run, (devices, seeds, 1), and per repeat, (computations, times) or None."""
        rows = cut.rows(place)
        mass = self.panel.first.mass
        weight = np.ones(len(rows)) if mass is None else mass[rows]
        return self._split(self.values[:, rows] @ (weight / weight.sum()))

    def units(self, cut: Cut, place: int) -> tuple[Array, Array | None]:
        """Return what independent examples add to those means, as above with a last axis of columns; see condensed."""
        rows, first = cut.rows(place), self.panel.first
        own = contributions(
            self.values[:, rows],
            clusters=None if first.cluster_id is None else np.unique(first.cluster_id[rows], return_inverse=True)[1],
            weight=None if first.weight is None else first.weight[rows],
            multiplicity=None if first.multiplicity is None else first.multiplicity[rows],
        )
        return self._split(condensed(own))

    def _split(self, runs: Array) -> tuple[Array, Array | None]:
        devices, seeds = self.shape
        layout, again = runs[: devices * seeds], runs[devices * seeds :]
        repeated = again.reshape(-1, self.times, *runs.shape[1:]) if len(again) else None
        return layout.reshape(devices, seeds, 1, *runs.shape[1:]), repeated


def _alike(panel: Panel, names: Sequence[str], seeds: Sequence[int]) -> dict[str, str]:
    """Return, for every name, the first one that gives the same answers and losses under every seed."""
    first: dict[str, str] = {}
    for name in names:
        same = (other for other in first.values() if seeds and _same(panel, name, other, seeds))
        first[name] = next(same, name)
    return first


def _same(panel: Panel, name: str, other: str, seeds: Sequence[int]) -> bool:
    pairs = ((panel.rows(name, seed), panel.rows(other, seed)) for seed in seeds)
    return all(
        len(own) == len(theirs)
        and all(map(_equal, (panel.runs[row] for row in own), (panel.runs[row] for row in theirs)))
        for own, theirs in pairs
    )


def _equal(one: Predictions, other: Predictions) -> bool:
    told = [(getattr(one, name), getattr(other, name)) for name in ("predicted", "error", "loss")]
    return all(
        left is right is None or (left is not None and right is not None and np.array_equal(left, right))
        for left, right in told
    )


def _repeats(panel: Panel) -> list[list[Predictions]]:
    """Return, for every repeated run of the reference, the run and its repeats; as many of each as all have."""
    by_run: dict[int, list[Predictions]] = {}
    for again, first in panel.repeated():
        by_run.setdefault(first, [panel.runs[first]]).append(panel.repeats[again])
    times = min(map(len, by_run.values()), default=0)
    return [group[:times] for group in by_run.values()]


def _left_out(seeds: set[int]) -> Iterator[str]:
    if seeds:
        yield f"seeds {', '.join(map(str, sorted(seeds)))} left out, not every device has them"


def _counted_once(alike: dict[str, str]) -> Iterator[str]:
    for name, first in alike.items():
        if name != first:
            yield f"{name} gives the answers of {first}: one device"
