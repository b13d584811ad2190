import numpy as np
import pytest
from scipy import stats

from disparate.errors import BadInput, NotEnoughData
from disparate.stats.component_intervals import component_intervals, device_over_repeat, device_over_seed
from disparate.stats.components import (
    Components,
    analysis_of_variance,
    components_of,
    device_label_p,
    independent_flips,
    variance_components,
)


def runs(generator, *, device=0.0, seed=0.0, mixed=1.0, repeat=0.0, shape=(4, 5, 2)):
    """Values of a layout with the given standard deviations."""
    devices, seeds, _ = shape
    return (
        device * generator.normal(size=(devices, 1, 1))
        + seed * generator.normal(size=(1, seeds, 1))
        + mixed * generator.normal(size=(devices, seeds, 1))
        + repeat * generator.normal(size=shape)
    )


def test_mean_squares_add_up_to_the_total():
    values = runs(np.random.default_rng(0), device=1, seed=2, repeat=0.5)
    layout = analysis_of_variance(values)
    lines = (layout.devices, layout.seeds, layout.mixed, layout.repeats)
    assert sum(line.value * line.df for line in lines) == pytest.approx(((values - values.mean()) ** 2).sum())
    assert sum(line.df for line in lines) == values.size - 1


def test_devices_within_seeds_agree_with_a_one_way_analysis():
    values = runs(np.random.default_rng(1), repeat=0.7)
    layout = analysis_of_variance(values)
    found = stats.f_oneway(*values.reshape(20, 2))
    cells = (layout.devices, layout.seeds, layout.mixed)
    between = sum(line.value * line.df for line in cells) / sum(line.df for line in cells)
    assert between / layout.repeats.value == pytest.approx(found.statistic)


def test_components_are_right_on_average():
    generator = np.random.default_rng(2)
    found = [
        variance_components(runs(generator, device=1, seed=2, mixed=0.5, repeat=0.7, shape=(3, 4, 2)))
        for _ in range(3000)
    ]
    for name, expected in {"device": 1.0, "seed": 4.0, "mixed": 0.25, "repeat": 0.49}.items():
        values = np.array([getattr(parts, name) for parts in found])
        assert values.mean() == pytest.approx(expected, abs=4 * values.std() / np.sqrt(len(values)))


def test_without_repeats_mixed_holds_them():
    values = runs(np.random.default_rng(3), repeat=1.0, shape=(3, 4, 1))
    assert variance_components(values).repeat is None
    again = np.array([[0.0, 1.0], [2.0, 2.0]])
    with_repeats = variance_components(values, again=again)
    assert with_repeats.repeat == pytest.approx(0.25)
    assert with_repeats.mixed == pytest.approx(variance_components(values).mixed - 0.25)


def test_a_deterministic_program_has_a_repeat_variance_of_exactly_zero():
    once = np.random.default_rng(4).normal(size=(3, 4, 1))
    layout = analysis_of_variance(np.repeat(once, 3, axis=2))
    assert [components_of(layout).repeat] == [0.0]
    assert device_over_repeat(layout, generator=np.random.default_rng(0)) is None


def test_shares_sum_to_one_and_nothing_has_no_shares():
    parts = Components(device=0.2, seed=-0.1, mixed=0.5, repeat=0.3)
    assert parts.shares() == pytest.approx({"device": 0.2, "seed": 0.0, "mixed": 0.5, "repeat": 0.3})
    assert "repeat" not in Components(device=0.2, seed=0.1, mixed=0.5, repeat=None).shares()
    assert variance_components(np.full((2, 2, 1), 0.1)).shares() is None


def test_ratios_by_hand():
    layout = analysis_of_variance(np.array([[[0.0, 1.0], [2.0, 3.0]], [[4.0, 5.0], [8.0, 9.0]]]))
    generator = np.random.default_rng(0)
    # mean squares: devices 50, seeds 18, mixed 2, repeats 0.5
    assert device_over_repeat(layout, generator=generator).value ** 2 == pytest.approx(((50 + 2) / 2 - 0.5) / 2 / 0.5)
    over_seed = ((50 + 2) / 2 + 0.5) / ((18 + 2) / 2 + 0.5)
    assert device_over_seed(layout, generator=generator).value ** 2 == pytest.approx(over_seed)


def test_an_interval_over_repeats_is_that_of_f_where_devices_have_no_part_of_their_own():
    """With very many devices the mean squares of devices within seeds follow one χ², and F gives the interval."""
    values = runs(np.random.default_rng(5), repeat=1.0, shape=(400, 2, 2))
    layout = analysis_of_variance(values)
    found = device_over_repeat(layout, generator=np.random.default_rng(0))
    within = (layout.devices.value + layout.mixed.value) / 2
    low, high = within / layout.repeats.value / stats.f.ppf([0.975, 0.025], 2 * 399, layout.repeats.df)
    assert found.interval == pytest.approx(np.sqrt([(low - 1) / 2, (high - 1) / 2]), rel=0.03)


def coverage(ratio, true, *, times, generator, **world):
    inside = []
    for _ in range(times):
        found = ratio(analysis_of_variance(runs(generator, **world)), draws=1000, generator=generator)
        inside.append(found.interval.low <= true <= found.interval.high)
    return float(np.mean(inside))


def test_the_ratio_to_seeds_covers_one_where_a_device_is_another_seed():
    assert coverage(device_over_seed, 1.0, times=200, generator=np.random.default_rng(6)) >= 0.95 - 4 * np.sqrt(
        0.95 * 0.05 / 200
    )


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(4, 5, 2), (3, 5, 2), (2, 10, 2)])
@pytest.mark.parametrize(("device", "seed", "mixed"), [(0.0, 0.0, 1.0), (1.0, 1.0, 1.0), (2.0, 0.5, 0.5)])
def test_intervals_cover_at_least_at_the_stated_rate(device, seed, mixed, shape):
    world = {"device": device, "seed": seed, "mixed": mixed, "repeat": 0.5, "shape": shape}
    times = 1000
    lowest = 0.95 - 4 * np.sqrt(0.95 * 0.05 / times)
    noise = 0.25
    own, other = device**2 + mixed**2, seed**2 + mixed**2
    ratios = {device_over_repeat: own / noise, device_over_seed: (own + noise) / (other + noise)}
    for ratio, true in ratios.items():
        found = coverage(ratio, np.sqrt(true), times=times, generator=np.random.default_rng(7), **world)
        assert found >= lowest


def test_runs_that_are_all_alike_have_no_ratio():
    layout = analysis_of_variance(np.full((3, 3, 1), 0.3))
    assert device_over_seed(layout, generator=np.random.default_rng(0)) is None
    assert device_label_p(np.full((3, 3, 1), 0.3), times=99, generator=np.random.default_rng(0)) == pytest.approx(1)


def test_permuted_labels_raise_alarms_at_the_stated_rate():
    generator = np.random.default_rng(9)
    p_values = [
        device_label_p(runs(generator, seed=3.0, shape=(3, 4, 1)), times=200, generator=generator) for _ in range(500)
    ]
    assert np.mean(np.array(p_values) <= 0.05) == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / 500))


def test_permuted_labels_see_a_device_that_moves_all_seeds():
    generator = np.random.default_rng(10)
    values = runs(generator, shape=(3, 6, 1))
    values[0] += 3.0
    assert device_label_p(values, times=2000, generator=generator) < 0.01


def test_permutations_of_two_devices_are_the_sign_flips_of_their_difference():
    difference = np.array([1.0, 2.0, -0.5, 3.0])
    values = np.stack([difference, np.zeros(4)])[..., None]
    signs = np.array(np.meshgrid(*[[-1, 1]] * 4)).reshape(4, -1).T
    exact = np.mean(np.abs(signs @ difference) >= abs(difference.sum()) - 1e-12)
    assert device_label_p(values, times=20_000, generator=np.random.default_rng(0)) == pytest.approx(exact, abs=0.01)


def test_independent_flips_are_the_variance_of_a_mean_of_coins():
    generator = np.random.default_rng(11)
    chance = generator.random(300)
    values = (generator.random((40, 300)) < chance).astype(float)
    expected = (chance * (1 - chance)).sum() / 300**2
    assert independent_flips(values) == pytest.approx(expected, rel=0.05)
    twice = independent_flips(values, multiplicity=np.full(300, 2))
    assert twice == pytest.approx(independent_flips(np.repeat(values, 2, axis=1)))


@pytest.mark.parametrize("shape", [(1, 3), (3, 0)])
def test_independent_flips_need_two_runs_and_an_example(shape):
    with pytest.raises(NotEnoughData, match=rf"{shape[0]} run\(s\) of {shape[1]} examples; two runs"):
        independent_flips(np.zeros(shape))


def test_a_missing_run_is_refused_by_name():
    values = np.zeros((2, 3, 2))
    values[1, 2, 0] = np.nan
    with pytest.raises(BadInput, match=r"1 of 12 runs have no value, first device 1, seed 2, repeat 0; every device"):
        variance_components(values)


@pytest.mark.parametrize("shape", [(1, 3, 1), (3, 1, 1)])
def test_two_devices_and_two_seeds_are_needed(shape):
    with pytest.raises(NotEnoughData, match=rf"{shape[0]} device\(s\) and {shape[1]} seed\(s\); at least 2 of each"):
        device_label_p(np.zeros(shape), generator=np.random.default_rng(0))


def test_other_shapes_are_refused():
    with pytest.raises(BadInput, match=r"values of shape \(2, 3\); \(devices, seeds, repeats\) was expected"):
        variance_components(np.zeros((2, 3)))


@pytest.mark.parametrize("again", [np.zeros((2, 1)), np.zeros(4), np.array([[0.0, np.nan]])])
def test_further_repeats_need_two_times(again):
    with pytest.raises(BadInput, match="with at least two times was expected"):
        analysis_of_variance(np.zeros((2, 2, 1)), again=again)


def test_agrees_with_an_analysis_of_variance_by_projections():
    """Sums of squares as quadratic forms of projection matrices, written out for a layout of 3 × 4 × 2."""
    values = runs(np.random.default_rng(12), device=1, seed=2, repeat=0.5, shape=(3, 4, 2))
    mean = [np.full((n, n), 1 / n) for n in values.shape]
    rest = [np.eye(n) - part for n, part in zip(values.shape, mean, strict=True)]
    kinds = {"devices": (rest[0], mean[1], mean[2]), "seeds": (mean[0], rest[1], mean[2])}
    kinds |= {"mixed": (rest[0], rest[1], mean[2]), "repeats": (np.eye(3), np.eye(4), rest[2])}
    layout, flat = analysis_of_variance(values), values.ravel()
    for name, (of_device, of_seed, of_repeat) in kinds.items():
        projection = np.kron(np.kron(of_device, of_seed), of_repeat)
        line = getattr(layout, name)
        assert line.df == round(np.trace(projection))
        assert line.value * line.df == pytest.approx(flat @ projection @ flat)


def test_units_are_summed_over():
    values = np.random.default_rng(13).normal(size=(3, 4, 2, 5))
    layout = analysis_of_variance(values)
    single = [analysis_of_variance(values[..., unit]) for unit in range(5)]
    for name in ("devices", "seeds", "mixed", "repeats"):
        assert getattr(layout, name).value == pytest.approx(sum(getattr(one, name).value for one in single))


def test_shares_beside_the_test_set_sum_to_one():
    own = Components(device=0.1, seed=0.4, mixed=0.2, repeat=0.0)
    shares = Components(device=0.5, seed=0.2, mixed=0.2, repeat=0.0).shares_beside(own)
    assert sum(shares.values()) == pytest.approx(1)
    assert shares["seed"] == shares["mixed"] == 0
    assert shares["device"] == pytest.approx(0.4 / 1.1)
    nothing = Components(device=0.0, seed=0.0, mixed=0.0, repeat=None)
    assert nothing.shares_beside(nothing) is None


@pytest.mark.slow
@pytest.mark.parametrize("world", [{"device": 1.0, "seed": 2.0, "repeat": 0.5}, {"device": 0.0, "seed": 0.5}])
def test_intervals_of_components_cover_at_least_at_the_stated_rate(world):
    generator, times = np.random.default_rng(14), 1000
    true = {"device": 0.0, "seed": 0.0, "mixed": 1.0, "repeat": 0.0} | world
    inside = dict.fromkeys(true, 0)
    for _ in range(times):
        found = component_intervals(analysis_of_variance(runs(generator, **world)), draws=1000, generator=generator)
        for name, value in true.items():
            inside[name] += found[name].low <= value <= found[name].high
    assert min(inside.values()) / times >= 0.95 - 4 * np.sqrt(0.95 * 0.05 / times)


@pytest.mark.slow
def test_p_of_device_labels_is_uniform_where_devices_are_further_seeds():
    generator = np.random.default_rng(15)
    found = [
        device_label_p(runs(generator, seed=2.0, shape=(4, 5, 1)), times=400, generator=generator) for _ in range(1500)
    ]
    assert stats.kstest(found, "uniform").pvalue > 0.001
