"""An audit of a network and data of one's own, with a hardware profile among the variants.

The function that makes the network stands in a module that another process can import, so jobs run in worker processes
which carry the variables of their profile.
"""

import torch
from torch import nn
from torch.utils.data import TensorDataset

import disparate


def network() -> nn.Module:
    """Return an untrained network for images of 3 × 16 × 16 pixels and two classes."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(4),
        nn.Flatten(),
        nn.Linear(128, 2),
    )


def squares(examples: int = 1000) -> disparate.GroupedDataset:
    """Return pictures that are redder or bluer, of which one in four is dim and therefore harder."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(examples) % 2
    dim = torch.arange(examples) % 8 < 2
    images = torch.rand(examples, 3, 16, 16, generator=generator)
    images[labels == 0, 0] += 0.2
    images[labels == 1, 2] += 0.2
    images[dim] = 0.6 * images[dim] + 0.4 * torch.rand(int(dim.sum()), 3, 16, 16, generator=generator)
    light = ["dim" if value else "bright" for value in dim.tolist()]
    pixels = images.mul(200).to(torch.uint8)
    return disparate.from_torch(
        TensorDataset(pixels, labels), groups={"light": light}, target_names=["red", "blue"], name="squares"
    )


def main() -> None:
    """Run the audit and print what it says about accuracy."""
    import own_network  # this file as a module: a function of a script's __main__ has no name in another process

    result = disparate.audit(
        squares(),
        model=own_network.network,
        variants={
            "two threads": disparate.Hardware(profile="two_threads"),
            "pruned int8": [disparate.Prune(rate=0.5), disparate.Quantize(calibration=64)],
        },
        groups=["light"],
        training=disparate.TrainingConfig(epochs=1, learning_rate=0.02),
        seeds=[0, 1],
        name="squares",
    )
    changes = result.findings.where(measure="accuracy", reference="reference", axis="both")
    print(changes.to_pandas()[["variant", "group", "value", "low", "high", "distinguishable"]].to_string())


if __name__ == "__main__":
    main()
