import tomllib
from typing import Any

import pytest

from disparate.auditing.audit import Audit
from disparate.auditing.recipe import parse_recipe

RECIPE = """
[audit]
name = "tiny"
groups = ["tone", "sex"]
seeds = [0, 1]
repeats = 2
replicates = 50

[data]
source = "synthetic"
examples = 900

[model]
name = "small_cnn"
width = 4

[training]
epochs = 2
batch_size = 64

[[variant]]
name = "another seed"
choices = [{ choice = "seed", offset = 100 }]

[[variant]]
name = "stopped"
choices = [{ choice = "stopping", epoch = 1 }]

[[variant]]
name = "emulated"
choices = [{ choice = "hardware", profile = "emulated_bf16" }]

[[variant]]
name = "deployed elsewhere"
choices = [{ choice = "hardware", profile = "emulated_bf16", at = "deploy" }]

[[variant]]
name = "half"
choices = [{ choice = "prune", rate = 0.5 }]

[[variant]]
name = "half, int8"
choices = [{ choice = "prune", rate = 0.5 }, { choice = "quantize", bits = 8, mode = "dynamic" }]
"""


@pytest.fixture
def tables() -> dict[str, Any]:
    return tomllib.loads(RECIPE)


@pytest.fixture
def audit(tables) -> Audit:
    return parse_recipe(tables)


@pytest.fixture(scope="session")
def recipe_text() -> str:
    return RECIPE
