"""The range over devices beside what pure noise would give."""

import numpy as np
import pytest

from disparate.measures.device_range import ranges
from disparate.measures.movement import Movement
from disparate.stats.ranges import expected_range


def movement(answers, *, trains=True, of="accuracy") -> Movement:
    """From right or wrong, shape (devices, seeds, examples)."""
    n = answers.shape[-1]
    return Movement(
        of=of,
        values=answers.mean(axis=-1)[..., None],
        again=None,
        units=answers[:, :, None] / n,
        units_again=None,
        n=n,
        trains=trains,
        level=0.95,
        generator=np.random.default_rng(0),
    )


def coins(seed, *, devices=4, seeds=5, n=400):
    generator = np.random.default_rng(seed)
    chance = generator.uniform(0, 1, n)
    target = generator.random(n) < chance
    return ((generator.random((devices, seeds, n)) < chance) == target).astype(float)


def test_range_and_nulls_by_hand():
    answers = coins(0)
    by_null = {part.where["floor"]: part for part in ranges(movement(answers))}
    means = answers.mean(axis=-1)
    for part in by_null.values():
        assert part.value == pytest.approx((means.max(axis=0) - means.min(axis=0)).mean())
    between = means.var(axis=1, ddof=1).mean() ** 0.5
    assert by_null["N2 seeds"].null.value == pytest.approx(expected_range(4) * between)
    analytic = ((1 - means.mean()) / 800) ** 0.5
    assert by_null["N4 test set"].null.value == pytest.approx(expected_range(4) * analytic)


def test_pure_noise_ranges_over_its_null():
    """Devices that are nothing but further trainings: observed over null is 1 on average, by either null."""
    found = [ranges(movement(coins(seed, seeds=8))) for seed in range(40)]
    for place in range(2):
        ratios = [parts[place].value / parts[place].null.value for parts in found]
        assert np.mean(ratios) == pytest.approx(1.0, abs=0.07)


def test_a_deployed_device_is_held_against_the_flips_of_its_examples():
    generator = np.random.default_rng(1)
    first = coins(2, devices=1, n=2000)
    flipped = generator.random((3, 5, 2000)) < 0.02
    answers = np.concatenate([first, np.abs(first - flipped)])
    (part,) = ranges(movement(answers, trains=False))
    assert part.where == {"floor": "N4 test set"}
    assert part.null.value < 0.5 * expected_range(4) * answers.mean(axis=-1).std()
    variance = (answers / 2000).var(axis=0, ddof=1).sum(axis=-1).mean()
    assert part.null.value == pytest.approx(expected_range(4) * variance**0.5)


def test_one_seed_has_a_range_and_no_null_of_seeds():
    of_seeds, of_test_set = ranges(movement(coins(3, seeds=1)))
    assert of_seeds.null is None
    assert "one seed" in of_seeds.method
    assert of_test_set.null.value > 0
