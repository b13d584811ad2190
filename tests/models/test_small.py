"""The two small networks."""

import pytest
import torch

from disparate.errors import BadInput, NotApplicable
from disparate.models import SmallCNN, SmallMLP
from disparate.models.small import small_cnn, small_mlp


@pytest.mark.parametrize("size", [(32, 32), (64, 64), (28, 20), (8, 8), (3, 5), (1, 1)])
@pytest.mark.parametrize("channels", [1, 3])
def test_cnn_takes_any_size(size, channels):
    network = SmallCNN(4, channels=channels, width=8).eval()
    assert network(torch.zeros(2, channels, *size)).shape == (2, 4)


def test_cnn_has_a_quarter_of_a_million_parameters():
    assert sum(parameter.numel() for parameter in SmallCNN(5).parameters()) == 243_365


def test_cnn_learns_four_colours():
    generator = torch.Generator().manual_seed(0)
    target = torch.randint(4, (256,), generator=generator)
    images = torch.eye(4)[target][:, :3, None, None] + 0.5 * torch.randn(256, 3, 16, 16, generator=generator)
    torch.manual_seed(0)
    network = SmallCNN(4, width=8)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    for _ in range(30):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(network(images), target).backward()
        optimiser.step()
    with torch.no_grad():
        assert (network.eval()(images).argmax(dim=1) == target).float().mean() > 0.95


def test_mlp_takes_rows():
    assert SmallMLP(7, 3, width=5)(torch.zeros(2, 7)).shape == (2, 3)


def test_inputs_of_the_wrong_kind():
    with pytest.raises(
        NotApplicable, match=r"model 'small_cnn': one input has shape \(7,\); an image .* Use model 'small_mlp'"
    ):
        small_cnn(input_shape=(7,), num_classes=2)
    with pytest.raises(
        NotApplicable, match=r"model 'small_mlp': one input has shape \(3, 8, 8\); a row .* Use model 'small_cnn'"
    ):
        small_mlp(input_shape=(3, 8, 8), num_classes=2)


def test_sizes_below_the_least():
    with pytest.raises(BadInput, match=r"SmallCNN\(classes=1\): at least 2 was expected\."):
        SmallCNN(1)
    with pytest.raises(BadInput, match=r"SmallCNN\(width=0\): at least 1 was expected\."):
        SmallCNN(2, width=0)
    with pytest.raises(BadInput, match=r"SmallMLP\(features=0\): at least 1 was expected\."):
        SmallMLP(0, 2)
