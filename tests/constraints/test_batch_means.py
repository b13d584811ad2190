"""Means by group, against plain loops; what one group holds stays with it."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from disparate.constraints.batch_means import Tally, group_means, too_few
from disparate.constraints.replay import Replay

groups = st.lists(st.integers(0, 3), min_size=1, max_size=20)


@settings(max_examples=50, deadline=None)
@given(group=groups, minimum=st.integers(1, 4), seed=st.integers(0, 99))
def test_means_are_those_of_a_plain_loop(group, minimum, seed):
    values = np.random.default_rng(seed).normal(size=len(group))
    codes = np.array(group)
    expected = {c: values[codes == c].mean() for c in range(4) if (codes == c).sum() >= minimum}
    found = group_means(torch.from_numpy(values), torch.from_numpy(codes), minimum=minimum)
    assert found.codes.tolist() == sorted(expected)
    np.testing.assert_allclose(found.mean, [expected[c] for c in sorted(expected)], rtol=1e-12)
    few = too_few(torch.from_numpy(codes), groups=4, minimum=minimum)
    assert few.tolist() == [int(c not in expected) for c in range(4)]


def test_a_group_that_is_not_finite_keeps_it_to_itself():
    values = torch.tensor([1.0, torch.nan, 3.0], requires_grad=True)
    found = group_means(values, torch.tensor([0, 1, 0]))
    assert found.mean[0] == 2
    assert bool(found.mean[1].isnan())
    found.mean[0].backward()
    assert values.grad.tolist() == [0.5, 0, 0.5]


def test_the_present_groups_entries_are_taken_in_the_type_of_the_means():
    found = group_means(torch.tensor([1.0, 2.0]), torch.tensor([2, 0]))
    taken = found.take(torch.tensor([5.0, 6.0, 7.0], dtype=torch.float64))
    assert taken.dtype == torch.float32
    assert taken.tolist() == [5, 7]


def test_a_tally_is_over_examples_not_over_batches():
    tally = Tally(["a", "b", "c"])
    tally.add(torch.tensor([1.0, 1.0, 1.0]), torch.tensor([0, 0, 0], dtype=torch.int32))
    tally.add(torch.tensor([5.0, 2.0]), torch.tensor([0, 2], dtype=torch.int32))
    assert tally.means() == {"a": 2.0, "c": 2.0}
    assert tally.whole == pytest.approx(2.0)


def test_a_tally_of_nothing_says_nothing():
    assert Tally(["a"]).means() == {}
    assert Tally(["a"]).whole is None


def test_buffers_keep_the_last_of_each_group_and_speak_when_full():
    replay = Replay(["a", "b"], size=3)
    replay.push(torch.tensor([1.0, 10.0, 2.0]), torch.tensor([0, 1, 0]))
    assert replay.means() == {}
    replay.push(torch.tensor([3.0, 4.0, 20.0]), torch.tensor([0, 0, 1]))
    assert replay.means() == {"a": 3.0}
    replay.push(torch.tensor([30.0]), torch.tensor([1]))
    assert replay.means() == {"a": 3.0, "b": 20.0}
