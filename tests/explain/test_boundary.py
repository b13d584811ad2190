"""Every definition of closeness in one call, per seed and per group."""

import numpy as np
import pytest
import torch
from torch import nn

from disparate.errors import BadInput
from disparate.explain.boundary import boundary, boundary_numbers, group_histogram, group_quantiles
from disparate.explain.examples import Numbers, group_numbers
from disparate.geometry.margins import distances_to_flip
from disparate.geometry.surface import Surface
from disparate.groups import Attribute, Groups
from disparate.measures.closeness import closeness_gini


def surface_of(inputs, model=None, seed=0):
    torch.manual_seed(seed)
    model = model or nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 3))
    return Surface(
        model=model,
        inputs=lambda rows: inputs[torch.from_numpy(rows)],
        rows=np.arange(len(inputs)),
        target=np.arange(len(inputs)) % 3,
    )


INPUTS = torch.randn(60, 3, generator=torch.Generator().manual_seed(2))
GROUPS = Groups.of({"race": Attribute.of(["a"] * 40 + ["b"] * 20, names=["a", "b", "none"])}, by="race")


def numbers_of(values, measure="distance_input"):
    return Numbers(measure=measure, variant="v", split="test", values=np.atleast_2d(values), unit="x")


def test_it_holds_what_the_definitions_give():
    surface = surface_of(INPUTS)
    found = boundary(surface)
    logits = surface.model(INPUTS).detach().double().numpy()
    np.testing.assert_allclose(found.closeness_gini, closeness_gini(logits))
    np.testing.assert_array_equal(found.predicted, logits.argmax(axis=1))
    np.testing.assert_array_equal((found.distance_logit_signed > 0), found.predicted == surface.target)
    expected = distances_to_flip(surface)
    np.testing.assert_array_equal(found.distance_input, expected["inputs"])
    np.testing.assert_array_equal(found.distance_parameters, expected["parameters"])


def test_seeds_become_rows_and_groups_get_means():
    seeds = [boundary(surface_of(INPUTS, seed=seed)) for seed in (0, 1)]
    numbers = {item.measure: item for item in boundary_numbers(seeds, variant="reference", split="test")}
    assert set(numbers) == {
        "closeness_gini", "distance_probability", "distance_logit", "distance_logit_signed", "distance_input",
        "distance_parameters",
    }  # fmt: skip
    for item in numbers.values():
        assert item.values.shape == (2, 60)
    means = [f for f in group_numbers(numbers["closeness_gini"], GROUPS) if "form" not in f.where]
    assert means[0].value == pytest.approx(np.mean([seed.closeness_gini[:40] for seed in seeds]))


def test_tokens_have_no_distance_in_inputs_and_say_so():
    class Tokens(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.layer = nn.Embedding(5, 4), nn.Linear(4, 3)

        def forward(self, tokens):
            return self.layer(self.embed(tokens).mean(dim=1))

    found = boundary(surface_of(torch.arange(60).reshape(12, 5) % 5, Tokens()))
    assert np.isnan(found.distance_input).all()
    assert (found.distance_parameters > 0).all()
    numbers = boundary_numbers([found], variant="v", split="test")
    groups = Groups.of({"race": Attribute.of(["a"] * 12)}, by="race")
    [item] = [item for item in numbers if item.measure == "distance_input"]
    [finding] = list(group_quantiles(item, groups, shares=[0.5]))
    assert finding.undefined.startswith("no example of the group has a gradient that leads to another class")


def test_quantiles_of_one_seed_have_intervals_over_examples():
    values = np.arange(60, dtype=np.float64)
    found = {item.group: item for item in group_quantiles(numbers_of(values), GROUPS, shares=[0.5])}
    assert found["a"].value == pytest.approx(19.5)
    assert found["a"].low < 19.5 < found["a"].high
    assert found["a"].method == "order statistics over examples"
    assert found["a"].where == {"by": "race", "split": "test", "form": "quantile", "share": 0.5}
    assert found["none"].undefined
    assert (found["a"].n, found["none"].n) == (40, 0)


def test_quantiles_of_several_seeds_have_intervals_over_seeds():
    values = np.arange(60.0) + np.array([[0.0], [1.0], [2.0]])
    [found] = [item for item in group_quantiles(numbers_of(values), GROUPS, shares=[0.5]) if item.group == "b"]
    assert found.value == pytest.approx(49.5 + 1)
    assert found.method == "t interval over seeds"
    assert found.low < found.value < found.high


def test_infinite_distances_are_left_out_and_counted():
    values = np.arange(60, dtype=np.float64)
    values[:10] = np.inf
    [found] = [item for item in group_quantiles(numbers_of(values), GROUPS, shares=[0.5]) if item.group == "a"]
    assert (found.value, found.n) == (24.5, 30)
    histogram = group_histogram(numbers_of(values), GROUPS)
    assert histogram.left_out == {"a": 10, "b": 0, "none": 0}
    assert sum(counts.sum() for counts in histogram.counts.values()) == 50


@pytest.mark.parametrize("values", [np.zeros(60), np.r_[np.zeros(59), 1.0], np.random.default_rng(0).pareto(1, 60)])
def test_histograms_count_everyone(values):
    found = group_histogram(numbers_of(values), GROUPS, bins=8)
    assert (np.diff(found.edges) > 0).all()
    assert {name: int(counts.sum()) for name, counts in found.counts.items()} == {"a": 40, "b": 20, "none": 0}


def test_bad_input():
    with pytest.raises(BadInput, match="0 boundaries"):
        boundary_numbers([], variant="v", split="test")
    with pytest.raises(BadInput, match="numbers of 3 examples and groups of 60"):
        list(group_quantiles(numbers_of(np.zeros(3)), GROUPS))
    with pytest.raises(BadInput, match="0 finite numbers for 30 bins"):
        group_histogram(numbers_of(np.full(60, np.nan)), GROUPS)
