"""Diagonals against dense matrices and BackPACK; unbiased estimates; how well they rank; ties."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from backpack import backpack, extend
from backpack.extensions import DiagGGNExact
from geometry_networks import DENSE, NETWORKS, PIECEWISE_LINEAR, surface
from torch import nn
from torch.nn.functional import softmax

from disparate.errors import BadInput
from disparate.geometry.columns import softmax_factor
from disparate.geometry.diagonal import Diagonal, ascending, diagonal


def seeded(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("name", list(NETWORKS))
def test_the_exact_diagonal_is_that_of_the_dense_ggn(name):
    on = surface(name)
    found = diagonal(on, "exact", generator=seeded())
    torch.testing.assert_close(found.value, DENSE["ggn"](on).diagonal(), rtol=1e-9, atol=1e-12)
    assert found.draws == 0
    assert found.relative_error == 0
    assert found.ranking_quality(seeded()) == pytest.approx(1)


@pytest.mark.parametrize("name", list(NETWORKS))
def test_the_empirical_fisher_is_that_of_the_dense_one(name):
    on = surface(name)
    found = diagonal(on, "empirical_fisher", generator=seeded())
    torch.testing.assert_close(found.value, DENSE["empirical_fisher"](on).diagonal(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", PIECEWISE_LINEAR)
def test_linear_pieces_have_one_diagonal_in_hessian_and_ggn(name):
    on = surface(name)
    found = diagonal(on, "exact", generator=seeded())
    torch.testing.assert_close(found.value, DENSE["hessian"](on).diagonal(), rtol=1e-8, atol=1e-10)


def test_smooth_activations_have_two():
    on = surface("gelu")
    assert not torch.allclose(
        diagonal(on, "exact", generator=seeded()).value, DENSE["hessian"](on).diagonal(), rtol=0.1
    )


@pytest.mark.parametrize(("estimator", "kind"), [("signs", "ggn"), ("labels", "ggn"), ("hutchinson", "hessian")])
def test_sampled_diagonals_are_unbiased_and_know_their_error(estimator, kind):
    on = surface("gelu", batch_size=12)
    found = [diagonal(on, estimator, draws=8, generator=seeded(seed)) for seed in range(60)]
    values = torch.stack([item.value for item in found])
    expected = DENSE[kind](on).diagonal()
    spread = values.std(dim=0)
    assert ((values.mean(dim=0) - expected).abs() <= 4.5 * spread / 60**0.5 + 1e-12).all()
    claimed = torch.stack([item.half_difference for item in found]).square().mean(dim=0).sqrt()
    seen = spread > 1e-9
    assert 0.8 < float((claimed[seen] / spread[seen]).median()) < 1.25


def test_signs_are_nearer_than_labels_where_answers_are_confident():
    on = surface("convolutional")
    on.model.last.weight.data *= 8
    errors = {
        estimator: np.mean([
            float((diagonal(on, estimator, draws=2, generator=seeded(seed)).value - exact).norm()) for seed in range(20)
        ])
        for exact in [diagonal(on, "exact", generator=seeded()).value]
        for estimator in ("signs", "labels")
    }
    assert errors["signs"] < 0.7 * errors["labels"]


def test_a_few_hutchinson_draws_rank_worse_than_two_draws_of_signs():
    on = surface("convolutional", examples=60, batch_size=60)
    quality = {
        estimator: diagonal(on, estimator, draws=draws, generator=seeded()).ranking_quality(seeded())
        for estimator, draws in [("signs", 2), ("hutchinson", 10)]
    }
    assert quality["signs"] > 0.9
    assert quality["hutchinson"] < quality["signs"] - 0.2


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_columns_make_up_the_softmax_hessian(classes):
    logits = 10 * torch.randn(50, classes, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    logits[0] = 0
    logits[1] = torch.nn.functional.one_hot(torch.tensor(0), classes) * 800.0
    chances = softmax(logits, dim=1)
    columns = softmax_factor(logits)
    assert columns.shape == (classes - 1, 50, classes)
    expected = torch.diag_embed(chances) - chances[:, :, None] * chances[:, None, :]
    torch.testing.assert_close(torch.einsum("cnk,cnl->nkl", columns, columns), expected, rtol=1e-9, atol=1e-15)


def test_the_diagonal_is_backpacks():
    on = surface("convolutional", batch_size=12)
    model = nn.Sequential(*deepcopy(on.model).children())
    for layer in model:
        if isinstance(layer, nn.ReLU):
            layer.inplace = False
    inputs, target = next(on.batches())
    extended, loss = extend(model.eval()), extend(nn.CrossEntropyLoss())
    with backpack(DiagGGNExact()):
        loss(extended(inputs.requires_grad_()), target).backward()
    expected = torch.cat([value.diag_ggn_exact.reshape(-1) for value in extended.parameters()])
    torch.testing.assert_close(diagonal(on, "exact", generator=seeded()).value, expected, rtol=1e-9, atol=1e-12)


def test_weights_that_no_example_reaches_are_counted_as_zeros():
    on = surface("linear")
    plain = on.inputs
    blind = on.__class__(
        model=on.model,
        inputs=lambda rows: plain(rows) * torch.tensor([0.0, 1, 1, 1], dtype=torch.float64),
        target=on.target,
        rows=on.rows,
    )
    assert diagonal(blind, "exact", generator=seeded()).zeros == pytest.approx(3 / 15)


def test_ties_stand_in_an_order_of_the_generator():
    values = torch.tensor([0.0, 5.0, 0.0, -1.0, 0.0])
    orders = {tuple(ascending(values, seeded(seed)).tolist()) for seed in range(40)}
    assert all(order[0] == 3 and order[-1] == 1 for order in orders)
    assert len({order[1:4] for order in orders}) == 6
    assert torch.equal(ascending(values, seeded()), ascending(values, seeded()))


def test_ranking_is_undefined_where_nothing_varies():
    flat = Diagonal(estimator="signs", n=1, draws=2, value=torch.ones(5), half_difference=torch.zeros(5))
    assert flat.ranking_quality(seeded()) is None
    assert flat.trace == 5


@pytest.mark.parametrize("draws", [0, 1, 3])
def test_draws_are_even(draws):
    with pytest.raises(BadInput, match=f"draws is {draws}"):
        diagonal(surface("linear"), "signs", draws=draws, generator=seeded())


def test_a_diverged_network_is_refused():
    on = surface("linear")
    on.model.weight.data[0, 0] = torch.nan
    with pytest.raises(BadInput, match="not finite"):
        diagonal(on, "exact", generator=seeded())


def test_the_network_is_left_alone():
    on = surface("convolutional")
    on.model.train()
    diagonal(on, generator=seeded())
    assert on.model.training
    assert not any(layer._forward_hooks or layer._forward_pre_hooks for layer in on.model.modules())
