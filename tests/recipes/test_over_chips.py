"""Scores by seed and chip, by hand, and what is said of their differences."""

from types import SimpleNamespace

import numpy as np
import pytest

from disparate.errors import BadInput
from disparate.groups import Attribute, Groups
from disparate.measures.counts import confusion_counts
from disparate.measures.disparity import equalized_odds_sum
from disparate.measures.rates import f1_macro
from disparate.predictions import Run
from disparate.recipes.over_chips import (
    F1,
    ODDS,
    OF_FAIRNESS,
    WORST,
    compared,
    interval_words,
    judged_by_seed,
    scores_of,
    tables,
)

GROUPS = ["dark", "light", "light", "dark", "light", "dark", "light", "light"]
TARGET = np.array([0, 0, 1, 1, 2, 2, 0, 1])


def groups_of(by: str) -> Groups:
    return Groups.of({by: Attribute.of(GROUPS)}, by=by)


def answered(runs: dict[tuple[str, int, int], list[int]]):
    items = [
        SimpleNamespace(
            run=Run(variant=variant, seed=seed, draw=draw),
            predicted=np.array(answer),
            target=TARGET,
            label_names=("a", "b", "c"),
            groups=groups_of,
        )
        for (variant, seed, draw), answer in runs.items()
    ]
    return SimpleNamespace(
        answers=SimpleNamespace(predictions=items),
        by="tone",
        groups=("light", "dark"),
        audit=SimpleNamespace(name="audit"),
    )


RIGHT, ONE_DARK_WRONG, ALL_ZERO = TARGET.tolist(), [1, *TARGET.tolist()[1:]], [0] * 8
RUNS = {("reference", seed, 0): RIGHT for seed in range(3)} | {
    ("noise", seed, draw): ONE_DARK_WRONG if draw else RIGHT for seed in range(3) for draw in range(2)
}


def test_scores_are_those_of_the_measures():
    found = scores_of(answered(RUNS), "noise").values
    assert found[F1].shape == (3, 2)
    assert found[F1][:, 0].tolist() == [1.0, 1.0, 1.0]
    groups = Groups.of({"tone": Attribute.of(GROUPS)}, by="tone")
    counts = confusion_counts(TARGET, np.array(ONE_DARK_WRONG), groups.codes, groups=2, classes=3)
    light, dark = groups.names.index("light"), groups.names.index("dark")
    assert found[F1][0, 1] == pytest.approx(float(f1_macro(counts.sum(axis=0))))
    assert found["F1, dark"][0, 1] == pytest.approx(float(f1_macro(counts[dark])))
    assert found["F1, light"][0, 1] == 1
    assert found[WORST][0, 1] == found["F1, dark"][0, 1]
    assert found[ODDS][0, 1] == pytest.approx(float(equalized_odds_sum(counts, light)[dark]))
    assert found[ODDS][0, 1] > 0
    assert found["EOdds per class"][0, 1] == pytest.approx(found[ODDS][0, 1] / 3)
    assert found["EOpp0 per class"][0, 1] == pytest.approx(found["EOpp0"][0, 1] / 3)


def test_a_variant_that_never_ran_is_refused():
    with pytest.raises(BadInput, match="variant 'nois' has no run"):
        scores_of(answered(RUNS), "nois")


def test_differences_are_taken_seed_by_seed_and_groups_stand_beside():
    told = compared(answered(RUNS), "noise", "reference", claim="c", paper="p", sign=1)
    assert told.outcome == "seen"
    assert told.here.startswith("EOdds +")
    assert "F1, dark −" in told.here
    assert "F1, light +0.0" in told.here


def test_a_gap_that_closes_while_nobody_gains_is_levelling_down():
    runs = {("reference", seed, 0): ONE_DARK_WRONG for seed in range(3)}
    runs |= {("noise", seed, 0): ALL_ZERO for seed in range(3)}
    told = compared(answered(runs), "noise", "reference", claim="c", paper="p", sign=-1)
    assert told.outcome == "seen"
    assert told.here.endswith("levelling down: no group is better off")


def test_with_two_seeds_nothing_is_judged():
    assert judged_by_seed(np.ones((2, 5)), 1) == "cannot be told"
    assert judged_by_seed(np.full((3, 5), np.nan), 1) == "cannot be told"
    assert judged_by_seed(np.array([[0.1, 0.3], [0.2, 0.2], [0.1, 0.2]]), 1) == "seen"
    assert judged_by_seed(np.array([[0.1, 0.3], [0.2, 0.2], [0.1, 0.2]]), -1) == "contradicted"


def test_chips_and_seeds_have_intervals_of_their_own():
    assert interval_words(np.array([[0.02], [0.02]])) == "+2.0 (seeds [+2.0, +2.0])"
    assert interval_words(np.array([[np.nan], [0.02]])) == "undefined on some chip"
    assert interval_words(np.array([[0.0, 0.02]])) == "+1.0 (chips [-11.7, +13.7])"


def test_tables_hold_the_same_means_with_two_kinds_of_ends():
    seeds, _, chips, fairness = tables(answered(RUNS), ("reference", "noise"), title="t")
    assert fairness.columns == tuple(OF_FAIRNESS)
    ours, theirs = (grid.cell("noise", F1) for grid in (seeds, chips))
    assert ours is not None
    assert theirs is not None
    assert ours.value == theirs.value
    assert (ours.method, theirs.method) == (None, "quantiles over chips")
    assert (theirs.seeds, theirs.draws) == (3, 2)
