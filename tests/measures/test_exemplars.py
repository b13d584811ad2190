import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats
from scipy.spatial.distance import cityblock, jaccard

from disparate.measures.exemplars import (
    given_most,
    label_shares,
    mean_among,
    modal_disagreement,
    modal_exemplars,
    modal_labels,
    taxicab_distance,
    ties,
)

LABELS = 4
ANSWERS = st.integers(1, 7).flatmap(
    lambda models: arrays.arrays(np.int64, (models, 12), elements=st.integers(0, LABELS - 1))
)


def rng(seed=0):
    return np.random.default_rng(seed)


@given(ANSWERS)
def test_shares_are_those_of_a_histogram(answers):
    shares = label_shares(answers, LABELS)
    for example in range(answers.shape[1]):
        counted, _ = np.histogram(answers[:, example], bins=np.arange(LABELS + 1))
        assert shares[example] == pytest.approx(counted / len(answers))


@given(ANSWERS)
def test_the_modal_label_is_scipys_where_nothing_ties(answers):
    shares = label_shares(answers, LABELS)
    alone = ties(shares) == 0
    assert modal_labels(shares, rng())[alone].tolist() == stats.mode(answers, axis=0).mode[alone].tolist()


@given(ANSWERS, st.integers(0, 2**32))
def test_a_tie_is_broken_among_those_that_tie_and_the_same_way_again(answers, seed):
    shares = label_shares(answers, LABELS)
    chosen = modal_labels(shares, rng(seed))
    assert given_most(shares)[np.arange(len(chosen)), chosen].all()
    assert chosen.tolist() == modal_labels(shares, rng(seed)).tolist()


@given(ANSWERS, ANSWERS)
def test_distances_are_scipys(one, other):
    reference, variant = label_shares(one, LABELS), label_shares(other, LABELS)
    own, theirs = given_most(reference), given_most(variant)
    distance, disagreement = taxicab_distance(reference, variant), modal_disagreement(reference, variant)
    for example in range(len(reference)):
        assert distance[example] == pytest.approx(cityblock(reference[example], variant[example]))
        assert disagreement[example] == pytest.approx(jaccard(own[example], theirs[example]))


@settings(max_examples=15, deadline=None)
@given(ANSWERS, ANSWERS)
def test_the_probability_of_an_exemplar_is_the_mean_over_ways_to_break_ties(one, other):
    reference, variant = label_shares(one, LABELS), label_shares(other, LABELS)
    generator = rng()
    drawn = np.mean([modal_exemplars(reference, variant, generator) for _ in range(600)], axis=0)
    assert drawn == pytest.approx(modal_disagreement(reference, variant), abs=0.09)


@given(ANSWERS, st.permutations(range(LABELS)))
def test_names_of_labels_and_order_of_models_do_not_matter(answers, names):
    renamed = np.array(names)[answers]
    reference, other = label_shares(answers, LABELS), label_shares(answers[::-1][: max(1, len(answers) // 2)], LABELS)
    new, new_other = label_shares(renamed, LABELS), label_shares(renamed[::-1][: max(1, len(answers) // 2)], LABELS)
    assert label_shares(answers[::-1], LABELS).tolist() == reference.tolist()
    assert modal_disagreement(new, new_other).tolist() == modal_disagreement(reference, other).tolist()
    assert taxicab_distance(new, new_other) == pytest.approx(taxicab_distance(reference, other))


@given(ANSWERS)
def test_a_population_twice_over_is_the_same_population(answers):
    once, twice = label_shares(answers, LABELS), label_shares(np.vstack([answers, answers]), LABELS)
    assert twice == pytest.approx(once)
    assert not modal_disagreement(once, twice).any()
    assert not modal_exemplars(once, twice, rng()).any()


def test_a_tie_that_both_populations_have_makes_no_exemplar():
    tied = np.tile([0.5, 0.5], (200, 1))
    assert not modal_exemplars(tied, tied, rng()).any()
    assert 60 < modal_exemplars(tied, np.tile([0.9, 0.1], (200, 1)), rng()).sum() < 140


def test_the_mean_among_exemplars_is_numpys_and_none_without_any():
    values, exemplars = np.array([0.1, 0.5, 0.9, 0.3]), np.array([1.0, 0.5, 0.0, 0.0])
    mass = np.array([[1.0, 1.0, 1.0, 1.0], [2.0, 3.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]])
    found = mean_among(values, exemplars, mass)
    assert found[0] == pytest.approx(np.average(values, weights=exemplars))
    assert found[1] == pytest.approx(np.average(values, weights=exemplars * mass[1]))
    assert np.isnan(found[2])
