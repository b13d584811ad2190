"""Barriers per group: the highest mean above the chord, with an interval that knows it was looked for."""

import numpy as np
import pytest

from disparate.errors import BadInput
from disparate.explain.barrier import barrier_findings
from disparate.findings import Findings
from disparate.geometry.line import Line
from disparate.groups import Attribute, Groups

AT = np.linspace(0, 1, 5)


def groups_of(*names, order=None):
    return Groups.of({"race": Attribute.of(names, names=order)}, by="race")


def line_of(loss):
    loss = np.asarray(loss, dtype=np.float64)
    return Line(at=np.linspace(0, 1, len(loss)), loss=loss, correct=loss < 1)


def bumps(height, n=200, seed=0, noise=0.1):
    """Lines whose loss rises by ``height`` per group in the middle."""
    generator = np.random.default_rng(seed)
    bump = np.sin(np.pi * AT)[:, None] * np.repeat(height, n)
    ends = np.linspace(0.2, 0.6, len(AT))[:, None]
    jitter = generator.normal(0, noise, bump.shape)
    jitter[[0, -1]] = 0
    return line_of(bump + ends + jitter)


GROUPS = groups_of(*["a"] * 200, *["b"] * 200)


def found(lines, groups=GROUPS, **more):
    return Findings(tuple(barrier_findings(lines, groups, variant="avx2", split="test", **more)))


def test_barrier_of_each_group_by_hand():
    lines = [line_of([[1.0, 0.0, 2.0], [3.0, 0.5, 2.0], [2.0, 2.0, 2.0]])]
    result = found(lines, groups_of("a", "a", "b"))
    # a: chord at the middle is (1.5 + 1.0)/2, loss (3 + 0.5)/2; b: flat
    assert result.only(measure="loss_barrier", group="a").value == pytest.approx(0.5)
    assert result.only(measure="loss_barrier", group="b").value == pytest.approx(0.0)
    assert result.only(measure="loss_barrier", group=None).value == pytest.approx(1 / 3)
    assert result.only(measure="loss_barrier", group="a").where == {"by": "race", "split": "test", "t": 0.5}
    assert result.only(measure="loss_along_line", group="a", t=0.5).value == pytest.approx(1.75)
    assert result.only(measure="accuracy_along_line", group="a", t=0.5).value == pytest.approx(0.5)
    assert result.only(measure="loss_barrier", group="a").low is None  # two examples


def test_a_valley_is_no_barrier():
    assert found([bumps([-0.3, -0.3])]).only(measure="loss_barrier", group="a").value == 0


def test_the_group_with_a_barrier_is_told_from_the_one_without():
    result = found([bumps([0.5, 0.0], seed=seed) for seed in range(3)])
    high, flat = (result.only(measure="loss_barrier", group=name) for name in "ab")
    assert high.low > 0.4
    assert flat.low <= 0 <= flat.value
    assert high.low < high.value < high.high
    assert high.where == {"by": "race", "split": "test", "t": 0.5}
    assert (high.level, high.seeds, high.n) == (0.95, 3, 200)
    assert high.method.startswith("simultaneous t over")


def test_intervals_hold_the_true_barrier_at_the_stated_rate():
    held = 0
    groups = groups_of(*["a"] * 40, *["b"] * 40)
    for seed in range(200):
        item = found([bumps([0.0, 0.0], n=40, seed=seed)], groups).only(measure="loss_barrier", group="a")
        held += item.low <= 0 <= item.high
    assert held >= 185  # 0.95 of 200, less two standard deviations of a share


def test_the_order_of_examples_does_not_matter():
    lines = [bumps([0.5, 0.1])]
    order = np.random.default_rng(1).permutation(400)
    shuffled = [Line(at=x.at, loss=x.loss[:, order], correct=x.correct[:, order]) for x in lines]
    names = np.array(["a"] * 200 + ["b"] * 200)[order]
    left = found(lines)
    right = found(shuffled, groups_of(*names))
    assert [x.value for x in left] == pytest.approx([x.value for x in right])


def test_an_empty_group_is_undefined():
    result = found([bumps([0.5, 0.1])], groups_of(*["a"] * 400, order=["a", "none"]))
    [empty] = result.where(group="none")
    assert empty.undefined == "no example of this group"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "0 lines"),
        ([bumps([0.1])], "1 lines of shapes"),
        ([bumps([0.1, 0.1]), line_of(np.zeros((3, 400)))], "2 lines of shapes"),
    ],
)
def test_lines_that_do_not_belong_together(lines, message):
    with pytest.raises(BadInput, match=message):
        found(lines)
