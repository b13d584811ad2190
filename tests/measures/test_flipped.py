import numpy as np
import pytest
from scipy import stats

from disparate.errors import BadInput
from disparate.groups import Attribute
from disparate.measures.churn import HARMFUL_FLIPS
from disparate.measures.flipped import over_represented
from disparate.predictions import Run

RACE = Attribute(names=("a", "b", "unseen"), codes=np.repeat([0, 1], [60, 20]).astype(np.int32))


def ask(variants, references, **more):
    return over_represented(variants, references, by="race", generator=np.random.default_rng(0), **more)


@pytest.fixture
def runs(answers):
    right, zeros = np.ones(80, dtype=int), np.zeros(80, dtype=int)
    zeros[:6], zeros[60:68] = 1, 1
    return answers(right, right - zeros, RACE, run=Run(variant="int8")), answers(right, right, RACE)


def test_the_group_that_flips_more_is_met_more_often_than_its_share(runs):
    found = ask([runs[0]], [runs[1]])
    assert found["b"].value == pytest.approx((8 / 14) / (20 / 80))
    assert found["a"].value == pytest.approx((6 / 14) / (60 / 80))
    assert found["b"].p_value == pytest.approx(stats.fisher_exact([[8, 6], [12, 54]]).pvalue)
    assert found["a"].p_value == pytest.approx(found["b"].p_value)
    assert found["unseen"] is None


def test_only_the_flips_asked_for_count(runs):
    harmful, gained = ask([runs[0]], [runs[1]], flips=HARMFUL_FLIPS), ask([runs[1]], [runs[0]], flips=HARMFUL_FLIPS)
    assert harmful["b"].flips == 14
    assert set(gained.values()) == {None}


def test_a_second_seed_that_flips_the_same_changes_nothing(runs):
    once, twice = ask([runs[0]], [runs[1]]), ask([runs[0]] * 2, [runs[1]] * 2)
    assert once == twice


def test_every_seed_needs_its_reference(runs, answers):
    with pytest.raises(BadInput, match="2 runs of the variant and 1 of the reference; one of each per seed"):
        ask([runs[0]] * 2, [runs[1]])
    weighted = [answers([1, 1], [1, 0], ["a", "b"], weight=np.ones(2)) for _ in range(2)]
    with pytest.raises(BadInput, match="the examples have weights or clusters; a flip counts once"):
        ask(weighted[:1], weighted[1:])
