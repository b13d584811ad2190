import sys

import numpy as np
import pytest

from disparate.data import load
from disparate.errors import BadInput, MissingExtra

sklearn = pytest.importorskip("sklearn.datasets", reason="needs the extra 'digits'")


def test_every_digit_is_there_as_scikit_learn_has_it():
    data, found = load("digits"), sklearn.load_digits()
    assert (len(data), data.kind, data.inputs.shape[1:]) == (1797, "image", (8, 8, 1))
    assert np.array_equal(data.target, found.target)
    assert np.array_equal(np.rint(data.inputs[..., 0] / 255 * 16), found.images)
    assert data.groups("digit").names == tuple("0123456789")
    assert set(data.split.tolist()) == {"train", "test"}


def test_enlarged_pixels_are_repeated():
    small, large = load("digits").inputs, load("digits", enlarge=4).inputs
    assert large.shape[1:] == (32, 32, 1)
    assert np.array_equal(large[:, ::4, ::4], small)
    assert np.array_equal(large[:, 3::4, 3::4], small)


def test_the_split_is_the_same_whatever_the_size():
    assert np.array_equal(load("digits").split, load("digits", enlarge=2).split)
    assert not np.array_equal(load("digits").split, load("digits", split_seed=1).split)


def test_what_is_wrong_is_named(monkeypatch):
    with pytest.raises(BadInput, match=r"digits\(enlarge=0\): 1 or more was expected"):
        load("digits", enlarge=0)
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(MissingExtra, match=r"data source 'digits': .* pip install 'disparate\[digits\]'$"):
        load("digits")
