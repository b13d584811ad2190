"""The power that is predicted is the share of simulated audits in which ``assess`` marks the change."""

from dataclasses import replace

import numpy as np
import pytest

from disparate.measures.assess import assess
from disparate.predictions import Run
from disparate.stats.power import Floor, Noise, Plan, power_of

SIZES, ERROR, FLIPS = (500, 300), 0.25, 0.12


def trained_anew(world, change, seeds):
    """Fresh trainings, those of the variant with more errors in the smaller group."""
    for seed in range(seeds):
        yield world.train(Run(variant="reference", seed=seed))
        yield world.train(Run(variant="v", seed=seed), harm=(0.0, change))


def turned(world, change, seeds):
    """The same models with answers turned by chance, so that the smaller group loses that much in expectation."""
    lost = change * (world.attributes["race"].codes == 1)
    for seed in range(seeds):
        reference = world.train(Run(variant="reference", seed=seed))
        right = reference.predicted == reference.target
        share = np.where(right, (FLIPS + lost) / (2 * (1 - ERROR)), (FLIPS - lost) / (2 * ERROR))
        other = np.where(right, (reference.target + 1) % world.classes, reference.target)
        turns = world.generator.random(len(right)) < share
        yield reference
        yield replace(reference, predicted=np.where(turns, other, reference.predicted), run=Run(variant="v", seed=seed))


def is_marked(runs, trains):
    found = assess(
        runs, by=["race"], measures=["accuracy"], acts_on_training={"v": trains}, generator=np.random.default_rng(0)
    )
    axis = "both" if len(runs) > 2 else "examples"
    return found.only(group="middle", variant="v", reference="reference", axis=axis).distinguishable


def expected_of_training(error, change):
    after = np.clip(error + change, 0, 1)
    noise = Noise(rest=float((error * (1 - error) + after * (1 - after)).mean()))
    plan = Plan(axis="seeds", comparisons=2, floor=Floor.of_test_set(float(error.mean())))
    return float((after - error).mean()), noise, plan


def expected_of_turning(error, change, seeds):
    slope = (FLIPS + change) / (2 * (1 - ERROR)) + (FLIPS - change) / (2 * ERROR)
    shared = slope**2 * float(error.var()) if seeds > 1 else FLIPS - change**2
    noise = Noise(examples=shared, rest=FLIPS - change**2 - shared)
    return change, noise, Plan(comparisons=2, floor=Floor.of_test_set(FLIPS))


def compared(make_world, *, trains, change, seeds, times):
    """Return the share of worlds in which the change is marked, and the mean of the powers that were predicted."""
    seen, predicted = [], []
    for number in range(times):
        world = make_world(number, sizes=SIZES, errors=(ERROR, ERROR))
        runs = list((trained_anew if trains else turned)(world, change, seeds))
        error = world.error[world.attributes["race"].codes == 1]
        size, noise, plan = expected_of_training(error, change) if trains else expected_of_turning(error, change, seeds)
        seen.append(is_marked(runs, trains))
        predicted.append(power_of(size, noise, seeds=seeds, examples=SIZES[1], plan=plan))
    return float(np.mean(seen)), float(np.mean(predicted))


def tolerance(share, times):
    return 3 * np.sqrt(max(share * (1 - share), 0.01) / times) + 0.02


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("change", [0.02, 0.05])
@pytest.mark.parametrize(("trains", "seeds"), [(True, 5), (False, 5), (False, 1)])
def test_predicted_power_is_the_share_of_audits_that_mark_the_change(world, trains, seeds, change, capsys):
    times = 500
    seen, predicted = compared(world, trains=trains, change=change, seeds=seeds, times=times)
    planned = Noise.of_training(ERROR) if trains else Noise.of_flips(FLIPS)
    floor = Floor.of_test_set(ERROR if trains else FLIPS)
    plan = Plan(axis="seeds" if trains else "both", comparisons=2, floor=floor)
    before = power_of(change, planned, seeds=seeds, examples=SIZES[1], plan=plan)
    with capsys.disabled():
        print(
            f"\n{trains=} {seeds=} {change=}: marked {seen:.3f}, predicted {predicted:.3f}, before any run {before:.3f}"
        )
    assert predicted == pytest.approx(seen, abs=tolerance(seen, times))
