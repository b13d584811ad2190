import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from disparate.errors import BadInput
from disparate.groups import Attribute
from disparate.predictions import RESERVED, Predictions, Run
from disparate.store.parquet import LOGITS, OPTIONAL, REQUIRED, read_predictions, write_predictions

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
numbers = st.floats(width=32, allow_nan=False, allow_infinity=False)


def assert_same_bits(left, right):
    assert left.dtype.kind == right.dtype.kind
    if left.dtype.kind == "U":
        assert left.tolist() == right.tolist()
    else:
        assert (left.dtype, left.shape, left.tobytes()) == (right.dtype, right.shape, right.tobytes())


def assert_same(left, right):
    assert (left.label_names, left.run) == (right.label_names, right.run)
    assert list(left.attributes) == list(right.attributes)
    for name, attribute in left.attributes.items():
        assert attribute.names == right.attributes[name].names
        assert_same_bits(attribute.codes, right.attributes[name].codes)
    for name in RESERVED:
        one, other = getattr(left, name), getattr(right, name)
        assert (one is None) == (other is None), name
        if one is not None:
            assert_same_bits(one, other)


@st.composite
def any_predictions(draw):
    n, labels = draw(st.integers(0, 6)), draw(st.lists(texts, min_size=1, max_size=3))

    def column(dtype, elements, shape=(n,)):
        return draw(arrays.arrays(dtype, shape, elements=elements))

    def words():
        return np.array(draw(st.lists(texts, min_size=n, max_size=n)), dtype=np.str_)

    def attribute():
        names = tuple(draw(st.lists(texts, min_size=1, max_size=4, unique=True)))
        return Attribute(names=names, codes=column(np.int32, st.integers(0, len(names) - 1)))

    names = draw(st.lists(texts.filter(lambda name: name not in RESERVED), max_size=3, unique=True))
    optional = {
        "score": lambda: column(np.float32, numbers),
        "weight": lambda: column(np.float64, st.floats(allow_nan=False)),
        "cluster_id": words,
        "split": words,
        "logits": lambda: column(np.float32, st.floats(width=32), (n, len(labels))),
    }
    return Predictions(
        example_id=words(),
        target=column(np.int64, st.integers(0, len(labels) - 1)),
        predicted=column(np.int64, st.integers(0, len(labels) - 1)),
        loss=column(np.float32, numbers),
        margin=column(np.float32, numbers),
        label_names=tuple(labels),
        attributes={name: attribute() for name in names},
        run=Run(variant=draw(texts), seed=draw(st.integers(0, 9)), draw=draw(st.integers(0, 9))),
        **{name: make() for name, make in optional.items() if draw(st.booleans())},
    )


@given(predictions=any_predictions())
@settings(max_examples=80, deadline=None)
def test_predictions_come_back_bit_for_bit(predictions, tmp_path_factory):
    path = tmp_path_factory.mktemp("predictions") / "a=b" / "file.parquet"
    write_predictions(predictions, path)
    assert_same(read_predictions(path), predictions)


def test_every_name_of_an_attribute_is_kept_in_order(predictions, tmp_path):
    write_predictions(predictions, tmp_path / "p.parquet")
    back = read_predictions(tmp_path / "p.parquet")
    assert back.attributes["skin tone"].names == ("unseen", "b", "a", "(missing)")
    assert back.attributes["skin tone"].values().tolist() == ["b", "(missing)", "b"]


def test_many_row_groups_and_chunks_are_one_table(predictions, tmp_path):
    rows = np.random.default_rng(0).integers(0, 3, 5000)
    many = replace(predictions.take(rows), logits=np.random.default_rng(1).normal(size=(5000, 2)).astype(np.float32))
    write_predictions(many, tmp_path / "one.parquet")
    pq.write_table(pq.ParquetFile(tmp_path / "one.parquet").read(), tmp_path / "many.parquet", row_group_size=700)
    assert_same(read_predictions(tmp_path / "many.parquet"), many)


def test_the_schema_is_the_one_that_others_may_rely_on(predictions, tmp_path):
    full = replace(
        predictions, logits=np.zeros((3, 2), np.float32), score=np.zeros(3, np.float32),
        weight=np.ones(3), cluster_id=np.array(["a"] * 3), split=np.array(["test"] * 3),
    )  # fmt: skip
    write_predictions(full, tmp_path / "p.parquet")
    schema = pq.read_schema(tmp_path / "p.parquet")
    assert {name: str(schema.field(name).type) for name in schema.names} == {
        "example_id": "string", "target": "int64", "predicted": "int64", "loss": "float", "margin": "float",
        "score": "float", "weight": "double", "cluster_id": "string", "split": "string",
        "logits": "fixed_size_list<element: float>[2]",
        "skin tone": "dictionary<values=string, indices=int32, ordered=0>",
        "sex": "dictionary<values=string, indices=int32, ordered=0>",
    }  # fmt: skip
    about = json.loads(schema.metadata[b"disparate"])
    assert about["schema"] == 1
    assert about["labels"] == ["no", "yes"]
    assert about["run"] == {"variant": "int8", "seed": 3, "draw": 1, "repeat": 2}
    assert about["attributes"]["skin tone"] == ["unseen", "b", "a", "(missing)"]


def test_every_column_of_the_file_is_reserved():
    assert {*REQUIRED, *OPTIONAL, LOGITS} == RESERVED


def test_an_attribute_called_like_a_column_is_refused(predictions, tmp_path):
    clash = replace(predictions, attributes={"loss": predictions.attributes["sex"]})
    with pytest.raises(
        BadInput, match=r"group attribute 'loss' of Run.* is called like a column .*; rename the attribute"
    ):
        write_predictions(clash, tmp_path / "p.parquet")
    assert not (tmp_path / "p.parquet").exists()


def test_a_text_that_is_no_unicode_is_refused(predictions, tmp_path):
    broken = replace(predictions, example_id=np.array(["a", "b", "\ud800"]))
    with pytest.raises(BadInput, match="cannot be written as UTF-8"):
        write_predictions(broken, tmp_path / "p.parquet")


def altered(predictions, folder, change):
    write_predictions(predictions, folder / "p.parquet")
    table = change(pq.ParquetFile(folder / "p.parquet").read())
    pq.write_table(table, folder / "p.parquet")
    return folder / "p.parquet"


def with_metadata(**changes):
    def change(table):
        about = {**json.loads(table.schema.metadata[b"disparate"]), **changes}
        return table.replace_schema_metadata({b"disparate": json.dumps(about)})

    return change


def with_column(name, values):
    return lambda table: table.set_column(table.schema.names.index(name), name, [values])


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda table: table.drop_columns(["margin"]), "column 'margin' is absent; found: example_id, target"),
        (lambda table: table.drop_columns(["sex"]), "column 'sex' is absent"),
        (lambda table: table.replace_schema_metadata({}), "it was not written by disparate"),
        (lambda table: table.replace_schema_metadata({b"disparate": b"{"}), "its 'disparate' metadata is damaged"),
        (lambda table: table.replace_schema_metadata({b"disparate": b"[" * 9999}), "its 'disparate' metadata is"),
        (with_metadata(schema=2), "it has schema version 2; 1 was expected"),
        (with_metadata(labels="no"), "its 'disparate' metadata is damaged"),
        (with_metadata(run={"colour": 1}), "its run is {'colour': 1}; variant, seed, draw and repeat were expected"),
        (with_metadata(attributes={"target": ["a"]}), "group attribute 'target' is called like a column"),
        (with_metadata(attributes={"sex": ["f"]}), "group attribute 'sex' holds 'm', which is not among its names"),
        (with_column("loss", pa.array([1.0, 2.0, 3.0])), "column 'loss' holds double; float was expected"),
        (with_column("target", pa.array([0, None, 1])), "column 'target' has 1 empty cells of 3"),
        (with_column("target", pa.array([0, 1, 9])), "target of row 2 is 9; a label index from 0 to 1"),
    ],
)  # fmt: skip
def test_a_bad_file_is_refused(predictions, tmp_path, change, text):
    path = altered(predictions, tmp_path, change)
    with pytest.raises(BadInput) as caught:
        read_predictions(path)
    assert str(caught.value).startswith(f"predictions file {path}: {text}")


def test_logits_of_another_width_are_refused(predictions, tmp_path):
    path = altered(replace(predictions, logits=np.zeros((3, 3), np.float32)), tmp_path, lambda table: table)
    with pytest.raises(
        BadInput, match=r"column 'logits' holds fixed_size_list.*\[3\]; fixed_size_list.*\[2\] was expected"
    ):
        read_predictions(path)


def test_an_absent_file_is_refused(tmp_path):
    with pytest.raises(BadInput, match=r"predictions file .*none.parquet does not exist"):
        read_predictions(tmp_path / "none.parquet")


def test_what_is_no_parquet_is_refused(tmp_path):
    (tmp_path / "p.parquet").write_text("example_id,target\n")
    with pytest.raises(BadInput, match=r"p.parquet cannot be read as Parquet \(.*\); write it again"):
        read_predictions(tmp_path / "p.parquet")


@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), cut=st.booleans())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_file_is_refused_or_read_unharmed(predictions, tmp_path, place, bit, cut):
    path = tmp_path / "p.parquet"
    write_predictions(predictions, path)
    content = bytearray(path.read_bytes())
    at = int(place * len(content))
    content[at] ^= 1 << bit
    path.write_bytes(content[:at] if cut else content)
    try:
        back = read_predictions(path)
    except BadInput:
        return
    assert_same_bits(back.loss, predictions.loss)
    assert len(back) == 3
