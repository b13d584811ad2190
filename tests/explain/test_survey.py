"""Surveys to findings: means over seeds, the null of dealt labels, what sizes force, reasons where there is none."""

import pytest

from disparate.explain.survey import Survey, gradient_findings, size_findings
from disparate.findings import Findings


def row(group: str, norm: float, **more: object) -> dict:
    settings = {
        "by": "race",
        "split": "train",
        "group": group,
        "n": 100 if group == "a" else 50,
        "norm": norm,
        "chance": 0.1,
        "by_layer": {"conv": norm / 2, "head": norm / 3},
    }
    return settings | more


def survey(seed: int, norm: float, **more: object) -> Survey:
    flow = [{"epoch": epoch, **row("a", norm * epoch)} for epoch in (1, 2)]
    return Survey(seed=seed, rows=[row("a", norm, **more), row("b", 2 * norm, **more)], flow=flow, whole=0.0)


SEEDS = [survey(0, 0.2), survey(1, 0.4)]


def gradients(seeds=SEEDS, groups=("a", "b")):
    return Findings(tuple(gradient_findings(seeds, groups, by="race", variant="reference")))


def whole(findings: Findings) -> dict:
    return {item.group: item for item in findings if not {"layer", "epoch"} & set(item.where)}


def test_the_norm_is_the_mean_over_seeds_beside_what_dealt_labels_give():
    found = whole(gradients())
    assert found["a"].value == pytest.approx(0.3)
    assert found["a"].null.value == pytest.approx(0.1)
    assert found["a"].effect_over_null == pytest.approx(3)
    assert found["b"].value == pytest.approx(0.6)
    assert found["b"].low < 0.6 < found["b"].high
    assert found["a"].p_value is None


def test_the_p_value_is_twice_the_median_of_those_of_the_seeds_and_never_above_1():
    found = whole(gradients([survey(0, 0.2, p_value=0.01), survey(1, 0.4, p_value=0.03)]))
    assert found["a"].p_value == pytest.approx(0.04)
    assert "groups dealt at random" in found["a"].method
    assert whole(gradients([survey(0, 0.2, p_value=0.8), survey(1, 0.4, p_value=0.9)]))["a"].p_value == 1
    assert whole(gradients([survey(0, 0.2, p_value=0.01)]))["a"].p_value == pytest.approx(0.01)


def test_layers_and_epochs_are_parts():
    layers = {item.where["layer"]: item.value for item in gradients().where(group="a") if "layer" in item.where}
    assert layers == {"conv": pytest.approx(0.15), "head": pytest.approx(0.1)}
    epochs = {item.where["epoch"]: item.value for item in gradients().where(group="a") if "epoch" in item.where}
    assert epochs == {1: pytest.approx(0.3), 2: pytest.approx(0.6)}


def test_every_split_with_rows_is_told():
    both = [Survey(seed=0, rows=[row("a", 0.2), row("a", 0.5, split="test")])]
    found = {item.where["split"]: item.value for item in gradients(both, ("a",)) if "layer" not in item.where}
    assert found == {"train": 0.2, "test": 0.5}


def test_a_group_that_one_seed_lacks_has_no_number_and_one_that_all_lack_its_reason():
    lonely = Survey(seed=1, rows=[row("a", 0.2)])
    found = whole(gradients([survey(0, 0.2), lonely], ("a", "b", "c")))
    assert found["b"].value is None
    assert "(1 of 2 seeds)" in found["b"].undefined
    assert found["c"].undefined == "no example of this group in this split (2 of 2 seeds)"


def test_a_network_without_gradients_says_why_for_every_group():
    none = Survey(seed=0, rows=[], undefined={"gradients": "its weights are integers"})
    found = whole(gradients([none]))
    assert [found[name].undefined for name in "ab"] == ["its weights are integers (1 of 1 seeds)"] * 2


def sizes(seeds):
    return Findings(tuple(size_findings(seeds, by="race", variant="reference")))


def test_two_groups_name_the_ratio_that_their_sizes_force():
    found = sizes(SEEDS)
    ratio = found.only(measure="gradient_ratio")
    assert ratio.value == pytest.approx(2.0)
    assert ratio.where["inverse_sizes"] == pytest.approx(2.0)
    assert not ratio.where["slack"]
    assert found.only(measure="size_order_violations").value == pytest.approx(0)


def test_three_groups_count_the_pairs_that_contradict():
    rows = [row("a", 0.3, n=500), row("b", 0.2, n=400), row("c", 0.1, n=100)]
    found = sizes([Survey(seed=0, rows=rows), Survey(seed=1, rows=[rows[0], rows[1], row("c", 0.9, n=100)])])
    share = found.only(measure="size_order_violations")
    assert share.value == pytest.approx((1 + 1 / 3) / 2)
    assert "4 of 6 pairs" in share.method
    assert share.high <= 1
    assert len(found.where(measure="gradient_ratio")) == 0


def test_equal_sizes_have_no_order_and_one_group_says_nothing():
    equal = sizes([Survey(seed=0, rows=[row("a", 0.2, n=50), row("b", 0.3, n=50)])])
    assert "no two groups differ in size" in equal.only(measure="size_order_violations").undefined
    assert len(sizes([Survey(seed=0, rows=[row("a", 0.2)])])) == 0
