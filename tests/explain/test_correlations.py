"""Correlations over groups: signs, undefined pairs, and the honesty about few groups and single seeds."""

import numpy as np
import pytest
from scipy import stats

from disparate.explain.correlations import Column, correlation, correlations
from disparate.findings import Finding


def column(name: str, **values: float) -> Column:
    return Column(name=name, seeds={group: [value] for group, value in values.items()})


def found(causes: list[Column], harms: list[Column]) -> list[Finding]:
    return list(correlations(causes, harms, by="race", variant="prune", generator=np.random.default_rng(0)))


def test_every_cause_meets_every_harm():
    causes = [column("group_size", a=3, b=2, c=1), column("gradient_norm", a=1, b=2, c=3)]
    items = found(causes, [column("excessive_risk", a=0.1, b=0.2, c=0.3)])
    assert [(item.where["cause"], round(item.value, 9)) for item in items] == [("group_size", -1), ("gradient_norm", 1)]
    assert {item.where["of"] for item in items} == {"harm"}


def test_four_groups_are_never_significant_and_the_method_says_so():
    (item,) = found([column("x", a=1, b=2, c=3, d=4)], [column("y", a=1, b=2, c=3, d=4)])
    assert item.p_value > 0.05
    assert "least possible p 0.083" in item.method


def test_groups_without_a_number_are_left_out_and_too_few_are_undefined():
    (item,) = found([column("x", a=1, b=2)], [column("y", b=1, c=2)])
    assert item.value is None
    assert "1 pair(s)" in item.undefined


def test_it_is_that_of_the_means_and_scipy_agrees():
    generator = np.random.default_rng(3)
    x, y = generator.normal(size=(6, 4)), generator.normal(size=(6, 4))
    columns = [
        Column(name=name, seeds={str(k): row.tolist() for k, row in enumerate(v)})
        for name, v in zip("xy", (x, y), strict=True)
    ]
    (item,) = found([columns[0]], [columns[1]])
    expected = stats.spearmanr(x.mean(axis=1), y.mean(axis=1))
    assert item.value == pytest.approx(expected.statistic)
    alike = sum(np.sign(stats.spearmanr(x[:, s], y[:, s]).statistic) == np.sign(expected.statistic) for s in range(4))
    assert f"same sign under {alike} of 4 seeds" in item.method
    assert item.seeds == 4


def test_a_column_that_is_the_same_under_all_seeds_meets_every_seed():
    size = column("group_size", a=3, b=2, c=1)
    harm = Column(name="excessive_risk", seeds={"a": [0.1, 0.2], "b": [0.2, 0.3], "c": [0.9, 0.8]})
    (item,) = found([size], [harm])
    assert "same sign under 2 of 2 seeds" in item.method


def test_a_group_that_one_seed_lacks_is_absent_from_the_means():
    gap = Column(name="x", seeds={"a": [1.0, None], "b": [1.0, 3.0], "c": [], "d": [2.0, 2.0]})
    assert gap.values == {"b": 2.0, "d": 2.0}
    assert gap.of_seed(0) == {"a": 1.0, "b": 1.0, "d": 2.0}
    assert gap.of_seed(1) == {"b": 3.0, "d": 2.0}


def test_forty_groups_take_random_orders():
    values = {f"g{k}": float(k) for k in range(40)}
    item = correlation(
        column("x", **values),
        column("y", **values),
        by="race",
        variant="reference",
        generator=np.random.default_rng(0),
        what="property",
    )
    assert item.value == pytest.approx(1)
    assert 0 < item.p_value < 0.001
    assert item.where["of"] == "property"
    assert "random orders" in item.method
