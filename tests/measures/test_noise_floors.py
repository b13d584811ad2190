"""Every floor by itself, and that it is the one the findings are held against."""

from dataclasses import replace

import numpy as np
import pytest

from disparate.measures.assess import assess
from disparate.predictions import Run


@pytest.fixture
def runs(world):
    place = world(1, sizes=(200, 100, 20))
    found = []
    for seed in range(4):
        reference = place.train(Run(seed=seed))
        found += [
            reference,
            place.flip(reference, Run(seed=seed, repeat=1), 0.01),
            place.train(Run(variant="retrained", seed=seed)),
            place.flip(reference, Run(variant="int8", seed=seed), 0.05),
        ]
    return found


def findings(runs, measures=("accuracy", "loss", "accuracy_gap", "fairness_violation", "noise_floor")):
    return assess(
        runs,
        by=("race",),
        measures=measures,
        acts_on_training={"retrained": True, "int8": False},
        replicates=50,
        generator=np.random.default_rng(0),
    )


def floor(found, null, *, of="accuracy", group="large", **more):
    return found.only(measure="noise_floor", by="race", of=of, group=group, floor=null, **more)


def test_floors_by_hand(runs):
    found = findings(runs)
    large = runs[0].attributes["race"].codes == 0
    reference, again, retrained, int8 = ([item.correct[large] for item in runs[place::4]] for place in range(4))
    by_seed = np.array([answers.mean() for answers in reference])
    moved = np.array([answers.mean() for answers in again]) - by_seed
    assert floor(found, "N1 repeat").value == pytest.approx(np.sqrt((moved**2).mean()))
    assert floor(found, "N2 seeds").value == pytest.approx(np.sqrt(2) * by_seed.std(ddof=1))
    training = floor(found, "N4 test set", acts_on="training")
    assert training.value == pytest.approx(np.sqrt((1 - by_seed.mean()) / 200))
    assert training.variant == "reference"
    flips = np.mean([(one != other).mean() for one, other in zip(int8, reference, strict=True)])
    trained = floor(found, "N4 test set", acts_on="trained model")
    assert trained.value == pytest.approx(np.sqrt(flips / 200))
    assert (trained.variant, trained.reference) == ("int8", "reference")
    assert retrained


def test_the_floor_of_a_loss_is_what_examples_do_on_their_own(runs):
    small = runs[0].attributes["race"].codes == 1
    losses = np.stack([item.losses[small] for item in runs[::4]])
    expected = np.sqrt(2 * losses.var(axis=0, ddof=1).sum()) / 100
    found = floor(findings(runs), "N4 test set", of="loss", group="middle", acts_on="training")
    assert found.value == pytest.approx(expected)
    assert found.unit == "nats"


def test_the_largest_floor_is_the_null_of_the_difference(runs):
    found = findings(runs)
    for variant, names in (
        ("retrained", {"N1 repeat", "N2 seeds", "N4 test set"}),
        ("int8", {"N1 repeat", "N4 test set"}),
    ):
        acts = "training" if variant == "retrained" else "trained model"
        for group in ("large", "middle"):
            change = found.where(lambda item: (item.where or {}).get("axis") == "both").only(
                measure="accuracy", variant=variant, group=group
            )
            own = [
                item
                for item in found.where(measure="noise_floor", of="accuracy", group=group)
                if item.where["floor"] in names and item.where.get("acts_on", acts) == acts
            ]
            assert len(own) == len(names)
            largest = max(own, key=lambda item: item.value)
            assert change.null.name == largest.where["floor"]
            assert change.null.value == pytest.approx(largest.value)


def test_permuted_groups_are_a_floor_of_the_gap_and_of_the_violation(runs):
    found = findings(runs)
    gap = found.only(measure="noise_floor", of="accuracy_gap", variant="int8")
    assert gap.where["floor"] == "N3 permuted groups"
    assert gap.value == found.only(measure="accuracy_gap", variant="int8", reference=None).null.value
    assert found.only(measure="noise_floor", of="fairness_violation", variant="int8").value > 0
    assert gap.group is None


def test_absent_floors_say_why(runs):
    single = [item for item in runs if item.run.seed == 0 and item.run.repeat == 0]
    found = findings(single)
    assert floor(found, "N1 repeat").undefined == "the reference was never repeated"
    assert floor(found, "N2 seeds").undefined == "one seed of the reference; at least 2 are needed"
    assert floor(found, "N4 test set", of="loss", acts_on="training").undefined.startswith("one seed")
    assert floor(found, "N4 test set", acts_on="training").value > 0


def test_floors_are_not_judged_and_small_groups_are_named(runs):
    found = findings(runs).where(measure="noise_floor")
    assert all(item.distinguishable is None and "shown, not judged" in item.method for item in found)
    assert all("20 examples, fewer than 30" in item.method for item in found.where(group="small"))


def test_a_deterministic_program_has_a_repeat_floor_of_zero(runs):
    same = [replace(runs[place - 1], run=item.run) if item.run.repeat else item for place, item in enumerate(runs)]
    assert floor(findings(same), "N1 repeat").value == 0


def test_floors_that_are_not_asked_for_are_not_there(runs):
    assert len(findings(runs, ("accuracy",)).where(measure="noise_floor")) == 0
    alone = findings(runs, ("noise_floor",))
    assert {item.where["of"] for item in alone} == {"accuracy", "loss"}
