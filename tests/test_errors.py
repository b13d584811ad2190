import inspect

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from disparate import errors
from disparate.errors import DisparateError, suggestion

KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, Exception)]
words = st.text(max_size=10)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_one_except_catches_every_error_and_each_says_whose_turn_it_is(kind):
    assert issubclass(kind, DisparateError)
    assert kind.__doc__


@settings(max_examples=60, deadline=None)
@given(word=words, known=st.sets(words, max_size=6))
def test_a_suggestion_is_one_sentence_about_what_is_known(word, known):
    sentence = suggestion(word, known)
    near = sentence.removeprefix(" Did you mean '").removesuffix("'?")
    assert near in known or sentence == f" Known: {', '.join(sorted(known))}."


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("quantise", " Did you mean 'quantize'?"),
        ("QUANTIZE", " Known: prune, quantize."),
        ("", " Known: prune, quantize."),
        ("prune", " Did you mean 'prune'?"),
    ],
)
def test_near_words(word, sentence):
    assert suggestion(word, ["quantize", "prune"]) == sentence
