"""Difficulty against errors and distances: planted relations are found, and none is claimed of noise."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from disparate.errors import BadInput
from disparate.explain.learning import Learnt, learning_findings
from disparate.findings import Findings


def seed(number: int, n: int = 2000, *, planted: bool = True, missing: int = 0) -> Learnt:
    generator = np.random.default_rng(number)
    hardness = generator.normal(size=n)
    share = 1 / (1 + np.exp(-2 * hardness)) if planted else np.full(n, 0.3)
    distance = -hardness + generator.normal(size=n) if planted else generator.normal(size=n)
    wrong = generator.random(n) < share
    hardness[:missing] = np.nan
    return Learnt(hardness=hardness, distances={"distance_input": distance}, wrong=wrong)


def found(*seeds: Learnt) -> Findings:
    return Findings(tuple(learning_findings(seeds, difficulty="vog", split="test", variant="reference")))


def test_errors_rise_from_tenth_to_tenth_where_that_is_planted():
    errors = [item.value for item in found(seed(0), seed(1), seed(2)).where(measure="error_by_difficulty")]
    assert len(errors) == 10
    assert all(later > earlier for earlier, later in pairwise(errors))
    flat = [item.value for item in found(seed(0, planted=False)).where(measure="error_by_difficulty")]
    assert np.ptp(flat) < 0.15


def test_tenths_hold_all_examples_and_average_to_the_error():
    one = seed(4, 1000)
    errors = [item.value for item in found(one).where(measure="error_by_difficulty")]
    assert np.mean(errors) == pytest.approx(one.wrong.mean())


def test_the_correlation_is_scipys_and_its_interval_is_over_seeds():
    seeds = [seed(0), seed(1)]
    item = found(*seeds).only(measure="difficulty_and_distance")
    each = [stats.spearmanr(one.hardness, one.distances["distance_input"]).statistic for one in seeds]
    assert item.value == pytest.approx(np.mean(each))
    assert item.where["distance"] == "distance_input"
    assert item.low is not None


def test_examples_without_a_number_are_left_out():
    one = seed(0, missing=500)
    known = np.isfinite(one.hardness)
    item = found(one).only(measure="difficulty_and_distance")
    assert item.value == pytest.approx(stats.spearmanr(one.hardness[known], one.distances["distance_input"][known])[0])


def test_few_examples_say_nothing():
    few = found(seed(0, 20))
    assert all(item.value is None and "fewer than 30" in item.undefined for item in few)


def test_equal_hardness_has_no_order():
    flat = Learnt(hardness=np.zeros(50), distances={"d": np.arange(50.0)}, wrong=np.zeros(50, dtype=bool))
    assert all(item.value is None for item in found(flat))


def test_columns_of_other_lengths_are_refused():
    with pytest.raises(BadInput, match=r"columns of \[2, 3\] examples"):
        Learnt(hardness=np.zeros(3), distances={}, wrong=np.zeros(2, dtype=bool))
