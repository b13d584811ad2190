from dataclasses import replace

import numpy as np
import pytest

from disparate.measures.pairings import Pairing
from disparate.measures.panel import Panel, cuts_of
from disparate.measures.statements import Case
from disparate.measures.table import measure_named
from disparate.predictions import Run


def make_case(runs, *, trains):
    panel = Panel.of(runs)
    cut = cuts_of(panel, ["race"], {})[1]
    return Case(panel=panel, cut=cut, level=0.95, min_count=30, acts_on_training={"other": trains})


@pytest.fixture
def place(world):
    return world(0, sizes=(300, 100))


def by_hand(variant, reference, rows):
    return (variant.predicted != reference.predicted)[rows].mean()


def test_churn_and_its_floors_by_hand(place):
    references = [place.train(Run(seed=seed)) for seed in range(3)]
    repeats = [place.flip(item, replace(item.run, repeat=1), 0.02) for item in references]
    others = [place.train(Run(variant="other", seed=seed)) for seed in range(3)]
    case = make_case([*references, *repeats, *others], trains=True)
    pairing = Pairing.of(measure_named("churn"), case)
    rows = case.cut.rows(1)
    found = {item.group: item for item in pairing.findings()}["middle"]
    assert found.value == pytest.approx(np.mean([by_hand(a, b, rows) for a, b in zip(others, references, strict=True)]))
    floors = {(item.group, item.where["floor"]): item for item in pairing.floors()}
    pairs = [by_hand(references[a], references[b], rows) for a in range(3) for b in range(3) if a != b]
    assert floors["middle", "N2 seeds"].value == pytest.approx(np.mean(pairs))
    again = [by_hand(a, b, rows) for a, b in zip(repeats, references, strict=True)]
    assert floors["middle", "N1 repeat"].value == pytest.approx(np.mean(again))
    assert found.null.name == "N2 seeds"
    assert found.null.value == pytest.approx(np.mean(pairs))


def test_churn_of_a_model_choice_is_held_against_repeats(place):
    references = [place.train(Run(seed=seed)) for seed in range(3)]
    repeats = [replace(item, run=replace(item.run, repeat=1)) for item in references]
    others = [place.flip(item, replace(item.run, variant="other"), 0.2) for item in references]
    found = next(
        Pairing.of(measure_named("churn"), make_case([*references, *repeats, *others], trains=False)).findings()
    )
    assert found.p_value < 0.05
    assert found.effect_over_null is None
    assert "N1 repeat 0 (deterministic)" in found.method


def test_without_repeats_churn_of_a_model_choice_cannot_be_judged(place):
    reference = place.train(Run())
    other = place.flip(reference, Run(variant="other"), 0.2)
    found = next(Pairing.of(measure_named("churn"), make_case([reference, other], trains=False)).findings())
    assert found.p_value is None
    assert found.null is None
    assert "no test: the reference was never repeated, so there is no floor" in found.method
    assert found.low is not None


def test_one_seed_cannot_tell_a_training_choice_from_the_seed(place):
    runs = [place.train(Run()), place.train(Run(variant="other"), harm=(0.3, 0.3))]
    for name in ("churn", "excessive_risk"):
        found = next(Pairing.of(measure_named(name), make_case(runs, trains=True)).findings())
        assert found.p_value is None
        assert "no test: one seed" in found.method
        assert found.where["axis"] == "examples"


def test_less_churn_than_the_floor_is_no_finding(place):
    references = [place.train(Run(seed=seed)) for seed in range(4)]
    others = [place.flip(item, replace(item.run, variant="other"), 0.01) for item in references]
    found = next(Pairing.of(measure_named("churn"), make_case([*references, *others], trains=True)).findings())
    assert found.p_value == pytest.approx(1.0)


def test_excessive_risk_is_the_difference_of_losses(place):
    references = [place.train(Run(seed=seed)) for seed in range(3)]
    others = [place.train(Run(variant="other", seed=seed), harm=(0, 0.3)) for seed in range(3)]
    case = make_case([*references, *others], trains=True)
    found = list(Pairing.of(measure_named("excessive_risk"), case).findings())[1]
    rows = case.cut.rows(1)
    expected = np.mean([o.loss[rows].mean() - r.loss[rows].mean() for o, r in zip(others, references, strict=True)])
    assert found.value == pytest.approx(expected, rel=1e-5)
    assert found.value > 0
    means = [item.loss[rows].astype(float).mean() for item in references]
    assert found.null.value == pytest.approx(np.sqrt(2) * np.std(means, ddof=1))
