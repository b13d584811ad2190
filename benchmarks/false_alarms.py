"""How often a change is claimed where there is none, and how often one is seen that was planted in a group of 300.

Run: python benchmarks/false_alarms.py [simulations [share of the cores]]. It goes the way of a user (``assess`` and
``disparate.compare``, by five groups) and writes false_alarms.json beside this file. docs/measures/chance.md quotes it.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

import disparate
from disparate.findings import Finding, Findings
from disparate.groups import Attribute
from disparate.measures.assess import assess
from disparate.predictions import Predictions, Run
from disparate.provenance import cores, cpu_name, versions
from disparate.stats.multiplicity import benjamini_hochberg
from disparate.stats.paired import paired_mean
from disparate.stats.power import Noise, Plan, power_of

SIZES = {"planted": 300, "first": 2000, "second": 900, "third": 700, "fourth": 800}
ERRORS = {"planted": 0.25, "first": 0.10, "second": 0.15, "third": 0.20, "fourth": 0.12}
SEEDS = 5
RATE = 0.05
EFFECTS = (0.0, 0.01, 0.05)
"""Planted loss of accuracy in the group of 300."""
CONCENTRATION = 2.0
"""Of the examples' chances of a right answer (a beta distribution); small is heterogeneous."""
SEED_MOVES = 0.005
"""Standard deviation of what a training adds to the accuracy of a whole group."""
TURNED, RARELY = 0.2, 0.03
"""Share of answers that a choice on the trained model gives anew; about one in six of them flips."""
LEANING = 0.5
"""How far an answer that is given anew leans to one side, the same under every seed, as a share of what is possible."""
MEASURES = (
    "accuracy", "loss", "excessive_risk", "fairness_violation", "accuracy_gap", "worst_group_accuracy", "tpr",
    "equalized_odds_sum", "churn",
)  # fmt: skip
OUT = Path(__file__).with_suffix(".json")
Array = np.ndarray[Any, np.dtype[Any]]
Generator = np.random.Generator


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class World:
    """Examples of five groups, each with its chance of a right answer.

    Args:
        group: Place of the group per example.
        right: Chance of a right answer under a fresh training.
        anew: Chance of a right answer where a choice gives it anew; on average over examples that of ``right``.
        hit: Whether a device effect on the trained model makes the answer wrong, whatever the seed.
        harm: Chance that a right answer becomes wrong in a training under the device effect.
        target: Label index.
    """

    group: Array
    right: Array
    anew: Array
    hit: Array
    harm: Array
    target: Array

    @classmethod
    def draw(cls, effect: float, generator: Generator, sizes: Mapping[str, int] = SIZES) -> "World":
        """Draw examples; the effect is the accuracy that the planted group loses on average."""
        group = np.repeat(np.arange(len(sizes)), list(sizes.values()))
        error = np.array([ERRORS[name] for name in sizes])[group]
        right = generator.beta((1 - error) * CONCENTRATION, error * CONCENTRATION)
        side = generator.choice([-1.0, 1.0], len(group))
        harm = np.where(group == 0, effect / (1 - error), 0.0)
        return cls(
            group=group,
            right=right,
            anew=right + side * LEANING * np.minimum(right, 1 - right),
            hit=generator.random(len(group)) < harm,
            harm=harm,
            target=generator.integers(0, 2, len(group)),
        )

    def train(self, generator: Generator, *, device: bool = False) -> Array:
        """Return which answers of a fresh training are right."""
        moved = generator.normal(0, SEED_MOVES, len(SIZES))[self.group]
        chance = np.clip(self.right + moved, 0, 1)
        return generator.random(len(chance)) < (chance * (1 - self.harm) if device else chance)

    def deploy(self, answers: Array, generator: Generator, turned: float) -> Array:
        """Return which answers of the same network are right under a choice that acts on the trained model."""
        given_anew = generator.random(len(answers)) < turned
        return np.where(given_anew, generator.random(len(answers)) < self.anew, answers) & ~self.hit

    def predictions(self, right: Array, run: Run, generator: Generator) -> Predictions:
        """Return the answers as predictions; a wrong one has the larger loss."""
        loss = generator.exponential(0.2, len(right)) + 1.5 * ~right
        return Predictions(
            example_id=np.arange(len(right)).astype(str),
            target=self.target,
            predicted=np.where(right, self.target, 1 - self.target),
            loss=loss.astype(np.float32),
            margin=np.where(right, 1.0, -1.0).astype(np.float32),
            label_names=("no", "yes"),
            attributes={"group": Attribute(names=tuple(SIZES), codes=self.group.astype(np.int32))},
            run=run,
        )

    def table(self, right: Array) -> dict[str, Array]:
        """Return the answers as the columns of a file."""
        return {
            "example_id": np.arange(len(right)),
            "target": self.target,
            "predicted": np.where(right, self.target, 1 - self.target),
            "group": np.array(list(SIZES))[self.group],
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Way:
    """A way of comparing.

    Args:
        seeds: Number of training seeds.
        trains: Whether the variant is trained anew.
        turned: Share of answers given anew, where it is not.
        said: Whether the user says so; two files of fresh trainings look like any other two files.
        effects: What is planted.
    """

    seeds: int
    trains: bool
    turned: float = TURNED
    said: bool = True
    effects: Sequence[float] = EFFECTS

    def answers(self, world: World, generator: Generator, seeds: int) -> tuple[list[Array], list[Array]]:
        """Return the right answers of the reference and of the variant, seed by seed."""
        first = [world.train(generator) for _ in range(seeds)]
        if self.trains:
            return first, [world.train(generator, device=True) for _ in first]
        return first, [world.deploy(answers, generator, self.turned) for answers in first]

    def findings(
        self, world: World, generator: Generator, measures: Sequence[str] = ("accuracy",), replicates: int = 10
    ) -> Findings:
        """Return what ``assess`` says of several seeds, and ``disparate.compare`` of two tables."""
        first, second = self.answers(world, generator, self.seeds)
        if self.seeds == 1 and measures == ("accuracy",):
            tables = world.table(first[0]), world.table(second[0])
            return disparate.compare(tables[0], {"device": tables[1]}, groups=["group"], measures=measures).findings
        runs = [
            world.predictions(right, Run(variant=variant, seed=seed), generator)
            for variant, side in (("reference", first), ("device", second))
            for seed, right in enumerate(side)
        ]
        acts = {"device": self.trains and self.said}
        return assess(
            runs, by=["group"], measures=measures, acts_on_training=acts, replicates=replicates, generator=generator
        )

    @property
    def plan(self) -> Plan:
        """How the change is judged, alone."""
        return Plan(axis="seeds" if self.trains and self.said else "both", level=1 - RATE)

    def noise(self, effect: float) -> Noise:
        """Return what moves the planted group, from one world that is large."""
        generator, seeds = np.random.default_rng(1), 200 if self.seeds > 1 else 1
        world = World.draw(effect, generator, {"planted": 10_000})
        first, second = self.answers(world, generator, seeds)
        return Noise.of(paired_mean(np.stack(second).astype(float) - np.stack(first)))


WAYS = {
    "choice on the trained model, 5 seeds": Way(seeds=SEEDS, trains=False),
    "choice on the trained model, 5 seeds, rare flips": Way(seeds=SEEDS, trains=False, turned=RARELY, effects=(0.0,)),
    "choice that trains anew, 5 seeds": Way(seeds=SEEDS, trains=True),
    "two files": Way(seeds=1, trains=False),
    "two files, rare flips": Way(seeds=1, trains=False, turned=RARELY, effects=(0.0,)),
    "two files of fresh trainings, not said to be": Way(seeds=1, trains=True, said=False, effects=(0.0,)),
}
OF_ALL_MEASURES = tuple(name for name, way in WAYS.items() if way.turned == TURNED and way.said)


def changes(findings: Findings, measure: str) -> list[Finding]:
    """Return the judged changes of a measure by group."""
    found = findings.where(measure=measure, by="group", reference="reference")
    return [item for item in found if item.distinguishable is not None]


def simulate(name: str, effect: float, number: int) -> tuple[list[float], list[bool], list[bool], float]:
    """Return p-values, what is significant after correction, and what is claimed, by group; and the planted value."""
    generator = np.random.default_rng([2026, list(WAYS).index(name), round(1000 * effect), number])
    found = {item.group: item for item in changes(_drawn(name, effect, generator), "accuracy")}
    items = [found[group] for group in SIZES]
    p_values = [item.p_value or 0.0 for item in items]
    significant = (benjamini_hochberg(np.array(p_values)) <= RATE).tolist()
    return p_values, significant, [bool(item.distinguishable) for item in items], items[0].value or 0.0


def _drawn(name: str, effect: float, generator: Generator) -> Findings:
    return WAYS[name].findings(World.draw(effect, generator), generator)


def simulate_measures(name: str, number: int) -> dict[str, bool]:
    """Return which of the measures' tables hold a claim where nothing was planted."""
    generator = np.random.default_rng([2027, list(WAYS).index(name), number])
    found = WAYS[name].findings(World.draw(0.0, generator), generator, MEASURES, replicates=200)
    return {m: any(item.distinguishable for item in items) for m in MEASURES if (items := changes(found, m))}


def summary(name: str, effect: float, simulations: Sequence[Any]) -> dict[str, Any]:
    """Return the shares of one way and effect, with what was predicted."""
    p_values, significant, claimed = (np.array([item[part] for item in simulations]) for part in range(3))
    planted = np.array([item[3] for item in simulations])
    null = slice(1 if effect else 0, None)
    claims = np.maximum(claimed.sum(axis=1), 1)
    found = {
        "simulations": len(simulations),
        "no_effect": {
            "single_tests_below_0.05": p_values[:, null] < RATE,
            "single_tests_below_0.01": p_values[:, null] < RATE / len(SIZES),
            "any_group_significant_after_correction": significant[:, null].any(axis=1),
            "any_group_claimed": claimed[:, null].any(axis=1),
            "false_discovery_rate": claimed[:, null].sum(axis=1) / claims,
        },
    }
    found["no_effect"] = {key: _rounded(np.mean(value)) for key, value in found["no_effect"].items()}
    return found if not effect else found | {"effect": _seen(name, effect, p_values, significant, claimed, planted)}


def _seen(
    name: str, effect: float, p_values: Array, significant: Array, claimed: Array, planted: Array
) -> dict[str, Any]:
    way = WAYS[name]
    noise = way.noise(effect)
    alone, among = (
        power_of(effect, noise, seeds=way.seeds, examples=SIZES["planted"], plan=plan)
        for plan in (way.plan, Plan(axis=way.plan.axis, level=1 - RATE, comparisons=len(SIZES)))
    )
    return {
        "mean_value": _rounded(planted.mean()),
        "sd_of_value": _rounded(planted.std(ddof=1)),
        "single_test": {"seen": _rounded((p_values[:, 0] < RATE).mean()), "predicted": _rounded(alone)},
        "after_correction": {"seen": _rounded(significant[:, 0].mean()), "predicted": _rounded(among)},
        "claimed": _rounded(claimed[:, 0].mean()),
    }


def tolerance(simulations: int) -> list[float]:
    """Return between which shares of claims a true rate of 0.05 stays in 99 of 100 studies of that size."""
    ends = stats.binom.ppf([0.005, 0.995], simulations, RATE) / simulations
    return [_rounded(end) for end in ends]


def _rounded(value: Any) -> float:
    return round(float(value), 4)


def main() -> None:
    """Simulate, write the result beside this file and print it."""
    times, share = int((*sys.argv[1:], 500)[0]), float((*sys.argv[2:], 0.5, 0.5)[0])
    start = time.perf_counter()
    with ProcessPoolExecutor(max(1, int(share * cores())), initializer=os.nice, initargs=(15,)) as pool:

        def run(function: Callable[..., Any], *arguments: Any, of: int) -> list[Any]:
            return list(pool.map(function, *(repeat(item, of) for item in arguments), range(of), chunksize=10))

        ways: dict[str, Any] = {}
        for name, way in WAYS.items():
            for effect in way.effects:
                runs = run(simulate, name, effect, of=times if effect else 2 * times)
                ways.setdefault(name, {})[f"{100 * effect:g} points"] = summary(name, effect, runs)
                print(name, effect, json.dumps(ways[name][f"{100 * effect:g} points"]), flush=True)
        tables = {name: run(simulate_measures, name, of=max(2, times * 2 // 5)) for name in OF_ALL_MEASURES}
    result = {
        "date": time.strftime("%Y-%m-%d"),
        "groups": {name: {"examples": SIZES[name], "error": ERRORS[name]} for name in SIZES},
        "rate": RATE,
        "tolerance_of_the_rate": {"simulations": 2 * times, "between": tolerance(2 * times)},
        "accuracy": ways,
        "any_claim_without_effect_by_measure": {
            "simulations": max(2, times * 2 // 5),
            "tolerance_of_the_rate": tolerance(max(2, times * 2 // 5)),
            **{
                name: {m: _rounded(np.mean([run[m] for run in runs if m in run])) for m in MEASURES if m in runs[0]}
                for name, runs in tables.items()
            },
        },
        "wall_s": round(time.perf_counter() - start),
        "machine": {"processor": cpu_name(), "cores": cores()},
        "versions": versions(),
    }
    OUT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result["any_claim_without_effect_by_measure"], indent=1))


if __name__ == "__main__":
    main()
