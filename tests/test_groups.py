from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from disparate.errors import BadInput
from disparate.groups import MISSING, Attribute, Groups, partition

HOSTILE = ["<script>alert(1)</script>", "'; DROP TABLE runs;--", "a / b", "a*b", "=1+1", "\u202eabc", "💥", " ", "\n"]
names = st.text(min_size=1, max_size=8).filter(lambda text: "\x00" not in text)
columns = st.lists(names | st.sampled_from(HOSTILE) | st.none(), min_size=1, max_size=40)


@settings(max_examples=60, deadline=None)
@given(values=columns)
def test_every_value_is_kept_under_its_own_name(values):
    attribute = Attribute.of(values)
    assert attribute.values().tolist() == [MISSING if value is None else value for value in values]


@settings(max_examples=60, deadline=None)
@given(values=columns)
def test_groups_part_the_examples_and_the_largest_is_the_reference(values):
    groups = Groups.of({"a": Attribute.of(values)}, by="a")
    assert sum(groups.counts().values()) == len(values)
    assert groups.counts()[groups.reference] == max(groups.counts().values())
    assert np.stack([groups.mask(name) for name in groups]).sum(axis=0).tolist() == [1] * len(values)


@settings(max_examples=60, deadline=None)
@given(values=columns, data=st.data())
def test_order_of_examples_does_not_matter(values, data):
    order = np.array(data.draw(st.permutations(range(len(values)))))
    straight, mixed = Attribute.of(values), Attribute.of([values[row] for row in order])
    assert straight.names == mixed.names
    assert straight.take(order).values().tolist() == mixed.values().tolist()


@settings(max_examples=60, deadline=None)
@given(pairs=st.lists(st.tuples(st.sampled_from("xyz"), st.sampled_from("12")), min_size=1, max_size=40))
def test_an_intersection_holds_the_combinations_that_occur(pairs):
    first, second = zip(*pairs, strict=True)
    groups = Groups.of({"a": Attribute.of(first), "b": Attribute.of(second)}, by="a * b")
    expected = {f"{a} / {b}": pairs.count((a, b)) for a, b in pairs}
    assert groups.by == "a*b"
    assert groups.counts() == expected


@pytest.mark.parametrize("value", [None, "", float("nan"), np.float64("nan"), pd.NA, pd.NaT])
def test_what_is_missing_is_a_group(value):
    assert Attribute.of(["b", value]).values().tolist() == ["b", MISSING]


def test_a_column_of_pandas_strings_is_taken():
    assert Attribute.of(pd.Series(["f", None, "m"], dtype="string")).names == ("f", "m", MISSING)


def test_a_named_value_without_an_example_keeps_its_place():
    groups = Groups.of({"a": Attribute.of(["y"], names=["x", "y"])}, by="a")
    assert groups.counts() == {"x": 0, "y": 1}
    assert groups.reference == "y"


def test_merging_moves_the_examples_and_the_reference():
    groups = Groups.of({"a": Attribute.of(["x", "x", "y", "z"])}, by="a")
    merged = groups.merge(["x", "z"], into="x or z")
    assert merged.counts() == {"y": 1, "x or z": 3}
    assert merged.reference == "x or z"
    assert groups.merge(["y", "z"], into="y").reference == "x"


ATTRIBUTES = {"race": Attribute.of(["a", "b", "b"]), "sex": Attribute.of(["f", "m", "m"]), "two": Attribute.of(["x"])}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Attribute.of(["a", "c"], names=["a", "b"]), "group value 'c' is not among ['a', 'b']. Known: a, b."),
        (
            lambda: Attribute(names=("a", "a"), codes=np.zeros(1, dtype=np.int32)),
            "attribute values ['a', 'a'] hold a name twice; names have to differ.",
        ),
        (
            lambda: Attribute(names=("a",), codes=np.array([0, 1], dtype=np.int32)),
            "attribute codes run from 0 to 1; 0 to 0 were expected for 1 names.",
        ),
        (lambda: Groups.of(ATTRIBUTES, by="rase"), "group column 'rase' is absent. Did you mean 'race'?"),
        (lambda: Groups.of(ATTRIBUTES, by="race*sx"), "group column 'sx' is absent. Did you mean 'sex'?"),
        (
            lambda: Groups.of(ATTRIBUTES, by="race", reference="c"),
            "reference group 'c' of 'race' does not exist. Known: a, b.",
        ),
        (
            lambda: Groups.of(ATTRIBUTES, by="race*two"),
            "group columns have different lengths: {'race': 3, 'two': 1}; one value per example was expected.",
        ),
        (
            lambda: Groups.of({"race": Attribute.of([])}, by="race"),
            "group column 'race' holds no name; at least one example was expected.",
        ),
        (
            lambda: Groups.of({"a": Attribute.of(["x / y", "x"]), "b": Attribute.of(["z", "y / z"])}, by="a*b"),
            "attribute values ['x / y / z', 'x / y / z'] hold a name twice; names have to differ.",
        ),
        (lambda: Groups.of(ATTRIBUTES, by="race").mask("c"), "group 'c' of 'race' does not exist. Known: a, b."),
        (
            lambda: Groups.of(ATTRIBUTES, by="race").merge(["c"], into="d"),
            "group 'c' of 'race' does not exist. Known: a, b.",
        ),
        (
            lambda: Groups.of(ATTRIBUTES, by="race").merge(["a"], into="b"),
            "merged name 'b' is another group of 'race'; choose a name that is free.",
        ),
    ],
)
def test_what_is_refused_is_said(make, message):
    with pytest.raises(BadInput) as error:
        make()
    assert str(error.value) == message


def test_four_attributes_meet_in_the_combinations_that_occur():
    generator = np.random.default_rng(0)
    attributes = {name: Attribute.of(generator.choice(list("xyz"), size=40)) for name in "abcd"}
    found = Groups.of(attributes, by="a*b*c*d")
    rows = list(zip(*(attributes[name].values().tolist() for name in "abcd"), strict=True))
    expected = Counter(" / ".join(row) for row in rows)
    assert found.counts() == expected
    assert list(found.names) == sorted(expected)


def test_more_combinations_than_numbers(monkeypatch):
    generator = np.random.default_rng(0)
    attributes = {name: Attribute.of(generator.choice(list("xyz"), size=200)) for name in "abcd"}
    plain = Groups.of(attributes, by="a*b*c*d")
    monkeypatch.setattr("disparate.groups.MOST_NUMBERS", 50)
    folded = Groups.of(attributes, by="a*b*c*d")
    assert (folded.names, folded.codes.tolist()) == (plain.names, plain.codes.tolist())


@pytest.mark.parametrize("by", ["a*b*c*d*e", "a**b", "", "a*a"])
def test_what_is_no_partition_is_refused(by):
    with pytest.raises(BadInput, match="one to 4 different columns joined by"):
        partition(by)
