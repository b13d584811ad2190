import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from disparate.choice import DeployContext, InputChoice, InputContext, Labelled, ModelChoice
from disparate.choices import CHOICES
from disparate.choices.analog import Analog
from disparate.choices.corrupt import Corrupt
from disparate.choices.precision import Precision
from disparate.groups import Attribute, Groups


def _table() -> ModuleType:
    spec = importlib.util.spec_from_file_location("choice_settings", Path(__file__).with_name("choice_settings.py"))
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["choice_settings"] = module
    spec.loader.exec_module(module)
    return module


SETTINGS = _table().SETTINGS


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give ``name`` every choice, other arguments what the lines hold; ``acting`` are the examples on models."""
    if "name" in metafunc.fixturenames:
        metafunc.parametrize("name", sorted(CHOICES.entries))
    for kind, field in (("example", "examples"), ("zero", "zero"), ("drawn", "drawn")):
        if kind in metafunc.fixturenames:
            found = [choice for line in SETTINGS.values() for choice in getattr(line, field)]
            metafunc.parametrize(kind, found, ids=str)
    if "altering" in metafunc.fixturenames:
        choices = [choice for line in SETTINGS.values() for choice in line.examples if isinstance(choice, InputChoice)]
        metafunc.parametrize("altering", choices, ids=str)
    if "acting" in metafunc.fixturenames:
        choices = [choice for line in SETTINGS.values() for choice in line.examples if isinstance(choice, ModelChoice)]
        metafunc.parametrize(
            "acting", [choice for choice in choices if choice != Precision(format="fp16", at="train")], ids=str
        )
    if "bad" in metafunc.fixturenames:
        found = [({"choice": name, **table}, text) for name, line in SETTINGS.items() for table, text in line.bad]
        metafunc.parametrize("bad", found, ids=lambda item: str(item[0]))


@pytest.fixture(autouse=True)
def _corruptions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the extra is absent, something in its place that draws as it does: from numpy's global generator."""
    if importlib.util.find_spec("imagecorruptions") is None:
        stub = ModuleType("imagecorruptions")
        stub.corrupt = _noisy  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "imagecorruptions", stub)


@pytest.fixture(autouse=True)
def _analog(request: pytest.FixtureRequest) -> None:
    """Where the extra is absent, laws on what it does are skipped by name: nothing could stand in for it."""
    given = getattr(request.node, "callspec", None)
    acts = given is not None and {"model", "context_of"} <= set(request.fixturenames)
    if acts and any(isinstance(value, Analog) for value in given.params.values()):
        pytest.importorskip("aihwkit", reason="aihwkit is not installed", exc_type=ImportError)


def _noisy(image, *, severity, corruption_name, seed=None):
    del corruption_name
    drawn = np.random.normal(0, 8 * severity, image.shape)  # ruff: ignore[numpy-legacy-random] - as the library does
    if seed is not None:
        drawn = np.full(image.shape, seed % 50)
    return np.clip(image + drawn, 0, 255).astype(np.uint8)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    """Layers that a test makes have the same weights in every run."""
    torch.manual_seed(0)


@pytest.fixture
def lines() -> dict[str, object]:
    return SETTINGS


@pytest.fixture
def model() -> nn.Module:
    """A small convolutional network whose normalisation has seen data; evaluation mode."""
    generator = torch.Generator().manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 12, 3, stride=2),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(12, 4),
    )
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
        for _ in range(5):
            network(torch.randn(64, 3, 12, 12, generator=generator))
    return network.eval()


@pytest.fixture
def inputs() -> Tensor:
    return torch.randn(40, 3, 12, 12, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def labelled(inputs: Tensor) -> Labelled:
    """A third of the inputs are of one group, the reference group is the other; nobody is of a third one."""
    groups = ["f" if row % 3 == 0 else "m" for row in range(len(inputs))]
    return Labelled(
        inputs=inputs,
        target=torch.arange(len(inputs)) * 7 % 4,
        groups=Groups.of({"sex": Attribute.of(groups, names=["f", "m", "x"])}, by="sex"),
    )


@pytest.fixture
def context_of(inputs: Tensor, labelled: Labelled):
    """Return a function: a seed gives a context."""

    def make(seed: int = 0) -> DeployContext:
        return DeployContext(
            calibration=lambda count: inputs[:count].clone(),
            generator=torch.Generator().manual_seed(seed),
            labelled=lambda most: labelled,
        )

    return make


@pytest.fixture
def pixels() -> Tensor:
    """Images as input choices meet them: in [0, 1], the ends included, and exactly those that bytes have."""
    stored = torch.randint(0, 256, (40, 3, 12, 12), generator=torch.Generator().manual_seed(2))
    return stored.to(torch.float32).div_(255)


@pytest.fixture
def pixels_of(pixels: Tensor):
    """Return a function: the pixels as large as a choice needs them."""

    def sized(choice: object) -> Tensor:
        return pixels.repeat(1, 1, 3, 3) if isinstance(choice, Corrupt) else pixels

    return sized


@pytest.fixture
def input_context_of(model: nn.Module):
    """Return a function: a seed gives the context of a batch of images."""

    def make(seed: int = 0) -> InputContext:
        return InputContext(
            target=torch.arange(40) % 4,
            model=model,
            normalised=lambda plain: (plain - 0.5) / 0.25,
            span=(0.0, 1.0),
            generator=torch.Generator().manual_seed(seed),
        )

    return make
