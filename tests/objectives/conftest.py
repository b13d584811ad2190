import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from disparate.data.grouped import GroupedDataset
from disparate.groups import Attribute
from disparate.objectives import OBJECTIVES, Batch, Levels, Population


def _table() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "objective_settings", Path(__file__).with_name("objective_settings.py")
    )
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["objective_settings"] = module
    spec.loader.exec_module(module)
    return module


SETTINGS = _table().SETTINGS


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give ``name`` every objective, other arguments what the lines hold."""
    if "name" in metafunc.fixturenames:
        metafunc.parametrize("name", sorted(OBJECTIVES.entries))
    if "example" in metafunc.fixturenames:
        found = [(name, objective) for name, line in SETTINGS.items() for objective in line.examples]
        metafunc.parametrize("example", found, ids=str)
    if "zero" in metafunc.fixturenames:
        metafunc.parametrize("zero", [objective for line in SETTINGS.values() for objective in line.zero], ids=str)
    if "smooth" in metafunc.fixturenames:
        lines = SETTINGS.values()
        found = [objective for line in lines for objective in (line.smooth or line.examples)]
        metafunc.parametrize("smooth", found, ids=str)
    if "guarding" in metafunc.fixturenames:
        found = [objective for line in SETTINGS.values() if line.guards for objective in line.examples]
        metafunc.parametrize("guarding", found, ids=str)
    if "bad" in metafunc.fixturenames:
        found = [({"name": name, **table}, text) for name, line in SETTINGS.items() for table, text in line.bad]
        metafunc.parametrize("bad", found, ids=lambda item: str(item[0]))


@pytest.fixture
def lines() -> dict[str, object]:
    return SETTINGS


def levels_of(*, count=(6, 3, 3), loss=(0.2, 0.9, 0.5), accuracy=(0.9, 0.4, 0.7)) -> Levels:
    return Levels(
        count=torch.tensor(count),
        loss=torch.tensor(loss, dtype=torch.float64),
        accuracy=torch.tensor(accuracy, dtype=torch.float64),
    )


@pytest.fixture
def population() -> Population:
    """Three groups, one twice as large as the others, in three classes."""
    return Population(
        names=("many", "few", "others"),
        counts=(6, 3, 3),
        dense=levels_of(accuracy=(1.0, 1.0, 1.0), loss=(0.1, 0.2, 0.1)),
        labels=("x", "y", "z"),
        by_class=((2, 2, 2), (1, 1, 1), (1, 1, 1)),
    )


@pytest.fixture
def levels() -> Levels:
    return levels_of()


@pytest.fixture
def net() -> nn.Module:
    """Smooth, in float64, so that finite differences are exact enough."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 3)).double()


@pytest.fixture
def inputs() -> Tensor:
    return torch.randn(12, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.fixture
def batch() -> Batch:
    """The whole population."""
    return Batch(target=torch.tensor([0, 1, 2] * 4), group=torch.tensor([0] * 6 + [1] * 3 + [2] * 3))


@pytest.fixture
def pictures() -> GroupedDataset:
    """72 tiny images in two classes that brightness tells apart, three groups, 48 to train on."""
    rng = np.random.default_rng(7)
    target = np.arange(72) % 2
    inputs = rng.integers(0, 120, (72, 6, 6, 3)) + 100 * target[:, None, None, None]
    return GroupedDataset(
        name="pictures",
        kind="image",
        inputs=inputs.astype(np.uint8),
        target=target.astype(np.int64),
        label_names=("dark", "bright"),
        target_name="brightness",
        example_id=np.array([f"p{i}" for i in range(72)]),
        attributes={"size": Attribute.of([("many", "many", "few", "many", "others")[i % 5] for i in range(72)])},
        split=np.array(["train"] * 48 + ["test"] * 24),
    )
