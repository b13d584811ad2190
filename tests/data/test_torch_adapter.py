import numpy as np
import pytest
import torch
from torch.utils.data import TensorDataset

from disparate.data.torch_adapter import from_torch
from disparate.errors import BadInput

TARGET = torch.arange(40) % 2
SEX = ["f", "m", "m", "f"] * 10
BYTES = torch.randint(0, 256, (40, 3, 6, 5), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def adapt(inputs, **changed):
    settings = {"groups": {"sex": SEX}, "target_names": ["no", "yes"], **changed}
    return from_torch(TensorDataset(inputs, TARGET), **settings)


def test_bytes_keep_their_values_with_channels_last():
    data = adapt(BYTES)
    assert (data.kind, data.inputs.dtype) == ("image", np.uint8)
    assert np.array_equal(data.inputs, BYTES.permute(0, 2, 3, 1).numpy())
    assert data.target.tolist() == TARGET.tolist()
    assert data.example_id.tolist() == [str(row) for row in range(40)]
    assert data.attributes["sex"].values().tolist() == SEX


def test_floats_between_0_and_1_become_the_bytes_they_came_from():
    data = adapt(BYTES.float() / 255)
    assert np.array_equal(data.inputs, adapt(BYTES).inputs)
    assert data.problems == ()


def test_vectors_become_a_table():
    features = torch.randn(40, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    data = adapt(features)
    assert (data.kind, data.inputs.dtype) == ("table", np.float32)
    assert np.array_equal(data.inputs, features.float().numpy())


@pytest.mark.parametrize("inputs", [BYTES.float() / 127.5 - 1, torch.rand(40, 3, 6, 5), torch.rand(40, 2, 9)])
def test_other_floats_are_taken_as_they_are(inputs):
    data = adapt(inputs)
    assert (data.kind, data.inputs.dtype) == ("array", np.float32)
    assert np.array_equal(data.inputs, inputs.numpy())


def test_groups_may_be_callables_and_roles_may_be_given():
    data = adapt(
        BYTES,
        groups={"parity": lambda index: "even" if index % 4 < 2 else "odd"},
        example_id=range(100, 140),
        split=["train", "train", "train", "train", "test", "test", "test", "test"] * 5,
        cluster_id=[row // 4 for row in range(40)],
        name="mine",
        target_name="paid",
    )
    assert data.attributes["parity"].values()[:4].tolist() == ["even", "even", "odd", "odd"]
    assert data.example_id[0] == "100"
    assert data.split[:5].tolist() == ["train", "train", "train", "train", "test"]
    assert (data.name, data.target_name, data.cluster_id[4]) == ("mine", "paid", "1")


@pytest.mark.parametrize(
    ("inputs", "changed", "message"),
    [
        (BYTES.long(), {}, r"items are int64 of shape \(3, 6, 5\); uint8 images \(channels, height, width\)"),
        (BYTES[:, :2], {}, r"items are uint8 of shape \(2, 6, 5\); uint8 images .* with 1, 3, 4 channels"),
        (BYTES, {"groups": {"sex": SEX[:-1]}}, "groups 'sex' has 39 values; 40 were expected, one per item"),
        (BYTES, {"example_id": [1, 2]}, "example_id has 2 values; 40 were expected"),
        (BYTES, {"target_names": ["no"]}, "target of row 1 is 1; a label index from 0 to 0 was expected"),
    ],
)
def test_what_does_not_fit_is_refused(inputs, changed, message):
    with pytest.raises(BadInput, match=message):
        adapt(inputs, **changed)


def test_odd_items_are_named_by_index():
    pairs = [(BYTES[0], 0), (BYTES[1, :, :3], 1)]
    with pytest.raises(BadInput, match=r"item 1 has shape \(3, 3, 5\) and item 0 has \(3, 6, 5\); one shape"):
        from_torch(pairs, groups={"sex": ["f", "m"]}, target_names=["a", "b"])
    with pytest.raises(BadInput, match=r"item 1 of the data set is str; a pair \(tensor, integer target\)"):
        from_torch([pairs[0], "text"], groups={"sex": ["f", "m"]}, target_names=["a", "b"])
    with pytest.raises(BadInput, match=r"item 1 of the data set is tuple; a pair .* was expected \(cannot convert"):
        from_torch([pairs[0], (BYTES[1], float("inf"))], groups={"sex": ["f", "m"]}, target_names=["a", "b"])
    with pytest.raises(BadInput, match="data set 'custom' holds no item"):
        from_torch([], groups={}, target_names=["a"])


@pytest.mark.parametrize("target", [0.7, torch.tensor(1.5), np.float64(0.1), "1"])
def test_a_target_that_is_no_whole_number_is_refused(target):
    with pytest.raises(BadInput) as error:
        from_torch([(BYTES[0], 0), (BYTES[1], target)], groups={"sex": ["f", "m"]}, target_names=["a", "b"])
    assert str(error.value) == (
        f"item 1 of the data set has target {target}; a whole number, the index of a label, was expected. "
        "Cut numbers into classes first."
    )


@pytest.mark.parametrize("kind", [float, bool, torch.tensor, np.int32])
def test_whole_numbers_of_any_type_are_targets(kind):
    data = from_torch(
        [(row, kind(int(label))) for row, label in zip(BYTES, TARGET, strict=True)],
        groups={"sex": SEX},
        target_names=["a", "b"],
    )
    assert data.target.tolist() == TARGET.tolist()
