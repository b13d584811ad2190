"""Prediction tables whose truth is known, and files of them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

LABELS = np.array(["cat", "dog", "eel"])
Columns = dict[str, Any]


def table(seed: int = 0, harm: float = 0.0, examples: int = 600, labels: int = 3) -> Columns:
    """Return predictions; ``harm`` is the share of answers of race b that are dealt again."""
    truth = np.random.default_rng(0)
    target = truth.integers(labels, size=examples)
    race = truth.choice(["a", "b", "c"], size=examples, p=[0.5, 0.4, 0.1])
    sex = truth.choice(["f", "m"], size=examples)
    own = np.random.default_rng(10 + seed)
    predicted = np.where(own.random(examples) < 0.85, target, own.integers(labels, size=examples))
    again = own.random(examples) < np.where(race == "b", harm, 0.0)
    predicted = np.where(again, (predicted + 1) % labels, predicted)
    names = LABELS[:labels]
    return {
        "example_id": np.arange(examples),
        "target": names[target],
        "predicted": names[predicted],
        "race": race,
        "sex": sex,
    }


def shuffled(columns: Columns, seed: int = 1) -> Columns:
    """Return the same rows in another order."""
    order = np.random.default_rng(seed).permutation(len(columns["example_id"]))
    return {name: np.asarray(values)[order] for name, values in columns.items()}


@pytest.fixture
def dense() -> Columns:
    return table()


@pytest.fixture
def int8() -> Columns:
    return table(harm=0.3)


@pytest.fixture
def make() -> Callable[..., Columns]:
    return table


@pytest.fixture
def mixed() -> Callable[..., Columns]:
    return shuffled


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str, Columns], str]:
    """Write columns to a file of that name in the test's folder and return its path."""

    def write(name: str, columns: Columns) -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        content = pa.table({key: pa.array(list(values), from_pandas=True) for key, values in columns.items()})
        if name.endswith(".csv"):
            pyarrow.csv.write_csv(content, path)
        else:
            pq.write_table(content, path)
        return str(path)

    return write
