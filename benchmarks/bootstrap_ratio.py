"""A thousand bootstrap replicates of accuracy, TPR and FPR for five groups, against fairlearn's MetricFrame.

Run: python benchmarks/bootstrap_ratio.py. About four minutes. A thousand replicates of fairlearn on a million rows
would take hours: their time is scaled from 10, and intervals are compared where they are affordable, on 5,000 rows. On
the million rows they are compared with those of a plain bootstrap that resamples the examples.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from fairlearn.metrics import MetricFrame, false_positive_rate, true_positive_rate
from numpy.typing import NDArray
from scipy import special
from sklearn.metrics import accuracy_score
from surroundings import publish, surroundings

from disparate.measures.counts import confusion_counts
from disparate.stats.count_bootstrap import count_bootstrap, percentile_interval

SHARES = (0.5, 0.25, 0.15, 0.07, 0.03)
ACCURACIES = (0.9, 0.86, 0.82, 0.78, 0.7)
GROUPS = len(SHARES)
ROWS, FEW_ROWS = 1_000_000, 5_000
REPLICATES, SCALED_FROM = 1000, 10
RUNS = 11
LIMIT_S, LIMIT_RATIO = 0.3, 10_000
METRICS = {"accuracy": accuracy_score, "tpr": true_positive_rate, "fpr": false_positive_rate}
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def drawn(rows: int) -> tuple[Ints, Ints, Ints]:
    """Return targets, answers and groups; smaller groups are answered worse."""
    generator = np.random.default_rng(0)
    group = generator.choice(GROUPS, size=rows, p=SHARES)
    target = generator.integers(2, size=rows)
    right = generator.random(rows) < np.array(ACCURACIES)[group]
    return target, np.where(right, target, 1 - target), group


def rates(counts: Floats) -> Floats:
    """Return accuracy, TPR and FPR of every group from counts (..., groups, 2, 2), target × predicted."""
    negative, positive = counts[..., 0, :], counts[..., 1, :]
    accuracy = (negative[..., 0] + positive[..., 1]) / counts.sum(axis=(-2, -1))
    tpr, fpr = positive[..., 1] / positive.sum(axis=-1), negative[..., 1] / negative.sum(axis=-1)
    return np.concatenate([accuracy, tpr, fpr], axis=-1)


def of_counts(target: Ints, answer: Ints, group: Ints) -> Floats:
    """Return replicated rates by drawing counts, shape (replicates, 3 × groups)."""
    found = count_bootstrap(
        lambda counts: rates(counts[:, 0]),
        target,
        answer[None],
        group,
        shape=(GROUPS, 2),
        replicates=REPLICATES,
        generator=np.random.default_rng(1),
    )
    return found.replicated


def of_examples(target: Ints, answer: Ints, group: Ints) -> Floats:
    """Return replicated rates by drawing examples, shape (replicates, 3 × groups)."""
    generator = np.random.default_rng(2)
    found: list[Floats] = []
    for _ in range(REPLICATES):
        row = generator.integers(len(target), size=len(target))
        found.append(rates(confusion_counts(target[row], answer[row], group[row], groups=GROUPS, classes=2)))
    return np.stack(found)


def frame(target: Ints, answer: Ints, group: Ints, replicates: int | None) -> Any:
    """Return fairlearn's frame, with intervals where replicates are asked for."""
    more: dict[str, Any] = {}
    if replicates is not None:
        more = {"n_boot": replicates, "ci_quantiles": [0.025, 0.975], "random_state": 3}
    return MetricFrame(metrics=METRICS, y_true=target, y_pred=answer, sensitive_features=group, **more)


def ends(replicated: Floats) -> Floats:
    """Return the 95 % percentile interval of every rate, shape (2, rates)."""
    return np.array([percentile_interval(column) for column in replicated.T]).T


def ends_of(fairlearn: Any) -> Floats:
    """Return the intervals of a frame in our order."""
    return np.array([part[list(METRICS)].to_numpy().T.ravel() for part in fairlearn.by_group_ci])


def farthest(one: Floats, other: Floats, replicated: Floats) -> float:
    """Return the largest difference of interval ends, in standard errors of two Monte-Carlo quantiles.

    A quantile q of B replicates of a normal statistic with deviation σ has the standard error σ √(q(1−q)/B) / φ(z_q).
    """
    density = np.exp(-(special.ndtri(0.025) ** 2) / 2) / np.sqrt(2 * np.pi)
    error = replicated.std(axis=0) * np.sqrt(0.025 * 0.975 / REPLICATES) / density
    return float(np.abs((one - other) / (np.sqrt(2) * error)).max())


def wall_s(call: Callable[[], Any]) -> float:
    """Return the wall time of a call, seconds."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def main() -> None:
    """Measure, write the result beside this file and print it."""
    around = surroundings("fairlearn", "scikit-learn")
    many, few = drawn(ROWS), drawn(FEW_ROWS)
    of_counts(*many)
    own = [wall_s(lambda: of_counts(*many)) for _ in range(RUNS)]
    alone = wall_s(lambda: frame(*many, None))
    each = (wall_s(lambda: frame(*many, SCALED_FROM)) - alone) / SCALED_FROM
    whole, median = alone + REPLICATES * each, float(np.median(own))
    counted, examples = of_counts(*many), of_examples(*many)
    small = of_counts(*few)
    result = {
        "rows": ROWS,
        "groups": GROUPS,
        "replicates": REPLICATES,
        "counts_s": {"median": round(median, 4), "fastest": round(min(own), 4), "slowest": round(max(own), 4)},
        "fairlearn_s": {
            "without_intervals": round(alone, 2),
            "per_replicate": round(each, 2),
            "scaled_to_all": round(whole),
            "scaled_from_replicates": SCALED_FROM,
        },
        "ratio": round(whole / median),
        "limit": {"counts_s": LIMIT_S, "ratio": LIMIT_RATIO},
        "largest_difference_of_interval_ends_in_monte_carlo_standard_errors": {
            f"examples resampled, {ROWS:,} rows": round(farthest(ends(counted), ends(examples), counted), 2),
            f"fairlearn, {FEW_ROWS:,} rows": round(farthest(ends(small), ends_of(frame(*few, REPLICATES)), small), 2),
        },
        "interval_ends_compared": 2 * 3 * GROUPS,
        **around,
    }
    publish(result, Path(__file__).with_suffix(".json"))


if __name__ == "__main__":
    main()
