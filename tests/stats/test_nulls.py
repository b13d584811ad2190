import numpy as np
import pytest

from disparate.errors import NotEnoughData
from disparate.findings import Null
from disparate.stats.nulls import another_seed, binomial_null, flip_floor, repeat_floor, seed_floor, seed_noise


def absmax(devices, reference):
    return np.abs(devices - reference[..., None, :]).max(axis=-2)


def test_repeat_floor_of_a_deterministic_program_is_zero():
    assert repeat_floor(np.zeros(4)) == Null(name="N1 repeat", value=0.0)


def test_repeat_floor_needs_a_repeat():
    with pytest.raises(NotEnoughData, match="no repeat of the reference was found; run it at least twice per seed"):
        repeat_floor(np.array([]))


def test_seed_floor_is_the_root_mean_square_over_all_pairs():
    values = np.random.default_rng(0).normal(size=6)
    pairs = values[:, None] - values
    expected = np.sqrt((pairs**2).sum() / (6 * 5))
    assert seed_floor(values).value == pytest.approx(expected)


def test_seed_floor_needs_two_seeds():
    with pytest.raises(NotEnoughData, match=r"1 seed\(s\) of the reference; at least 2"):
        seed_floor(np.array([0.5]))


def test_binomial_null_is_the_spread_of_the_difference_of_two_runs():
    assert binomial_null(0.2, 500).value == pytest.approx(np.sqrt(0.2 / 500))


def test_flip_floor_is_what_fair_coins_give():
    generator = np.random.default_rng(1)
    flips = np.zeros(400)
    flips[:60] = 1.0
    means = [(flips * generator.choice([-1, 1], 400)).mean() for _ in range(3000)]
    assert flip_floor(flips[None]).value == pytest.approx(np.std(means), rel=0.05)


def test_flip_floor_needs_examples():
    with pytest.raises(NotEnoughData, match="no example"):
        flip_floor(np.empty((1, 0)))


def test_another_seed_by_hand():
    values = np.array([[0.0, 1.0], [1.0, 1.0], [3.0, 5.0]])
    one = another_seed(values, absmax, devices=1, generator=np.random.default_rng(0))
    # from seed 0 the others are 1 and 3 away in the first group, 0 and 4 in the second
    assert one.tolist() == [[2.0, 2.0], [1.5, 2.0], [2.5, 4.0]]
    two = another_seed(values, absmax, devices=2, generator=np.random.default_rng(0))
    assert two.tolist() == [[3.0, 4.0], [2.0, 4.0], [3.0, 4.0]]


def test_another_seed_samples_where_subsets_are_too_many():
    values = np.random.default_rng(2).normal(size=(24, 1))
    floor = another_seed(values, absmax, devices=10, generator=np.random.default_rng(0))
    assert floor.shape == (24, 1)
    assert np.isfinite(floor).all()


def test_another_seed_needs_more_seeds_than_devices():
    with pytest.raises(
        NotEnoughData, match=r"3 seeds for 3 devices; more seeds than devices are needed\. Run at least 4"
    ):
        another_seed(np.zeros((3, 2)), absmax, devices=3, generator=np.random.default_rng(0))


def rejections(generator, shift, *, seeds, devices, times):
    """Share of worlds in which a statistic exceeds 95 % of its pure noise."""
    found = []
    for _ in range(times):
        runs = generator.normal(size=(seeds, 1 + devices, 1))
        runs[:, 1:] += shift
        observed = absmax(runs[:, 1:], runs[:, 0]).mean()
        noise = seed_noise(runs, absmax, times=400, generator=generator)
        found.append((noise >= observed).mean() < 0.05)
    return np.mean(found)


@pytest.mark.parametrize(("seeds", "devices"), [(5, 4), (2, 4), (5, 1)])
def test_devices_that_are_seeds_are_called_so_at_the_stated_rate(seeds, devices):
    times = 500
    share = rejections(np.random.default_rng(3), 0.0, seeds=seeds, devices=devices, times=times)
    # four standard errors of a binomial share, and as much again of the 400 draws behind each decision
    assert share == pytest.approx(0.05, abs=5 * np.sqrt(0.05 * 0.95 / times))


def test_devices_that_move_by_two_standard_deviations_are_seen():
    assert rejections(np.random.default_rng(4), 2.0, seeds=5, devices=4, times=200) > 0.7


def test_noise_of_groups_keeps_the_size_of_each_group():
    generator = np.random.default_rng(5)
    runs = generator.normal(size=(50, 3, 2)) * np.array([1.0, 10.0])
    noise = seed_noise(runs, absmax, times=200, generator=generator).mean(axis=0)
    assert noise[1] / noise[0] == pytest.approx(10, rel=0.2)


def test_no_spread_between_seeds_is_no_noise_to_judge_by():
    runs = np.zeros((3, 2, 2))
    runs[:, 1] = 0.1
    runs[:, :, 1] += np.arange(3)[:, None]
    noise = seed_noise(runs, absmax, times=10, generator=np.random.default_rng(0))
    assert np.isnan(noise[:, 0]).all()
    assert np.isfinite(noise[:, 1]).all()


def test_seed_noise_needs_two_seeds():
    with pytest.raises(NotEnoughData, match=r"1 seed\(s\) of the devices; at least 2"):
        seed_noise(np.zeros((1, 2, 1)), absmax, times=10, generator=np.random.default_rng(0))
