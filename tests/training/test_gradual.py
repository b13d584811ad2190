"""Gradual pruning: the cubic course, what stays zero, what stays whole; in a real training."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from disparate.objectives.erm import ERM
from disparate.profiles import Profile
from disparate.training.config import TrainingConfig
from disparate.training.gradual import GradualPruning
from disparate.training.loop import Start, train
from disparate.training.rules import RoundedWeights
from disparate.training.sparsity import achieved


def rule(to: float = 0.8, epochs: int = 3, scope="layer", *, dense_ends: bool = False) -> GradualPruning:
    return GradualPruning(to=to, epochs=epochs, scope=scope, dense_ends=dense_ends)


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3),
        nn.ReLU(),
        nn.Conv2d(4, 5, 3),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(5, 2),
    )


def zeros(model: nn.Module) -> dict[str, float]:
    return achieved(model)["layers"]


@settings(deadline=None)
@given(to=st.floats(0, 0.99), epochs=st.integers(1, 30))
def test_the_course_only_rises_and_ends_where_it_should(to, epochs):
    course = [rule(to, epochs).share(epoch) for epoch in range(1, epochs + 4)]
    assert course == sorted(course)
    assert course[epochs - 1 :] == [to] * 4
    steps = [after - before for before, after in zip([0.0, *course[:epochs]], course[:epochs], strict=False)]
    assert all(first >= second - 1e-12 for first, second in pairwise(steps))


def test_fifteen_epochs_to_ninety_per_cent_as_the_schedule_is_published():
    expected = [0.9 + (0 - 0.9) * (1 - step / 15) ** 3 for step in range(1, 16)]
    assert [rule(0.9, 15).share(epoch) for epoch in range(1, 16)] == pytest.approx(expected)


def test_the_smallest_go_first_and_never_come_back(network):
    course = rule(0.8, 3)
    own = network[2].weight.detach().clone()
    gone = torch.zeros_like(own, dtype=torch.bool)
    for epoch in (1, 2, 3, 4):
        course.begin_epoch(network, epoch)
        now = network[2].weight == 0
        assert int(now.sum()) == round(course.share(epoch) * own.numel())
        assert (now | ~gone).all()
        if epoch == 1:
            assert own[now].abs().max() <= own[~now].abs().min()
        gone = now
        with torch.no_grad():
            for value in network.parameters():
                value.add_(0.1)
        course.after_step(network)
        assert torch.equal(network[2].weight == 0, now)


def test_first_and_last_may_stay_whole(network):
    rule(0.5, 1, dense_ends=True).begin_epoch(network, 1)
    assert zeros(network) == {"0": 0.0, "2": 0.5, "6": 0.0}


def test_layers_lose_unequal_shares_of_the_whole(network):
    nn.init.constant_(network[0].weight, 1e-6)
    rule(0.3, 1, "global").begin_epoch(network, 1)
    done = achieved(network)
    assert done["zeros"] == round(0.3 * done["weights"])
    assert done["layers"]["0"] > 0.8
    assert done["layers"]["6"] == 0


def test_zeros_from_before_stay(network):
    network[2].weight.data[0] = 0
    course = rule(0.1, 1)
    course.begin_epoch(network, 1)
    with torch.no_grad():
        network[2].weight.add_(1)
    course.after_step(network)
    assert not network[2].weight[0].any()


def test_in_a_training_the_rest_goes_on_learning(pictures, network):
    before = network[2].weight.detach().clone()
    config = TrainingConfig(epochs=3, batch_size=16)
    start = Start(rules=(rule(0.8, 2), RoundedWeights(8)))
    train(network, pictures, config=config, profile=Profile(), objective=ERM(), start=start)
    assert zeros(network) == {name: pytest.approx(0.8, abs=0.06) for name in ("0", "2", "6")}
    kept = network[2].weight != 0
    assert not torch.equal(network[2].weight[kept], before[kept])
