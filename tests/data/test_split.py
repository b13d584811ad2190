import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from disparate.data.split import assign_splits, join_clusters, keep_published
from disparate.errors import BadInput


def ids(count):
    return np.array([f"id{row}" for row in range(count)])


@settings(max_examples=40, deadline=None)
@given(count=st.integers(1, 300), clusters=st.integers(1, 100), seed=st.integers(0, 5), data=st.data())
def test_the_split_depends_on_ids_and_not_on_positions(count, clusters, seed, data):
    generator = np.random.default_rng(count)
    cluster = np.array([f"c{code}" for code in generator.integers(0, clusters, count)])
    strata = generator.integers(0, 3, count)
    order = np.array(data.draw(st.permutations(range(count))))
    kwargs = {"shares": {"test": 0.3, "validation": 0.1}, "seed": seed}
    first = assign_splits(ids(count), cluster_id=cluster, strata=strata, **kwargs)
    second = assign_splits(ids(count)[order], cluster_id=cluster[order], strata=strata[order], **kwargs)
    assert np.array_equal(first[order], second)
    for name in set(cluster.tolist()):
        assert len(set(first[cluster == name].tolist())) == 1


@pytest.mark.parametrize("test", [0.0, 0.2, 0.5, 1.0])
def test_shares_hold_within_every_stratum(test):
    strata = np.repeat([0, 1, 2], [50, 300, 1000])
    split = assign_splits(ids(1350), strata=strata, shares={"test": test, "validation": 0.0}, seed=4)
    for stratum in (0, 1, 2):
        share = (split[strata == stratum] == "test").mean()
        assert share == pytest.approx(test, abs=1 / (strata == stratum).sum())


def test_the_default_is_a_fifth_for_test_and_none_for_validation():
    split = assign_splits(ids(1000)).tolist()
    assert (split.count("train"), split.count("validation"), split.count("test")) == (800, 0, 200)


def test_another_seed_gives_another_split_and_the_same_seed_the_same():
    first, again, other = (assign_splits(ids(200), seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_split_is_fixed_for_all_time():
    assert np.flatnonzero(assign_splits(ids(20), seed=0) == "test").tolist() == [1, 7, 12, 13]


def test_an_example_less_moves_hardly_any_other():
    whole = assign_splits(ids(1000))
    less = assign_splits(ids(1000)[:-1])
    assert (whole[:-1] != less).sum() <= 1


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ({"tset": 0.2}, r"shares: unknown split 'tset'. Did you mean 'test'"),
        ({"test": 20}, r"shares test=20: a share in \[0, 1\] was expected; 20 % is 0.2"),
        ({"test": 0.7, "validation": 0.6}, "sum to 1.3; at most 1 was expected"),
    ],
)
def test_impossible_shares_are_refused(shares, message):
    with pytest.raises(BadInput, match=message):
        assign_splits(ids(10), shares=shares)


def test_a_published_split_is_kept_and_validation_is_cut_from_training():
    published = np.array(["train"] * 100 + ["test"] * 20)
    assert np.array_equal(keep_published(published, ids(120)), published)
    split = keep_published(published, ids(120), shares={"validation": 0.1})
    assert (split[:100] == "validation").sum() == 10
    assert set(split[100:]) == {"test"}
    with pytest.raises(BadInput, match=r"shares test=0.2: the test split of this data set is published and kept"):
        keep_published(published, ids(120), shares={"test": 0.2})


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), min_size=1, max_size=30))
def test_joined_clusters_are_the_connected_parts(pairs):
    first = np.array([f"p{a}" for a, _ in pairs])
    second = np.array([f"q{b}" for _, b in pairs])
    joined = join_clusters(first, second)
    part = list(range(len(pairs)))
    for _ in pairs:  # a slow reference: relabel until nothing changes
        for i in range(len(pairs)):
            for j in range(len(pairs)):
                if first[i] == first[j] or second[i] == second[j]:
                    part[i] = part[j] = min(part[i], part[j])
    assert [(joined == joined[i]).tolist() for i in range(len(pairs))] == [
        [part[i] == part[j] for j in range(len(pairs))] for i in range(len(pairs))
    ]
    assert all(name == min(first[joined == name]) for name in joined)
