import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from disparate.errors import BadInput, NotApplicable
from disparate.models.factory import ModelSpec, build_model
from disparate.models.normalisation import groups_of, with_group_norm


@given(st.integers(1, 2048), st.integers(1, 64))
def test_groups_divide_the_channels_and_none_is_too_small(channels, most):
    groups = groups_of(channels, most=most)
    assert channels % groups == 0
    assert groups <= most
    assert groups == 1 or channels // groups >= 4


@pytest.mark.parametrize("name", ["small_cnn", "torchvision:resnet18", "torchvision:vgg11_bn"])
def test_all_other_weights_are_those_of_the_seed(name):
    def built():
        return build_model(ModelSpec(name=name), input_shape=(3, 32, 32), classes=5, seed=3)

    plain, replaced = built(), with_group_norm(built())
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in replaced.modules())
    weights = dict(replaced.named_parameters())
    assert list(weights) == [name for name, _ in plain.named_parameters()]
    assert all(torch.equal(value, weights[name]) for name, value in plain.named_parameters())
    answers = replaced(torch.randn(2, 3, 32, 32))
    assert answers.shape == (2, 5)


def test_answers_do_not_hang_on_the_others_of_the_batch():
    model = with_group_norm(build_model(ModelSpec(), input_shape=(3, 16, 16), classes=3, seed=0)).train()
    inputs = torch.randn(4, 3, 16, 16)
    torch.testing.assert_close(model(inputs)[:2], model(inputs[:2]), rtol=1e-4, atol=1e-5)


def test_what_a_place_of_one_pixel_holds_is_not_erased():
    """Groups of one channel would make every picture alike there."""
    model = with_group_norm(build_model(ModelSpec(settings={"width": 8}), input_shape=(1, 8, 8), classes=3, seed=0))
    answers = model.eval()(torch.randn(5, 1, 8, 8))
    assert answers.std(dim=0).min() > 0.01


def test_what_cannot_be_replaced_is_named():
    with pytest.raises(NotApplicable, match="normalisation on Linear: it has no batch normalisation to replace"):
        with_group_norm(nn.Linear(2, 2))
    with pytest.raises(NotApplicable, match="layer '0' has one channel"):
        with_group_norm(nn.Sequential(nn.BatchNorm1d(1)))
    with pytest.raises(BadInput, match=r"normalisation\(groups=0\): 1 or more was expected"):
        with_group_norm(nn.Sequential(nn.BatchNorm1d(4)), most=0)
