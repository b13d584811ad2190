import numpy as np
import pytest
from scipy import stats

from disparate.stats import bootstrap
from disparate.stats.bootstrap import (
    Moments,
    Tally,
    Units,
    replicate_weights,
    replicated_counts,
    replicated_sums,
)

N, GROUPS, CLASSES = 300, 2, 3


@pytest.fixture
def table():
    generator = np.random.default_rng(0)
    target = generator.integers(0, CLASSES, N)
    predicted = np.where(generator.random((2, N)) < 0.7, target, generator.integers(0, CLASSES, (2, N)))
    return target, predicted, generator.integers(0, GROUPS, N)


def counts(table, units, *, replicates=800, seed=1, weight=None):
    target, predicted, group = table
    chunks = replicated_counts(
        target,
        predicted,
        group,
        units,
        shape=(GROUPS, CLASSES),
        replicates=replicates,
        generator=np.random.default_rng(seed),
        weight=weight,
    )
    return np.concatenate(list(chunks))


def cells(table, *more):
    target, predicted, group = table
    return Units.cells([group, target, *predicted, *more])


def gap_of_runs(replicated):
    """Difference of the two runs' accuracy in group 1: a statistic that feels the pairing."""
    hits = np.einsum("rmkk->rm", replicated[:, :, 1])
    return (hits / replicated[:, :, 1].sum(axis=(-2, -1)))[:, 1] - (hits / replicated[:, :, 1].sum(axis=(-2, -1)))[:, 0]


def naive(table, replicates, seed):
    target, predicted, group = table
    generator = np.random.default_rng(seed)
    found = []
    for _ in range(replicates):
        rows = generator.integers(N, size=N)
        rows = rows[group[rows] == 1]
        right = predicted[:, rows] == target[rows]
        found.append(right[1].mean() - right[0].mean())
    return np.array(found)


@pytest.mark.parametrize("kind", ["cells", "examples"])
def test_agrees_with_resampling_examples_in_distribution(table, kind):
    units = cells(table) if kind == "cells" else Units.clusters(np.arange(N))
    ours = gap_of_runs(counts(table, units))
    assert stats.ks_2samp(ours, naive(table, 800, 2)).pvalue > 0.001


def test_every_replicate_holds_all_examples(table):
    replicated = counts(table, cells(table), replicates=20)
    assert replicated.shape == (20, 2, GROUPS, CLASSES, CLASSES)
    assert (replicated.sum(axis=(2, 3, 4)) == N).all()


def test_runs_share_the_draw(table):
    target, predicted, group = table
    same = (target, np.stack([predicted[0], predicted[0]]), group)
    replicated = counts(same, cells(same), replicates=20)
    assert np.array_equal(replicated[:, 0], replicated[:, 1])


def test_cells_are_fewer_than_examples_and_hold_them_all(table):
    units = cells(table)
    assert len(units) < N
    assert units.multiplicity.sum() == N


def test_weights_stay_with_their_examples(table):
    weight = np.random.default_rng(3).choice([1.0, 4.0], N)
    replicated = counts(table, cells(table, weight), replicates=600, weight=weight)
    total = replicated[:, 0].sum(axis=(1, 2, 3))
    assert total.mean() == pytest.approx(weight.sum(), rel=0.01)
    assert total.std() == pytest.approx(np.sqrt(N) * weight.std(), rel=0.12)


def test_clusters_are_drawn_as_a_whole(table):
    target, predicted, group = table
    copied = (np.repeat(target, 2), np.repeat(predicted, 2, axis=1), np.repeat(group, 2))
    replicated = counts(copied, Units.clusters(np.repeat(np.arange(N), 2)), replicates=50)
    assert (replicated % 2 == 0).all()
    assert (replicated[:, 0].sum(axis=(1, 2, 3)) == 2 * N).all()


def test_chunks_change_nothing_but_memory(table, monkeypatch):
    whole = counts(table, cells(table), replicates=25)
    monkeypatch.setattr(bootstrap, "CHUNK_NUMBERS", 1000)
    assert np.array_equal(counts(table, cells(table), replicates=25), whole)


def test_sums_of_losses_have_the_spread_of_a_mean():
    values = np.random.default_rng(4).exponential(size=(1, 500))
    units = Units.clusters(np.arange(500))
    chunks = replicated_sums(
        np.zeros((1, 500), dtype=np.int64),
        values,
        units,
        n_bins=1,
        replicates=2000,
        generator=np.random.default_rng(5),
    )
    means = np.concatenate(list(chunks)).ravel() / 500
    assert means.mean() == pytest.approx(values.mean(), rel=0.01)
    assert means.std() == pytest.approx(values.std() / np.sqrt(500), rel=0.08)


def violation(sums, group_sizes):
    """Spread over the groups of the second run's mean loss minus the first's, from sums (replicates, runs, groups)."""
    risk = (sums[:, 1] - sums[:, 0]) / group_sizes
    return np.ptp(risk, axis=-1)


@pytest.mark.parametrize("persons", [False, True])
def test_a_function_of_losses_agrees_with_resampling_in_distribution(persons):
    generator = np.random.default_rng(10)
    group, weight = generator.integers(0, 3, N), generator.choice([1.0, 2.0], N)
    losses = generator.exponential(size=(2, N)) + np.array([[0.0], [0.1]]) * group
    labels = np.arange(N) // 3 if persons else np.arange(N)
    values = np.concatenate([losses * weight, weight[None]])
    chunks = replicated_sums(
        group + 3 * np.arange(3)[:, None],
        values,
        Units.clusters(labels) if persons else Units.singles(N),
        n_bins=9,
        replicates=800,
        generator=np.random.default_rng(11),
    )
    ours = np.concatenate(list(chunks)).reshape(-1, 3, 3)
    theirs = np.zeros((800, 3, 3))
    for replicate in theirs:
        drawn = generator.integers(labels.max() + 1, size=labels.max() + 1)
        rows = np.concatenate([np.flatnonzero(labels == label) for label in drawn]) if persons else drawn
        for place in range(3):
            replicate[place] = np.bincount(group[rows], weights=values[place, rows], minlength=3)
    found, expected = (violation(sums, sums[:, 2]) for sums in (ours, theirs))
    assert stats.ks_2samp(found, expected).pvalue > 0.001


@pytest.mark.parametrize("columns", [[np.array([0, 0, 1, 2])], [np.arange(4)]])
def test_multinomial_weights_have_the_right_moments(columns):
    units = Units.cells(columns)
    weights = replicate_weights(units, 4000, np.random.default_rng(6))
    share = units.multiplicity / 4
    assert weights.mean(axis=0) == pytest.approx(units.multiplicity, rel=0.05)
    assert weights.var(axis=0) == pytest.approx(4 * share * (1 - share), rel=0.1)


def test_moments_give_the_covariance_of_replicates():
    generator = np.random.default_rng(7)
    replicated = generator.normal(size=(200, 3, 2)) @ np.array([[1.0, 0.5], [0.0, 1.0]])
    moments = Moments.around(np.zeros((3, 2)))
    moments.add(replicated[:120])
    moments.add(replicated[120:])
    for place in range(2):
        assert moments.covariance(place, replicates=200) == pytest.approx(np.cov(replicated[:, :, place].T))


def test_moments_refuse_where_too_many_replicates_are_undefined():
    replicated = np.ones((100, 2, 1))
    replicated[:4] = np.nan
    moments = Moments.around(np.ones((2, 1)))
    moments.add(replicated)
    assert moments.covariance(0, replicates=100) is not None
    moments.add(np.full((10, 2, 1), np.nan))
    assert moments.covariance(0, replicates=110) is None


def test_leaving_out_one_of_each_cell_is_leaving_out_every_example(table):
    target, predicted, group = table
    weight = np.random.default_rng(8).choice([0.5, 2.0], N)
    units = cells(table, weight)
    tally = Tally.of_counts(target, predicted, group, units, shape=(GROUPS, CLASSES), weight=weight)
    left = np.concatenate(list(tally.left_out()))
    singles = Tally.of_counts(target, predicted, group, Units.singles(N), shape=(GROUPS, CLASSES), weight=weight)
    each = np.concatenate(list(singles.left_out()))
    assert tally.observed() == pytest.approx(singles.observed())
    assert np.average(left, axis=0, weights=units.multiplicity) == pytest.approx(each.mean(axis=0))
    assert each[units.rows] == pytest.approx(left)


@pytest.mark.parametrize("kind", [np.int32, np.int64, np.uint8, np.float64, "U3", bool])
def test_cells_are_those_of_sorting(kind):
    generator = np.random.default_rng(9)
    columns = [
        generator.integers(0, 5, 50).astype(kind),
        generator.integers(-3, 900, 50),
        generator.random(50).round(1),
    ]
    columns = [*columns, generator.integers(7, 9, 50)]
    units = Units.cells(columns)
    texts = np.array(["|".join(str(column[row]) for column in columns) for row in range(50)])
    found, counted = np.unique(texts, return_counts=True)
    assert sorted(texts[units.rows]) == found.tolist()
    assert dict(zip(texts[units.rows], units.multiplicity, strict=True)) == dict(zip(found, counted, strict=True))
    assert list(units.rows) == [np.flatnonzero(texts == texts[row])[0] for row in units.rows]
