"""Fair GRAPE: the greedy against a naive loop, the shares it keeps, and the traps of the published code."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import cross_entropy

from disparate.choice import DeployContext, Labelled
from disparate.choices.fair_grape import FairGrape, kept_by_shares
from disparate.groups import Attribute, Groups


def naive(importance: np.ndarray, keep: int) -> np.ndarray:
    """The rule of the paper, word by word; equals do not occur."""
    target = importance.sum(axis=0) / importance.sum()
    kept: list[int] = []
    while len(kept) < keep:
        whole = importance[kept].sum()
        shares = importance[kept].sum(axis=0) / whole if kept else np.zeros(len(target))
        group = int(np.argmax(target - shares))
        rest = [place for place in range(len(importance)) if place not in kept]
        kept.append(max(rest, key=lambda place: importance[place, group]))
    return np.isin(np.arange(len(importance)), kept)


def drawn(weights: int, groups: int, seed: int = 0) -> np.ndarray:
    """Importance as it is: over many orders of magnitude, alike for all groups but for a factor."""
    rng = np.random.default_rng(seed)
    return rng.lognormal(0, 3, (weights, 1)) * rng.lognormal(0, 0.7, (weights, groups)) * rng.uniform(0.2, 3, groups)


@settings(max_examples=40, deadline=None)
@given(weights=st.integers(1, 60), groups=st.integers(1, 5), part=st.floats(0, 1), seed=st.integers(0, 99))
def test_a_small_layer_keeps_what_the_naive_greedy_keeps(weights, groups, part, seed):
    importance, keep = drawn(weights, groups, seed), round(part * weights)
    found = kept_by_shares(importance, keep, np.random.default_rng(0))
    assert found.sum() == keep
    assert np.array_equal(found, naive(importance, keep))


def one_by_one(importance: np.ndarray, keep: int) -> np.ndarray:
    """The same rule for layers that the naive loop would take hours for: one weight at a time, never more."""
    target = importance.sum(axis=0) / importance.sum()
    orders = [iter(np.argsort(-own)) for own in importance.T]
    kept, sums, first = np.zeros(len(importance), bool), np.zeros(len(target)), True
    for _ in range(keep):
        group = int(np.argmax(target if first else target - sums / sums.sum()))
        place = next(place for place in orders[group] if not kept[place])
        kept[place], first = True, False
        sums += importance[place]
    return kept


@pytest.mark.parametrize(("keep", "apart"), [(2_000, 0.0), (30_000, 0.002)])
def test_a_large_layer_keeps_nearly_the_same(keep, apart):
    importance = drawn(40_000, 4)
    found, expected = kept_by_shares(importance, keep, np.random.default_rng(0)), one_by_one(importance, keep)
    assert found.sum() == expected.sum() == keep
    assert (found & ~expected).sum() <= apart * keep


def shares(importance: np.ndarray) -> np.ndarray:
    return importance.sum(axis=0) / importance.sum()


def test_shares_are_kept_better_than_by_the_sum_of_importance():
    importance = drawn(5_000, 3)
    importance[:50, 0] *= 1e3
    kept = kept_by_shares(importance, 500, np.random.default_rng(0))
    largest = np.isin(np.arange(5_000), np.argsort(-importance.sum(axis=1))[:500])
    off = {
        name: np.abs(shares(importance[mark]) - shares(importance)).max()
        for name, mark in {"shares": kept, "sum": largest}.items()
    }
    assert off["shares"] < 1e-3
    assert off["sum"] > 1e-3


def test_where_nobody_is_reached_the_generator_decides():
    empty = np.zeros((50, 3))
    found = {tuple(kept_by_shares(empty, 10, np.random.default_rng(seed))) for seed in range(5)}
    assert len(found) == 5
    assert all(sum(kept) == 10 for kept in found)


@pytest.mark.parametrize(
    ("rate", "keep", "expected"),
    [
        (0.9, 0.5, (0.5, 0.75, 0.875, 0.9)),
        (0.75, 0.5, (0.5, 0.75)),
        (0.5, 0.1, (0.5,)),
        (0.0, 0.9, (0.0,)),
    ],
)
def test_steps_end_at_the_rate(rate, keep, expected):
    assert FairGrape(rate=rate, keep_per_iter=keep).shares() == pytest.approx(expected)


def test_every_layer_loses_the_share_and_nothing_else_is_touched(model, context_of):
    choice = FairGrape(rate=0.7)
    pruned = choice.apply(model, context_of())
    done = choice.effective(pruned)
    assert done["layers"] == {name: round(0.7 * n) / n for name, n in {"0": 216, "4": 864, "8": 48}.items()}
    assert done["examples"] == {"f": 14, "m": 26}
    assert done["steps"] == 12
    assert 0 <= done["deviation"] < 0.2
    weights = {"0.weight", "4.weight", "8.weight"}
    own = model.state_dict()
    assert all(torch.equal(value, own[name]) for name, value in pruned.state_dict().items() if name not in weights)


def test_one_step_is_the_greedy_on_plain_gradients(model, context_of, labelled):
    model.double()
    asked = replace(labelled, inputs=labelled.inputs.double())
    context = replace(context_of(), labelled=lambda most: asked)
    pruned = FairGrape(rate=0.5, keep_per_iter=0.1).apply(model, context)
    importance = []
    for group in ("f", "m"):
        rows = torch.from_numpy(asked.groups.mask(group))
        loss = cross_entropy(model(asked.inputs[rows]), asked.target[rows])
        (slope,) = torch.autograd.grad(loss, [model[8].weight])
        importance.append((model[8].weight.detach() * slope).square().flatten().numpy())
    expected = naive(np.stack(importance, axis=1), 24)
    assert np.array_equal((pruned[8].weight != 0).flatten().numpy(), expected)


def test_the_order_of_groups_does_not_matter(model, context_of, labelled):
    """In the published code later groups are scored on a network that earlier ones have moved."""
    names = np.array(["f", "m", "x"])[labelled.groups.codes]
    turned = Groups.of({"sex": Attribute.of(names, names=["m", "x", "f"])}, by="sex")
    there, back = (
        FairGrape(rate=0.8).apply(model, replace(context_of(), labelled=lambda most, g=g: replace(labelled, groups=g)))
        for g in (labelled.groups, turned)
    )
    assert all(torch.equal(value, back.state_dict()[name]) for name, value in there.state_dict().items())


def test_zeros_count_and_stay(model, context_of):
    model[8].weight.data[:3] = 0
    pruned = FairGrape(rate=0.5).apply(model, context_of())
    assert not pruned[8].weight[:3].any()
    assert int((pruned[8].weight == 0).sum()) == 36


def test_examples_are_asked_for_by_number():
    asked = []
    groups = Groups.of({"sex": Attribute.of(["f", "m"])}, by="sex")

    def labelled(most: int) -> Labelled:
        asked.append(most)
        return Labelled(inputs=torch.randn(2, 4), target=torch.tensor([0, 1]), groups=groups)

    context = DeployContext(calibration=torch.zeros, generator=torch.Generator(), labelled=labelled)
    FairGrape(rate=0.5, examples=7).apply(nn.Linear(4, 2), context)
    assert asked == [7]
