"""Intervals hold the truth as often as they say: levels and changes, by every way an interval is made."""

import numpy as np
import pytest
from scipy import stats

from disparate.errors import NotEnoughData
from disparate.measures.assess import assess
from disparate.measures.disparity import accuracy_gap, equalized_odds_sum
from disparate.measures.rates import accuracy, tpr
from disparate.predictions import Run
from disparate.stats.count_bootstrap import count_bootstrap

SIZES = (500, 400, 300)
APART, ALIKE = (0.1, 0.2, 0.3), (0.2, 0.2, 0.2)
"""Errors of the groups: gaps well above zero, and none at all."""
HARM = (0.0, 0.0, 0.06)
KINDS = ("percentile", "basic", "bca")
LEVEL = 0.95
MEASURES = ("accuracy", "tpr", "accuracy_gap", "equalized_odds_sum", "loss", "excessive_risk")


def truth(errors, harm):
    """Return accuracy and TPR of the last group, accuracy gap, EOdds of the last group, and loss, for two classes."""
    error = np.add(errors, harm)
    odds = 4 * abs(error[2] - error[0])
    return {
        "accuracy": 1 - error[2],
        "tpr": 1 - error[2],
        "accuracy_gap": np.ptp(error),
        "equalized_odds_sum": odds,
        "loss": 0.1 + 2 * error[2],
    }


def within(share, times, *, slack=0.01, most=1.0):
    """Whether a share of intervals is at least the level, up to four standard errors and a slack, and at most that."""
    return LEVEL - 4 * np.sqrt(LEVEL * (1 - LEVEL) / times) - slack <= share <= most


def values_of(counts):
    """Return places: four measures of the first run, then their changes."""
    runs = [
        accuracy(counts)[..., 2],
        tpr(counts)[..., 2, 1],
        accuracy_gap(counts),
        equalized_odds_sum(counts, 0)[..., 2],
    ]
    levels = np.stack(runs, axis=-1)
    return np.concatenate([levels[..., 0, :], levels[..., 1, :] - levels[..., 0, :]], axis=-1)


def of_counts(world, errors, *, times, persons=1):
    """Return how often each kind of bootstrap interval holds the truth, by measure; persons have that many images."""
    names = ["accuracy", "tpr", "accuracy_gap", "equalized_odds_sum"]
    before, after = truth(errors, (0, 0, 0)), truth(errors, HARM)
    true = [*(before[name] for name in names), *(after[name] - before[name] for name in names)]
    hits = np.zeros((len(KINDS), len(true)))
    for seed in range(times):
        place = world(seed, SIZES, errors, 2)
        first, second = place.train(Run()), place.train(Run(variant="v"), harm=HARM)
        target, codes = (np.repeat(column, persons) for column in (first.target, first.attributes["race"].codes))
        predicted = np.repeat(np.stack([first.predicted, second.predicted]), persons, axis=1)
        found = count_bootstrap(
            values_of,
            target,
            predicted,
            codes,
            shape=(3, 2),
            clusters=np.repeat(np.arange(sum(SIZES)), persons) if persons > 1 else None,
            replicates=400,
            generator=np.random.default_rng(seed),
        )
        for row, kind in enumerate(KINDS):
            hits[row] += [holds(found, column, kind, value) for column, value in enumerate(true)]
    keys = [*names, *(f"change of {name}" for name in names)]
    return {kind: dict(zip(keys, (hits[row] / times).round(3).tolist(), strict=True)) for row, kind in enumerate(KINDS)}


def holds(found, place, kind, value):
    """Whether an interval holds the truth; BCa refuses where the value lies beyond all replicates, which is no hit."""
    try:
        low, high = found.interval(place, kind=kind)
    except NotEnoughData:
        return False
    return low <= value <= high


def of_findings(world, errors, *, times, seeds, persons=1, harm=HARM):
    """Return how often the interval of a finding holds the truth, by measure, levels of the reference and changes."""
    before, after = truth(errors, (0, 0, 0)), truth(errors, harm)
    hits = {}
    for number in range(times):
        place = world(number, SIZES, errors, 2)
        more = {}
        if persons > 1:
            place = repeated(place, persons)
            more = {"cluster_id": np.repeat(np.arange(sum(SIZES)), persons).astype(str)}
        runs = [answers(place, Run(seed=s), persons, more, (0, 0, 0)) for s in range(seeds)]
        runs += [answers(place, Run(variant="v", seed=s), persons, more, harm) for s in range(seeds)]
        found = assess(
            runs,
            by=["race"],
            measures=MEASURES,
            acts_on_training={"v": False},
            replicates=200,
            generator=np.random.default_rng(number),
        )
        for item in found.where(by="race"):
            key, true = expected(item, before, after)
            if true is not None and item.low is not None and item.high is not None:
                hits.setdefault(key, []).append(item.low <= true <= item.high)
    return {key: round(float(np.mean(seen)), 3) for key, seen in hits.items()}


def expected(item, before, after):
    """Return the name and the truth of a finding of interest."""
    whole = item.measure in {"accuracy_gap"}
    if item.group != (None if whole else "small") or item.label not in {None, "b"}:
        return "", None
    if item.measure == "excessive_risk":
        return item.measure, after["loss"] - before["loss"]
    if item.reference is None:
        return item.measure, before[item.measure] if item.variant == "reference" else None
    axis = "" if item.where["axis"] in {"both", "examples"} and "shown" not in item.method else item.where["axis"]
    if axis:
        return "", None
    return f"change of {item.measure}", after[item.measure] - before[item.measure]


def answers(place, run, persons, more, harm):
    """Return a training; of persons with several images all images are right, or all wrong."""
    found = place.train(run, harm=harm, **more)
    if persons == 1:
        return found
    rows = np.arange(len(found)) // persons * persons
    return type(found)(**{
        **{name: getattr(found, name) for name in ("example_id", "target", "label_names", "attributes", "run")},
        "predicted": found.predicted[rows],
        "loss": found.loss[rows],
        "margin": found.margin[rows],
        **more,
    })


def repeated(place, times):
    """Return the world with every example several times."""
    for name in ("target", "error"):
        setattr(place, name, np.repeat(getattr(place, name), times))
    rows = np.repeat(np.arange(sum(SIZES)), times)
    place.attributes = {name: attribute.take(rows) for name, attribute in place.attributes.items()}
    return place


def test_of_few_worlds_most_intervals_hold_the_truth(world):
    for rates in of_counts(world, APART, times=25).values():
        assert min(rates.values()) >= stats.binom.ppf(1e-4, 25, LEVEL) / 25


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("persons", [1, 3])
def test_bootstrap_intervals_cover(world, persons):
    times = 1000
    for kind, rates in of_counts(world, APART, times=times, persons=persons).items():
        print(kind, persons, rates)
        assert all(within(share, times) for share in rates.values()), (kind, rates)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_what_users_get_where_there_is_no_gap_at_all(world):
    times = 500
    rates = of_counts(world, ALIKE, times=times)
    print(rates)
    for kind in KINDS:
        for name in ("accuracy", "tpr", "change of accuracy", "change of tpr"):
            assert within(rates[kind][name], times), (kind, name)
        assert rates[kind]["accuracy_gap"] < LEVEL


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize(("seeds", "persons"), [(1, 1), (1, 3), (3, 1), (5, 1)])
def test_findings_cover(world, seeds, persons):
    times = 300
    rates = of_findings(world, APART, times=times, seeds=seeds, persons=persons)
    print(seeds, persons, rates)
    assert all(within(share, times, slack=0.015) for share in rates.values()), rates
    assert len(rates) == 11


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize(("seeds", "most"), [(1, 0.9), (5, 0.2)])
def test_findings_where_there_is_no_gap_at_all(world, seeds, most):
    times = 300
    rates = of_findings(world, ALIKE, times=times, seeds=seeds, harm=(0, 0, 0))
    print(seeds, rates)
    levels = {rates.pop(name) for name in ("accuracy_gap", "equalized_odds_sum")}
    assert max(levels) < most
    assert all(within(share, times, slack=0.015) for share in rates.values()), rates
