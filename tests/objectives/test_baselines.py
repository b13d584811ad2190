"""Reweighting, group-balanced sampling and group DRO: by hand, and against plain sums."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy

from disparate.errors import BadInput
from disparate.objectives import Batch, Population
from disparate.objectives.group_balanced_sampling import GroupBalancedSampling
from disparate.objectives.group_dro import GroupDRO
from disparate.objectives.reweighting import Reweighting
from disparate.training.batches import Ordering, shuffled

LOG2 = math.log(2)
CELLS = Population(names=("a", "b", "c"), counts=(6, 0, 2), labels=("no", "yes"), by_class=((5, 1), (0, 0), (0, 2)))


def never():
    raise AssertionError


def whole(population):
    """Return target and group of everyone."""
    cells = [(g, k) for g, row in enumerate(population.by_class) for k, count in enumerate(row) for _ in range(count)]
    group, target = torch.tensor(cells).T
    return Batch(target=target, group=group)


def outputs_of(batch):
    return torch.randn(len(batch.target), 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("by", ["group", "group_and_class"])
def test_at_full_strength_every_cell_counts_the_same(by):
    batch = whole(CELLS)
    outputs = outputs_of(batch)
    losses = cross_entropy(outputs, batch.target, reduction="none")
    cells = batch.group * 2 + batch.target if by == "group_and_class" else batch.group
    expected = torch.stack([losses[cells == cell].mean() for cell in cells.unique()]).mean()
    torch.testing.assert_close(Reweighting(by=by).begin(CELLS).loss(outputs, batch), expected)


def test_weights_of_cells_are_told_by_name():
    told = Reweighting(by="group_and_class").begin(CELLS).told()["weight"]
    assert told["a"] == pytest.approx({"no": 8 / 15, "yes": 8 / 3})
    assert told["c"] == pytest.approx({"yes": 4 / 3})
    assert set(told) == {"a", "c"}


@pytest.mark.parametrize("strength", [0.25, 1.0])
def test_the_mean_weight_is_one(strength):
    weights = Reweighting(strength=strength).begin(CELLS).told()["weight"]
    assert (6 * weights["a"] + 2 * weights["c"]) / 8 == pytest.approx(1)
    assert weights["c"] / weights["a"] == pytest.approx(3**strength)


def test_classes_that_are_not_known_cannot_be_counted():
    with pytest.raises(BadInput, match=r"the classes of the training examples are not known here.* Use by='group'\."):
        Reweighting(by="group_and_class").begin(Population(names=("a",), counts=(1,)))


@settings(max_examples=40, deadline=None)
@given(
    counts=st.lists(st.integers(1, 40), min_size=1, max_size=4), batch_size=st.integers(4, 20), seed=st.integers(0, 99)
)
def test_batches_are_balanced_and_as_many_as_shuffled(counts, batch_size, seed):
    codes = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    rows = 100 + np.arange(len(codes))
    generator = torch.Generator().manual_seed(seed)
    found = list(GroupBalancedSampling().batches(rows, codes, batch_size, generator))
    assert len(found) == len(list(shuffled(rows, batch_size, torch.Generator())))
    for batch in found:
        own = np.bincount(codes[batch - 100], minlength=len(counts))
        assert (own == batch_size // len(counts)).all()
    for code, count in enumerate(counts):  # nobody is met twice more than another of the group
        met = np.unique(np.concatenate(found)[codes[np.concatenate(found) - 100] == code], return_counts=True)[1]
        missing = len(met) < count
        assert met.max() - (0 if missing else met.min()) <= 1


def test_sampling_is_an_ordering_drawn_from_the_generator():
    assert isinstance(GroupBalancedSampling(), Ordering)
    assert not isinstance(Reweighting(), Ordering)
    rows, codes = np.arange(40), (np.arange(40) % 4 == 0).astype(np.int32)

    def drawn(seed):
        return np.concatenate(
            list(GroupBalancedSampling().batches(rows, codes, 8, torch.Generator().manual_seed(seed)))
        ).tolist()

    assert drawn(1) == drawn(1) != drawn(2)


def test_a_batch_without_room_for_every_group_is_refused():
    with pytest.raises(BadInput, match="batch_size is 2 and there are 3 groups; room for one example of each"):
        list(GroupBalancedSampling().batches(np.arange(9), np.arange(9) % 3, 2, torch.Generator()))


def test_how_often_examples_are_met_is_told():
    course = GroupBalancedSampling().begin(CELLS)
    course.loss(
        torch.zeros(6, 2), Batch(target=torch.zeros(6, dtype=torch.int64), group=torch.tensor([0, 0, 0, 2, 2, 2]))
    )
    course.end_epoch(1, never)
    assert course.told() == {"times_met": {"a": 0.5, "c": 1.5}, "absent": ["b"]}


def test_group_dro_by_hand():
    """Losses log 2 and 0, η = 1: q goes as 2 : 1, then as 4 : 1."""
    course = GroupDRO(step=1.0).begin(Population(names=("a", "b"), counts=(1, 1)))
    outputs = torch.tensor([[0.0, 0.0], [0.0, 99.0]])
    batch = Batch(target=torch.tensor([0, 1]), group=torch.tensor([0, 1]))
    assert course.loss(outputs, batch).item() == pytest.approx(2 / 3 * LOG2)
    assert course.loss(outputs, batch).item() == pytest.approx(4 / 5 * LOG2)
    course.end_epoch(1, never)
    assert course.told()["weight"] == pytest.approx({"a": 0.8, "b": 0.2})
    assert course.told()["loss"] == pytest.approx({"a": LOG2, "b": 0.0})


def test_the_adjustment_favours_small_groups():
    course = GroupDRO(step=1.0, adjustment=1.0).begin(Population(names=("many", "few", "no"), counts=(100, 4, 0)))
    batch = Batch(target=torch.tensor([0, 0]), group=torch.tensor([0, 1]))
    course.loss(torch.zeros(2, 2), batch)
    weights = course.told()["weight"]
    assert weights["few"] / weights["many"] == pytest.approx(math.exp(0.5 - 0.1))
    assert "no" not in weights


def test_group_dro_keeps_the_weight_of_a_group_that_a_batch_lacks():
    course = GroupDRO(step=1.0).begin(Population(names=("a", "b", "c"), counts=(1, 1, 1)))
    batch = Batch(target=torch.tensor([0]), group=torch.tensor([0]))
    loss = course.loss(torch.zeros(1, 2), batch)
    weights = course.told()["weight"]
    assert weights == pytest.approx({"a": 0.5, "b": 0.25, "c": 0.25})
    assert loss.item() == pytest.approx(0.5 * LOG2)


def test_group_dro_minimises_the_worst_groups_loss():
    """One bias, two groups of opposite labels: whatever the sizes, the worst of the two is best at 1/2."""
    batch = Batch(target=torch.tensor([0] * 9 + [1]), group=torch.tensor([0] * 9 + [1]))
    course = GroupDRO(step=0.1).begin(Population(names=("many", "few"), counts=(9, 1)))
    bias = torch.tensor([2.0, 0.0], requires_grad=True)
    optimizer = torch.optim.SGD([bias], lr=0.1)
    for _ in range(3000):
        optimizer.zero_grad()
        course.loss(bias.expand(10, 2), batch).backward()
        optimizer.step()
    assert bias.detach().softmax(0)[0].item() == pytest.approx(0.5, abs=0.02)
