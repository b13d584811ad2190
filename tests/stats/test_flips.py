import itertools

import numpy as np
import pytest
from scipy import stats

from disparate.errors import BadInput, NotEnoughData
from disparate.stats import flips
from disparate.stats.flips import mcnemar_exact, over_representation, paired_exact


def represented(flips, group, **more):
    return over_representation(
        np.asarray(flips, dtype=float), np.asarray(group, dtype=bool), generator=np.random.default_rng(0), **more
    )


@pytest.mark.parametrize(("harmful", "beneficial"), [(0, 0), (3, 1), (1, 3), (7, 7), (40, 12), (0, 300)])
def test_mcnemar_is_the_binomial_test(harmful, beneficial):
    expected = stats.binomtest(harmful, harmful + beneficial).pvalue if harmful + beneficial else 1.0
    assert mcnemar_exact(harmful, beneficial) == pytest.approx(expected)


def test_mcnemar_refuses_what_is_no_number_of_flips():
    with pytest.raises(BadInput, match="-1 harmful and 2 beneficial flips; 0 or more were"):
        mcnemar_exact(-1, 2)


@pytest.mark.parametrize("seed", range(4))
def test_paired_exact_of_one_seed_is_mcnemar(seed):
    changes = np.random.default_rng(seed).choice([-1, 0, 1], 60, p=[0.2, 0.7, 0.1])
    expected = mcnemar_exact(int((changes < 0).sum()), int((changes > 0).sum()))
    assert paired_exact(changes) == pytest.approx(expected)


@pytest.mark.parametrize("changes", [[3, -1, 2, 2, 0, 1, 1], [-5, 1, 1, 1], [2, 2, 2, -2], [0, 0], [4]])
def test_paired_exact_counts_all_signs(changes):
    values = np.array(changes)
    sums = [abs(np.dot(signs, values)) for signs in itertools.product([-1, 1], repeat=len(values))]
    assert paired_exact(values) == pytest.approx(np.mean(np.array(sums) >= abs(values.sum())))


def test_a_row_may_stand_for_many_alike_examples():
    rows, counted = np.array([2, -1, 0]), np.array([5, 3, 90])
    assert paired_exact(rows, multiplicity=counted) == pytest.approx(paired_exact(np.repeat(rows, counted)))
    flips, group, counted = [1.0, 0.0, 1.0, 0.0], [True, True, False, False], np.array([8, 30, 10, 150])
    whole = represented(np.repeat(flips, counted), np.repeat(group, counted))
    assert represented(flips, group, multiplicity=counted) == whole


@pytest.mark.parametrize("seed", range(4))
def test_over_representation_is_tested_as_fisher_does(seed):
    generator = np.random.default_rng(seed)
    flips, group = generator.random(200) < 0.15, generator.random(200) < 0.2
    table = [[(flips & group).sum(), (flips & ~group).sum()], [(~flips & group).sum(), (~flips & ~group).sum()]]
    found = represented(flips, group)
    assert found.p_value == pytest.approx(stats.fisher_exact(table).pvalue)
    assert found.value == pytest.approx((flips & group).sum() / flips.sum() / group.mean())
    assert found.flips == flips.sum()
    assert found.interval.low <= found.value <= found.interval.high <= 1 / found.share + 1e-9


def test_a_group_that_flips_twice_as_often_is_met_so():
    group = np.repeat([True, False], [100, 900])
    flips = np.zeros(1000)
    flips[:20], flips[100:190] = 1, 1
    found = represented(flips, group)
    assert found.value == pytest.approx((20 / 110) / 0.1)
    assert found.p_value < 0.01
    assert found.interval.low > 1


def test_seeds_that_flip_the_same_examples_are_not_more_flips():
    generator = np.random.default_rng(5)
    flips, group = generator.random(300) < 0.2, np.arange(300) < 60
    once = represented(flips, group)
    slightly = np.where(flips, np.where(np.arange(300) % 2 == 0, 1.0, 0.99), 0.0)
    found = represented(slightly, group)
    assert found.interval == pytest.approx(once.interval, rel=0.02)
    assert found.flips == once.flips


def test_permuted_levels_agree_with_shuffled_groups():
    generator = np.random.default_rng(6)
    flips, group = generator.choice([0.0, 0.2, 0.6, 1.0], 150, p=[0.7, 0.1, 0.1, 0.1]), np.arange(150) < 40
    flips[:20] += 0.2
    totals = np.array([flips[generator.permutation(group)].sum() for _ in range(5000)])
    centre = flips.mean() * 40
    expected = np.mean(np.abs(totals - centre) >= abs(flips[group].sum() - centre) - 1e-9)
    assert represented(flips, group).p_value == pytest.approx(expected, abs=0.03)


def test_a_group_without_a_flip_still_has_an_interval():
    found = represented(np.arange(200) >= 190, np.arange(200) < 50)
    assert found.value == pytest.approx(0)
    low, high = found.interval
    assert low == pytest.approx(0)
    assert 0.5 < high < 1.5


def test_one_flip_and_flips_of_one_group_alone_are_no_rounding_error():
    thirds = np.array([0.1, 0.1, 0.1, 0.0]) * 3
    found = represented(thirds, [True, True, True, False])
    assert found.value == pytest.approx(4 / 3)
    assert represented([0.1 + 0.2, 0.0, 0.0], [True, False, False]).value == pytest.approx(3)


@pytest.mark.parametrize(("flips", "group"), [([0, 0], [1, 0]), ([1, 0], [0, 0]), ([1, 0], [1, 1])])
def test_what_cannot_be_compared_is_refused(flips, group):
    with pytest.raises(NotEnoughData, match=r"flips and a group of \d of 2 examples; a flip, and examples inside and"):
        represented(flips, group)


def coverage(times, generator, *, own, other, n=400, seeds=1):
    group = np.arange(n) < n // 5
    chance = np.where(group, own, other)
    true = own / (0.2 * own + 0.8 * other)
    inside = []
    for _ in range(times):
        difficult = generator.beta(2 * chance, 2 * (1 - chance)) if seeds > 1 else chance
        flips = (generator.random((seeds, n)) < difficult).mean(axis=0)
        low, high = over_representation(flips, group, times=10, generator=generator).interval
        inside.append(low <= true <= high)
    return float(np.mean(inside))


def test_intervals_cover_where_flips_are_rare():
    share = coverage(300, np.random.default_rng(7), own=0.1, other=0.05)
    assert share >= 0.95 - 4 * np.sqrt(0.95 * 0.05 / 300)


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [1, 5])
@pytest.mark.parametrize(("own", "other"), [(0.05, 0.05), (0.1, 0.05), (0.4, 0.2), (0.02, 0.1)])
def test_intervals_cover_at_the_stated_rate(own, other, seeds):
    times = 3000
    share = coverage(times, np.random.default_rng(8), own=own, other=other, seeds=seeds)
    assert share >= 0.95 - 4 * np.sqrt(0.95 * 0.05 / times)


def test_a_long_distribution_is_that_of_a_short_one(monkeypatch):
    changes = np.random.default_rng(0).integers(-3, 4, 400)
    direct = paired_exact(changes)
    monkeypatch.setattr(flips, "DIRECT", 0)
    assert paired_exact(changes) == pytest.approx(direct, rel=1e-9)


def test_a_million_examples_are_judged_at_once():
    generator = np.random.default_rng(0)
    changes = generator.binomial(5, 0.05, 1_000_000) - generator.binomial(5, 0.05, 1_000_000)
    normal = 2 * stats.norm.sf(abs(changes.sum()) / np.sqrt((changes**2).sum()))
    assert paired_exact(changes) == pytest.approx(normal, rel=0.01)


def test_rows_of_one_person_have_one_coin():
    changes, person = np.array([1, 1, -1, 1, 0, 1]), np.array([0, 0, 1, 1, 2, 2])
    assert paired_exact(changes, clusters=person) == paired_exact(np.array([2, 0, 1]))
    apart = paired_exact(changes, clusters=np.arange(6))
    assert apart == paired_exact(changes)


def test_rows_of_one_person_that_flip_together_count_once():
    generator = np.random.default_rng(0)
    person, group = np.arange(400), generator.random(400) < 0.3
    flips = (generator.random(400) < np.where(group, 0.2, 0.1)).astype(float)
    once = represented(flips, group, clusters=person)
    thrice = represented(np.repeat(flips, 3), np.repeat(group, 3), clusters=np.repeat(person, 3))
    assert thrice.value == pytest.approx(once.value)
    assert thrice.interval == pytest.approx(once.interval)
    assert thrice.p_value == pytest.approx(once.p_value)
    assert 1 <= once.p_value / represented(flips, group).p_value < 3
    assert once.interval == represented(flips, group).interval


@pytest.mark.slow
@pytest.mark.parametrize("rate", [0.03, 0.3])
def test_persons_are_covered_and_judged_at_the_stated_rate(rate):
    covered, alarms = [], []
    for seed in range(1000):
        generator = np.random.default_rng(seed)
        person = np.repeat(np.arange(300), generator.integers(1, 6, 300))
        group = (generator.random(300) < 0.3)[person]
        own = generator.beta(rate, 1 - rate, 300)[person]
        flips = (generator.random(len(person)) < own).astype(float)
        found = represented(flips, group, clusters=person)
        covered.append(found.interval.low <= 1 <= found.interval.high)
        alarms.append(found.p_value <= 0.05)
    assert np.mean(covered) >= 0.94
    assert np.mean(alarms) <= 0.05 + 4 * np.sqrt(0.05 * 0.95 / 1000)
