"""Two scikit-learn models side by side: who pays for a cheaper one, on COMPAS or Adult.

Run: python examples/two_models.py compas ~/data/tabular/compas_two_years.csv

A logistic regression is the reference. One variant is the same model with coefficients of five bits, another is a
gradient boosting that was trained anew. Each is trained on five draws of the training part; all answer the same test
part. What a model answers goes into a file, and the files are all that disparate gets to see.
"""

import sys
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

import disparate

SEEDS = range(5)
GROUPS = ["race", "sex", "race*sex"]
NAMES = ("logistic", "five_bits", "boosting")


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """What is learnt from which columns of a table; race and sex are never among them."""

    target: str
    numbers: tuple[str, ...]
    categories: tuple[str, ...] = ()


TASKS = {
    "compas": Task(
        target="two_year_recid",
        numbers=("age", "juv_fel_count", "juv_misd_count", "juv_other_count", "priors_count"),
        categories=("c_charge_degree",),
    ),
    "adult": Task(
        target="income",
        numbers=("age", "education_num", "capital_gain", "capital_loss", "hours_per_week"),
        categories=("workclass", "marital_status", "occupation"),
    ),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """Some rows of a table as a model sees them, with targets and with the groups that it does not see."""

    features: np.ndarray
    target: np.ndarray
    rows: pd.DataFrame


def read(task: Task, path: Path) -> tuple[Part, Part]:
    """Return the training part and the test part: three rows in ten, alike for every seed."""
    table = pd.read_csv(path)
    encoded = pd.get_dummies(table[[*task.numbers, *task.categories]], columns=list(task.categories), dtype=float)
    features = StandardScaler().fit_transform(encoded)
    test = np.random.default_rng(0).random(len(table)) < 0.3
    target = table[task.target].astype(str).to_numpy()
    parts = [Part(features=features[at], target=target[at], rows=table[at]) for at in (~test, test)]
    return parts[0], parts[1]


def five_bits(model: LogisticRegression) -> LogisticRegression:
    """Return the model with coefficients on a grid of 31 values, as a small device would keep them."""
    rounded = deepcopy(model)
    step = np.abs(model.coef_).max() / 15
    rounded.coef_ = np.round(model.coef_ / step) * step
    return rounded


def models(train: Part, seed: int) -> Iterator[tuple[str, LogisticRegression | HistGradientBoostingClassifier]]:
    """Yield the three models of a seed, trained on its own draw of four in five training rows."""
    drawn = np.random.default_rng(seed).random(len(train.target)) < 0.8
    features, target = train.features[drawn], train.target[drawn]
    logistic = LogisticRegression(max_iter=1000).fit(features, target)
    yield "logistic", logistic
    yield "five_bits", five_bits(logistic)
    yield "boosting", HistGradientBoostingClassifier(max_iter=40, random_state=seed).fit(features, target)


def write(task: Task, path: Path, folder: Path) -> None:
    """Train, and write a file of answers per model and seed."""
    train, test = read(task, path)
    folder.mkdir(parents=True, exist_ok=True)
    shared = {"example_id": test.rows.index, "target": test.target, "race": test.rows["race"], "sex": test.rows["sex"]}
    for seed in SEEDS:
        for name, model in models(train, seed):
            answers = pd.DataFrame(shared | {"predicted": model.predict(test.features)})
            scores = model.predict_proba(test.features)
            for place, label in enumerate(model.classes_):
                answers[f"p_{label}"] = scores[:, place]
            answers.to_parquet(folder / f"{name}_seed{seed}.parquet")


def compare(folder: Path) -> disparate.Result:
    """Return what the files say of each other: seeds are paired by the number in their names."""
    paths = {name: str(folder / f"{name}_seed{{seed}}.parquet") for name in NAMES}
    return disparate.compare(
        paths.pop("logistic"), paths, groups=GROUPS, columns={"scores": "p_"}, retrained=["boosting"], replicates=500
    )


def main() -> None:
    """Train, write, compare, and leave a report."""
    task, path = sys.argv[1], Path(sys.argv[2])
    folder = Path("predictions") / task
    write(TASKS[task], path, folder)
    result = compare(folder)
    changes = result.findings.where(measure="accuracy", reference="reference", axis="both", by="race").to_pandas()
    print(changes[["variant", "group", "n", "value", "low", "high", "distinguishable"]].to_string(index=False))
    (folder / "report.html").write_text(disparate.page(result), encoding="utf-8")
    print(f"Report: {folder / 'report.html'}")


if __name__ == "__main__":
    main()
