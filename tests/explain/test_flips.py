"""Flips explained: closeness tells what it tells, and a group that pays beyond it is found."""

import numpy as np
import pytest
from scipy.special import expit

from disparate.errors import BadInput
from disparate.explain.flips import GROUP_BEYOND, SEPARATION, Flips, flip_findings
from disparate.groups import Attribute, Groups


def groups(n: int) -> Groups:
    return Groups.of({"race": Attribute.of(["a", "b", "c"] * (n // 3))}, by="race")


def flips(near: np.ndarray, flipped: np.ndarray) -> Flips:
    return Flips(variant="int8", measure="closeness_gini", near=near, flipped=flipped, split="test")


def drawn(extra: float, seeds: int = 3, n: int = 1500) -> tuple[Flips, Groups]:
    generator, partition = np.random.default_rng(0), groups(n)
    near = generator.normal(size=(seeds, n))
    odds = 2 * near - 2 + extra * partition.mask("c")
    return flips(near, generator.random((seeds, n)) < expit(odds)), partition


def by_measure(case: tuple[Flips, Groups], measure: str) -> dict:
    return {item.group: item for item in flip_findings(*case) if item.measure == measure}


def test_a_group_beyond_its_closeness_is_found_and_closeness_alone_is_not_blamed_on_it():
    paying, plain = by_measure(drawn(2.0), GROUP_BEYOND)[None], by_measure(drawn(0.0), GROUP_BEYOND)[None]
    assert paying.p_value < 0.001
    assert paying.value == pytest.approx(np.exp(2.0), rel=0.5)
    assert plain.p_value > 0.05
    assert plain.value < 2


def test_closeness_tells_flips_for_everyone_and_per_group():
    found = by_measure(drawn(0.0), SEPARATION)
    assert set(found) == {None, "a", "b", "c"}
    for item in found.values():
        assert item.low < item.value < item.high
        assert 0.75 < item.value < 0.95
        assert item.null.name == "chance"


def test_numbers_that_say_nothing_separate_nothing():
    generator, partition = np.random.default_rng(1), groups(900)
    case = flips(generator.normal(size=(4, 900)), generator.random((4, 900)) < 0.2)
    item = by_measure((case, partition), SEPARATION)[None]
    assert item.low < 0.5 < item.high


def test_without_flips_there_is_no_number():
    case = flips(np.ones((2, 9)), np.zeros((2, 9), bool)), groups(9)
    assert all(item.value is None and item.undefined for item in flip_findings(*case))


def test_one_seed_is_judged_over_examples():
    item = by_measure(drawn(0.0, seeds=1), SEPARATION)[None]
    assert item.method == "DeLong over examples"


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(BadInput, match="seeds, examples"):
        flips(np.ones((2, 3)), np.ones((3, 2), bool))
