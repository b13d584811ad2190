from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from disparate.errors import BadInput
from disparate.findings import Null
from disparate.stats.paired import paired_mean
from disparate.stats.power import Floor, Noise, Plan, detectable_change, examples_needed, power_of, seeds_needed

NOISE = Noise(seeds=0.0004, examples=0.05, rest=0.1)


def differences(generator, noise, change, *, seeds, examples):
    return (
        change
        + np.sqrt(noise.seeds) * generator.normal(size=(seeds, 1))
        + np.sqrt(noise.examples) * generator.normal(size=(1, examples))
        + np.sqrt(noise.rest) * generator.normal(size=(seeds, examples))
    )


def seen(noise, change, *, seeds, examples, axis, times, seed):
    """Share of worlds in which a change is told from none; over seeds the examples are given, and add nothing."""
    generator = np.random.default_rng(seed)
    noise = replace(noise, examples=0.0) if axis == "seeds" else noise
    p_values = [
        paired_mean(differences(generator, noise, change, seeds=seeds, examples=examples)).p_value(axis)
        for _ in range(times)
    ]
    return float(np.mean(np.array(p_values) < 0.05))


def test_one_axis_is_the_power_of_a_t_test():
    found = power_of(0.02, Noise(seeds=0.001), seeds=10, examples=50, plan=Plan(axis="seeds"))
    shift, critical = 0.02 / np.sqrt(0.001 / 10), stats.t.ppf(0.975, 9)
    assert found == pytest.approx(stats.nct.sf(critical, 9, shift) + stats.nct.cdf(-critical, 9, shift))


@pytest.mark.parametrize("axis", ["seeds", "both"])
def test_power_is_what_simulation_finds(axis):
    shape, times = {"seeds": 6, "examples": 200}, 800
    change = detectable_change(NOISE, **shape, plan=Plan(axis=axis, power=0.7))
    share = seen(NOISE, change, **shape, axis=axis, times=times, seed=0)
    assert share == pytest.approx(0.7, abs=4 * np.sqrt(0.7 * 0.3 / times) + 0.03)


@pytest.mark.slow
@pytest.mark.parametrize("axis", ["seeds", "both"])
@pytest.mark.parametrize("noise", [NOISE, Noise(rest=0.2), Noise(seeds=0.001, rest=0.05)])
@pytest.mark.parametrize("shape", [(5, 300), (10, 100), (3, 1000)])
def test_power_is_what_was_promised(noise, axis, shape):
    seeds, examples = shape
    change = detectable_change(noise, seeds=seeds, examples=examples, plan=Plan(axis=axis))
    share = seen(noise, change, seeds=seeds, examples=examples, axis=axis, times=2000, seed=1)
    assert share == pytest.approx(0.8, abs=4 * np.sqrt(0.8 * 0.2 / 2000) + 0.04)


def test_numbers_needed_are_the_smallest_that_are_enough():
    plan = Plan(axis="seeds")
    seeds = seeds_needed(0.04, NOISE, examples=300, plan=plan)
    at, below = (power_of(0.04, NOISE, seeds=number, examples=300, plan=plan) for number in (seeds, seeds - 1))
    assert below < 0.8 <= at
    examples = examples_needed(0.04, NOISE, seeds=8, plan=plan)
    at, below = (power_of(0.04, NOISE, seeds=8, examples=number, plan=plan) for number in (examples, examples - 1))
    assert below < 0.8 <= at


def test_no_number_of_examples_outweighs_the_seeds():
    assert examples_needed(0.01, Noise(seeds=0.01, rest=0.1), seeds=5, plan=Plan(axis="seeds")) is None
    assert examples_needed(0.01, Noise(examples=0.1), seeds=1, plan=Plan(axis="seeds")) is None


def test_no_number_of_seeds_outweighs_the_test_set():
    assert seeds_needed(0.01, Noise(examples=0.2, rest=0.01), examples=100, plan=Plan(axis="both")) is None


def test_one_seed_says_nothing_of_what_acts_on_training():
    plan = Plan(axis="seeds")
    assert power_of(0.1, NOISE, seeds=1, examples=100, plan=plan) is None
    assert detectable_change(NOISE, seeds=1, examples=100, plan=plan) is None


def test_a_change_far_beyond_the_noise_is_certain():
    for change in (0.4, 4.0, 400.0):
        assert power_of(change, NOISE, seeds=4, examples=100, plan=Plan(axis="seeds")) == pytest.approx(1, abs=1e-6)


def test_without_noise_everything_is_seen():
    assert power_of(0.001, Noise(), seeds=3, examples=10, plan=Plan()) == pytest.approx(1)
    assert detectable_change(Noise(), seeds=3, examples=10, plan=Plan()) == pytest.approx(0)


def test_more_comparisons_need_more_examples():
    one, many = (examples_needed(0.02, Noise.of_flips(0.1), seeds=1, plan=Plan(comparisons=k)) for k in (1, 20))
    assert many > 1.5 * one


def test_noise_is_found_in_what_was_seen():
    generator = np.random.default_rng(3)
    found = [Noise.of(paired_mean(differences(generator, NOISE, 0.1, seeds=6, examples=300))) for _ in range(200)]
    assert np.mean([noise.seeds for noise in found]) == pytest.approx(NOISE.seeds, rel=0.2)
    assert np.mean([noise.examples for noise in found]) == pytest.approx(NOISE.examples, rel=0.05)
    assert np.mean([noise.rest for noise in found]) == pytest.approx(NOISE.rest, rel=0.02)


@given(
    seeds=st.integers(1, 30),
    examples=st.integers(2, 5000),
    noise=st.builds(Noise, seeds=st.floats(0, 1), examples=st.floats(0, 1), rest=st.floats(0, 1)),
)
@settings(max_examples=60, deadline=None)
def test_a_layout_that_was_expected_gives_back_its_noise(seeds, examples, noise):
    estimate = noise.estimate(0.1, seeds=seeds, examples=examples)
    again = Noise.of(estimate).estimate(0.1, seeds=seeds, examples=examples)
    for axis in ("seeds", "examples", "both"):
        assert again.variance(axis) == pytest.approx(estimate.variance(axis), abs=1e-12)


def test_noise_of_trainings_is_the_binomial_floor():
    plan = Plan(axis="seeds", power=0.5)
    assert Noise.of_training(0.2).estimate(0.0, seeds=2, examples=500).variance("seeds") == pytest.approx(0.2 / 1000)
    assert detectable_change(Noise.of_training(0.2), seeds=5, examples=500, plan=plan) > np.sqrt(0.2 / 500 / 5)


@pytest.mark.parametrize(("seeds", "axis"), [(5, "seeds"), (40, "seeds"), (5, "both"), (1, "both")])
@pytest.mark.parametrize("change", [0.005, 0.02, 0.05])
def test_power_beside_a_floor_is_what_drawing_finds(seeds, axis, change):
    plan, times = Plan(axis=axis, comparisons=6, discoveries=2, floor=Floor(alike=0.0001, per_example=0.09)), 200_000
    expected = NOISE.estimate(0.0, seeds=seeds, examples=300)
    own = expected.widest if axis == "both" else axis
    generator = np.random.default_rng(0)
    spread = np.sqrt(generator.chisquare(expected.df(own), times) / expected.df(own)) * expected.se(own)
    found = np.abs(generator.normal(change, expected.se(own), times))
    seen = (found > stats.t.ppf(1 - 0.05 / 3 / 2, expected.df(own)) * spread) & (found > plan.floor.at(300))
    assert power_of(change, NOISE, seeds=seeds, examples=300, plan=plan) == pytest.approx(seen.mean(), abs=0.006)


def test_no_number_of_seeds_shows_what_lies_below_the_floor():
    noise, floor = Noise.of_training(0.2), Floor.of_test_set(0.2)
    plan = Plan(axis="seeds", floor=floor)
    assert seeds_needed(0.02, noise, examples=340, plan=Plan(axis="seeds")) == 14
    assert seeds_needed(0.02, noise, examples=340, plan=plan) is None
    assert floor.at(340) > 0.02
    for seeds in (5, 50, 5000):
        assert detectable_change(noise, seeds=seeds, examples=340, plan=plan) > floor.at(340)
    examples = examples_needed(0.02, noise, seeds=50, plan=plan)
    assert floor.at(examples) < 0.02
    assert power_of(0.02, noise, seeds=50, examples=examples, plan=plan) >= 0.8


def test_without_noise_a_change_is_seen_above_the_floor_alone():
    plan = Plan(floor=Floor(alike=0.01))
    powers = [power_of(change, Noise(), seeds=2, examples=50, plan=plan) for change in (0.09, 0.11)]
    assert powers == [0.0, 1.0]
    assert detectable_change(Noise(), seeds=2, examples=50, plan=plan) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("name", "later"),
    [("N1 repeat", 0.04), ("N2 seeds", 0.04 * np.sqrt(7 / 16)), ("N4 test set", 0.02), ("another", 0.04)],
)
def test_floors_follow_the_number_of_examples(name, later):
    noise = Noise(seeds=0.0001, examples=9.0, rest=0.03)  # of the noise of a single run a quarter is that of the seed
    floor = Floor.of(Null(name=name, value=0.04), noise, examples=100)
    assert floor.at(100) == pytest.approx(0.04)
    assert floor.at(400) == pytest.approx(later)


def test_discoveries_beside_it_make_a_change_easier_to_see():
    few, many = (Plan(comparisons=20, discoveries=number) for number in (1, 20))
    assert many.own_level == pytest.approx(0.95)
    shape = {"seeds": 5, "examples": 300}
    assert detectable_change(NOISE, **shape, plan=many) < detectable_change(NOISE, **shape, plan=few)


def test_a_test_that_nearly_always_rejects_needs_no_change():
    assert detectable_change(NOISE, seeds=5, examples=300, plan=Plan(level=0.1)) == pytest.approx(0)


@pytest.mark.parametrize("make", [Noise.of_training, Noise.of_flips])
def test_shares_lie_between_zero_and_one(make):
    with pytest.raises(BadInput, match=r"is 1.5; a share in \[0, 1\] was expected"):
        make(1.5)


def test_bad_plans_are_refused():
    with pytest.raises(BadInput, match=r"power 0\.8 at level 1\.0 among 1 comparisons, 1 of them significant; a power"):
        Plan(level=1.0)
    with pytest.raises(BadInput, match="among 0 comparisons"):
        Plan(comparisons=0)
    with pytest.raises(BadInput, match="noise of rest is -1; a variance from 0 on"):
        Noise(rest=-1)
    with pytest.raises(BadInput, match="0 seeds and 5 examples; at least 1 of each"):
        power_of(0.1, NOISE, seeds=0, examples=5, plan=Plan())
    with pytest.raises(BadInput, match=r"change is 0\.0; a number other than 0 was expected, such as 0\.02"):
        seeds_needed(0.0, NOISE, examples=5, plan=Plan())
