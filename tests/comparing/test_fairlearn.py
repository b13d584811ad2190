"""Files of two scikit-learn models on COMPAS and Adult: findings are fairlearn's wherever both define the measure."""

import importlib.util
import warnings
from itertools import pairwise, product
from pathlib import Path

import fairlearn.metrics as fl
import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk
from sklearn.exceptions import UndefinedMetricWarning

import disparate
from disparate.groups import Attribute
from disparate.measures.disparity import equalized_odds_sum, equalized_odds_worst
from disparate.measures.frame import group_counts
from disparate.stats.count_bootstrap import count_bootstrap

pytestmark = pytest.mark.data
EXAMPLE = Path(__file__).parents[2] / "examples" / "two_models.py"
FILES = {"compas": "tabular/compas_two_years.csv", "adult": "tabular/adult.csv"}
POSITIVE = {"compas": "1", "adult": ">50K"}
VARIANTS, SEEDS = ("reference", "five_bits"), (0, 1)
EXACT = 1e-12
PARTITIONS = ("race", "sex", "race*sex")
BY_CLASS = {
    "tpr": fl.true_positive_rate,
    "fpr": fl.false_positive_rate,
    "tnr": fl.true_negative_rate,
    "selection_rate": fl.selection_rate,
    "precision": lambda y, p: sk.precision_score(y, p, zero_division=np.nan),
    "f1": sk.f1_score,
}
OF_ALL = {
    "accuracy": sk.accuracy_score,
    "f1_micro": lambda y, p: sk.f1_score(y, p, average="micro"),
}
MEASURES = (*BY_CLASS, *OF_ALL, "accuracy_gap", "worst_group_accuracy", "equalized_odds_worst", "equalized_odds_sum")


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("two_models", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module", params=list(FILES))
def answered(request, example, real_data, tmp_path_factory):
    """Answers of the logistic regression and of its five bits by seed, and what ``compare`` says of their files."""
    task, folder = example.TASKS[request.param], tmp_path_factory.mktemp(request.param)
    train, test = example.read(task, real_data(FILES[request.param]) / FILES[request.param])
    shared = {"example_id": test.rows.index, "target": test.target, "race": test.rows["race"], "sex": test.rows["sex"]}
    tables = {}
    for seed in SEEDS:
        drawn = np.random.default_rng(seed).random(len(train.target)) < 0.8
        dense = example.LogisticRegression(max_iter=1000).fit(train.features[drawn], train.target[drawn])
        for name, model in (("reference", dense), ("five_bits", example.five_bits(dense))):
            table = pd.DataFrame(shared | {"predicted": model.predict(test.features)})
            table.to_csv(folder / f"{name}{seed}.csv", index=False)
            tables[name, seed] = table.assign(**{"race*sex": table["race"] + " / " + table["sex"]})
    result = disparate.compare(
        f"{folder}/reference{{seed}}.csv",
        {"five_bits": f"{folder}/five_bits{{seed}}.csv"},
        groups=PARTITIONS,
        measures=MEASURES,
        replicates=20,
    )
    return tables, result.findings, POSITIVE[request.param]


def framed(table, by, metrics, positive, **more):
    """Return fairlearn's result; a missing attribute is a group of its own, as here."""
    target, predicted = ((table[column] == positive).astype(int) for column in ("target", "predicted"))
    features = table[by].fillna("(missing)")
    return fl.MetricFrame(metrics=metrics, y_true=target, y_pred=predicted, sensitive_features=features, **more)


@pytest.fixture(scope="module")
def theirs(answered):
    """Fairlearn's values by partition, variant, measure and group (None: everyone), means over seeds."""
    tables, _, positive = answered
    found = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        for by, variant in product(PARTITIONS, VARIANTS):
            frames = [framed(tables[variant, seed], by, {**BY_CLASS, **OF_ALL}, positive) for seed in SEEDS]
            mean = sum(frame.by_group for frame in frames) / len(SEEDS)
            whole = sum(frame.overall for frame in frames) / len(SEEDS)
            for measure in mean.columns:
                found[by, variant, measure] = mean[measure].to_dict() | {None: whole[measure]}
    return found


def undefined(table, by, positive):
    """Return measure and group for what has no denominator, where fairlearn gives 0."""
    target, predicted = table["target"] == positive, table["predicted"] == positive
    needed = {"tpr": target, "precision": predicted, "fpr": ~target, "tnr": ~target, "f1": target | predicted}
    return {(name, group) for name, rows in needed.items() for group in set(table[by]) - set(table[by][rows])}


@pytest.mark.parametrize("by", PARTITIONS)
@pytest.mark.parametrize("measure", [*BY_CLASS, *OF_ALL])
def test_levels_and_changes_are_fairlearns(answered, theirs, by, measure):
    tables, findings, positive = answered
    nowhere = {place for table in tables.values() for place in undefined(table, by, positive)}
    label = positive if measure in BY_CLASS else None
    own = findings.where(measure=measure, label=label, by=by) + findings.where(measure=measure, label=label, by=None)
    compared = 0
    for item in own.where(lambda item: (item.where or {}).get("axis") in {None, "both"}):
        if item.value is None:
            assert (measure, item.group) in nowhere
            continue
        expected = theirs[by, item.variant, measure][item.group]
        expected -= theirs[by, "reference", measure][item.group] if item.reference else 0.0
        assert item.value == pytest.approx(expected, abs=EXACT), item
        compared += 1
    assert compared >= 9


@pytest.mark.parametrize("by", PARTITIONS)
def test_disparities_are_fairlearns(answered, by):
    tables, findings, positive = answered
    for variant in ("reference", "five_bits"):
        frames = [framed(tables[variant, s], by, {"accuracy": sk.accuracy_score}, positive) for s in SEEDS]
        levels = findings.where(variant=variant, reference=None, by=by)
        gap = np.mean([frame.difference()["accuracy"] for frame in frames])
        worst = np.mean([frame.group_min()["accuracy"] for frame in frames])
        assert levels.only(measure="accuracy_gap").value == pytest.approx(gap, abs=EXACT)
        assert levels.only(measure="worst_group_accuracy").value == pytest.approx(worst, abs=EXACT)


def binary(table, by, positive):
    """Return targets and answers as 0 and 1, and the groups in which both kinds of targets occur."""
    target, predicted = ((table[column] == positive).astype(int) for column in ("target", "predicted"))
    both = target.groupby(table[by]).transform("nunique") == 2
    return target[both], predicted[both], table[by][both]


@pytest.mark.parametrize("by", PARTITIONS)
def test_odds_are_fairlearns_where_every_group_has_both_classes(answered, by):
    tables, _, positive = answered
    for table in (tables["reference", 0], tables["five_bits", 1]):
        target, predicted, features = binary(table, by, positive)
        ours = predictions_of(target, predicted, {"group": features.tolist()})
        scores = disparate.by_group(ours, by="group", measures=["tpr", "fpr", "tnr", "selection_rate"])
        own = {"sensitive_features": features}
        difference, ratio = scores.difference(), scores.ratio()
        pairs = {
            "selection_rate[1]": (fl.demographic_parity_difference, fl.demographic_parity_ratio),
            "tpr[1]": (fl.equal_opportunity_difference, fl.equal_opportunity_ratio),
            "fpr[1]": (fl.false_positive_rate_difference, fl.false_positive_rate_ratio),
            "tnr[1]": (fl.true_negative_rate_difference, fl.true_negative_rate_ratio),
        }
        for name, (subtract, divide) in pairs.items():
            assert difference[name] == pytest.approx(subtract(target, predicted, **own), abs=EXACT), name
            expected = divide(target, predicted, **own)
            if ratio[name] is None:
                assert np.isnan(expected) or expected in {0.0, 1.0}
            else:
                assert ratio[name] == pytest.approx(expected, abs=EXACT), name
        to_overall = scores.difference("to_overall")["selection_rate[1]"]
        expected = fl.demographic_parity_difference(target, predicted, method="to_overall", **own)
        assert to_overall == pytest.approx(expected, abs=EXACT)
        worst = fl.equalized_odds_difference(target, predicted, **own)
        mean = fl.equalized_odds_difference(target, predicted, agg="mean", **own)
        assert max(difference["tpr[1]"], difference["fpr[1]"]) == pytest.approx(worst, abs=EXACT)
        assert (difference["tpr[1]"] + difference["fpr[1]"]) / 2 == pytest.approx(mean, abs=EXACT)
        counts = group_counts(ours, ours.groups("group"))
        assert equalized_odds_worst(counts) == pytest.approx(worst, abs=EXACT)


def predictions_of(target, predicted, attributes):
    return disparate.Predictions(
        example_id=np.arange(len(target)).astype(str),
        target=np.asarray(target, dtype=np.int64),
        predicted=np.asarray(predicted, dtype=np.int64),
        label_names=("0", "1"),
        attributes={name: Attribute.of(values) for name, values in attributes.items()},
    )


def test_the_sum_of_two_classes_is_twice_that_of_the_positive_one(answered):
    tables, findings, positive = answered
    expected, worst = [], []
    for seed in SEEDS:
        target, predicted, features = binary(tables["reference", seed], "sex", positive)
        worst.append(fl.equalized_odds_difference(target, predicted, sensitive_features=features))
        frame = fl.MetricFrame(
            metrics={"tpr": fl.true_positive_rate, "fpr": fl.false_positive_rate},
            y_true=target,
            y_pred=predicted,
            sensitive_features=features,
        )
        expected.append(2 * (frame.difference()["tpr"] + frame.difference()["fpr"]))
    levels = findings.where(variant="reference", reference=None, by="sex", group=None)
    assert levels.only(measure="equalized_odds_sum").value == pytest.approx(np.mean(expected), abs=EXACT)
    assert levels.only(measure="equalized_odds_worst").value == pytest.approx(np.mean(worst), abs=EXACT)


def test_a_missing_attribute_is_a_group_of_its_own(answered):
    tables, _, positive = answered
    table = tables["reference", 0].copy()
    table.loc[table.index[::7], "race"] = None
    result = disparate.compare(table, {"same": table}, groups=["race"], measures=["accuracy"], replicates=2)
    own = result.findings.only(measure="accuracy", variant="reference", reference=None, group="(missing)")
    assert own.n == len(table.index[::7])
    expected = framed(table, "race", {"accuracy": sk.accuracy_score}, positive).by_group["accuracy"]["(missing)"]
    assert own.value == pytest.approx(expected, abs=EXACT)


def accuracy_gap_and_levels(counts):
    accuracy = np.einsum("...kk->...", counts[..., 0, :, :, :]) / counts[..., 0, :, :, :].sum(axis=(-2, -1))
    return np.concatenate([accuracy, accuracy.max(axis=-1, keepdims=True) - accuracy.min(axis=-1, keepdims=True)], -1)


def test_bootstrap_intervals_agree_within_monte_carlo_error(answered):
    tables, _, positive = answered
    table = tables["reference", 0]
    table = table[table["race"].isin(table["race"].value_counts().index[:3])].iloc[:1500]
    quantiles, times = (0.16, 0.84), 200
    theirs = framed(
        table, "race", {"accuracy": sk.accuracy_score}, positive, n_boot=times, ci_quantiles=quantiles, random_state=1
    )
    groups = Attribute.of(table["race"].tolist())
    ours = count_bootstrap(
        accuracy_gap_and_levels,
        (table["target"] == positive).to_numpy(dtype=np.int64),
        (table["predicted"] == positive).to_numpy(dtype=np.int64)[None],
        groups.codes,
        shape=(3, 2),
        replicates=4000,
        generator=np.random.default_rng(0),
    )
    for place in range(4):
        found = [
            float(part["accuracy"] if place == 3 else part["accuracy"][groups.names[place]])
            for part in (theirs.difference_ci() if place == 3 else theirs.by_group_ci)
        ]
        low, high = ours.interval(place, kind="percentile", level=0.68)
        # such a quantile of 200 replicates moves by √(0.16 · 0.84 / 200) / φ(1) = 0.107 standard errors
        error = 0.107 * ours.replicated[:, place].std()
        assert [low, high] == pytest.approx(found, abs=4 * error + 1 / len(table))


def test_the_sum_of_equalised_odds_needs_a_reference_group_and_fairlearn_none(answered):
    tables, _, positive = answered
    target, predicted, features = binary(tables["reference", 0], "race", positive)
    ours = predictions_of(target, predicted, {"race": features.tolist()})
    counts = group_counts(ours, ours.groups("race"))
    sums = [np.nanmax(equalized_odds_sum(counts, place)) for place in range(len(counts))]
    assert any(abs(a - b) > 1e-3 for a, b in pairwise(sums))
