"""Numbers per example by group: means, the null of dealt labels, the hardest tenth."""

import numpy as np
import pytest

from disparate.errors import BadInput
from disparate.explain.examples import ABOVE, TENTH, Numbers, group_numbers
from disparate.groups import Attribute, Groups


def groups(n: int = 400, seed: int = 0) -> Groups:
    drawn = np.random.default_rng(seed).choice(["a", "b", "c"], n, p=[0.6, 0.3, 0.1])
    return Groups.of({"race": Attribute.of(drawn.tolist(), names=["a", "b", "c", "nobody"])}, by="race")


def numbers(values: np.ndarray, **changes: object) -> Numbers:
    settings = {"measure": "el2n", "variant": "reference", "split": "test", "unit": "length", "hard": "high"} | changes
    return Numbers(values=values, **settings)


def found(values: np.ndarray, partition: Groups, form: str | None = None, **changes: object) -> dict:
    items = group_numbers(numbers(values, **changes), partition)
    return {item.group: item for item in items if (item.where or {}).get("form") == form}


def test_the_mean_is_the_groups_own_and_its_interval_holds_it():
    partition, values = groups(), np.random.default_rng(1).normal(size=(3, 400))
    means = found(values, partition)
    for name in "abc":
        item = means[name]
        assert item.value == pytest.approx(values[:, partition.mask(name)].mean())
        assert item.low < item.value < item.high
        assert (item.n, item.seeds) == (int(partition.mask(name).sum()), 3)


def test_a_group_that_nobody_belongs_to_has_no_number_and_says_so():
    items = found(np.ones((1, 400)), groups())
    assert items["nobody"].value is None
    assert items["nobody"].undefined == "no example of the group has a value"


def test_the_floor_is_what_dealt_labels_give():
    partition, values = groups(), np.random.default_rng(1).gamma(2.0, size=400)
    generator, own = np.random.default_rng(2), partition.mask("c")
    moved = [values[generator.permutation(400)][own].mean() - values.mean() for _ in range(4000)]
    item = found(values[None], partition, ABOVE)["c"]
    assert item.null is not None
    assert item.null.value == pytest.approx(np.sqrt(np.mean(np.square(moved))), rel=0.05)


def test_labels_dealt_at_random_alarm_at_their_rate():
    values = np.random.default_rng(3).normal(size=(1, 400))
    p = [found(values, groups(seed=seed), ABOVE)["b"].p_value for seed in range(300)]
    assert 0.02 <= np.mean(np.array(p) < 0.05) <= 0.09


def test_the_hard_group_fills_the_hardest_tenth():
    partition = groups()
    values = np.random.default_rng(4).random((2, 400)) + partition.mask("c")
    shares = found(values, partition, TENTH)
    sizes = partition.counts()
    assert sum(shares[name].value * sizes[name] for name in "abc") == pytest.approx(40)
    assert shares["c"].value > 0.5
    turned = found(-values, partition, TENTH, hard="low")
    assert turned["c"].value == pytest.approx(shares["c"].value)


def test_examples_without_a_value_are_left_out_and_counted():
    partition, values = groups(), np.ones((2, 400))
    values[0, partition.mask("b")] = np.nan
    values[1, np.flatnonzero(partition.mask("a"))[0]] = np.nan
    means = found(values, partition)
    assert means["b"].value is None
    assert means["a"].n == partition.counts()["a"] - 1
    assert "1 examples have no value" in (means["a"].method or "")


def test_small_groups_get_a_value_and_no_interval():
    partition = Groups.of({"sex": Attribute.of(["f"] * 5 + ["m"] * 95)}, by="sex")
    items = found(np.random.default_rng(0).random((1, 100)), partition)
    assert items["f"].value is not None
    assert items["f"].low is None
    assert items["m"].low is not None


def test_numbers_of_other_examples_are_refused():
    with pytest.raises(BadInput, match="same examples"):
        list(group_numbers(numbers(np.ones((1, 3))), groups()))
    with pytest.raises(BadInput, match="seeds, examples"):
        numbers(np.ones(3))
