"""Searches over pretended networks, whose effects are planted, and a recipe that trains in seconds."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from disparate.auditing.plan import plan, profiles_of
from disparate.auditing.run import Answers
from disparate.groups import Attribute
from disparate.predictions import REFERENCE, Predictions
from disparate.search.proposing import given
from disparate.search.question import Search
from disparate.search.recipe import parse_search
from disparate.search.standing import Tried
from disparate.search.trials import Answered

RECIPE = """
[audit]
name = "tiny"
groups = ["tone"]
seeds = [0, 1]
repeats = 2
replicates = 40

[data]
source = "synthetic"
examples = 900
shares = { test = 0.3, validation = 0.3 }

[model]
name = "small_cnn"
width = 4

[training]
epochs = 1
batch_size = 64

[[variant]]
name = "pruned"
choices = [
  { choice = "prune", rate = { search = [0.5, 0.9] } },
  { search = [{}, { choice = "fine_tune", epochs = 1 }], name = "then" },
]

[[variant]]
name = "int8"
choices = [{ choice = "quantize", mode = "weight_only" }]

[search]
maximize = ["accuracy"]
minimize = ["accuracy_gap"]
"""


@pytest.fixture
def tables() -> dict[str, Any]:
    return tomllib.loads(RECIPE)


@pytest.fixture(scope="session")
def recipe_text() -> str:
    return RECIPE


Harm = Mapping[str, float]
"""By group, what is added to the chance of a wrong answer."""


@dataclass
class Planted:
    """Trials whose effect on every group is known; each is one and the same network, pruned."""

    effects: Mapping[str, Harm]
    sizes: Mapping[str, int]
    errors: Harm
    seeds: int = 5
    missing: tuple[str, ...] = ()
    aims: Mapping[str, tuple[str, ...]] | None = None

    @property
    def question(self) -> Search:
        variants = [
            {"name": name, "choices": [{"choice": "prune", "rate": 0.01 * (place + 1)}]}
            for place, name in enumerate(self.effects)
        ]
        audit = {"name": "planted", "groups": ["sex"], "seeds": list(range(self.seeds)), "repeats": 1}
        asked = self.aims or {"maximize": ["accuracy"], "minimize": ["accuracy_gap"]}
        return parse_search({
            "audit": {**audit, "replicates": 200},
            "data": {"source": "synthetic"},
            "variant": variants,
            "search": {**asked},
        })

    @property
    def tried(self) -> Tried:
        trials = {trial.variant.name: trial for trial in given(self.question)}
        return Tried(trials=trials, failed=dict.fromkeys(self.missing, "JobFailed: it diverged"))

    def answered(self, seed: int = 0) -> Answered:
        trials = [trial for name, trial in self.tried.trials.items() if name not in self.missing]
        audit = replace(self.question.audit, variants=tuple(trial.variant for trial in trials))
        fingerprints = {profile: profile.name for profile in profiles_of(audit)}
        laid_out = plan(audit, content="planted", fingerprints=fingerprints)
        generator = np.random.default_rng(seed)
        codes = np.repeat(np.arange(len(self.sizes)), list(self.sizes.values()))
        luck = {run: generator.random(len(codes)) for run in range(self.seeds)}
        predictions = tuple(self._answers(planned.run, codes, luck[planned.run.seed]) for planned in laid_out.runs)
        return Answered(
            audit=audit,
            answers=Answers(plan=laid_out, fingerprints=fingerprints, predictions=predictions),
            failed={},
        )

    def _answers(self, run: Any, codes: np.ndarray, luck: np.ndarray) -> Predictions:
        harm = self.effects.get(run.variant, {}) if run.variant != REFERENCE else {}
        chance = np.array([self.errors[name] + harm.get(name, 0.0) for name in self.sizes])[codes]
        wrong = luck < chance
        return Predictions(
            example_id=np.array([f"x{place}" for place in range(len(codes))]),
            target=np.zeros(len(codes), dtype=np.int64),
            predicted=wrong.astype(np.int64),
            loss=(0.1 + 2.0 * wrong).astype(np.float32),
            margin=np.where(wrong, -1.0, 1.0).astype(np.float32),
            label_names=("yes", "no"),
            attributes={"sex": Attribute(names=tuple(self.sizes), codes=codes.astype(np.int32))},
            run=run,
        )


@pytest.fixture(scope="module")
def planted() -> Planted:
    """A network that errs more in the smaller group, and five things that could be done to it."""
    return Planted(
        effects={
            "better": {"f": -0.10},
            "worse": {"f": 0.10, "m": 0.02},
            "no change": {},
            "trade": {"f": -0.06, "m": 0.08},
            "level down": {"m": 0.17},
        },
        sizes={"m": 1500, "f": 1000},
        errors={"m": 0.1, "f": 0.3},
    )
