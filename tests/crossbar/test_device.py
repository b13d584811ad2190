"""Devices: what they refuse, and in which words."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disparate.crossbar.device import Device, without_chance
from disparate.errors import BadInput

BAD = [
    ({"programming": -0.1}, "programming is -0.1; a σ of 0 or more was expected"),
    ({"read": math.inf}, "read is inf; a σ of 0 or more was expected"),
    ({"flips": 1.5, "bits": 8}, "flips is 1.5; a share in [0, 1] was expected; 1.5 % is 0.015"),
    ({"stuck_on": -1}, "stuck_on is -1; a share in [0, 1] was expected"),
    ({"stuck_on": 0.7, "stuck_off": 0.4}, "stuck_on + stuck_off is 1.1; at most 1 was expected"),
    ({"bits": 1}, "bits is 1; 2 to 16 bits were expected, or none at all"),
    ({"bits": 8, "slices": 8}, "slices is 8 and bits is 8; at most 7 slices were expected (the sign is which cell"),
    ({"bits": 8, "slices": 9, "encoding": "offset"}, "slices is 9 and bits is 8; at most 8 slices were expected."),
    ({"slices": 2}, "slices is 2 and bits is not given"),
    ({"programming": 0.1, "variation": "swim"}, "programming follows 'swim' and bits is not given"),
    ({"g_min": 10.0, "g_max": 2.0}, "g_min is 10.0 and g_max is 2.0; 0 ≤ g_min < g_max was expected, in µS"),
    ({"wire": -1.0}, "wire is -1.0; a resistance of 0 Ω or more was expected"),
    ({"drift_time": 1.0}, "drift_time is 1.0 s and drift_start 20.0 s; 0 < drift_start ≤ drift_time was expected"),
    ({"state": (0.0, 1.0, -2.0)}, "state is [0.0, 1.0, -2.0]; coefficients of a deviation that is nowhere negative"),
    ({"state": ()}, "state is []; coefficients"),
    ({"rows": 0}, "rows is 0; 1 or more was expected"),
    ({"adc_offset": 0.1}, "adc_offset is 0.1 and fidelity is 'weights', which has no converters. Use fidelity='mvm'"),
    ({"verify_tolerance": 0.0}, "verify_tolerance is 0.0; a share above 0 was expected"),
]


@pytest.mark.parametrize(("settings", "text"), BAD, ids=lambda item: str(item)[:40])
def test_what_is_refused_and_how(settings, text):
    with pytest.raises(BadInput) as caught:
        Device(**settings)
    assert str(caught.value).startswith("crossbar: ")
    assert text in str(caught.value)


def test_everything_that_is_wrong_is_said_at_once():
    with pytest.raises(BadInput, match=r"stuck_off is 2.*programming is -1.*wire is -3"):
        Device(stuck_off=2, programming=-1, wire=-3)


def test_as_many_slices_as_magnitude_bits():
    assert Device(bits=8, slices=7).slices == 7
    assert Device(bits=8, slices=8, encoding="offset").slices == 8


@pytest.mark.parametrize(
    "settings",
    [{"stuck_on": 0.1}, {"read": 0.1}, {"programming": 0.1}, {"adc_offset": 0.1, "fidelity": "mvm"}],
)
def test_what_is_random(settings):
    assert Device(**settings).is_random
    assert not without_chance(Device(**settings)).is_random
    assert not Device(bits=4, wire=1.0, drift=0.1, drift_time=100.0, verify="all").is_random


def test_read_noise_is_no_part_of_a_chip():
    assert not Device(read=0.1).has_permanent_chance
    assert Device(drift_spread=0.1, drift_time=100.0).has_permanent_chance
    assert not Device(drift_spread=0.1).has_permanent_chance  # no time has passed


numbers = st.floats(allow_nan=True) | st.sampled_from([0.0, 0.5, 1.0])


@given(
    settings=st.fixed_dictionaries(
        {},
        optional={
            "bits": st.none() | st.integers(-2, 20),
            "slices": st.integers(-1, 20),
            "stuck_on": numbers,
            "stuck_off": numbers,
            "programming": numbers,
            "state": st.lists(numbers, max_size=3).map(tuple),
            "g_min": numbers,
            "wire": numbers,
            "drift_time": numbers,
        },
    )
)
def test_any_settings_are_a_device_or_bad_input(settings):
    try:
        device = Device(**settings)
    except BadInput:
        return
    assert 0 <= device.stuck_on + device.stuck_off <= 1
    assert device.window > 0
