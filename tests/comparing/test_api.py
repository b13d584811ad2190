"""What a comparison finds, from any kind of table."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from fairlearn.metrics import MetricFrame, equalized_odds_difference, selection_rate, true_positive_rate
from sklearn.metrics import accuracy_score, log_loss

import disparate
from disparate.errors import BadInput
from disparate.report.html import page

QUICK = {"replicates": 50, "groups": ["race"]}


def ask(reference, variants, **more):
    return disparate.compare(reference, variants, **{**QUICK, **more})


def values(result, **where):
    return {item.group: item.value for item in result.findings.where(**where)}


def test_a_planted_harm_is_found_where_it_was_planted(dense, int8, mixed):
    result = ask(dense, {"int8": mixed(int8)})
    found = result.findings.where(measure="accuracy", variant="int8", reference="reference", by="race", axis="examples")
    assert {item.group: item.distinguishable for item in found} == {"a": False, "b": True, "c": False}
    right = {
        name: np.asarray(columns["predicted"]) == columns["target"] for name, columns in (("d", dense), ("i", int8))
    }
    rows = dense["race"] == "b"
    expected = right["i"][rows].mean() - right["d"][rows].mean()
    assert values(result, measure="accuracy", reference="reference", by="race")["b"] == pytest.approx(expected)
    assert result.run["groups"]["race"] == {name: int((dense["race"] == name).sum()) for name in "abc"}


def test_frames_of_every_kind_give_the_same(dense, int8):
    class Polars:
        """A frame known by its arrow stream alone, as polars' is."""

        def __init__(self, columns):
            self.table = pa.table(columns)
            self.columns = self.table.column_names

        def __getitem__(self, wanted):
            return Polars({name: self.table.column(name) for name in wanted})

        def __arrow_c_stream__(self, requested_schema=None):
            return self.table.__arrow_c_stream__(requested_schema)

    expected = ask(dense, {"int8": int8}).findings
    for kind in (pd.DataFrame, pa.table, Polars):
        assert ask(kind(dense), {"int8": kind(int8)}).findings == expected


def test_files_give_the_same_as_frames(dense, int8, file, mixed):
    expected = ask(dense, {"int8": int8}).findings
    for ending in ("csv", "parquet"):
        paths = file(f"dense.{ending}", dense), file(f"int8.{ending}", mixed(int8))
        assert ask(paths[0], {"int8": paths[1]}).findings == expected


def test_seeds_are_paired_by_number(make, file, tmp_path):
    for seed in range(3):
        file(f"dense_seed{seed}.parquet", make(seed))
        file(f"int8_seed{seed}.parquet", make(seed, harm=0.3))
    result = ask(f"{tmp_path}/dense_seed{{seed}}.parquet", {"int8": f"{tmp_path}/int8_seed{{seed}}.parquet"})
    by_seed = ask({seed: make(seed) for seed in range(3)}, {"int8": {seed: make(seed, harm=0.3) for seed in range(3)}})
    assert result.findings == by_seed.findings
    found = result.findings.only(measure="accuracy", reference="reference", by="race", group="b", axis="both")
    assert found.seeds == 3
    assert found.distinguishable


def test_without_a_loss_there_is_none_and_not_zero(dense, int8):
    result = ask(dense, {"int8": int8})
    assert not {"loss", "excessive_risk", "fairness_violation"} & {item.measure for item in result.findings}
    with pytest.raises(BadInput, match="measure 'loss' needs a loss per example, and the tables hold answers alone"):
        ask(dense, {"int8": int8}, measures=["loss"])


def scores_of(columns, sharpness=3.0, logits=False):
    labels = ["cat", "dog", "eel"]
    raw = np.random.default_rng(5).normal(size=(len(columns["target"]), 3))
    raw += sharpness * (np.asarray(columns["predicted"])[:, None] == labels)
    told = raw if logits else np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)
    plain = {name: values for name, values in columns.items() if name != "predicted"}
    return plain | {f"p_{label}": told[:, place] for place, label in enumerate(labels)}


def test_probabilities_give_answers_and_the_loss_of_scikit_learn(dense, int8):
    one, two = scores_of(dense), scores_of(int8)
    result = ask(one, {"int8": two}, columns={"scores": "p_"})
    probabilities = np.column_stack([two[f"p_{label}"] for label in ("cat", "dog", "eel")])
    everyone = result.findings.only(measure="loss", variant="int8", reference=None, group=None)
    assert everyone.value == pytest.approx(log_loss(two["target"], probabilities), rel=1e-5)
    right = np.array(["cat", "dog", "eel"])[probabilities.argmax(axis=1)] == two["target"]
    accuracy = result.findings.only(measure="accuracy", variant="int8", reference=None, group=None)
    assert accuracy.value == pytest.approx(right.mean())
    assert "fairness_violation" in {item.measure for item in result.findings}


def test_logits_are_the_same_as_their_probabilities(dense, int8):
    settings = [{"scores": "p_", "logits": logits} for logits in (False, True)]
    told = [
        ask(scores_of(dense, logits=one["logits"]), {"int8": scores_of(int8, logits=one["logits"])}, columns=one)
        for one in settings
    ]
    for one, other in zip(*(result.findings for result in told), strict=True):
        assert one.value == pytest.approx(other.value, abs=1e-5)


@pytest.mark.parametrize(("threshold", "expected"), [(None, 0.75), (0.3, 1.0), (0.95, 0.5)])
def test_a_threshold_turns_a_score_into_an_answer(threshold, expected):
    columns = {"example_id": [1, 2, 3, 4], "target": [0, 1, 1, 0], "score": [0.1, 0.9, 0.4, 0.2], "sex": list("fmfm")}
    setting = {"scores": "score", "threshold": threshold}
    result = ask(columns, {"same": columns}, groups=["sex"], columns=setting)
    assert result.findings.only(measure="accuracy", variant="same", reference=None, group=None).value == expected


def test_the_positive_label_is_the_one_that_is_named():
    columns = {"example_id": [1, 2, 3, 4], "target": ["bad", "good", "good", "bad"], "sex": list("ffmm")}
    one = columns | {"score": [0.9, 0.1, 0.9, 0.8]}
    asked = {"groups": ["sex"], "measures": ["accuracy", "tpr", "equal_opportunity_difference"]}
    named = ask(one, {"v": one}, columns={"scores": "score", "positive": "bad"}, **asked)
    assert named.run["data"]["labels"] == ["good", "bad"]
    assert named.run["data"]["positive"] == "bad"
    level = {"variant": "v", "reference": None}
    assert named.findings.only(measure="accuracy", group=None, **level).value == pytest.approx(0.75)
    assert values(named, measure="tpr", label="good", by="sex", **level) == {"f": 1.0, "m": 0.0}
    assert not named.findings.only(measure="equal_opportunity_difference", **level).value
    last = ask(one, {"v": one}, columns={"scores": "score"}, **asked)
    assert last.run["data"]["positive"] == "good"
    assert last.findings.only(measure="accuracy", group=None, **level).value == pytest.approx(0.25)
    assert last.findings.only(measure="equal_opportunity_difference", **level).value == pytest.approx(1.0)
    assert "positive label" in disparate.page(named)


def test_ints_strings_and_missing_groups(dense, int8):
    coded = {"cat": 0, "dog": 1, "eel": 2}
    numbers = {name: [coded[label] for label in dense[name]] for name in ("target", "predicted")}
    texts = {name: [str(coded[label]) for label in int8[name]] for name in ("target", "predicted")}
    age = [None if row % 7 == 0 else float(row % 3) for row in range(len(dense["race"]))]
    result = ask({**dense, **numbers, "age": age}, {"int8": {**int8, **texts}}, groups=["age", "age*race"])
    assert set(result.run["groups"]["age"]) == {"0", "1", "2", "(missing)"}
    assert result.run["data"]["labels"] == ["0", "1", "2"]
    sizes = result.run["groups"]["age"]
    assert result.run["reference_groups"]["age"] == max(sizes, key=sizes.get)


def test_names_of_columns_weights_and_persons(dense, int8):
    renamed = {"example_id": "image", "target": "y", "predicted": "y_hat"}

    def other(columns):
        plain = {renamed.get(name, name): found for name, found in columns.items()}
        return plain | {"w": np.arange(len(dense["race"])) % 3 + 1.0, "person": np.arange(len(dense["race"])) // 2}

    named = {"id": "image", "target": "y", "predicted": "y_hat", "weight": "w", "cluster": "person"}
    result = ask(other(dense), {"int8": other(int8)}, columns=named)
    right = np.asarray(int8["predicted"]) == int8["target"]
    whole = result.findings.only(measure="accuracy", variant="int8", reference=None, group=None)
    assert whole.value == pytest.approx(np.average(right, weights=np.arange(len(right)) % 3 + 1.0))


def test_a_repeat_gives_its_floor(dense, int8, make):
    result = ask(dense, {"int8": int8}, repeats=[make()])
    assert "D104" not in {caution.code for caution in result.cautions}
    assert (
        "N1 repeat 0 (deterministic)"
        in result.findings.only(measure="accuracy", reference="reference", group="b").method
    )
    assert "D104" in {caution.code for caution in ask(dense, {"int8": int8}).cautions}


def test_other_machines_have_a_sensitivity_of_accuracy(dense, int8, make):
    result = ask(dense, {"one": int8, "two": make(harm=0.1)}, hardware=["one", "two"])
    found = result.findings.where(measure="hardware_sensitivity", by="race", form="absmax")
    assert {item.group for item in found} == {"a", "b", "c"}
    assert {item.where["of"] for item in found} == {"accuracy"}


def test_other_machines_with_several_seeds_say_what_moves_each_group(make):
    """Machines that are nothing but further trainings: no device moves all seeds one way."""
    tables = [{seed: make(10 * machine + seed) for seed in range(4)} for machine in range(3)]
    names = ["one", "two"]
    result = ask(tables[0], dict(zip(names, tables[1:], strict=True)), hardware=names, retrained=names)
    shares = result.findings.where(measure="variance_share", by="race", group="a")
    assert sum(item.value for item in shares if item.value is not None) == pytest.approx(1)
    assert result.findings.only(measure="device_label_p", by="race", group="a").value > 0.05
    assert result.findings.only(measure="device_over_seed", by="race", group="a").value > 0
    assert result.findings.only(measure="noise_floor", by="race", group="a", floor="N2 seeds").value > 0
    assert "What moves a group&#39;s accuracy?" in page(result)
    once = ask(tables[0][0], {name: table[0] for name, table in zip(names, tables[1:], strict=True)}, hardware=names)
    assert "1 seed(s)" in once.findings.only(measure="run_sd", by="race", group="a").undefined


def test_what_was_trained_anew_cannot_be_judged_with_one_seed(dense, int8):
    found = ask(dense, {"int8": int8}, retrained=["int8"]).findings.where(measure="accuracy", reference="reference")
    assert {item.distinguishable for item in found} == {None}


def test_no_torch_is_loaded(tmp_path, file, dense, int8):
    paths = file("dense.csv", dense), file("int8.csv", int8)
    words = ["compare", *paths, "--groups", "race", "--out", str(tmp_path / "out"), "--quiet"]
    program = (
        "import sys\nfrom disparate.cli.main import invoke\n"
        f"assert invoke({words!r}) == 0\n"
        "print([name for name in ('torch', 'torchvision', 'duckdb', 'pandas') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "'torch" not in done.stdout.splitlines()[-1]
    assert (tmp_path / "out" / "report.html").stat().st_size > 10_000


def test_the_command_loads_what_it_needs(file, dense, int8):
    paths = file("dense.parquet", dense), file("int8.parquet", int8)
    heavy = ["torch", "torchvision", "duckdb", "plotly", "jinja2", "sklearn", "scipy.stats", "scipy.optimize"]
    program = (
        "import sys\nfrom disparate.cli.main import invoke\n"
        f"assert invoke({['compare', *paths, '--groups', 'race']!r}) == 0\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_file_that_disparate_wrote_is_understood(tmp_path, dense):
    from disparate.groups import Attribute
    from disparate.predictions import Predictions
    from disparate.store.parquet import write_predictions

    rows = 40
    target = np.arange(rows) % 2
    for name, wrong in (("dense", 5), ("int8", 3)):
        predicted = np.where(np.arange(rows) % wrong == 0, 1 - target, target)
        zeros = np.where(predicted == target, 0.1, 2.0).astype(np.float32)
        write_predictions(
            Predictions(
                example_id=np.arange(rows).astype(np.str_),
                target=target,
                predicted=predicted,
                loss=zeros,
                margin=zeros,
                label_names=("no", "yes"),
                attributes={"sex": Attribute.of(["f", "m"] * (rows // 2))},
            ),
            tmp_path / f"{name}.parquet",
        )
    result = ask(str(tmp_path / "dense.parquet"), {"int8": str(tmp_path / "int8.parquet")}, groups=["sex"])
    assert result.run["data"]["labels"] == ["no", "yes"]
    assert "excessive_risk" in {item.measure for item in result.findings}


def test_levels_are_those_of_fairlearn(make):
    def coded(columns):
        return {**columns, **{name: (columns[name] == "dog").astype(int) for name in ("target", "predicted")}}

    dense, int8 = coded(make(labels=2)), coded(make(labels=2, harm=0.3))
    result = ask(dense, {"int8": int8})
    functions = {"accuracy": accuracy_score, "selection_rate": selection_rate, "tpr": true_positive_rate}
    for variant, columns in (("reference", dense), ("int8", int8)):
        answers = {"y_true": columns["target"], "y_pred": columns["predicted"], "sensitive_features": columns["race"]}
        theirs = MetricFrame(metrics=functions, **answers).by_group
        for measure in functions:
            label = None if measure == "accuracy" else "1"
            own = values(result, measure=measure, variant=variant, reference=None, by="race", label=label)
            assert own == pytest.approx(theirs[measure].to_dict())
        odds = result.findings.only(measure="equalized_odds_worst", variant=variant, reference=None, by="race")
        assert odds.value == pytest.approx(equalized_odds_difference(**answers))


def test_progress_is_told(dense, int8):
    told = []
    disparate.compare(dense, {"v": int8}, groups=["race"], replicates=5, progress=lambda *said: told.append(said))
    assert [doing for doing, _ in told] == [
        "reading table of 'reference', seed 0",
        "reading table of 'v', seed 0",
        "matching rows by id",
        "measuring",
    ]
    assert all(0 <= share < 1 for _, share in told)
