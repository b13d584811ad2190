"""Places to be searched: what a recipe writes, what they are called, and what is refused."""

import tomllib

import pytest

from disparate.choice import Variant
from disparate.choices.fine_tune import FineTune
from disparate.choices.objective import Objective
from disparate.choices.prune import Prune
from disparate.errors import BadInput
from disparate.search.space import Listed, Range, template_of, written

PRUNE = "{ choice = 'prune', rate = { search = [0.3, 0.5] } }"


def read(choices, name="v"):
    return template_of(name, tomllib.loads(f"choices = [{choices}]")["choices"], source="r.toml")


def test_a_listed_value():
    template = read(PRUNE)
    assert template.dimensions == (Listed(name="rate", values=(0.3, 0.5)),)
    assert template.at({"rate": 0.5}) == Variant(name="v, rate 0.5", choices=(Prune(rate=0.5),))


def test_no_place_is_a_variant_as_it_is():
    template = read("{ choice = 'prune', rate = 0.5 }")
    assert template.dimensions == ()
    assert template.at({}) == Variant(name="v", choices=(Prune(rate=0.5),))


def test_a_whole_choice_and_none():
    template = read(f"{PRUNE}, {{ search = [{{}}, {{ choice = 'fine_tune', epochs = 1 }}], name = 'then' }}")
    assert template.at({"rate": 0.3, "then": {}}) == Variant(name="v, rate 0.3, then none", choices=(Prune(rate=0.3),))
    tuned = template.at({"rate": 0.3, "then": {"choice": "fine_tune", "epochs": 1}})
    assert tuned.choices == (Prune(rate=0.3), FineTune(epochs=1))
    assert tuned.name == "v, rate 0.3, then fine_tune epochs=1"
    assert template.kinds == {"prune", "fine_tune"}


def test_a_place_deep_in_a_table():
    template = read("{ choice = 'objective', name = { search = ['erm'] } }")
    assert template.at({"name": "erm"}).choices == (Objective(name="erm"),)


def test_two_places_of_one_name_have_one_value():
    rate = "{ choice = 'prune', rate = { search = [0.3, 0.5], name = 'r' } }"
    template = read(f"{rate}, {rate}")
    assert [one.name for one in template.dimensions] == ["r"]
    assert template.at({"r": 0.5}).choices == (Prune(rate=0.5), Prune(rate=0.5))


def test_two_places_of_one_key_are_told_apart():
    template = read(f"{PRUNE}, {{ choice = 'prune', rate = {{ search = [0.7, 0.9] }} }}")
    assert [one.name for one in template.dimensions] == ["rate of choice 1", "rate of choice 2"]


def test_places_of_one_name_that_differ_are_refused():
    with pytest.raises(BadInput, match=r"\[\[variant\]\] 'v': two places are called 'r' and are searched differently"):
        read(
            "{ choice = 'prune', rate = { search = [0.3], name = 'r' } },"
            "{ choice = 'prune', rate = { search = [0.5], name = 'r' } }"
        )


def test_a_range():
    rate = "{ choice = 'prune', rate = { search = { low = 0.1, high = 0.9, points = 3 } } }"
    assert read(rate).dimensions == (Range(name="rate", low=0.1, high=0.9, points=3),)
    assert read(rate).dimensions[0].grid() == (0.1, 0.5, 0.9)
    whole = read("{ choice = 'fine_tune', epochs = { search = { low = 1, high = 9, log = true, points = 3 } } }")
    assert whole.dimensions[0].grid() == (1, 3, 9)


def test_a_range_stays_inside_its_ends():
    found = Range(name="x", low=0.12345, high=0.98765)
    assert [found.rounded(value) for value in (0.1, 0.98764, 0.55555)] == [0.12345, 0.98765, 0.556]


def test_a_grid_needs_points():
    with pytest.raises(BadInput, match=r"range 'x' has no points; a grid needs their number, such as points = 4\."):
        Range(name="x", low=0.0, high=1.0).grid()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1 + 0.2, "0.3"),
        (True, "true"),
        (3, "3"),
        ("layer", "layer"),
        ({}, "none"),
        (["order", "init"], "order+init"),
        ({"choice": "prune", "rate": 0.5, "scope": "layer"}, "prune rate=0.5 scope=layer"),
    ],
)
def test_values_as_names_say_them(value, text):
    assert written(value) == text


@pytest.mark.parametrize(
    ("choices", "text"),
    [
        ("{ choice = 'prune', rate = { search = [] } }", "search = [] lists no value"),
        ("{ choice = 'prune', rate = { search = 0.5 } }", "search is 0.5; { search = [0.3, 0.5] } or"),
        ("{ choice = 'prune', rate = { search = [0.5, 0.5] } }", "search lists 0.5 twice"),
        ("{ choice = 'prune', rate = { search = [0.5, 1.5] } }", "'v, rate 1.5': choice 'prune': Prune(rate=1.5)"),
        ("{ choice = 'prune', rate = { search = ['half'] } }", "'v, rate half': choice 'prune': key 'rate' is 'half'"),
        ("{ choice = 'prune', rate = { search = [0.5], nme = 'r' } }", "unknown key 'nme'"),
        ("{ choice = 'prune', rate = { search = { low = 0.1 } } }", "two numbers, low and high, the lower first"),
        ("{ choice = 'prune', rate = { search = { low = 0.9, high = 0.1 } } }", "two numbers, low and high"),
        (
            "{ choice = 'prune', rate = { search = { low = 0.0, high = 0.9, log = true } } }",
            "a range from 0.0 with log",
        ),
        ("{ choice = 'prune', rate = { search = { low = 0.1, high = 0.9, lg = true } } }", "Did you mean 'log'?"),
        (
            "{ choice = 'prune', rate = { search = { low = 0.1, high = 0.9, points = 1 } } }",
            "points = 1; a whole number",
        ),
        ("{ choice = 'prune', rate = { search = { low = 0.1, high = 2.0 } } }", "'v, rate 2': choice 'prune'"),
        ("{ search = [{ choice = 'prune', rate = { search = [0.1] } }] }", "a place within a place has no meaning"),
        ("{ search = [{}] }", "no choice is left; leave the empty variant out"),
        ("{ search = [{ choice = 'prunne' }] }", "unknown choice 'prunne'. Did you mean 'prune'?"),
        ("{ search = ['prune'] }", "a choice is 'prune'; a table such as"),
    ],
)
def test_what_is_refused_says_where(choices, text):
    with pytest.raises(BadInput) as caught:
        read(choices)
    assert text in str(caught.value)
    assert str(caught.value).startswith("r.toml")
