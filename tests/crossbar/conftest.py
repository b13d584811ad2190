import pytest
import torch
from torch import nn

from disparate.crossbar.arrays import Arrays, arrays_of
from disparate.crossbar.device import Device


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture
def arrays():
    """Return a function: settings of a device, and a weight or a shape, give the arrays of one layer."""

    def make(weight: torch.Tensor | tuple[int, int] = (40, 50), mask: torch.Tensor | None = None, **settings) -> Arrays:
        if isinstance(weight, tuple):
            weight = torch.randn(weight, generator=torch.Generator().manual_seed(1))
        layer = nn.Linear(weight.shape[1], weight.shape[0], dtype=weight.dtype)
        layer.weight = nn.Parameter(weight)
        return arrays_of({"fc": layer}, Device(**settings), {} if mask is None else {"fc": mask})["fc"]

    return make


@pytest.fixture
def network() -> nn.Module:
    """A small convolutional network whose normalisation has seen data, with a layer that no crossbar holds."""
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=2),
        nn.ReLU(),
        nn.ConvTranspose2d(8, 6, 2),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(24, 4),
    )
    with torch.no_grad():
        for _ in range(5):
            model(torch.randn(64, 3, 8, 8))
    return model.eval()


@pytest.fixture
def images() -> torch.Tensor:
    return torch.randn(40, 3, 8, 8, generator=torch.Generator().manual_seed(2))
