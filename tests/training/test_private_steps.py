"""Steps of DP-SGD, held against plain training and against clipping written out example by example."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call, grad, vmap
from torch.nn.functional import cross_entropy

from disparate.errors import NotApplicable
from disparate.groups import Groups
from disparate.objectives import build_objective
from disparate.objectives.erm import ERM
from disparate.profiles import Profile
from disparate.training.batches import sampled
from disparate.training.config import TrainingConfig
from disparate.training.loop import Start, train
from disparate.training.privacy import PrivateSteps
from disparate.training.rules import RoundedInputs, RoundedWeights

CONFIG = TrainingConfig(epochs=2, batch_size=24, learning_rate=0.05)
NEITHER = PrivateSteps(noise_multiplier=0.0, clip=False, sampling="shuffle")
ONE_STEP = TrainingConfig(
    epochs=1, batch_size=64, learning_rate=0.1, momentum=0.0, weight_decay=0.0, schedule="constant"
)


class Residual(nn.Module):
    """A block that adds in place to what a layer gave, as those of torchvision do."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.norm, self.activation = (
            nn.Conv2d(4, 4, 3, padding=1),
            nn.GroupNorm(1, 4),
            nn.ReLU(inplace=True),
        )

    def forward(self, images):
        found = self.norm(self.layer(images))
        found += images
        return self.activation(found)


def network(seed: int = 0) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(3, 4, 3), nn.GroupNorm(1, 4), nn.ReLU(inplace=True), Residual(), nn.Dropout(0.1),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2),
        )  # fmt: skip


def trained(data, privacy, config=CONFIG, *, model=None, objective=None, **more):
    groups = Groups.of(data.attributes, by="side")
    return train(
        model or network(), data, config=replace(config, privacy=privacy), profile=Profile(),
        objective=objective or ERM(), groups=groups, **more,
    )  # fmt: skip


def apart(left, right) -> float:
    one, two = (list(run.states.values())[-1] for run in (left, right))
    return max(float((one[name] - two[name]).abs().max()) for name in one)


@pytest.mark.parametrize("gradients", ["hooks", "ghost"])
@pytest.mark.parametrize("objective", [ERM(), build_objective({"name": "reweighting"})], ids=str)
def test_no_clipping_and_no_noise_is_plain_training(pictures, gradients, objective):
    plain = trained(pictures, None, objective=objective)
    private = trained(pictures, replace(NEITHER, gradients=gradients), objective=objective)
    assert apart(plain, private) < 2e-6
    assert private.history[-1].loss == pytest.approx(plain.history[-1].loss, rel=1e-5)


def test_ghost_clipping_takes_the_same_steps(pictures):
    noisy = PrivateSteps(noise_multiplier=0.7, max_norm=0.3)
    hooks, ghost = (trained(pictures, replace(noisy, gradients=gradients)) for gradients in ("hooks", "ghost"))
    assert apart(hooks, ghost) < 2e-6
    norms = [run.history[-1].told["privacy"]["norm"] for run in (hooks, ghost)]
    assert norms[0] == pytest.approx(norms[1], rel=1e-4)


def clipped_by_hand(data, model, norm):
    """One step on all examples at once: gradients by vmap, each clipped, their mean."""
    rows = data.rows("train")
    pixels = torch.from_numpy(data.inputs[rows]).permute(0, 3, 1, 2).double() / 255
    mean, std = pixels.mean(dim=(0, 2, 3)), pixels.std(dim=(0, 2, 3), correction=0)
    inputs = ((pixels - mean[:, None, None]) / std[:, None, None]).float()
    weights = {name: value.detach() for name, value in model.named_parameters()}

    def loss(weights, one, target):
        return cross_entropy(functional_call(model, weights, one[None]), target[None])

    own = vmap(grad(loss), in_dims=(None, 0, 0))(weights, inputs, torch.from_numpy(data.target[rows]))
    norms = torch.stack([value.flatten(1).norm(dim=1) for value in own.values()]).norm(dim=0)
    factor = (norm / norms).clamp(max=1)
    return {
        name: weights[name] - 0.1 * torch.einsum("i,i...->...", factor, value) / len(rows)
        for name, value in own.items()
    }, norms


@pytest.mark.parametrize("gradients", ["hooks", "ghost"])
def test_a_step_is_clipping_written_out(pictures, gradients):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.GroupNorm(2, 4), nn.Flatten(), nn.Linear(144, 2))
    expected, norms = clipped_by_hand(pictures, model, 9.0)
    assert 0.1 < (norms > 9.0).float().mean() < 0.9
    found = trained(
        pictures,
        PrivateSteps(noise_multiplier=0.0, max_norm=9.0, sampling="shuffle", gradients=gradients),
        ONE_STEP,
        model=model,
    )
    for name, value in expected.items():
        torch.testing.assert_close(found.states[1][name], value, rtol=1e-4, atol=1e-6)
    told = found.history[0].told["privacy"]
    groups = Groups.of(pictures.attributes, by="side")
    codes = groups.codes[pictures.rows("train")]
    for code, name in enumerate(groups.names):
        assert told["norm"][name] == pytest.approx(float(norms[codes == code].mean()), rel=1e-4)
        assert told["longer_than_max_norm"][name] == pytest.approx(float((norms[codes == code] > 9.0).float().mean()))


@pytest.mark.parametrize("clip", [True, False])
def test_noise_has_the_deviation_it_says(pictures, clip):
    noisy = PrivateSteps(noise_multiplier=3.0, max_norm=2.0, sampling="shuffle", clip=clip)
    runs = [trained(pictures, replace(noisy, noise_multiplier=noise), ONE_STEP).states[1] for noise in (3.0, 0.0)]
    apart = torch.cat([(runs[0][name] - runs[1][name]).flatten() for name in runs[0]]).double()
    expected = 0.1 * 3.0 * 2.0 / 64
    assert len(apart) > 200
    assert abs(float(apart.std()) / expected - 1) < 5 / np.sqrt(2 * len(apart))
    assert abs(float(apart.mean())) < 5 * expected / np.sqrt(len(apart))


def test_the_same_seeds_give_the_same_noise_and_another_seed_another(pictures):
    noisy = PrivateSteps(noise_multiplier=1.0)
    assert apart(trained(pictures, noisy), trained(pictures, noisy)) == 0
    assert apart(trained(pictures, noisy), trained(pictures, noisy, replace(CONFIG, augment_seed=3))) > 0
    assert apart(trained(pictures, noisy), trained(pictures, noisy, replace(CONFIG, order_seed=3))) > 0


def test_the_global_generator_is_left_as_it_was(pictures):
    before = torch.get_rng_state()
    trained(pictures, PrivateSteps(noise_multiplier=1.0))
    assert torch.equal(torch.get_rng_state(), before)


def test_epsilon_grows_by_the_epoch_and_ends_below_what_was_asked(pictures):
    run = trained(pictures, PrivateSteps(epsilon=4.0, delta=1e-3))
    spent = [epoch.told["privacy"]["epsilon"] for epoch in run.history]
    assert 0 < spent[0] < spent[1] <= 4.0
    assert spent[1] > 3.9
    assert run.steps == run.history[-1].told["privacy"]["steps"] == 6


@pytest.mark.parametrize("gradients", ["hooks", "ghost"])
def test_batches_without_an_example_are_steps_of_noise(pictures, gradients):
    """A batch of one in 64: a third of the batches are empty."""
    config = replace(CONFIG, epochs=1, batch_size=1)
    run = trained(pictures, PrivateSteps(noise_multiplier=1.0, gradients=gradients), config)
    assert run.steps == 64
    assert all(bool(torch.isfinite(value).all()) for value in run.states[1].values())


def test_the_network_is_left_without_hooks(pictures):
    model = network()
    trained(pictures, PrivateSteps(noise_multiplier=1.0), model=model)
    assert not any(layer._forward_hooks or layer._backward_hooks for layer in model.modules())
    assert not any(hasattr(parameter, "grad_sample") for parameter in model.parameters())
    assert list(model.state_dict()) == list(network().state_dict())


def test_weights_may_be_rounded_meanwhile(pictures):
    noisy = PrivateSteps(noise_multiplier=0.5)
    assert apart(trained(pictures, noisy), trained(pictures, noisy, start=Start(rules=(RoundedWeights(2),)))) > 0


def test_every_reason_against_is_told_at_once(pictures):
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.InstanceNorm2d(4, track_running_stats=True), nn.ReLU(),
        nn.BatchNorm2d(4, affine=False), nn.Flatten(), nn.LSTM(144, 2),
    )  # fmt: skip
    start = Start(rules=(RoundedInputs(8),))
    objective, noisy = build_objective({"name": "equal_loss"}), PrivateSteps(noise_multiplier=1.0)
    with pytest.raises(NotApplicable) as caught:
        trained(pictures, noisy, model=model, objective=objective, start=start)
    text = str(caught.value)
    assert text.startswith("privacy cannot be had here, for 6 reason(s):\n- the loss of objective EqualLoss is no mean")
    assert "- inputs of layers are rounded between the smallest and largest of the batch" in text
    assert "- layer '1' (BatchNorm2d): what it makes of an example depends on the others" in text
    assert "Replace it by the choice normalisation, in the reference as well." in text
    assert "- layer '2' (InstanceNorm2d) keeps running statistics of the data." in text
    assert "- layer '4' (BatchNorm2d)" in text
    assert "- layer '6' (LSTM): " in text


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ({"name": "equal_loss"}, "no mean of losses of single examples"),
        ({"name": "boundary_distance"}, "no mean of losses of single examples"),
        ({"name": "group_dro"}, "no mean of losses of single examples"),
        ({"name": "gradient_norm"}, "no mean of losses of single examples"),
        ({"name": "fairness_gap", "privileged": "left", "unprivileged": "right"}, "no mean of losses of single"),
        ({"name": "group_balanced_sampling"}, "decides which examples are met and how often"),
    ],
)
def test_objectives_that_couple_examples_are_refused(pictures, table, reason):
    with pytest.raises(NotApplicable, match=reason):
        trained(pictures, PrivateSteps(noise_multiplier=1.0), objective=build_objective(table))


def test_a_network_without_anything_to_train_is_refused(pictures):
    model = nn.Sequential(nn.Flatten(), nn.Linear(192, 2)).requires_grad_(False)
    with pytest.raises(NotApplicable, match="network Sequential has no parameter that is trained"):
        trained(pictures, PrivateSteps(noise_multiplier=1.0), model=model)


class Careless(nn.Module):
    def forward(self, images):
        found = images * 2
        found.add_(1)
        return found


def test_a_network_that_relies_on_being_overwritten_is_refused(pictures):
    model = nn.Sequential(Careless(), nn.Flatten(), nn.Linear(192, 2))
    with pytest.raises(NotApplicable, match=r"changes tensors in place that are used again.* Write x = x \+ y for"):
        trained(pictures, PrivateSteps(noise_multiplier=1.0), model=model)


def test_batches_are_drawn_by_coins():
    rows = np.arange(1000, 3000)
    batches = list(sampled(rows, 0.05, 200, torch.Generator().manual_seed(0)))
    sizes = np.array([len(batch) for batch in batches])
    assert len(batches) == 200
    assert abs(sizes.mean() - 100) < 5 * np.sqrt(95 / 200)
    assert 0.7 < sizes.var() / 95 < 1.4  # that of a binomial
    assert all(np.isin(batch, rows).all() and (np.diff(batch) > 0).all() for batch in batches)
