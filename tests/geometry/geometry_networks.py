"""Small networks in float64 with examples of two groups, and their curvature as dense matrices."""

from collections import OrderedDict
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from disparate.geometry.surface import Surface
from disparate.groups import Attribute, Groups

CLASSES = 3
EXAMPLES = 12


class Residual(nn.Module):
    """Adds what a layer gives to what it got."""

    def __init__(self, inside: nn.Module) -> None:
        super().__init__()
        self.inside = inside

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs + self.inside(inputs)


class Tied(nn.Module):
    """Uses one layer twice, and a weight that belongs to no layer."""

    def __init__(self) -> None:
        super().__init__()
        self.twice = nn.Linear(4, 4)
        self.scale = nn.Parameter(torch.tensor(1.5))
        self.last = nn.Linear(4, CLASSES)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.last(self.scale * torch.tanh(self.twice(torch.tanh(self.twice(inputs)))))


class Attention(nn.Module):
    """A transformer layer over four tokens of four features, and a mean."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(4, 2, 5, dropout=0.1, batch_first=True, activation="gelu")
        self.last = nn.Linear(4, CLASSES)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.last(self.layer(inputs.flatten(2).mT).mean(dim=1))


def convolutional() -> nn.Module:
    return nn.Sequential(
        OrderedDict(
            first=nn.Conv2d(2, 4, 3, padding=1, stride=2),
            norm=nn.BatchNorm2d(4),
            relu=nn.ReLU(inplace=True),
            second=nn.Conv2d(4, 4, 3, padding=1, groups=2, bias=False),
            relu2=nn.ReLU(inplace=True),
            flat=nn.Flatten(),
            last=nn.Linear(16, CLASSES),
        )
    )


def residual() -> nn.Module:
    block = nn.Sequential(nn.Conv2d(2, 2, 3, padding=1), nn.BatchNorm2d(2), nn.ReLU())
    return nn.Sequential(Residual(block), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(8, CLASSES))


NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "linear": (lambda: nn.Linear(4, CLASSES), (4,)),
    "gelu": (lambda: nn.Sequential(nn.Linear(4, 5), nn.GELU(), nn.LayerNorm(5), nn.Linear(5, CLASSES)), (4,)),
    "convolutional": (convolutional, (2, 4, 4)),
    "residual": (residual, (2, 4, 4)),
    "tied": (Tied, (4,)),
    "attention": (Attention, (4, 2, 2)),
}
PIECEWISE_LINEAR = ("linear", "convolutional", "residual")


def surface(name: str, *, batch_size: int = 5, examples: int = EXAMPLES, dtype: torch.dtype = torch.float64) -> Surface:
    """Return the surface of a network whose BatchNorm has seen data and whose answers are sure of some examples."""
    torch.manual_seed(3)
    make, shape = NETWORKS[name]
    model = make()
    inputs = torch.randn(examples, *shape)
    model.train()
    with torch.no_grad():
        for _ in range(3):
            model(inputs)
    model.to(dtype).eval()
    inputs = inputs.to(dtype)
    return Surface(
        model=model,
        inputs=lambda rows: inputs[torch.from_numpy(rows)],
        target=np.arange(examples) % CLASSES,
        rows=np.arange(examples),
        batch_size=batch_size,
    )


def two_groups(examples: int = EXAMPLES) -> Groups:
    """Return groups of a third and two thirds of the examples, and one that nobody belongs to."""
    values = ["f" if row % 3 == 0 else "m" for row in range(examples)]
    return Groups.of({"sex": Attribute.of(values, names=["f", "m", "x"])}, by="sex")


def forward(on: Surface, flat: Tensor) -> Tensor:
    """Return all logits as a function of the flat parameters."""
    values = dict(zip(on.names, on.split(flat), strict=True))
    return torch.func.functional_call(on.model, values, (on.inputs(on.rows),))


def flat(on: Surface) -> Tensor:
    return nn.utils.parameters_to_vector(on.parameters).detach()


def dense_hessian(on: Surface) -> Tensor:
    target = torch.from_numpy(on.target[on.rows])
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        # not torch.func.hessian, which torch 2.15 gets wrong through LayerNorm: not symmetric, far from differences
        found = torch.autograd.functional.hessian(lambda weights: cross_entropy(forward(on, weights), target), flat(on))
    assert isinstance(found, Tensor)
    return found


def dense_ggn(on: Surface) -> Tensor:
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        jacobian = torch.func.jacrev(lambda weights: forward(on, weights))(flat(on))
    chances = forward(on, flat(on)).detach().softmax(dim=1)
    inner = torch.diag_embed(chances) - chances[:, :, None] * chances[:, None, :]
    return torch.einsum("ncp,ncd,ndq->pq", jacobian, inner, jacobian) / len(on.rows)


def dense_empirical_fisher(on: Surface) -> Tensor:
    target = torch.from_numpy(on.target[on.rows])
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        slopes = torch.func.jacrev(lambda weights: cross_entropy(forward(on, weights), target, reduction="none"))(
            flat(on)
        )
    return slopes.T @ slopes / len(on.rows)


DENSE = {"hessian": dense_hessian, "ggn": dense_ggn, "empirical_fisher": dense_empirical_fisher}
