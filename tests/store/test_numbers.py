"""Numbers per example: written and read back entire, and nothing but numbers or null in the file."""

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from disparate.errors import BadInput
from disparate.store.numbers import NumberTable, read_numbers, write_numbers


def table(ids: np.ndarray) -> NumberTable:
    return NumberTable(
        example_id=ids,
        split=np.array(["train", "test", "test"]),
        columns={"vog": np.array([0.5, np.nan, 2.0]), "distance_inputs": np.array([np.inf, 1.0, 0.0])},
    )


@pytest.mark.parametrize("ids", [np.array([7, 8, 9]), np.array(["a", "b", "c"])])
def test_it_is_read_back_entire(tmp_path, ids):
    write_numbers(table(ids), tmp_path / "n.parquet")
    found = read_numbers(tmp_path / "n.parquet")
    assert found.example_id.tolist() == ids.tolist()
    assert found.split.tolist() == ["train", "test", "test"]
    np.testing.assert_array_equal(found.columns["vog"], [0.5, np.nan, 2.0])
    np.testing.assert_array_equal(found.columns["distance_inputs"], [np.nan, 1.0, 0.0])


def test_the_file_holds_null_and_no_nan(tmp_path):
    write_numbers(table(np.arange(3)), tmp_path / "n.parquet")
    written = pq.read_table(tmp_path / "n.parquet")
    assert written["vog"].null_count == 1
    assert pc.sum(pc.is_nan(written["distance_inputs"])).as_py() == 0


def test_a_split_is_taken(tmp_path):
    assert table(np.arange(3)).of("test").columns["vog"].tolist()[1] == pytest.approx(2.0)
    assert len(table(np.arange(3)).of("nowhere").example_id) == 0


def test_wrong_files_and_lengths_are_refused(tmp_path):
    (tmp_path / "broken.parquet").write_bytes(b"PAR1")
    with pytest.raises(BadInput, match="complete"):
        read_numbers(tmp_path / "broken.parquet")
    with pytest.raises(BadInput, match="2 numbers for 3"):
        NumberTable(example_id=np.arange(3), split=np.array(["a"] * 3), columns={"x": np.ones(2)})
    pq.write_table(pq.read_table(_written(tmp_path)).drop(["split"]), tmp_path / "less.parquet")
    with pytest.raises(BadInput, match="no column 'split'"):
        read_numbers(tmp_path / "less.parquet")


def _written(folder):
    write_numbers(table(np.arange(3)), folder / "whole.parquet")
    return folder / "whole.parquet"
