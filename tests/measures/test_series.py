from dataclasses import replace

import numpy as np
import pytest

from disparate.measures.panel import Panel, cuts_of
from disparate.measures.series import MeanSeries, count_series
from disparate.measures.table import measure_named
from disparate.predictions import Run


@pytest.fixture
def panel(world):
    place = world(0, sizes=(300, 100))
    return Panel.of([place.train(Run(variant=name, seed=seed)) for seed in range(4) for name in ("reference", "other")])


def series(panel, *names, replicates=1500):
    cut = cuts_of(panel, ["race"], {})[1]
    measures = [measure_named(name) for name in names]
    return count_series(measures, panel, cut, replicates=replicates, generator=np.random.default_rng(0))


def test_bootstrap_of_a_share_agrees_with_the_formula_for_a_mean(panel):
    """f1_micro is accuracy by another road: counts and replicates instead of examples."""
    exact = MeanSeries.of(measure_named("accuracy"), panel, cuts_of(panel, ["race"], {})[1])
    replicated = series(panel, "f1_micro")[0]
    operator = panel.differences("other")
    for place in range(2):
        left, right = exact.estimate(operator, place), replicated.estimate(operator, place)
        assert right.value == pytest.approx(left.value)
        assert right.se("seeds") == pytest.approx(left.se("seeds"))
        assert right.se("examples") == pytest.approx(left.se("examples"), rel=0.08)
        assert right.se("both") == pytest.approx(left.se("both"), rel=0.08)


def test_weights_and_clusters_reach_both_roads(panel):
    first = panel.first
    weight = np.random.default_rng(1).choice([1.0, 3.0], len(first))
    persons = np.array([f"p{row // 2}" for row in range(len(first))])
    heavy = Panel.of([replace(item, weight=weight, cluster_id=persons) for item in panel.runs])
    exact = MeanSeries.of(measure_named("accuracy"), heavy, cuts_of(heavy, ["race"], {})[1])
    replicated = series(heavy, "f1_micro")[0]
    operator = heavy.levels("other")
    left, right = exact.estimate(operator, 0), replicated.estimate(operator, 0)
    assert right.value == pytest.approx(left.value)
    assert right.se("examples") == pytest.approx(left.se("examples"), rel=0.1)
    assert left.examples == 150


def test_a_class_rate_stands_on_the_examples_of_its_class(panel):
    rates = series(panel, "tpr", replicates=10)[0]
    cut = cuts_of(panel, ["race"], {})[1]
    for place in rates.places:
        rows = cut.groups.mask(place.group)
        label = panel.first.label_names.index(place.label)
        assert place.n == (panel.first.target[rows] == label).sum()


def test_a_comparison_names_its_reference_group(panel):
    odds = series(panel, "equalized_odds_sum", replicates=10)[0]
    assert [place.note for place in odds.places] == ["against 'large'"] * 2 + [
        "the largest over groups against 'large'"
    ]


def test_identical_runs_have_no_spread_in_their_difference(panel):
    same = [replace(item, run=Run(variant="other", seed=item.run.seed)) for item in panel.runs[::2]]
    twins = Panel.of([*panel.runs[::2], *same])
    estimate = series(twins, "f1_macro", replicates=50)[0].estimate(twins.differences("other"), 0)
    assert estimate.se("both") == pytest.approx(0, abs=0)
    assert estimate.p_value("both") == pytest.approx(1)


def test_few_persons_behind_many_rows_widen_the_interval_of_counts_as_of_means(panel):
    persons = np.array([f"p{row % 4}" for row in range(len(panel.first))])
    runs = [replace(run, cluster_id=persons) for run in panel.runs if run.run.seed == 0]
    few = Panel.of(runs)
    replicated = series(few, "f1_micro")[0]
    exact = MeanSeries.of(measure_named("accuracy"), few, cuts_of(few, ["race"], {})[1])
    operator = few.levels("reference")
    left, right = exact.estimate(operator, 0), replicated.estimate(operator, 0)
    assert replicated.places[0].independent == 4
    assert right.df("examples") == left.df("examples") == 3
