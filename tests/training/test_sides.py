"""Who is answered worse: by macro F1, then by loss; who is named; and that scores are those of scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score
from torch import nn

from disparate.choice import Labelled
from disparate.errors import BadInput, NotApplicable
from disparate.groups import Attribute, Groups
from disparate.training.sides import Scores, group_scores, sides_of

TONES = Groups.of({"tone": Attribute.of(["light", "dark"] * 15, names=["dark", "light", "nobody"])}, by="tone")


def test_scores_are_scikit_learns():
    generator = torch.Generator().manual_seed(0)
    inputs, target = torch.randn(30, 4, generator=generator), torch.arange(30) % 3
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 3), nn.Dropout(0.9)).train()
    found = group_scores(model, Labelled(inputs=inputs, target=target, groups=TONES))
    with torch.no_grad():
        predicted = model[0](inputs).argmax(1)
    for name in ("light", "dark"):
        rows = TONES.mask(name)
        expected = f1_score(target[rows], predicted[rows], average="macro", labels=np.unique(target[rows]))
        assert found.f1[name] == pytest.approx(float(expected))
    assert "nobody" not in found.f1
    assert model.training


def test_the_lowest_f1_is_unprivileged_and_of_equals_the_higher_loss():
    scores = Scores(f1={"a": 0.5, "b": 0.9, "c": 0.7}, loss={"a": 0.1, "b": 0.2, "c": 0.3})
    sides = sides_of(TONES, scores)
    assert (sides.unprivileged, sides.privileged) == ("a", "b")
    equal = Scores(f1={"light": 1.0, "dark": 1.0}, loss={"light": 0.2, "dark": 0.1})
    sides = sides_of(TONES, equal)
    assert (sides.unprivileged, sides.privileged) == ("light", "dark")


def test_one_name_leaves_the_other_side_to_the_rest():
    scores = Scores(f1={"a": 0.5, "b": 0.9, "c": 0.7}, loss={"a": 0.1, "b": 0.2, "c": 0.3})
    sides = sides_of(TONES, scores, unprivileged="b")
    assert (sides.unprivileged, sides.privileged) == ("b", "c")
    sides = sides_of(TONES, scores, privileged="a")
    assert (sides.unprivileged, sides.privileged) == ("c", "a")
    assert sides.chosen_by.startswith("lowest and highest macro F1")
    assert sides_of(TONES, scores, unprivileged="b", privileged="a").chosen_by == "named"


def test_groups_that_nobody_belongs_to_are_refused():
    scores = Scores(f1={"light": 0.5}, loss={"light": 0.1})
    with pytest.raises(NotApplicable, match="two were expected"):
        sides_of(TONES, scores)
    with pytest.raises(BadInput, match="Did you mean 'light'"):
        sides_of(TONES, scores, privileged="ligth")
