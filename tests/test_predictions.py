from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from disparate.errors import BadInput
from disparate.groups import Attribute
from disparate.predictions import Predictions, Run, require_same_examples


def predictions(count=4, **changes):
    values = {
        "example_id": np.array([f"e{row}" for row in range(count)]),
        "target": np.arange(count) % 2,
        "predicted": np.zeros(count, dtype=np.int64),
        "loss": np.linspace(0, 1, count, dtype=np.float32),
        "margin": np.linspace(-1, 1, count, dtype=np.float32),
        "label_names": ("no", "yes"),
        "attributes": {"sex": Attribute.of(["f", "m"] * (count // 2))},
    }
    return Predictions(**{**values, **changes})


def test_right_answers():
    assert predictions().correct.tolist() == [True, False, True, False]


def test_values_are_frozen():
    with pytest.raises(FrozenInstanceError):
        predictions().run = Run(seed=1)  # pyright: ignore[reportAttributeAccessIssue]


def test_groups_of_an_attribute_and_with_a_named_reference():
    assert predictions().groups("sex", reference="m").reference == "m"


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_taking_rows_takes_every_column(data):
    whole = predictions(
        6,
        logits=np.arange(12, dtype=np.float32).reshape(6, 2),
        score=np.linspace(0, 1, 6, dtype=np.float32),
        weight=np.arange(6.0),
        cluster_id=np.array(list("aabbcc")),
        split=np.array(["test"] * 6),
    )
    rows = np.array(data.draw(st.lists(st.integers(0, 5), max_size=8)), dtype=np.intp)
    part = whole.take(rows)
    for name in ("example_id", "target", "predicted", "loss", "margin", "logits", "score", "weight", "cluster_id"):
        assert np.array_equal(getattr(part, name), getattr(whole, name)[rows])
    assert part.attributes["sex"].values().tolist() == whole.attributes["sex"].values()[rows].tolist()
    assert (part.run, part.label_names) == (whole.run, whole.label_names)


def test_taking_by_a_mask():
    whole = predictions()
    assert whole.take(whole.correct).example_id.tolist() == ["e0", "e2"]


@settings(max_examples=40, deadline=None)
@given(target=st.integers(-3, 5))
def test_a_label_outside_the_names_is_refused(target):
    column = np.array([0, 1, target, 0])
    if 0 <= target < 2:
        assert predictions(target=column).target[2] == target
        return
    with pytest.raises(BadInput, match=rf"target of row 2 is {target}; a label index from 0 to 1 was expected"):
        predictions(target=column)


@pytest.mark.parametrize("column", ["loss", "margin"])
@pytest.mark.parametrize(
    ("numbers", "kind"),
    [((np.nan, np.nan), "NaN"), ((np.inf, -np.inf), "infinite"), ((np.inf, np.nan), "NaN or infinite")],
)
def test_what_is_no_number_is_refused_with_its_place_and_what_to_do(column, numbers, kind):
    broken = np.array([0, *numbers, 1], dtype=np.float32)
    with pytest.raises(BadInput) as error:
        predictions(**{column: broken}, run=Run(variant="int8", seed=3))
    assert str(error.value) == (
        f"{column} of Run(variant='int8', seed=3, draw=0, repeat=0) is {kind} for 2 of 4 examples, first in row 1; a "
        "finite number was expected. The model diverged or the choice broke it: lower the learning rate or the "
        "strength. A model that rules a class out needs a logit such as -1e4 in place of minus infinity."
    )


def test_a_column_of_another_length_is_refused():
    with pytest.raises(BadInput) as error:
        predictions(weight=np.ones(3))
    assert str(error.value) == (
        "column 'weight' of Run(variant='reference', seed=0, draw=0, repeat=0) has 3 rows; 4 were expected, one per "
        "example id."
    )


def test_a_group_column_of_another_length_is_refused():
    with pytest.raises(BadInput, match=r"column 'sex' of .* has 1 rows; 4 were expected"):
        predictions(attributes={"sex": Attribute.of(["f"])})


def test_predictions_of_the_same_examples_are_accepted():
    require_same_examples(predictions(predicted=np.ones(4, dtype=np.int64)), predictions())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"example_id": np.array(["e0", "e9", "e2", "e3"])}, "row 1: example_id is e9 in .* and e1 in "),
        ({"target": np.array([0, 1, 1, 1])}, "row 2: target is 1 in .* and 0 in "),
        ({"label_names": ("no", "maybe")}, r"labels are \('no', 'maybe'\) in .* and \('no', 'yes'\) in "),
    ],
)
def test_other_examples_are_refused(changes, message):
    with pytest.raises(BadInput, match=message):
        require_same_examples(predictions(**changes), predictions())


def test_another_number_of_examples_is_refused():
    with pytest.raises(BadInput, match=r"has 2 examples and .* has 4"):
        require_same_examples(predictions(2), predictions())


def test_ids_compare_as_text():
    with pytest.raises(BadInput, match=r"row 0: example_id is 007 in .* and 7 in "):
        require_same_examples(
            predictions(2, example_id=np.array(["007", "b"])), predictions(2, example_id=np.array(["7", "b"]))
        )
