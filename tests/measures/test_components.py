"""Layouts whose variances are planted, and what the findings say of them."""

import json
from dataclasses import replace

import numpy as np
import pytest

from disparate.findings import Findings
from disparate.groups import Attribute
from disparate.measures.assess import assess
from disparate.measures.components import run_sds
from disparate.measures.movement import Movement
from disparate.measures.table import OF_HARDWARE
from disparate.predictions import Predictions, Run
from disparate.stats.contributions import contributions

NAMES = ("run_sd", "variance_share", "device_over_repeat", "device_over_seed", "device_label_p")
SIZES = {"large": 300, "small": 100}


def losses(generator, *, device=0.0, seed=0.0, mixed=0.0, repeat=0.0, alone=0.0, shape=(4, 5, 2)):
    """Losses of every example: means with planted standard deviations, examples that move on their own besides."""
    devices, seeds, _ = shape
    shared = (
        2.0
        + device * generator.normal(size=(devices, 1, 1))
        + seed * generator.normal(size=(1, seeds, 1))
        + mixed * generator.normal(size=(devices, seeds, 1))
        + repeat * generator.normal(size=shape)
    )
    noise = generator.normal(size=(devices, seeds, 1, sum(SIZES.values())))
    return np.maximum(shared[..., None] + alone * noise, 0.0) + np.zeros((*shape, sum(SIZES.values())))


def predictions(loss, run, **more) -> Predictions:
    n = len(loss)
    race = Attribute(names=tuple(SIZES), codes=np.repeat([0, 1], list(SIZES.values())).astype(np.int32))
    return Predictions(
        example_id=np.array([f"x{place}" for place in range(n)]),
        target=np.zeros(n, dtype=np.int64),
        predicted=(loss > 2.0).astype(np.int64),
        loss=loss.astype(np.float32),
        margin=np.where(loss > 2.0, -1.0, 1.0).astype(np.float32),
        label_names=("no", "yes"),
        attributes={"race": race},
        run=run,
        **more,
    )


def runs_of(values) -> list[Predictions]:
    """Runs of a layout; the first device is the reference, whose repeats are kept."""
    found = []
    for device, by_seed in enumerate(values):
        for seed, by_time in enumerate(by_seed):
            for repeat, loss in enumerate(by_time if device == 0 else by_time[:1]):
                name = f"device {device}" if device else "reference"
                found.append(predictions(loss, Run(variant=name, seed=seed, repeat=repeat)))
    return found


def findings(runs, measures=OF_HARDWARE, *, trains=True, hardware=None, seed=0) -> Findings:
    names = [name for name in dict.fromkeys(item.run.variant for item in runs) if name != "reference"]
    return assess(
        runs,
        by=("race",),
        measures=measures,
        acts_on_training=dict.fromkeys(names, trains),
        hardware=names if hardware is None else hardware,
        replicates=20,
        generator=np.random.default_rng(seed),
    )


def part(found, measure, component=None, *, of="loss", group="large"):
    more = {} if component is None else {"component": component}
    return found.only(measure=measure, by="race", of=of, group=group, **more)


def test_components_are_those_of_the_mean_losses_by_hand():
    values = losses(np.random.default_rng(0), device=0.3, seed=0.2, mixed=0.1, repeat=0.05)
    found = findings(runs_of(values), NAMES)
    cells = values[:, :, 0, :300].astype(np.float32).mean(axis=-1)
    by_device, by_seed = cells.mean(axis=1), cells.mean(axis=0)
    rest = cells - by_device[:, None] - by_seed + cells.mean()
    mixed = (rest**2).sum() / 12
    repeat = (np.diff(values[0, :, :, :300].astype(np.float32).mean(axis=-1)) ** 2).sum() / 2 / 5
    device, seed = by_device.var(ddof=1) - mixed / 5, by_seed.var(ddof=1) - mixed / 4
    expected = {"device": device, "seed": seed, "mixed": mixed - repeat, "repeat": repeat}
    expected["all"] = sum(expected.values())
    for component, variance in expected.items():
        assert part(found, "run_sd", component).value == pytest.approx(max(0, variance) ** 0.5, rel=1e-4, abs=1e-7)


@pytest.mark.parametrize(
    ("planted", "largest"),
    [
        ({"device": 0.3, "seed": 0.02}, "device"),
        ({"seed": 0.3, "mixed": 0.02}, "seed"),
        ({"mixed": 0.3}, "mixed"),
        ({"repeat": 0.3}, "repeat"),
        ({"alone": 0.3, "mixed": 0.001}, "test set"),
    ],
)
def test_the_part_that_was_planted_is_found(planted, largest):
    found = findings(runs_of(losses(np.random.default_rng(1), shape=(6, 12, 4), **planted)), ("variance_share",))
    shares = {item.where["component"]: item.value for item in found.where(by="race", of="loss", group="large")}
    assert list(shares) == ["device", "mixed", "seed", "repeat", "test set"]
    assert sum(shares.values()) == pytest.approx(1)
    assert max(shares, key=shares.__getitem__) == largest
    assert shares[largest] > 0.6


def test_planted_standard_deviations_are_recovered():
    planted = {"device": 0.2, "seed": 0.1, "mixed": 0.15, "repeat": 0.05}
    values = losses(np.random.default_rng(2), shape=(40, 40, 2), alone=0.5, **planted)[:, :, :, :100]
    own = contributions(values.reshape(-1, 100)).reshape(40, 40, 2, 100)
    movement = Movement(
        of="loss",
        values=values.mean(axis=-1)[:, :, :1],
        again=values.mean(axis=-1)[0],
        units=own[:, :, :1],
        units_again=own[0],
        n=100,
        trains=True,
        level=0.95,
        generator=np.random.default_rng(0),
    )
    found = {item.where["component"]: item.value for item in run_sds(movement)}
    planted["mixed"] = (0.15**2 + 0.5**2 / 100) ** 0.5
    for name, sd in planted.items():
        assert found[name] == pytest.approx(sd, rel=0.35)
    every = 0.5**2 + 0.2**2 + 0.1**2 + 0.15**2 + 0.05**2
    assert found["test set"] == pytest.approx((every / 100) ** 0.5, rel=0.1)


def test_the_test_set_part_of_accuracy_is_near_the_analytic_floor(world):
    """Calibrated mistakes: √(err / 2n) of one run is what examples do that move on their own (jordan2024)."""
    place = world(5, sizes=(600, 300), errors=(0.2, 0.4), classes=2)
    place.error = np.random.default_rng(6).uniform(0, 1, 900)  # an answer is right as often as its chance says
    place.target = (np.random.default_rng(7).random(900) < place.error).astype(np.int64)
    runs = []
    for seed in range(6):
        for variant in ("reference", "a", "b"):
            answer = place.train(Run(variant=variant, seed=seed))
            drawn = (place.generator.random(900) < place.error).astype(np.int64)
            runs.append(replace(answer, predicted=drawn))
    found = findings(runs, ("run_sd", "noise_floor", "accuracy"))
    for group in ("large", "middle"):
        own = part(found, "run_sd", "test set", of="accuracy", group=group).value
        floor = found.only(measure="noise_floor", by="race", of="accuracy", group=group, floor="N4 test set").value
        assert 2**0.5 * own == pytest.approx(floor, rel=0.12)


def test_twice_the_examples_halve_the_variance_of_the_test_set_and_nothing_else():
    runs = runs_of(losses(np.random.default_rng(3), device=0.1, alone=0.5))
    twice = np.tile(np.arange(400), 2)
    doubled = [replace(item.take(twice), example_id=np.array([f"d{place}" for place in range(800)])) for item in runs]
    once, more = findings(runs, ("run_sd",)), findings(doubled, ("run_sd",))
    assert part(more, "run_sd", "all").value == pytest.approx(part(once, "run_sd", "all").value)
    own = part(once, "run_sd", "test set").value
    assert part(more, "run_sd", "test set").value == pytest.approx(own / 2**0.5)


def test_rows_that_stand_for_several_examples_are_that_many():
    runs = runs_of(losses(np.random.default_rng(4), device=0.1, alone=0.5))
    alike = np.random.default_rng(5).integers(1, 4, 400)
    rows = np.repeat(np.arange(400), alike)
    long = [replace(item.take(rows), example_id=np.array([str(n) for n in range(len(rows))])) for item in runs]
    counted = [replace(item, multiplicity=alike) for item in runs]
    for one, other in zip(findings(counted, NAMES), findings(long, NAMES), strict=True):
        assert one.undefined == other.undefined
        assert one.undefined or one.value == pytest.approx(other.value, rel=1e-5, abs=1e-9)


def test_ratios_have_intervals_and_a_device_that_moves_all_seeds_is_told():
    generator = np.random.default_rng(8)
    moved = findings(runs_of(losses(generator, device=0.5, seed=0.1, mixed=0.05, repeat=0.05)), NAMES)
    ratio = part(moved, "device_over_seed")
    assert ratio.low < ratio.value < ratio.high
    assert ratio.value > 1.5
    assert part(moved, "device_over_repeat").value > 3
    assert part(moved, "device_label_p").value < 0.01
    assert part(moved, "device_label_p").distinguishable is True
    chaos = findings(runs_of(losses(generator, mixed=0.3, repeat=0.05)), NAMES)
    assert part(chaos, "device_label_p").distinguishable is False
    assert part(chaos, "device_over_seed").low < 1 < part(chaos, "device_over_seed").high


def test_what_is_only_shown_is_not_judged():
    found = findings(runs_of(losses(np.random.default_rng(9), mixed=0.3, repeat=0.05)), NAMES)
    for item in found.where(lambda item: item.measure != "device_label_p" and item.value is not None):
        assert item.distinguishable is None
        assert "shown, not judged" in item.method


def test_a_deterministic_program_has_no_ratio_to_its_repeats():
    found = findings(runs_of(losses(np.random.default_rng(10), mixed=0.3)), NAMES)
    assert part(found, "device_over_repeat").undefined.startswith("deterministic")
    assert part(found, "run_sd", "repeat").value == 0


def test_without_repeats_their_part_is_undefined_and_the_shares_still_sum_to_one():
    runs = [item for item in runs_of(losses(np.random.default_rng(11), mixed=0.3)) if item.run.repeat == 0]
    found = findings(runs, NAMES)
    for measure in ("run_sd", "variance_share"):
        assert part(found, measure, "repeat").undefined == "the reference was never repeated"
    assert part(found, "device_over_repeat").undefined == "the reference was never repeated"
    shares = [item.value for item in found.where(measure="variance_share", by="race", of="loss", group="large")]
    assert sum(value for value in shares if value is not None) == pytest.approx(1)


def test_one_seed_is_too_few():
    found = findings(runs_of(losses(np.random.default_rng(12), mixed=0.3, shape=(3, 1, 2))), NAMES)
    assert len(found) == len(NAMES) * 2 * 3
    assert all("3 device(s) and 1 seed(s); at least 2 of each" in item.undefined for item in found)


def test_two_names_for_one_device_are_one_device():
    runs = runs_of(losses(np.random.default_rng(13), mixed=0.3))
    twin = [replace(item, run=replace(item.run, variant="twin")) for item in runs if item.run.variant == "device 1"]
    found = findings([*runs, *twin], NAMES)
    assert "twin gives the answers of device 1: one device" in part(found, "run_sd", "device").method
    assert part(found, "run_sd", "device").value == part(findings(runs, NAMES), "run_sd", "device").value


def test_devices_that_all_give_the_same_answers_are_one():
    values = losses(np.random.default_rng(14), seed=0.3, shape=(3, 4, 1))
    found = findings(runs_of(values), OF_HARDWARE)
    own = found.where(lambda item: item.measure in {*NAMES, "device_range"})
    assert all("1 device" in item.undefined and "one device" in item.undefined for item in own)


def test_seeds_that_one_device_lacks_are_left_out_and_named():
    runs = runs_of(losses(np.random.default_rng(15), mixed=0.3))
    fewer = [item for item in runs if (item.run.variant, item.run.seed) != ("device 2", 3)]
    found = part(findings(fewer, NAMES), "run_sd", "mixed")
    assert found.seeds == 4
    assert "seeds 3 left out, not every device has them" in found.method


def test_profiles_without_a_common_seed_are_undefined():
    runs = runs_of(losses(np.random.default_rng(16), mixed=0.3, shape=(3, 4, 1)))
    wanted = {"reference": {0, 1, 2, 3}, "device 1": {0, 1}, "device 2": {2, 3}}
    found = findings([item for item in runs if item.run.seed in wanted[item.run.variant]], NAMES)
    assert {item.undefined for item in found} == {"the hardware profiles share no seed with the reference"}


def test_without_hardware_there_is_nothing_to_take_apart():
    runs = runs_of(losses(np.random.default_rng(17), mixed=0.3))
    assert len(findings(runs, NAMES, hardware=())) == 0


def test_answers_alone_give_the_parts_of_accuracy():
    runs = runs_of(losses(np.random.default_rng(18), alone=0.3))
    found = findings([replace(item, loss=None, margin=None) for item in runs], NAMES)
    assert {item.where["of"] for item in found} == {"accuracy"}
    assert part(found, "run_sd", "all", of="accuracy").value > 0


def test_a_cluster_moves_as_one():
    generator = np.random.default_rng(19)
    runs = runs_of(losses(generator, alone=0.5))
    labels = np.array([f"c{place // 10}" for place in range(400)])
    clustered = findings([replace(item, cluster_id=labels) for item in runs], ("run_sd",))
    assert part(clustered, "run_sd", "all").value == pytest.approx(
        part(findings(runs, ("run_sd",)), "run_sd", "all").value
    )
    assert part(clustered, "run_sd", "test set").value > 0


def test_findings_survive_a_round_trip():
    found = findings(runs_of(losses(np.random.default_rng(20), mixed=0.3, alone=0.2)))
    again = Findings.from_json(json.loads(json.dumps(found.to_json(), allow_nan=False)))
    assert again == found


def test_the_same_generator_gives_the_same_findings_and_other_measures_do_not_change():
    runs = runs_of(losses(np.random.default_rng(21), mixed=0.3, alone=0.2))
    assert findings(runs) == findings(runs)
    alone = findings(runs, ("hardware_sensitivity",)).where(measure="hardware_sensitivity")
    together = findings(runs).where(measure="hardware_sensitivity")
    assert [item.value for item in alone] == [item.value for item in together]
