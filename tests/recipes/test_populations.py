"""Populations in recipes: their size, what is refused, and how numbers become outcomes."""

import pytest

from disparate.errors import BadInput
from disparate.findings import Finding, Null
from disparate.recipes.figures import figure_named
from disparate.recipes.populations import apart, below, beside_null
from disparate.recipes.setting import setting
from disparate.recipes.zhuang2022_tooling import ALGO, BOTH, IMPL, _arm, _sets


def number(value, low=None, high=None, **more):
    return Finding(measure="exemplar_accuracy", variant="int8", value=value, low=low, high=high, unit="share", **more)


def test_thirty_networks_at_laptop_scale_each_trained_once():
    audit = figure_named("hooker2019_forget/pie").ask(setting("laptop", "utkface_ethnicity"))
    assert (len(audit.seeds), audit.repeats) == (30, 1)
    assert [variant.name for variant in audit.variants] == ["trained on", "prune 50 %", "prune 90 %", "int8"]
    epochs = {v.name: v.tunings()[0].choice.epochs for v in audit.variants if v.tunings()}
    assert set(epochs.values()) == {2}


def test_both_papers_ask_for_the_same_networks():
    at = setting("smoke", "synthetic")
    left, right = (figure_named(name).ask(at) for name in ("hooker2019_forget/pie", "hooker2020_bias/subgroups"))
    assert (left.variants, left.training, left.seeds) == (right.variants, right.training, right.seeds)


def test_one_network_is_refused_where_a_population_is_needed():
    at = setting("laptop", "synthetic", seeds=1)
    with pytest.raises(BadInput, match=r"--seeds 1: one network is no population; at least 2 are needed"):
        figure_named("hooker2019_forget/pie").ask(at)
    assert figure_named("agarwal2022_vog/late").ask(at).seeds == (0,)


def test_no_seed_is_refused():
    with pytest.raises(BadInput, match="--seeds 0: at least 1 training seed was expected"):
        setting("smoke", "synthetic", seeds=0)


def test_epochs_can_be_asked_for_and_no_epoch_is_refused():
    assert setting("smoke", "digits", epochs=5).training.epochs == 5
    with pytest.raises(BadInput, match="--epochs 0: at least 1 epoch was expected"):
        setting("smoke", "synthetic", epochs=0)


def test_tables_have_a_network_for_tables():
    assert setting("laptop", "adult").model == {"name": "small_mlp", "width": 64}
    assert not setting("laptop", "adult").training.flip


@pytest.mark.parametrize(
    ("item", "level", "told"),
    [
        (number(0.2, 0.1, 0.3), 0.4, "seen"),
        (number(0.2, 0.1, 0.3), 0.05, "contradicted"),
        (number(0.2, 0.1, 0.3), 0.2, "not seen"),
        (number(0.2), 0.4, "cannot be told"),
        (None, 0.4, "cannot be told"),
    ],
)
def test_below(item, level, told):
    assert below(item, level) == told


def test_apart_needs_intervals_that_do_not_overlap():
    high, low, wide = number(0.8, 0.7, 0.9), number(0.2, 0.1, 0.3), number(0.5, 0.0, 1.0)
    assert apart(high, low) == "seen"
    assert apart(low, high) == "contradicted"
    assert apart(high, wide) == "not seen"
    assert apart(high, number(0.1)) == "cannot be told"


def test_a_level_has_no_sign_and_a_floor_is_said():
    held = number(0.25, 0.2, 0.3, reference="reference", null=Null(name="N2", value=0.1))
    assert beside_null(held) == "25.0 [20.0, 30.0], floor 10.0"


def test_arms_differ_by_what_their_name_says():
    machines, seeds = ("reference", "a", "b"), (0, 1, 2, 3)
    keys = list(_sets(machines, seeds))
    told = {name: [key for key in keys if _arm(key) == name] for name in (ALGO, IMPL, BOTH)}
    assert {name: len(own) for name, own in told.items()} == {ALGO: 3, IMPL: 4, BOTH: 3}
    for key in told[BOTH]:
        assert len({machine for machine, _ in key}) == len({seed for _, seed in key}) == len(key) == 3
