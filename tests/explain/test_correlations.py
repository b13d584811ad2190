"""Correlations over groups: signs, undefined pairs, and the honesty about few groups."""

import numpy as np

from disparate.explain.correlations import Column, correlations
from disparate.findings import Finding


def column(name: str, **values: float) -> Column:
    return Column(name=name, values=values)


def found(causes: list[Column], harms: list[Column]) -> list[Finding]:
    return list(correlations(causes, harms, by="race", variant="prune", generator=np.random.default_rng(0)))


def test_every_cause_meets_every_harm():
    causes = [column("group_size", a=3, b=2, c=1), column("gradient_norm", a=1, b=2, c=3)]
    items = found(causes, [column("excessive_risk", a=0.1, b=0.2, c=0.3)])
    assert [(item.where["cause"], round(item.value, 9)) for item in items] == [("group_size", -1), ("gradient_norm", 1)]


def test_four_groups_are_never_significant_and_the_method_says_so():
    values = {"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0}
    (item,) = found([Column(name="x", values=values)], [Column(name="y", values=values)])
    assert item.p_value > 0.05
    assert "least possible p 0.083" in item.method


def test_groups_without_a_number_are_left_out_and_too_few_are_undefined():
    (item,) = found([column("x", a=1, b=2)], [column("y", b=1, c=2)])
    assert item.value is None
    assert "1 pair(s)" in item.undefined


def test_a_column_reads_findings_and_leaves_out_the_undefined():
    some = Finding(measure="loss", group="a", variant="reference", value=0.5, unit="nats")
    none = Finding(measure="loss", group="b", variant="reference", value=None, undefined="no example", unit="nats")
    assert Column.of("loss", [some, none]).values == {"a": 0.5}
