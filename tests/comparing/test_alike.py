"""Counting alike examples changes no finding of a measure of answers."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from disparate.comparing.alike import collapsed
from disparate.errors import BadInput
from disparate.groups import Attribute
from disparate.measures.assess import assess
from disparate.predictions import Predictions, Run
from disparate.stats.bootstrap import Units
from disparate.stats.paired import paired_mean

MEASURES = ["accuracy", "f1_macro", "tpr", "precision", "accuracy_gap", "equalized_odds_sum", "churn", "harmful_flips"]


def run_of(variant, seed, generator, examples=400, classes=3, **more):
    truth = np.random.default_rng(7)
    target = truth.integers(classes, size=examples)
    attributes = {
        "race": Attribute.of(truth.choice(["a", "b", "c"], size=examples, p=[0.6, 0.3, 0.1])),
        "sex": Attribute.of(truth.choice(["f", "m"], size=examples)),
    }
    predicted = np.where(generator.random(examples) < 0.8, target, generator.integers(classes, size=examples))
    return Predictions(
        example_id=np.arange(examples).astype(np.str_),
        target=target,
        predicted=predicted,
        label_names=tuple("xyz"[:classes]),
        attributes=attributes,
        run=Run(variant=variant, seed=seed, **more),
    )


def runs_of(variants=("reference", "int8", "avx2"), seeds=(0, 1, 2), repeat=True):
    generator = np.random.default_rng(1)
    runs = [run_of(variant, seed, generator) for variant in variants for seed in seeds]
    return [*runs, run_of("reference", 0, generator, repeat=1)] if repeat else runs


def ask(runs, **more):
    settled = {"by": ["race", "race*sex"], "measures": MEASURES, "replicates": 60, **more}
    return assess(runs, acts_on_training={"int8": False, "avx2": True}, generator=np.random.default_rng(0), **settled)


def require_equal(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        left, right = one.to_json(), other.to_json()
        numbers = [key for key, value in right.items() if isinstance(value, float)]
        for key in numbers:
            assert left.pop(key) == pytest.approx(right.pop(key), rel=1e-9, abs=1e-12), (key, one)
        floors = [(item.pop("null") or {"name": None, "value": 0.0}) for item in (left, right)]
        assert floors[0]["name"] == floors[1]["name"]
        assert floors[0]["value"] == pytest.approx(floors[1]["value"], rel=1e-9, abs=1e-12)
        assert left == right


@pytest.mark.parametrize("seeds", [(0,), (0, 1, 2)])
def test_findings_of_patterns_are_those_of_examples(seeds):
    runs = runs_of(seeds=seeds)
    require_equal(ask(collapsed(runs)), ask(runs))


def test_weights_stay_what_they_are():
    weight = np.random.default_rng(3).choice([0.5, 1.0, 2.0], size=400)
    runs = [replace(item, weight=weight) for item in runs_of(repeat=False)]
    require_equal(ask(collapsed(runs)), ask(runs))


def test_sensitivity_of_answers_needs_no_loss():
    asked = {"measures": ["hardware_sensitivity"], "by": ["race"], "hardware": ["int8", "avx2"]}
    found = ask(runs_of(), **asked)
    assert {item.where["of"] for item in found} == {"accuracy"}
    fixed = [(item.value, item.group) for item in found]
    again = [(item.value, item.group) for item in ask(collapsed(runs_of()), **asked)]
    assert [group for _, group in again] == [group for _, group in fixed]
    assert [value for value, _ in again] == pytest.approx([value for value, _ in fixed])


def test_there_are_no_more_rows_than_patterns():
    patterns = collapsed(runs_of(variants=("reference",), seeds=(0,), repeat=False))[0]
    assert len(patterns) <= 3 * 2 * 3 * 3
    assert patterns.examples == 400
    assert patterns.groups("race").counts() == run_of("reference", 0, np.random.default_rng(1)).groups("race").counts()


def test_a_loss_that_is_not_known_is_no_zero():
    run = run_of("reference", 0, np.random.default_rng(0))
    text = r"holds answers and no loss; give scores or a loss, or leave measures of loss out\."
    with pytest.raises(BadInput, match=text):
        _ = run.losses
    with pytest.raises(BadInput, match="holds answers and no margin"):
        _ = run.margins
    with pytest.raises(BadInput, match=text):
        ask(runs_of(), measures=["fairness_violation"])


def test_persons_cannot_be_counted_as_one():
    run = run_of("reference", 0, np.random.default_rng(0), examples=4)
    ones = np.ones(4, dtype=np.int64)
    with pytest.raises(BadInput, match="has clusters and multiplicities"):
        replace(run, multiplicity=ones, cluster_id=np.array(["p"] * 4))
    with pytest.raises(BadInput, match=r"multiplicity of row 2 .* is 0; at least 1 was expected"):
        replace(run, multiplicity=np.array([1, 1, 0, 1]))
    with pytest.raises(BadInput, match="differences have clusters and multiplicities"):
        paired_mean(np.ones((1, 4)), clusters=ones, multiplicity=ones)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(-2, 2), st.floats(-2, 2), st.integers(1, 4), st.sampled_from([0.5, 1.0, 3.0])), min_size=2
    ),
    st.booleans(),
)
def test_a_multiplicity_is_as_many_examples(columns, weighted):
    values = np.array([[first, second] for first, second, _, _ in columns]).T
    times = np.array([times for _, _, times, _ in columns])
    weight = np.array([weight for *_, weight in columns]) if weighted else None
    short = paired_mean(values, weight=weight, multiplicity=times)
    written_out = None if weight is None else np.repeat(weight, times)
    long = paired_mean(np.repeat(values, times, axis=1), weight=written_out)
    assert short.examples == long.examples
    for name in ("value", "over_seeds", "over_examples", "interaction", "scale"):
        assert getattr(short, name) == pytest.approx(getattr(long, name), rel=1e-6, abs=1e-12)


def test_cells_count_what_rows_stand_for():
    cells = Units.cells([np.array([1, 1, 0])], multiplicity=np.array([2, 3, 4]))
    assert cells.multiplicity.tolist() == [4, 5]
    assert Units.singles(2).multiplicity.tolist() == [1, 1]
