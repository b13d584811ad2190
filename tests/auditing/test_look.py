"""How closely is looked: settings from texts, and what they cannot be."""

import pytest

from disparate.auditing.look import Look
from disparate.errors import BadInput


def test_texts_change_settings_and_keep_their_kinds():
    look = Look().changed(["eigenvalues=5", "tolerance=0.05", 'matrices=["ggn", "empirical_fisher"]', "noise=1"])
    assert (look.eigenvalues, look.tolerance, look.noise) == (5, 0.05, 1.0)
    assert look.matrices == ("ggn", "empirical_fisher")
    assert Look().changed(["thorough=true"]).thorough


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("eigenvalue=5", "Did you mean 'eigenvalues'"),
        ("eigenvalues", "form name=value"),
        ("eigenvalues='five'", "'five'; a value like 1"),
        ("thorough=1", "a value like False"),
        ("eigenvalues=0", "eigenvalues is 0; at least 1"),
        ("points=2", "points is 2; 0, or at least 3"),
        ("subsets=1", "subsets is 1; 0, or at least 2"),
        ("subset_share=1.0", "a share in"),
        ("tolerance=0.0", "a share in"),
        ("noise=-1.0", "noise is -1.0; 0 or more"),
        ("matrices=['fisher']", r"matrices is \['fisher'\]"),
        ("curvature=0", "curvature is 0"),
    ],
)
def test_what_does_not_fit_is_refused(words, message):
    with pytest.raises(BadInput, match=message):
        Look().changed([words])
