"""Counting on disk: the same as in memory, whatever columns are called, and in bounded memory."""

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from disparate.errors import BadInput
from disparate.store.aligned import aligned_counts
from disparate.store.joined import quoted
from disparate.store.patterns import CountedTable
from disparate.store.spill import Room
from disparate.store.tables import pattern_counts

PLAIN = {"id": "id", "predicted": "p"}


@pytest.fixture
def counted(tmp_path):
    def write(name, columns, aliases=PLAIN):
        path = tmp_path / name
        content = pa.table(columns)
        (pyarrow.csv.write_csv if name.endswith(".csv") else pq.write_table)(content, path)
        return CountedTable(called=name, files=(path,), columns=aliases)

    return write


def counts(patterns, *columns):
    table = patterns.counts.to_pydict()
    return {tuple(table[name][row] for name in columns): table["n"][row] for row in range(patterns.counts.num_rows)}


def test_rows_are_joined_by_id_and_counted(counted):
    one = counted("one.parquet", {"id": [1, 2, 3, 4], "p": ["a", "a", "b", "b"]})
    two = counted("two.parquet", {"id": [4, 3, 2, 1], "p": ["b", "a", "a", "a"]})
    patterns = pattern_counts([one, two])
    assert counts(patterns, "predicted_0", "predicted_1") == {("a", "a"): 2, ("b", "a"): 1, ("b", "b"): 1}
    assert patterns.rows == (4, 4)


def test_texts_and_numbers_meet_as_texts(counted):
    one = counted("one.csv", {"id": ["7", "007"], "p": ["a", "b"]})
    two = counted("two.parquet", {"id": [7, 8], "p": ["c", "d"]})
    patterns = pattern_counts([one, two])
    assert counts(patterns, "predicted_0", "predicted_1") == {("a", "c"): 1, ("b", None): 1, (None, "d"): 1}
    assert patterns.spelled_alike == ("007",)


def test_an_id_twice_is_found_wherever_it_is(counted):
    once = counted("once.parquet", {"id": [1, 2], "p": ["a", "a"]})
    twice = counted("twice.parquet", {"id": [1, 1], "p": ["a", "b"]})
    for tables in ([once, twice], [twice, once], [twice, twice], [once, once, twice]):
        with pytest.raises(
            BadInput, match=r"twice\.parquet: id '1' is there 2 times, and 1 ids occur more than once; one row per"
        ):
            pattern_counts(tables)


def test_ids_that_cannot_be_compared(counted):
    with pytest.raises(BadInput, match=r"one\.parquet: 1 of 2 rows have no id"):
        pattern_counts([counted("one.parquet", {"id": [1, None], "p": ["a", "b"]})] * 2)
    with pytest.raises(BadInput, match="id column holds DOUBLE; texts or whole numbers were expected"):
        pattern_counts([counted("one.parquet", {"id": [1.5], "p": ["a"]})])
    with pytest.raises(BadInput, match=r"one\.parquet holds no row"):
        pattern_counts([counted("one.parquet", {"id": pa.array([], pa.int64()), "p": pa.array([], pa.string())})])


HOSTILE = ['x"; DROP TABLE t; --', "a b", "sélection", "select", "1", "'", '"', "?", "$1", "{}", "%s", "a\nb", ")"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_a_name(counted, name):
    table = counted("one.parquet", {"id": [1, 2], name: ["a", "b"]}, {"id": "id", "predicted": name})
    assert counts(pattern_counts([table, table]), "predicted_0", "predicted_1") == {("a", "a"): 1, ("b", "b"): 1}


def test_a_hostile_file_is_a_file(tmp_path):
    path = tmp_path / "x[1]'; --*.parquet"
    pq.write_table(pa.table({"id": [1], "p": ["a"]}), path)
    pq.write_table(pa.table({"id": [2], "p": ["z"]}), tmp_path / "x1'; --2.parquet")
    table = CountedTable(called="x", files=(path,), columns=PLAIN)
    assert counts(pattern_counts([table]), "predicted_0") == {("a",): 1}


def test_nul_is_no_name():
    with pytest.raises(BadInput, match="holds the character NUL; rename the column"):
        quoted("a\0b")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(min_size=1, max_size=12, alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_any_name_is_quoted(counted, name):
    if name.casefold() == "id":
        return
    table = counted("any.parquet", {"id": [1, 2], name: ["a", "a"]}, {"id": "id", "predicted": name})
    assert counts(pattern_counts([table]), "predicted_0") == {("a",): 2}


def test_progress_is_told_and_memory_is_bounded(counted, monkeypatch):
    monkeypatch.setattr("disparate.store.joined.POLL_S", 0.005)
    rows = 400_000
    generator = np.random.default_rng(0)
    ids = generator.permutation(rows)
    one = counted("one.parquet", {"id": np.arange(rows), "p": np.arange(rows) % 3})
    two = counted("two.parquet", {"id": ids, "p": ids % 2})
    told = []
    patterns = pattern_counts(
        [one, two], room=Room(memory="150MB", threads=1), progress=lambda *said: told.append(said)
    )
    assert sum(counts(patterns, "predicted_0", "predicted_1").values()) == rows
    assert any("matching rows by id" in doing for doing, _ in told)
    assert all(0 <= share <= 1 for _, share in told)


def test_too_little_memory_is_said(counted):
    ids = np.random.default_rng(0).permutation(300_000)
    table = counted("one.parquet", {"id": ids, "p": ids % 3})
    with pytest.raises(BadInput, match=r"1MB of memory or the room in .* is not enough; more was expected"):
        pattern_counts([table, table], room=Room(memory="1MB", threads=1))


def test_too_many_patterns_are_said(counted, monkeypatch):
    for module in ("joined", "tables"):
        monkeypatch.setattr(f"disparate.store.{module}.MOST_PATTERNS", 10)
    table = counted("one.parquet", {"id": np.arange(30), "p": np.arange(30)})
    with pytest.raises(BadInput, match="more than 10 different patterns of groups, targets and answers"):
        pattern_counts([table])


def test_a_broken_file_is_said(tmp_path, counted):
    good = counted("one.parquet", {"id": np.arange(3000), "p": np.arange(3000) % 2})
    path = tmp_path / "torn.parquet"
    path.write_bytes(good.files[0].read_bytes()[:-200])
    with pytest.raises(BadInput, match=r"tables cannot be counted .* are the files complete\?"):
        pattern_counts([good, CountedTable(called="torn", files=(path,), columns=PLAIN)])


def rising(generator, rows=3000):
    return {
        "id": np.cumsum(generator.integers(1, 4, size=rows)),
        "p": pa.array(generator.choice(["a", "b", "c"], size=rows), mask=generator.random(rows) < 0.01),
        "score": generator.choice([0.5, 1.0, np.nan], size=rows),
        "race": pa.array(generator.choice(["x", "y"], size=rows)).dictionary_encode(),
    }


def test_side_by_side_and_joined_are_the_same(counted, monkeypatch):
    monkeypatch.setattr("disparate.store.aligned.CHUNK", 700)
    columns = {"id": "id", "predicted": "p", "g0": "score", "g1": "race", "g2": "race"}
    one = rising(np.random.default_rng(0))
    two = rising(np.random.default_rng(1)) | {"id": one["id"]}
    tables = [counted("one.parquet", one, columns), counted("two.parquet", two, columns)]
    told = []
    side_by_side = pattern_counts(tables, progress=lambda *said: told.append(said))
    assert told[-1] == ("reading rows side by side and counting", 1.0)
    monkeypatch.setattr("disparate.store.tables._in_order", lambda *_: None)
    joined = pattern_counts(tables)
    names = sorted(joined.counts.column_names)
    assert sorted(side_by_side.counts.column_names) == names

    def sorted_rows(patterns):
        return sorted(map(str, patterns.counts.select(names).to_pylist()))

    assert sorted_rows(side_by_side) == sorted_rows(joined)
    assert side_by_side.rows == joined.rows == (3000, 3000)


def moved(columns, change):
    ids = columns["id"].copy()
    change(ids)
    return {**columns, "id": ids}


def swap(ids):
    ids[[5, 6]] = ids[[6, 5]]


def repeat(ids):
    ids[2000] = ids[1999]


def shift(ids):
    ids[-1] += 1


@pytest.mark.parametrize("change", [swap, repeat, shift])
@pytest.mark.parametrize("both", [True, False])
def test_the_order_is_seen_and_not_assumed(counted, monkeypatch, change, both):
    monkeypatch.setattr("disparate.store.aligned.CHUNK", 1000)
    one = rising(np.random.default_rng(0))
    two = counted("two.parquet", moved(one, change))
    first = moved(one, change) if both else one
    files = [counted("one.parquet", first).files, two.files]
    found = aligned_counts(files, [["id", "p"]] * 2, most=100, told=id)
    assert (found is None) == (change is not shift or not both)


def test_texts_missing_ids_and_other_lengths_are_joined(counted):
    plain = counted("a.parquet", {"id": [1, 2], "p": ["a", "b"]}).files
    for ids in (["1", "2"], [1, None], [1.0, 2.0], [1, 2, 3]):
        other = counted("b.parquet", {"id": ids, "p": ["a"] * len(ids)}).files
        assert aligned_counts([plain, other], [["id", "p"]] * 2, most=100, told=id) is None
    assert aligned_counts([plain], [["id", "p"]], most=1, told=id) is None


def test_patterns_that_cannot_be_numbered_are_joined(counted, monkeypatch):
    one = counted("one.parquet", {"id": [1, 2, 3], "p": ["a", "b", "c"]})
    monkeypatch.setattr("disparate.store.aligned.MOST_NUMBERS", 8.0)
    assert aligned_counts([one.files] * 2, [["id", "p"]] * 2, most=100, told=id) is None
    found = counts(pattern_counts([one, one]), "predicted_0", "predicted_1")
    assert found == {("a", "a"): 1, ("b", "b"): 1, ("c", "c"): 1}


def test_every_pattern_has_an_id_that_shows_it(counted):
    first = {"id": [1, 2, 3, 4, 5], "p": ["a", "a", "b", "b", "a"]}
    for order in ([0, 1, 2, 3, 4], [4, 2, 0, 3, 1]):
        mixed = {name: [column[place] for place in order] for name, column in first.items()}
        patterns = pattern_counts([counted("one.parquet", first), counted("two.parquet", mixed)])
        shown = dict(zip(patterns.counts["predicted_0"].to_pylist(), patterns.counts["id"].to_pylist(), strict=True))
        assert shown == {"a": "1", "b": "3"}
