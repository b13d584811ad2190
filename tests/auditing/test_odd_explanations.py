"""Explanations of audits that lack something: every number is there or says why it is not; nothing is a traceback."""

import json
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

from disparate.auditing import surveying
from disparate.auditing.explanation import explained
from disparate.auditing.look import Look
from disparate.auditing.recipe import parse_recipe
from disparate.auditing.writing import write
from disparate.data.grouped import GroupedDataset
from disparate.data.saved import save_dataset
from disparate.engine.inline import InlineEngine
from disparate.errors import BadInput
from disparate.groups import Attribute
from disparate.predictions import REFERENCE
from disparate.store.runs import Store

FEATURES = 5
LOOK = Look(examples=50, curvature=20, along=10, points=3)


def table(groups: list[str], split: list[str], classes: int = 3) -> GroupedDataset:
    """Return a table whose first feature tells the class, with a group and a split per row."""
    generator = np.random.default_rng(0)
    target = np.arange(len(groups)) % classes
    inputs = generator.normal(size=(len(groups), FEATURES)).astype(np.float32)
    inputs[:, 0] += 2 * target
    return GroupedDataset(
        name="toy",
        kind="table",
        inputs=inputs,
        target=target,
        label_names=tuple("abc"[:classes]),
        target_name="letter",
        example_id=np.array([f"row {row}" for row in range(len(groups))]),
        attributes={"group": Attribute.of(groups)},
        split=np.array(split),
    )


def halves(rows: int) -> list[str]:
    return np.where(np.random.default_rng(1).random(rows) < 0.4, "test", "train").tolist()


def look_at(tmp_path: Path, data: GroupedDataset, look: Look = LOOK, *, trust: tuple[str, ...] = (), **changes):
    """Answer and explain a small audit of a data set, write its reports, and return the result."""
    tables = {
        "audit": {"name": "odd", "groups": ["group"], "seeds": [0, 1], "repeats": 1, "replicates": 20},
        "data": {"source": "saved", "root": str(save_dataset(data, tmp_path / "data"))},
        "model": {"name": "small_mlp", "width": 6},
        "training": {"epochs": 2, "batch_size": 16, "keep_epochs": [1]},
        "variant": [
            {"name": "another seed", "choices": [{"choice": "seed", "offset": 100}]},
            {"name": "half", "choices": [{"choice": "prune", "rate": 0.5}]},
        ],
    }
    for name, change in changes.items():
        tables[name] = change if name in {"model", "variant"} else {**tables[name], **change}
    store = Store.open(tmp_path / "store")
    result = explained(parse_recipe(tables, trust=trust), look=look, store=store, engine=InlineEngine(), data=data)
    write(result, tmp_path / "out", json="explanation", report="explanation")
    json.loads((tmp_path / "out" / "explanation.json").read_text())
    return result


def test_a_group_absent_from_the_training_split_and_one_of_a_single_example(tmp_path):
    rows = 150
    groups = ["many"] * 120 + ["late"] * 20 + ["lone"] * 10
    split = [*halves(120), *["test"] * 20, *["test"] * 9, "train"]
    findings = look_at(tmp_path, table(groups[:rows], split)).findings
    sizes = {item.group: item.value for item in findings.where(measure="group_size")}
    assert sizes == {"late": 0, "lone": 1, "many": split[:120].count("train")}
    for measure in ("gradient_norm", "hessian_eigenvalue"):
        own = findings.where(measure=measure, group="late", split="train")
        assert own.items
        assert all("no example of this group" in item.undefined for item in own)
    lone = findings.where(measure="hessian_eigenvalue", group="lone", variant=REFERENCE)
    assert all(item.value is not None and item.n == 1 for item in lone)
    assert findings.only(measure="hessian_trace", group="lone").value is not None
    assert findings.where(measure="gradient_norm", group="late", split="test").items[0].value is not None
    assert all(item.value is None for item in findings.where(measure="taylor_bound", group="late"))


def test_one_seed_has_no_intervals_over_seeds(tmp_path):
    data = table(["a", "b", "b"] * 50, halves(150))
    findings = look_at(tmp_path, data, audit={"seeds": [3]}).findings
    own = findings.where(measure="hessian_eigenvalue", variant=REFERENCE)
    assert all(item.value is not None and item.low is None and item.seeds == 1 for item in own)
    assert findings.where(measure="taylor_bound", term="sum").items
    assert findings.only(measure="parameter_distance", variant="half", form="l2", layer=None).null is None


def test_forty_groups(tmp_path):
    data = table([f"group {row % 40:02d}" for row in range(480)], halves(480))
    result = look_at(tmp_path, data, Look(examples=50, curvature=4, along=2, points=3))
    assert len({item.group for item in result.findings.where(measure="hessian_eigenvalue")}) == 40
    correlated = result.findings.where(measure="explanation_correlation", cause="group_size", of="harm")
    assert {item.undefined for item in correlated if item.value is None} <= {
        "rank correlation where all values of one side are equal; values that differ are needed"
    }
    page = (tmp_path / "out" / "explanation.html").read_text(encoding="utf-8")
    assert len(page) < 6_000_000
    assert "group 39" in page


def test_without_kept_epochs_difficulty_says_what_to_do(tmp_path):
    data = table(["a", "b", "b"] * 50, halves(150))
    findings = look_at(tmp_path, data, training={"keep_epochs": []}).findings
    own = findings.where(measure="vog", split="test")
    assert {item.group for item in own} == {"a", "b"}
    assert all("[training] keep_epochs" in item.undefined for item in own)
    assert not findings.where(measure="error_by_difficulty").items


def test_with_two_epochs_to_a_third_early_and_late_vog_are_held_against_errors_as_well(tmp_path):
    training = {"epochs": 6, "keep_epochs": [1, 2, 3, 4, 5]}
    findings = look_at(tmp_path, table(["a", "b", "b"] * 50, halves(150)), training=training).findings
    for measure in ("error_by_difficulty", "difficulty_and_distance"):
        near = [item.where["near"] for item in findings.where(measure=measure)]
        assert list(dict.fromkeys(near)) == ["vog", "vog_in_class", "vog_early", "vog_late"]
    assert "VoG, late, tenth 10" in (tmp_path / "out" / "explanation.html").read_text(encoding="utf-8")


def test_where_groups_are_classes_nothing_is_left_within_a_class(tmp_path):
    data = table(["a", "b", "c"] * 50, halves(150))
    findings = look_at(tmp_path, data).findings
    own = findings.where(measure="vog_in_class", split="train")
    assert all("every group holds one class" in item.undefined for item in own)
    assert len(own) == 3


def test_what_did_not_converge_is_a_bound_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(surveying, "MOST_PRODUCTS", 2)
    data = table(["a", "b", "b"] * 50, halves(150))
    findings = look_at(tmp_path, data, Look(examples=50, curvature=20, tolerance=1e-6, along=10, points=0)).findings
    own = findings.where(measure="hessian_eigenvalue", variant=REFERENCE)
    assert all("2 of 2 did not converge and are lower bounds" in item.method for item in own)
    assert not findings.where(measure="loss_barrier").items


ONCE = """
import torch
from torch import nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable


class Half(Function):
    @staticmethod
    def forward(context, inputs):
        return inputs / 2

    @staticmethod
    @once_differentiable
    def backward(context, slope):
        return slope / 2


class Once(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(5, 4), nn.Linear(4, 3)

    def forward(self, inputs):
        return self.last(Half.apply(torch.tanh(self.first(inputs))))
"""


def test_a_layer_without_a_second_derivative_has_gradients_and_no_curvature(tmp_path, monkeypatch):
    (tmp_path / "differentiable_once.py").write_text(dedent(ONCE))
    monkeypatch.syspath_prepend(str(tmp_path))
    data = table(["a", "b", "b"] * 50, halves(150))
    name = "differentiable_once:Once"
    findings = look_at(tmp_path, data, model={"name": name}, trust=(name,)).findings
    norms = findings.where(measure="gradient_norm", variant=REFERENCE)
    assert all(item.value is not None for item in norms)
    bent = findings.where(measure="hessian_eigenvalue", variant=REFERENCE)
    assert {item.group for item in bent} == {"a", "b"}
    assert all("not symmetric" in item.undefined for item in bent)
    assert all(item.value is None for item in findings.where(measure="taylor_bound"))
    assert findings.where(measure="loss_barrier").items


def test_two_classes_have_one_more_closeness_and_a_certified_radius_where_asked_for(tmp_path):
    data = table(["a", "b", "b"] * 50, halves(150), classes=2)
    look = Look(examples=50, curvature=20, along=10, points=0, noise=0.25, matrices=("ggn", "empirical_fisher"))
    findings = look_at(tmp_path, data, look).findings
    means = findings.where(lambda item: "form" not in item.where, split="test", group="a", variant=REFERENCE)
    gini, product = (means.only(measure=name).value for name in ("closeness_gini", "closeness_product"))
    assert gini == pytest.approx(2 * product)
    assert 0 < means.only(measure="certified_radius").value < 1
    assert findings.where(measure="empirical_fisher_eigenvalue").items


def test_subset_runs_give_consistency_and_memorisation(tmp_path):
    data = table(["a", "b", "b"] * 50, halves(150))
    look = Look(examples=60, curvature=20, along=10, points=0, subsets=6)
    result = look_at(tmp_path, data, look)
    own = result.findings.where(lambda item: "form" not in item.where, measure="consistency_score")
    assert {item.where["split"] for item in own} == {"train", "test"}
    assert all(0 <= item.value <= 1 and "6 subset runs" in item.method for item in own)
    kept = result.findings.where(lambda item: "form" not in item.where, measure="memorisation")
    assert {item.where["split"] for item in kept} == {"train"}
    assert all(-1 <= item.value <= 1 for item in kept)
    assert result.run["explanation"]["subsets"] == 6


def test_a_variant_under_attack_flips_answers_and_is_looked_at_on_no_input_that_it_never_got(tmp_path):
    data = table(["a", "b", "b"] * 50, halves(150))
    attacked = [{"name": "attack", "choices": [{"choice": "attack", "epsilon": 1.0, "method": "fgsm"}]}]
    findings = look_at(tmp_path, data, variant=attacked).findings
    assert not findings.where(measure="closeness_gini", variant="attack").items
    assert findings.where(measure="flip_separation", variant="attack", near="distance_input").items
    assert not findings.where(measure="gradient_norm", variant="attack").items
    assert not findings.where(measure="parameter_distance", variant="attack").items


def test_subsets_of_a_subset_are_refused(tmp_path):
    data = table(["a", "b", "b"] * 50, halves(150))
    with pytest.raises(BadInput, match=r"subset = 0.5 already"):
        look_at(tmp_path, data, Look(subsets=4), training={"subset": 0.5})
