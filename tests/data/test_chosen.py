import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from disparate.data.chosen import chosen
from disparate.data.grouped import GroupedDataset
from disparate.errors import BadInput
from disparate.groups import Attribute


def made(sexes: list[str | None], splits: list[str]) -> GroupedDataset:
    return GroupedDataset(
        name="toy",
        kind="table",
        inputs=np.arange(len(sexes), dtype=np.float32)[:, None],
        target=np.arange(len(sexes)) % 2,
        label_names=("no", "yes"),
        target_name="paid",
        example_id=np.array([f"e{row}" for row in range(len(sexes))]),
        attributes={
            "sex": Attribute.of(sexes),
            "site": Attribute.of([None if row == 0 else "arm" for row in range(len(sexes))]),
        },
        split=np.array(splits),
    )


PEOPLE = st.lists(
    st.tuples(st.sampled_from(["f", "m", "x", None]), st.sampled_from(["train", "test"])), min_size=1, max_size=60
)


@given(PEOPLE.filter(lambda people: any(sex for sex, _ in people)), st.integers(0, 3))
def test_groups_of_a_split_are_equal_and_as_large_as_its_smallest(people, seed):
    data = made([sex for sex, _ in people], [split for _, split in people])
    left = chosen(data, known=(), balanced="sex", seed=seed)
    for split in ("train", "test"):
        before = [sum(1 for pair in people if pair == (sex, split)) for sex in ("f", "m", "x")]
        smallest = min((count for count in before if count), default=0)
        after = left.sizes("sex")[split]
        assert [after.get(sex, 0) for sex in ("f", "m", "x")] == [smallest if count else 0 for count in before]
    assert "(missing)" not in left.attributes["sex"].names
    gone = sum(int(problem.found.split()[0]) for problem in left.problems)
    assert gone == len(data) - len(left)
    assert left.example_id.tolist() == sorted(left.example_id.tolist(), key=data.example_id.tolist().index)


def test_which_examples_stay_depends_on_ids_and_seed_and_not_on_order():
    data = made(["f"] * 5 + ["m"] * 15, ["train"] * 20)
    turned = data.take(np.arange(20)[::-1])
    first, again, other = (
        set(chosen(given, known=(), balanced="sex", seed=seed).example_id.tolist())
        for given, seed in ((data, 0), (turned, 0), (data, 1))
    )
    assert first == again != other


def test_an_attribute_that_is_known_of_nobody_is_refused():
    with pytest.raises(BadInput, match="data set 'toy': sex is known of no example"):
        chosen(made([None, None], ["train", "test"]), known=["sex"], balanced="", seed=0)


def test_unknown_stays_where_nobody_asked_and_goes_with_its_name_where_somebody_did():
    data = made(["f", "m", None, "m"], ["train"] * 4)
    assert chosen(data, known=(), balanced="", seed=0) is data
    left = chosen(data, known="sex", balanced="", seed=0)
    assert left.groups("sex").counts() == {"f": 1, "m": 2}
    assert left.attributes["site"].names == ("arm", "(missing)")
    assert [str(problem) for problem in left.problems] == ["toy: 1 examples of unknown sex (left out)"]
    both = chosen(data, known=["sex", "site"], balanced="", seed=0)
    assert both.example_id.tolist() == ["e1", "e3"]
    assert both.attributes["site"].names == ("arm",)


@pytest.mark.parametrize("settings", [{"known": ["sx"], "balanced": ""}, {"known": (), "balanced": "sx"}])
def test_an_unknown_attribute_is_refused(settings):
    with pytest.raises(BadInput, match=r"data set 'toy' has no attribute 'sx'. Did you mean 'sex'"):
        chosen(made(["f", "m"], ["train", "test"]), seed=0, **settings)
