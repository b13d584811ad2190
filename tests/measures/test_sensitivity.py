import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from disparate.measures.sensitivity import hardware_sensitivity

DEVICES = np.array([[0.30, 1.0], [0.10, 1.5]])
REFERENCE = np.array([0.20, 1.2])


def test_three_forms_by_hand():
    assert hardware_sensitivity(DEVICES, REFERENCE, form="absmax") == pytest.approx([0.1, 0.3])
    assert hardware_sensitivity(DEVICES, REFERENCE, form="range") == pytest.approx([0.2, 0.5])
    assert hardware_sensitivity(DEVICES, REFERENCE, form="signed") == pytest.approx(
        np.array([[0.1, -0.2], [-0.1, 0.3]])
    )


def test_the_reference_is_one_of_the_devices_of_the_range():
    assert hardware_sensitivity(np.array([[0.3]]), np.array([0.1]), form="range") == pytest.approx([0.2])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_absmax_lies_between_half_the_range_and_the_range(seed):
    generator = np.random.default_rng(seed)
    devices, reference = generator.normal(size=(4, 3)), generator.normal(size=3)
    largest, spread = (hardware_sensitivity(devices, reference, form=form) for form in ("absmax", "range"))
    assert (largest <= spread + 1e-12).all()
    assert (largest >= spread / 2 - 1e-12).all()


def test_an_unseen_group_stays_undefined():
    assert np.isnan(hardware_sensitivity(np.array([[np.nan]]), np.array([np.nan]), form="range")).all()
