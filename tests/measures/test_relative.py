from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import confusion_matrix

from disparate.measures.assess import assess
from disparate.measures.relative import relative_change
from disparate.predictions import Run


def ask(runs, *, paired=True, **more):
    return assess(
        runs,
        by=("race",),
        measures=("relative_change",),
        acts_on_training={"other": True},
        paired=paired,
        generator=np.random.default_rng(0),
        **more,
    )


@pytest.fixture
def place(world):
    return world(0, sizes=(300, 200, 150), classes=2)


@pytest.fixture
def runs(place):
    harmed = [place.train(Run(variant="other", seed=seed), harm=(0, 0, 0.2)) for seed in range(6)]
    return [*(place.train(Run(seed=seed)) for seed in range(6)), *harmed]


def rates(item, rows):
    tn, fp, fn, tp = confusion_matrix(item.target[rows], item.predicted[rows]).ravel()
    return {"fpr": fp / (fp + tn), "fnr": fn / (fn + tp), "error": (fp + fn) / len(item.target[rows])}


@pytest.mark.parametrize("of", ["error", "fpr", "fnr"])
def test_it_is_the_papers_change_of_sklearns_rates(runs, place, of):
    found = ask(runs).only(group="small", of=of)
    rows = place.attributes["race"].codes == 2
    own, other = ([rates(item, rows)[of] for item in models] for models in (runs[:6], runs[6:]))
    assert found.value == pytest.approx(100 * (np.mean(other) - np.mean(own)) / np.mean(own))
    assert found.p_value == pytest.approx(stats.ttest_rel(other, own).pvalue)
    assert found.null.value == pytest.approx(100 * np.sqrt(2) * np.std(own, ddof=1) / np.mean(own))
    assert (found.unit, found.label) == ("percent", None if of == "error" else "b")
    for end in (found.low, found.high):
        moved = np.array(other) - (1 + end / 100) * np.array(own)
        assert stats.ttest_1samp(moved, 0).pvalue == pytest.approx(0.05)


def test_of_unpaired_populations_the_test_is_welchs(runs, place):
    other = [replace(item, run=replace(item.run, seed=item.run.seed + 100)) for item in runs[6:10]]
    found = ask([*runs[:6], *other], paired=False).only(group="small", of="fpr")
    rows = place.attributes["race"].codes == 2
    own, theirs = ([rates(item, rows)["fpr"] for item in models] for models in (runs[:6], other))
    assert found.p_value == pytest.approx(stats.ttest_ind(own, theirs, equal_var=False).pvalue)
    assert "Fieller over 6 and 4 models; test: Welch" in found.method


def test_of_nothing_there_is_no_part(answers):
    right = [answers([0, 1] * 40, [0, 1] * 40, ["a"] * 80, run=Run(seed=seed)) for seed in range(3)]
    wrong = [answers([0, 1] * 40, [0, 0] * 40, ["a"] * 80, run=Run(variant="other", seed=s)) for s in range(3)]
    found = ask([*right, *wrong])
    assert {item.undefined for item in found} == {"the reference's rate is 0, and no part of nothing can be said"}
    assert np.isnan(relative_change(np.array([0.1]), np.array([0.0]))[0])


def test_a_class_that_a_group_lacks_has_no_rate(answers):
    runs = [
        answers([0] * 60, [0, 1] * 30, ["a"] * 60, run=Run(variant=v, seed=s))
        for v in ("reference", "other")
        for s in range(3)
    ]
    found = ask(runs)
    assert {item.undefined for item in found.where(of="fnr")} == {"no example that the rate could be of"}
    assert all(item.value == 0 for item in found.where(of="fpr"))


def test_one_seed_has_a_value_and_no_interval(runs):
    found = ask([runs[0], runs[6]]).only(group="small", of="error")
    assert (found.low, found.p_value, found.distinguishable) == (None, None, None)
    assert found.value is not None
    assert "chance over models needs 2" in found.method


def test_several_classes_are_judged_one_against_the_rest(world):
    place = world(1)
    runs = [place.train(Run(variant=v, seed=s)) for v in ("reference", "other") for s in range(3)]
    labels = {item.label for item in ask(runs).where(of="fpr")}
    assert labels == {"a", "b", "c"}
