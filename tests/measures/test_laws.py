"""Laws that every measure obeys; a measure that is added to the table has to obey them too."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from disparate.groups import Attribute
from disparate.measures.assess import assess
from disparate.measures.measure import Measure
from disparate.measures.table import MEASURES, OF_NUMBERS, OF_SETS, OF_TWO_LABELS, measure_named
from disparate.predictions import Predictions, Run

PAGES = Path(__file__).parents[2] / "docs" / "measures"
NAMES = sorted(MEASURES.entries)
FREE_OF_GROUPS = {"excessive_risk", "churn", "harmful_flips", "beneficial_flips", "hardware_sensitivity"}
OF_A_PARTITION = {"disparity", "mean_disparity", "against_reference", "violation"}
MOVED = {"hw", "hardware"}
OF_THE_TEST_SET = {"N3 permuted groups", "N4 test set", "test set"}
"""Nulls and components that say how much a finite test set moves a number; a larger test set moves it less."""


def with_two_labels(answers: Predictions) -> Predictions:
    two = {name: np.minimum(getattr(answers, name), 1) for name in ("target", "predicted")}
    return replace(answers, label_names=answers.label_names[:2], **two)


@pytest.fixture
def runs(world, name):
    place = world(3, sizes=(60, 40, 40))
    told = [
        answers
        for seed in range(2)
        for answers in (
            place.train(Run(seed=seed)),
            place.train(Run(seed=seed, repeat=1)),
            place.train(Run(variant="hw", seed=seed), harm=(0, 0, 0.3)),
        )
    ]
    if measure_named(name).kind == "drawn":
        told += [place.flip(item, replace(item.run, draw=1), 0.1) for item in told if item.run.variant == "hw"]
    return [told_as(name, item) for item in told]


def told_as(name, answers: Predictions) -> Predictions:
    """Return the answers in the form that a measure is of."""
    if name in OF_TWO_LABELS:
        return with_two_labels(answers)
    if name in OF_NUMBERS:
        nothing = np.zeros(len(answers), dtype=np.int64)
        error = (answers.losses * np.where(np.arange(len(answers)) % 3, 1, -1)).round(6)
        return replace(answers, error=error, label_names=(), target=nothing, predicted=nothing, loss=None, margin=None)
    wrong = 1 + np.arange(len(answers)) % 2
    return replace(answers, share_right=1 - np.where(answers.correct, 0, wrong) / 4) if name in OF_SETS else answers


def findings(name, runs):
    return assess(
        runs,
        by=("race",),
        measures=[name],
        acts_on_training={"hw": True},
        hardware=["hw"],
        reference_groups={"race": runs[0].attributes["race"].names[0]},
        replicates=20,
        generator=np.random.default_rng(0),
    )


def key(item):
    return (item.measure, item.group, item.label, item.variant, item.reference, json.dumps(item.where, sort_keys=True))


def values(found):
    return {key(item): item.value for item in found}


def regrouped(answers: Predictions, race: Attribute) -> Predictions:
    return replace(answers, attributes={**answers.attributes, "race": race})


@pytest.mark.parametrize("name", NAMES)
def test_something_is_found_and_no_nan_reaches_a_file(name, runs):
    found = findings(name, runs)
    variants = {"reference"} if measure_named(name).kind == "floor" else MOVED
    assert any(item.value is not None and item.variant in variants for item in found)
    json.dumps(found.to_json(), allow_nan=False)


@pytest.mark.parametrize("name", NAMES)
def test_order_of_examples_does_not_matter(name, runs):
    order = np.random.default_rng(1).permutation(len(runs[0]))
    shuffled = [answers.take(order) for answers in runs]
    assert values(findings(name, shuffled)) == pytest.approx(values(findings(name, runs)))


@pytest.mark.parametrize("name", NAMES)
def test_renaming_groups_renames_results_and_nothing_else(name, runs):
    new = {"large": "L", "middle": "M", "small": "S"}
    renamed = [regrouped(item, Attribute(names=("L", "M", "S"), codes=item.attributes["race"].codes)) for item in runs]
    expected = [replace(item, group=item.group and new[item.group]) for item in findings(name, runs)]
    assert values(findings(name, renamed)) == values(expected)


@pytest.mark.parametrize("name", NAMES)
def test_duplicating_every_example_changes_no_value(name, runs):
    twice = np.tile(np.arange(len(runs[0])), 2)
    doubled = [
        replace(item.take(twice), example_id=np.array([f"d{place}" for place in range(len(twice))])) for item in runs
    ]
    once, more = (findings(name, items).where(is_no_matter_of_size) for items in (runs, doubled))
    assert values(more) == pytest.approx(values(once))
    assert len(once) > 0 or name == "variance_share"


def is_no_matter_of_size(item):
    where = item.where or {}
    of_size = {where.get("floor"), where.get("component")} & OF_THE_TEST_SET and item.measure != "device_range"
    return not of_size and item.measure != "variance_share"


@pytest.mark.parametrize("name", NAMES)
def test_an_unseen_group_is_reported_as_unseen(name, runs):
    names = ("large", "middle", "small", "gone")
    more = [regrouped(item, Attribute(names=names, codes=item.attributes["race"].codes)) for item in runs]
    found = findings(name, more)
    gone = found.where(group="gone")
    assert all(item.value is None and item.undefined for item in gone)
    assert len(gone) > 0 or measure_named(name).kind in {"disparity", "mean_disparity", "violation"}
    others = found.where(lambda item: item.group != "gone")
    assert values(others) == pytest.approx(values(findings(name, runs)))


@pytest.mark.parametrize("name", NAMES)
def test_the_same_answers_differ_by_nothing(name, runs):
    references = [item for item in runs if item.run.variant == "reference" and item.run.repeat == 0]
    same = [replace(item, run=replace(item.run, variant="hw")) for item in references]
    found = findings(name, [*references, *same]).where(lambda item: item.variant in {"hw", "hardware"})
    for item in found.where(lambda item: item.reference is not None and item.undefined is None):
        assert item.value == pytest.approx(0.0, abs=1e-12)
        assert item.distinguishable is not True


@pytest.mark.parametrize("name", NAMES)
def test_values_and_intervals_stay_in_the_declared_range(name, runs):
    measure: Measure = measure_named(name)
    compares = measure.kind in {"pairwise", "violation", "sensitivity"}
    for item in findings(name, runs):
        is_value = item.reference is None or (compares and (item.where or {}).get("form") != "signed")
        if is_value and item.value is not None:
            assert measure.clip(item.value, item.value) == pytest.approx((item.value, item.value), abs=1e-12)
        if is_value and item.low is not None and measure.kind != "pairwise":
            assert measure.clip(item.low, item.high) == (item.low, item.high)


@pytest.mark.parametrize("name", NAMES)
def test_a_group_below_min_count_has_a_value_and_no_verdict(name, runs):
    few = [item.take(np.r_[0:100, 100:112]) for item in runs]
    for item in findings(name, few).where(group="small"):
        assert item.low is None
        assert item.p_value is None
        assert item.distinguishable is None
        if item.value is not None and (item.where or {}).get("floor") != "N2 seeds":
            assert "fewer than 30" in item.method


@pytest.mark.parametrize("name", NAMES)
def test_every_measure_has_a_page(name):
    assert any(f"`{name}`" in page.read_text(encoding="utf-8") for page in PAGES.glob("*.md"))
