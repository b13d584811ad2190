"""The loss surface: what it is over, and that looking at it changes nothing."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from disparate.errors import BadInput
from disparate.geometry.surface import Surface, evaluated
from disparate.groups import Attribute, Groups


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.ReLU(), nn.Linear(8, 4))


def surface(batch_size: int = 7, **changes: object) -> Surface:
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(20, 3, generator=generator)
    target = np.arange(20) % 4
    settings = {"model": network(), "rows": np.arange(20), "target": target, "batch_size": batch_size} | changes
    return Surface(inputs=lambda rows: inputs[torch.from_numpy(rows)], **settings)


def test_the_loss_does_not_depend_on_the_batches():
    assert surface(7).loss() == pytest.approx(surface(20).loss(), rel=1e-12)


def test_the_loss_is_the_mean_over_the_rows_asked_for():
    whole = surface()
    rows = np.array([3, 5, 11])
    logits = whole.model.eval()(whole.inputs(rows)).detach().double()
    assert whole.over(rows).loss() == pytest.approx(float(cross_entropy(logits, torch.from_numpy(rows % 4))))


def test_modes_are_put_back_one_by_one():
    model = network()
    model[1].eval()
    with evaluated(model):
        assert not any(module.training for module in model.modules())
    assert model.training
    assert model[0].training
    assert not model[1].training


def test_frozen_parameters_are_not_part_of_it():
    model = network()
    model[0].weight.requires_grad_(False)
    found = surface(model=model)
    assert "0.weight" not in found.names
    assert found.size == 8 + 8 + 8 + 36


def test_an_empty_group_is_refused():
    with pytest.raises(BadInput, match="0 examples"):
        surface().over(np.array([], dtype=np.intp))


def test_a_network_without_trained_parameters_is_refused():
    with pytest.raises(BadInput, match="no parameter"):
        surface(model=nn.ReLU())


def test_groups_share_out_the_rows():
    groups = Groups.of({"sex": Attribute.of(["f", "m"] * 10, names=["f", "m", "x"])}, by="sex")
    parts = surface(rows=np.arange(1, 20)).by_group(groups)
    assert {name: part.rows.tolist() for name, part in parts.items()} == {
        "f": list(range(2, 20, 2)),
        "m": list(range(1, 20, 2)),
    }


def test_a_vector_is_split_in_the_order_of_the_names():
    found = surface()
    parts = found.split(torch.nn.utils.parameters_to_vector(found.parameters))
    assert all(torch.equal(part, value) for part, value in zip(parts, found.parameters, strict=True))
    with pytest.raises(BadInput, match="one per parameter"):
        found.split(torch.zeros(3))
