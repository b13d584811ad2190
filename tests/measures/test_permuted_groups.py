from dataclasses import replace

import numpy as np
import pytest

from disparate.measures.assess import assess
from disparate.predictions import Run

SIZES, ALIKE = (300, 150, 60), (0.2, 0.2, 0.2)


def runs_of(place, *, seeds=3, harm=(), **more):
    found = []
    for seed in range(seeds):
        reference = place.train(Run(seed=seed), **more)
        found += [reference, place.train(Run(variant="other", seed=seed), harm=harm, **more)]
        found.append(place.flip(reference, Run(variant="int8", seed=seed), 0.1))
    return found


def ask(runs, *, measures=("accuracy_gap", "fairness_violation"), by=("race",), **more):
    settings = {
        "acts_on_training": {"other": True, "int8": False},
        "replicates": 40,
        "generator": np.random.default_rng(0),
    }
    return assess(runs, by=by, measures=measures, **(settings | more))


def gap_of(found, variant):
    return found.only(measure="accuracy_gap", variant=variant, reference=None)


def test_a_gap_that_the_sizes_alone_make_is_no_larger_than_its_null(world):
    found = gap_of(ask(runs_of(world(0, SIZES, ALIKE))), "reference")
    assert found.null.name == "N3 permuted groups"
    assert 0.02 < found.null.value < 0.15
    assert found.effect_over_null == pytest.approx(found.value / found.null.value)
    assert found.p_value > 0.05
    assert found.distinguishable is None


def test_a_gap_between_groups_is_larger(world):
    found = gap_of(ask(runs_of(world(0, SIZES, (0.1, 0.1, 0.5)))), "reference")
    assert found.effect_over_null > 3
    assert found.p_value == pytest.approx(1 / 1001)
    assert found.method.endswith("(p 0.001 of 1000 permutations)")


def test_the_null_is_what_shuffled_attributes_give(world):
    runs = runs_of(world(1, SIZES, (0.1, 0.2, 0.3)))
    race, generator = runs[0].attributes["race"], np.random.default_rng(2)
    gaps, violations = [], []
    for _ in range(40):
        codes = generator.permutation(race.codes)
        attribute = replace(race, codes=codes)
        dealt = [replace(item, attributes={"race": attribute}) for item in runs]
        found = ask(dealt, replicates=2)
        gaps.append(gap_of(found, "other").value)
        violations.append(found.only(measure="fairness_violation", variant="other").value)
    found = ask(runs)
    expected = np.mean(gaps)
    assert gap_of(found, "other").null.value == pytest.approx(expected, abs=4 * np.std(gaps) / np.sqrt(40))
    violation = found.only(measure="fairness_violation", variant="other")
    said = float(violation.method.split("N3 permuted groups ")[1].split(" ")[0])
    assert said == pytest.approx(np.mean(violations), abs=4 * np.std(violations) / np.sqrt(40))


def test_a_violation_names_it_and_keeps_its_largest_null(world):
    found = ask(runs_of(world(3, SIZES, ALIKE), harm=(0, 0, 0.3)))
    for variant in ("other", "int8"):
        item = found.only(measure="fairness_violation", variant=variant)
        said = float(item.method.split("N3 permuted groups ")[1].split(" ")[0])
        assert item.null.value >= said * 0.995
    assert found.only(measure="fairness_violation", variant="other").distinguishable is True


def test_other_numbers_do_not_move_because_labels_are_dealt(world):
    runs = runs_of(world(4, SIZES, ALIKE))
    with_gap = ask(runs, measures=("accuracy_gap", "hardware_sensitivity"), hardware=["other"])
    without = ask(runs, measures=("worst_group_accuracy", "hardware_sensitivity"), hardware=["other"])
    key = {"measure": "hardware_sensitivity"}
    assert [item.low for item in with_gap.where(**key)] == [item.low for item in without.where(**key)]


def test_rows_that_stand_for_many_examples_have_the_same_null(world, answers):
    del world
    counted = np.array([40, 10, 30, 20])
    rows = answers([1, 1, 1, 1], [1, 0, 1, 0], ["a", "a", "b", "b"], multiplicity=counted)
    whole = answers(*(np.repeat(column, counted) for column in ([1] * 4, [1, 0, 1, 0], ["a", "a", "b", "b"])))
    short, full = (gap_of(ask([item], measures=("accuracy_gap",)), "reference") for item in (rows, whole))
    assert short.value == pytest.approx(full.value)
    assert short.null.value == pytest.approx(full.null.value, rel=0.1)


def test_small_groups_get_a_null_and_no_p_value(world):
    found = gap_of(ask(runs_of(world(5, (100, 12), ALIKE[:2]))), "reference")
    assert found.null is not None
    assert found.p_value is None


@pytest.mark.parametrize("column", ["weight", "cluster_id"])
def test_weights_and_persons_are_not_dealt(world, column):
    n = sum(SIZES)
    values = np.ones(n) if column == "weight" else np.array([str(place // 3) for place in range(n)])
    found = ask(runs_of(world(6, SIZES, ALIKE), **{column: values}))
    assert gap_of(found, "reference").null is None
    assert not any("N3" in (item.method or "") for item in found)
