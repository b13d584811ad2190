"""Damage by difficulty: what is planted is found, and noise is not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from disparate.errors import BadInput
from disparate.explain.damage import Damage, damage_findings, tenths
from disparate.findings import Findings


def seed(number: int, n: int = 2000, *, planted: bool = True) -> Damage:
    generator = np.random.default_rng(number)
    hardness = generator.normal(size=n)
    odds = 0.3 / (1 + np.exp(-3 * (hardness - 1))) if planted else np.full(n, 0.05)
    change = -(generator.random(n) < odds).astype(float)
    usual = -(generator.random((2, n)) < 0.05).astype(float)
    return Damage(hardness=hardness, change=change, usual=usual)


def found(*seeds: Damage) -> Findings:
    told = {"of": "accuracy", "difficulty": "vog", "split": "test", "variant": "int8"}
    return Findings(tuple(damage_findings(seeds, **told)))


def test_a_hardest_tenth_that_loses_most_is_found():
    deciles = found(seed(0), seed(1), seed(2)).where(measure="accuracy_by_difficulty")
    assert [item.where["decile"] for item in deciles] == list(range(1, 11))
    last = deciles.only(decile=10)
    assert last.value < -0.15
    assert last.p_value < 1e-6
    assert last.null.value == pytest.approx(0.05, abs=0.02)
    assert last.effect_over_null > 3
    assert found(seed(0)).only(measure="difficulty_and_damage").value < -0.1


def test_noise_is_not_found_more_often_than_its_level():
    small = [
        item.p_value < 0.05
        for number in range(40)
        for item in found(seed(number, planted=False)).where(measure="accuracy_by_difficulty")
    ]
    assert np.mean(small) < 0.08


def test_the_whole_is_the_mean_of_the_tenths():
    one = seed(4)
    values = [item.value for item in found(one).where(measure="accuracy_by_difficulty")]
    assert np.mean(values) == pytest.approx(one.change.mean())


def test_few_examples_are_undefined_and_say_why():
    few = Damage(hardness=np.arange(20.0), change=np.zeros(20), usual=np.zeros((0, 20)))
    assert all("fewer than 30 examples" in item.undefined for item in found(few))


def test_columns_of_other_examples_are_refused():
    with pytest.raises(BadInput, match="the same examples were expected"):
        Damage(hardness=np.zeros(3), change=np.zeros(4), usual=np.zeros((1, 4)))


@given(arrays(np.float64, 60, elements=st.floats(-1e3, 1e3)))
def test_tenths_rise_with_difficulty(hardness):
    place = tenths(hardness)
    if place is not None:
        order = np.argsort(hardness, kind="stable")
        assert (np.diff(place[order]) >= 0).all()
        assert set(place.tolist()) == set(range(10))
