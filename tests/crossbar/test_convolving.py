"""Convolving: rows times the weight are the convolution, whatever its geometry."""

import pytest
import torch
from torch import nn

from disparate.crossbar.convolving import in_places, rows_of
from disparate.crossbar.layers import as_blocks, blocks_of, from_blocks

LAYERS = [
    (nn.Linear(6, 5), (4, 6)),
    (nn.Linear(6, 5), (2, 3, 6)),
    (nn.Conv1d(4, 6, 3, stride=2, padding=1, dilation=2), (3, 4, 11)),
    (nn.Conv2d(4, 6, (3, 2), stride=(1, 2), padding=(2, 1)), (3, 4, 7, 6)),
    (nn.Conv2d(4, 6, 3, groups=2, padding="same", dilation=2), (3, 4, 7, 7)),
    (nn.Conv2d(4, 4, 3, groups=4, padding="valid"), (3, 4, 7, 7)),
    (nn.Conv2d(4, 6, 3, padding=1, padding_mode="reflect"), (3, 4, 7, 7)),
    (nn.Conv2d(4, 6, 4, padding="same", padding_mode="circular"), (3, 4, 7, 7)),
    (nn.Conv3d(2, 3, 2, stride=(1, 2, 1), padding=(0, 1, 1)), (2, 2, 4, 5, 4)),
]


@pytest.mark.parametrize(("layer", "shape"), LAYERS, ids=lambda item: str(item).replace("Conv", ""))
def test_products_of_rows_are_what_the_layer_gives(layer, shape):
    inputs = torch.randn(shape)
    rows, places = rows_of(layer, inputs)
    outputs = in_places(rows @ as_blocks(layer.weight, blocks_of(layer)), layer, places)
    bias = layer.bias if isinstance(layer, nn.Linear) else layer.bias.view(-1, *[1] * (len(shape) - 2))
    torch.testing.assert_close(outputs + bias, layer(inputs))


def test_blocks_and_back():
    weight = torch.randn(6, 2, 3, 3)
    assert torch.equal(from_blocks(as_blocks(weight, 2), weight.shape), weight)
    assert as_blocks(weight, 2).shape == (2, 18, 3)
