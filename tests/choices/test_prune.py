"""Prune: how many go, which go, and what stays."""

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune

from disparate.choices.prune import Prune
from disparate.choices.quantize import Quantize
from disparate.errors import NotApplicable

WEIGHTS = 8 * 27 + 12 * 8 * 9 + 48


def weights_of(network: nn.Module) -> torch.Tensor:
    layers = [module for module in network.modules() if isinstance(module, nn.Linear | nn.Conv2d)]
    return torch.cat([layer.weight.detach().flatten() for layer in layers])


@pytest.mark.parametrize("method", ["magnitude", "random"])
@pytest.mark.parametrize("rate", [0.1, 0.29, 0.5, 0.7, 0.9, 0.99])
def test_global_rate_is_exact(model, context_of, method, rate):
    choice = Prune(rate=rate, method=method)
    done = choice.effective(choice.apply(model, context_of()))
    assert (done["zeros"], done["weights"]) == (round(rate * WEIGHTS), WEIGHTS)
    assert done["rate"] == round(rate * WEIGHTS) / WEIGHTS


def test_magnitude_agrees_with_torch(model, context_of):
    pruned = Prune(rate=0.6).apply(model, context_of())
    layers = [(model[index], "weight") for index in (0, 4, 8)]
    prune.global_unstructured(layers, pruning_method=prune.L1Unstructured, amount=0.6)
    assert torch.equal(weights_of(pruned), weights_of(model))


def test_layer_scope_takes_the_share_of_every_layer(model, context_of):
    choice = Prune(rate=0.5, scope="layer")
    done = choice.effective(choice.apply(model, context_of()))
    assert done["layers"] == {"0": 0.5, "4": 0.5, "8": 0.5}


def test_biases_and_normalisation_stay(model, context_of):
    pruned = Prune(rate=0.99).apply(model, context_of())
    kept = {key: value for key, value in model.state_dict().items() if key not in {"0.weight", "4.weight", "8.weight"}}
    assert all(torch.equal(value, pruned.state_dict()[key]) for key, value in kept.items())


def test_filters_go_whole_with_their_bias_and_the_classes_stay(model, context_of):
    choice = Prune(rate=0.5, method="structured", scope="layer")
    pruned = choice.apply(model, context_of())
    assert choice.effective(pruned)["filters_removed"] == {"0": 4, "4": 6, "8": 0}
    norms = model[4].weight.flatten(1).norm(dim=1)
    gone = norms.argsort()[:6]
    assert not pruned[4].weight[gone].any()
    assert not pruned[4].bias[gone].any()
    assert torch.equal(pruned[8].weight, model[8].weight)
    kept = norms.argsort()[6:]
    assert torch.equal(pruned[4].weight[kept], model[4].weight[kept])


def test_a_removed_filter_becomes_a_constant_channel(model, context_of, inputs):
    pruned = Prune(rate=0.5, method="structured", scope="layer").apply(model, context_of())
    gone = (pruned[0].weight.flatten(1).norm(dim=1) == 0).nonzero().flatten()
    after = pruned[:2](inputs)[:, gone]
    assert torch.equal(after, after[:1, :, :1, :1].expand_as(after))
    assert after.abs().min() > 0


def test_silenced_layers_are_named(context_of):
    network = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
    nn.init.constant_(network[0].weight, 1e-6)
    choice = Prune(rate=0.5, method="structured")
    assert choice.effective(choice.apply(network, context_of()))["silenced"] == ["0"]


def test_structured_needs_more_than_the_last_layer(context_of):
    with pytest.raises(
        NotApplicable, match=r"the only layer with weights is the last one, whose filters are the classes"
    ):
        Prune(rate=0.5, method="structured").apply(nn.Linear(4, 2), context_of())


def test_shared_weights_count_once(context_of):
    network = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
    network[2].weight = network[0].weight
    pruned = Prune(rate=0.5, method="random").apply(network, context_of())
    assert (pruned[0].weight == 0).sum() == 8
    assert pruned[0].weight is pruned[2].weight


def test_quantised_weights_are_refused(model, context_of):
    quantised = Quantize(mode="weight_only").apply(model, context_of())
    with pytest.raises(NotApplicable, match=r"the weight of layer '8' is not a plain .* Prune before quantize\."):
        Prune(rate=0.5).apply(quantised, context_of())


def test_parametrised_weights_are_refused(context_of):
    network = nn.Sequential(parametrizations.weight_norm(nn.Linear(4, 2)))
    with pytest.raises(NotApplicable, match=r"the weight of layer '0' is not a plain floating-point parameter"):
        Prune(rate=0.5).apply(network, context_of())
