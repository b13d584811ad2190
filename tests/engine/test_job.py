import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disparate.engine.job import Job, key_of
from disparate.errors import BadInput

leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)


def shuffled(value):
    if isinstance(value, dict):
        return {key: shuffled(value[key]) for key in reversed(value)}
    if isinstance(value, list):
        return tuple(shuffled(item) for item in value)
    return float(value) if type(value) is int and abs(value) < 2**53 else value


@given(value=values)
def test_order_and_spelling_do_not_change_a_key(value):
    assert key_of(a=value, b=1) == key_of(b=1.0, a=shuffled(value))


def test_the_key_is_the_sha256_of_the_canonical_text():
    assert key_of(b=[1.0, True], a=0.1) == hashlib.sha256(b'{"a":0.1,"b":[1,true]}').hexdigest()


@pytest.mark.parametrize("other", [{"a": 2}, {"a": "1"}, {"a": True}, {"b": 1}, {"a": 1, "b": None}, {"a": [1]}])
def test_what_matters_changes_a_key(other):
    assert key_of(a=1) != key_of(**other)


def test_nan_and_objects_have_no_key():
    with pytest.raises(BadInput, match=r"key\['rate'\] is nan; a finite number was expected"):
        key_of(rate=float("nan"))
    with pytest.raises(BadInput, match=r"key\['rate'\] is a builtins.object; a plain value was expected"):
        key_of(rate=object())


def test_a_job_without_threads_or_with_odd_arguments_is_refused():
    with pytest.raises(BadInput, match="job 'a': threads=0; at least 1 was expected"):
        Job(key="a", name="a", function="f", threads=0)
    with pytest.raises(BadInput, match=r"arguments of job 'a'\['x'\] is a builtins.set"):
        Job(key="a", name="a", function="f", arguments={"x": set()})
