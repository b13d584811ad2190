"""Between recipe tables and choices: disparate.choices itself."""

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from disparate import choices
from disparate.choice import describe
from disparate.choices import CHOICES, build_choice, choice_table
from disparate.choices.kernels import Kernels
from disparate.choices.prune import Prune
from disparate.choices.seed import Seed
from disparate.errors import BadInput
from disparate.registry import Registry


def test_unknown_choice_names_the_nearest():
    with pytest.raises(BadInput, match=r"^unknown choice 'prunne'\. Did you mean 'prune'\?$"):
        build_choice({"choice": "prunne", "rate": 0.5})


@pytest.mark.parametrize("table", [{"rate": 0.5}, {"choice": 3}])
def test_table_without_a_name_is_refused(table):
    with pytest.raises(
        BadInput, match=r"^key 'choice' is .* the name of a choice was expected\. Known: analog, attack,"
    ):
        build_choice(table)


def test_every_wrong_setting_is_reported_at_once():
    with pytest.raises(BadInput) as caught:
        build_choice({"choice": "prune", "rate": "half", "metod": "random", "scope": "globl"})
    assert str(caught.value).splitlines() == [
        "choice 'prune': key 'rate' is 'half'; a valid number was expected.",
        "choice 'prune': key 'scope' is 'globl'; 'global' or 'layer' was expected. Did you mean 'global'?",
        "choice 'prune': unknown key 'metod' (found 'random'). Did you mean 'method'?",
    ]


def test_text_is_no_number():
    with pytest.raises(BadInput, match=r"key 'rate' is '0\.5'; a valid number was expected"):
        build_choice({"choice": "prune", "rate": "0.5"})


def test_an_integer_is_a_number():
    assert build_choice({"choice": "learning_rate", "factor": 2}) == build_choice({
        "choice": "learning_rate",
        "factor": 2.0,
    })


def test_table_holds_plain_values():
    assert choice_table(Seed(offset=3, parts=("order",))) == {"choice": "seed", "offset": 3, "parts": ["order"]}
    assert choice_table(Kernels(environment={"MKL_CBWR": "AVX2"})) == {
        "choice": "kernels",
        "at": "both",
        "environment": {"MKL_CBWR": "AVX2"},
    }


def test_table_agrees_with_describe():
    assert choice_table(Prune(rate=0.5)) == describe(Prune(rate=0.5), "prune")


@dataclass(frozen=True, kw_only=True, slots=True)
class Foreign:
    """A training choice of another package."""

    strength: float = 0.0

    def configure(self, config):
        return config


def test_choice_without_a_name_has_no_table():
    with pytest.raises(BadInput, match=r"^test_tables.Foreign|Foreign\(strength=0\.5\) stands in no table of choices"):
        choice_table(Foreign(strength=0.5))


def test_choice_of_another_package(monkeypatch):
    family = Registry(family="choices", entries=dict(CHOICES.entries))
    monkeypatch.setattr(Registry, "_foreign", lambda self: {"foreign": "nowhere:Foreign"})
    monkeypatch.setattr(Registry, "load", lambda self, name: Foreign if name == "foreign" else None)
    monkeypatch.setattr(choices, "CHOICES", family)
    assert choice_table(Foreign(strength=0.5)) == {"choice": "foreign", "strength": 0.5}
    assert build_choice({"choice": "foreign", "strength": 0.5}) == Foreign(strength=0.5)
    with pytest.raises(BadInput, match="Did you mean 'strength'"):
        build_choice({"choice": "foreign", "strenght": 0.5})


plain = st.none() | st.booleans() | st.integers(-9, 9) | st.floats() | st.text(max_size=5) | st.lists(st.integers(0, 2))


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(sorted(CHOICES.entries)),
    table=st.dictionaries(st.sampled_from(["rate", "at", "epoch", "bits", "value", "parts", "threads"]), plain),
)
def test_any_table_is_a_choice_or_bad_input(name, table):
    try:
        choice = build_choice({"choice": name, **table})
    except BadInput:
        return
    assert build_choice(choice_table(choice)) == choice
