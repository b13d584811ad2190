import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate
from sklearn.metrics import accuracy_score, recall_score

from disparate.errors import BadInput
from disparate.groups import Attribute
from disparate.measures.frame import by_group


@pytest.fixture
def binary(answers):
    generator = np.random.default_rng(0)
    n = 400
    target = generator.integers(0, 2, n)
    predicted = np.where(generator.random(n) < 0.75, target, 1 - target)
    return answers(target, predicted, generator.choice(["a", "b", "c"], n), sex=generator.choice(["f", "m"], n))


@pytest.mark.parametrize("by", ["race", "race*sex"])
def test_agrees_with_fairlearn(binary, by):
    ours = by_group(binary, by=by, measures=["accuracy", "selection_rate", "tpr", "fpr"])
    features = pd.DataFrame({name: binary.attributes[name].values() for name in by.split("*")})
    theirs = MetricFrame(
        metrics={
            "accuracy": accuracy_score,
            "selection_rate[yes]": selection_rate,
            "tpr[yes]": recall_score,
            "fpr[yes]": false_positive_rate,
        },
        y_true=binary.target,
        y_pred=binary.predicted,
        sensitive_features=features,
    )
    for name in theirs.by_group.columns:
        expected = {
            " / ".join(key if isinstance(key, tuple) else (key,)): v for key, v in theirs.by_group[name].items()
        }
        assert ours.by_group[name] == pytest.approx(expected)
        assert ours.overall[name] == pytest.approx(theirs.overall[name])
        assert ours.group_min()[name] == pytest.approx(theirs.group_min()[name])
        assert ours.group_max()[name] == pytest.approx(theirs.group_max()[name])
        for method in ("between_groups", "to_overall"):
            assert ours.difference(method)[name] == pytest.approx(theirs.difference(method=method)[name])
            assert ours.ratio(method)[name] == pytest.approx(theirs.ratio(method=method)[name])


def test_any_function_of_targets_and_answers(binary):
    ours = by_group(binary, by="race", measures=[accuracy_score, "accuracy"])
    assert ours.by_group["accuracy_score"] == pytest.approx(ours.by_group["accuracy"])
    assert ours.overall["accuracy_score"] == pytest.approx(ours.overall["accuracy"])


def test_a_callable_object_is_called_by_its_class(binary):
    class Errors:
        def __call__(self, target, predicted):
            return (target != predicted).sum()

    assert by_group(binary, by="race", measures=[Errors()]).overall["Errors"] == (~binary.correct).sum()


def test_an_unseen_group_is_none_and_takes_no_part(answers):
    race = Attribute(names=("a", "b", "gone"), codes=np.array([0, 0, 1], dtype=np.int32))
    result = by_group(answers([0, 1, 1], [0, 0, 1], race), by="race", measures=["accuracy", accuracy_score])
    for name in ("accuracy", "accuracy_score"):
        assert result.by_group[name]["gone"] is None
        assert result.group_min()[name] == pytest.approx(0.5)
        assert result.difference()[name] == pytest.approx(0.5)
    assert result.sizes == {"a": 2, "b": 1, "gone": 0}


def test_undefined_everywhere_stays_none(answers):
    result = by_group(answers([0, 0], [0, 0], ["a", "b"]), by="race", measures=["tpr"])
    assert result.overall["tpr[yes]"] is None
    assert result.difference("to_overall")["tpr[yes]"] is None
    assert result.ratio()["tpr[yes]"] is None
    assert result.group_max()["tpr[yes]"] is None


def test_a_ratio_of_zeros_is_undefined(answers):
    assert by_group(answers([0, 1], [1, 0], ["a", "b"]), by="race").ratio() == {"accuracy": None}


def test_to_pandas_has_a_row_per_group(binary):
    frame = by_group(binary, by="race", measures=["accuracy", "loss"]).to_pandas()
    assert list(frame.index) == ["a", "b", "c"]
    assert list(frame.columns) == ["accuracy", "loss"]
    assert frame.index.name == "race"


def test_weights_count(answers):
    plain = answers([0, 0, 0, 1], [0, 0, 1, 1], list("aaab"))
    weighted = answers([0, 0, 0, 1], [0, 0, 1, 1], list("aaab"), weight=np.array([1.0, 1.0, 2.0, 1.0]))
    assert by_group(plain, by="race").by_group["accuracy"]["a"] == pytest.approx(2 / 3)
    assert by_group(weighted, by="race", measures=["accuracy", "f1_micro"]).by_group["f1_micro"]["a"] == pytest.approx(
        0.5
    )
    assert by_group(weighted, by="race").by_group["accuracy"]["a"] == pytest.approx(0.5)


def test_a_comparison_has_no_value_per_group(binary):
    with pytest.raises(BadInput, match="measure 'churn' compares groups or runs and has no value per group"):
        by_group(binary, by="race", measures=["churn"])


def test_unknown_method(binary):
    with pytest.raises(BadInput, match="method is 'to_mean'; 'between_groups' or 'to_overall' was expected"):
        by_group(binary, by="race").difference("to_mean")  # type: ignore[arg-type]
