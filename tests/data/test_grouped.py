import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from disparate.data.grouped import GroupedDataset, Problem, checked
from disparate.errors import BadInput
from disparate.groups import Attribute
from disparate.predictions import RESERVED


def refuse(match):
    return pytest.raises(BadInput, match=match)


def test_a_sound_data_set_passes_unchanged(toy):
    data = toy()
    assert checked(data) is data
    assert data.sizes("sex")["test"] == {"f": 2, "m": 2}
    assert data.sizes("sex")["validation"] == {"f": 0, "m": 0}
    assert data.groups("sex").counts() == {"f": 10, "m": 10}


def test_a_column_of_another_length_is_refused(toy):
    with refuse("data set 'toy': split has 19 rows; 20 were expected, one per target"):
        toy(split=np.array(["train"] * 19))
    with refuse("attribute 'sex' has 3 rows; 20 were expected"):
        toy(attributes={"sex": Attribute.of(["f", "m", "f"])})


def test_a_doubled_id_is_named_with_its_number(toy):
    ids = np.array([f"e{row}" for row in range(20)])
    ids[[3, 5, 7]] = "e1"
    with refuse(r"example id 'e1' occurs 4 times \(1 ids occur more than once\); ids have to be unique"):
        toy(example_id=ids)


@pytest.mark.parametrize("label", [-1, 2])
def test_a_label_out_of_range_is_named_with_row_and_value(toy, label):
    target = np.arange(20) % 2
    target[7] = label
    with refuse(f"target of row 7 is {label}; a label index from 0 to 1 was expected"):
        toy(target=target)


@pytest.mark.parametrize("kind", [np.int32, np.uint8, np.bool_, object])
def test_whole_numbers_of_any_type_are_targets(toy, kind):
    data = toy(target=(np.arange(20) % 2).astype(kind))
    assert data.target.dtype == np.int64
    assert data.content == toy().content


@pytest.mark.parametrize(
    ("target", "found"),
    [
        (np.arange(20) % 2 / 2, r"float64 of shape \(20,\)"),
        (np.array(["a", "b"] * 10), r"<U1 of shape \(20,\)"),
        (np.array([0, None] * 10, dtype=object), r"object of shape \(20,\)"),
        (np.zeros((20, 1), dtype=np.int64), r"int64 of shape \(20, 1\)"),
    ],
)
def test_a_target_that_is_no_column_of_whole_numbers_is_refused(toy, target, found):
    with refuse(f"data set 'toy': target is {found}; whole numbers, the label index per example, were expected"):
        toy(target=target)


@pytest.mark.parametrize("kind", [object, np.bytes_, list])
def test_ids_splits_and_clusters_become_texts(toy, kind):
    same = toy(cluster_id=toy().example_id)
    columns = {name: getattr(same, name) for name in ("example_id", "split", "cluster_id")}
    cast = {name: column.tolist() if kind is list else column.astype(kind) for name, column in columns.items()}
    data = toy(**cast)
    assert {getattr(data, name).dtype.kind for name in columns} == {"U"}
    assert data.content == same.content


def test_numbers_become_ids_and_labels(toy):
    data = toy(example_id=np.arange(20), label_names=(0, np.int64(1)))
    assert data.example_id[7] == "7"
    assert data.label_names == ("0", "1")


@pytest.mark.parametrize("value", [None, float("nan")])
def test_a_missing_id_is_refused(toy, value):
    with refuse(rf"example_id of row 3 is {value} \(1 such rows\); a text was expected"):
        toy(example_id=np.array(["a", "b", "c", value, *map(str, range(16))], dtype=object))


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_an_attribute_called_like_a_column_of_predictions_is_refused(toy, name):
    with refuse(f"data set 'toy': group attribute '{name}' is called like a column of predictions .*; rename the "):
        toy(attributes={name: toy().attributes["sex"]})


def test_an_unknown_split_is_refused_with_a_suggestion(toy):
    with refuse(r"split of row 2 is 'valid' \(1 such rows\). Did you mean 'validation'\?"):
        toy(split=np.array(["train", "test", "valid", *["train"] * 17]))


def test_inputs_of_another_type_or_shape_are_refused(toy):
    with refuse(r"inputs are float64 of shape \(20, 3\); float32 of shape \(examples, features\) was expected"):
        toy(inputs=np.zeros((20, 3)))
    with refuse(r"uint8 of shape \(examples, height, width, channels\) was expected for kind 'image'"):
        toy(kind="image")


def test_a_nan_feature_is_refused_with_its_place(toy):
    inputs = np.zeros((20, 3), dtype=np.float32)
    inputs[4, 1] = np.nan
    with refuse("row 4, feature 1 is nan; a finite number was expected"):
        toy(inputs=inputs)


def test_data_of_one_class_are_refused_by_the_class_name(toy):
    with refuse("every example has paid 'yes'; at least two labels have to occur"):
        checked(toy(target=np.ones(20, dtype=np.int64)))


def test_a_group_absent_from_a_split_is_refused_by_both_names(toy):
    sex = Attribute.of(["f" if row % 5 == 0 else "m" for row in range(20)])
    with refuse(r"group 'f' of 'sex' has no example in split 'train' \(\{'train': 0, 'test': 4\}\)"):
        checked(toy(attributes={"sex": sex}))


def test_the_missing_group_may_be_absent_from_a_split(toy):
    checked(toy(attributes={"sex": Attribute.of([None, *["f", "m"] * 9, "f"])}))


def test_more_than_one_in_a_hundred_set_aside_is_refused_with_the_first_ones(toy):
    problems = tuple(Problem(what=f"{row}.jpg", found="broken") for row in range(3))
    assert checked(toy(examples=297, problems=problems))
    with refuse(r"3 of 296 were set aside \(1.0%\); at most 1% may be. The first: 0.jpg: broken; 1.jpg: broken"):
        checked(toy(examples=293, problems=problems))


def test_a_kept_problem_does_not_count(toy):
    checked(toy(problems=tuple(Problem(what=str(row), found="odd", action="kept") for row in range(10))))


def test_a_group_that_vanishes_is_refused(toy):
    listed = {"sex": Attribute.of([*["f", "m"] * 100, "x"])}
    aside = (Problem(what="x.jpg", found="broken"),)
    with refuse("group 'x' of 'sex' vanished, all its examples were set aside. The first set aside: x.jpg: broken"):
        checked(toy(examples=200, problems=aside), listed=listed)


def test_content_changes_with_every_part_and_with_nothing_else(toy):
    same = toy()
    other_inputs = same.inputs.copy()
    other_inputs[0, 0] += 1
    changed = [
        toy(inputs=other_inputs),
        toy(target=1 - same.target),
        toy(label_names=("no", "maybe")),
        toy(target_name="owed"),
        toy(example_id=same.example_id[::-1]),
        toy(attributes={"gender": same.attributes["sex"]}),
        toy(attributes={"sex": Attribute(names=("m", "f"), codes=same.attributes["sex"].codes)}),
        toy(split=np.where(same.split == "test", "validation", "train")),
        toy(cluster_id=same.example_id),
        toy(name="other"),
    ]
    contents = [data.content for data in (same, *changed)]
    assert len(set(contents)) == len(contents)
    assert toy(problems=(Problem(what="a", found="b"),)).content == same.content
    assert toy(example_id=same.example_id.astype("<U40")).content == same.content


def test_content_is_the_same_for_a_memory_map(toy, tmp_path):
    data = toy()
    np.save(tmp_path / "inputs.npy", data.inputs)
    assert toy(inputs=np.load(tmp_path / "inputs.npy", mmap_mode="r")).content == data.content


def test_take_keeps_rows_together_and_changes_the_content(toy):
    data = toy(cluster_id=np.array([f"c{row // 2}" for row in range(20)]))
    rows = np.array([7, 2])
    part = data.take(rows)
    assert part.example_id.tolist() == ["e007", "e002"]
    assert part.cluster_id.tolist() == ["c3", "c1"]
    assert np.array_equal(part.inputs, data.inputs[rows])
    assert part.attributes["sex"].values().tolist() == ["m", "m"]
    assert part.content != data.content
    assert data.take(np.arange(20)).content == data.content


@settings(max_examples=30, deadline=None)
@given(examples=st.integers(1, 400), asked=st.integers(1, 500))
def test_a_subset_keeps_the_shares_of_split_and_label(examples, asked):
    target = np.arange(examples) % 3 % 2
    data = GroupedDataset(
        name="toy",
        kind="table",
        inputs=np.zeros((examples, 1), np.float32),
        target=target,
        label_names=("a", "b"),
        target_name="t",
        example_id=np.arange(examples).astype(str),
        attributes={},
        split=np.where(np.arange(examples) % 5 == 0, "test", "train"),
    )
    part = data.subset(asked, generator=np.random.default_rng(0))
    for split in ("train", "test"):
        for label in (0, 1):
            whole = int(((data.split == split) & (target == label)).sum())
            kept = int(((part.split == split) & (part.target == label)).sum())
            expected = whole * min(1, asked / examples)
            assert (kept > 0) == (whole > 0)
            assert abs(kept - expected) <= 1


def test_a_subset_of_nothing_is_refused(toy):
    with refuse("a subset of 0 examples was asked for; at least 1 is needed"):
        toy().subset(0, generator=np.random.default_rng(0))
