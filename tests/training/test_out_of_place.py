import torch
from torch import nn
from torch.nn.functional import relu

from disparate.training.out_of_place import OutOfPlace, same_answers


def test_what_is_computed_is_the_same_and_nothing_is_overwritten():
    x = torch.tensor([-3.0, 2.0])
    kept = x
    with OutOfPlace():
        x += 1
        x *= 2
        x -= 1
        x /= 5
        activated = nn.ReLU(inplace=True)(x)
        again = relu(x, inplace=True)
    assert kept.tolist() == [-3.0, 2.0]
    assert x.tolist() == [-1.0, 1.0]
    assert activated.tolist() == again.tolist() == [0.0, 1.0]


class Careless(nn.Module):
    """Adds in place without taking the result, and uses what another name holds."""

    def forward(self, inputs):
        found = inputs * 2
        found.add_(1)
        return found


def test_a_network_that_relies_on_being_overwritten_is_found():
    inputs = torch.randn(3, 4)
    assert not same_answers(Careless(), inputs)
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(inplace=True)).train()
    assert same_answers(model, inputs)
    assert model.training


def test_outside_it_nothing_is_changed():
    x = kept = torch.zeros(1)
    with OutOfPlace():
        pass
    x += 1
    assert kept.item() == 1
