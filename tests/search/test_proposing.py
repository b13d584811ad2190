"""What is tried next: every point of a grid, or what a guided method proposes, the same each time."""

import sys

import pytest

from disparate.errors import BadInput, MissingExtra
from disparate.search.proposing import described, given, proposer
from disparate.search.recipe import parse_search

PRUNE = {"choice": "prune", "rate": {"search": {"low": 0.0, "high": 0.9, "points": 4}}}


def question(tables, **asked):
    chain = [PRUNE, {"search": [{}, {"choice": "fine_tune", "epochs": 1}], "name": "then"}]
    variants = [
        {"name": "plain", "choices": [{"choice": "seed"}]},
        {"name": "pruned", "choices": chain},
        {"name": "tuned", "choices": [{"choice": "learning_rate", "factor": {"search": {"low": 0.1, "high": 9.0}}}]},
    ]
    return parse_search({**tables, "variant": variants, "search": asked})


def bowl(trial):
    """Return numbers that are best at a rate of 0.45; other templates are bad, or have none."""
    if trial.template != "pruned":
        return (0.0, 1.0) if trial.settings["factor"] < 5 else None
    away = abs(trial.settings["rate"] - 0.45)
    return 1 - away, away**2


def tried(search):
    source = proposer(search)
    found = []
    while asked := source.ask():
        found += asked
        source.tell([bowl(trial) for trial in asked])
    return found


def test_a_grid_is_every_point_once(tables):
    search = question(tables)
    pruned = search.templates[1]
    only = parse_search({**tables, "variant": [{"name": "pruned", "choices": [PRUNE]}]})
    assert [trial.settings["rate"] for trial in tried(only)] == [0.0, 0.3, 0.6, 0.9]
    assert pruned.dimensions[1].grid() == ({}, {"choice": "fine_tune", "epochs": 1})
    assert [trial.variant.name for trial in given(search)] == ["plain"]


def test_a_grid_larger_than_what_is_wanted(tables):
    search = parse_search({**tables, "search": {"trials": 3}})
    with pytest.raises(
        BadInput, match=r"the grid has 4 points and trials is 3; raise trials, list fewer values, or take"
    ):
        proposer(search)


@pytest.mark.parametrize("method", ["tpe", "nsga2"])
def test_a_guided_search_proposes_the_same_again(tables, method):
    search = question(tables, method=method, trials=12, batch=4, seed=3)
    first, again = tried(search), tried(search)
    assert [trial.variant for trial in first] == [trial.variant for trial in again]
    assert len({trial.variant.name for trial in first}) >= 12
    other = tried(question(tables, method=method, trials=12, batch=4, seed=4))
    assert [trial.variant for trial in first] != [trial.variant for trial in other]


@pytest.mark.parametrize(("method", "least"), [("tpe", 6), ("nsga2", 13)])
def test_a_guided_search_learns(tables, method, least):
    """Good settings are drawn nearer: half of 20 draws would be 'pruned' by chance, at 0.225 from the best rate."""
    found = tried(question(tables, method=method, trials=60, batch=10, seed=0))
    late = found[-20:]
    pruned = [trial for trial in late if trial.template == "pruned"]
    assert len(pruned) >= least
    away = [abs(trial.settings["rate"] - 0.45) for trial in pruned]
    assert sum(away) / len(away) < 0.16


def test_values_of_ranges_have_three_digits(tables):
    found = tried(question(tables, method="tpe", trials=8))
    rates = [trial.settings["rate"] for trial in found if trial.template == "pruned"]
    assert rates == [float(f"{rate:.3g}") for rate in rates]


def test_a_small_space_comes_to_an_end(tables):
    search = parse_search({**tables, "search": {"method": "tpe", "trials": 50, "batch": 8}})
    found = tried(search)
    assert len({trial.variant.name for trial in found}) == 4
    assert len(found) <= 250


def test_without_optuna_the_error_is_the_command_that_installs_it(tables, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    search = question(tables, method="tpe")
    with pytest.raises(MissingExtra, match=r"search method 'tpe'.*pip install 'disparate\[search\]'"):
        proposer(search)


def test_methods_in_words():
    assert [described(method) for method in ("grid", "tpe", "nsga2")] == ["a grid", "TPE", "NSGA-II"]
