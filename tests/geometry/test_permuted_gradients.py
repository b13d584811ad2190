"""The null of gradient norms: the distribution that dealing single examples gives, from blocks and sketches."""

import numpy as np
import pytest
import torch
from geometry_networks import CLASSES, surface, two_groups
from torch import nn

from disparate.errors import NotEnoughData
from disparate.geometry.gradients import group_gradients
from disparate.geometry.permuted_gradients import PermutedNorms, permuted_norms
from disparate.geometry.surface import Surface
from disparate.groups import Attribute, Groups


def seeded(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def many(n: int = 600, shift: float = 0.0) -> tuple[Surface, Groups]:
    """Return a network with more than a sketch of weights, and a small group that is shifted or not."""
    torch.manual_seed(0)
    inputs = torch.randn(n, 20)
    small = np.arange(n) % 10 == 0
    inputs[torch.from_numpy(small)] += shift
    model = nn.Sequential(nn.Linear(20, 80), nn.ReLU(), nn.Linear(80, CLASSES))
    target = np.random.default_rng(3).integers(0, CLASSES, n)
    on = Surface(model=model, inputs=lambda rows: inputs[torch.from_numpy(rows)], target=target, rows=np.arange(n))
    return on, Groups.of({"g": Attribute.of(np.where(small, "small", "large"))}, by="g")


def test_the_distribution_is_that_of_dealing_single_examples():
    on, groups = many()
    losses = nn.functional.cross_entropy(on.model(on.inputs(on.rows)), torch.from_numpy(on.target), reduction="none")
    each = torch.autograd.grad(losses, on.parameters, torch.eye(600), is_grads_batched=True)
    slopes = torch.cat([slope.flatten(1) for slope in each], dim=1).numpy()
    gram = slopes @ slopes.T
    rng = seeded(1)
    found = permuted_norms(on, groups, times=2000, width=256, generator=seeded())
    for name, n in {"small": 60, "large": 540}.items():
        picked = [rng.permutation(600)[:n] for _ in range(300)]
        dealt = [np.sqrt(gram[np.ix_(rows, rows)].mean()) for rows in picked]
        assert found[name].n == n
        assert np.mean(found[name].norms) == pytest.approx(np.mean(dealt), rel=0.06)
        assert np.quantile(found[name].norms, 0.95) == pytest.approx(np.quantile(dealt, 0.95), rel=0.08)


def test_the_mean_square_is_what_the_one_pass_expects():
    on, groups = many()
    expected = group_gradients(on, groups, generator=seeded())
    found = permuted_norms(on, groups, times=2000, generator=seeded())
    for name in groups:
        assert np.sqrt((found[name].norms ** 2).mean()) == pytest.approx(expected[name].chance, rel=0.06)
        for layer, norms in found[name].by_layer.items():
            assert np.sqrt((norms**2).mean()) == pytest.approx(expected[name].chance_by_layer[layer], rel=0.12)


def test_a_group_that_differs_stands_out_and_one_that_does_not_does_not():
    for shift, apart in ((2.0, True), (0.0, False)):
        on, groups = many(shift=shift)
        norm = group_gradients(on, groups, generator=seeded())["small"].norm
        p_value = permuted_norms(on, groups, times=199, generator=seeded())["small"].p_value(norm)
        assert (p_value < 0.02) == apart


def test_a_group_smaller_than_a_block_is_stretched():
    on, _ = many()
    tiny = Groups.of({"g": Attribute.of(["one"] + ["rest"] * 599)}, by="g")
    expected = group_gradients(on, tiny, generator=seeded())["one"].chance
    found = permuted_norms(on, tiny, times=500, generator=seeded())["one"]
    assert np.sqrt((found.norms**2).mean()) == pytest.approx(expected, rel=0.15)


def test_everybody_is_one_value():
    everybody = Groups.of({"all": Attribute.of(["a"] * 12)}, by="all")
    norms = permuted_norms(surface("linear"), everybody, times=5, generator=seeded())["a"].norms
    np.testing.assert_allclose(norms, group_gradients(surface("linear"), everybody, generator=seeded())["a"].norm)


def test_the_p_value_is_never_zero():
    found = PermutedNorms(n=1, norms=np.array([1.0, 2.0, 3.0]), by_layer={})
    assert [found.p_value(norm) for norm in (0.5, 2.0, 9.0)] == [1.0, 0.75, 0.25]


def test_one_example_is_not_enough():
    with pytest.raises(NotEnoughData, match="1 example"):
        permuted_norms(surface("linear").over(np.array([0])), two_groups(), generator=seeded())
