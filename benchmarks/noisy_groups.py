"""A trained network and five groups of examples whose pictures are the harder to tell, the later the group.

torchvision's ResNet-18 with its own stem on drawn pictures of 32×32: 11.2 million parameters.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch.nn.functional import cross_entropy
from torchvision.models import resnet18

from disparate.geometry.surface import Surface, evaluated
from disparate.groups import Attribute, Groups

CLASSES = 10
NOISE = (1.0, 4.0, 7.0, 10.0, 14.0)
"""Standard deviation of the pixel noise of each group, where class pictures have 1."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A surface over all examples, and their groups."""

    surface: Surface
    groups: Groups

    def accuracy(self) -> dict[str, float]:
        """Return the share of right answers by group."""
        found = {}
        with evaluated(self.surface.model), torch.no_grad():
            for name, part in self.surface.by_group(self.groups).items():
                right = [int((part.model(x).argmax(1) == y).sum()) for x, y in part.batches()]
                found[name] = round(sum(right) / len(part.rows), 3)
        return found


def trained(*, per_group: int = 512, epochs: int = 2, batch_size: int = 512, weights: Path | None = None) -> Case:
    """Train the network on the examples; weights that stand in a file are read, and written there otherwise."""
    generator = torch.Generator().manual_seed(0)
    target = torch.randint(CLASSES, (per_group * len(NOISE),), generator=generator)
    pictures = torch.nn.functional.interpolate(torch.randn(CLASSES, 3, 8, 8, generator=generator), scale_factor=4)
    codes = np.repeat(np.arange(len(NOISE), dtype=np.int32), per_group)
    noise = torch.tensor(NOISE)[torch.from_numpy(codes).long()][:, None, None, None]
    inputs = pictures[target] + noise * torch.randn(len(target), 3, 32, 32, generator=generator)
    groups = Groups.of({"noise": Attribute(names=tuple(f"noise {value}" for value in NOISE), codes=codes)}, by="noise")
    torch.manual_seed(0)
    model = resnet18(num_classes=CLASSES)
    if weights is not None and weights.exists():
        model.load_state_dict(load_file(weights))
    else:
        _train(model, inputs, target, epochs)
        if weights is not None:
            save_file(model.state_dict(), weights)
    surface = Surface(
        model=model,
        inputs=lambda rows: inputs[torch.from_numpy(rows)],
        target=target.numpy(),
        rows=np.arange(len(target)),
        batch_size=batch_size,
    )
    return Case(surface=surface, groups=groups)


def _train(model: torch.nn.Module, inputs: torch.Tensor, target: torch.Tensor, epochs: int) -> None:
    optimiser = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    model.train()
    for _ in range(epochs):
        for rows in torch.randperm(len(target)).split(128):
            optimiser.zero_grad()
            cross_entropy(model(inputs[rows]), target[rows]).backward()
            optimiser.step()
