"""What ε steps come to, and how much noise an ε asks for."""

import math
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disparate.errors import BadInput, MissingExtra
from disparate.training.config import TrainingConfig
from disparate.training.loop import budget_of
from disparate.training.privacy import Budget, PrivateSteps, epsilon_of, noise_for

DELTA = 1e-5


def gaussian_epsilon(noise: float, *, delta: float, steps: int) -> float:
    """ε of the Gaussian mechanism without sampling by its Rényi divergence α/2z², converted as balle2020 does."""
    orders = [1 + tenth / 10 for tenth in range(1, 100)] + list(range(12, 64))
    return min(
        steps * a / (2 * noise**2) + math.log1p(-1 / a) - (math.log(delta) + math.log(a)) / (a - 1) for a in orders
    )


@pytest.mark.parametrize("noise", [1.0, 4.0, 20.0])
@pytest.mark.parametrize("steps", [1, 50])
def test_epsilon_of_whole_batches_is_that_of_the_gaussian_mechanism(noise, steps):
    found = epsilon_of(noise, delta=DELTA, rate=1.0, steps=steps)
    assert found == pytest.approx(gaussian_epsilon(noise, delta=DELTA, steps=steps), rel=1e-6)


def test_less_noise_more_steps_and_larger_batches_spend_more():
    least = epsilon_of(1.0, delta=DELTA, rate=0.01, steps=100)
    assert epsilon_of(0.8, delta=DELTA, rate=0.01, steps=100) > least
    assert epsilon_of(1.0, delta=DELTA, rate=0.01, steps=200) > least
    assert epsilon_of(1.0, delta=DELTA, rate=0.02, steps=100) > least


@pytest.mark.parametrize("epsilon", [0.5, 3.0, 50.0])
def test_the_noise_for_an_epsilon_spends_no_more_and_hardly_less(epsilon):
    noise = noise_for(epsilon, delta=DELTA, rate=0.05, steps=200)
    assert 0.998 * epsilon <= epsilon_of(noise, delta=DELTA, rate=0.05, steps=200) <= epsilon


def test_an_epsilon_that_no_noise_keeps_to_is_refused_with_the_least():
    with pytest.raises(
        BadInput, match=r"epsilon is 0\.01 with delta 1e-05; the accountant \(rdp\) certifies no less than 0"
    ):
        noise_for(0.01, delta=DELTA, rate=0.05, steps=200)


def test_a_delta_that_lets_a_person_out_is_refused():
    steps = PrivateSteps(epsilon=1.0, delta=1e-3)
    with pytest.raises(BadInput, match=r"delta is 0\.001 with 1000 training examples; below 1 / 1000 = 0\.001 was"):
        Budget.of(steps, batch_size=10, examples=1000, steps=5)
    assert Budget.of(PrivateSteps(noise_multiplier=0.0, delta=1e-3), batch_size=10, examples=1000, steps=5)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"noise_multiplier": 0.0}, "no noise is added"),
        ({"noise_multiplier": 1.0, "clip": False}, "gradients are not clipped, so nobody's part is bounded"),
    ],
)
def test_without_clipping_or_noise_no_epsilon_is_told(settings, why):
    told = Budget.of(PrivateSteps(**settings), batch_size=10, examples=1000, steps=5).told(5)
    assert told["epsilon"] is None
    assert told["why"] == why
    assert "exact" not in told


def test_shuffled_batches_have_an_epsilon_that_is_not_exact():
    told = Budget.of(
        PrivateSteps(noise_multiplier=1.0, sampling="shuffle"), batch_size=10, examples=1000, steps=5
    ).told(5)
    assert told["exact"] is False
    assert told["epsilon"] > 0


def test_an_epsilon_is_meant_for_all_epochs_even_where_training_stops():
    config = TrainingConfig(epochs=10, batch_size=50, privacy=PrivateSteps(epsilon=3.0))
    whole = budget_of(config, 1000)
    stopped = budget_of(TrainingConfig(epochs=10, stop_after=3, batch_size=50, privacy=config.privacy), 1000)
    assert whole == stopped
    assert whole.told(60)["epsilon"] < whole.told(200)["epsilon"] <= 3.0


@given(
    st.builds(
        PrivateSteps,
        noise_multiplier=st.floats(0, 9),
        delta=st.floats(1e-9, 0.5),
        max_norm=st.floats(0.01, 9),
        clip=st.booleans(),
        sampling=st.sampled_from(["poisson", "shuffle"]),
    )
)
def test_a_configuration_survives_its_plain_values(privacy):
    config = TrainingConfig(privacy=privacy)
    assert TrainingConfig.from_json(config.to_json()) == config


def test_old_keys_hold_where_nothing_is_private_or_thinned():
    assert not {"privacy", "thinned"} & set(TrainingConfig().to_json())


def test_mixed_precision_is_refused():
    with pytest.raises(BadInput, match="training precision is 'bf16' with privacy; 'float32'"):
        TrainingConfig(precision="bf16", privacy=PrivateSteps(epsilon=1.0))


def test_the_missing_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "opacus.accountants", None)
    with pytest.raises(MissingExtra, match=r"pip install 'disparate\[privacy\]'$"):
        epsilon_of(1.0, delta=DELTA, rate=0.1, steps=1)
