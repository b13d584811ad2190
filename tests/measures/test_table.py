import pytest

from disparate.errors import BadInput
from disparate.measures.table import MEASURES, measure_named


def test_every_name_is_that_of_its_measure():
    for name in MEASURES.entries:
        assert measure_named(name).name == name


def test_short_names_of_two_definitions_belong_to_neither():
    assert "equalized_odds" not in MEASURES.names()


def test_unknown_measure_gets_a_suggestion():
    with pytest.raises(BadInput, match=r"unknown name 'acuracy' among the measures\. Did you mean 'accuracy'\?"):
        measure_named("acuracy")


def test_a_name_that_is_no_measure(monkeypatch):
    monkeypatch.setitem(MEASURES.entries, "odd", "math:pi")
    with pytest.raises(BadInput, match="measure 'odd' is a float"):
        measure_named("odd")
