"""Planted device effects, the way of a user: false alarms at the stated rate, power as predicted.

The study itself is benchmarks/false_alarms.py; here are a smaller one, and what was written down of the large one.
"""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "measures" / "chance.md").read_text(encoding="utf-8")
RATE = 0.05
ON_MODEL, ANEW, FILES = "choice on the trained model, 5 seeds", "choice that trains anew, 5 seeds", "two files"
NOT_SAID = "two files of fresh trainings, not said to be"


@pytest.fixture(scope="module")
def study():
    spec = importlib.util.spec_from_file_location("false_alarms", ROOT / "benchmarks" / "false_alarms.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["false_alarms"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def written():
    return json.loads((ROOT / "benchmarks" / "false_alarms.json").read_text(encoding="utf-8"))


def likely(share, times, *, rate=RATE, least=0.0):
    """Whether a share of so many simulations is no more than the rate allows in 999 of 1000 studies."""
    return least <= share <= stats.binom.ppf(0.9995, times, rate) / times


def test_false_alarms_were_no_more_than_stated(written):
    for name, effects in written["accuracy"].items():
        found = effects["0 points"]
        assert found["simulations"] >= 500
        if name != NOT_SAID:
            assert likely(found["no_effect"]["any_group_claimed"], found["simulations"]), name
    whole = written["any_claim_without_effect_by_measure"]
    for name in (ON_MODEL, ANEW, FILES):
        assert all(likely(share, whole["simulations"]) for share in whole[name].values()), name


@pytest.mark.parametrize("name", [ANEW, FILES])
def test_before_the_floor_false_alarms_were_at_the_rate_itself(written, name):
    found = written["accuracy"][name]["0 points"]
    least, most = stats.binom.ppf([0.0005, 0.9995], found["simulations"], RATE) / found["simulations"]
    assert least <= found["no_effect"]["any_group_significant_after_correction"] <= most


@pytest.mark.parametrize("name", [ANEW, FILES, ON_MODEL])
def test_power_was_what_was_predicted(written, name):
    for effect in ("1 points", "5 points"):
        found = written["accuracy"][name][effect]
        for kind in ("single_test", "after_correction"):
            seen, predicted = found["effect"][kind]["seen"], found["effect"][kind]["predicted"]
            error = 4 * np.sqrt(predicted * (1 - predicted) / found["simulations"])
            assert seen == pytest.approx(predicted, abs=error + 0.03), (effect, kind)


def test_two_trainings_that_nobody_calls_so_raise_twice_the_alarms(written):
    assert written["accuracy"][NOT_SAID]["0 points"]["no_effect"]["any_group_claimed"] > 0.08


@pytest.mark.parametrize("name", [ON_MODEL, ANEW, FILES])
def test_the_page_says_what_was_found(written, name):
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| {name} |"))
    found = written["accuracy"][name]
    none = found["0 points"]["no_effect"]
    shares = [none["any_group_significant_after_correction"], none["any_group_claimed"]]
    for effect in ("1 points", "5 points"):
        shares += [found[effect]["effect"]["single_test"][kind] for kind in ("predicted", "seen")]
        shares.append(found[effect]["effect"]["claimed"])
    expected = [f"{100 * share:.1f}" for share in shares]
    assert [cell.strip() for cell in row.split("|")[2:-1]] == expected


def test_one_world_of_each_kind(study):
    for name in (ON_MODEL, ANEW, FILES):
        p_values, significant, claimed, value = study.simulate(name, 0.05, 0)
        assert len(p_values) == len(significant) == len(claimed) == 5
        assert -0.12 < value < 0


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", [ON_MODEL, ANEW, FILES])
def test_false_alarms_and_power_in_a_smaller_study(study, name):
    times = 200
    nothing = study.summary(name, 0.0, [study.simulate(name, 0.0, 10_000 + n) for n in range(times)])
    assert likely(nothing["no_effect"]["any_group_claimed"], times)
    planted = study.summary(name, 0.05, [study.simulate(name, 0.05, 10_000 + n) for n in range(times)])
    seen, predicted = (planted["effect"]["single_test"][kind] for kind in ("seen", "predicted"))
    assert seen == pytest.approx(predicted, abs=4 * np.sqrt(predicted * (1 - predicted) / times) + 0.04)
