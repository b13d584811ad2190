"""Whatever is wrong is named, with what was found, what was expected and what to do."""

import math
import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import disparate
from disparate.comparing import opening, perform
from disparate.errors import BadInput, DisparateError


def ask(reference, variants, **more):
    return disparate.compare(reference, variants, **{"replicates": 20, "groups": ["race"], **more})


def refused(text, reference, variants, **more):
    with pytest.raises(BadInput) as caught:
        ask(reference, variants, **more)
    assert text in str(caught.value)


def changed(columns, name, row, value):
    column = list(columns[name])
    column[row] = value
    return {**columns, name: column}


def cut(columns, rows):
    return {name: np.asarray(values)[rows] for name, values in columns.items()}


def test_ids_on_one_side(dense, int8):
    text = "2 of 600 ids of table of 'reference', seed 0 are not in table of 'int8', seed 0, such as '0', '1'"
    refused(text, dense, {"int8": cut(int8, slice(2, None))})
    refused("allow it with --allow-partial", cut(dense, slice(3, None)), {"int8": int8})
    result = ask(dense, {"int8": cut(int8, slice(2, None))}, allow_partial=True)
    assert result.run["examples"] == 598
    caution = next(caution for caution in result.cautions if caution.code == "D202")
    assert "2 of table of 'reference', seed 0. 598 examples are compared" in caution.text
    strange = {**int8, "example_id": [f"x{row}" for row in range(600)]}
    refused("no id is in all tables", dense, {"int8": strange}, allow_partial=True)
    refused("600 of 600 ids of table of 'reference', seed 0 are not in", dense, {"int8": strange})


def test_an_id_twice(dense, int8):
    text = "table of 'int8', seed 0: id '4' is there 2 times, and 1 ids occur more than once"
    refused(text, dense, {"int8": changed(int8, "example_id", 5, 4)})


def test_target_and_group_that_disagree(dense, int8):
    other = "dog" if int8["target"][7] != "dog" else "cat"
    text = f"id '7': target is '{dense['target'][7]}' in table of 'reference', seed 0 and '{other}' in table of 'int8'"
    refused(text, dense, {"int8": changed(int8, "target", 7, other)})
    refused("id '3': group 'race' is", dense, {"int8": changed(int8, "race", 3, "z")})
    refused("(1 such ids); both have to agree.", dense, {"int8": changed(int8, "race", 3, "z")})


@pytest.mark.parametrize("nothing", [None, math.nan, ""])
def test_an_answer_that_is_missing(dense, int8, nothing):
    found = pd.DataFrame(int8)
    found["predicted"] = found["predicted"].astype(object)
    found.loc[11, "predicted"] = nothing
    refused("in row 11", dense, {"int8": found})


def test_a_nan_among_numbers(dense, int8):
    coded = {
        name: [{"cat": 0.0, "dog": 1.0, "eel": 2.0}[label] for label in dense[name]] for name in ("target", "predicted")
    }
    one = {**dense, **coded}
    refused(
        "column 'predicted' has no value in row 2 (1 such rows)", one, {"v": changed(one, "predicted", 2, math.nan)}
    )
    refused("id column 'example_id' has no value in row 0", one, {"v": changed(one, "example_id", 0, None)})


def test_columns_that_are_absent(dense, int8):
    refused(
        "column 'predictd' is absent. Did you mean 'predicted'?", dense, {"v": int8}, columns={"predicted": "predictd"}
    )
    refused(
        "table of 'reference', seed 0: column 'rac' is absent. Did you mean 'race'?", dense, {"v": int8}, groups=["rac"]
    )
    refused("column 'race' is both id and group", dense, {"v": int8}, columns={"id": "race"})
    lacking = {name: values for name, values in int8.items() if name not in {"race", "target"}}
    assert len(ask(dense, {"v": lacking}).findings)  # a variant may leave out what the reference says
    refused("column 'race' is absent", lacking | {"target": dense["target"]}, {"v": int8})


def test_probabilities(dense):
    def scores(sum_to=1.0, first=0.5):
        rest = (sum_to - first) / 2
        return {"p_cat": np.full(600, first), "p_dog": np.full(600, rest), "p_eel": np.full(600, rest)}

    plain = {name: values for name, values in dense.items() if name != "predicted"}
    setting = {"columns": {"scores": "p_"}}
    good = plain | scores()
    refused("row 0 are 0.5, 0.2, 0.2 and sum to 0.9 (600 such rows)", good, {"v": plain | scores(0.9)}, **setting)
    refused(
        "are 2, -0.5, -0.5 (600 such rows); probabilities in [0, 1]", good, {"v": plain | scores(first=2.0)}, **setting
    )
    refused("column 'p_cat' is empty in row 0", good, {"v": plain | scores(first=math.nan)}, **setting)
    refused("no column begins with 'q_'", good, {"v": good}, columns={"scores": "q_"})
    refused(
        "target 'cat' has no score; scores are of ['p_cat', 'p_dog']",
        good,
        {"v": good},
        columns={"scores": ("p_cat", "p_dog")},
    )
    refused("a single score is that of the positive one of two labels", good, {"v": good}, columns={"scores": "p_cat"})
    refused("threshold 0.5 is for a single score", good, {"v": good}, columns={"scores": "p_", "threshold": 0.5})


def test_label_sets_that_do_not_meet(dense, int8):
    coded = {**int8, "predicted": np.arange(600) % 3}
    refused(
        "no answer is ever a target; answers are ['0', '1', '2'], targets ['cat', 'dog', 'eel']", dense, {"v": coded}
    )
    odd = ask(dense, {"v": changed(int8, "predicted", 0, "fox")})
    assert "'fox'" in next(caution.text for caution in odd.cautions if caution.code == "D206")


def test_a_positive_label_that_is_none(dense, int8, make):
    text = "positive label 'dgo' is no target and no answer. Did you mean 'dog'?"
    refused(text, dense, {"v": int8}, columns={"positive": "dgo"})
    refused("positive label 'dog' is for two labels; 3 were found", dense, {"v": int8}, columns={"positive": "dog"})


def test_numbers_are_no_classes(dense, file):
    halves = {**dense, "target": np.arange(600) % 3 / 2, "predicted": np.arange(600) % 3 / 2}
    text = "column 'target' holds numbers with fractions, such as 0.5 in row 1 (200 such rows); labels were expected"
    refused(text, halves, {"v": halves})
    refused("Predicted numbers are compared with --regression", halves, {"v": halves})
    as_texts = {**halves, "target": halves["target"].astype(str), "predicted": halves["predicted"].astype(str)}
    assert ask(as_texts, {"v": as_texts}).run["data"]["labels"] == ["0.0", "0.5", "1.0"]
    many = {name: np.tile(values, 4) for name, values in dense.items()} | {
        "example_id": np.arange(2400),
        "target": np.arange(2400) / 7,
    }
    refused("at most 1,000 labels were expected", file("many.csv", many), {"v": many})
    refused("predicted numbers are compared with --regression", file("many.csv", many), {"v": many})


def test_numbers_in_few_rows_are_no_classes_either(dense):
    numbers = {**dense, "target": np.arange(600), "predicted": np.arange(600)}
    refused("column 'target' holds 600 different values, such as '0", numbers, {"v": numbers})
    refused("at most 300 labels were expected", numbers, {"v": numbers})


def test_several_labels_per_example_are_refused(dense):
    lists = pa.table({**dense, "target": pa.array([["cat", "dog"]] * 600)})
    text = "column 'target' holds list<item: string>; texts or numbers were expected. Several labels per example"
    refused(text.replace("item", lists.schema.field("target").type.value_field.name), lists, {"v": lists})


def test_files(tmp_path, file, dense, int8):
    good = file("dense.parquet", dense)
    refused("is a folder; files were expected", good, {"v": str(tmp_path)})
    refused("dens.parquet' does not exist. Did you mean 'dense.parquet'?", str(tmp_path / "dens.parquet"), {"v": good})
    for name, content, text in (
        ("empty.csv", b"", "is empty (0 bytes)"),
        ("empty.parquet", b"", "is empty (0 bytes)"),
        ("broken.parquet", (tmp_path / "dense.parquet").read_bytes()[:900], "cannot be read as Parquet"),
        ("torn.csv", b"example_id,target\n1,2\n1\n", "column 'predicted' is absent"),
        ("ragged.csv", b"example_id,target,predicted,race\n1,cat,cat,a\n1,2\n", "cannot be read"),
        ("header.csv", b"example_id,target,predicted,race\n", "holds no row"),
        ("strange.xlsx", b"PK", "ends in '.xlsx'; .csv, .parquet, .pq, .txt were expected"),
        ("semicolons.csv", b"example_id;target;predicted;race\n1;cat;cat;a\n", "Write ';' as a comma"),
        ("latin.csv", b"example_id,target,predicted,race\n1,caf\xe9,cat,a\n", "cannot be read"),
    ):
        (tmp_path / name).write_bytes(content)
        refused(text, good, {"v": str(tmp_path / name)})
    refused("matches no file; {seed} stands for a number", good, {"v": str(tmp_path / "x_{seed}.csv")})


def test_a_csv_with_a_million_columns(tmp_path, file, dense):
    path = tmp_path / "wide.csv"
    path.write_text(",".join(map(str, range(1_000_000))) + "\n" + ",".join("0" * 1_000_000) + "\n")
    refused("has 1,000,000 columns; at most 10,000 were expected", file("dense.csv", dense), {"v": str(path)})


def test_names_of_variants(dense, int8, file):
    refused("no variant was given", dense, {})
    refused("a variant cannot be called 'reference'", dense, {"reference": int8})
    refused("'int9' is no variant of this comparison. Did you mean 'int8'?", dense, {"int8": int8}, retrained=["int9"])
    refused("no group column was named", dense, {"int8": int8}, groups=[])
    refused("'a*b*c*d*e' name 5 columns; one to 4 different columns", dense, {"int8": int8}, groups=["a*b*c*d*e"])
    refused("one to 4 different columns joined by *", dense, {"int8": int8}, groups=["race*race"])
    refused("one to 4 different columns joined by *", dense, {"int8": int8}, groups=["race,sex*"])
    refused(
        "reference group given for 'rce', which is not asked for", dense, {"v": int8}, reference_groups={"rce": "a"}
    )
    refused("variant 'v' has seeds [3] and the reference [0]", dense, {"v": {3: int8}})
    refused("is a int; a path, a pandas, polars or pyarrow table", dense, {"v": 3})


def test_ids_in_two_spellings(dense, int8, file):
    padded = {**int8, "example_id": ["007" if row == 7 else str(row) for row in range(600)]}
    result = ask(dense, {"v": padded}, allow_partial=True)
    assert result.run["examples"] == 599
    assert "'007'" in next(caution.text for caution in result.cautions if caution.code == "D201")
    assert "D201" not in {caution.code for caution in ask(dense, {"v": file("v.csv", int8)}).cautions}


def test_what_looks_like_seeds_is_said(dense, int8, make):
    result = ask(dense, {"int8_seed0": int8, "int8_seed1": make(1)})
    text = next(caution.text for caution in result.cautions if caution.code == "D203")
    assert "int8_seed0 and int8_seed1 differ by a number alone" in text
    assert "D203" not in {one.code for one in ask(dense, {"int8": int8, "int4": make(1)}).cautions}
    lonely = ask({0: dense, 1: make(1)}, {"v": {0: int8}})
    assert "seed 1 of the reference only" in next(one.text for one in lonely.cautions if one.code == "D204")


def test_one_answer_for_everything(dense):
    result = ask(dense, {"v": {**dense, "predicted": ["cat"] * 600}})
    assert "answers 'cat' for each of 600 examples" in next(one.text for one in result.cautions if one.code == "D205")


CELL = st.one_of(st.none(), st.integers(-3, 3), st.sampled_from(["", "a", "b", "cat", "007", "7"]))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(CELL, CELL, CELL, CELL), max_size=6), st.booleans())
def test_any_small_table_is_compared_or_refused_politely(rows, partial):
    columns = {
        name: [None if row[place] is None else str(row[place]) for row in rows]
        for place, name in enumerate(("example_id", "target", "predicted", "race"))
    }
    frame = pa.table({name: pa.array(column, pa.string()) for name, column in columns.items()})
    told = ""
    try:
        result = ask(frame, {"v": frame.slice(0, 3)}, allow_partial=partial, replicates=5)
        assert len(result.findings)
    except DisparateError as error:
        told = str(error)
    assert not told or re.search(r"expected|needed|have to|Compare the same|Name the column", told), told


def test_a_column_of_ids_is_no_group(dense, int8, monkeypatch):
    monkeypatch.setattr(perform, "MOST_GROUPS", 500)
    person = {"person": [f"p{row}" for row in range(600)]}
    text = "groups 'person' make 600 groups, such as 'p0' and 'p1'; at most 500 were expected. Is it an id"
    refused(text, dense | person, {"v": int8 | person}, groups=["person"])


def test_a_column_that_never_varies(dense, int8):
    def cautions(columns, **more):
        other = {**int8, **{name: columns[name] for name in ("target", "race")}}
        return [one.text for one in ask(columns, {"v": other}, **more).cautions if one.code == "D208"]

    assert cautions({**dense, "race": ["a"] * 600}) == ["Group column 'race' is 'a' for each of 600 examples."]
    assert cautions({**dense, "target": ["cat"] * 600}) == ["The target is 'cat' for each of 600 examples."]
    assert cautions(dense) == []


def test_a_file_that_is_damaged_inside(tmp_path, file, dense, int8):
    good, path = file("dense.parquet", dense), tmp_path / "int8.parquet"
    file("int8.parquet", int8)
    content = bytearray(path.read_bytes())
    content[100:1500] = b"\0" * 1400
    path.write_bytes(content)
    refused("is it complete? Write it again", good, {"v": str(path)})
    refused("are the files complete?", good, {"v": str(path)}, counts_only=True)


def test_a_first_line_without_an_end(tmp_path, file, dense, monkeypatch):
    monkeypatch.setattr(opening, "MOST_HEADER", 100_000)
    (tmp_path / "line.csv").write_text("x," * 200_000)
    refused("has 50,000 columns; at most 10,000 were expected", file("d.csv", dense), {"v": str(tmp_path / "line.csv")})


NUMBER = st.one_of(st.integers(-5, 5), st.floats(), st.integers(-(2**62), 2**62))
COLUMN = st.one_of(
    st.lists(st.integers(0, 3), min_size=4, max_size=4),
    st.lists(st.sampled_from(["a", "b", "cat"]), min_size=4, max_size=4),
    *(st.lists(kind, min_size=4, max_size=4) for kind in (NUMBER, st.floats(), st.dates(), st.booleans(), st.none())),
    st.lists(st.one_of(st.none(), st.text(max_size=3)), min_size=4, max_size=4),
    st.lists(st.lists(st.integers(0, 2), max_size=2), min_size=4, max_size=4),
    st.lists(st.binary(max_size=2), min_size=4, max_size=4),
)
NAMES = ("example_id", "target", "predicted", "race", "score")


def told(call):
    """Return what a refusal says, or nothing; any other exception is a defect."""
    try:
        assert len(call().findings)
    except DisparateError as error:
        return str(error)
    return ""


@settings(max_examples=60, deadline=None, suppress_health_check=[*HealthCheck])
@given(
    st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, COLUMN)),
    st.sampled_from(["csv", "parquet"]),
    st.booleans(),
    st.sampled_from([{}, {"scores": "score"}, {"scores": "score", "threshold": 0.5}, {"weight": "score"}]),
)
def test_any_columns_of_any_kind_are_compared_or_refused_politely(tmp_path, columns, ending, way, named):
    path = tmp_path / f"any.{ending}"
    try:
        content = pa.table({name: pa.array(values) for name, values in columns.items()})
        (pyarrow.csv.write_csv if ending == "csv" else pq.write_table)(content, path)
    except (pa.ArrowException, OverflowError):
        return  # no file can hold that
    said = told(lambda: ask(str(path), {"v": str(path)}, columns=named, counts_only=way, replicates=3))
    assert "unexpected" not in said
    assert "Traceback" not in said


@settings(max_examples=60, deadline=None, suppress_health_check=[*HealthCheck])
@given(st.binary(max_size=60), st.sampled_from(["csv", "parquet"]), st.booleans())
def test_any_bytes_are_refused_politely(tmp_path, content, ending, way):
    path = tmp_path / f"bytes.{ending}"
    path.write_bytes(content)
    assert str(path) in told(lambda: ask(str(path), {"v": str(path)}, counts_only=way))
