"""Distributions over draws, held against numpy and against what is known of means of normal numbers."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from disparate.measures.assess import assess
from disparate.measures.counts import confusion_counts
from disparate.measures.disparity import equalized_odds_sum
from disparate.measures.drawn import OF_DRAWS, QUANTILES, half_width, standard_error
from disparate.measures.rates import f1_macro
from disparate.predictions import Run

DRAWS = 10


@pytest.fixture
def runs(world):
    place = world(1, sizes=(200, 100), errors=(0.1, 0.3))
    found = []
    for seed in range(2):
        reference = place.train(Run(seed=seed))
        found.append(reference)
        found += [place.flip(reference, Run(variant="noisy", seed=seed, draw=draw), 0.1) for draw in range(DRAWS)]
        found.append(place.flip(reference, Run(variant="still", seed=seed), 0.1))
    return found


def findings(runs, mirrored=(), measures=("over_draws",)):
    return assess(
        runs,
        by=("race",),
        measures=measures,
        acts_on_training={"noisy": False, "still": False},
        replicates=20,
        mirrored=mirrored,
        generator=np.random.default_rng(0),
    )


def drawn(runs, seed, function):
    """Return a function of counts (groups, K, K) in every draw under a seed."""
    own = [item for item in runs if (item.run.variant, item.run.seed) == ("noisy", seed)]
    race = runs[0].attributes["race"].codes
    counts = [confusion_counts(i.target, i.predicted, race, groups=2, classes=3) for i in own]
    return np.array([function(item) for item in counts])


def gap(counts):
    return float(np.nanmax(equalized_odds_sum(counts, 0)))


def test_mean_spread_and_quantiles_are_those_of_the_draws(runs):
    found = findings(runs).where(measure="over_draws", variant="noisy", by="race", of="equalized_odds_sum")
    values = [drawn(runs, seed, gap) for seed in range(2)]
    mean = found.only(statistic="mean")
    assert mean.value == pytest.approx(np.mean(values))
    assert found.only(statistic="sd").value == pytest.approx(np.sqrt(np.mean([v.var(ddof=1) for v in values])))
    for name, share in QUANTILES.items():
        assert found.only(statistic=name).value == pytest.approx(np.quantile(np.concatenate(values), share))
    error = np.sqrt(sum(v.var(ddof=1) / DRAWS for v in values)) / 2
    assert mean.high - mean.value == pytest.approx(stats.t.ppf(0.975, 2 * (DRAWS - 1)) * error)
    assert (mean.draws, mean.seeds) == (DRAWS, 2)


def test_a_group_has_its_own_distribution(runs):
    found = findings(runs).where(measure="over_draws", by="race", of="f1_macro", group="middle", variant="noisy")
    values = [drawn(runs, seed, lambda counts: float(f1_macro(counts)[1])) for seed in range(2)]
    assert found.only(statistic="mean").value == pytest.approx(np.mean(values))


def test_the_reference_is_told_beside_and_what_was_drawn_once_is_not(runs):
    found = findings(runs).where(measure="over_draws")
    assert {item.variant for item in found} == {"reference", "noisy"}
    assert {item.where["statistic"] for item in found if item.variant == "reference"} == {"mean"}
    assert {item.where["of"] for item in found if item.where.get("by")} == set(OF_DRAWS)
    assert {item.where["of"] for item in found if not item.where.get("by")} == {"accuracy", "f1_macro"}
    assert not findings([item for item in runs if item.run.draw == 0]).where(measure="over_draws")


def test_levelling_down_is_a_smaller_gap_with_nobody_better_off(runs):
    reference = runs[0]
    wrong = reference.correct & (reference.attributes["race"].codes == 0)
    worse = np.where(wrong & (np.arange(len(wrong)) % 4 == 0), (reference.target + 1) % 3, reference.predicted)
    fairer = [replace(reference, predicted=worse, run=Run(variant="noisy", draw=draw)) for draw in range(2)]
    same = [replace(reference, run=Run(variant="noisy", draw=draw)) for draw in range(2, 4)]
    still = replace(reference, run=Run(variant="still"))
    found = findings([reference, *fairer, *same, still]).where(measure="over_draws", statistic="levelled down")
    assert found.only(of="equalized_odds_sum").value == pytest.approx(0.5)


def test_pairs_count_as_one(runs):
    alone = findings(runs).where(variant="noisy", by="race", of="worst_group_f1").only(statistic="mean")
    pairs = findings(runs, mirrored={"noisy"}).where(variant="noisy", by="race", of="worst_group_f1")
    values = [drawn(runs, seed, lambda c: float(f1_macro(c).min())).reshape(-1, 2).mean(axis=1) for seed in range(2)]
    error = np.sqrt(sum(v.var(ddof=1) / len(v) for v in values)) / 2
    mean = pairs.only(statistic="mean")
    assert mean.value == pytest.approx(alone.value)
    assert mean.high - mean.value == pytest.approx(stats.t.ppf(0.975, 2 * (DRAWS // 2 - 1)) * error)
    assert "pairs" in mean.method


@given(st.lists(st.floats(-1e3, 1e3), min_size=4, max_size=30), st.floats(0.5, 0.99))
def test_the_half_width_is_the_textbooks(values, level):
    own = np.array(values)
    low, high = stats.t.interval(level, len(own) - 1, loc=own.mean(), scale=stats.sem(own) or 1.0)
    found = half_width([own], level=level)
    assert found == pytest.approx((high - low) / 2 if stats.sem(own) else 0.0, rel=1e-6, abs=1e-9)


def test_one_draw_or_one_pair_has_no_spread():
    assert standard_error([np.array([1.0])]) is None
    assert standard_error([np.array([1.0, 2.0])], mirrored=True) is None
    assert half_width([np.array([1.0, 2.0]), np.array([1.0])], level=0.9) is None
