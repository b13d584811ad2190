import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from disparate.data.grouped import GroupedDataset
from disparate.errors import BadInput
from disparate.groups import JOINT, Attribute
from disparate.training.config import TrainingConfig
from disparate.training.thinning import Thinning


def table(examples: int = 90) -> GroupedDataset:
    target = np.arange(examples) % 3
    return GroupedDataset(
        name="t",
        kind="table",
        inputs=np.zeros((examples, 1), np.float32),
        target=target.astype(np.int64),
        label_names=("a", "b", "c"),
        target_name="letter",
        example_id=np.array([str(row) for row in range(examples)]),
        attributes={"sex": Attribute.of(["f" if row % 2 else "m" for row in range(examples)])},
        split=np.array(["train"] * (examples - 18) + ["test"] * 18),
    )


@given(st.floats(0.001, 1), st.integers(0, 99))
def test_of_one_group_the_share_is_kept_and_of_others_all(keep, seed):
    data = table()
    rows = data.rows("train")
    left = Thinning(by="letter", group="b", keep=keep, seed=seed).kept(rows, data)
    own = data.target[rows] == 1
    assert (data.target[left] == 1).sum() == max(1, round(keep * own.sum()))
    assert (data.target[left] != 1).sum() == (~own).sum()
    assert (np.diff(left) > 0).all()
    assert np.isin(left, rows).all()


def test_a_smaller_share_lies_within_a_larger_one_and_seeds_differ():
    data = table()
    few, more, other = (
        set(Thinning(by="sex", group="f", keep=keep, seed=seed).kept(data.rows("train"), data).tolist())
        for keep, seed in ((0.2, 0), (0.6, 0), (0.2, 1))
    )
    assert few < more
    assert few != other


def test_an_intersection_can_be_thinned_and_thinnings_follow_each_other():
    data = table()
    crossing = Thinning(by="sex*letter", group=f"f{JOINT}a", keep=0.25)
    config = TrainingConfig(thinned=(crossing, Thinning(by="letter", group="b", keep=0.5)), subset=0.5)
    found = TrainingConfig.from_json(config.to_json())
    assert found == config
    assert len(config.training_rows(data)) == round(0.5 * (72 - 9 - 12))


@pytest.mark.parametrize(
    ("thinning", "text"),
    [
        (Thinning(by="letter", group="d", keep=0.1), "thin: 'd' is no group of 'letter'."),
        (Thinning(by="leter", group="a", keep=0.1), "Did you mean 'letter'?"),
    ],
)
def test_what_is_not_there_is_named(thinning, text):
    data = table()
    with pytest.raises(BadInput) as caught:
        thinning.kept(data.rows("train"), data)
    assert text in str(caught.value)


def test_a_group_that_is_not_trained_on_cannot_go():
    data = table()
    split = np.where(data.target == 2, "test", "train")
    with pytest.raises(BadInput, match="group 'c' of 'letter' has no training example that could go"):
        Thinning(by="letter", group="c", keep=0.1).kept(np.flatnonzero(split == "train"), data)
