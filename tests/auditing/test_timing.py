"""Times of steps: the record of a job, and what is made of it."""

import pytest

from disparate.auditing.timing import ROUNDS, StepTimes, available, time_steps
from disparate.data import data_named
from disparate.errors import BadInput
from disparate.profiles import PROFILES


def test_deterministic_and_free_steps_take_turns_and_agree_on_a_processor(audit, tmp_path):
    data = {"source": "synthetic", "examples": 300}
    arguments = {
        "data": data,
        "content": data_named(data).content,
        "model": {"name": "small_cnn", "width": 2},
        "trust": [],
        "config": audit.training.to_json(),
        "profile": PROFILES["native"].to_json(),
    }
    record = time_steps(arguments, tmp_path, {}, lambda done, total, message="": None).record
    assert len(record["deterministic"]) == len(record["free"]) == ROUNDS
    assert min(*record["deterministic"], *record["free"]) > 0
    assert record["equal"] is True


def test_the_price_is_the_median_of_the_ratios_of_rounds():
    times = StepTimes(deterministic=(2.0, 6.0, 4.0), free=(1.0, 2.0, 4.0), equal=True)
    assert (times.price, times.range, times.seconds) == (2.0, (1.0, 3.0), 4.0)


def test_rounds_have_to_pair():
    with pytest.raises(BadInput, match="2 rounds with deterministic kernels, 1 without"):
        StepTimes(deterministic=(1.0, 1.0), free=(1.0,), equal=True)


def test_emulated_formats_are_not_timed():
    assert {"native", "two_threads"} <= {profile.name for profile in available()}
    assert all(profile.operands == "float32" for profile in available())
