"""The fingerprint: the hash of a fixed tiny training. A profile is what its fingerprint says, not its name."""

import hashlib

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from disparate.profiles import Profile
from disparate.training.execution import in_force, memory_format, place

STEPS = 3
BATCH = 64


def fingerprint(profile: Profile) -> str:
    """Train a fixed small network for a few steps and hash the weights.

    The network holds the kernels that image classifiers use (convolutions of several widths, batch normalisation,
    pooling, linear layers, cross-entropy); weights and data come from a generator that is the same everywhere. An int8
    and a bfloat16 product are hashed too.

    Args:
        profile: The profile to be told apart.

    Returns:
        Sixteen hexadecimal digits; equal where the final weights and the products are equal bit for bit.
    """
    with in_force(profile) as device:
        source = np.random.Generator(np.random.PCG64(20231206))
        model = place(_network(source), profile)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
        for _ in range(STEPS):
            inputs = _normal(source, BATCH, 3, 32, 32).to(device, memory_format=memory_format(profile))
            target = torch.from_numpy(source.integers(0, 5, BATCH)).to(device)
            optimizer.zero_grad()
            cross_entropy(model(inputs), target).backward()
            optimizer.step()
        digest = hashlib.sha256()
        for parameter in model.parameters():
            digest.update(parameter.detach().cpu().contiguous().numpy().tobytes())
        for product in _short_products(source, device):
            digest.update(product.cpu().numpy().tobytes())
    return digest.hexdigest()[:16]


def _short_products(source: np.random.Generator, device: torch.device) -> tuple[Tensor, Tensor]:
    # int8 and bfloat16 have kernels of their own, which quantised and half-precision networks run on.
    whole = torch.from_numpy(source.integers(-128, 128, (2, 64, 64)).astype(np.int8)).to(device)
    short = _normal(source, 2, 64, 64).to(device).bfloat16()
    return torch.ops.aten._int_mm(whole[0], whole[1].T), (short[0] @ short[1]).float()


def _network(source: np.random.Generator) -> nn.Module:
    model = nn.Sequential(
        *_block(3, 32), *_block(32, 64), *_block(64, 128),
        nn.AvgPool2d(2), nn.Flatten(), nn.Linear(512, 128), nn.ReLU(), nn.Linear(128, 5),
    )  # fmt: skip
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(_normal(source, *parameter.shape) * parameter[0].numel() ** -0.5)
    return model


def _block(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    return (
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
        nn.MaxPool2d(2),
    )


def _normal(source: np.random.Generator, *shape: int) -> Tensor:
    return torch.from_numpy(source.standard_normal(shape, dtype=np.float32))
