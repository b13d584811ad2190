"""Difficulty of examples: against plain loops, on random answers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from disparate.errors import BadInput
from disparate.measures.difficulty import (
    SubsetRuns,
    error_norm,
    first_correct,
    forgetting_events,
    in_hardest,
    normalised_by_class,
    stably_correct,
)

seeds = st.integers(0, 2**32 - 1)


def answers(seed: int, epochs: int = 6, examples: int = 40) -> np.ndarray:
    return np.random.default_rng(seed).random((epochs, examples)) < 0.6


def first_by_hand(column: list[bool], epochs: list[int]) -> float:
    return next((float(epoch) for epoch, right in zip(epochs, column, strict=True) if right), np.nan)


def stable_by_hand(column: list[bool], epochs: list[int]) -> float:
    return next((float(epochs[k]) for k in range(len(epochs)) if all(column[k:])), np.nan)


@given(seeds)
def test_epochs_to_learn_equal_a_plain_loop(seed):
    correct, epochs = answers(seed), [1, 2, 3, 5, 8, 13]
    columns = correct.T.tolist()
    first, stable = first_correct(correct, np.array(epochs)), stably_correct(correct, np.array(epochs))
    np.testing.assert_array_equal(first, [first_by_hand(column, epochs) for column in columns])
    np.testing.assert_array_equal(stable, [stable_by_hand(column, epochs) for column in columns])


@given(seeds)
def test_what_is_learnt_once_and_for_all_was_never_forgotten(seed):
    correct, epochs = answers(seed), np.arange(1, 7)
    first, stable = first_correct(correct, epochs), stably_correct(correct, epochs)
    events = forgetting_events(correct)
    known = np.isfinite(stable)
    assert (stable[known] >= first[known]).all()
    np.testing.assert_array_equal(events[known] == 0, (first == stable)[known])
    np.testing.assert_array_equal(np.isnan(events), np.isnan(first))


def test_el2n_is_zero_for_certain_right_answers_and_root_two_for_certain_wrong_ones():
    logits = np.array([[[50.0, 0.0, 0.0], [50.0, 0.0, 0.0]]])
    np.testing.assert_allclose(error_norm(logits, np.array([0, 1])), [0.0, np.sqrt(2)], atol=1e-12)


def test_el2n_survives_large_logits():
    assert np.isfinite(error_norm(np.array([[[1e4, -1e4]]]), np.array([1]))).all()


@given(seeds)
def test_consistency_and_memorisation_equal_a_plain_loop(seed):
    correct, seen = answers(seed, 9, 12), answers(seed + 1, 9, 12)
    runs = SubsetRuns(correct=correct, trained_on=seen)
    for example in range(12):
        held, known = ~seen[:, example], seen[:, example]
        out = correct[held, example].mean() if held.any() else np.nan
        inside = correct[known, example].mean() if known.any() else np.nan
        np.testing.assert_allclose(runs.consistency()[example], out)
        np.testing.assert_allclose(runs.memorisation()[example], inside - out)


@given(seeds, st.sampled_from([0.1, 0.25, 0.5]))
def test_the_hardest_share_is_that_share_whatever_the_ties(seed, share):
    values = np.random.default_rng(seed).integers(0, 4, 60).astype(float)
    belongs = in_hardest(values, share=share)
    assert belongs.sum() == pytest.approx(share * 60)
    assert ((belongs >= 0) & (belongs <= 1)).all()
    order = np.argsort(values)
    assert (np.diff(belongs[order]) >= 0).all()


def test_what_is_unknown_is_in_no_share():
    belongs = in_hardest(np.array([np.nan, 1.0, 2.0]), share=0.5)
    assert np.isnan(belongs[0])
    assert belongs[1:].tolist() == [0.0, 1.0]
    assert np.isnan(in_hardest(np.array([np.nan]))).all()


@given(seeds)
def test_scores_within_a_class_have_mean_zero_and_spread_one(seed):
    generator = np.random.default_rng(seed)
    values, target = generator.normal(size=50), generator.integers(0, 3, 50)
    scores = normalised_by_class(values, target)
    for label in range(3):
        if (target == label).sum() > 1:
            assert scores[target == label].mean() == pytest.approx(0, abs=1e-9)
            assert scores[target == label].std() == pytest.approx(1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: first_correct(np.ones((2, 3), bool), np.array([1])), "for 1 epochs"),
        (lambda: stably_correct(np.ones((2, 3), bool), np.array([2, 1])), "increasing"),
        (lambda: forgetting_events(np.ones((1, 3), bool)), "at least 2 epochs"),
        (lambda: error_norm(np.zeros((3, 2)), np.zeros(3, np.int64)), "runs, examples, classes"),
        (lambda: in_hardest(np.zeros(3), share=1.5), "share is 1.5"),
        (lambda: SubsetRuns(correct=np.ones((2, 3), bool), trained_on=np.ones((3, 2), bool)), "membership"),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(BadInput, match=message):
        call()
