import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import StandardScaler

from disparate.data.columns import band_names, band_of, read_table, texts
from disparate.data.tabular import standardised, tabular
from disparate.errors import BadInput

SETTINGS = {"table": "people.csv", "target": "paid", "groups": ["sex", "age"], "bins": {"age": [30, 60]}, "id": "key"}


def people(rows=120):
    generator = np.random.default_rng(0)
    return {
        "key": [f"{row:04d}" for row in range(rows)],
        "paid": ["yes" if row % 3 else "no" for row in range(rows)],
        "sex": [["f", "m", "?"][row % 3 if row % 7 == 0 else row % 2] for row in range(rows)],
        "age": [int(age) for age in generator.integers(18, 90, rows)],
        "income": [None if row % 10 == 4 else round(float(x), 3) for row, x in enumerate(generator.normal(3, 2, rows))],
        "job": [["smith", "cook", ""][row % 3] for row in range(rows)],
        "code": [row % 4 for row in range(rows)],
        "fold": ["test" if row % 4 == 0 else "train" for row in range(rows)],
    }


def write_csv(path, columns):
    rows = zip(*columns.values(), strict=True)
    lines = [",".join(columns), *(",".join("" if cell is None else str(cell) for cell in row) for row in rows)]
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def root(tmp_path):
    write_csv(tmp_path / "people.csv", people())
    return tmp_path


def test_a_miniature_is_read_back_entire(root):
    columns = people()
    data = tabular(root, **SETTINGS, leave_out=["fold"], categorical=["code"])
    assert data.example_id.tolist() == columns["key"]
    assert [data.label_names[label] for label in data.target] == columns["paid"]
    assert data.attributes["sex"].values().tolist() == ["(missing)" if sex == "?" else sex for sex in columns["sex"]]
    bands = ["0-29" if age < 30 else "30-59" if age < 60 else "60+" for age in columns["age"]]
    assert data.attributes["age"].values().tolist() == bands
    # income, income (missing); job: cook, smith, (missing); code: 0 1 2 3
    assert data.inputs.shape == (120, 9)
    assert data.inputs[:, 1].tolist() == [float(value is None) for value in columns["income"]]
    jobs = ["cook", "smith", ""]
    assert data.inputs[:, 2:5].argmax(axis=1).tolist() == [jobs.index(job) for job in columns["job"]]
    assert data.inputs[:, 5:].argmax(axis=1).tolist() == columns["code"]
    assert (data.inputs[:, 2:5].sum(axis=1) == 1).all()


def test_numbers_are_standardised_on_the_training_split_alone(root):
    columns = people()
    data = tabular(root, **SETTINGS, split="fold", features=["income", "code"])
    assert data.split.tolist() == columns["fold"]
    train = data.split == "train"
    income = np.array([np.nan if value is None else value for value in columns["income"]])
    expected = StandardScaler().fit(income[train, None]).transform(income[:, None])[:, 0]
    known = ~np.isnan(income)
    assert np.allclose(data.inputs[known, 0], expected[known], atol=1e-6)
    assert (data.inputs[~known, 0] == 0).all()
    assert data.inputs[train, 2].mean() == pytest.approx(0, abs=1e-6)
    assert data.inputs[train, 2].std() == pytest.approx(1, abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(values=st.lists(st.floats(-1e6, 1e6, width=32) | st.just(float("nan")), min_size=1, max_size=30), data=st.data())
def test_standardising_does_not_depend_on_the_order_of_the_rows(values, data):
    order = data.draw(st.permutations(range(len(values))))
    column, train = np.array(values), np.arange(len(values)) % 2 == 0
    first, constant = standardised(column, train)
    second, _ = standardised(column[order], train[order])
    assert first[order].tobytes() == second.tobytes()
    assert np.isfinite(first).all()
    assert not constant or not first.any()


def test_parquet_gives_the_same_data_as_csv(root):
    table = pa.table(people())
    dictionary = table.column("sex").combine_chunks().dictionary_encode()
    table = table.set_column(table.column_names.index("sex"), "sex", dictionary)
    pq.write_table(table, root / "people.parquet")
    csv = tabular(root, **SETTINGS)
    parquet = tabular(root, **{**SETTINGS, "table": "people.parquet"})
    assert csv.inputs.tobytes() == parquet.inputs.tobytes()
    assert csv.content == parquet.content


def test_shuffled_rows_keep_id_split_and_features(root):
    columns = people()
    order = np.random.default_rng(1).permutation(120)
    write_csv(root / "shuffled.csv", {name: [column[row] for row in order] for name, column in columns.items()})
    first = tabular(root, **SETTINGS)
    second = tabular(root, **{**SETTINGS, "table": "shuffled.csv"})
    assert np.array_equal(first.example_id[order], second.example_id)
    assert np.array_equal(first.split[order], second.split)
    assert first.inputs[order].tobytes() == second.inputs.tobytes()


def test_members_of_a_cluster_stay_together(root):
    columns = people() | {"person": [f"p{row // 4}" for row in range(120)]}
    write_csv(root / "people.csv", columns)
    data = tabular(root, **SETTINGS, cluster="person")
    for person in range(30):
        assert len(set(data.split[4 * person : 4 * person + 4].tolist())) == 1


def test_a_constant_feature_is_kept_as_zeros_and_noted(root):
    write_csv(root / "people.csv", people() | {"one": ["7"] * 120})
    data = tabular(root, **SETTINGS, features=["one", "code"])
    assert not data.inputs[:, 0].any()
    assert [str(problem) for problem in data.problems] == ["one: the feature is constant on the training split (kept)"]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"features": ["incom"]}, "column 'incom' is absent. Did you mean 'income'"),
        ({"leave_out": ["jobs"]}, "column 'jobs' is absent. Did you mean 'job'"),
        ({"categorical": ["cod"]}, "column 'cod' is absent. Did you mean 'code'"),
        ({"leave_out": ["income", "job", "code", "fold"]}, "no column is left to be a feature"),
        ({"shares": {"test": 1.0}}, "no row is for training; features are standardised over the training split"),
        ({"table": "none.csv"}, "tabular table: file '.*none.csv' was looked for and does not exist"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(root, changed, message):
    with pytest.raises(BadInput, match=message):
        tabular(root, **{**SETTINGS, **changed})


def test_a_text_feature_with_too_many_values_is_refused(root):
    write_csv(root / "people.csv", people(600) | {"name": [f"n{row}" for row in range(600)]})
    with pytest.raises(BadInput, match=r"feature 'name' has 600 different texts; at most 256 .* Name it in leave_out"):
        tabular(root, **SETTINGS)


def test_an_infinite_feature_is_refused_with_its_row(root):
    write_csv(root / "people.csv", people() | {"code": ["inf" if row == 9 else row for row in range(120)]})
    with pytest.raises(BadInput, match="feature 'code' is inf in row 9; a finite number was expected"):
        tabular(root, **SETTINGS)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot be read: "),
        (b"a,b\n", "holds no row"),
        (b"a,a\n1,2\n", "names column 'a' twice"),
        (b"a,b\n1\n", "cannot be read: .*Expected 2 columns"),
        (b"\xff\xfea\n", "cannot be read: |holds no row"),
    ],
)
def test_a_damaged_table_is_refused(tmp_path, content, message):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(BadInput, match=message):
        read_table(tmp_path / "t.csv")
    (tmp_path / "t.parquet").write_bytes(content)
    with pytest.raises(BadInput, match="cannot be read"):
        read_table(tmp_path / "t.parquet")


def test_text_stays_as_written_and_blanks_around_it_go(tmp_path):
    (tmp_path / "t.csv").write_text('a,b\n007, x \n1e3,"q, r"\n,?\n')
    table = read_table(tmp_path / "t.csv")
    assert texts(table, "a") == ["007", "1e3", None]
    assert texts(table, "b") == ["x", "q, r", None]
    assert texts(table, "b", missing=["x"]) == [None, "q, r", "?"]


@given(st.lists(st.integers(1, 120), min_size=1, max_size=6, unique=True), st.integers(0, 150))
def test_every_age_lies_in_the_band_that_names_it(edges, age):
    edges = sorted(edges)
    name = band_names(edges)[int(band_of(np.array([age]), edges)[0])]
    low, dash, high = name.removesuffix("+").partition("-")
    assert int(low) <= age
    assert name.endswith("+") or age <= int(high if dash else low)
