"""Layers: what a crossbar holds, what it does not, and what is said about it."""

import pytest
import torch
from torch import nn

from disparate.crossbar.layers import left_digital, mappable, require_masks
from disparate.errors import BadInput, NotApplicable


class Own(nn.Linear):
    """A subclass may compute something else."""


def test_what_is_held_and_what_is_not(network):
    held = mappable(network)
    assert list(held) == ["0", "3", "9"]
    assert left_digital(network, held) == {"5": "ConvTranspose2d"}


def test_other_layers_with_weights_are_named():
    model = nn.Sequential(nn.Embedding(5, 4), nn.MultiheadAttention(4, 2), Own(4, 4), nn.LSTM(4, 4), nn.Linear(4, 2))
    assert left_digital(model, mappable(model)) == {
        "0": "Embedding",
        "1": "MultiheadAttention",
        "1.out_proj": "NonDynamicallyQuantizableLinear",
        "2": "Own",
        "3": "LSTM",
    }


def test_only_what_is_named(network):
    assert list(mappable(network, only=["9"])) == ["9"]
    assert left_digital(network, mappable(network, only=["9"]))["0"] == "Conv2d"


def test_a_layer_that_cannot_be_held_is_named_with_its_type(network):
    with pytest.raises(NotApplicable, match=r"layer '5' is a ConvTranspose2d, which no crossbar holds; linear layers"):
        mappable(network, only=["5"])


def test_a_name_that_is_no_layer(network):
    with pytest.raises(BadInput, match=r"layers names 'conv9', which the model does not have\. Known: 0, 3, 9"):
        mappable(network, only=["conv9"])


def test_masks_that_do_not_fit(network):
    held = mappable(network)
    masks = {name: torch.ones(layer.weight.shape, dtype=torch.bool) for name, layer in held.items()}
    require_masks(masks, held)
    require_masks({}, held)
    with pytest.raises(
        BadInput, match=r"mask of layer '9' is torch\.bool of shape \(4, 23\); .* \(4, 24\) was expected"
    ):
        require_masks({**masks, "9": masks["9"][:, 1:]}, held)
    with pytest.raises(BadInput, match=r"mask of layer '0' is torch\.float32"):
        require_masks({**masks, "0": masks["0"].float()}, held)
    with pytest.raises(BadInput, match=r"mask: layer '0' has none; every layer on a crossbar needs one \(2 lack it\)"):
        require_masks({"3": masks["3"]}, held)
    with pytest.raises(BadInput, match="mask: '5' is no layer on a crossbar"):
        require_masks({**masks, "5": masks["0"]}, held)
