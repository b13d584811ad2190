import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from disparate.errors import BadInput
from disparate.stats.multiplicity import benjamini_hochberg


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_agrees_with_scipy(p_values):
    array = np.array(p_values)
    assert benjamini_hochberg(array) == pytest.approx(stats.false_discovery_control(array))


def test_no_comparison_is_no_error():
    assert benjamini_hochberg(np.array([])).tolist() == []


@pytest.mark.parametrize("wrong", [1.5, -0.1, float("nan")])
def test_refuses_what_is_no_p_value(wrong):
    with pytest.raises(BadInput, match=r"p-value .* found; numbers in \[0, 1\] were expected"):
        benjamini_hochberg(np.array([0.5, wrong]))
