"""The line between two solutions: exact at its ends, and what is known between them."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from disparate.errors import BadInput
from disparate.geometry.line import line, reestimated
from disparate.geometry.surface import Surface


def network(seed=0):
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(3, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 3)).double()
    model[1].running_mean.normal_()
    model[1].running_var.uniform_(0.5, 2)
    return model


INPUTS = torch.randn(30, 3, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
TARGET = np.arange(30) % 3


def surface(model=None, batch_size=7):
    return Surface(
        model=model or network(),
        inputs=lambda rows: INPUTS[torch.from_numpy(rows)],
        rows=np.arange(30),
        target=TARGET,
        batch_size=batch_size,
    )


def losses_of(model):
    logits = model.eval()(INPUTS)
    return cross_entropy(logits, torch.from_numpy(TARGET), reduction="none").detach().numpy()


def test_ends_are_the_two_networks():
    left, right = network(1), network(2)
    found = line(surface(), left.state_dict(), right.state_dict())
    np.testing.assert_allclose(found.loss[0], losses_of(left), rtol=1e-12)
    np.testing.assert_allclose(found.loss[-1], losses_of(right), rtol=1e-12)
    np.testing.assert_array_equal(found.correct[0], left(INPUTS).argmax(1).numpy() == TARGET)
    assert (found.excess[[0, -1]] == 0).all()
    assert found.at.tolist() == np.linspace(0, 1, 11).tolist()


def test_the_middle_is_the_mean_of_weights_and_statistics():
    left, right, middle = network(1), network(2), network(0)
    states = zip(left.state_dict().items(), right.state_dict().values(), strict=True)
    middle.load_state_dict({
        name: (here + there) / 2 if here.is_floating_point() else here for (name, here), there in states
    })
    found = line(surface(), left.state_dict(), right.state_dict(), points=3)
    np.testing.assert_allclose(found.loss[1], losses_of(middle), rtol=1e-12)


def test_a_line_to_itself_is_flat():
    state = network(1).state_dict()
    assert np.abs(line(surface(), state, state).excess).max() < 1e-12


def test_a_convex_loss_has_no_barrier():
    torch.manual_seed(0)
    left, right = (nn.Linear(3, 3).double() for _ in range(2))
    found = line(surface(nn.Linear(3, 3).double()), left.state_dict(), right.state_dict())
    assert (found.excess <= 1e-12).all()


def test_networks_that_differ_by_a_permutation_have_one():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 3)).double()
    state = {name: 3 * value for name, value in model.state_dict().items()}
    order = torch.tensor([1, 2, 3, 0])
    permuted = {
        "0.weight": state["0.weight"][order],
        "0.bias": state["0.bias"][order],
        "2.weight": state["2.weight"][:, order],
        "2.bias": state["2.bias"],
    }
    found = line(surface(model), state, permuted)
    np.testing.assert_allclose(found.loss[0], found.loss[-1], rtol=1e-9)  # one function
    assert np.abs(found.excess[5]).max() > 0.1


def test_statistics_estimated_anew_are_those_of_the_examples():
    left, right = network(1), network(2)
    for model in (left, right):  # statistics that fit nothing
        model[1].running_mean.fill_(50.0)
    plain = line(surface(), left.state_dict(), right.state_dict())
    settled = line(surface(), left.state_dict(), right.state_dict(), settle=reestimated(surface(batch_size=30)))
    hidden = left[0](INPUTS).detach()
    left[1].running_mean.copy_(hidden.mean(0))
    left[1].running_var.copy_(hidden.var(0))
    np.testing.assert_allclose(settled.loss[0], losses_of(left), rtol=1e-9)
    assert np.abs(plain.loss - settled.loss).max() > 0.1


def test_estimating_anew_does_as_torch_does_and_leaves_modes_and_momenta():
    model, other = network(1), network(1)
    model.train()
    model[1].eval()
    reestimated(surface(batch_size=10))(model)
    torch.optim.swa_utils.update_bn(INPUTS.split(10), other)
    for name in ("running_mean", "running_var"):
        torch.testing.assert_close(getattr(model[1], name), getattr(other[1], name))
    assert (model.training, model[1].training, model[1].momentum) == (True, False, 0.1)


def test_estimating_anew_leaves_a_network_without_batch_norm_alone():
    def never(rows):
        raise AssertionError("no pass is needed")

    model = nn.Linear(3, 3)
    reestimated(Surface(model=model, inputs=never, rows=np.arange(3), target=TARGET))(model)


def test_the_given_network_is_untouched():
    model = network(0)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    line(surface(model), network(1).state_dict(), network(2).state_dict(), settle=reestimated(surface()))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert model.training


def test_batches_change_nothing():
    states = network(1).state_dict(), network(2).state_dict()
    np.testing.assert_allclose(line(surface(), *states).loss, line(surface(batch_size=30), *states).loss, rtol=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"points": 2}, "points is 2; at least 3"),
        ({"end": {}}, r"tensor '0.bias' is in only one of the line's end and the network \(9 such names\)"),
        ({"start": {**network(1).state_dict(), "more": torch.zeros(1)}}, "tensor 'more' .* the line's start"),
        (
            {"end": {**network(1).state_dict(), "3.bias": torch.zeros(4)}},
            r"'3.bias' at the line's end has shape \(4,\); \(3,\)",
        ),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    ends = {"start": network(1).state_dict(), "end": network(2).state_dict()} | change
    with pytest.raises(BadInput, match=message):
        line(surface(), **ends)


def test_a_diverged_end_is_named():
    state = network(1).state_dict()
    state["0.weight"] = torch.full_like(state["0.weight"], torch.nan)
    with pytest.raises(BadInput, match="logits of 7 of 7 examples of a batch are not finite"):
        line(surface(), network(2).state_dict(), state)
