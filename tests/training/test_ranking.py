"""Rankings: against hand-made orders and numpy's sorting, ties by the deal, doses by brute force."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from disparate.training.ranking import (
    Ranked,
    accuracy_saliency,
    agreement,
    by_layer,
    first,
    nearest_count,
    ordered,
    ranked,
    smallest,
)

RULES = ("fr", "fr_and_ar", "random", "highest")


def ranking(seed: int = 0, size: int = 60, *, zeros: float = 0.4) -> Ranked:
    generator = np.random.default_rng(seed)
    unprivileged, privileged = (
        torch.from_numpy(np.where(generator.random(size) < zeros, 0.0, generator.exponential(size=size)))
        for _ in range(2)
    )
    found, *_ = ranked({"fc": unprivileged}, {"fc": privileged}, beta=0.3, together=False, generator=generator)
    return found


def places(marked: torch.Tensor) -> set[int]:
    return set(torch.nonzero(marked).flatten().tolist())


def test_saliencies_weigh_the_two_groups():
    unprivileged, privileged = {"fc": torch.tensor([1.0, 0.0, 2.0])}, {"fc": torch.tensor([0.0, 4.0, 2.0])}
    found, *_ = ranked(unprivileged, privileged, beta=0.5, together=False, generator=np.random.default_rng(0))
    assert found.fairness.tolist() == [1.0, -2.0, 1.0]
    assert found.accuracy.tolist() == [1.0, 4.0, 4.0]
    assert accuracy_saliency(unprivileged["fc"], privileged["fc"]).tolist() == [1.0, 4.0, 4.0]


@pytest.mark.parametrize("count", [0, 1, 17, 60])
def test_rules_are_the_ends_of_sorted_saliencies(count):
    found = ranking(zeros=0.0)
    s, a = found.fairness.numpy(), found.accuracy.numpy()
    lowest, least = set(np.argsort(s)[:count].tolist()), set(np.argsort(a)[:count].tolist())
    assert places(found.marked("fr", count)) == lowest
    assert places(found.marked("highest", count)) == set(np.argsort(-s)[:count].tolist())
    assert places(found.marked("fr_and_ar", count)) == lowest & least
    assert int(found.marked("random", count).sum()) == count


def test_what_the_privileged_group_alone_needs_goes_first():
    """Smaller rank, more important: the most negative s, not the one of the largest size."""
    found = Ranked(
        sizes={"fc": 3}, fairness=torch.tensor([5.0, -1.0, 0.0]), accuracy=torch.ones(3), deal=torch.arange(3)
    )
    assert found.marked("fr", 1).tolist() == [False, True, False]
    assert found.marked("highest", 1).tolist() == [True, False, False]


def test_the_two_conditions_can_exclude_each_other():
    s, a = torch.tensor([-3.0, -2.0, 1.0, 2.0]), torch.tensor([9.0, 8.0, 0.1, 0.2])
    found = Ranked(sizes={"fc": 4}, fairness=s, accuracy=a, deal=torch.arange(4))
    assert not found.marked("fr_and_ar", 2).any()


@given(seed=st.integers(0, 500), small=st.integers(0, 60), large=st.integers(0, 60), rule=st.sampled_from(RULES))
@settings(max_examples=60, deadline=None)
def test_a_larger_dose_holds_the_smaller_one(seed, small, large, rule):
    found = ranking(seed)
    small, large = sorted((small, large))
    assert places(found.marked(rule, small)) <= places(found.marked(rule, large))


def test_equals_stand_in_the_order_of_the_deal():
    deal = torch.tensor([3, 1, 0, 2])
    assert ordered(torch.zeros(4), deal).tolist() == deal.tolist()
    assert ordered(torch.tensor([0.0, -1.0, 0.0, 0.0]), deal).tolist() == [1, 3, 0, 2]


def test_equals_do_not_stand_in_the_order_of_the_file():
    found = ranking(size=1000, zeros=1.0)
    taken = sorted(places(found.marked("fr", 100)))
    assert taken != list(range(100))
    assert 300 < np.mean(taken) < 700


def test_ranked_together_or_layer_by_layer():
    unprivileged = {"a": torch.tensor([1.0, 2.0]), "b": torch.tensor([-5.0, -4.0, -3.0])}
    privileged = {name: torch.zeros_like(part) for name, part in unprivileged.items()}
    of = {
        together: ranked(unprivileged, privileged, beta=1.0, together=together, generator=np.random.default_rng(0))
        for together in (True, False)
    }
    whole = by_layer(of[True], [part.marked("fr", 2) for part in of[True]])
    assert {name: mask.tolist() for name, mask in whole.items()} == {"a": [False, False], "b": [True, True, False]}
    each = by_layer(of[False], [part.marked("fr", 1) for part in of[False]])
    assert {name: mask.tolist() for name, mask in each.items()} == {"a": [True, False], "b": [True, False, False]}


@given(
    energy=st.lists(st.floats(0, 10), min_size=1, max_size=12),
    whole=st.floats(0, 50),
)
def test_the_nearest_energy_is_nearest(energy, whole):
    count = nearest_count(torch.tensor(energy, dtype=torch.float64), whole)
    distance = [abs(sum(energy[:some]) - whole) for some in range(len(energy) + 1)]
    assert abs(sum(energy[:count]) - whole) == pytest.approx(min(distance), abs=1e-9)


def test_agreement_is_spearmans_and_absent_where_nothing_varies():
    generator = np.random.default_rng(0)
    left, right = (torch.from_numpy(generator.normal(size=50)) for _ in range(2))
    ranks = [values.argsort().argsort().double() for values in (left, right)]
    assert agreement(left, right) == pytest.approx(float(torch.corrcoef(torch.stack(ranks))[0, 1]), abs=1e-6)
    assert agreement(left, torch.ones(50)) is None
    assert agreement(left[:2], right[:2]) is None


@given(st.lists(st.integers(-2, 2), min_size=1, max_size=30), st.integers(0, 31), st.randoms(use_true_random=False))
def test_the_smallest_are_those_that_come_first_in_the_order(scores, count, random):
    deal = list(range(len(scores)))
    random.shuffle(deal)
    values, dealt = torch.tensor(scores, dtype=torch.float32), torch.tensor(deal)
    assert torch.equal(smallest(values, dealt, count), first(ordered(values, dealt), count))
