import numpy as np
import pytest
from scipy import stats

from disparate.errors import BadInput, NotEnoughData
from disparate.stats.bootstrap import Units
from disparate.stats.count_bootstrap import (
    acceleration,
    basic_interval,
    bca_interval,
    count_bootstrap,
    percentile_interval,
)

KINDS = ("bca", "percentile", "basic")


def change_of_gap(counts):
    """Accuracy of group 0 minus that of group 1, of the second run minus that of the first: one place."""
    accuracy = np.einsum("...kk->...", counts) / counts.sum(axis=(-2, -1))
    gap = accuracy[..., 0] - accuracy[..., 1]
    return (gap[..., 1] - gap[..., 0])[..., None]


def precision(counts):
    """Precision of class 1 of group 0 in the first run: a ratio of random counts."""
    own = counts[..., 0, 0, :, :]
    answered = own[..., :, 1].sum(axis=-1)
    return np.divide(own[..., 1, 1], answered, out=np.full(answered.shape, np.nan), where=answered > 0)[..., None]


@pytest.fixture
def table():
    generator = np.random.default_rng(0)
    n = 150
    target, group = generator.integers(0, 2, n), (generator.random(n) < 0.3).astype(np.int64)
    first = np.where(generator.random(n) < 0.8, target, 1 - target)
    second = np.where(generator.random(n) < 0.9, first, 1 - first)
    return target, np.stack([first, second]), group


def boot(table, statistic=precision, **more):
    target, predicted, group = table
    settings = {"shape": (2, 2), "replicates": 2000, "generator": np.random.default_rng(1)}
    return count_bootstrap(statistic, target, predicted, group, **(settings | more))


def of_rows(table, statistic):
    """The same statistic as a function of drawn rows, for scipy."""
    target, predicted, group = table

    def value(rows, axis=-1):
        del axis
        rows = np.asarray(rows, dtype=np.int64)
        counts = np.zeros((2, 2, 2, 2))
        for run in range(2):
            np.add.at(counts, (run, group[rows], target[rows], predicted[run, rows]), 1)
        return float(statistic(counts)[0])

    return value


@pytest.mark.parametrize("statistic", [precision, change_of_gap])
@pytest.mark.parametrize(("kind", "named"), [("bca", "BCa"), ("percentile", "percentile"), ("basic", "basic")])
def test_agrees_with_scipy(table, statistic, kind, named):
    found = boot(table, statistic, replicates=4000)
    low, high = found.interval(kind=kind)
    rows = (np.arange(len(table[0])),)
    expected = stats.bootstrap(
        rows,
        of_rows(table, statistic),
        vectorized=False,
        n_resamples=1500,
        method=named,
        rng=np.random.default_rng(2),
    ).confidence_interval
    width = expected.high - expected.low
    assert low == pytest.approx(expected.low, abs=0.08 * width)
    assert high == pytest.approx(expected.high, abs=0.08 * width)


def test_acceleration_is_that_of_leaving_out_every_example(table):
    value, n = of_rows(table, precision), len(table[0])
    left = np.array([value(np.delete(np.arange(n), row)) for row in range(n)])
    moved = left.mean() - left
    assert boot(table).acceleration[0] == pytest.approx((moved**3).sum() / 6 / (moved**2).sum() ** 1.5)


def test_rows_may_stand_for_many_alike_examples(table):
    target, predicted, group = table
    units = Units.cells([group, target, *predicted])
    rows, counted = units.rows, units.multiplicity
    short = boot((target[rows], predicted[:, rows], group[rows]), multiplicity=counted)
    whole = boot(table)
    assert np.array_equal(short.replicated, whole.replicated)
    assert short.acceleration == pytest.approx(whole.acceleration)


def test_clusters_are_resampled_and_left_out_as_a_whole(table):
    target, predicted, group = table
    twice = (np.repeat(target, 2), np.repeat(predicted, 2, axis=1), np.repeat(group, 2))
    persons = np.repeat(np.arange(len(target)), 2)
    clustered, single = boot(twice, clusters=persons), boot(table)
    assert clustered.observed == pytest.approx(single.observed)
    assert clustered.acceleration == pytest.approx(single.acceleration)
    assert clustered.interval() == pytest.approx(single.interval(), abs=0.02)
    assert boot(twice).replicated.std() < 0.8 * clustered.replicated.std()


def test_weights_count():
    target, group = np.ones(40, dtype=np.int64), np.zeros(40, dtype=np.int64)
    predicted = np.repeat([1, 0], 20)[None]
    weight = np.repeat([3.0, 1.0], 20)

    def recall(counts):
        own = counts[..., 0, 0, 1, :]
        return (own[..., 1] / own.sum(axis=-1))[..., None]

    assert boot((target, predicted, group), recall, weight=weight).observed == pytest.approx([0.75])


def test_nothing_that_varies_has_an_interval_without_width():
    target = np.ones(40, dtype=np.int64)
    found = boot((target, np.stack([target, target]), np.zeros(40, dtype=np.int64)))
    for kind in KINDS:
        assert found.interval(kind=kind) == (1.0, 1.0)


def test_a_class_of_one_example_has_no_bca_interval():
    target = np.array([1, 0, 0, 0])
    found = boot((target, target[None], np.zeros(4, dtype=np.int64)))
    with pytest.raises(NotEnoughData, match=r"BCa interval: the value is undefined, with or without one of"):
        found.interval()
    with pytest.raises(NotEnoughData, match=r"percentile interval: \d+ of 2000 replicates have no value"):
        found.interval(kind="percentile")


def test_intervals_need_values():
    some = np.r_[np.full(6, np.nan), np.ones(94)]
    for name, interval in {
        "percentile": lambda: percentile_interval(some),
        "basic": lambda: basic_interval(some, 1.0),
        "BCa": lambda: bca_interval(some, 1.0, 0.0),
    }.items():
        with pytest.raises(NotEnoughData, match=f"{name} interval: 6 of 100 replicates have no value"):
            interval()
    with pytest.raises(NotEnoughData, match="0 of 0 replicates"):
        percentile_interval(np.array([]))
    with pytest.raises(NotEnoughData, match="basic interval: the value is undefined"):
        basic_interval(np.ones(10), np.nan)
    with pytest.raises(NotEnoughData, match="the observed value 2 lies beyond all 10 replicates; use the percentile"):
        bca_interval(np.ones(10), 2.0, 0.0)


def test_wrong_words_are_refused(table):
    with pytest.raises(BadInput, match="kind of interval is 'bc'; 'bca', 'percentile' or 'basic' was expected"):
        boot(table).interval(kind="bc")
    with pytest.raises(BadInput, match="rows of one person cannot be counted as one"):
        boot(table, clusters=np.arange(150), multiplicity=np.ones(150, dtype=np.int64))


def test_acceleration_of_what_no_example_moves_is_zero():
    assert acceleration(np.ones((3, 1)), np.array([5, 1, 1])).tolist() == [0.0]


def world(generator, n, persons):
    """A binary answer of two groups; where there are persons, their three images are right or wrong alike."""
    size = n // 3 if persons else n
    target, group = generator.integers(0, 2, size), (generator.random(size) < 0.4).astype(np.int64)
    predicted = np.where(generator.random(size) < np.where(group == 1, 0.75, 0.85), target, 1 - target)
    times = 3 if persons else 1
    return np.repeat(target, times), np.repeat(predicted, times)[None], np.repeat(group, times)


def coverage(times, *, n, persons=False):
    generator = np.random.default_rng(3)
    inside = dict.fromkeys(KINDS, 0)
    for _ in range(times):
        table = world(generator, n, persons)
        clusters = np.repeat(np.arange(n // 3), 3) if persons else None
        found = boot(table, clusters=clusters, replicates=400, generator=generator)
        for kind in KINDS:
            low, high = found.interval(kind=kind)
            inside[kind] += low <= 0.85 <= high
    return {kind: seen / times for kind, seen in inside.items()}


@pytest.mark.parametrize("persons", [False, True])
def test_intervals_cover(persons):
    for share in coverage(150, n=900 if persons else 300, persons=persons).values():
        assert share == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / 150) + 0.01)


@pytest.mark.slow
@pytest.mark.parametrize("persons", [False, True])
def test_intervals_cover_at_the_stated_rate(persons):
    times = 2000
    for kind, share in coverage(times, n=900, persons=persons).items():
        assert share == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / times) + 0.01), kind
