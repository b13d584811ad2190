"""Surveys to findings: means over seeds, the null of dealt labels, and bounds beside what they bound."""

import pytest

from disparate.explain.survey import Survey, curvature_findings, gradient_findings, taylor_findings


def row(group: str, norm: float, **more: object) -> dict:
    settings = {
        "by": "race",
        "split": "train",
        "group": group,
        "n": 100,
        "loss": 0.5,
        "norm": norm,
        "chance": 0.1,
        "by_layer": {"conv": norm / 2, "head": norm / 3},
        "curvature_n": 50,
        "eigenvalue": 4.0,
        "residual": 0.02,
        "converged": True,
        "products": 9,
        "trace": 10.0,
        "trace_error": 0.5,
    }
    return settings | more


def survey(seed: int, norm: float, **more: object) -> Survey:
    flow = [{"epoch": epoch, **row("a", norm * epoch)} for epoch in (1, 2)]
    return Survey(seed=seed, rows=[row("a", norm, **more), row("b", 2 * norm, **more)], flow=flow, moved=None)


SEEDS = [survey(0, 0.2), survey(1, 0.4)]


def test_the_norm_is_the_mean_over_seeds_beside_what_dealt_labels_give():
    found = {
        item.group: item
        for item in gradient_findings(SEEDS, by="race", split="train", variant="reference")
        if not {"layer", "epoch"} & set(item.where)
    }
    assert found["a"].value == pytest.approx(0.3)
    assert found["a"].null.value == pytest.approx(0.1)
    assert found["a"].effect_over_null == pytest.approx(3)
    assert found["b"].value == pytest.approx(0.6)
    assert found["b"].low < 0.6 < found["b"].high


def test_layers_and_epochs_are_parts():
    items = list(gradient_findings(SEEDS, by="race", split="train", variant="reference"))
    layers = {item.where["layer"]: item.value for item in items if "layer" in item.where and item.group == "a"}
    assert layers == {"conv": pytest.approx(0.15), "head": pytest.approx(0.1)}
    epochs = {item.where["epoch"]: item.value for item in items if "epoch" in item.where and item.group == "a"}
    assert epochs == {1: pytest.approx(0.3), 2: pytest.approx(0.6)}


def test_an_eigenvalue_names_its_residual_and_what_did_not_converge():
    surveys = [survey(0, 0.2), survey(1, 0.4, converged=False, residual=0.4)]
    found = next(curvature_findings(surveys, by="race", variant="reference"))
    assert found.value == pytest.approx(4)
    assert "residual at most 10.0%" in found.method
    assert "1 of 2 did not converge" in found.method
    assert found.n == 50


def test_the_bound_stands_beside_the_change():
    after = [survey(0, 0.2, loss=0.6), survey(1, 0.4, loss=0.7)]
    items = taylor_findings(SEEDS, after, [1.0, 1.0], by="race", variant="prune", classes=5)
    found = {(item.group, item.where["term"]): item.value for item in items}
    assert found["a", "first"] == pytest.approx(0.3)
    assert found["a", "second"] == pytest.approx(2.0)
    assert found["a", "change"] == pytest.approx(0.15)
    assert found["a", "holds"] == pytest.approx(1)
    assert found["a", "vacuous"] == pytest.approx(1)


def test_a_group_that_one_seed_lacks_has_no_number():
    lonely = Survey(seed=1, rows=[row("a", 0.2)], flow=[], moved=None)
    found = {
        item.group: item
        for item in gradient_findings([survey(0, 0.2), lonely], by="race", split="train", variant="reference")
        if not {"layer", "epoch"} & set(item.where)
    }
    assert found["b"].value is None
    assert found["b"].undefined
