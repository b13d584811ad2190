"""What the figures of bagdasaryan2019 ask, and what they make of answers that are known."""

from types import SimpleNamespace

import numpy as np
import pytest

from disparate.choices.normalisation import Normalisation
from disparate.choices.privacy import Privacy
from disparate.choices.thin import Thin
from disparate.recipes import bagdasaryan2019_privacy as recipe
from disparate.recipes.figures import figure_named
from disparate.recipes.setting import setting

NAME = "bagdasaryan2019_privacy"


def asked(figure, on="digits", scale="laptop"):
    return figure_named(f"{NAME}/{figure}").ask(setting(scale, on))


def kinds(choices):
    return [type(choice) for choice in choices]


def test_the_four_cells_differ_in_clipping_and_noise_alone():
    audit = asked("clip_and_noise")
    assert kinds(audit.reference.choices) == [Thin, Normalisation, Privacy]
    cells = {variant.name: variant.training(audit.training).privacy for variant in audit.variants}
    cells["neither"] = audit.reference.training(audit.training).privacy
    found = {name: (own.clip, own.noise_multiplier) for name, own in cells.items()}
    assert found == {
        "neither": (False, 0.0),
        "clip only": (True, 0.0),
        "noise only": (False, 0.8),
        "clip and noise": (True, 0.8),
    }
    assert {(own.max_norm, own.sampling, own.gradients) for own in cells.values()} == {(1.0, "poisson", "ghost")}


def test_cells_and_layers_share_the_private_training():
    """Otherwise the two figures would train the same networks twice."""
    cells, layers = asked("clip_and_noise"), asked("layers")
    one = next(variant for variant in cells.variants if variant.name == "clip and noise")
    two = next(variant for variant in layers.variants if variant.name == "clip and noise")
    chains = [(*audit.reference.choices, *own.choices) for audit, own in ((cells, one), (layers, two))]
    configs = [own.training(audit.training) for audit, own in ((cells, one), (layers, two))]
    left, right = (config.thinned for config in configs)
    assert left == right
    assert kinds(chains[0])[:2] == kinds(chains[1])[:2] == [Thin, Normalisation]


@pytest.mark.parametrize("figure", ["clip_and_noise", "epsilon"])
def test_a_table_has_no_layers_to_replace_and_nobody_is_cut(figure):
    assert kinds(asked(figure, on="adult").reference.choices) == [Privacy]


def test_a_size_is_asked_with_and_without_private_steps():
    names = [variant.name for variant in asked("group_size").variants]
    assert names == [
        "100 % kept, private",
        *(f"{share} % kept{more}" for share in (5, 10, 30) for more in ("", ", private")),
    ]


class Known:
    """Answers of three seeds, four groups and some variants."""

    groups = ("0", "1", "8", "9")
    setting = SimpleNamespace(on="digits")

    def __init__(self, **accuracies):
        self.own = {name: np.array(rows) for name, rows in accuracies.items()}

    def accuracies(self, variant):
        return self.own[variant]


def test_a_change_is_that_of_the_cut_group_beside_the_mean_of_others():
    known = Known(reference=[[0.9, 0.9, 0.9, 0.9]] * 3, both=[[0.9, 0.8, 0.4, 0.7]] * 3)
    own, others = recipe._change(known, "both", recipe.minority(known))
    assert own == pytest.approx([-0.5] * 3)
    assert others == pytest.approx([-0.1] * 3)


def test_the_slope_is_points_per_doubling():
    damage = {share: np.array([0.03 * np.log2(share) - 0.1]) for share in (0.05, 0.1, 0.3, 1.0)}
    assert recipe._slope_by_doubling(damage) == pytest.approx([0.03])
