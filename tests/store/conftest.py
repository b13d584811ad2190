import numpy as np
import pytest

from disparate.groups import Attribute
from disparate.predictions import Predictions, Run
from disparate.store.records import JobRecord
from disparate.store.runs import Store


@pytest.fixture
def predictions():
    return Predictions(
        example_id=np.array(["007", "7", "ü"]),
        target=np.array([0, 1, 1]),
        predicted=np.array([0, 1, 0]),
        loss=np.array([0.0, -0.0, 3e38], dtype=np.float32),
        margin=np.array([1.5, 1e-45, -2.0], dtype=np.float32),
        label_names=("no", "yes"),
        attributes={
            "skin tone": Attribute.of(["b", None, "b"], names=["unseen", "b", "a"]),
            "sex": Attribute.of(["f", "m", "f"]),
        },
        run=Run(variant="int8", seed=3, draw=1, repeat=2),
    )


@pytest.fixture
def store(tmp_path):
    return Store.open(tmp_path / "runs")


@pytest.fixture
def job_record():
    def make(key="k", **changes):
        settings = {
            "key": key,
            "name": f"job {key}",
            "function": "module:run",
            "arguments": {"rate": 0.5},
            "environment": {"A": "1"},
            "record": {"accuracy": 0.75},
            "started": "2026-01-01T00:00:00.000+00:00",
            "finished": "2026-01-01T00:00:02.000+00:00",
            "wall_s": 2.0,
            "peak_mib": 64.0,
            "host": "here",
        }
        return JobRecord(**{**settings, **changes})

    return make
