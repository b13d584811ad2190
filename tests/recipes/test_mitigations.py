import numpy as np
import pytest

from disparate.recipes.mitigations import PLAIN, TRAININGS, ask_prunings, ask_trainings, at_rate, attacked, levelling
from disparate.recipes.setting import setting


def test_every_objective_is_asked_under_attack_too_on_the_same_training():
    audit = ask_trainings(setting("laptop", "utkface_ethnicity"))
    chains = {variant.name: variant for variant in audit.variants}
    assert set(chains) == {attacked("reference"), *TRAININGS, *(attacked(name) for name in TRAININGS)}
    for name in TRAININGS:
        plain, under_attack = chains[name], chains[attacked(name)]
        assert plain.objective(audit.objective) == under_attack.objective(audit.objective) != audit.objective
        assert under_attack.choices[:-1] == plain.choices


def test_every_way_to_prune_has_one_rate_and_as_many_epochs():
    audit = ask_prunings(setting("laptop", "utkface_ethnicity"))
    assert {at_rate(PLAIN, 0.5), at_rate("FairGRAPE", 0.9)} <= {variant.name for variant in audit.variants}
    for variant in audit.variants:
        prune, tune = variant.choices
        assert variant.name.endswith(f"{round(100 * prune.rate)} %")
        assert tune.epochs == 4


@pytest.mark.parametrize(
    ("narrowed", "worst", "flagged"),
    [
        ([-0.1, -0.11, -0.09], [0.0, 0.01, -0.01], True),
        ([-0.1, -0.11, -0.09], [0.05, 0.06, 0.05], False),
        ([-0.1, 0.11, -0.09], [0.0, 0.01, -0.01], False),
    ],
)
def test_levelling_down_is_a_smaller_gap_without_a_gain_of_the_worst(narrowed, worst, flagged):
    assert ("levelling down" in levelling(np.array(narrowed), np.array(worst))) == flagged
