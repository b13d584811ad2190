import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from disparate.errors import BadInput
from disparate.store.plain import plain

leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


@given(value=values)
def test_a_plain_value_survives_json(value):
    assert json.loads(json.dumps(plain(value, "it"), allow_nan=False)) == plain(value, "it")


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_json_does_not_have_are_refused(number):
    with pytest.raises(BadInput, match=rf"record\['a'\]\[1\] is {number}; a finite number was expected"):
        plain({"a": [0, number]}, "record")


def test_arrays_are_refused_with_the_way_out():
    with pytest.raises(BadInput, match=r"record\['loss'\] is a numpy.float32; a plain value was expected.*\.item\(\)"):
        plain({"loss": np.float32(1)}, "record")


def test_keys_that_are_no_texts_are_refused():
    with pytest.raises(BadInput, match=r"record\['a'\] has the key 3; a text was expected"):
        plain({"a": {3: "x"}}, "record")
